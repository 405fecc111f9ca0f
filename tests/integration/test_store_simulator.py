"""The simulated store: the ways of a live WooCommerce 11.0.1, as they were seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3

from simulators.woocommerce import KEY, SECRET, InjectedFault, InProcessTransport, SimulatedShop, create_app, running
from simulators.woocommerce.bodies import php_json
from simulators.woocommerce.hosting import Hosting
from tests.support import deliveries
from tests.support.clock import Clock
from woohub.clock import Timer
from woohub.delivery import signatures, topics
from woohub.store.client import Store
from woohub.store.connection import StoreCredentials
from woohub.store.cursors import ByDate
from woohub.store.oauth import signed
from woohub.store.webhooks import TOPICS

HOOK = "https://hooks.test/"
BASIC = urllib3.util.make_headers(basic_auth=f"{KEY}:{SECRET}")


class Receiver:
    """Answers deliveries with a status of our choice, and keeps them."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[tuple[Mapping[str, str], bytes]] = []

    def __call__(self, _url: str, body: bytes, headers: Mapping[str, str], _timeout_s: float) -> int:
        self.got.append((headers, body))
        if self.status == 0:
            raise ConnectionRefusedError
        return self.status

    @property
    def topics(self) -> list[str]:
        """Of the deliveries, without pings."""
        return [headers["X-WC-Webhook-Topic"] for headers, _ in self.got if "X-WC-Webhook-Topic" in headers]

    def bodies(self) -> list[Any]:
        """Of the deliveries, without pings."""
        return [json.loads(body) for headers, body in self.got if "X-WC-Webhook-Topic" in headers]


def a_shop(receiver: Receiver | None = None, **changes: Any) -> SimulatedShop:
    """A shop with a webhook for every topic, whose pings were answered and forgotten."""
    receiver = receiver or Receiver()
    known: dict[str, Any] = {"clock": Clock().read, "post": receiver}
    shop = SimulatedShop(**(known | changes))
    shop.add_webhooks(HOOK, "lab-secret", TOPICS)
    receiver.got.clear()
    return shop


def get(shop: SimulatedShop, path: str, **query: str) -> Any:
    """Over https with Basic: status, JSON and headers."""
    url = f"https://shop.test/wp-json/wc/v3/{path}?{urlencode(query)}"
    response = InProcessTransport(create_app(shop)).request("GET", url, headers=BASIC)
    return response.status, response.json(), response.headers


def numbers(shop: SimulatedShop, path: str, **query: str) -> list[int]:
    """The ids listed."""
    status, rows, _ = get(shop, path, **query)
    assert status == 200, rows
    return [row["id"] for row in rows]


def shape(thing: Any) -> Any:
    """Names and types of an object; of a list, what its first entry looks like."""
    if isinstance(thing, dict):
        return {name: shape(value) for name, value in thing.items()}
    return type(thing).__name__


# Bodies


def test_an_order_looks_like_a_captured_one() -> None:
    shop = a_shop()
    captured = deliveries.labelled("order-registered", "order.created").payload

    order = json.loads(shop.order_text(shop.orders[shop.place(account=shop.register(), status="on-hold")]))

    assert list(order) == list(captured)
    assert shape(order["billing"]) == shape(captured["billing"])
    names = set(captured) - {"billing", "shipping", "line_items", "_links"}
    assert {name: type(order[name]) for name in names} == {name: type(captured[name]) for name in names}
    assert list(order["line_items"][0]) == list(captured["line_items"][0])


def test_a_customer_looks_like_a_captured_one() -> None:
    shop = a_shop()
    captured = deliveries.labelled("customer-created-rest").payload

    customer = json.loads(shop.customer_text(shop.customers[shop.register()]))

    assert list(customer) == list(captured)
    assert shape({**customer, "_links": 0}) == shape({**captured, "_links": 0})


def test_json_is_written_as_php_writes_it() -> None:
    captured = deliveries.labelled("customer-created-rest")

    assert php_json(captured.payload).encode() == captured.body


def test_the_same_seed_gives_the_same_shop() -> None:
    def bodies(seed: int) -> list[str]:
        shop = a_shop(seed=seed)
        for _ in range(50):
            shop.act()
        return [shop.order_text(order) for order in shop.orders.values()]

    assert bodies(3) == bodies(3)
    assert bodies(3) != bodies(4)


def test_dates_are_local_and_in_gmt_without_a_zone() -> None:
    shop = a_shop(zone="Asia/Kolkata")

    order = json.loads(shop.order_text(shop.orders[shop.place()]))

    assert order["date_created"] == "2026-11-24T04:10:00"
    assert order["date_created_gmt"] == "2026-11-23T22:40:00"


