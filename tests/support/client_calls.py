"""Calls of the HubSpot client, and engines and responses for them."""

from __future__ import annotations

from urllib3 import HTTPHeaderDict

from simulators.core.transport import InProcessResponse
from simulators.hubspot import InjectedFault
from tests.support.engine import EngineFixture
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import CONTACTS

CONTACT_INPUT = [{"objectWriteTraceId": "1", "properties": {"email": "a@example.com"}, "associations": []}]


def read(hubspot: HubSpot) -> object:
    return hubspot.read(CONTACTS, ["a@example.com"], ["email"], id_property="email")


def create(hubspot: HubSpot) -> object:
    return hubspot.create(CONTACTS, CONTACT_INPUT)


def engine_with_fault(**fault: object) -> EngineFixture:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(**fault))  # type: ignore[arg-type]
    engine.timer.start(57)
    return engine


class FixedResponse:
    """A HubSpot with the same response to every call."""

    def __init__(self, status: int, data: bytes, headers: HTTPHeaderDict | None = None) -> None:
        self._response = InProcessResponse(status, headers or HTTPHeaderDict(), data)

    def request(self, method: str, url: str, **_kwargs: object) -> InProcessResponse:
        return self._response
