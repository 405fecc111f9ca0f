"""The configuration breaks while orders arrive: nothing is lost, and all is written after the repair."""

from __future__ import annotations

import json

import pytest

from tests.model.shop import SOURCE, Shop
from tests.model.shop_day import HOUR, MINUTE, ShopDay
from tests.support.bucket import BROKEN, Bucket
from tests.support.deliveries import SECRET
from tests.support.several_stores import mappings
from woohub.configuration import MAPPING_KEY, STORES_KEY
from woohub.consumer.retries import FIRST_DELAY_S

COMMENTED = "# nothing differs\n"
UNREADABLE = {
    "invalid TOML": BROKEN.encode(),
    "not UTF-8": b"\xff\xfe",
}


@pytest.fixture
def day() -> ShopDay:
    return ShopDay(gap=60, bucket=Bucket())


def bucket(day: ShopDay) -> Bucket:
    assert day.stack.bucket
    return day.stack.bucket


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=list(UNREADABLE))
def test_a_broken_mapping_opens_the_breaker_until_a_minute_after_its_repair(day: ShopDay, content: bytes) -> None:
    bucket(day).objects[MAPPING_KEY] = content
    day.simulation.sleep(3 * MINUTE)

    written = day.deals_in_hubspot()
    calls = day.calls_during(HOUR)
    state = day.stack.breaker_parameter().read()
    assert (state.state, state.policy, day.deals_in_hubspot(), calls) == ("open", "config", written, 0)

    bucket(day).put(MAPPING_KEY, COMMENTED)
    day.simulation.sleep(MINUTE + 1)
    assert day.breaker_state() == "closed"
    assert day.close() <= 20 * MINUTE
    assert len(day.stack.dead_letters) == 0


def test_a_warm_consumer_keeps_writing_while_s3_does_not_respond(day: ShopDay) -> None:
    bucket(day).is_down = True

    before = day.deals_in_hubspot()
    day.simulation.sleep(20 * MINUTE)

    assert day.deals_in_hubspot() > before
    assert day.breaker_state() == "closed"


def test_a_consumer_started_without_s3_opens_the_breaker_until_s3_responds(day: ShopDay) -> None:
    bucket(day).is_down = True
    day.stack.cold_start()
    day.simulation.sleep(20 * MINUTE)
    assert day.breaker_state() == "open"

    bucket(day).is_down = False
    day.simulation.sleep(MINUTE + 1)
    assert day.breaker_state() == "closed"
    assert day.close() <= 20 * MINUTE
    assert len(day.stack.dead_letters) == 0


def test_the_first_delivery_of_a_new_store_writes_its_deal_and_customer_id(day: ShopDay) -> None:
    day.stack.cold_start()
    day.stack.post(day.shop.request("order.updated", next(iter(day.shop.orders))))
    day.simulation.sleep(FIRST_DELAY_S)  # the consumer has read the configuration and keeps it for a minute
    bucket(day).put(STORES_KEY, '{"stores": {"second": {}}}')
    day.stack.set_up(mappings("second"))
    day.stack.secrets.values["second"] = json.dumps({"current": SECRET, "sources": [SOURCE]})
    shop = Shop(day.simulation, store="second")
    shop.place(7, "new@mail.example", customer=3, way="checkout")

    assert day.stack.post(shop.request("order.created", 7)) == 200
    day.simulation.sleep(FIRST_DELAY_S)

    state = day.stack.portal.state()
    (deal,) = [row["properties"] for row in state["deals"] if row["properties"]["woocommerce_order_id"] == "second-7"]
    (contact,) = [row["properties"] for row in state["contacts"] if row["properties"]["email"] == "new@mail.example"]
    assert deal["woocommerce_order_status"]
    assert contact["woocommerce_customer_id_second"]


def test_a_pushed_mapping_is_used_by_a_warm_consumer_within_a_minute(day: ShopDay) -> None:
    bucket(day).put(MAPPING_KEY, 'stages.completed.statuses = ["processing"]')
    day.simulation.sleep(MINUTE + 1)
    before = {row["id"] for row in day.stack.portal.state()["deals"]}

    day.simulation.sleep(10 * MINUTE)

    made = [row["properties"] for row in day.stack.portal.state()["deals"] if row["id"] not in before]
    stages = {deal["dealstage"] for deal in made if deal["woocommerce_order_status"] == "processing"}
    assert stages == {"completed"}
