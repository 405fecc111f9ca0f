"""Send requests to a store, with retries, at a pace that leaves it time for shoppers, in a style its host accepts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from urllib3.exceptions import HTTPError

from woohub.clock import Timer, jittered
from woohub.errors import DeadlineExceeded
from woohub.http import Call, Http, Response, no_notice, unnoticed
from woohub.store import fallbacks
from woohub.store.answers import Answer, epoch_s, parse_response
from woohub.store.connection import USUAL_STYLE, Connection, RequestStyle, StoreCredentials
from woohub.store.cursors import CENTURY_S
from woohub.store.no_response import no_response_error
from woohub.store.requests import (
    ANSWER_TIMEOUT_S,
    StoreOverloaded,
    StoreRefused,
    StoreRequest,
    StoreUnavailable,
    send,
)

PAGE_SIZE = 100  # WooCommerce's largest; it answers a request for 101 with 400
SMALLEST_PAGE_SIZE = 10
SLOW_CALLS_S = 10.0  # attempts that took longer than this in sum are slow
MIN_TIME_LEFT_S = 2.0  # with less time left in the invocation, no call is started
MAX_TROUBLE_S = 90.0  # after this time, waits included, a call that keeps failing is given up
MAX_IDLE_S = 10.0  # the longest pause between two calls
SURELY_AHEAD_S = 60  # rounding, or the time that an answer takes, may explain a smaller difference of two clocks


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait before each retry of a call."""

    pauses_s: tuple[int, ...]
    only_if_quick: bool = False  # do not retry after slow attempts: few of them fit into one run


PATIENT = RetryPolicy((1, 2, 4, 8))
LIST_POLICY = RetryPolicy((1, 2), only_if_quick=True)  # then the record that breaks the page is searched for


def _no_warning(_event: str, **_fields: Any) -> None:
    return None


def _no_other_credentials() -> StoreCredentials | None:
    return None


