"""`woohub why` against the operated stack, and orders for it."""

from __future__ import annotations

import json
from typing import Any

from simulators.hubspot.definitions import DEALS
from tests.support.history import lose_deliveries
from tests.support.operated_stack import OperatedStack


def why(shop: OperatedStack, number: int | str, *, code: int = 1) -> dict[str, Any]:
    """The command's JSON, after a check that its text has the same conclusion."""
    result = shop.run("why", str(number), "--json")
    assert result.exit_code == code, result.output
    facts: dict[str, Any] = json.loads(result.stdout)
    result = shop.run("why", str(number))
    assert (result.exit_code, facts["conclusion"] in result.stdout) == (code, True), result.output
    assert bool(facts["next_step"]) is not facts["fine"]
    return facts


def without_delivery(shop: OperatedStack, change: Any, *arguments: Any, **fields: Any) -> Any:
    """Change the store, and lose the deliveries of the change."""
    changed = change(*arguments, **fields)
    lose_deliveries(shop)
    return changed


def deal_id(shop: OperatedStack, number: int) -> str:
    rows = shop.portal.state()["deals"]
    return str(next(row["id"] for row in rows if row["properties"]["woocommerce_order_id"] == str(number)))


def edit(shop: OperatedStack, number: int, **properties: str) -> None:
    shop.portal.objects.update(DEALS, deal_id(shop, number), {"properties": properties})