# Reading orders


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
def test_modified_after_is_understood_as_a_live_store_does(
    zone: str, written: str, gmt: str, expected: dict[str, int]
) -> None:
    shop = a_shop(zone=zone)
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
def test_what_the_store_does_not_understand_is_a_400(query: dict[str, str], parameter: str) -> None:
    status, body, _ = get(a_shop(), "orders", **query)

    assert (status, body["code"]) == (400, "rest_invalid_param")
    assert parameter in body["data"]["params"]


def test_any_status_has_neither_trash_nor_drafts() -> None:
    shop = a_shop()
    kept, trashed, draft = shop.place(), shop.place(), shop.abandon()
    shop.trash(trashed)

    assert numbers(shop, "orders") == [kept]
    assert numbers(shop, "orders", status="any,trash") == [kept]
    assert numbers(shop, "orders", status="trash") == [trashed]
    assert numbers(shop, "orders", status="checkout-draft") == [draft]
    assert set(numbers(shop, "orders", status="processing,trash")) == {kept, trashed}


def test_a_page_beyond_the_end_is_empty_and_counts_nothing() -> None:
    shop = a_shop()
    shop.place()

    status, rows, headers = get(shop, "orders", page="7")

    assert (status, rows, headers["X-WP-Total"]) == (200, [], "0")


def test_a_page_says_how_many_there_are() -> None:
    shop = a_shop()
    for _ in range(25):
        shop.place()

    _, rows, headers = get(shop, "orders", per_page="10", page="3")

    assert (len(rows), headers["X-WP-Total"], headers["X-WP-TotalPages"]) == (5, "25", "3")


def test_orders_are_chosen_and_sorted() -> None:
    shop = a_shop(clock=(clock := Clock()).read)
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


def test_only_the_fields_asked_for_are_given() -> None:
    shop = a_shop()
    shop.place()

    assert set(get(shop, "orders", _fields="id,status")[1][0]) == {"id", "status"}


def test_an_order_deleted_for_good_is_an_invalid_id() -> None:
    shop = a_shop()
    number = shop.place()
    shop.delete(number)

    status, body, _ = get(shop, f"orders/{number}")

    assert (status, body["code"]) == (404, "woocommerce_rest_shop_order_invalid_id")


# Reading customers


def test_customers_cannot_be_chosen_by_change() -> None:
    shop = a_shop()
    made = [shop.register() for _ in range(3)]

    assert len(numbers(shop, "customers", modified_after="2100-01-01T00:00:00")) == 3
    assert get(shop, "customers", orderby="modified")[0] == 400
    assert numbers(shop, "customers", orderby="id", order="desc") == made[::-1]


def test_other_roles_are_listed_only_by_name() -> None:
    shop = a_shop()
    customer, editor = shop.register(), shop.register(role="editor")

    assert numbers(shop, "customers") == [customer]
    assert set(numbers(shop, "customers", role="all")) == {customer, editor}


# Which events follow from what


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
def test_what_is_made_announces_itself(act: str, topics: list[str]) -> None:
    receiver = Receiver()
    shop = a_shop(receiver)

    getattr(shop, act)()
    shop.run_webhooks()

    assert receiver.topics == topics


@pytest.mark.parametrize(
    ("act", "topics"),
    [
        ("change_status", ["order.updated"]),
        ("edit_address", ["order.updated"]),
        ("save", ["order.updated"]),
        ("trash", ["order.deleted"]),
        ("delete", []),
    ],
)
def test_what_happens_to_an_order_announces_itself_or_not(act: str, topics: list[str]) -> None:
    receiver = Receiver()
    shop = a_shop(receiver)
    number = shop.place()
    shop.run_webhooks()
    receiver.got.clear()

    getattr(shop, act)(number)
    shop.run_webhooks()

    assert receiver.topics == topics


@pytest.mark.parametrize(
    ("act", "hpos", "topics"),
    [
        ("restore", True, ["order.restored"]),
        ("restore", False, ["order.restored", "order.updated"]),
        ("save", True, ["order.updated"]),  # with status "trash"
        ("change_status", True, []),  # out of the trash, and nobody is told
    ],
)
def test_what_happens_to_an_order_in_the_trash(act: str, hpos: bool, topics: list[str]) -> None:
    receiver = Receiver()
    shop = a_shop(receiver, hpos=hpos)
    number = shop.place()
    shop.trash(number)
    shop.run_webhooks()
    receiver.got.clear()

    getattr(shop, act)(number)
    shop.run_webhooks()

    assert receiver.topics == topics


