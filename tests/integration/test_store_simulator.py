"""The simulated store's bodies and lists equal those of WooCommerce 11.0.1."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulators.woocommerce import SimulatedShop
from simulators.woocommerce.bodies import php_json
from tests.support import deliveries
from tests.support.clock import Clock
from tests.support.simulated_shop import get, shop_with_webhooks


def numbers(shop: SimulatedShop, path: str, **query: str) -> list[int]:
    """The ids listed."""
    status, rows, _ = get(shop, path, **query)
    assert status == 200, rows
    return [row["id"] for row in rows]


def shape(thing: Any) -> Any:
    """The type of each field of an object, nested; of any other value its type."""
    if isinstance(thing, dict):
        return {name: shape(value) for name, value in thing.items()}
    return type(thing).__name__


def test_an_order_has_the_fields_and_types_of_a_captured_one() -> None:
    shop = shop_with_webhooks()
    captured = deliveries.labelled("order-registered", "order.created").payload

    order = json.loads(shop.order_text(shop.orders[shop.place(account=shop.register(), status="on-hold")]))

    assert list(order) == list(captured)
    assert shape(order["billing"]) == shape(captured["billing"])
    names = set(captured) - {"billing", "shipping", "line_items", "_links"}
    assert {name: type(order[name]) for name in names} == {name: type(captured[name]) for name in names}
    assert list(order["line_items"][0]) == list(captured["line_items"][0])


def test_a_customer_has_the_fields_and_types_of_a_captured_one() -> None:
    shop = shop_with_webhooks()
    captured = deliveries.labelled("customer-created-rest").payload

    customer = json.loads(shop.customer_text(shop.customers[shop.register()]))

    assert list(customer) == list(captured)
    assert shape({**customer, "_links": 0}) == shape({**captured, "_links": 0})


def test_json_has_the_bytes_that_php_writes() -> None:
    captured = deliveries.labelled("customer-created-rest")

    assert php_json(captured.payload).encode() == captured.body


def test_the_same_seed_gives_the_same_orders() -> None:
    def bodies(seed: int) -> list[str]:
        shop = shop_with_webhooks(seed=seed)
        for _ in range(50):
            shop.act()
        return [shop.order_text(order) for order in shop.orders.values()]

    assert bodies(3) == bodies(3)
    assert bodies(3) != bodies(4)


def test_an_order_has_local_and_gmt_dates_without_a_zone() -> None:
    shop = shop_with_webhooks(zone="Asia/Kolkata")

    order = json.loads(shop.order_text(shop.orders[shop.place()]))

    assert order["date_created"] == "2026-11-24T04:10:00"
    assert order["date_created_gmt"] == "2026-11-23T22:40:00"


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "UTC"])
@pytest.mark.parametrize(
    ("written", "gmt", "expected"),
    [
        ("2026-11-23T22:39:59", "true", {"America/New_York": 1, "Asia/Kolkata": 1, "UTC": 1}),
        ("2026-11-23T22:40:00", "true", {"America/New_York": 0, "Asia/Kolkata": 0, "UTC": 0}),  # exclusive
        ("2026-11-23T22:39:59Z", "", {"America/New_York": 1, "Asia/Kolkata": 1, "UTC": 1}),
        ("2026-11-24T04:09:59+05:30", "", {"America/New_York": 1, "Asia/Kolkata": 1, "UTC": 1}),
        ("2026-11-23T22:40:00Z", "", {"America/New_York": 0, "Asia/Kolkata": 0, "UTC": 0}),
        ("2026-11-23T22:39:59", "", {"America/New_York": 0, "Asia/Kolkata": 1, "UTC": 1}),  # the shop's own time
        ("2026-11-23T23:40:00Z", "true", {"America/New_York": 1, "Asia/Kolkata": 0, "UTC": 0}),  # shifted: all
        ("2026-11-23T21:40:00Z", "true", {"America/New_York": 1, "Asia/Kolkata": 0, "UTC": 1}),  # shifted: none
    ],
)
def test_modified_after_filters_as_in_a_live_store(zone: str, written: str, gmt: str, expected: dict[str, int]) -> None:
    shop = shop_with_webhooks(zone=zone)
    shop.place()
    flag = {"dates_are_gmt": gmt} if gmt else {}

    assert len(numbers(shop, "orders", modified_after=written, **flag)) == expected[zone]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"modified_after": "2026-11-23"}, "modified_after"),
        ({"per_page": "101"}, "per_page"),
        ({"per_page": "0"}, "per_page"),
        ({"orderby": "total"}, "orderby"),
        ({"status": "nonsense"}, "status[0]"),
    ],
)
def test_an_invalid_parameter_gets_400(query: dict[str, str], parameter: str) -> None:
    status, body, _ = get(shop_with_webhooks(), "orders", **query)

    assert (status, body["code"]) == (400, "rest_invalid_param")
    assert parameter in body["data"]["params"]


def test_status_any_excludes_trash_and_drafts() -> None:
    shop = shop_with_webhooks()
    kept, trashed, draft = shop.place(), shop.place(), shop.abandon()
    shop.trash(trashed)

    assert numbers(shop, "orders") == [kept]
    assert numbers(shop, "orders", status="any,trash") == [kept]
    assert numbers(shop, "orders", status="trash") == [trashed]
    assert numbers(shop, "orders", status="checkout-draft") == [draft]
    assert set(numbers(shop, "orders", status="processing,trash")) == {kept, trashed}


def test_a_page_beyond_the_end_is_empty_with_total_0() -> None:
    shop = shop_with_webhooks()
    shop.place()

    status, rows, headers = get(shop, "orders", page="7")

    assert (status, rows, headers["X-WP-Total"]) == (200, [], "0")


def test_a_page_has_headers_for_total_and_total_pages() -> None:
    shop = shop_with_webhooks()
    for _ in range(25):
        shop.place()

    _, rows, headers = get(shop, "orders", per_page="10", page="3")

    assert (len(rows), headers["X-WP-Total"], headers["X-WP-TotalPages"]) == (5, "25", "3")


def test_orders_can_be_filtered_and_sorted() -> None:
    shop = shop_with_webhooks(clock=(clock := Clock()).read)
    made = []
    for _ in range(4):
        clock.sleep(1)
        made.append(shop.place())
    clock.sleep(1)
    shop.change_status(made[0], "completed")

    assert numbers(shop, "orders") == made[::-1]
    assert numbers(shop, "orders", orderby="modified", order="asc") == [*made[1:], made[0]]
    assert numbers(shop, "orders", include=f"{made[2]},{made[0]},99") == [made[2], made[0]]
    assert numbers(shop, "orders", exclude=str(made[0]), order="asc", offset="1") == made[2:]
    assert numbers(shop, "orders", status="completed") == [made[0]]


def test_fields_limits_the_fields_of_an_order() -> None:
    shop = shop_with_webhooks()
    shop.place()

    assert set(get(shop, "orders", _fields="id,status")[1][0]) == {"id", "status"}


def test_an_order_deleted_for_good_gets_404_with_invalid_id() -> None:
    shop = shop_with_webhooks()
    number = shop.place()
    shop.delete(number)

    status, body, _ = get(shop, f"orders/{number}")

    assert (status, body["code"]) == (404, "woocommerce_rest_shop_order_invalid_id")


def test_customers_cannot_be_filtered_or_sorted_by_modification() -> None:
    shop = shop_with_webhooks()
    made = [shop.register() for _ in range(3)]

    assert len(numbers(shop, "customers", modified_after="2100-01-01T00:00:00")) == 3
    assert get(shop, "customers", orderby="modified")[0] == 400
    assert numbers(shop, "customers", orderby="id", order="desc") == made[::-1]


def test_an_editor_is_listed_only_with_role_all() -> None:
    shop = shop_with_webhooks()
    customer, editor = shop.register(), shop.register(role="editor")

    assert numbers(shop, "customers") == [customer]
    assert set(numbers(shop, "customers", role="all")) == {customer, editor}
