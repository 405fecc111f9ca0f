"""The report of a comparison of store and HubSpot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from woohub_cli.checks.currencies import NotEnabled
from woohub_cli.load.latency import Lags
from woohub_cli.period import Period
from woohub_cli.verify.comparison import Mismatch, MismatchKind
from woohub_cli.verify.erased import ErasedPerson


@dataclass
class DayTotals:
    """The orders of one day and currency, by creation date, in the store and in HubSpot."""

    orders: int = 0
    orders_sum: Decimal = Decimal(0)
    deals: int = 0
    deals_sum: Decimal = Decimal(0)

    @property
    def equal(self) -> bool:
        return (self.orders, self.orders_sum) == (self.deals, self.deals_sum)

    def facts(self) -> dict[str, Any]:
        """Return the facts for --json. Sums are text, so that they stay exact."""
        return vars(self) | {"orders_sum": str(self.orders_sum), "deals_sum": str(self.deals_sum)}


@dataclass
class VerificationReport:
    """What was compared, and the result."""

    period: Period
    began: str
    record: str = "deal"  # the word for an order's record in HubSpot; see Target
    in_hubspot: str = "deal"
    orders: int = 0
    accounts: int = 0
    contacts: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)
    on_their_way: list[str] = field(default_factory=list)  # orders and accounts that changed just now
    waiting: int = 0  # messages on the queue after the comparison, if they may hold what differs
    refused_addresses: int = 0  # orders without a contact, because HubSpot refuses the address
    currencies: list[NotEnabled] = field(default_factory=list)
    anonymised: int = 0  # orders without a person, which need no contact
    forgotten: int = 0  # of these, orders of people erased by `woohub erase`; the store anonymised the others
    erased: list[ErasedPerson] = field(default_factory=list)  # people erased in the store, but not in HubSpot
    notes: Counter[str] = field(default_factory=Counter)  # remarks, such as what HubSpot lacks
    days: dict[tuple[str, str], DayTotals] = field(default_factory=dict)  # (2026-11-24, USD)
    lags: Lags = field(default_factory=Lags)
    unreadable: dict[str, str] = field(default_factory=dict)  # "order:123" → why the store could not return it

    @property
    def records(self) -> str:
        """The plural of `record`."""
        return f"{self.record}s"

    @property
    def equal(self) -> bool:
        return not self.mismatches

    @property
    def matches(self) -> str:
        """The sentence for a report without differences."""
        return f"HubSpot matches {'what the store returned' if self.unreadable else 'the store'}."

    @cached_property
    def problems(self) -> Counter[str]:
        return Counter(mismatch.kind.value for mismatch in self.mismatches)

    def facts(self) -> dict[str, Any]:
        """Return the facts for --json. They have values of orders and contacts, which are personal data."""
        return self.period.facts() | {
            "checked": {"orders": self.orders, "accounts": self.accounts, "contacts": self.contacts},
            "equal": self.equal,
            "problems": {kind.value: self.problems[kind.value] for kind in MismatchKind},
            "findings": [mismatch.facts() for mismatch in self.mismatches],
            "on_their_way": self.on_their_way,
            "waiting_in_queue": self.waiting,
            "addresses_refused_by_hubspot": self.refused_addresses,
            "currencies_not_enabled": [currency.facts() for currency in self.currencies],
            "anonymised_orders": self.anonymised,
            "orders_of_erased_people": self.forgotten,
            "erased_people_in_hubspot": [person.facts() for person in self.erased],
            "notes": dict(self.notes),
            "unreadable": self.unreadable,
            "latency": self.lags.facts(),
            "days": [
                {"day": day, "currency": currency} | totals.facts()
                for (day, currency), totals in sorted(self.days.items())
            ],
        }
