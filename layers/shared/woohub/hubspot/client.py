"""Talk to the HubSpot CRM: paths, retries, limits, and answers typed by what the caller must do next."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from string import punctuation
from threading import Lock
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from woohub.clock import Timer, jittered
from woohub.concurrency import Concurrency, OneAfterAnother
from woohub.errors import DeadlineExceeded, HubSpotRejected, HubSpotUnavailable, UnknownOutcome
from woohub.http import Call, Http, Response, no_notice, unnoticed
from woohub.hubspot import answers
from woohub.hubspot.answers import BatchAnswer, Record
from woohub.hubspot.budget import Budget, daily_left, server_ms
from woohub.hubspot.in_flight import InFlight
from woohub.hubspot.objects import ObjectType

BATCH = 100  # HubSpot takes at most 100 records in one batch call
MAX_ASSOCIATION_READS = 1000  # … and 1,000 in a batch read of associations
AREAS = ("objects", "associations", "properties", "pipelines")
MAX_SEARCH_BODY_CHARS = 3000  # characters; a longer search body is a 400
SEARCH_PAGE_RECORDS = 200  # records, the most HubSpot gives in one page of a search
CURSOR_CHARS = 40  # characters kept for the paging cursor in a search body
SEARCHES_PER_SECOND = 4  # HubSpot allows 5 per account, and other apps share them
BACKOFF_S = (1, 2, 4, 8, 16)  # between the attempts of one call
MAX_RETRY_AFTER_WAITED_FOR_S = 20.0  # seconds of a Retry-After worth waiting for within an invocation
MAX_429_PER_CALL = 3  # answers to one call, before the call ends as an error
PAUSE_BY_POLICY_S = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}  # HubSpot sends no Retry-After with these
DEFAULT_429_PAUSE_S = 30.0  # seconds after a 429 of any other policy
LOCKED_PAUSE_S = 2.0  # seconds after a 423, "locked": HubSpot says that locks last 2 seconds
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3.05, 15.0  # seconds to wait for a connection and for an answer
MIN_TIME_LEFT_S = 2.0  # seconds that must be left for a call to be worth starting
NO_ANSWER_CAUSES: tuple[tuple[type[HTTPError], str], ...] = (  # urllib3's error, in words; the first that fits
    (NameResolutionError, "there is no host of that name"),
    (NewConnectionError, "its host cannot be reached"),
    (ConnectTimeoutError, "it did not accept the connection in time"),
    (ReadTimeoutError, "it did not answer in time"),
    (ProtocolError, "it closed the connection"),
    (SSLError, "no TLS connection could be agreed on"),
    (HTTPError, "the connection broke"),
)

T = TypeVar("T")


class Token(Protocol):
    """Where the access token comes from; `renew` reads it again after HubSpot refused it."""

    def current(self) -> str: ...

    def renew(self) -> str: ...


@dataclass(frozen=True)
class Paths:
    """Where one API version keeps things."""

    objects: str
    associations: str
    properties: str
    pipelines: str
    account: str


def paths(version: str) -> Paths:
    """The path table: `v3` are the blueprint's v3/v4 paths, anything else a dated version such as `2026-09`."""
    if version == "v3":
        return Paths(
            "/crm/v3/objects", "/crm/v4/associations", "/crm/v3/properties", "/crm/v3/pipelines", "/account-info/v3"
        )
    objects, associations, properties, pipelines = (f"/crm/{area}/{version}" for area in AREAS)
    return Paths(objects, associations, properties, pipelines, f"/account-info/{version}")


@dataclass(frozen=True)
class CallStats:
    """How batch calls went, by path: answered, or broken (5xx, time-out, an answer that names no record)."""

    answered: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def wrote(self) -> bool:
        """Whether HubSpot answered a write."""
        return any(not path.endswith(("/read", "/search")) for path in self.answered)

    def copy(self) -> CallStats:
        """The counts as they are now."""
        return CallStats(self.answered.copy(), self.broken.copy())

    def since(self, earlier: CallStats) -> CallStats:
        """What was counted after an earlier copy."""
        return CallStats(self.answered - earlier.answered, self.broken - earlier.broken)

    @contextmanager
    def counting(self, path: str) -> Iterator[None]:
        """Count how a call ends; one that HubSpot refuses as a whole, or that is not made, is neither."""
        try:
            yield
        except (HubSpotUnavailable, UnknownOutcome):
            self._count(self.broken, path)
            raise
        self._count(self.answered, path)

    def _count(self, calls: Counter[str], path: str) -> None:
        with self._lock:
            calls[path] += 1


