"""How far reconcile has come: one SSM parameter, JSON that people may read and edit."""

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

START = "{}"  # in template.yaml
OVERLAP = timedelta(minutes=10)  # a store's writes become visible some time after the date they carry
CUSTOMER_OVERLAP = timedelta(days=1)  # accounts are compared with our clock: the store's may be far off
MAX_DELETIONS_UNCONFIRMED = 25  # more orders gone since the last check: rather another store than a deletion


def _dated(cursor: Cursor) -> Cursor:
    if not cursor.moment:
        raise ValueError("needs a moment")
    return cursor


OrderList = Literal["orders", "trash"]  # the two lists of orders: the trash must be asked for by itself
Id = Annotated[int, Field(ge=1)]
OrderCursor = Annotated[Cursor, AfterValidator(_dated)]
Night = Annotated[str, AfterValidator(lambda text: text and valid_date(text) and text)]  # kept as it was written
RecordName = Annotated[str, Field(pattern=r"^(order|customer|webhook):[1-9][0-9]{0,18}$")]


@dataclass(frozen=True)
class OrderProgress:
    """Orders dated before `moment` are on the queue.

    A store's writes become visible some time after the date they carry, so the last minutes are read again, but not
    what is dated before `settled`: that was read late enough. Reading that ran out of time continues at `resume`.
    """

    moment: Date
    settled: DateOrEmpty = ""  # by our clock or the store's, whichever is behind; it never leads past `moment`
    resume: OrderCursor | None = None
    began: DateOrEmpty = ""  # when the reading under way did, by our clock

    def start(self) -> Cursor:
        """Where to begin reading: a little before `moment`, except for what was read late enough."""
        if self.resume:
            return self.resume
        settled = min(self.settled, shifted(self.moment, timedelta(seconds=1)))
        return ByDate(max(settled, shifted(self.moment, -OVERLAP)))

    def rewound(self, since: str) -> OrderProgress:
        """At an earlier moment, never at a later one: that would skip orders still to be read."""
        if self.moment < since:
            return self
        return OrderProgress(min(since, self.resume.moment) if self.resume else since)


@dataclass(frozen=True)
class Scan:
    """A running scan of all customers: those changed since then are queued. `began` is by our clock."""

    position: ByOffset
    changed_since: DateOrEmpty
    began: DateOrEmpty = ""


@dataclass(frozen=True)
class DealCheck:
    """A running check of all deals for orders the store has no more; `after` is HubSpot's cursor, None at the end.

    `unlisted` are orders of the last page that the store does not list, still to be looked up by id: it lists no order
    whose status was a plugin's that is gone. `suspects` are those it does not know by id either, to be confirmed at the
    end, at most `limit`; without a limit they are deleted at once.
    """

    after: str | None = ""
    suspects: tuple[Id, ...] = ()
    limit: Count | None = None
    unlisted: tuple[Id, ...] = ()


