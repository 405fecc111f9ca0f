"""Canned responses of a store, and changes in the store between two calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

from simulators.woocommerce.hosting import Hosting
from tests.support.reconcile import ReconcileFixture
from woohub.store.client import Store
from woohub.store.cursors import Cursor, Page
from woohub.store.requests import StoreRefused

START = "2026-11-23T22:40:00"  # when the fixture's time begins


def ids(steps: Iterator[Page[Cursor]]) -> list[int]:
    return [row.id for step in steps for row in step.rows]


class CannedResponses:
    """Returns the given responses in turn and records the requests."""

    def __init__(self, *responses: urllib3.HTTPResponse) -> None:
        self._responses = list(responses)
        self.requested: list[str] = []

    def request(self, method: str, url: str, **_: Any) -> urllib3.HTTPResponse:
        self.requested.append(f"{method} {url}")
        return self._responses.pop(0)


def response(status: int, body: bytes = b"{}", **headers: str) -> urllib3.HTTPResponse:
    """A response; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.HTTPResponse(body, headers=named, status=status, preload_content=True)


def store_with_responses(fixture: ReconcileFixture, *responses: urllib3.HTTPResponse) -> tuple[Store, CannedResponses]:
    http = CannedResponses(*responses)
    return fixture.store(http=http), http


class ActAfterCalls:
    """Calls `act` once, after the given number of calls."""

    def __init__(self, fixture: ReconcileFixture, calls: int, act: Callable[[], object]) -> None:
        self._http = fixture.store().http
        self._left = calls
        self._act = act

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        response = self._http.request(method, url, **kwargs)
        self._left -= 1
        if self._left == 0:
            self._act()
        return response


def hosted(scheme: str = "https", **hosting: Any) -> ReconcileFixture:
    """A store with three orders on such a host."""
    fixture = ReconcileFixture(scheme=scheme)
    for _ in range(3):
        fixture.shop.place()
    fixture.shop.hosting = Hosting(**hosting)
    fixture.timer.start(240)
    return fixture


def rejected(fixture: ReconcileFixture, **changes: Any) -> StoreRefused:
    with pytest.raises(StoreRefused) as caught:
        fixture.store(**changes).count("orders")
    return caught.value


class Redirects:
    """Redirects every call to one location."""

    def __init__(self, location: str) -> None:
        self._location = location

    def request(self, _method: str, _url: str, **_: Any) -> urllib3.HTTPResponse:
        return urllib3.HTTPResponse(b"", headers={"location": self._location}, status=302, preload_content=True)


class Pages:
    """Answers every call with the same page."""

    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        self._answer = (status, text.encode(), headers or {})
        self.called: list[str] = []

    def request(self, _method: str, url: str, **_: Any) -> urllib3.HTTPResponse:
        self.called.append(url)
        status, body, headers = self._answer
        return urllib3.HTTPResponse(body, headers=headers, status=status, preload_content=True)
