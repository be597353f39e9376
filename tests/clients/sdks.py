"""The official SDKs, unmodified, with a key that a browser sign-in gave."""

import os

import anthropic
import openai

URL, KEY = os.environ["GATEKEY_URL"], os.environ["GATEKEY_KEY"]
TEXT = "Hello from a real shape."


def check(name, seen, expected):
    assert seen == expected, f"{name}: {seen!r} is not {expected!r}"
    print(f"ok - {name}")


def say(content):
    return [{"role": "user", "content": content}]


client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)
for content in ("Hello", "compress"):
    whole = client.chat.completions.create(model="gpt-4o", messages=say(content))
    check(f"openai, plain, {content}", whole.choices[0].message.content, TEXT)
    chunks = list(client.chat.completions.create(model="gpt-4o", messages=say(content), stream=True))
    seen = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    check(f"openai, streamed, {content}", seen, TEXT)
chunks = list(
    client.chat.completions.create(
        model="gpt-4o", messages=say("Hello"), stream=True, stream_options={"include_usage": True}
    )
)
check("openai, usage when asked for", chunks[-1].usage.total_tokens, 15)
check("openai, models", [model.id for model in client.models.list()], ["gpt-4o", "claude-x"])
check("openai, one model", client.models.retrieve("gpt-4o").id, "gpt-4o")
for bad, error in ((KEY[:-1], openai.AuthenticationError), ("sk-unknown", openai.AuthenticationError)):
    try:
        openai.OpenAI(base_url=f"{URL}/v1", api_key=bad, max_retries=0).models.list()
        raise SystemExit("a bad key was served")
    except error as refused:
        check("openai, a bad key", refused.status_code, 401)
try:
    client.chat.completions.create(model="claude-x", messages=say("Hello"))
    raise SystemExit("the wrong protocol was served")
except openai.NotFoundError as refused:
    check("openai, a model of the other protocol", "/v1/messages" in str(refused), True)

claude = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0)
for content in ("Hello", "compress"):
    whole = claude.messages.create(model="claude-x", max_tokens=64, messages=say(content))
    check(f"anthropic, plain, {content}", whole.content[0].text, TEXT)
    with claude.messages.stream(model="claude-x", max_tokens=64, messages=say(content)) as stream:
        check(f"anthropic, streamed, {content}", "".join(stream.text_stream), TEXT)
        check(f"anthropic, usage, {content}", stream.get_final_message().usage.output_tokens, 6)
counted = claude.messages.count_tokens(model="claude-x", messages=say("Hello"))
check("anthropic, counting tokens", counted.input_tokens, 9)
check("anthropic, models", [model.id for model in claude.models.list()], ["gpt-4o", "claude-x"])
try:
    anthropic.Anthropic(base_url=URL, api_key="sk-unknown", max_retries=0).messages.create(
        model="claude-x", max_tokens=1, messages=say("Hello")
    )
    raise SystemExit("a bad key was served")
except anthropic.AuthenticationError as refused:
    check("anthropic, a bad key", refused.status_code, 401)
