"""Read the deliveries that `woohub send` sends: a built-in order, files of events/, JSON, captured requests."""

from __future__ import annotations

import base64
import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from woohub.delivery import signatures, topics
from woohub.delivery.delivery import Delivery
from woohub.errors import NotAnEntity
from woohub_cli.cli_errors import WrongUsage

PREFIX = "x-wc-webhook-"
ORDER: Mapping[str, Any] = {
    "id": 1234,
    "status": "processing",
    "currency": "USD",
    "total": "150.00",
    "customer_id": 56,
    "date_created": "2023-10-26T10:00:00",
    "billing": {
        "first_name": "Jane",
        "last_name": "Doe",
        "email": "jane.doe@example.com",
        "phone": "555-123-4567",
        "address_1": "123 Main St",
        "city": "Anytown",
        "state": "CA",
        "postcode": "90210",
        "country": "US",
    },
    "line_items": [{"id": 1, "name": "Product A"}, {"id": 2, "name": "Product B"}],
}
NUMBERED = re.compile(r"(?P<path>.+\.jsonl):(?P<number>\d+)")
GUESSES = ("order.updated", "customer.updated")  # topics to try for a body without one; the first that fits is used


@dataclass(frozen=True)
class Sample:
    """One request to send. `headers` are the captured ones, with names in lower case."""

    name: str
    topic: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_ping(self) -> bool:
        """Whether the request is the unsigned ping that a store sends when a webhook is saved."""
        return signatures.is_ping(self.headers, self.body)


def sample_order(topic: str = "") -> Sample:
    """Return an order with two products, as a store would send it."""
    return Sample("sample order 1234", topic or "order.created", json.dumps(ORDER).encode())


def read(source: str, topic: str = "") -> Iterator[Sample]:
    """Yield the deliveries of a file; of `FILE.jsonl:NR` only the one with that number.

    Raises WrongUsage if the file cannot be read, or a delivery has no topic.
    """
    numbered = NUMBERED.fullmatch(source)
    if numbered:
        yield _numbered(numbered["path"], int(numbered["number"]), topic)
        return
    text = _text(source)
    lines = text.decode(errors="replace").splitlines() if source.endswith(".jsonl") else []
    if not lines:
        yield _sample(source, text, topic)
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _sample(f"{source}:{number}", line.encode(), topic)


def _numbered(path: str, number: int, topic: str) -> Sample:
    """Return the delivery with this `nr` field or, if the line has none, in the line with this number."""
    lines = _text(path).decode(errors="replace").splitlines()
    for position, line in enumerate(lines, start=1):
        thing = _parsed(line)
        if (thing.get("nr", position) if isinstance(thing, dict) else position) == number:
            return _sample(f"{path}:{number}", line.encode(), topic)
    raise WrongUsage(f"{path} has no delivery {number}")


def _text(path: str) -> bytes:
    try:
        return Path(path).read_bytes().removeprefix(BOM_UTF8)
    except OSError as error:
        raise WrongUsage(f"{path} cannot be read: {error.strerror}") from error


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _sample(name: str, text: bytes, topic: str) -> Sample:
    """Return the sample for a captured request (API Gateway event, line of deliveries.jsonl) or for a bare body."""
    thing = _parsed(text)
    if isinstance(thing, dict) and isinstance(thing.get("headers"), dict) and isinstance(thing.get("body"), str):
        headers = {str(key).lower(): str(value) for key, value in thing["headers"].items()}
        body = base64.b64decode(thing["body"]) if thing.get("isBase64Encoded") else thing["body"].encode()
        return _with_topic(Sample(name, topic or headers.get(f"{PREFIX}topic", ""), body, headers))
    if isinstance(thing, dict) and "Records" in thing:
        raise WrongUsage(f"{name} is an event of a queue, not a request: it has no body to send")
    return _with_topic(Sample(name, topic, text))


def _with_topic(sample: Sample) -> Sample:
    if sample.topic or sample.is_ping:
        return sample
    for topic in GUESSES:
        try:
            topics.identify(Delivery(topic, sample.body, 0))
        except NotAnEntity:
            continue
        return Sample(sample.name, topic, sample.body, sample.headers)
    raise WrongUsage(f"{sample.name}: its topic is unknown; name it with --topic, such as --topic order.deleted")
