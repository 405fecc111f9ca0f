"""Numbers of things, for people."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 order`, `2 orders`; `plural` is for nouns that end with neither s nor ies there."""
    if count == 1:
        return f"{count} {noun}"
    return f"{count} {plural or (f'{noun[:-1]}ies' if noun.endswith('y') else f'{noun}s')}"
