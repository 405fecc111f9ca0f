"""Adapt the commands and variables in texts to the store that a command is about.

For the first store, texts stay as they are. For the store outlet, `woohub setup` becomes `woohub setup --store outlet`,
and WOO_COMMERCE_URL becomes WOO_COMMERCE_URL_OUTLET.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rich.text import Text

from woohub_cli import environment

_STORE_COMMANDS = "setup|doctor|why|verify|reconcile|backfill|send|load|rotate-webhook-secret|remove"
_COMMAND = re.compile(rf"\bwoohub (?:{_STORE_COMMANDS})\b(?![^`\n]*--store)")
_VARIABLE = re.compile(rf"\b{environment.STORE_PREFIX}(?:URL|SOURCES|CONSUMER_KEY|CONSUMER_SECRET|WEBHOOK_SECRET)\b")
_JSON_KEYS = ("fix", "detail", "left_to_do", "next_step")  # whose values are advice


def for_store(text: str, store: str) -> str:
    """Return the text with the store's name in each command and variable; unchanged for the first store ("")."""
    return for_store_styled(Text(text), store).plain if store else text


def for_store_styled(text: Text, store: str) -> Text:
    """Return the same for a styled text."""
    if not store:
        return text
    ends = {match.end(): f" --store {store}" for match in _COMMAND.finditer(text.plain)}
    ends |= {match.end(): environment.variable_suffix(store) for match in _VARIABLE.finditer(text.plain)}
    for end in sorted(ends, reverse=True):
        text = Text.assemble(text[:end], ends[end], text[end:])
    return text


def in_json(value: Any, store: str) -> Any:
    """Return a value for --json with adapted texts under the keys for advice; all other data stays as it is."""
    if isinstance(value, Mapping):
        return {key: _advice(part, store) if key in _JSON_KEYS else in_json(part, store) for key, part in value.items()}
    return [in_json(part, store) for part in value] if isinstance(value, list | tuple) else value


def _advice(value: Any, store: str) -> Any:
    if isinstance(value, list | tuple):
        return [_advice(part, store) for part in value]
    return for_store(value, store) if isinstance(value, str) else in_json(value, store)