@dataclass(frozen=True)
class Watermark:
    """All before is on the queue. Moments are UTC, `YYYY-MM-DDTHH:MM:SS`, and dates of the store's, not of a clock."""

    orders: OrderProgress
    trash: OrderProgress
    accounts: Count | None  # the highest customer id seen; None: not known yet, go by `since`
    since: Date  # where it all began
    scanned: Date  # customers changed before this have been queued
    scan: Scan | None = None
    check: DealCheck | None = None
    night: Night = ""  # the date for which the nightly work was begun
    completed: DateOrEmpty = ""  # when the last run that got through all changes began, by our clock
    behind: Seconds = 0  # that the store's clock was behind ours in the last run
    unreadable: tuple[RecordName, ...] = ()  # such as "order:123", left out of lists until the store can show them
    site: str = ""  # of the store that all this is about; "": not known

    @classmethod
    def beginning(cls, since: str, night: str) -> Watermark:
        """Where to start without a past."""
        return cls(OrderProgress(since), OrderProgress(since), None, since, since, night=night)

    def of_site(self, site: str) -> Watermark:
        """As it is for the store at this address, which may have been another one's so far.

        Another store has other ids and another list of accounts, so it is read again, from the earliest moment up to
        which anything was read: if it is the same shop at another address, nothing of it is skipped.
        """
        if self.site in ("", site):
            return replace(self, site=site)
        positions = [progress.resume.moment for progress in (self.orders, self.trash) if progress.resume]
        earliest = min([self.orders.moment, self.trash.moment, self.scanned, *positions])
        restarted = replace(Watermark.beginning(earliest, self.night), unreadable=self.unreadable, site=site)
        return replace(restarted, scan=Scan(FIRST, self.scan.changed_since)) if self.scan else restarted

    def progress(self, name: OrderList) -> OrderProgress:
        """How far this list of orders has been read."""
        return self.orders if name == "orders" else self.trash

    def with_progress(self, name: OrderList, progress: OrderProgress) -> Watermark:
        """With another progress of this list."""
        return replace(self, orders=progress) if name == "orders" else replace(self, trash=progress)

    def start(self, name: OrderList, behind_s: int) -> Cursor:
        """Where to begin reading this list, if the store's clock is so many seconds behind ours.

        A clock that stepped back dates changes before what was reached already.
        """
        progress, behind_s = self.progress(name), max(behind_s, self.behind)
        if progress.resume or not behind_s:
            return progress.start()
        since_last_run = shifted(self.completed or self.since, -OVERLAP - timedelta(seconds=behind_s))
        return ByDate(min(progress.start().moment, since_last_run))

    def with_request(self, request: RunRequest, night: str) -> Watermark:
        """With what the request, or a new night, adds to continuing: going back, a scan, a check."""
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
        """At an earlier moment, if that is earlier."""
        mark = replace(self, orders=self.orders.rewound(since), trash=self.trash.rewound(since))
        return mark.with_scan(since)

    def with_scan(self, since: str) -> Watermark:
        """With a scan from the start, of all that changed since then ("": all); also of what a running one is for."""
        changed_since = shifted(since, -CUSTOMER_OVERLAP) if since else ""
        earliest = min(changed_since, self.scan.changed_since) if self.scan else changed_since
        return replace(self, scan=Scan(FIRST, earliest))


_ADAPTER = TypeAdapter(Watermark)


class WatermarkParameter:
    """The watermark in SSM. Its methods raise botocore's errors."""

    def __init__(self, ssm: SSMClient, name: str, *, make_missing: bool = False) -> None:
        self._ssm = ssm
        self.name = name
        self._make_missing = make_missing  # that of a further store is no resource of the stack's

    def read(self) -> Watermark | str:
        """The watermark; while there is none yet, the moment the parameter was made: that of the deployment.

        InvalidParameter names what cannot be read.
        """
        if self._make_missing:
            self._make()
        version = last_written(self._ssm, self.name, START)
        return whole_seconds(version.written_at.isoformat()) if version.value.strip() == START else read(version.value)

    def _make(self) -> None:
        """The start, where there is no parameter yet: the store is read from now on."""
        with suppress(self._ssm.exceptions.ParameterAlreadyExists):
            self._ssm.put_parameter(Name=self.name, Value=START, Type="String", Overwrite=False)
        self._make_missing = False

    def write(self, watermark: Watermark) -> None:
        """Store it."""
        self._ssm.put_parameter(Name=self.name, Value=text(watermark), Type="String", Overwrite=True)


def read(value: str) -> Watermark:
    """From JSON. InvalidParameter: falling back to the present instead would silently skip changes."""
    return read_edited(_ADAPTER, value, "the watermark parameter cannot be read")


def text(watermark: Watermark) -> str:
    """As JSON, without what is not set."""
    return _ADAPTER.dump_json(watermark, exclude_defaults=True).decode()
