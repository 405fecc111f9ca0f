"""The flow this project replaces, as its blueprint draws it.

For every delivery: search the contact, create or update it; search the deal, create or update it; associate the two;
one call each, every call retried with back-off. The values are woohub's own mapping, so that only the flows differ.
Workers are generators that yield each call and each pause: whoever's time is the earliest goes on, always the same way.
"""

from __future__ import annotations

import heapq
import json
from collections import deque
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from urllib3.exceptions import HTTPError

from simulators.hubspot import DEFAULT_TOKEN, InProcessTransport, SimulatedPortal, create_app
from woohub.delivery.webhooks import Delivery
from woohub.mapping.fields import Mapping as FieldMapping
from woohub.mapping.fields import load_mapping
from woohub.store import payloads
from woohub.store.payloads import Order, OrderEvent

from .account import Clock

BACKOFF = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # seconds between the tries of one call
PATIENCE = 30.0  # seconds
DEAL_TO_CONTACT = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}]


class GivenUp(Exception):
    """HubSpot refused, or the retries are used up: the delivery goes to the dead-letter queue."""


@dataclass(frozen=True)
class Request:
    """One call to make."""

    method: str
    path: str
    body: object


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 is silence."""

    status: int
    body: Mapping[str, Any]


Step = Request | float  # make a call, or pause for so many seconds
Flow = Generator[Step, Answer | None, str]


def synced(order: Order, fields: FieldMapping) -> Flow:
    """One delivery's five calls."""
    contact = yield from upserted("contacts", "email", fields.contact_from_order(order))
    deal = yield from upserted("deals", fields.key_property, fields.deal(order))
    yield from called("PUT", f"/crm/v4/objects/deals/{deal}/associations/contacts/{contact}", DEAL_TO_CONTACT)
    return deal


def upserted(kind: str, key: str, properties: Mapping[str, str]) -> Flow:
    """Search, then update or create; the record's id."""
    condition = {"propertyName": key, "operator": "EQ", "value": properties[key]}
    search = {"filterGroups": [{"filters": [condition]}], "limit": 1}
    record_id = yield from called("POST", f"/crm/v3/objects/{kind}/search", search)
    if record_id:
        return (yield from called("PATCH", f"/crm/v3/objects/{kind}/{record_id}", {"properties": properties}))
    return (yield from called("POST", f"/crm/v3/objects/{kind}", {"properties": properties}))


def called(method: str, path: str, body: object) -> Flow:
    """One call with its retries; the id in the answer, if it has one."""
    for pause in (*BACKOFF, None):
        answer = yield Request(method, path, body)
        if answer and 200 <= answer.status < 300:
            found = answer.body.get("results", [answer.body])
            return str(found[0].get("id", "")) if found else ""
        if pause is None or (answer and 400 <= answer.status < 500 and answer.status != 429):
            raise GivenUp(f"{answer.status if answer else ''} to {method} {path}")
        yield pause
    raise AssertionError("the last try ends above")


@dataclass
class Naive:
    """The flow with so many workers on one queue, first in, first out."""

    portal: SimulatedPortal
    clock: Clock
    workers: int = 1
    given_up: int = 0
    finished: list[float] = field(default_factory=list)  # when each delivery was through

    def __post_init__(self) -> None:
        self._elapsed = 0.0
        self._http = InProcessTransport(create_app(self.portal), sleep=self._pass)
        self._fields = load_mapping()

    def work_off(self, deliveries: Iterable[Delivery]) -> None:
        """Have the workers take deliveries, each from the time of its receipt on, until none is left."""
        queue = deque(deliveries)
        flows = [self._worker(queue) for _ in range(self.workers)]
        due: list[tuple[float, int]] = [(self.clock.now, number) for number in range(self.workers)]
        answers: dict[int, Answer | None] = dict.fromkeys(range(self.workers))
        while due:
            self.clock.now, number = heapq.heappop(due)
            try:
                step = flows[number].send(answers[number])
            except StopIteration:
                continue
            answers[number], seconds = self._done(step)
            heapq.heappush(due, (self.clock.now + seconds, number))

    def _worker(self, queue: deque[Delivery]) -> Flow:
        while queue:
            delivery = queue.popleft()
            yield max(0.0, delivery.received_ms / 1000 - self.clock.now)
            event = payloads.parse(delivery)
            assert isinstance(event, OrderEvent)  # noqa: S101
            try:
                yield from synced(event.order, self._fields)
            except GivenUp:
                self.given_up += 1
            self.finished.append(self.clock.now)
        return ""

    def _done(self, step: Step) -> tuple[Answer | None, float]:
        """What comes of a step, and the seconds it takes."""
        if isinstance(step, float):
            return None, step
        self._elapsed = 0.0
        return self._exchanged(step), self._elapsed

    def _exchanged(self, request: Request) -> Answer:
        try:
            response = self._http.request(
                request.method,
                f"http://hubspot.test{request.path}",
                body=json.dumps(request.body),
                headers={"Authorization": f"Bearer {DEFAULT_TOKEN}", "Content-Type": "application/json"},
                timeout=PATIENCE,
            )
        except HTTPError:
            return Answer(0, {})
        return Answer(response.status, json.loads(response.data or b"{}"))

    def _pass(self, seconds: float) -> None:
        self._elapsed += seconds
