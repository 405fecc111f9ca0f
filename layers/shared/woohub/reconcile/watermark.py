"""The watermark: how far a store has been read. It is JSON in an SSM parameter, which people may read and edit."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter

from woohub.dates import shifted, whole_seconds
from woohub.pydantic_json import read_edited
from woohub.reconcile.request import RunRequest
from woohub.ssm import last_written
from woohub.store.cursors import FIRST, ByDate, ByOffset, Count, Cursor, Date, DateOrEmpty, Seconds, valid_date

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

START = "{}"  # the parameter's value in template.yaml
OVERLAP = timedelta(minutes=10)  # so long a store's writes may become visible after the date that they carry
CUSTOMER_OVERLAP = timedelta(days=1)  # larger, because accounts' dates are compared with woohub's clock
MAX_DELETIONS_UNCONFIRMED = 25  # if more orders are gone, it probably is another store, and people must confirm it


def _dated(cursor: Cursor) -> Cursor:
    if not cursor.moment:
        raise ValueError("needs a moment")
    return cursor


OrderList = Literal["orders", "trash"]  # two lists, because no list of a store includes both
Id = Annotated[int, Field(ge=1)]
OrderCursor = Annotated[Cursor, AfterValidator(_dated)]
Night = Annotated[str, AfterValidator(lambda text: text and valid_date(text) and text)]  # a date, not converted
RecordName = Annotated[str, Field(pattern=r"^(order|customer|webhook):[1-9][0-9]{0,18}$")]


@dataclass(frozen=True)
class OrderProgress:
    """How far a list of orders has been read: orders dated before `moment` are on the queue.

    A store's writes become visible some time after the date that they carry, so the last minutes are read again. Orders
    dated before `settled` were read late enough, and are not. A reading that ran out of time continues at `resume`.
    """

    moment: Date
    settled: DateOrEmpty = ""  # by woohub's clock or the store's, whichever is behind
    resume: OrderCursor | None = None
    began: DateOrEmpty = ""  # when a reading that is not finished began, by woohub's clock

    def start(self) -> Cursor:
        """Return where to begin reading: at `resume`, or ten minutes before `moment`, but not before `settled`."""
        if self.resume:
            return self.resume
        settled = min(self.settled, shifted(self.moment, timedelta(seconds=1)))
        return ByDate(max(settled, shifted(self.moment, -OVERLAP)))

    def rewound(self, since: str) -> OrderProgress:
        """Return the progress moved back to `since`; unchanged if it is not that far, so that nothing is skipped."""
        if self.moment < since:
            return self
        return OrderProgress(min(since, self.resume.moment) if self.resume else since)


@dataclass(frozen=True)
class Scan:
    """A scan of all customers that is not finished. Those changed since `changed_since` ("": all) are queued.

    `position` is where to continue; `began` is the scan's start by woohub's clock.
    """

    position: ByOffset
    changed_since: DateOrEmpty
    began: DateOrEmpty = ""


@dataclass(frozen=True)
class DealCheck:
    """A check of all deals for deleted orders that is not finished. `after` is HubSpot's cursor, None at the end.

    `unlisted` are orders of the last page that the store does not list. They are still to be looked up by id, because a
    store does not list orders in a removed plugin's status. `suspects` are those that the store does not have by id
    either. They are confirmed at the end, if they are at most `limit`; without a limit they are deleted at once.
    """

    after: str | None = ""
    suspects: tuple[Id, ...] = ()
    limit: Count | None = None
    unlisted: tuple[Id, ...] = ()


@dataclass(frozen=True)
class Watermark:
    """How far a store has been read: all changes before are on the queue.

    Dates are in UTC, `YYYY-MM-DDTHH:MM:SS`. They are the store's own dates, unless they are said to be by woohub's
    clock.
    """

    orders: OrderProgress
    trash: OrderProgress
    accounts: Count | None  # the highest customer id read; None: not known yet, so `since` decides
    since: Date  # when the store was read for the first time
    scanned: Date  # customers changed before this have been queued
    scan: Scan | None = None
    check: DealCheck | None = None
    night: Night = ""  # the date for which the nightly work was begun
    completed: DateOrEmpty = ""  # when the last run that read all changes began, by woohub's clock
    behind: Seconds = 0  # by which the store's clock was behind woohub's in the last run
    unreadable: tuple[RecordName, ...] = ()  # records left out of lists until the store can show them
    site: str = ""  # the store's address in canonical form; "": not known

    @classmethod
    def beginning(cls, since: str, night: str) -> Watermark:
        """Return the watermark of a store that was never read, and is to be read from `since` on."""
        return cls(OrderProgress(since), OrderProgress(since), None, since, since, night=night)

    def of_site(self, site: str) -> Watermark:
        """Return the watermark for the store at this address; it starts again if it was another address's before.

        Another store has other ids and other accounts. It is read from the earliest date up to which everything was
        read, so that nothing is skipped if it is the same shop at another address.
        """
        if self.site in ("", site):
            return replace(self, site=site)
        positions = [progress.resume.moment for progress in (self.orders, self.trash) if progress.resume]
        earliest = min([self.orders.moment, self.trash.moment, self.scanned, *positions])
        restarted = replace(Watermark.beginning(earliest, self.night), unreadable=self.unreadable, site=site)
        return replace(restarted, scan=Scan(FIRST, self.scan.changed_since)) if self.scan else restarted

    def progress(self, name: OrderList) -> OrderProgress:
        """Return how far this list of orders has been read."""
        return self.orders if name == "orders" else self.trash

    def with_progress(self, name: OrderList, progress: OrderProgress) -> Watermark:
        """Return the watermark with a new progress of this list."""
        return replace(self, orders=progress) if name == "orders" else replace(self, trash=progress)

    def start(self, name: OrderList, behind_s: int) -> Cursor:
        """Return where to begin reading this list, if the store's clock is `behind_s` seconds behind woohub's.

        After a clock was set back, changes may be dated before what was read already.
        """
        progress, behind_s = self.progress(name), max(behind_s, self.behind)
        if progress.resume or not behind_s:
            return progress.start()
        since_last_run = shifted(self.completed or self.since, -OVERLAP - timedelta(seconds=behind_s))
        return ByDate(min(progress.start().moment, since_last_run))

    def with_request(self, request: RunRequest, night: str) -> Watermark:
        """Return the watermark with the work that a request or a new night adds: going back, a scan, a check."""
        mark, nightly = replace(self, night=night), self.night != night
        if request.since:
            mark = mark.rewound(request.since)
        if nightly or request.customers:
            mark = mark.with_scan("" if request.customers == "all" else mark.scanned)
        if request.deleted or (nightly and mark.check is None):
            limit = None if request.deleted == "all" else MAX_DELETIONS_UNCONFIRMED
            mark = replace(mark, check=DealCheck(limit=limit))
        return mark

    def rewound(self, since: str) -> Watermark:
        """Return the watermark moved back to `since`, as far as it is later, with a scan of the accounts since then."""
        mark = replace(self, orders=self.orders.rewound(since), trash=self.trash.rewound(since))
        return mark.with_scan(since)

    def with_scan(self, since: str) -> Watermark:
        """Return the watermark with a new scan of the accounts changed since `since` ("": all).

        The new scan replaces one that is not finished, and covers its changes as well.
        """
        changed_since = shifted(since, -CUSTOMER_OVERLAP) if since else ""
        earliest = min(changed_since, self.scan.changed_since) if self.scan else changed_since
        return replace(self, scan=Scan(FIRST, earliest))


_ADAPTER = TypeAdapter(Watermark)


class WatermarkParameter:
    """The watermark in SSM. Its methods raise botocore's errors."""

    def __init__(self, ssm: SSMClient, name: str, *, make_missing: bool = False) -> None:
        self._ssm = ssm
        self.name = name
        self._make_missing = make_missing  # True for a further store, whose parameter the template does not create

    def read(self) -> Watermark | str:
        """Return the watermark, or the date of the parameter's creation if the store was never read.

        Raises InvalidParameter, which names what cannot be read.
        """
        if self._make_missing:
            self._make()
        version = last_written(self._ssm, self.name, START)
        return whole_seconds(version.written_at.isoformat()) if version.value.strip() == START else read(version.value)

    def _make(self) -> None:
        """Create the parameter if there is none. The store is then read from now on."""
        with suppress(self._ssm.exceptions.ParameterAlreadyExists):
            self._ssm.put_parameter(Name=self.name, Value=START, Type="String", Overwrite=False)
        self._make_missing = False

    def write(self, watermark: Watermark) -> None:
        """Store the watermark."""
        self._ssm.put_parameter(Name=self.name, Value=text(watermark), Type="String", Overwrite=True)


def read(value: str) -> Watermark:
    """Read a watermark's JSON. Raises InvalidParameter: starting from now instead would silently skip changes."""
    return read_edited(_ADAPTER, value, "the watermark parameter cannot be read")


def text(watermark: Watermark) -> str:
    """Return a watermark as JSON, without default values."""
    return _ADAPTER.dump_json(watermark, exclude_defaults=True).decode()
