"""The simulator's own controls under /_simulator/: JSON in and out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from simulators.hubspot.faults import Fault

from .hosting import Hosting
from .shop import SimulatedShop

ACTIONS = (
    "checkout",
    "checkout_with_new_account",
    "place",
    "type_in",
    "abandon",
    "change_status",
    "edit_address",
    "save",
    "trash",
    "restore",
    "delete",
    "register",
    "edit_customer",
    "edit_customer_behind",
    "remove_customer",
    "spoil",
    "unspoil",
    "write_otherwise",
    "unregister",
    "act",
)


def controls(shop: SimulatedShop) -> dict[str, dict[str, Callable[[Any], Any]]]:
    """Path to method to what it does with the body; ValueError, TypeError and KeyError mean it was not understood."""

    def act(body: Any) -> Any:
        """`{"action": "place", "times": 3, "with": {"status": "on-hold"}}`: what each one returned."""
        if body["action"] not in ACTIONS:
            raise ValueError(f"an action is one of {', '.join(ACTIONS)}")
        do = getattr(shop, body["action"])
        return [do(**body.get("with", {})) for _ in range(int(body.get("times", 1)))]

    def run(_: Any) -> Any:
        return {"delivered": shop.run_webhooks()}

    def settings(body: Any) -> Any:
        if "lose" in (body or {}):
            shop.hooks.lose = float(body["lose"])
        if "latency_ms" in (body or {}):
            shop.latency_ms = float(body["latency_ms"])
        return {"lose": shop.hooks.lose, "latency_ms": shop.latency_ms, "zone": shop.zone.name, "hpos": shop.hpos}

    def hosting(body: Any) -> Any:
        if body:
            shop.hosting = replace(shop.hosting, **body)
        return asdict(shop.hosting)

    def reset_hosting(_: Any) -> Any:
        shop.hosting = Hosting()
        return asdict(shop.hosting)

    def add_faults(body: Any) -> Any:
        for fault in body if isinstance(body, list) else [body]:
            shop.faults.add(Fault.from_json(fault))
        return shop.faults.json()

    def clear_faults(_: Any) -> Any:
        shop.faults.clear()
        return []

    return {
        "state": {"GET": lambda _: state(shop)},
        "act": {"POST": act},
        "run": {"POST": run},
        "settings": {"GET": settings, "POST": settings},
        "hosting": {"GET": hosting, "POST": hosting, "DELETE": reset_hosting},
        "faults": {"GET": lambda _: shop.faults.json(), "POST": add_faults, "DELETE": clear_faults},
        "attempts": {"GET": lambda _: [asdict(one) for one in list(shop.hooks.attempts)]},
    }


def state(shop: SimulatedShop) -> dict[str, Any]:
    """What there is, in short."""
    with shop.lock:
        return {
            "orders": len(shop.orders),
            "customers": len(shop.customers),
            "waiting": shop.hooks.waiting,
            "delivered": sum(1 for one in shop.hooks.attempts if one.status is not None and 200 <= one.status < 300),
            "lost": sum(1 for _ in shop.hooks.lost()),
            "webhooks": [
                {"id": one.id, "topic": one.topic, "status": one.status, "failures": one.failures}
                for one in shop.hooks.webhooks.values()
            ],
        }
