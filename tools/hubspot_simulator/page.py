"""The page a person looks at."""

from __future__ import annotations

from .portal import SimulatedPortal


def render(portal: SimulatedPortal, *, fragment: bool) -> str:
    """The portal as HTML; `fragment` gives only the part that changes."""
    return "<!doctype html><title>HubSpot simulator</title>" + ("" if fragment else str(portal.counters()))
