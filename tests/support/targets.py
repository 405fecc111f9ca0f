"""Mappings that write HubSpot's orders instead of deals or beside them, and portals with their definitions."""

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
    """Create the properties of HubSpot's orders as set-up does; their pipeline exists already."""
    provision_definitions(portal, [wanted for wanted in mapping.definitions if wanted.object_type == "orders"])
