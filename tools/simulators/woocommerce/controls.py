"""The simulator's own controls under /_simulator/: JSON in and out."""

from __future__ import annotations

from dataclasses import asdict, replace
from inspect import isfunction
from typing import Any

from simulators.core.web import Controls, fault_controls

from .hosting import Hosting
from .shop import SimulatedShop

ACTIONS = [name for name, member in vars(SimulatedShop).items() if isfunction(member) and name[0] != "_"]


def controls(shop: SimulatedShop) -> Controls:
    def act(body: Any) -> Any:
        """Call an action, as in `{"action": "place", "times": 3, "with": {"status": "on-hold"}}`.

        Return what each call returned.
        """
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

    return {
        "state": {"GET": lambda _: state(shop)},
        "act": {"POST": act},
        "run": {"POST": run},
        "settings": {"GET": settings, "POST": settings},
        "hosting": {"GET": hosting, "POST": hosting, "DELETE": reset_hosting},
        **fault_controls(lambda: shop.faults),
    }


def state(shop: SimulatedShop) -> dict[str, Any]:
    with shop.lock:
        return {
            "orders": len(shop.orders),
            "customers": len(shop.customers),
            "waiting": shop.hooks.waiting,
            "delivered": len(shop.hooks.attempts) - shop.hooks.lost(),
            "lost": shop.hooks.lost(),
            "webhooks": [
                {"id": webhook.id, "topic": webhook.topic, "status": webhook.status, "failures": webhook.failures}
                for webhook in shop.hooks.webhooks.values()
            ],
        }
