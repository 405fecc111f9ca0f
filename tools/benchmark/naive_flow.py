"""The flow that woohub replaces, as its blueprint describes it.

For every delivery: search the contact, create or update it; search the deal, create or update it; associate the two.
Every call is retried with back-off. The values come from woohub's own mapping, so that only the flows differ. Workers
are generators that yield each call and pause: the worker with the earliest time continues, so runs are repeatable.
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
from woohub.delivery.delivery import Delivery
from woohub.mapping.fields import load_mapping
from woohub.store import payloads
from woohub.store.payloads import Order, OrderEvent

from .account import Clock

BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # between the attempts of one call
TIMEOUT_S = 30.0
DEAL_TO_CONTACT = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}]
HEADERS = {"Authorization": f"Bearer {DEFAULT_TOKEN}", "Content-Type": "application/json"}
FIELDS = load_mapping()

Call = tuple[str, str, object]  # method, path, body
Response = tuple[int, Mapping[str, Any]]  # status (0: none came), body
Worker = Generator[Call | float, Response, str]  # yields a call, or seconds to wait


class GaveUp(Exception):
    """HubSpot rejected a call, or its retries are used up: the delivery goes to the dead-letter queue."""


def sync(order: Order) -> Worker:
    """Make the five calls for one delivery."""
    contact = yield from upsert("contacts", "email", FIELDS.contact_from_order(order))
    deal = yield from upsert("deals", FIELDS.key_property, FIELDS.deal(order))
    return (yield from call("PUT", f"/crm/v4/objects/deals/{deal}/associations/contacts/{contact}", DEAL_TO_CONTACT))


def upsert(kind: str, key: str, properties: Mapping[str, str]) -> Worker:
    """Search, then update or create; returns the record's id."""
    condition = {"propertyName": key, "operator": "EQ", "value": properties[key]}
    search = {"filterGroups": [{"filters": [condition]}], "limit": 1}
    record_id = yield from call("POST", f"/crm/v3/objects/{kind}/search", search)
    method, path = ("PATCH", f"/{record_id}") if record_id else ("POST", "")
    return (yield from call(method, f"/crm/v3/objects/{kind}{path}", {"properties": properties}))


def call(method: str, path: str, body: object) -> Worker:
    """Make one call with its retries. Return the id in the response, or ""."""
    for pause_s in (*BACKOFF_S, None):
        status, content = yield (method, path, body)
        if 200 <= status < 300:
            records = content.get("results", [content])
            return str(records[0].get("id", "")) if records else ""
        if pause_s is None or (400 <= status < 500 and status != 429):
            break
        yield pause_s
    raise GaveUp(f"{status or 'no response'} to {method} {path}")


@dataclass
class NaiveFlow:
    """Workers that share one first-in-first-out queue."""

    portal: SimulatedPortal
    clock: Clock
    workers: int = 1
    dead_letters: int = 0
    finished: list[float] = field(default_factory=list)  # when each delivery was done

    def __post_init__(self) -> None:
        self._waited_s = 0.0
        self._http = InProcessTransport(create_app(self.portal), sleep=self._wait)

    def process(self, deliveries: Iterable[Delivery]) -> None:
        """Run the workers until no delivery is left. Each delivery is available from its receipt on."""
        queue = deque(deliveries)
        workers = [self._work(queue) for _ in range(self.workers)]
        due = [(self.clock.now, number) for number in range(self.workers)]
        responses: dict[int, Any] = dict.fromkeys(range(self.workers))
        while due:
            self.clock.now, number = heapq.heappop(due)
            try:
                step = workers[number].send(responses[number])
            except StopIteration:
                continue
            self._waited_s = 0.0
            if isinstance(step, float):
                self._wait(step)
            else:
                responses[number] = self._request(*step)
            heapq.heappush(due, (self.clock.now + self._waited_s, number))

    def _work(self, queue: deque[Delivery]) -> Worker:
        while queue:
            delivery = queue.popleft()
            yield max(0.0, delivery.received_ms / 1000 - self.clock.now)
            event = payloads.parse(delivery)
            assert isinstance(event, OrderEvent)  # noqa: S101
            try:
                yield from sync(event.order)
            except GaveUp:
                self.dead_letters += 1
            self.finished.append(self.clock.now)
        return ""

    def _request(self, method: str, path: str, body: object) -> Response:
        url = f"http://hubspot.test{path}"
        try:
            response = self._http.request(method, url, body=json.dumps(body), headers=HEADERS, timeout=TIMEOUT_S)
        except HTTPError:
            return 0, {}
        return response.status, json.loads(response.data or b"{}")

    def _wait(self, seconds: float) -> None:
        self._waited_s += seconds
