"""Keep HubSpot's rate limit with a request budget: how many calls may be made in a rolling window."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock

from woohub.clock import Timer

SEARCHES_PER_SECOND = 4  # HubSpot allows 5 per account, for all apps together
CALL_S = 0.1  # how long to wait before checking again whether a call in progress has ended


class Budget:
    """Allows at most `limit` calls in any `window` seconds, both this process's and those that HubSpot counts besides.

    HubSpot allows an app 100 calls in any 10 s (190 and 250 on larger plans). Each answer but those of searches says
    how many remain. Only this number shows the calls of other users of the token, and those before a cold start.
    """

    def __init__(self, limit: int, window: float, timer: Timer) -> None:
        self._configured = self.limit = limit
        self._window = window
        self._timer = timer
        self._calls: deque[float] = deque()  # the times when this process's calls in the window ended
        self._in_progress = 0
        self._others = 0  # calls in the window that are not this process's, as of `_seen`
        self._seen = float("-inf")
        self._closed_until = float("-inf")
        self._lock = Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Sleep until the budget allows one more call, which is made inside the `with` block.

        Raises DeadlineExceeded if that takes too long. A call counts from its end: one that opens a connection reaches
        HubSpot later than those sent after it, so HubSpot would count more calls in ten seconds than were begun.
        """
        while (pause := self._take()) > 0:
            self._timer.sleep(pause)
        try:
            yield
        finally:
            self._end()

    def close(self, seconds: float) -> None:
        """Allow no call for so many seconds, because HubSpot answered 429."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._timer.now() + seconds)

    def correct(self, headers: Mapping[str, str]) -> None:
        """Adapt to the numbers in HubSpot's headers: a smaller limit, and other users' calls in the window."""
        maximum, remaining = _number(headers, "max"), _number(headers, "remaining")
        if maximum is None or remaining is None or maximum <= 0:
            return
        with self._lock:
            self.limit = max(1, min(self._configured, maximum * 9 // 10))  # a tenth is for people and other apps
            self._forget_old_calls()
            self._others = max(0, maximum - remaining - self._own_calls())
            self._seen = self._timer.now()

    def _take(self) -> float:
        """Count a call and return 0, or return the seconds after which to try again."""
        with self._lock:
            pause = self._pause()
            if not pause:
                self._in_progress += 1
        return pause

    def _end(self) -> None:
        with self._lock:
            self._in_progress -= 1
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
        return max(min(frees, default=now + CALL_S) - now, 0.001)  # never 0, which means that a call is allowed

    def _own_calls(self) -> int:
        return len(self._calls) + self._in_progress

    def _forget_old_calls(self) -> None:
        horizon = self._timer.now() - self._window
        while self._calls and self._calls[0] <= horizon:
            self._calls.popleft()


def daily_left(headers: Mapping[str, str]) -> float | None:
    """Return the percent of the account's daily limit that are left; None if HubSpot does not say (OAuth apps)."""
    limit, remaining = _number(headers, "daily"), _number(headers, "daily-remaining")
    return 100 * remaining / limit if limit and remaining is not None else None


def server_ms(headers: Mapping[str, str]) -> int | None:
    """Return the milliseconds that HubSpot says it took; None if it does not say."""
    return _whole(headers.get("x-envoy-upstream-service-time", ""))


def _number(headers: Mapping[str, str], name: str) -> int | None:
    return _whole(headers.get(f"x-hubspot-ratelimit-{name}", ""))


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None
