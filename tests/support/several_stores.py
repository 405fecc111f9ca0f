"""Mappings of a stack with several stores, as its configuration makes them."""

from __future__ import annotations

from collections.abc import Mapping

from woohub.mapping import mapping_file
from woohub.mapping.fields import FieldMapping, field_mapping
from woohub.mapping.several_stores import of_store
from woohub.stores import FIRST, StoreSettings


def mappings(*names: str, **settings: StoreSettings) -> Mapping[str, FieldMapping]:
    """The first store's, and those of further stores: with defaults (`names`) or with settings of their own."""
    file = mapping_file.read()
    others = {name: StoreSettings() for name in names} | settings
    return {FIRST: field_mapping(file)} | {
        name: field_mapping(of_store(file, name, choice)) for name, choice in others.items()
    }
