"""The simulated store's webhooks deliver, fail and are disabled as those of WooCommerce 11.0.1."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.woocommerce import InProcessTransport, SimulatedShop, create_app
from tests.support import deliveries
from tests.support.clock import Clock
from tests.support.simulated_shop import BASIC, HOOK, Receiver, shop_with_webhooks
from woohub.delivery import signatures, topics


@pytest.mark.parametrize(
    ("act", "topics"),
    [
        ("place", ["order.created", "order.updated"]),
        ("type_in", ["order.created"]),
        ("checkout", ["order.updated", "order.created"]),
        (
            "checkout_with_new_account",
            ["customer.created", "customer.updated", "order.updated", "order.created"],
        ),
        ("abandon", ["order.updated"]),
        ("register", ["customer.created", "customer.updated"]),
    ],
)
def test_a_creation_sends_its_deliveries(act: str, topics: list[str]) -> None:
    receiver = Receiver()
    shop = shop_with_webhooks(receiver)

    getattr(shop, act)()
    shop.run_webhooks()

    assert receiver.topics == topics


@pytest.mark.parametrize(
    ("trashed", "hpos", "act", "topics"),
    [
        (False, True, "change_status", ["order.updated"]),
        (False, True, "edit_address", ["order.updated"]),
        (False, True, "save", ["order.updated"]),
        (False, True, "trash", ["order.deleted"]),
        (False, True, "delete", []),
        (True, True, "restore", ["order.restored"]),
        (True, False, "restore", ["order.restored", "order.updated"]),
        (True, True, "save", ["order.updated"]),  # with status "trash"
        (True, True, "change_status", []),  # leaves the trash without a delivery
    ],
)
def test_a_change_of_an_order_sends_its_deliveries(trashed: bool, hpos: bool, act: str, topics: list[str]) -> None:
    receiver = Receiver()
    shop = shop_with_webhooks(receiver, hpos=hpos)
    number = shop.place()
    if trashed:
        shop.trash(number)
    shop.run_webhooks()
    receiver.received.clear()

    getattr(shop, act)(number)
    shop.run_webhooks()

    assert receiver.topics == topics


def test_only_the_first_completed_order_sends_customer_updated() -> None:
    receiver = Receiver()
    shop = shop_with_webhooks(receiver)
    number = shop.place(account=shop.register())
    shop.run_webhooks()
    receiver.received.clear()

    for status in ("completed", "processing", "completed"):
        shop.change_status(number, status)
        shop.run_webhooks()

    assert receiver.topics.count("customer.updated") == 1


def test_a_change_by_a_plugin_sends_no_delivery() -> None:
    receiver = Receiver()
    shop = shop_with_webhooks(receiver)
    number = shop.register()
    shop.run_webhooks()
    receiver.received.clear()

    shop.edit_customer_behind(number, phone="0")
    shop.run_webhooks()

    assert receiver.received == []


def test_only_a_deleted_customer_sends_customer_deleted() -> None:
    receiver = Receiver()
    shop = shop_with_webhooks(receiver)
    customer, editor = shop.register(), shop.register(role="editor")
    shop.run_webhooks()
    receiver.received.clear()

    shop.remove_customer(customer)
    shop.remove_customer(editor)
    shop.run_webhooks()

    assert (receiver.topics, receiver.bodies()) == (["customer.deleted"], [{"id": customer}])


def test_a_delivery_has_a_valid_signature_and_the_headers_of_a_captured_one() -> None:
    receiver = Receiver()
    shop = shop_with_webhooks(receiver)
    number = shop.place()
    shop.run_webhooks()
    headers, body = receiver.received[0]

    delivery, signed_with = signatures.verify(headers, body, {"current": "lab-secret"}, received_ms=1)

    assert signed_with == "current"
    assert topics.identify(delivery).entity == f"order:{number}"
    assert body == shop.order_text(shop.orders[number]).encode()
    captured = deliveries.labelled("order-registered", "order.created").headers
    assert set(headers) == set(captured) - {"Content-Length"}


def test_deliveries_of_one_webhook_in_one_second_share_their_id() -> None:
    receiver = Receiver()
    shop = shop_with_webhooks(receiver, clock=(clock := Clock()).read)
    shop.type_in()
    shop.type_in()
    shop.run_webhooks()
    clock.sleep(1)
    shop.type_in()
    shop.run_webhooks()

    first, second, third = (headers["X-WC-Webhook-Delivery-ID"] for headers, _ in receiver.received)

    assert first == second != third


def test_pending_updates_are_merged_into_one_with_the_state_at_delivery() -> None:
    receiver = Receiver()
    shop = shop_with_webhooks(receiver)
    number = shop.type_in(status="pending")
    shop.run_webhooks()
    receiver.received.clear()

    for status in ("on-hold", "processing", "completed"):
        shop.change_status(number, status)
    shop.run_webhooks()

    assert [body["status"] for body in receiver.bodies()] == ["completed"]


def test_a_failed_delivery_is_not_repeated() -> None:
    receiver = Receiver()
    shop = shop_with_webhooks(receiver)
    receiver.status = 500
    shop.type_in()

    shop.run_webhooks()
    shop.run_webhooks()

    assert len(receiver.received) == 1


def test_an_order_deleted_before_its_delivery_is_delivered_as_an_error_body() -> None:
    receiver = Receiver()
    shop = shop_with_webhooks(receiver)
    shop.delete(shop.type_in())
    shop.run_webhooks()

    assert receiver.bodies() == [deliveries.labelled("order-gone-before-delivery").payload]


@pytest.mark.parametrize(("status", "counts"), [(200, 0), (204, 0), (302, 0), (303, 1), (307, 1), (401, 1), (0, 1)])
def test_the_response_status_decides_whether_a_delivery_failed(status: int, counts: int) -> None:
    receiver = Receiver()
    shop = shop_with_webhooks(receiver)
    receiver.status = status
    shop.type_in()
    shop.run_webhooks()

    assert shop.hooks.webhooks[1].failures == counts


def failing(receiver: Receiver, times: int) -> SimulatedShop:
    """A shop whose deliveries of order.created failed `times` times in a row."""
    shop = shop_with_webhooks(receiver)
    receiver.status = 500
    for _ in range(times):
        shop.type_in()
        shop.run_webhooks()
    return shop


@pytest.mark.parametrize(("times", "status"), [(6, "active"), (7, "disabled")])
def test_the_seventh_failure_in_a_row_disables_the_webhook(times: int, status: str) -> None:
    assert failing(Receiver(), times).hooks.webhooks[1].status == status


def test_a_success_resets_the_failure_count() -> None:
    receiver = Receiver()
    shop = failing(receiver, 6)
    receiver.status = 200
    shop.type_in()
    shop.run_webhooks()

    assert shop.hooks.webhooks[1].failures == 0


def test_a_disabled_webhook_queues_no_events() -> None:
    receiver = Receiver()
    shop = failing(receiver, 7)
    shop.type_in()

    assert shop.hooks.waiting == 0


def test_a_reactivated_webhook_is_disabled_by_its_first_failure() -> None:
    receiver = Receiver()
    shop = failing(receiver, 7)
    shop.hooks.change(shop.hooks.webhooks[1], {"status": "active"})
    shop.type_in()
    shop.run_webhooks()

    assert shop.hooks.webhooks[1].status == "disabled"


def test_a_lost_delivery_does_not_count_as_a_failure() -> None:
    receiver = Receiver()
    shop = shop_with_webhooks(receiver)
    shop.hooks.lose = 1.0
    shop.type_in()
    shop.run_webhooks()

    assert receiver.received == []
    assert shop.hooks.webhooks[1].failures == 0
    assert shop.hooks.lost() == 1


@pytest.mark.parametrize(("status", "pings"), [(200, 1), (204, 4)])
def test_a_ping_is_unsigned_and_repeated_until_it_gets_200(status: int, pings: int) -> None:
    receiver = Receiver()
    receiver.status = status
    shop = SimulatedShop(clock=Clock().read, post=receiver)
    shop.add_webhooks(HOOK, "lab-secret", ("order.created",))
    for _ in range(3):
        shop.type_in()
        shop.run_webhooks()

    sent = [(headers, body) for headers, body in receiver.received if signatures.is_ping(headers, body)]

    assert len(sent) == pings
    assert sent[0][1] == b"webhook_id=1"
    assert shop.hooks.webhooks[1].status == "active"


def send(shop: SimulatedShop, method: str, path: str, body: Any = None) -> Any:
    url = f"https://shop.test/wp-json/wc/v3/{path}"
    response = InProcessTransport(create_app(shop)).request(method, url, json=body, headers=BASIC)
    return response.status, response.json()


def test_a_new_webhook_is_active_despite_the_requested_status_and_hides_its_secret() -> None:
    shop = SimulatedShop(clock=Clock().read, post=Receiver())
    wanted = {"topic": "order.created", "delivery_url": HOOK, "secret": "abc", "status": "paused"}

    status, body = send(shop, "POST", "webhooks", wanted)

    assert (status, body["status"]) == (201, "active")
    assert "secret" not in body


def test_a_topic_in_capitals_makes_a_webhook_without_topic() -> None:
    shop = SimulatedShop(clock=Clock().read, post=Receiver())

    status, body = send(shop, "POST", "webhooks", {"topic": "Order.Created", "delivery_url": HOOK})

    assert (status, body["topic"]) == (201, "")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "webhooks", {"topic": "order.shipped", "delivery_url": HOOK}, 400),
        ("POST", "webhooks", {"topic": "order.created", "delivery_url": "ftp://hooks.test"}, 400),
        ("PUT", "webhooks/1", {"status": "asleep"}, 400),
        ("PUT", "webhooks/99", {"status": "active"}, 404),
        ("DELETE", "webhooks/1", None, 501),
        ("DELETE", "webhooks/99?force=true", None, 404),
        ("DELETE", "webhooks/1?force=true", None, 200),
        ("PATCH", "orders", None, 404),
        ("GET", "nonsense", None, 404),
    ],
)
def test_a_request_gets_the_status_of_a_live_store(method: str, path: str, body: Any, status: int) -> None:
    assert send(shop_with_webhooks(), method, path, body)[0] == status
