"""Talk to a WooCommerce store's REST API: orders and customers as it has them, and its webhooks.

Its ways, all seen on a live store: dates without a zone, so everything asked is UTC with `dates_are_gmt`;
`modified_after` excludes the second named; pages shift while orders change, so walks go by date and not by page;
`status=any` leaves out the trash; keys work over https only, plain http wants OAuth 1.0a.
"""

from __future__ import annotations

import base64
import hmac
import json
import random
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from woohub.errors import OutOfTime, PermanentError, TransientError
from woohub.hubspot import Call, Http, Response
from woohub.throttle import Timer

PAGE = 100  # the most a store gives; 101 is a 400
SMALLEST_PAGE = 10
TOPICS = (
    "order.created",
    "order.updated",
    "order.deleted",
    "order.restored",
    "customer.created",
    "customer.updated",
    "customer.deleted",
)
BACKOFF = (1, 2, 4, 8)  # seconds between the tries of one call
CONNECT, ANSWER = 5.0, 30.0  # seconds to wait for a connection and for an answer
LEAST = 2.0  # seconds that must be left for a call to be worth starting
LONGEST_BREATH = 10.0  # seconds at most between two calls
OLD_STORE_DAYS = 7  # how far back a store that cannot say what changed is read

_SECOND = timedelta(seconds=1)
_UNKNOWN = ("woocommerce_rest_shop_order_invalid_id", "wc_user_invalid_id", "woocommerce_rest_invalid_id")
_MIXED_SECONDS = 7200


class StoreUnavailable(TransientError):
    """The store did not answer properly, time and again: time-outs, 5xx, pages instead of JSON, 429."""


class StoreRefused(PermanentError):
    """The store refused; the message says what to do. `code` is WooCommerce's own, such as `rest_invalid_param`."""

    def __init__(self, message: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Access:
    """Where the store is and the key to it, which must be a read/write key of an administrator or shop manager."""

    url: str  # the shop's address without /wp-json
    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)

    @classmethod
    def from_secret(cls, text: str) -> Access | None:
        """From `{"url", "consumer_key", "consumer_secret"}`; None as long as one of them is missing or empty."""
        try:
            stored = json.loads(text)
        except ValueError:
            return None
        names = ("url", "consumer_key", "consumer_secret")
        values = [stored.get(name) if isinstance(stored, dict) else None for name in names]
        if not all(isinstance(value, str) and value.strip() for value in values):
            return None
        return cls(*(str(value).strip() for value in values))

    def __post_init__(self) -> None:
        address = self.url.partition("/wp-json")[0].rstrip("/")
        object.__setattr__(self, "url", address if "://" in address else f"https://{address}")

    @property
    def secure(self) -> bool:
        """Whether the store is reached over https."""
        return self.url.lower().startswith("https://")


@dataclass(frozen=True)
class Stored:
    """An order or customer as the store has it; `body` are the very bytes the store wrote for it."""

    body: bytes = field(repr=False)  # personal data, so never printed
    fields: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def id(self) -> int:
        return int(self.fields["id"])

    @property
    def status(self) -> str:
        """Of an order; "" for customers."""
        return str(self.fields.get("status") or "")

    @property
    def created_at(self) -> str:
        """UTC, `YYYY-MM-DDTHH:MM:SS`."""
        return str(self.fields.get("date_created_gmt") or self.fields.get("date_created") or "")

    @property
    def modified_at(self) -> str:
        """UTC; of a customer never changed since, the date of the account."""
        return str(self.fields.get("date_modified_gmt") or self.fields.get("date_modified") or "") or self.created_at


@dataclass(frozen=True)
class Position:
    """A place in a walk: all before `moment` was seen.

    `offset` is None, or within a list that only page numbers get through how many of its `total` were seen: customers,
    or the orders of a crowd, the `seconds` from `moment` on.
    """

    moment: str = ""  # UTC, YYYY-MM-DDTHH:MM:SS
    offset: int | None = None
    total: int = 0
    seconds: int = 1


