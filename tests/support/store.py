"""Canned responses of a store, and changes in the store between two calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import urllib3

from tests.support.reconcile import ReconcileFixture
from woohub.store.client import Store
from woohub.store.cursors import Cursor, Page

START = "2026-11-23T22:40:00"  # where the laboratory's time begins


def ids(steps: Iterator[Page[Cursor]]) -> list[int]:
    return [row.id for step in steps for row in step.rows]


class Answers:
    """Gives one answer after the other, and keeps what was asked."""

    def __init__(self, *answers: urllib3.HTTPResponse) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def request(self, method: str, url: str, **_: Any) -> urllib3.HTTPResponse:
        self.asked.append(f"{method} {url}")
        return self._answers.pop(0)


def answer(status: int, body: bytes = b"{}", **headers: str) -> urllib3.HTTPResponse:
    """With header names in Python's spelling."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.HTTPResponse(body, headers=named, status=status, preload_content=True)


def client(fixture: ReconcileFixture, *answers: urllib3.HTTPResponse) -> tuple[Store, Answers]:
    http = Answers(*answers)
    return fixture.store(http=http), http


class Meanwhile:
    """Does something in the store after so many calls."""

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
