"""The official SDK of OpenAI, unmodified, on every route that Gatekey serves; then what the books say of it."""

import base64
import io
import os
import tempfile
import wave

import httpx
import openai

URL, KEY, OTHER = os.environ["GATEKEY_URL"], os.environ["GATEKEY_KEY"], os.environ["OTHER"]
TEXT = "Hello from a real shape."
SOUND = bytes(range(256)) * 100
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
booked = []


def check(name, seen, expected):
    assert seen == expected, f"{name}: {seen!r} is not {expected!r}"
    print(f"ok - openai, {name}")


def books(route, model, cost, tokens=(0, 0), estimated=False, **units):
    """What a call that was just made must be in the books as."""
    units = {name: units.get(name, 0) for name in ("images", "audio_milliseconds", "characters", "search_units")}
    row = {"route": f"/v1/{route}", "model": model, "cost": cost, "tokens": tokens, "estimated": estimated}
    booked.append({**row, **units})


def refused(name, error, call):
    try:
        call()
    except error as raised:
        return check(name, raised.status_code, error.status_code)
    raise SystemExit(f"{name}: it was served")


def wav():
    """A second and a half of nothing: 16,000 bytes a second."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(bytes(24_000))
    return ("speech.wav", file.getvalue(), "audio/wav")


client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)
other = openai.OpenAI(base_url=f"{URL}/v1", api_key=OTHER, max_retries=0)
ASK = {"model": "gpt-4o", "input": "Hello"}
OF_AN_ANSWER = ("responses", "gpt-4o", "0.0000975", (11, 7))

whole = client.responses.create(**ASK)
check("responses, plain", whole.output_text, TEXT)
books(*OF_AN_ANSWER)
events = list(client.responses.create(**ASK, stream=True))
check("responses, streamed", events[-1].type, "response.completed")
used = events[-1].response.usage
check("responses, its numbers", (used.input_tokens, used.output_tokens), (11, 7))
said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
check("responses, its pieces", said, TEXT)
books(*OF_AN_ANSWER)
with client.responses.stream(**ASK) as stream:
    check("responses, by its helper", stream.get_final_response().output_text, TEXT)
books(*OF_AN_ANSWER)

# Both are kept for whom they were made, the streamed one too.
for name, kept in (("plain", whole.id), ("streamed", events[-1].response.id)):
    check(f"responses, retrieved, {name}", client.responses.retrieve(kept).output_text, TEXT)
    items = list(client.responses.input_items.list(kept))
    check(f"responses, what was asked, {name}", items[0].content[0].text, "Hello")
    for what, call in (
        ("retrieves", other.responses.retrieve),
        ("lists", other.responses.input_items.list),
        ("deletes", other.responses.delete),
    ):
        refused(f"responses, another key {what} none, {name}", openai.NotFoundError, lambda: call(kept))
    refused(
        f"responses, nor goes on from it, {name}",
        openai.BadRequestError,
        lambda: other.responses.create(**ASK, previous_response_id=kept),
    )
    gone_on = client.responses.create(**ASK, previous_response_id=kept)
    check(f"responses, its own goes on, {name}", gone_on.output_text, TEXT)
    books(*OF_AN_ANSWER)
    client.responses.delete(kept)
    refused(f"responses, deleted is gone, {name}", openai.NotFoundError, lambda: client.responses.retrieve(kept))

for name, form in (("packed, as it asks by itself", {}), ("as numbers", {"encoding_format": "float"})):
    vector = client.embeddings.create(model="embed", input="Hello", **form).data[0].embedding
    check(f"embeddings, {name}", list(vector), [0.25, -0.5, 1.0])
    books("embeddings", "embed", "0.00000018", (9, 0))

painted = client.images.generate(model="painter", prompt="A cat", n=2, response_format="b64_json")
check("images", [base64.b64decode(image.b64_json) for image in painted.data], [PICTURE] * 2)
books("images/generations", "painter", "0.08", images=2)
edited = client.images.edit(model="painter", prompt="A hat on it", image=("cat.png", PICTURE, "image/png"))
check("images, edited", base64.b64decode(edited.data[0].b64_json), PICTURE)
books("images/edits", "painter", "0.04", images=1)

SAY = {"model": "voice", "voice": "alloy", "input": "Grüße!"}
check("speech", client.audio.speech.create(**SAY).content, SOUND)
books("audio/speech", "voice", "0.00009", characters=6)
with tempfile.NamedTemporaryFile() as file:
    with client.audio.speech.with_streaming_response.create(**SAY) as answer:
        answer.stream_to_file(file.name)
    with open(file.name, "rb") as written:
        check("speech, into a file", written.read(), SOUND)
books("audio/speech", "voice", "0.00009", characters=6)

# The first says its seconds; of the others the sound is measured on its way.
heard = client.audio.transcriptions.create(model="ear", file=wav())
check("transcriptions", (heard.text, heard.usage.seconds), (TEXT, 2))
books("audio/transcriptions", "ear", "0.0002", audio_milliseconds=2_000)
heard = client.audio.transcriptions.create(model="ear", file=wav(), response_format="text")
check("transcriptions, as a text", heard, f"{TEXT}\n")
books("audio/transcriptions", "ear", "0.00015", estimated=True, audio_milliseconds=1_500)
check("translations", client.audio.translations.create(model="ear", file=wav()).text, TEXT)
books("audio/translations", "ear", "0.00015", estimated=True, audio_milliseconds=1_500)

OF_A_TEXT = ("gpt-4o", "0.0000825", (9, 6))
check("completions, plain", client.completions.create(model="gpt-4o", prompt="Hello").choices[0].text, TEXT)
books("completions", *OF_A_TEXT)
chunks = list(client.completions.create(model="gpt-4o", prompt="Hello", stream=True))
check("completions, streamed", "".join(chunk.choices[0].text for chunk in chunks), TEXT)
books("completions", *OF_A_TEXT)

judged = client.moderations.create(input="Hello")
check("moderations, without a model", (judged.results[0].flagged, judged.model), (False, "omni-moderation-latest"))
# No price of a moderation is in the settings: the table that ships with Gatekey has it.
books("moderations", "omni-moderation-latest", "0", None, True)
# The SDK has no name for this one; it takes any path.
ranked = client.post("/rerank", body={"model": "judge", "query": "q", "documents": ["a", "b"]}, cast_to=object)
check("rerank", ranked["results"][0]["index"], 1)
books("rerank", "judge", "0.002", search_units=1)

HELLO = [{"role": "user", "content": "Hello"}]
azure = {"azure_endpoint": URL, "api_version": "2026-01-01", "api_key": KEY, "max_retries": 0}
for name, deployed, model in (
    ("the model in the call", openai.AzureOpenAI(**azure), "gpt-4o"),
    ("a deployment", openai.AzureOpenAI(**azure, azure_deployment="gpt-4o"), "whatever"),
):
    chat = deployed.chat.completions.create(model=model, messages=HELLO)
    check(f"Azure, {name}", chat.choices[0].message.content, TEXT)
    books("chat/completions", *OF_A_TEXT)
    chunks = list(deployed.chat.completions.create(model=model, messages=HELLO, stream=True))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    check(f"Azure, {name}, streamed", said, TEXT)
    books("chat/completions", *OF_A_TEXT)

master = {"Authorization": f"Bearer {os.environ['MASTER']}"}
rows = httpx.get(f"{URL}/spend/logs", headers=master, params={"page_size": 1000}).json()["data"]
check("the books have a row for each call and no more", len(rows), len(booked))
for row, expected in zip(reversed(rows), booked):
    seen = {"tokens": (row["prompt_tokens"], row["completion_tokens"]), **row}
    # None: how many tokens is an estimate, and anybody's.
    named = [name for name in expected if expected[name] is not None]
    picked = [{name: row[name] for name in named} for row in (seen, expected)]
    check(f"booked, {expected['route']}", *picked)
    assert row["status"] == "success", row
