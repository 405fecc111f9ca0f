"""HubSpot's rate limits: a rolling ten seconds per app, searches per second and a daily limit per account."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .errors import ApiError
from .settings import Settings

WINDOW_S = 10.0
_POLICIES = {
    "TEN_SECONDLY_ROLLING": "You have reached your ten_secondly_rolling limit.",
    "SECONDLY": "You have reached your secondly limit.",
    "DAILY": "You have reached your daily limit.",
}


def too_many(policy: str) -> ApiError:
    """Return the 429 of a policy. HubSpot documents no Retry-After for it, and its body has no category."""
    extra = {"errorType": "RATE_LIMIT", "policyName": policy, "requestId": "simulated"}
    return ApiError(429, _POLICIES[policy], category="", extra=extra)


class RateLimits:
    """Counts calls and refuses those over a limit. It also keeps the most calls in any ten seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._window: deque[float] = deque()  # calls admitted
        self._attempts: deque[float] = deque()  # calls made, refused ones included
        self._searches: deque[float] = deque()
        self._day = 0
        self.used_today = 0
        self.peak = 0
        self.search_peak = 0
        self.refused = 0

    def admit(self, settings: Settings, *, search: bool) -> None:
        """Count one call, or raise ApiError 429. Searches have their own limit and do not count in the ten seconds."""
        now = self._clock()
        self._new_day(now, settings)
        policy = self._search_policy(now, settings) if search else self._window_policy(now, settings)
        if self.used_today >= settings.requests_per_day:
            policy = "DAILY"
        if policy:
            self.refused += 1
            raise too_many(policy)
        self.used_today += 1
        (self._searches if search else self._window).append(now)

    def headers(self, settings: Settings) -> dict[str, str]:
        """Return the headers of every response except those to searches."""
        return {
            "X-HubSpot-RateLimit-Daily": str(settings.requests_per_day),
            "X-HubSpot-RateLimit-Daily-Remaining": str(settings.requests_per_day - self.used_today),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(WINDOW_S * 1000)),
            "X-HubSpot-RateLimit-Max": str(settings.requests_per_10_s),
            "X-HubSpot-RateLimit-Remaining": str(max(0, settings.requests_per_10_s - self.used_in_window())),
        }

    def used_in_window(self) -> int:
        """Return the number of calls that count against the rolling ten seconds now."""
        _forget(self._window, self._clock() - WINDOW_S)
        return len(self._window)

    def resets_at(self, settings: Settings) -> float:
        """Return when the daily limit is renewed (epoch seconds): midnight in the account's time zone."""
        return (_day(self._clock(), settings) + 1) * 86_400 - settings.utc_offset_s

    def _window_policy(self, now: float, settings: Settings) -> str:
        self._attempts.append(now)
        _forget(self._attempts, now - WINDOW_S)
        self.peak = max(self.peak, len(self._attempts))
        return "TEN_SECONDLY_ROLLING" if self.used_in_window() >= settings.requests_per_10_s else ""

    def _search_policy(self, now: float, settings: Settings) -> str:
        _forget(self._searches, now - 1.0)
        self.search_peak = max(self.search_peak, len(self._searches) + 1)
        return "SECONDLY" if len(self._searches) >= settings.searches_per_s else ""

    def _new_day(self, now: float, settings: Settings) -> None:
        today = _day(now, settings)
        if today != self._day:
            self._day, self.used_today = today, 0


def _day(now: float, settings: Settings) -> int:
    return int((now + settings.utc_offset_s) // 86_400)


def _forget(times: deque[float], until: float) -> None:
    while times and times[0] <= until:
        times.popleft()
