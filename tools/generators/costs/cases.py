"""Months worked out: what each costs, as rows for people and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .bill import OPTIONAL, Prices, by_service, total
from .month import HOURS, Month

HUBSPOT_CALLS_A_DAY = 250_000  # of an account of the smaller plans; larger ones have 650,000 or a million
DAYS = HOURS / 24

Row = list[str]  # a name, and a value for each case


@dataclass(frozen=True)
class Case:
    """A month with its bill, in US dollars by service."""

    month: Month
    prices: Prices

    @property
    def bill(self) -> dict[str, float]:
        """At list price."""
        return by_service(self.month.quantities(), self.prices)

    @property
    def total(self) -> float:
        """At list price, without the web ACL."""
        return total(self.bill)

    @property
    def total_with_free_tier(self) -> float:
        """In an account that uses nothing else of the always-free tier."""
        return total(by_service(self.month.quantities(), self.prices, free_tier=True))

    @property
    def hubspot_calls_a_day(self) -> float:
        """Calls to HubSpot on a mean day."""
        return self.month.hubspot_calls / DAYS


def head(cases: Sequence[Case], name: str) -> Row:
    """The columns."""
    return [name, *(f"{case.month.deliveries:,.0f}" for case in cases)]


def services(cases: Sequence[Case]) -> list[Row]:
    """What each service costs."""
    return [_dollars(name, [case.bill[name] for case in cases]) for name in cases[0].bill if name != OPTIONAL]


def sums(cases: Sequence[Case]) -> list[Row]:
    """The totals, and what is optional."""
    return [
        _dollars("Total", [case.total for case in cases]),
        _dollars("Total with the always-free tier", [case.total_with_free_tier for case in cases]),
        _dollars("Optional web ACL, additional", [case.bill[OPTIONAL] for case in cases]),
    ]


def _dollars(name: str, values: Sequence[float]) -> Row:
    return [name, *(f"{value:,.2f}" for value in values)]


AMOUNTS: dict[str, Callable[[Case], str]] = {
    "deliveries in a batch": lambda case: f"{case.month.deliveries / case.month.batches:.1f}",
    "messages of sweeps": lambda case: f"{case.month.swept:,.0f}",
    "invocations of functions": lambda case: f"{sum(case.month.invocations.values()):,.0f}",
    "SQS requests": lambda case: f"{case.month.sqs_requests:,.0f}",
    "GB of logs": lambda case: f"{case.month.log_gb:.2f}",
    f"HubSpot calls a day, of {HUBSPOT_CALLS_A_DAY:,} at the least": lambda case: _calls(case.hubspot_calls_a_day),
}


def amounts(cases: Sequence[Case]) -> list[Row]:
    """What is behind the dollars."""
    return [[name, *map(text, cases)] for name, text in AMOUNTS.items()]


def _calls(a_day: float) -> str:
    return f"{a_day:,.0f} ({a_day / HUBSPOT_CALLS_A_DAY:.1%})"


def as_json(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Everything, unrounded."""
    return [
        {
            "deliveries": case.month.deliveries,
            "usd": case.bill,
            "total_usd": case.total,
            "total_usd_with_free_tier": case.total_with_free_tier,
            "quantities": case.month.quantities(),
            "hubspot_calls_a_day": case.hubspot_calls_a_day,
            "assumptions": dict(case.month.assumed),
        }
        for case in cases
    ]
