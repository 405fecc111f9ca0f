"""Talk to a WooCommerce store's REST API: orders and customers as it has them, and its webhooks.

Its ways, all seen on a live store: dates without a zone, so everything asked is UTC with `dates_are_gmt`;
`modified_after` excludes the second named; pages shift while orders change, so walks go by date and not by page;
`status=any` leaves out the trash; keys work over https only, plain http wants OAuth 1.0a. Hosts differ in how they take
calls: what one refuses is tried in the other ways of `woohub.fallbacks`, and the one that works is kept.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from urllib3.exceptions import HTTPError

from woohub.clock import Timer, jittered
from woohub.dates import shifted, usable, utc_from_ms
from woohub.errors import DeadlineExceeded
from woohub.http import Call, Http, unnoticed
from woohub.store import causes, fallbacks
from woohub.store.answers import Answer, epoch, judged
from woohub.store.pagination import (
    CHANGED,
    CREATED_LOCAL,
    FIRST,
    By,
    Page,
    Position,
    Step,
    Stored,
    after_stretch,
    in_utc,
    onward,
)
from woohub.store.requests import ANSWER, USUAL, Access, Question, StoreRefused, StoreUnavailable, TooMuch, Way, sent
from woohub.store.unreadable import KINDS, MOST_LEFT_OUT, Unreadable, at_fault, id_ranges

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
BACKOFF_LIST = BACKOFF[:2]  # of a page; then it is asked for by id only, to find the record that spoils it
SLOW = 10.0  # seconds a call takes that is not tried again and again
LEAST = 2.0  # seconds that must be left for a call to be worth starting
LONGEST_TROUBLE = 90.0  # seconds after which a call that keeps failing is given up, waits included
LONGEST_BREATH = 10.0  # seconds at most between two calls
MOST_SEARCHED = 300  # orders of a search that are read: a short text is found in addresses and telephone numbers, too
OLD_STORE_DAYS = 7  # how far back a store that cannot say what changed is read

BEYOND_THE_END = "10000000"  # an offset: the list there is empty, and no record is read for it
PLACE = ("orderby", "order", "offset", "per_page", "include", "exclude")  # parameters that say where in a list
NOTHING_ELSE: Mapping[str, str] = {}

_SECOND = timedelta(seconds=1)
_UNKNOWN = ("woocommerce_rest_shop_order_invalid_id", "wc_user_invalid_id", "woocommerce_rest_invalid_id")


@dataclass(frozen=True)
class Webhook:
    """A webhook of the store; its secret is never told, nor how often it has failed."""

    id: int
    name: str
    status: str  # active, paused, disabled
    topic: str
    delivery_url: str
    date_created_gmt: str = ""  # UTC


@dataclass(frozen=True)
class About:
    """What the store says about itself to anyone; `clock` is its own time, epoch seconds, 0 if it does not say.

    `closed` is how it refuses to say so to strangers: then only home, clock and that WooCommerce is there are known.
    """

    name: str
    home: str
    time_zone: str  # "America/New_York", or "" where only an offset is set
    utc_offset_hours: float | None  # None: not known
    namespaces: tuple[str, ...]
    clock: float
    closed: str = ""


def _silent(_event: str, **_fields: Any) -> None:
    return None


def _not_renewed() -> Access | None:
    return None


def _unsaid(_seconds: float, _reason: str) -> None:
    return None


@dataclass
class Store:
    """The client. Every method raises StoreUnavailable, StoreRefused or DeadlineExceeded.

    Between calls it waits as long as the last answer took (times `patience`), so that a slow shop has half of its
    time for shoppers; pages get smaller when the shop cannot make large ones. `behind` is how many seconds the store's
    clock was behind ours at its last answer, 0 if it was ahead or does not say. `way` is how it takes calls, as far as
    is known. `renew` reads the access again, for where it was changed meanwhile; `on_wait(seconds, reason)` is called
    before each wait for a store in trouble.
    """

    http: Http
    access: Access
    timer: Timer
    patience: float = 1.0
    page_size: int = PAGE
    random: Callable[[], float] = random.random
    wall_clock: Callable[[], float] = time.time
    on_call: Callable[[Call], None] = unnoticed
    warn: Callable[..., None] = _silent
    way: Way = USUAL
    renew: Callable[[], Access | None] = _not_renewed
    on_wait: Callable[[float, str], None] = _unsaid
    behind: float = field(default=0.0, init=False)
    _free_at: float = field(default=float("-inf"), init=False)
    _old: bool = field(default=False, init=False)
    _known_unreadable: dict[str, str] = field(default_factory=dict, init=False)  # "" as reason: known before

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
        """One order in any status, trash included; None when the store has none of this id.

        Unreadable where the store cannot show this one, while it lists orders.
        """
        return self._one("orders", order_id)

    def has_order(self, order_id: int) -> bool:
        """Whether the store has the order, in whatever status; one that it cannot even name counts as unreadable."""
        try:
            return self._one("orders", order_id, {"_fields": "id"}) is not None
        except Unreadable as error:
            self._known_unreadable[f"order:{order_id}"] = str(error)
            return True

    def orders_by_id(self, ids: Iterable[int]) -> dict[int, Stored]:
        """Those of these orders that the store has, trash included, 100 per call; drafts are left out."""
        wanted = list(dict.fromkeys(ids))
        found = self._including("orders", wanted, {"status": "any"})
        trashed = self._including("orders", [one for one in wanted if one not in found], {"status": "trash"})
        return found | trashed

    def search_orders(self, text: str) -> Iterator[Stored]:
        """Orders in which the store finds a text (in which fields depends on its plugins), the trash last."""
        for status in ("any", "trash"):
            offset, last = 0, False
            while not last and offset < MOST_SEARCHED:
                page = self._list("orders", {"search": text, "status": status, "offset": str(offset)})
                yield from page.rows
                offset += page.places
                last = page.ends_at(offset)

    # Customers

    def customers(self, start: Position = FIRST) -> Iterator[Step]:
        """Every account of role customer, by id. There is no way to ask for the changed ones."""
        position, last = start, False
        while not last:
            page = self._list("customers", {"orderby": "id", "order": "asc", "offset": str(position.offset or 0)})
            position, last = onward(position, page)
            yield Step(tuple(page.rows), position, last)

    def newest_customers(self, above: int) -> Iterator[tuple[Stored, ...]]:
        """Accounts with an id above this one, newest first, a page at a time."""
        offset, last = 0, False
        while not last:
            page = self._list("customers", {"orderby": "id", "order": "desc", "offset": str(offset)})
            new = tuple(row for row in page.rows if row.id > above)
            offset += page.places
            last = len(new) < len(page.rows) or page.ends_at(offset)
            if new:
                yield new

    def newest_customer_id(self) -> int:
        """The highest id of a customer, 0 if there is none."""
        page = self._list("customers", {"orderby": "id", "order": "desc", "per_page": "1", "_fields": "id"})
        return max((row.id for row in page.rows), default=0)

    def customer(self, customer_id: int) -> Stored | None:
        """One account of any role; None when the store has none of this id."""
        return self._one("customers", customer_id)

    def customers_by_id(self, ids: Iterable[int]) -> dict[int, Stored]:
        """Those of these accounts that the store has, of any role, 100 per call."""
        return self._including("customers", list(dict.fromkeys(ids)), {"role": "all"})

    def count(self, resource: str, **criteria: str) -> int:
        """How many "orders" or "customers" there are, without reading them."""
        page = self._list(resource, {"per_page": "1", "_fields": "id", **criteria})
        return len(page.rows) if page.total is None else page.total

    # Webhooks

    def webhooks(self) -> list[Webhook]:
        """All webhooks of the store, ours or not."""
        found: list[Webhook] = []
        offset, last = 0, False
        while not last:
            page = self._list("webhooks", {"orderby": "id", "order": "asc", "offset": str(offset)})
            found += [_webhook(row.fields) for row in page.rows]
            offset += page.places
            last = page.ends_at(offset)
        return found

    def create_webhook(self, *, name: str, topic: str, delivery_url: str, secret: str) -> Webhook:
        """Make a webhook, active at once; the store sends a ping to its URL."""
        if topic not in TOPICS:  # a store makes a webhook of "Order.Created" that never delivers
            raise ValueError(f"{topic} is not one of the topics woohub reads")
        body = {"name": name, "topic": topic, "delivery_url": delivery_url, "secret": secret}
        return _webhook(self._once(Question("POST", "wc/v3/webhooks", body=body)).object())

    def update_webhook(self, webhook_id: int, **changes: str) -> Webhook:
        """Change status (active, paused, disabled), topic, delivery_url, secret or name.

        Making it active does not reset the store's count of failures: the first failure after it disables it again.
        """
        return _webhook(self._once(Question("PUT", f"wc/v3/webhooks/{webhook_id}", body=changes)).object())

    def delete_webhook(self, webhook_id: int) -> None:
        """Remove a webhook for good; one that is not there any more is fine."""
        try:
            self._once(Question("DELETE", f"wc/v3/webhooks/{webhook_id}", {"force": "true"}))
        except StoreRefused as error:
            if error.status != 404:
                raise

    # The store itself

    def about(self) -> About:
        """Address, time zone, clock and REST namespaces; needs no key, so it tells a wrong address from a wrong key.

        Where that is closed to strangers, what WooCommerce tells the holder of the key.
        """
        try:
            answer = self._read("", {"_fields": "name,home,gmt_offset,timezone_string,namespaces"}, anonymous=True)
        except (StoreRefused, StoreUnavailable) as error:
            if not _is_closed(error):
                raise
            return self._about_behind_the_key(error.cause)
        facts = answer.object()
        offset = facts.get("gmt_offset")
        return About(
            name=str(facts.get("name") or ""),
            home=str(facts.get("home") or ""),
            time_zone=str(facts.get("timezone_string") or ""),
            utc_offset_hours=float(offset) if isinstance(offset, int | float | str) and _is_number(offset) else 0.0,
            namespaces=tuple(map(str, facts.get("namespaces") or ())),
            clock=epoch(answer.headers.get("date", "")),
        )

    def _about_behind_the_key(self, closed: str) -> About:
        try:
            answer = self._read("wc/v3/system_status", {"_fields": "environment"})
            home = str((answer.object().get("environment") or {}).get("home_url") or "")
        except (StoreRefused, StoreUnavailable):  # slow, and not open to every key
            answer, home = self._read("wc/v3/orders", {"per_page": "1", "_fields": "id"}), ""
        return About("", home, "", None, ("wc/v3",), epoch(answer.headers.get("date", "")), closed)

    def system_status(self, *sections: str) -> dict[str, Any]:
        """WooCommerce's status report, by sections such as "environment" (version, …) or "settings"; slow."""
        return self._read("wc/v3/system_status", {"_fields": ",".join(sections)}).object()

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
        asked = {by.after: shifted(position.moment, -_SECOND), "orderby": by.orderby, "order": "asc", "status": status}
        if until:
            asked[by.before] = shifted(until, _SECOND)
        page = self._dated(asked, by)
        dates = [date for row in page.rows if (date := usable(row.fields.get(by.field)))]
        too_early = sum(date < position.moment for date in dates)
        if by is CHANGED and too_early > len(dates) / 2:  # a few may have been given a date of their own by a plugin
            raise _TooOld
        return Step(tuple(page.rows), *after_stretch(position, page, dates, self._latest_possible(by)))

    def _latest_possible(self, by: By) -> str:
        """No date a walk can go on from is later; a local one may be a day ahead of UTC."""
        ahead = timedelta(minutes=1) if by.field.endswith("_gmt") else timedelta(days=1)
        return shifted(utc_from_ms(int(self.wall_clock() * 1000)), ahead)

    def _dated(self, asked: Mapping[str, str], by: By) -> Page:
        try:
            return self._list("orders", in_utc(asked, by))
        except StoreRefused as error:
            if by is CHANGED and error.code == "rest_invalid_param":
                raise _TooOld from None
            raise

    def _crowd(self, position: Position, by: By, status: str) -> Step:
        """A page of the seconds from `position.moment` on, by id: by date, orders of one second come in any order."""
        end = shifted(position.moment, timedelta(seconds=position.seconds))
        asked = {by.after: shifted(position.moment, -_SECOND), by.before: end, "orderby": "id", "order": "asc"}
        place = {"offset": str(position.offset or 0), "status": status}
        page = self._list("orders", in_utc(asked | place, by))
        then, last = onward(position, page)
        return Step(tuple(page.rows), Position(end) if last else then)

    def _recent(self, start: Position, status: str) -> Iterator[Step]:
        """What changed lately, from an old store: all orders of the last days are read, in one go."""
        since = shifted(start.moment, -timedelta(days=OLD_STORE_DAYS))
        latest = start.moment
        for step in self.orders(Position(since), by=CREATED_LOCAL, status=status):
            found = tuple(row for row in step.found if not row.modified_at or row.modified_at >= start.moment)
            latest = max([latest, *(one.modified_at for one in found)])
            yield Step(found, Position(latest) if step.last else start, step.last)

    # Calling

    def _one(self, resource: str, record_id: int, asked: Mapping[str, str] = NOTHING_ELSE) -> Stored | None:
        try:
            answer = self._read(f"wc/v3/{resource}/{record_id}", asked)
            return Stored(answer.text.strip().encode(), answer.object())
        except StoreRefused as error:
            if error.status == 404 and error.code in _UNKNOWN:  # any other 404 says nothing about the order
                return None
            raise
        except StoreUnavailable as error:
            if error.retry_after or not self.lists(resource):
                raise
            name = f"{KINDS[resource]}:{record_id}"
            raise Unreadable(f"the store lists {resource}, but cannot show {name}: {error}") from None

    def read_once_more(self, name: str) -> Stored | None:
        """A record that could not be read, such as "order:123", with a single call; None when it is gone."""
        kind, _, record_id = name.partition(":")
        resource = next(resource for resource, known in KINDS.items() if known == kind)
        try:
            answer = self._once(Question("GET", f"wc/v3/{resource}/{record_id}"))
        except StoreRefused as error:
            if error.status == 404 and error.code in _UNKNOWN:
                return None
            raise
        return Stored(answer.text.strip().encode(), answer.object())

    def _including(self, resource: str, ids: list[int], asked: Mapping[str, str]) -> dict[int, Stored]:
        found: dict[int, Stored] = {}
        while ids := [one for one in ids if one not in self._left_out(resource)]:
            some, ids = ids[: self.page_size], ids[self.page_size :]
            # per_page as many as asked for: a page made smaller on the way would make the rest look unknown.
            page = self._list(resource, {**asked, "include": _joined(some), "per_page": str(len(some))})
            found |= {row.id: row for row in page.rows}
            rest = [one for one in some if one not in found]
            if len(rest) < len(some) and not page.ends_at(len(page.rows)):  # the store gave fewer than it has
                ids = rest + ids
        return found

    def _list(self, resource: str, asked: Mapping[str, str]) -> Page:
        """One page without the records at fault; without a `per_page` of its own as large as the store can take."""
        size, narrowed = self.page_size, False
        while True:
            try:
                return self._page(resource, self._without(resource, asked), paged="per_page" not in asked)
            except StoreUnavailable as error:
                if error.retry_after:  # the whole store is down
                    raise
                left_out = self._leave_out(resource, self._without(resource, asked), error)
                if not left_out and narrowed:
                    raise
                narrowed, self.page_size = True, size if left_out else SMALLEST_PAGE

    def _page(self, resource: str, asked: Mapping[str, str], *, paged: bool) -> Page:
        answer = self._read(f"wc/v3/{resource}", asked, paged=paged, pauses=BACKOFF_LIST)
        return Page([Stored(*one) for one in answer.objects()], answer.total, answer.limit)

    def _without(self, resource: str, asked: Mapping[str, str]) -> dict[str, str]:
        """What to ask for, less the records that cannot be read."""
        left_out = self._left_out(resource)
        if "include" in asked:  # never an empty list, which would ask for all
            wanted = [one for one in asked["include"].split(",") if int(one) not in left_out]
            return {**asked, "include": ",".join(wanted) or "0"}
        return {**asked, "exclude": _joined(left_out)} if left_out else dict(asked)

    # Records that cannot be read

    def leave_out(self, names: Iterable[str]) -> None:
        """Read lists without these records, such as "order:123"."""
        self._known_unreadable = dict.fromkeys(names, "") | self._known_unreadable

    def leaves_out(self, kind: str, record_id: int) -> bool:
        """Whether lists are read without this record."""
        return f"{kind}:{record_id}" in self._known_unreadable

    @property
    def unreadable(self) -> dict[str, str]:
        """The records that this client found to be unreadable, such as "order:123", and why."""
        return {name: reason for name, reason in self._known_unreadable.items() if reason}

    def lists(self, resource: str) -> bool:
        """Whether the store answers a question for a list that reads no record; asked once, without patience."""
        try:
            return self._tried(resource, {"per_page": "1", "_fields": "id", "offset": BEYOND_THE_END}) is not None
        except (StoreRefused, StoreUnavailable):
            return False

    def _left_out(self, resource: str) -> list[int]:
        names = (name.partition(":") for name in self._known_unreadable)
        return [int(record_id) for kind, _, record_id in names if kind == KINDS[resource]]

    def _leave_out(self, resource: str, asked: Mapping[str, str], error: StoreUnavailable) -> bool:
        """Find which records spoil this page; raises `error` where it is the store that does not answer."""
        left_out = False
        for record_id in self._at_fault(resource, asked, error):
            if not self.lists(resource):
                raise error
            name = f"{KINDS[resource]}:{record_id}"
            if len(self._known_unreadable) >= MOST_LEFT_OUT:
                raise StoreUnavailable(f"more than {MOST_LEFT_OUT} records cannot be read, {name} is the next: {error}")
            self._known_unreadable[name] = str(error)
            self.warn("store_record_unreadable", record=name, error=str(error))
            left_out = True
        return left_out

    def _at_fault(self, resource: str, asked: Mapping[str, str], error: StoreUnavailable) -> Iterator[int]:
        """Which of a page that cannot be read are the reason."""
        size = int(asked.get("per_page", self.page_size))
        criteria = {name: text for name, text in asked.items() if name not in PLACE}
        if "include" in asked:
            ids = [int(one) for one in asked["include"].split(",")]
            return at_fault(ids, partial(self._reads, resource, criteria))
        self._back_off(error, BACKOFF[-2], self.timer.now())
        began = self.timer.now()
        listed = self._tried(resource, {**asked, "per_page": str(size), "_fields": "id"})
        if listed is not None:
            return at_fault([row.id for row in listed.rows], partial(self._reads, resource, criteria))
        slow = self.timer.now() - began > SLOW
        self._back_off(error, BACKOFF[-1], self.timer.now())
        if not self.lists(resource):
            raise error
        return self._unlistable(resource, asked, criteria, 0 if slow else min(size, SMALLEST_PAGE))

    def _unlistable(
        self, resource: str, asked: Mapping[str, str], criteria: Mapping[str, str], neighbours: int
    ) -> Iterator[int]:
        """Records that cannot even be listed by id: their ids are found by asking for ids that may be theirs.

        `neighbours` are how many places of the page are looked at for where to begin; none where each call takes long.
        """
        first, single = int(asked.get("offset", "0")), {"per_page": "1", "_fields": "id"}
        pages = [self._tried(resource, {**asked, **single, "offset": str(first + n)}) for n in range(neighbours)]
        near = [row.id for page in pages if page for row in page.rows]
        missing = sum(page is None for page in pages) or 1
        reads = partial(self._reads, resource, {**criteria, "_fields": "id"})
        for candidates in id_ranges(near, self._newest_id(resource)):
            left_out = self._left_out(resource)
            ids = [record_id for record_id in candidates if record_id not in left_out]
            for record_id in at_fault(ids, reads) if not neighbours or not reads(ids) else ():
                missing -= 1
                yield record_id
            if missing <= 0:
                return

    def _newest_id(self, resource: str) -> int:
        """The highest id of a record that can be listed."""
        newest = {"orderby": "id", "order": "desc", "per_page": "1", "_fields": "id"}
        pages = (self._tried(resource, {**newest, "offset": str(place)}) for place in range(SMALLEST_PAGE))
        return next((row.id for page in pages if page for row in page.rows), 0)

    def _reads(self, resource: str, criteria: Mapping[str, str], ids: Sequence[int]) -> bool:
        """Whether a page of these records can be read; a single one is given a second chance."""
        asked = {**criteria, "include": _joined(ids), "per_page": str(len(ids))}
        began = self.timer.now()
        if self._tried(resource, asked) is not None:
            return True
        if len(ids) > 1 or self.timer.now() - began > SLOW:
            return False
        self.timer.sleep(BACKOFF[0])
        return self._tried(resource, asked) is not None

    def _tried(self, resource: str, asked: Mapping[str, str]) -> Page | None:
        """A page asked for once; None when the store cannot give it, but StoreUnavailable when it asks to wait."""
        try:
            answer = self._once(Question("GET", f"wc/v3/{resource}", asked))
            return Page([Stored(*one) for one in answer.objects()], answer.total, answer.limit)
        except StoreUnavailable as error:
            if error.retry_after:
                raise
            return None

    def _read(
        self,
        path: str,
        asked: Mapping[str, str],
        *,
        paged: bool = False,
        anonymous: bool = False,
        pauses: Sequence[float] = BACKOFF,
    ) -> Answer:
        began = self.timer.now()
        for pause in pauses:
            try:
                return self._once(Question("GET", path, self._sized(asked, paged), anonymous=anonymous))
            except StoreUnavailable as error:
                if anonymous and _is_closed(error):
                    raise
                if self.timer.now() - began > SLOW and pauses is BACKOFF_LIST:  # few such tries fit one run
                    raise
                self._back_off(error, pause, began)
        return self._once(Question("GET", path, self._sized(asked, paged), anonymous=anonymous))

    def _sized(self, asked: Mapping[str, str], paged: bool) -> Mapping[str, str]:
        return {**asked, "per_page": str(self.page_size)} if paged else asked

    def _back_off(self, error: StoreUnavailable, pause: float, began: float) -> None:
        """Wait before the next try, or give up with the error itself where that takes too long."""
        wait = max(error.retry_after or 0, jittered(pause, self.random))
        left = min(self.timer.left() - LEAST, began + LONGEST_TROUBLE - self.timer.now())
        if wait >= left:
            raise error
        if isinstance(error, TooMuch):  # without an answer a try takes half a minute: there are few of them
            self.page_size = max(SMALLEST_PAGE, self.page_size // (2 if error.status else 4))
        self.on_wait(wait, str(error))
        self.timer.sleep(wait)

    def _once(self, question: Question) -> Answer:
        """Ask; where the store refuses, with the key and address of this moment."""
        try:
            return self._in_some_way(question)
        except (StoreRefused, StoreUnavailable) as error:
            if not _may_be_outdated(error) or not self._renewed():
                raise
        return self._in_some_way(question)

    def _renewed(self) -> bool:
        access = self.renew()
        if access is None or access == self.access:
            return False
        self.access, self.way = access, USUAL
        self.warn("store_access_was_changed")
        return True

    def _in_some_way(self, question: Question) -> Answer:
        """Ask in the way known, and once in each other way that a refusal hints at."""
        ways, tried, refused = [self.way], list[Way](), list[StoreRefused]()
        while ways and len(tried) < fallbacks.MOST:
            tried.append(way := ways.pop(0))
            try:
                answer = self._ask(question, way)
            except StoreRefused as error:
                if not refused or error.code:  # WooCommerce's own word is worth more than a web server's
                    refused.append(error)
                if error.code and error.status not in (401, 403):
                    self._keep(way)
                hinted = fallbacks.others(error, question, self.access, way, self._home)
                ways = [it for it in hinted if it not in tried] + ways
            except StoreUnavailable as error:
                redirected = bool(refused) and 300 <= refused[-1].status < 400
                if not refused or error.status == 429 or error.status >= 500 or not (error.status or redirected):
                    raise
            else:
                self._keep(way)
                return answer
        raise refused[-1]

    def _keep(self, way: Way) -> None:
        if way == self.way:
            return
        for part, event in fallbacks.EVENTS.items():
            if getattr(way, part) != getattr(self.way, part):
                self.warn(event, url=way.url or self.access.url)
        self.way = way

    def _home(self) -> str:
        """The home address that the store tells to anyone, "" if it does not."""
        try:
            answer = self._ask(Question("GET", "", {"_fields": "home"}, anonymous=True), self.way)
            return str(answer.object().get("home") or "")
        except (StoreRefused, StoreUnavailable):
            return ""

    def _ask(self, question: Question, way: Way) -> Answer:
        self.timer.sleep(max(0.0, self._free_at - self.timer.now()))
        if self.timer.left() < LEAST:
            raise DeadlineExceeded(f"{self.timer.left():.1f} s left are too few for another call to the store")
        started, patience = self.timer.now(), min(ANSWER, self.timer.left() - 1)
        status = 0
        try:
            response = sent(self.http, self.access, way, question, self.wall_clock(), patience)
            status = response.status
        except HTTPError as error:
            raise causes.of_no_answer(error, question, self.access, patience) from None
        finally:
            took = self.timer.now() - started
            self._free_at = self.timer.now() + min(LONGEST_BREATH, took * self.patience)
            self.on_call(Call(question.method, f"/{question.path}", status, took, 0))
        told = epoch(response.headers.get("date", ""))
        self.behind = max(0.0, self.wall_clock() - told) if told else 0.0
        return judged(response, question, self.access, way)


def _is_closed(error: StoreRefused | StoreUnavailable) -> bool:
    """Whether a stranger is refused what others may see: plugins do so with 401, 403 or as if it were not there."""
    return error.status in (401, 403) or (isinstance(error, StoreRefused) and error.code.startswith("rest_"))


def _may_be_outdated(error: StoreRefused | StoreUnavailable) -> bool:
    """Whether another key or address might help: refused, redirected, or nobody there."""
    if isinstance(error, StoreUnavailable):
        return not error.status and not isinstance(error, TooMuch)
    return error.status in (401, 403) or 300 <= error.status < 400 or (error.status == 404 and not error.code)


class _TooOld(Exception):
    """The store does not know `modified_after` (before WooCommerce 5.8): it refused, or gave what was not asked for."""


def _joined(ids: Iterable[int]) -> str:
    return ",".join(map(str, ids))


def _is_number(value: object) -> bool:
    return re.fullmatch(r"-?\d{1,2}(\.\d+)?", str(value)) is not None


def _webhook(row: Mapping[str, Any]) -> Webhook:
    texts = {name: str(row.get(name) or "") for name in ("name", "status", "topic", "delivery_url", "date_created_gmt")}
    return Webhook(id=int(row["id"]), **texts)