@dataclass
class HubSpot:
    """The client.

    Each method raises HubSpotRejected, HubSpotUnavailable, DeadlineExceeded or a Suspended; writes also UnknownOutcome.

    Reads are tried again here after 5xx, time-outs and broken connections. Writes are not: whether they happened is
    unknown then, and only the caller can read the records again by their unique keys.

    `stats` counts how batch calls went since the client was made. Calls may be made together, by `concurrency`; each is
    counted in the budget before it is sent, and InFlight says how many may be under way. `on_wait(seconds, reason)` is
    called before each wait for a HubSpot in trouble.
    """

    http: Http
    token: Token
    timer: Timer
    base_url: str = "https://api.hubapi.com"
    version: str = "2026-09"
    requests_per_10_seconds: int = 90
    random: Callable[[], float] = random.random
    on_call: Callable[[Call], None] = unnoticed
    on_wait: Callable[[float, str], None] = no_notice
    concurrency: Concurrency = field(default_factory=OneAfterAnother)
    budget: Budget = field(init=False)
    searches: Budget = field(init=False)
    stats: CallStats = field(init=False, default_factory=CallStats)

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        self.paths = paths(self.version)
        self.budget = Budget(self.requests_per_10_seconds, 10.0, self.timer)
        self.searches = Budget(SEARCHES_PER_SECOND, 1.0, self.timer)
        self.in_flight = InFlight(self.concurrency)
        self._renewal = Lock()

    def read(
        self,
        object_type: ObjectType,
        ids: Sequence[str],
        properties: Sequence[str],
        *,
        id_property: str | None = None,
        retry: bool = True,
    ) -> list[Record]:
        """Read records by id or by a unique property, at most 100 ids; those HubSpot does not know are left out.

        Reads the store, not the lagging search index. E-mail addresses also match a contact's additional addresses.
        Without `retry` it is tried once only, for a caller that tries again by itself, with fewer ids.
        """
        body: dict[str, Any] = {
            "inputs": [{"id": record_id} for record_id in ids],
            "properties": list(properties),
            "propertiesWithHistory": [],
        }
        if id_property:
            body["idProperty"] = id_property
        path = f"{self.paths.objects}/{object_type.name}/batch/read"
        call = self._read_call if retry else self._once
        with self.stats.counting(path):
            answer = answers.batch(answers.with_results(call("POST", path, body), path))
        known = ("OBJECT_NOT_FOUND", "")  # "treat every field of the error as optional"
        rejected = [failure.problem for failure in answer.failures if failure.problem.category not in known]
        if rejected:
            raise HubSpotRejected(rejected[0])
        return list(answer.records)

    def create(self, object_type: ObjectType, inputs: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        """Create up to 100 records, each `{objectWriteTraceId, properties, associations}`."""
        return self._write_batch(f"{self.paths.objects}/{object_type.name}/batch/create", inputs)

    def update(self, object_type: ObjectType, inputs: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        """Update up to 100 records by id, each `{id, objectWriteTraceId, properties}`."""
        return self._write_batch(f"{self.paths.objects}/{object_type.name}/batch/update", inputs)

    def archive(self, object_type: ObjectType, ids: Sequence[str]) -> None:
        """Archive up to 100 records; one that is archived already stays so."""
        path = f"{self.paths.objects}/{object_type.name}/batch/archive"
        with self.stats.counting(path):
            self._write_call(path, {"inputs": [{"id": record_id} for record_id in ids]})

    def erase(self, object_type: ObjectType, record_id: str) -> None:
        """Delete a record for good, as the GDPR demands; HubSpotRejected (404) if there is none with this id.

        Never by an address: HubSpot blocks one that it does not know for all time.
        """
        self._write_call(f"{self.paths.objects}/{object_type.name}/gdpr-delete", {"objectId": record_id})

    def associate(self, start: ObjectType, end: ObjectType, pairs: Iterable[tuple[str, str]]) -> None:
        """Associate records, `(id of start, id of end)`; a pair that is associated already stays so."""
        types = [start.association_to(end)]
        self._associations(
            start,
            end,
            "create",
            [{"from": {"id": record}, "to": {"id": other}, "types": types} for record, other in pairs],
        )

    def disassociate(self, start: ObjectType, end: ObjectType, pairs: Iterable[tuple[str, str]]) -> None:
        """Remove associations, `(id of start, id of end)`."""
        inputs = [{"from": {"id": record}, "to": [{"id": other}]} for record, other in pairs]
        self._associations(start, end, "archive", inputs)

    def associated(
        self, start: ObjectType, end: ObjectType, ids: Sequence[str], *, retry: bool = True
    ) -> dict[str, set[str]]:
        """The records each of these is associated with; those without any are left out. `retry` as for `read`."""
        ends: dict[str, set[str]] = {}
        path = f"{self._association_path(start, end)}/read"
        call = self._read_call if retry else self._once
        inputs: list[dict[str, str]] = [{"id": record_id} for record_id in ids]
        while inputs:
            chunk, inputs = inputs[:MAX_ASSOCIATION_READS], inputs[MAX_ASSOCIATION_READS:]
            with self.stats.counting(path):
                answer = answers.with_results(call("POST", path, {"inputs": chunk}), path)
            for row in answers.rows(answer, "results"):
                record_id = str(row["from"]["id"])
                ends.setdefault(record_id, set()).update(str(to["toObjectId"]) for to in row.get("to") or [])
                if after := answers.next_page(row):  # a record with more ends than one answer shows
                    inputs.append({"id": record_id, "after": after})
        return ends

    def _association_path(self, start: ObjectType, end: ObjectType) -> str:
        return f"{self.paths.associations}/{start.name}/{end.name}/batch"

    def search(self, object_type: ObjectType, name: str, values: Sequence[str], *, retry: bool = True) -> list[Record]:
        """Find records whose property `name` is one of `values`; sees only what HubSpot has indexed so far."""
        records: list[Record] = []
        call = self._read_call if retry else self._once
        for chunk in _chunks_that_fit(name, [value.lower() for value in values]):
            after: str | None = "0"
            while after is not None:
                body = _search_body(name, chunk) | {"after": after}
                path = f"{self.paths.objects}/{object_type.name}/search"
                with self.stats.counting(path):
                    answer = answers.with_results(call("POST", path, body, self.searches), path)
                records += answers.records(answer)
                after = answers.next_page(answer)
        return records

    def property_definitions(self, object_type: ObjectType, *, retry: bool = True) -> list[dict[str, Any]]:
        """Every property of an object: name, type, options, hasUniqueValue … `retry` as for `read`."""
        path = f"{self.paths.properties}/{object_type.name}"
        call = self._read_call if retry else self._once
        rows = answers.rows(answers.with_results(call("GET", path), path), "results")
        return [row for row in rows if isinstance(row.get("name"), str)]

    def probe(self) -> None:
        """One cheap read that needs a valid token; raises like any other call, without retries."""
        self._once("GET", f"{self.paths.objects}/contacts?limit=1")

    def get(self, path: str) -> dict[str, Any]:
        """Read any path, for set-up and diagnosis."""
        return self._read_call("GET", path)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create something other than a record, for set-up; tried once."""
        return self._write_call(path, body)

    def _associations(
        self, start: ObjectType, end: ObjectType, action: str, inputs: Sequence[Mapping[str, Any]]
    ) -> None:
        path = f"{self._association_path(start, end)}/{action}"
        for chunk in chunks(inputs, BATCH):
            with self.stats.counting(path):
                answer = self._write_call(path, {"inputs": list(chunk)})
                failures = answers.rows(answer, "errors")
                if failures:
                    raise HubSpotRejected(answers.failure(failures[0]).problem)
                if action == "create" and not any("fromObjectId" in row for row in answers.rows(answer, "results")):
                    # archive is answered with an empty body
                    raise UnknownOutcome(answers.EMPTY_RESPONSE, call=path)

    def _write_batch(self, path: str, inputs: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        """Write a batch; an answer that names no record, good or bad, is as good as none."""
        with self.stats.counting(path):
            answer = answers.batch(self._write_call(path, {"inputs": list(inputs)}))
            if not answer.records and not answer.failures:
                raise UnknownOutcome(answers.EMPTY_RESPONSE, call=path)
        return answer

    def _read_call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, budget: Budget | None = None
    ) -> dict[str, Any]:
        for pause in BACKOFF_S:
            try:
                return self._once(method, path, body, budget)
            except HubSpotUnavailable as error:
                asked = min(error.retry_after or 0, MAX_RETRY_AFTER_WAITED_FOR_S)
                self.back_off(max(asked, jittered(pause, self.random)), str(error))
        return self._once(method, path, body, budget)

    def back_off(self, pause: float, reason: str) -> None:
        """Wait before the same call again, or raise DeadlineExceeded where the time does not suffice."""
        if pause < self.timer.left():
            self.on_wait(pause, reason)
        self.timer.sleep(pause)

    def _write_call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._once("POST", path, body)
        except HubSpotUnavailable as error:
            raise UnknownOutcome(
                str(error), retry_after=error.retry_after, status=error.status, call=error.call
            ) from error

    def _once(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, budget: Budget | None = None
    ) -> dict[str, Any]:
        """One call, waiting out the limits and a refused token; any other answer is parse."""
        budget = budget or self.budget
        token = self.token.current()
        renewed, limited = False, 0
        while True:
            with self.in_flight.slot():
                budget.wait_for_turn()
                response = self._exchange(method, path, body, token)
                self.in_flight.record(response.status)
            if response.status == 401 and not renewed:
                token, renewed = self._renewed(token), True
            elif (
                response.status in (423, 429) and (pause := self._limit_pause(response)) and limited < MAX_429_PER_CALL
            ):
                limited += 1
                self._wait_out(response.status, pause, budget)
            else:
                return answers.parse(response, path)

    def _renewed(self, refused: str) -> str:
        """Another token than the one refused; read again once for all calls that were in flight with it."""
        with self._renewal:
            current = self.token.current()
            return self.token.renew() if current == refused else current

    def _limit_pause(self, response: Response) -> float:
        """Seconds to wait before the same call again; 0 when waiting here is no use (the daily limit)."""
        if response.status == 423:
            return max(LOCKED_PAUSE_S, answers.retry_after(response) or 0)
        policy = answers.limit_policy(answers.json_object(response))
        return (
            0
            if policy == "DAILY"
            else answers.retry_after(response) or PAUSE_BY_POLICY_S.get(policy, DEFAULT_429_PAUSE_S)
        )

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
        started = self.timer.now()
        if self.timer.left() < MIN_TIME_LEFT_S:
            raise DeadlineExceeded(f"{self.timer.left():.1f} s left are too few for another call")
        try:
            response = self._send(method, path, body, token)
        except HTTPError as error:
            self.in_flight.record(0)
            self.on_call(Call(method, path, 0, self.timer.now() - started, inputs))
            cause = next(words for kind, words in NO_ANSWER_CAUSES if isinstance(error, kind))
            text = f"no answer from HubSpot to {method} {path}: {cause}"
            raise HubSpotUnavailable(text, call=path) from error
        self.budget.correct(response.headers)
        correlation = str(answers.json_object(response).get("correlationId", "")) if response.status >= 400 else ""
        took, left = self.timer.now() - started, daily_left(response.headers)
        call = Call(method, path, response.status, took, inputs, correlation, left, server_ms(response.headers))
        self.on_call(call)
        return response

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None, token: str) -> Response:
        # As it is, if a header can carry it: else HubSpot refuses it like any wrong token, and no error shows it.
        sent = quote(token, safe=punctuation + " ", errors="replace")
        headers = {"authorization": f"Bearer {sent}", "accept": "application/json", "user-agent": "woohub"}
        payload = None
        if body is not None:
            headers["content-type"] = "application/json"
            payload = json.dumps(body, separators=(",", ":")).encode()
        return self.http.request(
            method,
            self.base_url + path,
            body=payload,
            headers=headers,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=min(READ_TIMEOUT_S, self.timer.left() - 1)),
            retries=False,
            redirect=False,
        )


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in order, at most `size` at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _search_body(name: str, values: Sequence[str]) -> dict[str, Any]:
    condition = {"propertyName": name, "operator": "IN", "values": list(values)}
    return {"filterGroups": [{"filters": [condition]}], "properties": [name], "sorts": [], "limit": SEARCH_PAGE_RECORDS}


def _chunks_that_fit(name: str, values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split the values so that each search body stays within HubSpot's limit."""
    room = MAX_SEARCH_BODY_CHARS - len(json.dumps(_search_body(name, []))) - CURSOR_CHARS
    start, used = 0, 0
    for end, value in enumerate(values):
        used += len(json.dumps(value)) + 2
        if used > room:
            yield values[start:end]
            start, used = end, len(json.dumps(value)) + 2
    if values[start:]:
        yield values[start:]
