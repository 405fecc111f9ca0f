"""The mappings of a stack with several stores."""

from __future__ import annotations

from collections.abc import Mapping

from woohub.mapping import mapping_file
from woohub.mapping.fields import FieldMapping, field_mapping
from woohub.mapping.several_stores import mapping_of_store
from woohub.stores import FIRST, StoreSettings


def mappings(*names: str, **settings: StoreSettings) -> Mapping[str, FieldMapping]:
    """The mappings of the first store and of further stores, with default settings (`names`) or these settings."""
    file = mapping_file.read()
    others = {name: StoreSettings() for name in names} | settings
    return {FIRST: field_mapping(file)} | {
        name: field_mapping(mapping_of_store(file, name, choice)) for name, choice in others.items()
    }