def test_the_first_completed_order_changes_the_customer() -> None:
    receiver = Receiver()
    shop = a_shop(receiver)
    number = shop.place(account=shop.register())
    shop.run_webhooks()
    receiver.got.clear()

    for status in ("completed", "processing", "completed"):
        shop.change_status(number, status)
        shop.run_webhooks()

    assert receiver.topics.count("customer.updated") == 1


def test_what_plugins_write_behind_its_back_nobody_is_told() -> None:
    receiver = Receiver()
    shop = a_shop(receiver)
    number = shop.register()
    shop.run_webhooks()
    receiver.got.clear()

    shop.edit_customer_behind(number, phone="0")
    shop.run_webhooks()

    assert receiver.got == []


def test_only_customers_say_that_they_were_deleted() -> None:
    receiver = Receiver()
    shop = a_shop(receiver)
    customer, editor = shop.register(), shop.register(role="editor")
    shop.run_webhooks()
    receiver.got.clear()

    shop.remove_customer(customer)
    shop.remove_customer(editor)
    shop.run_webhooks()

    assert (receiver.topics, receiver.bodies()) == (["customer.deleted"], [{"id": customer}])


# Deliveries


def test_a_delivery_is_what_ingest_expects() -> None:
    receiver = Receiver()
    shop = a_shop(receiver)
    number = shop.place()
    shop.run_webhooks()
    headers, body = receiver.got[0]

    delivery, signed_with = signatures.verify(headers, body, {"current": "lab-secret"}, received_ms=1)

    assert signed_with == "current"
    assert topics.identify(delivery).entity == f"order:{number}"
    assert body == shop.order_text(shop.orders[number]).encode()
    captured = deliveries.labelled("order-registered", "order.created").headers
    assert set(headers) == set(captured) - {"Content-Length"}


def test_deliveries_of_one_webhook_in_one_second_share_their_id() -> None:
    receiver = Receiver()
    shop = a_shop(receiver, clock=(clock := Clock()).read)
    shop.type_in()
    shop.type_in()
    shop.run_webhooks()
    clock.sleep(1)
    shop.type_in()
    shop.run_webhooks()

    first, second, third = (headers["X-WC-Webhook-Delivery-ID"] for headers, _ in receiver.got)

    assert first == second != third


def test_updates_that_wait_are_merged_and_show_the_state_at_delivery() -> None:
    receiver = Receiver()
    shop = a_shop(receiver)
    number = shop.type_in(status="pending")
    shop.run_webhooks()
    receiver.got.clear()

    for status in ("on-hold", "processing", "completed"):
        shop.change_status(number, status)
    shop.run_webhooks()

    assert [body["status"] for body in receiver.bodies()] == ["completed"]


def test_a_delivery_is_never_repeated() -> None:
    receiver = Receiver()
    shop = a_shop(receiver)
    receiver.status = 500
    shop.type_in()

    shop.run_webhooks()
    shop.run_webhooks()

    assert len(receiver.got) == 1


def test_what_is_gone_before_its_delivery_is_delivered_as_an_error() -> None:
    receiver = Receiver()
    shop = a_shop(receiver)
    shop.delete(shop.type_in())
    shop.run_webhooks()

    assert receiver.bodies() == [deliveries.labelled("order-gone-before-delivery").payload]


@pytest.mark.parametrize(("status", "counts"), [(200, 0), (204, 0), (302, 0), (303, 1), (307, 1), (401, 1), (0, 1)])
def test_what_counts_as_a_failure(status: int, counts: int) -> None:
    receiver = Receiver()
    shop = a_shop(receiver)
    receiver.status = status
    shop.type_in()
    shop.run_webhooks()

    assert shop.hooks.webhooks[1].failures == counts


def failing(receiver: Receiver, times: int) -> SimulatedShop:
    """A shop whose deliveries of new orders failed so often in a row."""
    shop = a_shop(receiver)
    receiver.status = 500
    for _ in range(times):
        shop.type_in()
        shop.run_webhooks()
    return shop


@pytest.mark.parametrize(("times", "status"), [(6, "active"), (7, "disabled")])
def test_the_seventh_failure_in_a_row_disables(times: int, status: str) -> None:
    assert failing(Receiver(), times).hooks.webhooks[1].status == status


def test_a_success_in_between_forgives_all() -> None:
    receiver = Receiver()
    shop = failing(receiver, 6)
    receiver.status = 200
    shop.type_in()
    shop.run_webhooks()

    assert shop.hooks.webhooks[1].failures == 0


