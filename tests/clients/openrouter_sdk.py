"""PyPI openrouter, unmodified: a code becomes a key, and the key calls and reads."""

import os

from openrouter import OpenRouter

URL, CODE, VERIFIER = (os.environ[name] for name in ("GATEKEY_URL", "GATEKEY_CODE", "GATEKEY_VERIFIER"))
TEXT = "Hello from a real shape."
SERVER = f"{URL}/api/v1"


def check(name, seen, expected):
    assert seen == expected, f"{name}: {seen!r} is not {expected!r}"
    print(f"ok - {name}")


with OpenRouter(api_key="none-yet", server_url=SERVER) as client:
    issued = client.o_auth.exchange_auth_code_for_api_key(
        code=CODE, code_verifier=VERIFIER, code_challenge_method="S256"
    )
check("openrouter (PyPI), exchange", issued.key.startswith("sk-"), True)
say = [{"role": "user", "content": "Hello"}]
with OpenRouter(api_key=issued.key, server_url=SERVER) as client:
    whole = client.chat.send(model="gpt-4o", messages=say)
    check("openrouter (PyPI), chat", whole.choices[0].message.content, TEXT)
    with client.chat.send(model="gpt-4o", messages=say, stream=True) as events:
        seen = "".join(choice.delta.content or "" for event in events for choice in event.choices)
    check("openrouter (PyPI), chat streamed", seen, TEXT)
    listed = client.models.list()
    check("openrouter (PyPI), models", [model.id for model in listed.result.data], ["gpt-4o", "claude-x"])
    mine = client.api_keys.get_current_key_metadata().data
    check("openrouter (PyPI), key", (mine.creator_user_id, mine.is_free_tier), (issued.user_id, False))
    check("openrouter (PyPI), credits", client.credits.get_credits().data.total_usage > 0, True)
