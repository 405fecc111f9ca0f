"""The simulator's own controls under /_simulator/: JSON in and out."""

from __future__ import annotations

from typing import Any

from simulators.core.web import Controls, fault_controls

from .errors import Json
from .portal import ALL_SCOPES, SimulatedPortal
from .provision import provision


def controls(portal: SimulatedPortal) -> Controls:
    def reset(body: Any) -> Json:
        portal.reset()
        if (body or {}).get("provisioned"):
            provision(portal)
        return portal.counters()

    def set_tokens(body: Any) -> Json:
        portal.tokens = {token: frozenset(scopes or ALL_SCOPES) for token, scopes in body["tokens"].items()}
        portal.expired_tokens = set(body.get("expired", ()))
        return tokens(None)

    def tokens(_: Any) -> Json:
        return {
            "tokens": {token: sorted(scopes) for token, scopes in portal.tokens.items()},
            "expired": sorted(portal.expired_tokens),
        }

    def set_rules(body: Any) -> Any:
        portal.change_settings({"rules": body})
        return settings(None)["rules"]

    def settings(_: Any) -> Json:
        return portal.settings_json()

    def set_settings(body: Any) -> Json:
        portal.change_settings(body)
        return portal.settings_json()

    return {
        "state": {"GET": lambda _: portal.state()},
        "requests": {"GET": lambda _: list(portal.requests)},
        "reset": {"POST": reset},
        **fault_controls(lambda: portal.faults),
        "tokens": {"GET": tokens, "POST": set_tokens},
        "rules": {"GET": lambda _: portal.settings_json()["rules"], "POST": set_rules},
        "settings": {"GET": settings, "POST": set_settings},
    }
