"""Which of HubSpot's objects a mapping has woohub write, by HubSpot's names."""

from __future__ import annotations

from collections.abc import Iterable

from woohub.mapping.fields import FieldMapping

OBJECTS = ("contacts", "deals", "orders", "line_items")


def written(*tables: FieldMapping) -> list[str]:
    """The objects that one of these mappings has woohub write.

    All stores of a stack share one key, so what it needs goes by the mappings of all of them.
    """
    used = set().union(*map(filled, tables))
    return [name for name in OBJECTS if name in used]


def filled(table: FieldMapping) -> dict[str, Iterable[str]]:
    """The properties that are filled, by object."""
    rules: dict[str, Iterable[str]] = {"contacts": table.contact_rules}
    if table.has_deals:
        rules["deals"] = table.deal_rules
    if table.orders:
        rules["orders"] = table.orders.deal_rules
    if table.line_items:
        rules["line_items"] = table.line_items.rules
    return rules
