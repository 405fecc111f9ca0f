"""A number with its noun, for texts that people read."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return the number with its noun: `1 order`, `2 orders`, `2 entries`. `plural` is an irregular plural."""
    if count == 1:
        return f"{count} {noun}"
    return f"{count} {plural or (f'{noun[:-1]}ies' if noun.endswith('y') else f'{noun}s')}"
