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


def paths(engine: EngineFixture) -> list[str]:
    """The calls so far without those that read definitions, shortened."""
    shown = [
        call.path.removeprefix("/crm/objects/2026-09/").removeprefix("/crm/associations/2026-09/")
        for call in engine.calls
    ]
    return [path for path in shown if "properties" not in path]


def _edit(engine: EngineFixture, kind: ObjectType, record_id: str, **properties: str) -> None:
    engine.hubspot.update(kind, [{"id": record_id, "objectWriteTraceId": "a person", "properties": properties}])


class Instead:
    """A HubSpot that does something else with the calls of its choice: `chosen` sees path and body of each."""

    def __init__(
        self, engine: EngineFixture, chosen: Callable[[str, bytes], bool], act: Callable[[], Response]
    ) -> None:
        self._http, self._chosen, self._act = engine.hubspot.caller.http, chosen, act
        engine.hubspot.caller.http = self

    def request(self, method: str, url: str, **kwargs: Any) -> Response:
        if self._chosen(url, kwargs.get("body") or b""):
            return self._act()
        return self._http.request(method, url, **kwargs)


def canned(status: int, body: object) -> Callable[[], Response]:
    return lambda: InProcessResponse(status, HTTPHeaderDict(), json.dumps(body).encode())


def shoppers(*numbers: int) -> list[Message]:
    """An order each, of different people."""
    return [message("order.created", order(n, billing={"email": f"shopper{n}@example.com"})) for n in numbers]


def moved(*numbers: int, after_s: float = 60) -> list[Message]:
    """The same orders, now of somebody else each."""
    return [
        message("order.updated", order(n, billing={"email": f"other{n}@example.com"}, **LATER), after_s)
        for n in numbers
    ]
