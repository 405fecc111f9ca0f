"""What the functions take of a machine at their work, in real time: processor and memory."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.hubspot import InProcessTransport, create_app, running

from . import work
from .account import Clock, account, make_known
from .engine import BATCH, WooHub
from .process import measured_by
from .work import Person

BATCHES = 15  # of which the median is taken


# Processor time of a batch


@dataclass
class Metered:
    """A connection that adds up the processor time spent inside it: that is HubSpot's, not the consumer's."""

    transport: InProcessTransport
    inside: float = 0.0

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        """As of the transport."""
        started = time.process_time()
        try:
            return self.transport.request(method, url, **kwargs)
        finally:
            self.inside += time.process_time() - started


def consumer_cpu() -> dict[str, float]:
    """Milliseconds of processor per batch of 100: reading the messages, parsing, coalescing, planning, HubSpot's JSON.

    Medians of batches of new orders (half of their customers known), of status changes, and of redeliveries.
    """
    clock = Clock()
    portal = account(clock)
    http = Metered(InProcessTransport(create_app(portal), sleep=clock.sleep))
    woohub = WooHub(portal, clock, http=http)
    known = [Person(n + 1) for n in range(BATCHES * BATCH // 2)]
    make_known(portal, clock, known)
    found: dict[str, list[float]] = {"new": [], "changed": [], "unchanged": []}
    for n in range(BATCHES):
        half = known[n * BATCH // 2 : (n + 1) * BATCH // 2]
        wave = work.new_orders(BATCH, clock.now, first=1 + n * BATCH, known=half)
        found["new"].append(_batch_ms(woohub, http, wave))
        wave = work.status_changes(wave.orders, ["completed"] * BATCH, at=clock.now + 1)
        found["changed"].append(_batch_ms(woohub, http, wave))
        found["unchanged"].append(_batch_ms(woohub, http, wave))
    return {kind: statistics.median(milliseconds[1:]) for kind, milliseconds in found.items()}


def _batch_ms(woohub: WooHub, http: Metered, wave: work.Wave) -> float:
    for delivery in wave.deliveries:
        woohub.sqs.arrive(delivery)
    records = woohub.sqs.receive()
    http.inside, started = 0.0, time.process_time()
    woohub.consume(records)
    spent = time.process_time() - started - http.inside
    if woohub.sqs.held:
        raise AssertionError("the batch was not done")
    return spent * 1000


# The functions in processes of their own


@dataclass(frozen=True)
class Footprint:
    """A function at its work: milliseconds of processor for one event, MiB of memory at most."""

    event_ms: float
    peak_mib: float


def ingest_footprint(path: Sequence[Path]) -> Footprint:
    """Ingest, as found on this path, with one delivery after another."""
    event = json.loads(work.SAMPLE.read_text(encoding="utf-8"))
    return _footprint("ingest", path, [event] * 100)


def consumer_footprint(path: Sequence[Path], *, note: int = 0) -> Footprint:
    """The whole consumer function, logs, metrics and HTTP included, with batches of 100 new orders.

    `note`: characters more in each order. Lambda hands over at most 6 MB, so 100 of 60 KB.
    """
    portal = account(Clock())
    portal.clock = time.time
    portal.change_settings({"requests_per_10_s": 10_000, "latency_ms": 0.0})
    batches = [_event(1 + n * BATCH, note) for n in range(2 if note else BATCHES)]
    with running(portal) as url:
        variables = {"HUBSPOT_API_URL": url, "HUBSPOT_REQUESTS_PER_10_SECONDS": "10000"}
        return _footprint("consumer", path, batches, variables)


def _event(first: int, note: int) -> dict[str, Any]:
    """A batch as Lambda hands it over."""
    clock = Clock()
    woohub = WooHub(account(clock), clock)
    for body in work.new_orders(BATCH, clock.now, first=first).orders:
        longer = body | {"customer_note": "n" * note}
        woohub.sqs.arrive(work.delivery("order.created", longer, clock.now))
    return {"Records": woohub.sqs.receive()}


def _footprint(
    kind: str, path: Sequence[Path], events: Iterable[object], variables: Mapping[str, str] | None = None
) -> Footprint:
    with tempfile.TemporaryDirectory(prefix="woohub-bench-") as place:
        lines = Path(place) / "work.jsonl"
        lines.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
        found = measured_by("probe.py", path, kind, str(lines), variables=variables)
    return Footprint(found["work"] * 1000, found["peak_kib"] / 1024)
