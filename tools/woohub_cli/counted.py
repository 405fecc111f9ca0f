"""Numbers of things, for people."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """`1 order`, `2 orders`; the noun has a plain plural, but for the one that ends with y."""
    if count == 1:
        return f"{count} {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") else f"{count} {noun}s"
