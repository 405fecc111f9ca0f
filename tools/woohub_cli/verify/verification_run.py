"""What the parts of a comparison share: the clients, and what orders and accounts have shown so far."""

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
# Called with an e-mail address and the time (epoch milliseconds): how the stack's other stores show the person.
OtherStores = Callable[[str, int], Iterable[ContactSnapshot]]


@dataclass(frozen=True)
class Seen:
    """A customer as an order or account shows them."""

    entity: str
    snapshot: ContactSnapshot


@dataclass(frozen=True)
class Link:
    """A deal and the e-mail address of the contact that it should have."""

    order_id: int
    deal: Record
    email: str

    @property
    def entity(self) -> str:
        """The order as logs and reports name it, such as "order:26"."""
        return f"order:{self.order_id}"


@dataclass
class VerificationRun:
    """One comparison.

    `clock` returns epoch seconds, `depth` the number of messages on the queue. `show` is called with the stage, its
    total and how much is done.
    """

    store: Store
    crm: Crm
    period: Period
    clock: Callable[[], float]
    depth: Callable[[], int] = lambda: 0
    show: Show = lambda _what, _total, _done: None
    people: ErasedPeople = NOBODY
    other_stores: OtherStores = lambda _email, _now_ms: ()
    modified: dict[str, str] = field(default_factory=dict)  # last change of each compared order and account
    seen: dict[str, list[Seen]] = field(default_factory=dict)  # by e-mail address
    links: list[Link] = field(default_factory=list)
    deals: dict[str, set[str]] = field(default_factory=dict)  # record ids by key
    accounts: set[int] = field(default_factory=set)  # ids of the accounts that placed the orders
    refused: set[str] = field(default_factory=set)  # addresses that HubSpot rejects
    named: dict[str, OrderName] = field(default_factory=dict)  # number and name of each order and account
    anonymised: dict[str, str] = field(default_factory=dict)  # by anonymised order: the id of its deal
    emptied: dict[str, str] = field(default_factory=dict)  # by account without a billing address: its e-mail address

    def __post_init__(self) -> None:
        target = self.crm.target
        self.table = target.table
        self.beside = self.crm.orders_beside()
        self.currencies = Currencies(self.crm)
        self.report = VerificationReport(self.period, utc_from_ms(self.now_ms()), target.record, target.in_hubspot)

    def now_ms(self) -> int:
        """Return the time in epoch milliseconds."""
        return int(self.clock() * 1000)

    def count_deal(self, record: Record, currency: str) -> None:
        """Add a deal to the totals of its day, if that is in the period. `currency` is used if the deal has none."""
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
    """Whether the row was created in the period, or has no credible date."""
    return not row.created_at or period.holds(row.created_at)
