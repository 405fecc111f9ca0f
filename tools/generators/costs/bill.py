"""Quantities times prices, by service."""

from __future__ import annotations

from collections.abc import Mapping

from .prices import Price

OPTIONAL = "Web ACL"  # the service that is not in the total

Prices = Mapping[str, Price]


def by_service(quantities: Mapping[str, float], prices: Prices, *, free_tier: bool = False) -> dict[str, float]:
    """US dollars for each service, in the order of the quantities."""
    bill: dict[str, float] = {}
    for name, quantity in quantities.items():
        price = prices[name]
        bill[price.service] = bill.get(price.service, 0.0) + price.of(quantity, free_tier=free_tier)
    return bill


def total(bill: Mapping[str, float]) -> float:
    """The sum without what is optional."""
    return sum(usd for service, usd in bill.items() if service != OPTIONAL)


def largest(bill: Mapping[str, float], count: int = 3) -> list[str]:
    """The services that cost most."""
    services = [service for service in bill if service != OPTIONAL]
    return sorted(services, key=lambda service: -bill[service])[:count]
