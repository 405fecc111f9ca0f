"""Make calls to HubSpot with retries: of all calls after 429, 423 and 401, of reads after 5xx and lost answers, too.

Records that could not be written are retried in rounds (`sync/batch_writer.py`), messages by the queue
(`consumer/retries.py`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

from urllib3.exceptions import HTTPError

from woohub.clock import Timer, jittered
from woohub.concurrency import Concurrency, OneAfterAnother
from woohub.errors import DeadlineExceeded, HubSpotUnavailable, UnknownOutcome
from woohub.http import Call, Http, Response, no_notice, unnoticed
from woohub.hubspot import answers
from woohub.hubspot.in_flight import SLOW_DOWN, InFlight
from woohub.hubspot.rate_limit import Budget, daily_left, server_ms
from woohub.hubspot.requests import no_answer_cause, send

BACKOFF_S = (1, 2, 4, 8, 16)  # between the attempts of one read
MAX_RETRY_AFTER_WAITED_FOR_S = 20.0  # after a 5xx, of a longer Retry-After only so much is waited
MAX_429_PER_CALL = 3  # so many answers 429 or 423 are waited out; the next one ends the call as an error
PAUSE_BY_POLICY_S = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}  # HubSpot sends no Retry-After with these
DEFAULT_429_PAUSE_S = 30.0  # after a 429 of any other policy
LOCKED_PAUSE_S = 2.0  # after a 423, "locked": HubSpot says that a lock lasts 2 seconds
MIN_TIME_LEFT_S = 2.0  # with less time left in the invocation, no call is started


class Token(Protocol):
    """The source of the access token. `renew` reads the token again, after HubSpot refused it."""

    def current(self) -> str: ...

    def renew(self) -> str: ...


@dataclass
class Caller:
    """Makes calls within the rate limit and the invocation's time. `HubSpot` in client.py lists the errors it raises.

    Calls may be made at the same time, through `concurrency`. Each is counted in the budget before it is sent, and
    InFlight limits how many are in flight. `on_wait(seconds, reason)` is called before each wait because of a failure.
    """

    http: Http
    token: Token
    timer: Timer
    base_url: str = "https://api.hubapi.com"
    requests_per_10_seconds: int = 90
    random: Callable[[], float] = random.random
    on_call: Callable[[Call], None] = unnoticed
    on_wait: Callable[[float, str], None] = no_notice
    concurrency: Concurrency = field(default_factory=OneAfterAnother)
    budget: Budget = field(init=False)
    in_flight: InFlight = field(init=False)

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        self.budget = Budget(self.requests_per_10_seconds, 10.0, self.timer)
        self.in_flight = InFlight(self.concurrency)
        self._renewal = Lock()

    def read(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
        *,
        retry: bool = True,
    ) -> dict[str, Any]:
        """Make a call that only reads, and return the answer's JSON.

        It is retried after 5xx, time-outs and broken connections, unless `retry` is False. `budget` replaces the usual
        budget by a stricter one.
        """
        for pause in BACKOFF_S if retry else ():
            try:
                return self._call(method, path, body, budget)
            except HubSpotUnavailable as error:
                asked = min(error.retry_after or 0, MAX_RETRY_AFTER_WAITED_FOR_S)
                self.back_off(max(asked, jittered(pause, self.random)), str(error))
        return self._call(method, path, body, budget)

    def write(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a POST that writes, and return the answer's JSON.

        If the answer is lost, the write is not retried but ends as UnknownOutcome, because it may have happened.
        """
        try:
            return self._call("POST", path, body)
        except HubSpotUnavailable as error:
            raise UnknownOutcome(
                str(error), retry_after=error.retry_after, status=error.status, call=error.call
            ) from error

    def back_off(self, pause: float, reason: str) -> None:
        """Wait before a retry. Raises DeadlineExceeded if too little time is left."""
        if pause < self.timer.left():
            self.on_wait(pause, reason)
        self.timer.sleep(pause)

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None, budget: Budget | None = None
    ) -> dict[str, Any]:
        """Make a call, and repeat it after a limit or lock that a wait resolves, and once with a renewed token."""
        budget = budget or self.budget
        token = self.token.current()
        renewed, limited = False, 0
        while True:
            with self.in_flight.slot(), budget.turn():
                response = self._exchange(method, path, body, token)
                self.in_flight.record(response.status)
            if response.status == 401 and not renewed:
                token, renewed = self._renew(token), True
            elif limited < MAX_429_PER_CALL and (pause := limit_pause(response)):
                limited += 1
                self._wait_out(response.status, pause, budget)
            else:
                return answers.parse(response, path)

    def _renew(self, refused: str) -> str:
        """Return another token than the refused one. It is read once for all calls in flight with the refused one."""
        with self._renewal:
            current = self.token.current()
            return self.token.renew() if current == refused else current

    def _wait_out(self, status: int, pause: float, budget: Budget) -> None:
        if pause >= self.timer.left():
            raise DeadlineExceeded(
                f"HubSpot answered {status}: retry in {pause:.0f} s, but the invocation ends first", retry_after=pause
            )
        if status == 429:
            self.on_wait(pause, "HubSpot answered 429")
            budget.close(pause)
        else:
            self.back_off(pause, f"HubSpot answered {status}")

    def _exchange(self, method: str, path: str, body: Mapping[str, Any] | None, token: str) -> Response:
        inputs = len(body.get("inputs", ())) if body else 0
        started, seconds = self.timer.now(), self.timer.left()
        if seconds < MIN_TIME_LEFT_S:
            raise DeadlineExceeded(f"{seconds:.1f} s left are too few for another call")
        try:
            response = send(self.http, method, self.base_url + path, body, token, seconds - 1)
        except HTTPError as error:
            self.in_flight.record(0)
            self.on_call(Call(method, path, 0, self.timer.now() - started, inputs))
            text = f"no answer from HubSpot to {method} {path}: {no_answer_cause(error)}"
            raise HubSpotUnavailable(text, call=path) from error
        self.budget.correct(response.headers)
        correlation = str(answers.json_object(response).get("correlationId", "")) if response.status >= 400 else ""
        took, left = self.timer.now() - started, daily_left(response.headers)
        call = Call(method, path, response.status, took, inputs, correlation, left, server_ms(response.headers))
        self.on_call(call)
        return response


def limit_pause(response: Response) -> float:
    """Return the seconds to wait before a retry; 0 if the answer is no 423 or 429, or the daily limit is used up."""
    if response.status not in SLOW_DOWN:
        return 0
    asked = answers.retry_after(response)
    if response.status == 423:
        return max(LOCKED_PAUSE_S, asked or 0)
    policy = answers.limit_policy(answers.json_object(response))
    return 0 if policy == "DAILY" else asked or PAUSE_BY_POLICY_S.get(policy, DEFAULT_429_PAUSE_S)
