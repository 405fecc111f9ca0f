"""What a mapping writes in HubSpot: which objects, what orders become there, and what people call that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from woohub.hubspot.objects import DEALS, ORDERS, ObjectType
from woohub.hubspot.properties import CURRENCY
from woohub.mapping.fields import FieldMapping

SINGULAR = {"contacts": "contact", "deals": "deal", "orders": "order", "line_items": "line item"}  # as HubSpot has them
RECORD = {DEALS: "deal", ORDERS: "HubSpot order"}  # beside "order", which is the store's


@dataclass(frozen=True)
class Target:
    """What orders become in HubSpot: the object, its mapping, and which of its properties has what."""

    type: ObjectType
    table: FieldMapping
    name: str = "dealname"
    amount: str = "amount"
    date: str = "closedate"
    currency: str = "currency"
    accepted_currency: str = CURRENCY  # an enumeration of the account's currencies, empty for any other

    @classmethod
    def of(cls, table: FieldMapping) -> Target:
        """Deals, or HubSpot's orders where the mapping has no deals."""
        return cls.orders(table.orders) if table.orders and not table.has_deals else cls(DEALS, table)

    @classmethod
    def orders(cls, table: FieldMapping) -> Target:
        """HubSpot's orders, by their own mapping."""
        names = ("hs_order_name", "hs_total_price", "hs_external_created_date", "woocommerce_currency")
        return cls(ORDERS, table, *names, "hs_currency_code")

    @property
    def record(self) -> str:
        """What texts call such a record; every text about "the deal of an order" takes its word from here."""
        return RECORD[self.type]

    @property
    def in_hubspot(self) -> str:
        """The same where the text names HubSpot already: "HubSpot has no order of it"."""
        return SINGULAR[self.type.name]

    @property
    def records(self) -> str:
        """Several of them."""
        return f"{self.record}s"


def written(*tables: FieldMapping) -> list[str]:
    """The objects that one of these mappings has woohub write.

    All stores of a stack share one key, so what it needs goes by the mappings of all of them.
    """
    used = set().union(*map(filled, tables))
    return [name for name in SINGULAR if name in used]


def filled(table: FieldMapping) -> dict[str, Iterable[str]]:
    """The properties that are filled, by object."""
    rules: dict[str, Iterable[str]] = {"contacts": table.contact_rules}
    rules |= {"deals": table.deal_rules} if table.has_deals else {}
    rules |= {"orders": table.orders.deal_rules} if table.orders else {}
    return rules | ({"line_items": table.line_items.rules} if table.line_items else {})
