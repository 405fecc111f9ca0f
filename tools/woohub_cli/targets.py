"""What a mapping writes to HubSpot: the objects, their properties, and the words for them in texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from woohub.hubspot.objects import DEALS, ORDERS, ObjectType
from woohub.hubspot.properties import CURRENCY
from woohub.mapping.fields import FieldMapping

SINGULAR = {"contacts": "contact", "deals": "deal", "orders": "order", "line_items": "line item"}  # HubSpot's words
RECORD = {DEALS: "deal", ORDERS: "HubSpot order"}  # "order" alone is the store's


@dataclass(frozen=True)
class Target:
    """What orders become in HubSpot: the object, its mapping, and the names of its main properties."""

    type: ObjectType
    table: FieldMapping
    name: str = "dealname"
    amount: str = "amount"
    date: str = "closedate"
    currency: str = "currency"
    accepted_currency: str = CURRENCY  # an enumeration of the account's currencies, empty for any other

    @classmethod
    def of(cls, table: FieldMapping) -> Target:
        """Return the target of a mapping: deals, or HubSpot's orders if the mapping writes no deals."""
        return cls.orders(table.orders) if table.orders and not table.has_deals else cls(DEALS, table)

    @classmethod
    def orders(cls, table: FieldMapping) -> Target:
        """Return HubSpot's Orders object with its own mapping as the target."""
        names = ("hs_order_name", "hs_total_price", "hs_external_created_date", "woocommerce_currency")
        return cls(ORDERS, table, *names, "hs_currency_code")

    @property
    def record(self) -> str:
        """The word for one record, beside "order" for the store's: "deal" or "HubSpot order"."""
        return RECORD[self.type]

    @property
    def in_hubspot(self) -> str:
        """The word for one record in a sentence that names HubSpot already: "HubSpot has no order of it"."""
        return SINGULAR[self.type.name]

    @property
    def records(self) -> str:
        """The plural of `record`."""
        return f"{self.record}s"


def written(*tables: FieldMapping) -> list[str]:
    """Return the names of the objects that woohub writes by any of these mappings.

    All stores of a stack share one HubSpot key, so its scopes depend on the mappings of all stores.
    """
    used = set().union(*map(filled, tables))
    return [name for name in SINGULAR if name in used]


def filled(table: FieldMapping) -> dict[str, Iterable[str]]:
    """Return the names of the properties that a mapping fills, by object."""
    rules: dict[str, Iterable[str]] = {"contacts": table.contact_rules}
    rules |= {"deals": table.deal_rules} if table.has_deals else {}
    rules |= {"orders": table.orders.deal_rules} if table.orders else {}
    return rules | ({"line_items": table.line_items.rules} if table.line_items else {})
