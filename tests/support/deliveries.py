"""Deliveries captured from a real store (WooCommerce 11.0.1), in the order it sent them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from woohub.delivery import signatures

SECRET = "lab-secret"
_FILE = Path(__file__).parents[1] / "fixtures" / "deliveries.jsonl"


@dataclass(frozen=True)
class Captured:
    """A request of the store. `secret`: SECRET, "OTHER" (see test_signatures.py) or "unsigned" (pings)."""

    nr: int
    label: str  # what was done in the store
    received: str  # UTC
    secret: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def topic(self) -> str:
        return self.headers.get("X-WC-Webhook-Topic", "")

    @property
    def payload(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


@cache
def captured() -> tuple[Captured, ...]:
    """All captured deliveries."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    return tuple(Captured(**{**(line := json.loads(text)), "body": line["body"].encode()}) for text in lines)


def delivery(nr: int) -> Captured:
    """The delivery with this number."""
    return next(line for line in captured() if line.nr == nr)


def labelled(label: str, topic: str = "") -> Captured:
    """The first delivery with this label, and with this topic if one is given."""
    return next(line for line in captured() if line.label == label and topic in ("", line.topic))


def signed_again(sent: Captured, **changes: Any) -> tuple[dict[str, str], bytes]:
    """The headers and body of the delivery with changed fields, signed as the store signs it."""
    body = json.dumps(sent.payload | changes).encode()
    headers = {name: value for name, value in sent.headers.items() if name != "Content-Length"}
    return headers | {"X-WC-Webhook-Signature": signatures.sign(body, SECRET)}, body