@dataclass(frozen=True)
class Step:
    """Some orders or customers, and the place to go on from once these are safe. `last`: there are no more."""

    found: tuple[Stored, ...]
    then: Position
    last: bool = False


@dataclass(frozen=True)
class By:
    """A date to walk along: how to ask for it, and the field that holds it."""

    after: str
    before: str
    orderby: str
    field: str


CHANGED = By("modified_after", "modified_before", "modified", "date_modified_gmt")
CREATED = By("after", "before", "date", "date_created_gmt")
_CREATED_LOCAL = By("after", "before", "date", "date_created")  # for stores that do not know dates_are_gmt


@dataclass(frozen=True)
class Webhook:
    """A webhook of the store; its secret is never told, nor how often it has failed."""

    id: int
    name: str
    status: str  # active, paused, disabled
    topic: str
    delivery_url: str


@dataclass(frozen=True)
class About:
    """What the store says about itself to anyone; `clock` is its own time, epoch seconds, 0 if it does not say."""

    name: str
    home: str
    time_zone: str  # "America/New_York", or "" where only an offset is set
    utc_offset_hours: float
    namespaces: tuple[str, ...]
    clock: float


@dataclass(frozen=True)
class _Answer:
    """A good answer: its text, its JSON, and how many there are of what was asked for."""

    text: str
    content: Any
    total: int | None
    limit: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class _Page:
    """Rows of a list, how many there are in all (None: the store does not say), and how many were asked for."""

    rows: list[Stored]
    total: int | None
    limit: int

    def ends_at(self, seen: int) -> bool:
        """Whether nothing is left; by the count, since a page comes short of what the key's user may not see."""
        return len(self.rows) < self.limit if self.total is None else self.total <= seen


def _ignore(_call: Call) -> None:
    return None


def _silent(_event: str, **_fields: Any) -> None:
    return None


