"""Find currencies that HubSpot rejects, by its list of currencies or, if it has none, by its deals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from woohub.counted import counted
from woohub.hubspot.answers import Record
from woohub.hubspot.properties import MAX_AGE_S
from woohub.store.payloads import OrderEvent
from woohub.sync.versions import DealVersion
from woohub_cli.targets import Target
from woohub_cli.verify.comparison import Mismatch
from woohub_cli.verify.hubspot_records import Crm

MAX_EXAMPLES = 3
ENABLE = (
    "enable it in HubSpot (Settings > Account defaults > Currency); woohub reads HubSpot's definitions again within "
    f"{MAX_AGE_S / 60:.0f} minutes"
)


@dataclass(frozen=True)
class NotEnabled:
    """A currency that is not enabled in HubSpot, and the deals (or HubSpot's orders) that therefore lack it."""

    currency: str
    deals: int
    entities: tuple[str, ...]  # a few of the orders, such as "order:26"
    since: str  # the earliest last change of these orders, UTC
    target: Target

    @property
    def todo(self) -> str:
        return f"{ENABLE}; after that, `woohub reconcile --since {self.since}` brings it to these {self.target.records}"

    def __str__(self) -> str:
        deals = f"{counted(self.deals, self.target.record)} {'has' if self.deals == 1 else 'have'}"
        examples = ", ".join(self.entities) + (", …" if self.deals > len(self.entities) else "")
        lacks = f"{deals} no {self.target.accepted_currency} of it ({examples})"
        return f"currency {self.currency} is not enabled in HubSpot: {lacks}; {self.todo}"

    def facts(self) -> dict[str, Any]:
        return {
            "currency": self.currency,
            "deals": self.deals,
            "entities": list(self.entities),
            "what_to_do": self.todo,
        }


@dataclass
class Currencies:
    """Collects, while orders are compared, which currencies HubSpot accepts and which it rejects."""

    crm: Crm
    _accepted: set[str] = field(default_factory=set)
    _lacking: dict[str, list[tuple[str, OrderEvent]]] = field(default_factory=dict)
    _set_aside: dict[str, list[Mismatch]] = field(default_factory=dict)  # by currency: differences that may be refusals

    def without_refusals(self, event: OrderEvent, deal: Record, mismatches: Sequence[Mismatch]) -> list[Mismatch]:
        """Return the mismatches of an order without those that HubSpot's rejection of its currency explains."""
        name = self.crm.target.accepted_currency
        code, has = self.crm.target.table.deal(event.order).get(name, ""), deal.properties.get(name) or ""
        if has:
            self._accepted.add(has)
        if not code or has:
            return list(mismatches)  # a rejection leaves no code in HubSpot, so another code is a real difference
        refused = not self.crm.takes_currency(code)
        if not refused and (self.crm.lists_currencies or not _was_written(event, deal)):
            return list(mismatches)
        self._lacking.setdefault(code, []).append((f"order:{event.order.id}", event))
        return [rest for mismatch in mismatches for rest in self._set_currency_aside(mismatch, code)]

    def _set_currency_aside(self, mismatch: Mismatch, code: str) -> list[Mismatch]:
        name = self.crm.target.accepted_currency
        about_it = tuple(difference for difference in mismatch.differences if difference.property == name)
        if not about_it:
            return [mismatch]
        self._set_aside.setdefault(code, []).append(replace(mismatch, differences=about_it))
        rest = tuple(difference for difference in mismatch.differences if difference.property != name)
        return [replace(mismatch, differences=rest)] if rest else []

    def result(self) -> tuple[list[NotEnabled], list[Mismatch]]:
        """Return the currencies HubSpot rejects, and the mismatches that a rejection does not explain.

        The latter are differences in a currency that other deals have.
        """
        differing = [
            mismatch for code, set_aside in self._set_aside.items() if code in self._accepted for mismatch in set_aside
        ]
        codes = sorted(code for code in self._lacking if not (code in self._set_aside and code in self._accepted))
        return [self._not_enabled(code) for code in codes], differing

    def _not_enabled(self, code: str) -> NotEnabled:
        lacking = self._lacking[code]
        since = min(event.order.modified_at for _, event in lacking)
        entities = tuple(entity for entity, _ in lacking[:MAX_EXAMPLES])
        return NotEnabled(code, len(lacking), entities, since, self.crm.target)


def _was_written(event: OrderEvent, deal: Record) -> bool:
    """Whether woohub wrote this state of the order, and so tried to write its currency."""
    version = DealVersion.parse(deal.properties.get("woocommerce_order_version"))
    return version is not None and version.modified_at == event.order.modified_at
