"""Hold an account against the store: what is missing, doubled, stale or without its contact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.hubspot import SimulatedPortal
from woohub.mapping.fields import load_mapping

from .work import Body


@dataclass(frozen=True)
class Wrong:
    """Numbers of orders; one order may be wrong in several ways."""

    missing: int  # no deal
    duplicated: int  # more than one deal
    stale: int  # no deal has the order's present status and stage
    alone: int  # a deal is not associated with the contact the order is billed to
    in_any_way: int


def judged(portal: SimulatedPortal, orders: Iterable[Body]) -> Wrong:
    """Compare every order with its deals."""
    state = portal.state()
    deals: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for deal in state["deals"]:
        deals[deal["properties"].get("woocommerce_order_id", "")].append(deal)
    emails = {contact["id"]: contact["properties"].get("email", "") for contact in state["contacts"]}
    found = [_faults(body, deals[str(body["id"])], emails) for body in orders]
    missing, duplicated, stale, alone = (sum(column) for column in zip(*found, strict=True))
    return Wrong(missing, duplicated, stale, alone, sum(any(faults) for faults in found))


def _faults(body: Body, deals: list[Mapping[str, Any]], emails: Mapping[str, str]) -> tuple[bool, bool, bool, bool]:
    current = [deal for deal in deals if _is_current(deal["properties"], body["status"])]
    email = body["billing"]["email"]
    alone = [deal for deal in deals if email not in {emails[contact] for contact in deal["contacts"]}]
    return not deals, len(deals) > 1, bool(deals) and not current, bool(alone)


def _is_current(properties: Mapping[str, str], status: str) -> bool:
    return properties["woocommerce_order_status"] == status and properties["dealstage"] == FIELDS.stage(status)


FIELDS = load_mapping()
