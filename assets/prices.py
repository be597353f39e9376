"""Writes assets/prices.json from the data file of PyPI litellm: python3 assets/prices.py FOLDER_OF_LITELLM VERSION DATE

Prices are dollars for a million tokens, as exact text; those that begin with per_ are dollars a unit, and stand only where
tokens have none. Only what the providers' own APIs serve is taken, and only the price that holds for prompts of the usual
length.
"""

import json
import pathlib
import sys
from decimal import Decimal

folder, version, date = sys.argv[1:]
data = json.loads(
    (pathlib.Path(folder) / "model_prices_and_context_window_backup.json").read_text(), parse_float=Decimal
)
TOKENS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write_5m": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
    "reasoning": "output_cost_per_reasoning_token",
    "audio_in": "input_cost_per_audio_token",
    "audio_out": "output_cost_per_audio_token",
}
# Of models that answer with images all of the answer is one.
IMAGE_TOKENS = {
    "output": "output_cost_per_image_token",
    "image": "input_cost_per_image_token",
}
UNITS = {
    "per_second": "input_cost_per_second",
    "per_character": "input_cost_per_character",
    "per_search": "input_cost_per_query",
}
MODES = (
    "chat",
    "responses",
    "embedding",
    "completion",
    "image_generation",
    "audio_speech",
    "audio_transcription",
    "moderation",
)
# Old models of /v1/completions stand under a name of their own there.
PROVIDERS = {"openai": "openai", "text-completion-openai": "openai", "anthropic": "anthropic"}
FACTS = {
    "context_length": "max_input_tokens",
    "max_output_tokens": "max_output_tokens",
    "vision": "supports_vision",
    "tools": "supports_function_calling",
}


def dollars(cost):
    return format((Decimal(cost) * 1_000_000).normalize(), "f")


def unit(cost):
    # More than nine places say nothing that could be kept.
    return format(round(Decimal(cost), 9).normalize(), "f")


def prices(entry):
    tokens = TOKENS | (IMAGE_TOKENS if entry.get("mode") == "image_generation" else {})
    found = {name: entry.get(theirs) for name, theirs in tokens.items()}
    found = {name: dollars(cost) for name, cost in found.items() if cost is not None}
    if "input" in found and "output" in found:
        return found
    found = {name: entry.get(theirs) for name, theirs in UNITS.items()}
    return {name: unit(cost) for name, cost in found.items() if cost is not None}


def model(entry):
    return prices(entry) | {name: entry[theirs] for name, theirs in FACTS.items() if theirs in entry}


providers = {"openai": {}, "anthropic": {}}
for name, entry in sorted(data.items()):
    provider = PROVIDERS.get(entry.get("litellm_provider"))
    served = entry.get("mode") in MODES and "/" not in name and not name.startswith("ft:")
    if provider and served and prices(entry):
        providers[provider][name] = model(entry)
table = {"version": f"litellm-{version}", "source": "PyPI litellm, model_prices_and_context_window_backup.json", "date": date}
target = pathlib.Path(__file__).with_name("prices.json")
lines = [f'  "{name}": {json.dumps(value)},' for name, value in table.items()]
for provider, models in providers.items():
    rows = ",\n".join(f'    "{name}": {json.dumps(shape)}' for name, shape in models.items())
    lines.append(f'  "{provider}": {{\n{rows}\n  }},')
target.write_text("{\n" + "\n".join(lines).rstrip(",") + "\n}\n")