def test_while_disabled_events_are_not_even_queued() -> None:
    receiver = Receiver()
    shop = failing(receiver, 7)
    shop.type_in()

    assert shop.hooks.waiting == 0


def test_after_making_it_active_the_first_failure_disables_again() -> None:
    receiver = Receiver()
    shop = failing(receiver, 7)
    shop.hooks.change(shop.hooks.webhooks[1], {"status": "active"})
    shop.type_in()
    shop.run_webhooks()

    assert shop.hooks.webhooks[1].status == "disabled"


def test_a_lost_delivery_is_no_failure() -> None:
    receiver = Receiver()
    shop = a_shop(receiver)
    shop.hooks.lose = 1.0
    shop.type_in()
    shop.run_webhooks()

    assert receiver.got == []
    assert shop.hooks.webhooks[1].failures == 0
    assert shop.hooks.lost() == 1


@pytest.mark.parametrize(("status", "pings"), [(200, 1), (204, 4)])
def test_a_ping_is_unsigned_and_comes_back_until_it_gets_200(status: int, pings: int) -> None:
    receiver = Receiver()
    receiver.status = status
    shop = SimulatedShop(clock=Clock().read, post=receiver)
    shop.add_webhooks(HOOK, "lab-secret", ("order.created",))
    for _ in range(3):
        shop.type_in()
        shop.run_webhooks()

    sent = [(headers, body) for headers, body in receiver.got if signatures.is_ping(headers, body)]

    assert len(sent) == pings
    assert sent[0][1] == b"webhook_id=1"
    assert shop.hooks.webhooks[1].status == "active"


def send(shop: SimulatedShop, method: str, path: str, body: Any = None) -> Any:
    url = f"https://shop.test/wp-json/wc/v3/{path}"
    response = InProcessTransport(create_app(shop)).request(method, url, json=body, headers=BASIC)
    return response.status, response.json()


def test_a_new_webhook_is_active_whatever_is_asked_and_shows_no_secret() -> None:
    shop = SimulatedShop(clock=Clock().read, post=Receiver())
    wanted = {"topic": "order.created", "delivery_url": HOOK, "secret": "abc", "status": "paused"}

    status, body = send(shop, "POST", "webhooks", wanted)

    assert (status, body["status"]) == (201, "active")
    assert "secret" not in body


def test_a_topic_in_capitals_makes_a_webhook_that_never_delivers() -> None:
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
def test_webhooks_are_looked_after_by_the_rules(method: str, path: str, body: Any, status: int) -> None:
    assert send(a_shop(), method, path, body)[0] == status


# Over the network


def test_it_serves_and_delivers_over_real_http() -> None:
    shop, received = SimulatedShop(zone="UTC"), Receiver()
    shop.hooks.post = received
    timer = Timer()
    timer.start(20)
    with running(shop) as url:
        shop.add_webhooks(f"{url}/elsewhere", "lab-secret", TOPICS)
        made = shop.place()
        store = Store(urllib3.PoolManager(), StoreCredentials(url, KEY, SECRET), timer)

        (step,) = store.orders(ByDate("2020-01-01T00:00:00"))
        waited = store.webhooks()

    assert [row.id for row in step.rows] == [made]
    assert step.rows[0].fields["_links"]["self"][0]["href"] == f"{url}/wp-json/wc/v3/orders/{made}"
    assert len(waited) == 7


def test_it_is_controlled_over_http() -> None:
    shop = a_shop()
    http = InProcessTransport(create_app(shop))

    def control(method: str, path: str, body: Any = None) -> Any:
        return http.request(method, f"http://shop.test/_simulator/{path}", json=body).json()

    made = control("POST", "act", {"action": "place", "times": 3, "with": {"status": "on-hold"}})
    control("POST", "act", {"action": "change_status", "with": {"order_id": made[0], "status": "completed"}})
    control("POST", "settings", {"lose": 1, "latency_ms": 5})
    control("POST", "faults", {"status": 503, "count": 1})

    assert control("POST", "run") == {"delivered": 6}
    assert control("GET", "state")["lost"] == 6
    assert control("GET", "faults")[0]["status"] == 503
    assert control("DELETE", "faults") == []
    assert control("POST", "act", {"action": "burn"})["error"].startswith("an action is one of")
    assert [shop.orders[number].status for number in made] == ["completed", "on-hold", "on-hold"]


