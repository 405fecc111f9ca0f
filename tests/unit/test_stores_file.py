"""The file stores.json."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from woohub import stores_file
from woohub.errors import InvalidParameter
from woohub.stores import StoreSettings

names = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z])?", fullmatch=True).filter(lambda name: name != "first")
rows = st.builds(StoreSettings, url=st.text())


def file(**stores: dict[str, Any]) -> bytes:
    return json.dumps({"stores": stores}).encode()


@given(st.dictionaries(names, rows, max_size=4))
def test_stores_are_unchanged_after_a_round_trip(stores: dict[str, StoreSettings]) -> None:
    distinct = {name.replace("-", ""): row for name, row in stores.items() if name.replace("-", "") != "first"}

    assert stores_file.read(stores_file.write(distinct)) == distinct


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"{", "JSON"),
        (b"[]", "JSON"),
        (file(**{"Second Shop": {}}), "stores.Second Shop"),
        (file(first={}), "stores.first"),
        (file(second={"order_key_prefix": "2"}), "order_key_prefix"),  # "2" + "12" is order 212 of the first
        (file(second={"order_key_prefix": "x-"}, third={"order_key_prefix": "x-"}), "'x-'"),
        (file(second={"order_key_prefix": "main-"}), "'main-'"),
        (file(**{"a-b": {}, "ab": {"customer_id_property": "woocommerce_customer_id_a_b"}}), "_a_b"),
        (file(second={"customer_id_property": "woocommerce_customer_id"}), "'woocommerce_customer_id'"),
    ],
)
def test_a_mistake_is_reported_by_place_or_value(content: bytes, named: str) -> None:
    with pytest.raises(InvalidParameter) as error:
        stores_file.read(content, first_prefix="main-")

    assert named in str(error.value)


def test_unknown_keys_of_a_store_are_ignored() -> None:
    assert stores_file.read(file(second={"url": "https://x", "colour": "red"})) == {
        "second": StoreSettings("https://x")
    }
