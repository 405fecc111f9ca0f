"""The table of the HubSpot objects that woohub writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, eq=False)
class ObjectType:
    """One kind of CRM record.

    `name` is HubSpot's word in paths and scopes, `singular` the word for people and log fields. Records are found by
    the property `key`; HubSpot also finds them by the values in the properties `aliases`, which are separated by
    semicolons. `version` is the property that says which of the store's states HubSpot has; "" if the record that
    these belong to holds it. `association_type_ids` are HubSpot's ids of associations, by the other object's name.
    """

    name: str
    singular: str
    type_id: str
    key: str
    version: str
    aliases: tuple[str, ...] = ()
    has_standard_key: bool = False  # the key is HubSpot's own property: it need not be created
    association_type_ids: Mapping[str, int] = field(default_factory=dict, repr=False)

    def association_to(self, other: ObjectType) -> dict[str, object]:
        """Return the association with the other object as HubSpot's calls name it."""
        return {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": self.association_type_ids[other.name]}


CONTACTS = ObjectType(
    "contacts",
    "contact",
    "0-1",
    key="email",
    version="woocommerce_customer_version",
    aliases=("hs_additional_emails",),
    has_standard_key=True,
    association_type_ids={"deals": 4, "orders": 508},
)
DEALS = ObjectType(
    "deals",
    "deal",
    "0-3",
    key="woocommerce_order_id",
    version="woocommerce_order_version",
    association_type_ids={"contacts": 3, "line_items": 19},
)
LINE_ITEMS = ObjectType(
    "line_items",
    "line_item",
    "0-8",
    key="woocommerce_line_item_id",
    version="",  # the deal holds it
    association_type_ids={"deals": 20, "orders": 514},
)
ORDERS = ObjectType(
    "orders",
    "hubspot_order",  # for people and log fields; "order" is the store's
    "0-123",
    key="woocommerce_order_id",
    version="woocommerce_order_version",
    association_type_ids={"contacts": 507, "deals": 512, "line_items": 513},
)
OBJECT_TYPES: Mapping[str, ObjectType] = {row.name: row for row in (CONTACTS, DEALS, LINE_ITEMS, ORDERS)}
