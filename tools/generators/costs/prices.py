"""List prices of one region, out of prices.toml or a file like it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRICES = Path(__file__).with_name("prices.toml")
REGION = "us-east-1"


class InvalidFile(ValueError):
    """A file of prices or assumptions, or a value given for one, cannot be used; the text says why."""


@dataclass(frozen=True)
class Price:
    """What `per` units cost in US dollars; `free` units a month cost nothing where the free tier counts."""

    service: str
    unit: str
    per: float
    usd: float
    free: float = 0
    from_memory: bool = False

    def of(self, quantity: float, *, free_tier: bool = False) -> float:
        """US dollars for so many units."""
        paid = max(quantity - self.free, 0) if free_tier else quantity
        return paid / self.per * self.usd

    def __str__(self) -> str:
        dollars = f"{self.usd:.2f}" if self.usd >= 0.01 else f"{self.usd:.12f}".rstrip("0")
        return f"${dollars} per {self.unit}"


def load(path: Path = PRICES, region: str = REGION) -> dict[str, Price]:
    """Every price of a region by its name; InvalidFile names what is missing or wrong."""
    listed = _listed(path)
    missing = _listed(PRICES).keys() - listed.keys()
    if missing:
        raise InvalidFile(f"{path} has no price for {', '.join(sorted(missing))}")
    return {name: _price(name, one, region) for name, one in listed.items()}


def read(path: Path) -> dict[str, Any]:
    """A TOML file; InvalidFile if it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidFile(f"{path}: {error}") from error


def _listed(path: Path) -> dict[str, Any]:
    return {name: one for name, one in read(path).items() if name != "looked_up"}


def _price(name: str, one: Mapping[str, Any], region: str) -> Price:
    try:
        usd, memory = one["usd"], one.get("memory", ())
        listed = float(usd.get(region, "nan"))
        found = Price(
            one["service"], one["unit"], float(one["per"]), listed, float(one.get("free", 0)), region in memory
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidFile(
            f"the price {name} cannot be read ({error}): see tools/generators/costs/prices.toml"
        ) from error
    if region not in usd:
        raise InvalidFile(f"{name} has no price for {region}; known: {', '.join(usd)}")
    return found