@dataclass
class Caller:
    """Sends requests. Every method raises StoreUnavailable, StoreRefused or DeadlineExceeded.

    Between two calls it waits as long as the last answer took (times `idle_factor`), so that a slow shop spends at most
    half of its time on woohub. Pages get smaller if the shop cannot make large ones. `behind_s` and `ahead_s` are the
    seconds by which the store's clock was behind or ahead of woohub's at the last answer; 0 if the store does not tell,
    or is less than a minute ahead. `style` is the style of calls that the store accepts, as far as is known. `renew`
    reads the credentials again, since somebody may have changed them. `on_wait(seconds, reason)` is called before each
    wait for a failing store.
    """

    http: Http
    credentials: StoreCredentials
    timer: Timer
    idle_factor: float = 1.0
    page_size: int = PAGE_SIZE
    random: Callable[[], float] = random.random
    wall_clock: Callable[[], float] = time.time
    on_call: Callable[[Call], None] = unnoticed
    warn: Callable[..., None] = _no_warning
    style: RequestStyle = USUAL_STYLE
    renew: Callable[[], StoreCredentials | None] = _no_other_credentials
    on_wait: Callable[[float, str], None] = no_notice
    behind_s: float = field(default=0.0, init=False)
    ahead_s: int = field(default=0, init=False)
    _free_at: float = field(default=float("-inf"), init=False)

    def read(self, request: StoreRequest) -> Answer:
        """Send a GET, with patient retries, and return the answer."""
        return self.retry(lambda: request, PATIENT)

    def retry(self, make_request: Callable[[], StoreRequest], policy: RetryPolicy) -> Answer:
        """Send a GET, retry by the policy, and return the answer.

        `make_request` is called for each attempt, because pages may get smaller from one to the next.
        """
        began = self.timer.now()
        for pause_s in policy.pauses_s:
            request = make_request()
            try:
                return self.call(request)
            except StoreUnavailable as error:
                if request.anonymous and is_closed(error):
                    raise
                if policy.only_if_quick and self.timer.now() - began > SLOW_CALLS_S:
                    raise
                self.back_off(error, pause_s, began)
        return self.call(make_request())

    def back_off(self, error: StoreUnavailable, pause_s: float, began: float) -> None:
        """Wait before a retry, or raise `error` if the wait is too long. An overloaded store gets smaller pages.

        `began` is when the first attempt began, by the timer.
        """
        wait_s = max(error.retry_after or 0, jittered(pause_s, self.random))
        left_s = min(self.timer.left() - MIN_TIME_LEFT_S, began + MAX_TROUBLE_S - self.timer.now())
        if wait_s >= left_s:
            raise error
        if isinstance(error, StoreOverloaded):  # without an answer (status 0) an attempt takes 30 s: few can be made
            self.page_size = max(SMALLEST_PAGE_SIZE, self.page_size // (2 if error.status else 4))
        self.on_wait(wait_s, str(error))
        self.timer.sleep(wait_s)

    def call(self, request: StoreRequest) -> Answer:
        """Send a request once, and once more if it failed and the credentials have been changed since."""
        try:
            return self._in_any_style(request)
        except (StoreRefused, StoreUnavailable) as error:
            if not _may_be_outdated(error) or not self._credentials_changed():
                raise
        return self._in_any_style(request)

    def _credentials_changed(self) -> bool:
        credentials = self.renew()
        if credentials is None or credentials == self.credentials:
            return False
        self.credentials, self.style = credentials, USUAL_STYLE
        self.warn("store_access_was_changed")
        return True

    def _in_any_style(self, request: StoreRequest) -> Answer:
        """Send a request in the known style, and once in each other style that a refusal hints at."""
        styles, tried, refusals = [self.style], list[RequestStyle](), list[StoreRefused]()
        while styles and len(tried) < fallbacks.MAX_STYLES_PER_CALL:
            tried.append(style := styles.pop(0))
            try:
                answer = self._send(request, style)
            except StoreRefused as error:
                if not refusals or error.code:  # with a code, WooCommerce itself refused, which explains more
                    refusals.append(error)
                if error.code and error.status not in (401, 403):
                    self._keep(style)
                hints = fallbacks.other_styles(error, request, Connection(self.credentials, style), self._home)
                styles = [hint for hint in hints if hint not in tried] + styles
            except StoreUnavailable as error:
                if not refusals or not _is_due_to_style(error, refusals[-1]):
                    raise
            else:
                self._keep(style)
                return answer
        raise refusals[-1]

    def _keep(self, style: RequestStyle) -> None:
        if style == self.style:
            return
        for part, event in fallbacks.EVENTS.items():
            if getattr(style, part) != getattr(self.style, part):
                self.warn(event, url=style.url or self.credentials.url)
        self.style = style

    def _home(self) -> str:
        """Return the home address that the store shows to everybody; "" if it shows none."""
        try:
            answer = self._send(StoreRequest("GET", "", {"_fields": "home"}, anonymous=True), self.style)
            return str(answer.object().get("home") or "")
        except (StoreRefused, StoreUnavailable):
            return ""

    def _send(self, request: StoreRequest, style: RequestStyle) -> Answer:
        self.timer.sleep(max(0.0, self._free_at - self.timer.now()))
        if self.timer.left() < MIN_TIME_LEFT_S:
            raise DeadlineExceeded(f"{self.timer.left():.1f} s left are too few for another call to the store")
        connection = Connection(self.credentials, style)
        response = self._exchange(request, connection)
        store_clock = epoch_s(response.headers.get("date", ""))
        behind_s = self.wall_clock() - store_clock if store_clock else 0.0
        self.behind_s = min(max(0.0, behind_s), CENTURY_S)
        self.ahead_s = int(min(-behind_s, CENTURY_S)) if -behind_s >= SURELY_AHEAD_S else 0
        return parse_response(response, request, connection)

    def _exchange(self, request: StoreRequest, connection: Connection) -> Response:
        started, timeout_s = self.timer.now(), min(ANSWER_TIMEOUT_S, self.timer.left() - 1)
        status = 0
        try:
            response = send(self.http, connection, request, self.wall_clock(), timeout_s)
            status = response.status
        except HTTPError as error:
            raise no_response_error(error, request, self.credentials, timeout_s) from None
        finally:
            took_s = self.timer.now() - started
            self._free_at = self.timer.now() + min(MAX_IDLE_S, took_s * self.idle_factor)
            self.on_call(Call(request.method, f"/{request.path}", status, took_s, 0))
        return response


def is_closed(error: StoreRefused | StoreUnavailable) -> bool:
    """Whether the store refuses a call without a key: plugins answer 401, 403 or as if the route did not exist."""
    return error.status in (401, 403) or (isinstance(error, StoreRefused) and error.code.startswith("rest_"))


def _may_be_outdated(error: StoreRefused | StoreUnavailable) -> bool:
    """Whether newer credentials may help: the store refused the call, redirected it, or did not respond."""
    if isinstance(error, StoreUnavailable):
        return not error.status and not isinstance(error, StoreOverloaded)
    return error.status in (401, 403) or 300 <= error.status < 400 or (error.status == 404 and not error.code)


def _is_due_to_style(error: StoreUnavailable, refusal: StoreRefused) -> bool:
    """Whether a failure in another style only shows that this style does not work either."""
    if error.status == 429 or error.status >= 500:
        return False
    return bool(error.status) or 300 <= refusal.status < 400
