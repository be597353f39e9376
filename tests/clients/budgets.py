"""The official SDKs, unmodified, with a key whose budget is spent and one that may do nothing at a time."""

import os

import anthropic
import httpx
import httpx2
import openai

URL = os.environ["GATEKEY_URL"]
SAY = [{"role": "user", "content": "Hello"}]


def check(name, seen, expected):
    assert seen == expected, f"{name}: {seen!r} is not {expected!r}"
    print(f"ok - {name}")


def refused(make, call, error):
    """How often it was tried, with the SDK's own retries, and what it raised in the end."""
    tried = []
    try:
        call(make({"request": [lambda request: tried.append(request.url.path)]}))
    except error as raised:
        return raised, len(tried)
    raise SystemExit("it was served")


def with_openai(key):
    return lambda hooks: openai.OpenAI(
        base_url=f"{URL}/v1", api_key=key, http_client=httpx.Client(event_hooks=hooks), max_retries=1
    )


def with_anthropic(key):
    return lambda hooks: anthropic.Anthropic(
        base_url=URL, api_key=key, http_client=httpx2.Client(event_hooks=hooks), max_retries=1
    )


def chat(client):
    client.chat.completions.create(model="gpt-4o", messages=SAY)


def message(client):
    client.messages.create(model="claude-x", max_tokens=64, messages=SAY)


spent, slow = os.environ["SPENT"], os.environ["SLOW"]
raised, tried = refused(with_openai(spent), chat, openai.UnprocessableEntityError)
check("openai, a spent budget is not tried again", tried, 1)
check("openai, what it says", raised.body["type"], "budget_exceeded")
check("openai, whose it is", "The budget of the key" in str(raised), True)
raised, tried = refused(with_anthropic(spent), message, anthropic.UnprocessableEntityError)
check("anthropic, a spent budget is not tried again", tried, 1)
check("anthropic, what it says", raised.body["error"]["rate_limit_type"], "budget")
raised, tried = refused(with_openai(slow), chat, openai.RateLimitError)
check("openai, a rate is tried again", tried, 2)
raised, tried = refused(with_anthropic(slow), message, anthropic.RateLimitError)
check("anthropic, a rate is tried again", tried, 2)
