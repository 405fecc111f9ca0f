"""Places on a walk through a store's orders or customers, and what is found there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from woohub.dates import usable
from woohub.store.requests import StoreUnavailable

MIXED_SECONDS = 7200  # two hours, which have the same local times when clocks go back
ALL_THE_REST_SECONDS = 100 * 365 * 86_400  # later than any date a store has


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
        """UTC, `YYYY-MM-DDTHH:MM:SS`; "" where the store has no date that can be true."""
        return usable(self.fields.get("date_created_gmt")) or usable(self.fields.get("date_created"))

    @property
    def modified_at(self) -> str:
        """UTC; of a customer never changed since, the date of the account. "" where no date can be true."""
        changed = usable(self.fields.get("date_modified_gmt")) or usable(self.fields.get("date_modified"))
        return changed or self.created_at


@dataclass(frozen=True)
class Position:
    """A place in a walk: all before `moment` was seen.

    Customers have no date to walk along, and many orders of one second cannot be told apart by theirs. Such a list is
    read by number instead: `offset` of its `total` were seen. It is all customers, or the orders of the `seconds` from
    `moment` on.
    """

    moment: str = ""  # UTC, YYYY-MM-DDTHH:MM:SS
    offset: int | None = None  # None: the walk goes by date
    total: int = 0
    seconds: int = 1


FIRST = Position(offset=0)  # of a list that is read by number


@dataclass(frozen=True)
class Step:
    """Some orders or customers, and the place to go on from once they are on the queue. `last`: there are no more."""

    found: tuple[Stored, ...]
    then: Position
    last: bool = False


@dataclass(frozen=True)
class By:
    """A date to walk along: the store's parameters to ask by it, and the field that holds it."""

    after: str
    before: str
    orderby: str
    field: str


CHANGED = By("modified_after", "modified_before", "modified", "date_modified_gmt")
CREATED = By("after", "before", "date", "date_created_gmt")
CREATED_LOCAL = By("after", "before", "date", "date_created")  # for stores that do not know dates_are_gmt


@dataclass(frozen=True)
class Page:
    """Rows of a list, how many there are in all (None: the store does not say), and how many were asked for."""

    rows: list[Stored]
    total: int | None
    limit: int

    @property
    def places(self) -> int:
        """How far in the list the next page begins: some stores give fewer than asked for, whatever the limit."""
        return len(self.rows) or self.limit

    def ends_at(self, seen: int) -> bool:
        """Whether nothing is left: a page may come short, also of what the key's user may not see."""
        return not self.rows if self.total is None else self.total <= seen


def after_stretch(position: Position, page: Page, dates: list[str], latest_possible: str) -> tuple[Position, bool]:
    """Where to go on after a page by date, and whether it was the last.

    A date before what was asked for, or in the future, is none to go on from: it may be other than the one the store
    sorts by. Where no date is left, all the rest is read by number.
    """
    dates = [date for date in dates if position.moment <= date <= latest_possible]
    latest = max(dates, default=position.moment)
    if page.ends_at(page.places):
        return Position(latest), True
    if not page.rows:
        raise StoreUnavailable(f"the store counts {page.total} orders from {position.moment} on, but shows none")
    if not dates:
        return Position(position.moment, 0, seconds=ALL_THE_REST_SECONDS), False
    backwards = [later for earlier, later in pairwise(dates) if later < earlier]
    if backwards:  # without HPOS a store sorts by local time: when clocks go back, two hours come mixed
        return Position(min(backwards), 0, seconds=MIXED_SECONDS), False
    return (Position(latest) if latest > position.moment else Position(latest, 0)), False


def onward(position: Position, page: Page) -> tuple[Position, bool]:
    """Where to go on after a page by number, and whether it was the last.

    When the list has become shorter, what was to come has moved up, past pages already read: so many places back.
    """
    offset, total = position.offset or 0, position.total if page.total is None else page.total
    if total < position.total:
        return replace(position, offset=max(0, offset - (position.total - total)), total=total), False
    offset += page.places
    return replace(position, offset=offset, total=total), page.ends_at(offset)


def in_utc(asked: Mapping[str, str], by: By) -> dict[str, str]:
    """The parameters, said to be in UTC by `dates_are_gmt`: dates with a `Z` would be shifted by the shop's offset."""
    return dict(asked) | ({} if by is CREATED_LOCAL else {"dates_are_gmt": "true"})
