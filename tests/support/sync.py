"""Orders, calls and faults that the tests of the engine share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from urllib3 import HTTPHeaderDict

from simulators.core.transport import InProcessResponse
from tests.support.engine import EngineFixture
from tests.support.orders import message, order
from woohub.http import Response
from woohub.hubspot.objects import ObjectType
from woohub.sync.outcome import Message

JANE = "jane.doe@example.com"
LATER: dict[str, Any] = {"date_modified_gmt": "2026-11-23T22:41:00"}


def request_paths(engine: EngineFixture) -> list[str]:
    """The shortened paths of the calls so far, without the reads of definitions."""
    shown = [
        call.path.removeprefix("/crm/objects/2026-09/").removeprefix("/crm/associations/2026-09/")
        for call in engine.calls
    ]
    return [path for path in shown if "properties" not in path]


def edit_record(engine: EngineFixture, kind: ObjectType, record_id: str, **properties: str) -> None:
    engine.hubspot.update(kind, [{"id": record_id, "objectWriteTraceId": "a person", "properties": properties}])


class Intercept:
    """Calls `act` instead of HubSpot for each request of which `chosen` accepts the URL and body."""

    def __init__(
        self, engine: EngineFixture, chosen: Callable[[str, bytes], bool], act: Callable[[], Response]
    ) -> None:
        self._http, self._chosen, self._act = engine.hubspot.caller.http, chosen, act
        engine.hubspot.caller.http = self

    def request(self, method: str, url: str, **kwargs: Any) -> Response:
        if self._chosen(url, kwargs.get("body") or b""):
            return self._act()
        return self._http.request(method, url, **kwargs)


def respond(status: int, body: object) -> Callable[[], Response]:
    return lambda: InProcessResponse(status, HTTPHeaderDict(), json.dumps(body).encode())


def orders_of_shoppers(*numbers: int) -> list[Message]:
    """New orders with these ids, each of another shopper."""
    return [message("order.created", order(n, billing={"email": f"shopper{n}@example.com"})) for n in numbers]


def orders_with_other_email(*numbers: int, after_s: float = 60) -> list[Message]:
    """Updates of the same orders, each with another email address."""
    return [
        message("order.updated", order(n, billing={"email": f"other{n}@example.com"}, **LATER), after_s)
        for n in numbers
    ]
