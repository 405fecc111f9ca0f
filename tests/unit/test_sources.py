"""Meta fields and computed values as sources of a mapping, and the recipes of docs/recipes."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.deliveries import labelled
from tests.support.payloads import customer, order
from woohub.mapping.rows import ContactRow, CreateRows, DealRow
from woohub.mapping.values import value_reader
from woohub.store.payloads import Payload

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"


def value(source: str, record: Payload, **row: str) -> str:
    """The value that a row of mapping.toml with this source reads."""
    read = DealRow.model_validate({"order": source, **row})
    return value_reader(read.order, read)(record)


def meta(*rows: tuple[str, Any]) -> list[dict[str, Any]]:
    """The field meta_data as WooCommerce sends it."""
    return [{"id": 900 + number, "key": key, "value": content} for number, (key, content) in enumerate(rows)]


@pytest.mark.parametrize("key", ["_utm", "a key: with, anything? (1)", "namespace/field.sub", "ключ", "a.b.c"])
def test_a_meta_field_is_read_by_its_key_with_any_characters(key: str) -> None:
    assert value(f"meta_data.{key}", order(meta_data=meta(("other", "no"), (key, " yes ")))) == "yes"


def test_the_first_entry_of_a_repeated_meta_key_is_read() -> None:
    assert value("meta_data.code", order(meta_data=meta(("code", "first"), ("code", "second")))) == "first"


def test_meta_fields_of_customers_and_line_items_are_read() -> None:
    items = [{"id": 1, "name": "Mug", "meta_data": meta(("pa_color", "blue"))}, {"id": 2, "name": "Bowl"}]

    assert value("meta_data.tier", customer(meta_data=meta(("tier", "gold")))) == "gold"
    assert value("line_items.meta_data.pa_color", order(line_items=items)) == "blue"


@pytest.mark.parametrize(
    ("content", "as_text"),
    [(["red", "blue"], "red, blue"), ({"a": [1, "é"]}, '{"a": [1, "é"]}'), ([{"n": 1}], '[{"n": 1}]')],
    ids=["list", "object", "list of objects"],
)
def test_lists_and_objects_are_read_only_with_as_text(content: object, as_text: str) -> None:
    record = order(meta_data=meta(("plugin", content)))

    assert value("meta_data.plugin", record) == ""
    assert value("meta_data.plugin", record, **{"as": "text"}) == as_text


def with_gaps(rows: list[Any]) -> dict[str, Any]:
    """A list from which a row was removed, as PHP writes it."""
    return {str(number): row for number, row in enumerate(rows, 1)}


@pytest.mark.parametrize("as_sent", [list, with_gaps])
def test_a_list_sent_as_an_object_is_read_as_a_list(as_sent: Any) -> None:
    rows = as_sent([{"code": "save10", "number": "A-1"}, {"code": "summer", "number": "B-2"}])
    record = order(coupon_lines=rows, meta_data=as_sent(meta(("parcels", rows), ("words", as_sent(["red", "blue"])))))

    assert value("coupon_lines.code", record) == "save10, summer"
    assert value("meta_data.parcels.number", record) == "A-1, B-2"
    assert value("meta_data.words", record, **{"as": "text"}) == "red, blue"


def test_a_value_in_an_object_with_numeric_names_is_read_by_its_number() -> None:
    record = order(meta_data=meta(("seats", {"12": {"name": "Ann"}, "13": {"name": "Bob"}})))

    assert value("meta_data.seats.13.name", record) == "Bob"


DAY = "2026-12-24"


@pytest.mark.parametrize(
    ("written", "day", "moment"),
    [
        (DAY, DAY, f"{DAY}T00:00:00Z"),
        ("20261224", DAY, f"{DAY}T00:00:00Z"),  # as date pickers store it
        (20261224, DAY, f"{DAY}T00:00:00Z"),
        (f"{DAY} 10:00", DAY, f"{DAY}T10:00:00Z"),
        (f"{DAY}T23:30:00-05:00", "2026-12-25", "2026-12-25T04:30:00Z"),
        ("24/12/2026", "", ""),  # ambiguous: day or month first
        ("1795473600", "", ""),
        ("0000-00-00", "", ""),
        ("2026-02-30", "", ""),
        ("0001-01-01T00:00:00+14:00", "", ""),
        ("", "", ""),
    ],
    ids=repr,
)
def test_dates_of_plugins_are_read_in_iso_8601_only(written: object, day: str, moment: str) -> None:
    record = order(meta_data=meta(("due", written)))

    assert value("meta_data.due", record, **{"as": "date"}) == day
    assert value("meta_data.due", record, **{"as": "datetime"}) == moment


PAID = {
    "date_modified": "2026-11-23T17:50:00",
    "date_modified_gmt": "2026-11-23T22:50:00",
    "date_paid": "2026-11-23T20:41:00",
}


@pytest.mark.parametrize("gmt", [{"date_paid_gmt": "2026-11-24T01:41:00"}, {"date_paid_gmt": None}, {}], ids=repr)
@pytest.mark.parametrize("source", ["date_paid", "date_paid_gmt"])
def test_the_local_and_the_gmt_field_of_a_date_give_the_same_datetime(source: str, gmt: dict[str, str]) -> None:
    assert value(source, order(**PAID, **gmt), **{"as": "datetime"}) == "2026-11-24T01:41:00Z"


def test_the_local_and_the_gmt_field_of_a_date_give_their_own_day() -> None:
    record = order(**PAID, date_paid_gmt="2026-11-24T01:41:00")

    assert value("date_paid", record, **{"as": "date"}) == "2026-11-23"
    assert value("date_paid_gmt", record, **{"as": "date"}) == "2026-11-24"


@pytest.mark.parametrize(
    "none", [None, "", False, "0000-00-00T00:00:00", "-0001-11-30T00:00:00", "1970-01-01T00:00:00"]
)
@pytest.mark.parametrize("shape", ["date", "datetime"])
def test_a_value_that_stands_for_no_date_is_read_as_empty(none: object, shape: str) -> None:
    assert value("date_paid", order(date_paid=none, date_paid_gmt=none), **{"as": shape}) == ""


@pytest.mark.parametrize(
    "sent", [None, "", 0, "text", {"7": {"key": "k", "value": "v"}}, [None, 1, {"value": "v"}, {}]]
)
def test_meta_data_of_any_type_can_be_read(sent: object) -> None:
    assert value("meta_data.k", order(meta_data=sent)) == ("v" if isinstance(sent, dict) else "")


BOOLEANS = {"true": (1, "yes", True, "TRUE", "on"), "false": (0, "no", False, "false"), "": ("", "maybe", None)}


@pytest.mark.parametrize(("written", "sent"), [(text, sent) for text, words in BOOLEANS.items() for sent in words])
def test_as_bool_returns_true_false_or_empty(written: str, sent: object) -> None:
    assert value("meta_data.box", order(meta_data=meta(("box", sent))), **{"as": "bool"}) == written


@pytest.mark.parametrize(
    ("refunds", "refunded", "net"),
    [
        ([], "0.00", "0.30"),
        (["-0.10", "-0.1"], "0.20", "0.10"),
        (["0.10", "-0.05"], "0.15", "0.15"),  # of either sign
        (["-0.10", "ten"], "", ""),
    ],
)
def test_refunds_are_subtracted_as_decimals(refunds: list[str], refunded: str, net: str) -> None:
    record = order(total="0.30", refunds=[{"id": number, "total": total} for number, total in enumerate(refunds, 1)])

    assert (value("refunded_total", record), value("net_total", record)) == (refunded, net)


@pytest.mark.parametrize(
    ("sent", "read"), [(" 1 234.50", "1234.50"), ("1\u00a0234.5", "1234.5"), (".5", "0.5"), (7.5, "7.5")]
)
def test_every_amount_is_normalised_like_the_total(sent: object, read: str) -> None:
    record = order(total="2000.00", total_tax=sent, refunds=[{"id": 1, "total": sent}], line_items=[{"quantity": sent}])

    assert value("total_tax", record, **{"as": "number"}) == read
    assert Decimal(value("refunded_total", record)) == Decimal(read)
    assert value("item_count", record) == read


def test_a_captured_partial_refund_is_subtracted() -> None:
    record = order(**labelled("refund-partial").payload)

    assert (value("refunded_total", record), value("net_total", record)) == ("1.00", "36.50")


def test_item_count_skus_coupons_and_shipping_method_are_computed() -> None:
    items = [{"sku": "MUG-B", "quantity": 2}, {"sku": None, "quantity": 0.5}, {"sku": "MUG-B", "quantity": "1"}]
    record = order(
        line_items=items,
        coupon_lines=[{"code": "save10"}, {"code": "summer"}],
        shipping_lines=[{"method_title": "DHL &amp; Co"}],
    )

    names = ("item_count", "skus", "coupon_codes", "shipping_method")
    assert [value(name, record) for name in names] == ["3.5", "MUG-B", "save10, summer", "DHL & Co"]


ATTRIBUTION = meta(
    ("_wc_order_attribution_source_type", "utm"),
    ("_wc_order_attribution_referrer", "https://www.google.com/"),
    ("_wc_order_attribution_utm_campaign", "spring-sale"),
    ("_wc_order_attribution_utm_source", "google"),
    ("_wc_order_attribution_utm_medium", "cpc"),
    ("_wc_order_attribution_session_pages", "4"),
    ("_wc_order_attribution_user_agent", "Mozilla/5.0"),
    ("_wc_order_attribution_device_type", "Mobile"),
)
PARCELS = [
    {"tracking_provider": "dhl", "custom_tracking_provider": "", "tracking_number": "00340434", "date_shipped": "1795"},
    {"tracking_provider": "", "custom_tracking_provider": "Bike", "tracking_number": "B-7", "date_shipped": "1796"},
]
PAY_LINK = "https://shop.example/checkout/order-pay/19/?pay_for_order=true&key=wc_order_abc"

# recipe, fields of the order, properties
RECIPE_CASES = (
    (
        "order-attribution",
        {"meta_data": ATTRIBUTION},
        {
            "woocommerce_source_type": "utm",
            "woocommerce_utm_source": "google",
            "woocommerce_utm_medium": "cpc",
            "woocommerce_utm_campaign": "spring-sale",
            "woocommerce_referrer": "https://www.google.com/",
            "woocommerce_device": "Mobile",
        },
    ),
    ("vat-number", {"meta_data": meta(("vat_number", "DE123456789"))}, {"woocommerce_vat_number": "DE123456789"}),
    (
        "tracking",
        {"meta_data": meta(("_wc_shipment_tracking_items", PARCELS))},
        {"woocommerce_tracking_numbers": "00340434, B-7", "woocommerce_tracking_provider": "dhl"},
    ),
    (
        "newsletter-consent",
        {"meta_data": meta(("mailchimp_woocommerce_is_subscribed", "1"))},
        {"woocommerce_newsletter": "true"},
    ),
    ("newsletter-consent", {"meta_data": meta(("_klaviyo_subscribed", "no"))}, {"woocommerce_newsletter": "false"}),
    ("newsletter-consent", {"meta_data": meta(("sib_woo_subscription", "archived"))}, {"woocommerce_newsletter": ""}),
    ("pay-link", {"status": "pending", "payment_url": PAY_LINK}, {"woocommerce_pay_link": PAY_LINK}),
    (
        "coupons-and-refunds",
        {
            "line_items": [{"id": 1, "name": "Mug", "quantity": 3}],
            "coupon_lines": [{"id": 93, "code": "save10", "discount": "15", "meta_data": []}],
            "shipping_lines": [{"id": 92, "method_title": "Flat rate", "total": "7.50"}],
            "refunds": [{"id": 38, "reason": "Late", "total": "-20.00"}],
        },
        {
            "woocommerce_coupons": "save10",
            "woocommerce_refunded": "20.00",
            "woocommerce_net_amount": "130.00",
            "woocommerce_item_count": "3",
            "woocommerce_shipping_by": "Flat rate",
        },
    ),
)


@pytest.mark.parametrize(("recipe", "sent", "written"), RECIPE_CASES, ids=[recipe for recipe, *_ in RECIPE_CASES])
def test_a_recipe_maps_the_fields_of_plugins(recipe: str, sent: dict[str, Any], written: dict[str, str]) -> None:
    file = tomllib.loads((RECIPES / f"{recipe}.toml").read_text("utf-8"))
    rows = {name: DealRow.model_validate(row) for name, row in file.get("deal", {}).items()}
    rows |= {name: ContactRow.model_validate(row) for name, row in file.get("contact", {}).items()}

    assert {name: value_reader(row.order, row)(order(**sent)) for name, row in rows.items()} == written


def test_every_recipe_has_a_case_and_defines_the_properties_it_fills() -> None:
    for path in RECIPES.glob("*.toml"):
        file = tomllib.loads(path.read_text("utf-8"))
        group = {"name": "woocommerce", "label": "WooCommerce"}
        created = CreateRows.model_validate({"group": group, "contact": {}, "deal": {}} | file.pop("create"))

        assert path.stem in {recipe for recipe, *_ in RECIPE_CASES}
        assert {"contact": set(created.contact), "deal": set(created.deal)} == {
            kind: set(file.get(kind, {})) for kind in ("contact", "deal")
        }
