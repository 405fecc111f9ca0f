"""HubSpot's rate limit: the request budget, which says how many calls may be made in a rolling window."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock

from woohub.clock import Timer

SEARCHES_PER_SECOND = 4  # HubSpot allows 5 per account, and other apps share them
CALL_S = 0.1  # seconds after which to look whether one of the calls under way has ended


class Budget:
    """At most `limit` calls in any `window` seconds, this process's own and those HubSpot counts for others.

    HubSpot allows 100 calls per rolling 10 s and app (190 and 250 on larger plans) and says in every answer but
    search how many remain; other users of the same token and calls before a cold start show up there only.
    """

    def __init__(self, limit: int, window: float, timer: Timer) -> None:
        self._configured = self.limit = limit
        self._window = window
        self._timer = timer
        self._calls: deque[float] = deque()  # when those in the window ended
        self._under_way = 0
        self._others = 0  # calls in the window that are not ours, as of _seen
        self._seen = float("-inf")
        self._closed_until = float("-inf")
        self._lock = Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Make one call inside, when the budget has one: sleeps until then; DeadlineExceeded when that takes too long.

        The window begins at the call's end: HubSpot gets a call that opens a connection later than those that follow,
        and would else count more of them in ten seconds than were sent.
        """
        while (pause := self._take()) > 0:
            self._timer.sleep(pause)
        try:
            yield
        finally:
            self._end()

    def close(self, seconds: float) -> None:
        """Let no call through for that long (HubSpot answered 429)."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._timer.now() + seconds)

    def correct(self, headers: Mapping[str, str]) -> None:
        """Take over what HubSpot counts: a smaller limit, and calls by others in the same window."""
        maximum, remaining = _number(headers, "max"), _number(headers, "remaining")
        if maximum is None or remaining is None or maximum <= 0:
            return
        with self._lock:
            self.limit = max(1, min(self._configured, maximum * 9 // 10))  # a tenth is for people and other apps
            self._forget_old_calls()
            self._others = max(0, maximum - remaining - self._own_calls())
            self._seen = self._timer.now()

    def _take(self) -> float:
        """Count a call and return 0, or return the seconds after which to ask again."""
        with self._lock:
            pause = self._pause()
            if not pause:
                self._under_way += 1
        return pause

    def _end(self) -> None:
        with self._lock:
            self._under_way -= 1
            self._calls.append(self._timer.now())

    def _pause(self) -> float:
        self._forget_old_calls()
        now = self._timer.now()
        if now < self._closed_until:
            return self._closed_until - now
        others = self._others if now < self._seen + self._window else 0
        if self._own_calls() + others < self.limit:
            return 0
        frees = [self._calls[0] + self._window] if self._calls else []
        if others:
            frees.append(self._seen + self._window)
        return max(min(frees, default=now + CALL_S) - now, 0.001)  # never 0, which would mean that there is room

    def _own_calls(self) -> int:
        return len(self._calls) + self._under_way

    def _forget_old_calls(self) -> None:
        horizon = self._timer.now() - self._window
        while self._calls and self._calls[0] <= horizon:
            self._calls.popleft()


def daily_left(headers: Mapping[str, str]) -> float | None:
    """How many percent of the account's daily limit are left; None where HubSpot does not say, as for OAuth apps."""
    limit, remaining = _number(headers, "daily"), _number(headers, "daily-remaining")
    return 100 * remaining / limit if limit and remaining is not None else None


def server_ms(headers: Mapping[str, str]) -> int | None:
    """How many milliseconds HubSpot took by its own account; None where it does not say."""
    return _whole(headers.get("x-envoy-upstream-service-time", ""))


def _number(headers: Mapping[str, str], name: str) -> int | None:
    return _whole(headers.get(f"x-hubspot-ratelimit-{name}", ""))


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None
