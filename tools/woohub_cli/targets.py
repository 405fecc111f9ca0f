"""What orders become in HubSpot, deals or HubSpot's own orders, and what people call them."""

from __future__ import annotations

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
    def records(self) -> str:
        """Several of them."""
        return f"{self.record}s"
