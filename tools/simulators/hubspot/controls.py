"""The simulator's own controls under /_simulator/: JSON in and out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from simulators.core.web import Controls, fault_controls

from .errors import Json
from .portal import SimulatedPortal
from .provision import provision


def controls(portal: SimulatedPortal) -> Controls:
    def reset(body: Any) -> Json:
        portal.reset()
        if (body or {}).get("provisioned"):
            provision(portal)
        return portal.counters()

    def settings(body: Any) -> Json:
        portal.change_settings(body or {})
        return asdict(portal.settings)

    return {
        "state": {"GET": lambda _: portal.state()},
        "requests": {"GET": lambda _: list(portal.requests)},
        "reset": {"POST": reset},
        **fault_controls(lambda: portal.faults),
        "settings": {"GET": settings, "POST": settings},
    }
