"""A user's mapping.toml says only what differs from woohub's own: it is merged over it, table by table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Overlay:
    """A file as it is stored; `name` is what messages call it by."""

    name: str
    content: bytes


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `over` says: tables key by key, everything else replaced."""
    tables = {
        key: merged(base[key], value)
        for key, value in over.items()
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
    }
    return {**base, **over, **tables}