@dataclass
class Store:
    """The client. Every method raises StoreUnavailable, StoreRefused or OutOfTime.

    Between calls it waits as long as the last answer took (times `patience`), so that a slow shop has half of its
    time for shoppers; pages get smaller when the shop cannot make large ones.
    """

    http: Http
    access: Access
    timer: Timer
    patience: float = 1.0
    page_size: int = PAGE
    random: Callable[[], float] = random.random
    wall_clock: Callable[[], float] = time.time
    on_call: Callable[[Call], None] = _ignore
    warn: Callable[..., None] = _silent
    _free_at: float = field(default=float("-inf"), init=False)
    _old: bool = field(default=False, init=False)

    # Orders

    def orders(self, start: Position, *, by: By = CHANGED, status: str = "any", until: str = "") -> Iterator[Step]:
        """Orders changed (or created) at `start.moment` or later and up to `until`, both included, oldest first.

        `status`: "any" has neither trash nor drafts; "trash" must be asked for by itself. A walk may stop after any
        step: a new one from the step's `then` goes on there. Some orders may come twice, none is left out.
        """
        if not (self._old and by is CHANGED):
            try:
                yield from self._by_date(start, by, status, until)
                return
            except _TooOld:
                self._old = True
                self.warn("store_cannot_tell_what_changed", days=OLD_STORE_DAYS)
        yield from self._recent(start, status)

    def order(self, order_id: int) -> Stored | None:
        """One order in any status, trash included; None when the store has none of this id."""
        return self._one(f"orders/{order_id}")

    def orders_by_id(self, ids: Iterable[int]) -> dict[int, Stored]:
        """Those of these orders that the store has, trash included, 100 per call; drafts are left out."""
        wanted = list(dict.fromkeys(ids))
        found = self._including("orders", wanted, {"status": "any"})
        trashed = self._including("orders", [one for one in wanted if one not in found], {"status": "trash"})
        return found | trashed

    # Customers

    def customers(self, start: Position = Position(offset=0)) -> Iterator[Step]:
        """Every account of role customer, by id. There is no way to ask for the changed ones."""
        position, last = start, False
        while not last:
            page = self._list("customers", {"orderby": "id", "order": "asc", "offset": str(position.offset or 0)})
            position, last = _onward(position, page)
            yield Step(tuple(page.rows), position, last)

    def newest_customers(self, above: int) -> Iterator[tuple[Stored, ...]]:
        """Accounts with an id above this one, newest first, a page at a time."""
        offset, last = 0, False
        while not last:
            page = self._list("customers", {"orderby": "id", "order": "desc", "offset": str(offset)})
            new = tuple(row for row in page.rows if row.id > above)
            offset += page.limit
            last = len(new) < len(page.rows) or page.ends_at(offset)
            if new:
                yield new

    def newest_customer_id(self) -> int:
        """The highest id of a customer, 0 if there is none."""
        page = self._list("customers", {"orderby": "id", "order": "desc", "per_page": "1"})
        return max((row.id for row in page.rows), default=0)

    def customer(self, customer_id: int) -> Stored | None:
        """One account of any role; None when the store has none of this id."""
        return self._one(f"customers/{customer_id}")

    def customers_by_id(self, ids: Iterable[int]) -> dict[int, Stored]:
        """Those of these accounts that the store has, of any role, 100 per call."""
        return self._including("customers", list(dict.fromkeys(ids)), {"role": "all"})

    def customers_by_email(self, email: str) -> list[Stored]:
        """The accounts of this address (their own, not the one on invoices)."""
        return self._list("customers", {"email": email, "role": "all"}).rows

    def count(self, resource: str, **criteria: str) -> int:
        """How many "orders" or "customers" there are, without reading them."""
        page = self._list(resource, {"per_page": "1", **criteria})
        return len(page.rows) if page.total is None else page.total

    # Webhooks

    def webhooks(self) -> list[Webhook]:
        """All webhooks of the store, ours or not."""
        found: list[Webhook] = []
        offset, last = 0, False
        while not last:
            page = self._list("webhooks", {"orderby": "id", "order": "asc", "offset": str(offset)})
            found += [_webhook(row.fields) for row in page.rows]
            offset += page.limit
            last = page.ends_at(offset)
        return found

    def create_webhook(self, *, name: str, topic: str, delivery_url: str, secret: str) -> Webhook:
        """Make a webhook, active at once; the store sends a ping to its URL."""
        if topic not in TOPICS:  # a store makes a webhook of "Order.Created" that never delivers
            raise ValueError(f"{topic} is not one of the topics woohub reads")
        body = {"name": name, "topic": topic, "delivery_url": delivery_url, "secret": secret}
        return _webhook(_object(self._send("POST", "webhooks", body)))

    def update_webhook(self, webhook_id: int, **changes: str) -> Webhook:
        """Change status (active, paused, disabled), topic, delivery_url, secret or name.

        Making it active does not reset the store's count of failures: the first failure after it disables it again.
        """
        return _webhook(_object(self._send("PUT", f"webhooks/{webhook_id}", changes)))

    def delete_webhook(self, webhook_id: int) -> None:
        """Remove a webhook for good; one that is not there any more is fine."""
        try:
            self._send("DELETE", f"webhooks/{webhook_id}", None, {"force": "true"})
        except StoreRefused as error:
            if error.status != 404:
                raise

    # The store itself

    def about(self) -> About:
        """Address, time zone, clock and REST namespaces; needs no key, so it tells a wrong address from a wrong key."""
        answer = self._read("", {"_fields": "name,home,gmt_offset,timezone_string,namespaces"}, anonymous=True)
        facts = _object(answer)
        offset = facts.get("gmt_offset")
        return About(
            name=str(facts.get("name") or ""),
            home=str(facts.get("home") or ""),
            time_zone=str(facts.get("timezone_string") or ""),
            utc_offset_hours=float(offset) if isinstance(offset, int | float | str) and _is_number(offset) else 0.0,
            namespaces=tuple(map(str, facts.get("namespaces") or ())),
            clock=_epoch(answer.headers.get("date", "")),
        )

    def system_status(self, *sections: str) -> dict[str, Any]:
        """WooCommerce's status report, by sections such as "environment" (version, …) or "settings"; slow."""
        return _object(self._read("wc/v3/system_status", {"_fields": ",".join(sections)}))

    # Walking

    def _by_date(self, start: Position, by: By, status: str, until: str) -> Iterator[Step]:
        position, seen = start, frozenset[Stored]()
        while True:
            crowded = position.offset is not None
            step = self._crowd(position, by, status) if crowded else self._stretch(position, by, status, until)
            yield Step(tuple(one for one in step.found if one not in seen), step.then, step.last)
            if step.last:
                return
            position, seen = step.then, frozenset(step.found)

    def _stretch(self, position: Position, by: By, status: str, until: str) -> Step:
        """The first page of what is dated `position.moment` or later; ends within a second, where the next begins."""
        asked = {by.after: _shifted(position.moment, -_SECOND), "orderby": by.orderby, "order": "asc", "status": status}
        if until:
            asked[by.before] = _shifted(until, _SECOND)
        page = self._dated(asked, by)
        dates = [str(row.fields.get(by.field) or "") for row in page.rows]
        if by is CHANGED and min(dates, default=position.moment) < position.moment:
            raise _TooOld
        return Step(tuple(page.rows), *_after_stretch(position, page, dates))

    def _dated(self, asked: Mapping[str, str], by: By) -> _Page:
        try:
            return self._list("orders", _in_utc(asked, by))
        except StoreRefused as error:
            if by is CHANGED and error.code == "rest_invalid_param":
                raise _TooOld from None
            raise

    def _crowd(self, position: Position, by: By, status: str) -> Step:
        """A page of the seconds from `position.moment` on, by id: by date, orders of one second come in any order."""
        end = _shifted(position.moment, timedelta(seconds=position.seconds))
        asked = {by.after: _shifted(position.moment, -_SECOND), by.before: end, "orderby": "id", "order": "asc"}
        place = {"offset": str(position.offset or 0), "status": status}
        page = self._list("orders", _in_utc(asked | place, by))
        then, last = _onward(position, page)
        return Step(tuple(page.rows), Position(end) if last else then)

    def _recent(self, start: Position, status: str) -> Iterator[Step]:
        """What changed lately, from an old store: all orders of the last days are read, in one go."""
        since = _shifted(start.moment, -timedelta(days=OLD_STORE_DAYS))
        latest = start.moment
        for step in self.orders(Position(since), by=_CREATED_LOCAL, status=status):
            found = tuple(one for one in step.found if one.modified_at >= start.moment)
            latest = max([latest, *(one.modified_at for one in found)])
            yield Step(found, Position(latest) if step.last else start, step.last)

    # Calling

    def _one(self, path: str) -> Stored | None:
        try:
            answer = self._read(f"wc/v3/{path}", {})
        except StoreRefused as error:
            if error.status == 404 and error.code in _UNKNOWN:  # any other 404 says nothing about the order
                return None
            raise
        return Stored(answer.text.strip().encode(), _object(answer))

    def _including(self, resource: str, ids: list[int], asked: Mapping[str, str]) -> dict[int, Stored]:
        found: dict[int, Stored] = {}
        while ids:
            some, ids = ids[: self.page_size], ids[self.page_size :]
            # per_page as many as asked for: a page made smaller on the way would make the rest look unknown.
            listed = {"include": ",".join(map(str, some)), "per_page": str(len(some))}
            found |= {row.id: row for row in self._list(resource, {**asked, **listed}).rows}
        return found

    def _list(self, resource: str, asked: Mapping[str, str]) -> _Page:
        """One page; without a `per_page` of its own as large as the store can take."""
        answer = self._read(f"wc/v3/{resource}", asked, paged="per_page" not in asked)
        return _Page(list(_pieces(answer)), answer.total, answer.limit)

    def _read(self, path: str, asked: Mapping[str, str], *, paged: bool = False, anonymous: bool = False) -> _Answer:
        for pause in BACKOFF:
            try:
                return self._once("GET", path, None, self._sized(asked, paged), anonymous)
            except StoreUnavailable as error:
                self._back_off(error, pause)
        return self._once("GET", path, None, self._sized(asked, paged), anonymous)

    def _sized(self, asked: Mapping[str, str], paged: bool) -> Mapping[str, str]:
        return {**asked, "per_page": str(self.page_size)} if paged else asked

    def _send(self, method: str, path: str, body: object, asked: Mapping[str, str] | None = None) -> _Answer:
        return self._once(method, f"wc/v3/{path}", body, asked or {})

    def _back_off(self, error: StoreUnavailable, pause: float) -> None:
        """Wait before the next try, or give up with the error itself where the time left is too short for it."""
        wait = max(error.retry_after or 0, pause * (0.5 + self.random() / 2))
        if wait + LEAST >= self.timer.left():
            raise error
        if isinstance(error, _TooMuch):
            self.page_size = max(SMALLEST_PAGE, self.page_size // 2)
        self.timer.sleep(wait)

    def _once(self, method: str, path: str, body: object, asked: Mapping[str, str], anonymous: bool = False) -> _Answer:
        self.timer.sleep(max(0.0, self._free_at - self.timer.now()))
        if self.timer.left() < LEAST:
            raise OutOfTime(f"{self.timer.left():.1f} s left are too few for another call to the store")
        started, patience = self.timer.now(), min(ANSWER, self.timer.left() - 1)
        status = 0
        try:
            response = self._exchange(method, f"/wp-json/{path}", body, asked, anonymous, patience)
            status = response.status
        except HTTPError as error:
            raise _no_answer(error, f"{method} {path}", patience) from None
        finally:
            took = self.timer.now() - started
            self._free_at = self.timer.now() + min(LONGEST_BREATH, took * self.patience)
            self.on_call(Call(method, f"/{path}", status, took, 0))
        text, content = _judged(response, self.access)
        return _Answer(text, content, _total(response), int(asked.get("per_page", "0")), response.headers)

    def _exchange(
        self, method: str, path: str, body: object, asked: Mapping[str, str], anonymous: bool, patience: float
    ) -> Response:
        url, headers = self.access.url + path, {"accept": "application/json", "user-agent": "woohub"}
        if anonymous:  # WordPress would take the keys for a user's name and password, and refuse them
            pass
        elif self.access.secure:
            pair = f"{self.access.consumer_key}:{self.access.consumer_secret}".encode()
            headers["authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        else:
            asked = signed(method, url, asked, self.access, int(self.wall_clock()))
        payload = None
        if body is not None:
            headers["content-type"] = "application/json"
            payload = json.dumps(body, separators=(",", ":")).encode()
        return self.http.request(
            method,
            f"{url}?{_encoded(asked)}" if asked else url,
            body=payload,
            headers=headers,
            timeout=urllib3.Timeout(connect=CONNECT, read=patience),
            retries=False,
            redirect=False,
        )


class _TooOld(Exception):
    """The store does not know `modified_after` (before WooCommerce 5.8): it refused, or gave what was not asked for."""


class _TooMuch(StoreUnavailable):
    """The store died of the question, or did not finish in time: a smaller page may do."""


def signed(method: str, url: str, asked: Mapping[str, str], access: Access, now: int) -> dict[str, str]:
    """The parameters of a call over plain http with the OAuth 1.0a signature; `now` in epoch seconds.

    One-legged: there is no token, so the signing key ends in "&". The nonce is good once, the signature 15 minutes.
    """
    parameters = dict(asked) | {
        "oauth_consumer_key": access.consumer_key,
        "oauth_nonce": secrets.token_hex(16),
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(now),
    }
    return parameters | {"oauth_signature": oauth_signature(method, url, parameters, access.consumer_secret)}


def oauth_signature(method: str, url: str, parameters: Mapping[str, str], consumer_secret: str) -> str:
    """RFC 5849 §3.4 as WooCommerce checks it, with HMAC-SHA256, in base64."""
    pairs = sorted((_percent(name), _percent(value)) for name, value in parameters.items())
    normal = "&".join(f"{name}={value}" for name, value in pairs)
    text = "&".join((method.upper(), _percent(url), _percent(normal)))
    return base64.b64encode(hmac.digest(f"{consumer_secret}&".encode(), text.encode(), "sha256")).decode()


def _percent(text: str) -> str:
    return quote(text, safe="~")


def _encoded(asked: Mapping[str, str]) -> str:
    return "&".join(f"{_percent(name)}={_percent(value)}" for name, value in asked.items())


def _no_answer(error: HTTPError, call: str, patience: float) -> StoreUnavailable | OutOfTime:
    """What a call without an answer means; the error's own text may hold the query, so only its kind is told."""
    if not isinstance(error, ReadTimeoutError):
        return StoreUnavailable(f"no answer from the store to {call}: {type(error).__name__}")
    if patience < ANSWER:
        return OutOfTime(f"the time left was too short for the store's answer to {call}")
    return _TooMuch(f"no answer from the store to {call} within {ANSWER:.0f} s")


def _judged(response: Response, access: Access) -> tuple[str, Any]:
    """Text and content of a good answer, or the error that says what to do."""
    status, (text, content) = response.status, _json(response)
    if 300 <= status < 400:
        raise StoreRefused(_moved(response), status=status)
    if content is None:
        raise _no_json(response)
    code = str(content.get("code") or "") if isinstance(content, dict) else ""
    if 200 <= status < 300:
        return text, content
    if status == 429 or status >= 500:
        kind = _TooMuch if status in (500, 504) else StoreUnavailable
        raise kind(f"the store's answer is {status} {code}".strip(), retry_after=_asked_to_wait(response))
    raise StoreRefused(_what_to_do(status, code, content, access), status=status, code=code)


def _json(response: Response) -> tuple[str, Any]:
    """Text and content; None for anything but an object or a list."""
    try:
        text = (response.data or b"").decode("utf-8-sig")  # some plugins' files begin with a byte order mark
        content = json.loads(text)
    except (ValueError, RecursionError):
        return "", None
    return text, content if isinstance(content, dict | list) else None


def _no_json(response: Response) -> StoreUnavailable | StoreRefused:
    size = len(response.data or b"")
    if response.status == 404:
        advice = "is the address right, and are the permalinks set to anything but “Plain”?"
        return StoreRefused(f"there is no REST API at the store's address (404, a page): {advice}", status=404)
    blocked = " (a firewall or security plugin in front of the store?)" if response.status in (401, 403) else ""
    kind = _TooMuch if response.status in (500, 504) else StoreUnavailable
    message = f"the store's answer is {response.status} with {size} bytes that are no JSON{blocked}"
    return kind(message, retry_after=_asked_to_wait(response))


def _moved(response: Response) -> str:
    to = urlsplit(response.headers.get("location", ""))
    where = f"{to.scheme}://{to.netloc}" if to.netloc else "another address"
    return f"the store redirects to {where}: set that as the store's URL"


def _what_to_do(status: int, code: str, content: Any, access: Access) -> str:
    words = str(content.get("message") or "") if isinstance(content, dict) else ""
    told = f"the store refuses ({status} {code}): {words}"
    if status not in (401, 403):
        return told
    if code.startswith("woocommerce_rest_cannot_"):
        right = "A Read/Write key of an administrator or shop manager is needed"
        lost = "; or its web server drops the Authorization header" if access.secure else ""
        return f"{told} {right}{lost}"
    return f"{told} Check consumer key and secret (WooCommerce > Settings > Advanced > REST API)"


def _total(response: Response) -> int | None:
    text = response.headers.get("x-wp-total", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _asked_to_wait(response: Response) -> float | None:
    """Retry-After in seconds; web servers write it as a number or as a date."""
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return float(text) or None
    until, now = _epoch(text), _epoch(response.headers.get("date", ""))
    return until - now if now and until > now else None


def _epoch(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp() if date else 0.0
    except ValueError:
        return 0.0


def _is_number(value: object) -> bool:
    return re.fullmatch(r"-?\d{1,2}(\.\d+)?", str(value)) is not None


def _object(answer: _Answer) -> dict[str, Any]:
    if not isinstance(answer.content, dict):
        raise StoreUnavailable("the store's answer is a list where one thing was asked for")
    return answer.content


def _pieces(answer: _Answer) -> Iterator[Stored]:
    """Each object of a list with its own bytes: PHP writes an object in a list exactly as it writes it alone."""
    if not isinstance(answer.content, list):
        raise StoreUnavailable("the store's answer is no list where one was asked for")
    decoder, text = json.JSONDecoder(), answer.text
    start = _next(text, text.index("[") + 1)
    while text[start] != "]":
        found, end = decoder.raw_decode(text, start)
        if isinstance(found, dict) and type(found.get("id")) is int:
            yield Stored(text[start:end].encode(), found)
        start = _next(text, end)


_BETWEEN = re.compile(r"[\s,]*")


def _next(text: str, start: int) -> int:
    found = _BETWEEN.match(text, start)
    return found.end() if found else start


def _webhook(row: Mapping[str, Any]) -> Webhook:
    texts = {name: str(row.get(name) or "") for name in ("name", "status", "topic", "delivery_url")}
    return Webhook(id=int(row["id"]), **texts)


def _after_stretch(position: Position, page: _Page, dates: list[str]) -> tuple[Position, bool]:
    """Where to go on after a page by date, and whether it was the last."""
    latest = max(dates, default=position.moment)
    if page.ends_at(page.limit):
        return Position(max(latest, position.moment)), True
    if not dates:
        raise StoreUnavailable(f"the store counts {page.total} orders from {position.moment} on, but shows none")
    backwards = [later for earlier, later in pairwise(dates) if later < earlier]
    if backwards:  # without HPOS a store sorts by local time: when clocks go back, two hours come mixed
        return Position(min(backwards), 0, seconds=_MIXED_SECONDS), False
    return (Position(latest) if latest > position.moment else Position(latest, 0)), False


def _onward(position: Position, page: _Page) -> tuple[Position, bool]:
    """Where to go on after a page by number, and whether it was the last.

    When the list has become shorter, what was to come has moved up, past pages already read: so many places back.
    """
    offset, total = position.offset or 0, position.total if page.total is None else page.total
    if total < position.total:
        return replace(position, offset=max(0, offset - (position.total - total)), total=total), False
    return replace(position, offset=offset + page.limit, total=total), page.ends_at(offset + page.limit)


def _in_utc(asked: Mapping[str, str], by: By) -> dict[str, str]:
    """Dates without a zone and `dates_are_gmt`; with a `Z` they would be shifted by the shop's offset."""
    return dict(asked) | ({} if by is _CREATED_LOCAL else {"dates_are_gmt": "true"})


def moment(text: str) -> str:
    """A date and time as UTC in WooCommerce's form; without a zone it counts as UTC. ValueError if it is none."""
    parsed = datetime.fromisoformat(text)
    zoned = parsed.astimezone(UTC) if parsed.tzinfo else parsed
    return zoned.strftime("%Y-%m-%dT%H:%M:%S")


def _shifted(text: str, by: timedelta) -> str:
    return moment((datetime.fromisoformat(moment(text)) + by).isoformat())
