"""JSON by pydantic: what people may edit, checked by type; what HubSpot and stores send. Ingest does without."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from woohub.errors import InvalidParameter

NO_WORDS: Mapping[str, str] = MappingProxyType({})
HALF_CHARACTER = re.compile("[\ud800-\udfff]")

T = TypeVar("T")


def read_edited(adapter: TypeAdapter[T], content: str | bytes, subject: str) -> T:
    """The JSON as the adapter's type; InvalidParameter names each mistake, after `subject`, and never a value.

    Editors on Windows may begin a file with a byte order mark.
    """
    text = content.encode(errors="replace") if isinstance(content, str) else content
    try:
        return adapter.validate_json(text.removeprefix(BOM_UTF8))
    except ValidationError as error:
        raise InvalidParameter(f"{subject}: {mistakes(error, 'JSON')}") from None


def mistakes(error: ValidationError, whole: str, words: Mapping[str, str] = NO_WORDS) -> str:
    """Each mistake with its place, and never a value. `whole` names the whole; `words` replace pydantic's, by type."""
    rows = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, row['loc'])) or whole}: {words.get(row['type'], row['msg'])}" for row in rows)


def read_sent(body: bytes) -> object:
    """The JSON value in a body; ValueError if it is none.

    Pydantic's reader takes half the time, but refuses what Python's and ingest accept: half characters, 200 levels.
    """
    try:
        return from_json(body)
    except ValueError:
        pass
    try:
        return json.loads(body, object_hook=_with_readable_names)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _with_readable_names(fields: dict[str, object]) -> dict[str, object]:
    """Without fields whose very name holds half a character: pydantic's models refuse them."""
    return {name: value for name, value in fields.items() if name.isascii() or not HALF_CHARACTER.search(name)}
