"""Read JSON with pydantic: files that people edit, and what HubSpot and stores send.

Ingest does not use this module, because importing pydantic would make its cold starts longer.
"""

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
    """Read JSON that people may have edited. A byte order mark, as editors on Windows write it, is ignored.

    Raises InvalidParameter, whose text begins with `subject` and names each mistake, but never a value.
    """
    text = content.encode(errors="replace") if isinstance(content, str) else content
    try:
        return adapter.validate_json(text.removeprefix(BOM_UTF8))
    except ValidationError as error:
        raise InvalidParameter(f"{subject}: {mistakes(error, 'JSON')}") from None


def mistakes(error: ValidationError, whole: str, words: Mapping[str, str] = NO_WORDS) -> str:
    """Return each mistake with its place in the data, but never a value.

    `whole` names the place of a mistake that concerns all of it. `words` replace pydantic's texts, by error type.
    """
    rows = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, row['loc'])) or whole}: {words.get(row['type'], row['msg'])}" for row in rows)


def read_sent(body: bytes) -> object:
    """Return the JSON value in a body. Raises ValueError if the body is not JSON.

    Pydantic's reader takes half the time of Python's, but refuses halves of characters and more than 200 levels. Ingest
    accepts both, so Python's reader is tried next.
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
    """Drop fields whose names hold half a character: pydantic's models refuse such names."""
    return {name: value for name, value in fields.items() if name.isascii() or not HALF_CHARACTER.search(name)}
