"""What the parts of a comparison share: whom they ask, and what orders and accounts have shown so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from woohub.dates import utc_from_ms
from woohub.erasures import NOBODY, ErasedPeople
from woohub.hubspot.answers import Record
from woohub.mapping.mapping_file import STATUS
from woohub.store.client import Store
from woohub.store.payloads import TRASH
from woohub.store.rows import StoreRow
from woohub.sync.contacts import ContactSnapshot
from woohub_cli.checks.currencies import Currencies
from woohub_cli.load.latency import epoch
from woohub_cli.orders.order_names import OrderName
from woohub_cli.period import DATE_FORMAT, Period
from woohub_cli.verify.hubspot_records import Crm
from woohub_cli.verify.line_items import amount
from woohub_cli.verify.verification_report import DayTotals, VerificationReport

Show = Callable[[str, int | None, int], None]
# How the stack's other stores show the person of an address, at this time (epoch milliseconds).
OtherStores = Callable[[str, int], Iterable[ContactSnapshot]]


@dataclass(frozen=True)
class Seen:
    """A customer as an order or account shows them."""

    entity: str
    snapshot: ContactSnapshot


@dataclass(frozen=True)
class Link:
    """A deal that should have a contact."""

    order_id: int
    deal: Record
    email: str

    @property
    def entity(self) -> str:
        """As logs and reports name the order."""
        return f"order:{self.order_id}"


@dataclass
class VerificationRun:
    """One comparison. `clock` gives epoch seconds, `depth` the messages on the queue, `show` says what is done."""

    store: Store
    crm: Crm
    period: Period
    clock: Callable[[], float]
    depth: Callable[[], int] = lambda: 0
    show: Show = lambda _what, _total, _done: None
    people: ErasedPeople = NOBODY
    other_stores: OtherStores = lambda _email, _now_ms: ()
    modified: dict[str, str] = field(default_factory=dict)  # of each order and account that was looked at
    seen: dict[str, list[Seen]] = field(default_factory=dict)  # by e-mail address
    links: list[Link] = field(default_factory=list)
    deals: dict[str, set[str]] = field(default_factory=dict)  # record ids by key
    accounts: set[int] = field(default_factory=set)  # of the orders
    refused: set[str] = field(default_factory=set)  # addresses that HubSpot refuses
    named: dict[str, OrderName] = field(default_factory=dict)  # each order and account, as people know it
    anonymised: dict[str, str] = field(default_factory=dict)  # deal ids by order
    emptied: dict[str, str] = field(default_factory=dict)  # e-mail addresses by account

    def __post_init__(self) -> None:
        target = self.crm.target
        self.table = target.table
        self.beside = self.crm.orders_beside()  # where the mapping has both
        self.currencies = Currencies(self.crm)
        self.report = VerificationReport(self.period, utc_from_ms(self.now_ms()), target.record, target.in_hubspot)

    def now_ms(self) -> int:
        """Epoch milliseconds."""
        return int(self.clock() * 1000)

    def count_deal(self, record: Record, currency: str) -> None:
        """Add a deal to the totals of its day, if that is in the period."""
        closed = epoch(record.properties.get(self.crm.target.date))
        day = datetime.fromtimestamp(closed, UTC).strftime(DATE_FORMAT) if closed is not None else ""
        if record.properties.get(STATUS) == TRASH or not day or not self.report.period.holds(day):
            return
        totals = self.totals(day[:10], record.properties.get(self.crm.target.currency) or currency)
        totals.deals += 1
        totals.deals_sum += amount(record.properties.get(self.crm.target.amount))

    def totals(self, day: str, currency: str) -> DayTotals:
        return self.report.days.setdefault((day, currency), DayTotals())


def made_in(period: Period, row: StoreRow) -> bool:
    """Whether it was made in the period; one without a date that can be true may have been."""
    return not row.created_at or period.holds(row.created_at)