def test_faults_have_the_words_of_a_web_server_or_of_wordpress() -> None:
    shop = a_shop()
    shop.faults.add(InjectedFault(status=503, body="html", count=1, retry_after="30"))
    shop.faults.add(InjectedFault(status=500, count=1))
    transport = InProcessTransport(create_app(shop))

    page = transport.request("GET", "https://shop.test/wp-json/wc/v3/orders", headers=BASIC)
    error = transport.request("GET", "https://shop.test/wp-json/wc/v3/orders", headers=BASIC)

    assert (page.status, page.headers["Retry-After"], page.data[:6]) == (503, "30", b"<html>")
    assert (error.status, error.json()["code"]) == (500, "internal_server_error")


# Hosts


def hosted(scheme: str, url: str, hosting: Hosting, **headers: str) -> Any:
    """One call to a shop on such a host."""
    shop = a_shop()
    shop.hosting = hosting
    return InProcessTransport(create_app(shop)).request("GET", f"{scheme}://shop.test{url}", headers=headers)


ORDERS = "/wp-json/wc/v3/orders"


@pytest.mark.parametrize(
    ("hosting", "path", "status", "location"),
    [
        (Hosting(permalinks="plain"), "/wp-json/", 301, "https://shop.test/wp-json/"),
        (Hosting(permalinks="plain"), ORDERS, 301, f"https://shop.test{ORDERS}/"),
        (Hosting(permalinks="missing"), ORDERS, 404, None),
        (Hosting(redirect="language"), ORDERS, 301, f"https://shop.test/en{ORDERS}"),
        (Hosting(redirect="slash"), ORDERS, 301, f"https://shop.test{ORDERS}/"),
        (Hosting(redirect="https://other.example/"), ORDERS, 301, f"https://other.example{ORDERS}"),
        (Hosting(index_closed="rest_login_required"), "/wp-json/", 401, None),
        (Hosting(drops_authorization=True), ORDERS, 401, None),
        (Hosting(maintenance="600"), ORDERS, 503, None),
    ],
    ids=str,
)
def test_a_host_stands_before_woocommerce(hosting: Hosting, path: str, status: int, location: str | None) -> None:
    response = hosted("https", path, hosting, **({} if path == "/wp-json/" else BASIC))

    assert (response.status, response.headers.get("Location")) == (status, location)


@pytest.mark.parametrize("hosting", [Hosting(), Hosting(permalinks="plain"), Hosting(permalinks="missing")], ids=str)
def test_rest_route_works_with_any_permalinks(hosting: Hosting) -> None:
    response = hosted("https", "/?rest_route=/wc/v3/orders", hosting, **BASIC)

    assert (response.status, response.json()) == (200, [])


@pytest.mark.parametrize(("base", "status"), [("http://shop.test", 200), ("http://shop.test/", 401)])
def test_a_signature_of_rest_route_names_the_home_address_without_a_slash(base: str, status: int) -> None:
    """get_home_url(null, "") has none; class-wc-rest-authentication.php takes the path after home's."""
    access = StoreCredentials("http://shop.test", KEY, SECRET)
    query = signed("GET", base, {"rest_route": "/wc/v3/orders"}, access, round(Clock().now))

    assert hosted("http", f"/?{urlencode(query)}", Hosting()).status == status


def test_a_dropped_header_leaves_the_key_in_the_query() -> None:
    query = urlencode({"consumer_key": KEY, "consumer_secret": SECRET})

    assert hosted("https", f"{ORDERS}?{query}", Hosting(drops_authorization=True)).status == 200


def test_plugins_dress_the_json() -> None:
    hosting = Hosting(before="<b>Notice</b>: ", after="<!-- cached -->")

    assert hosted("https", ORDERS, hosting, **BASIC).data == b"<b>Notice</b>: []<!-- cached -->"


def test_a_plugin_takes_a_row_from_a_list_and_leaves_the_numbers_of_the_others() -> None:
    shop = a_shop()
    made = [shop.place() for _ in range(3)]
    shop.hosting = Hosting(numbered_lists=True)

    _, rows, _ = get(shop, "orders", orderby="id", order="asc")

    assert {number: row["id"] for number, row in rows.items()} == {"0": made[0], "2": made[2]}


def test_the_host_is_one_of_the_controls() -> None:
    shop = a_shop()
    http = InProcessTransport(create_app(shop))
    url = "https://shop.test/_simulator/hosting"

    assert http.request("POST", url, json={"maintenance": "600"}).json()["maintenance"] == "600"
    assert http.request("POST", url, json={"redirect": "nowhere"}).status == 400
    assert http.request("DELETE", url).json()["maintenance"] == ""
    assert shop.hosting == Hosting()
