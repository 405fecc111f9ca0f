"""Read and write `stores.json`, the further stores in the stack's configuration. It holds no secrets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter

from woohub.errors import InvalidParameter
from woohub.mapping.rows import Prefix, Property
from woohub.mapping.several_stores import CUSTOMER_ID, customer_id_property, order_key_prefix
from woohub.pydantic_json import read_edited
from woohub.stores import StoreSettings, is_name

FILE = "stores.json"


def _named(name: str) -> str:
    if not is_name(name):
        raise ValueError("a store's name is lower-case letters, digits and -, beginning with a letter")
    return name


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore")  # a newer version may write more fields

    url: str = ""
    order_key_prefix: Prefix = ""
    customer_id_property: Property | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")

    stores: dict[Annotated[str, AfterValidator(_named)], _Row] = {}


def read(content: bytes, first_prefix: str = "") -> dict[str, StoreSettings]:
    """Return the further stores by name. `first_prefix` is the order key prefix of the first store.

    Raises InvalidParameter if the file cannot be read, or two stores share a prefix or a customer id property.
    """
    file = read_edited(TypeAdapter(_File), content, FILE)
    stores = {
        name: StoreSettings(row.url, row.order_key_prefix, row.customer_id_property or "")
        for name, row in file.stores.items()
    }
    if conflicts := list(_conflicts(stores, first_prefix)):
        raise InvalidParameter(f"{FILE}: {'; '.join(conflicts)}")
    return stores


def _conflicts(stores: Mapping[str, StoreSettings], first_prefix: str) -> Iterator[str]:
    """Describe each setting that two stores share: their orders, or their customers, would be confused."""
    prefixes = Counter([first_prefix, *(order_key_prefix(name, row) for name, row in stores.items())])
    properties = Counter([CUSTOMER_ID, *(customer_id_property(name, row) for name, row in stores.items())])
    for prefix in (prefix for prefix, times in prefixes.items() if times > 1):
        yield f"several stores have the order_key_prefix {prefix!r}"
    for name in (name for name, times in properties.items() if times > 1):
        yield f"several stores have the customer_id_property {name!r}"


def write(stores: Mapping[str, StoreSettings]) -> bytes:
    """Return the content of stores.json for these stores, without default values. It does not check for mistakes."""
    rows = {name: {field: text for field, text in asdict(row).items() if text} for name, row in sorted(stores.items())}
    return json.dumps({"stores": rows}, indent=2).encode() + b"\n"
