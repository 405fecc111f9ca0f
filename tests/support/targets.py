"""Mappings whose orders become HubSpot's orders instead of deals, or beside them, and portals set up for them."""

from __future__ import annotations

from simulators.hubspot import SimulatedPortal, provision_definitions
from woohub.mapping.fields import FieldMapping, load_mapping
from woohub.mapping.overlay import Overlay

BESIDE = "[order]\nenabled = true\n"
INSTEAD = f"{BESIDE}[deal]\nenabled = false\n"


def mapping_with(text: str) -> FieldMapping:
    """woohub's own mapping with this overlay."""
    return load_mapping(Overlay("mapping.toml", text.encode()))


def provision_orders(portal: SimulatedPortal, mapping: FieldMapping) -> None:
    """What set-up makes for HubSpot's orders; their pipeline is there."""
    provision_definitions(portal, [wanted for wanted in mapping.definitions if wanted.object_type == "orders"])
