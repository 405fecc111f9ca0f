"""The simulated store over HTTP, its controls, and hosts that change requests and responses."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3

from simulators.woocommerce import KEY, SECRET, InjectedFault, InProcessTransport, SimulatedShop, create_app, running
from simulators.woocommerce.hosting import Hosting
from tests.support.clock import Clock
from tests.support.simulated_shop import BASIC, Receiver, get, shop_with_webhooks
from woohub.clock import Timer
from woohub.store.client import Store
from woohub.store.connection import StoreCredentials
from woohub.store.cursors import ByDate
from woohub.store.oauth import signed
from woohub.store.webhooks import TOPICS


def test_the_simulated_store_serves_orders_and_webhooks_over_http() -> None:
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


def test_the_simulated_store_is_controlled_over_http() -> None:
    shop = shop_with_webhooks()
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


def test_an_injected_fault_answers_as_a_web_server_or_wordpress() -> None:
    shop = shop_with_webhooks()
    shop.faults.add(InjectedFault(status=503, body="html", count=1, retry_after="30"))
    shop.faults.add(InjectedFault(status=500, count=1))
    transport = InProcessTransport(create_app(shop))

    page = transport.request("GET", "https://shop.test/wp-json/wc/v3/orders", headers=BASIC)
    error = transport.request("GET", "https://shop.test/wp-json/wc/v3/orders", headers=BASIC)

    assert (page.status, page.headers["Retry-After"], page.data[:6]) == (503, "30", b"<html>")
    assert (error.status, error.json()["code"]) == (500, "internal_server_error")


def hosted(scheme: str, url: str, hosting: Hosting, **headers: str) -> Any:
    """The response of a shop on such a host."""
    shop = shop_with_webhooks()
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
def test_a_host_answers_before_woocommerce(hosting: Hosting, path: str, status: int, location: str | None) -> None:
    response = hosted("https", path, hosting, **({} if path == "/wp-json/" else BASIC))

    assert (response.status, response.headers.get("Location")) == (status, location)


@pytest.mark.parametrize("hosting", [Hosting(), Hosting(permalinks="plain"), Hosting(permalinks="missing")], ids=str)
def test_rest_route_works_with_any_permalinks(hosting: Hosting) -> None:
    response = hosted("https", "/?rest_route=/wc/v3/orders", hosting, **BASIC)

    assert (response.status, response.json()) == (200, [])


@pytest.mark.parametrize(("base", "status"), [("http://shop.test", 200), ("http://shop.test/", 401)])
def test_a_signature_of_rest_route_is_valid_only_for_the_home_url_without_slash(base: str, status: int) -> None:
    """get_home_url(null, "") has no slash; class-wc-rest-authentication.php takes the path after that URL."""
    access = StoreCredentials("http://shop.test", KEY, SECRET)
    query = signed("GET", base, {"rest_route": "/wc/v3/orders"}, access, round(Clock().now))

    assert hosted("http", f"/?{urlencode(query)}", Hosting()).status == status


def test_a_key_in_the_query_works_when_the_host_drops_the_header() -> None:
    query = urlencode({"consumer_key": KEY, "consumer_secret": SECRET})

    assert hosted("https", f"{ORDERS}?{query}", Hosting(drops_authorization=True)).status == 200


def test_a_plugin_adds_text_around_the_json() -> None:
    hosting = Hosting(before="<b>Notice</b>: ", after="<!-- cached -->")

    assert hosted("https", ORDERS, hosting, **BASIC).data == b"<b>Notice</b>: []<!-- cached -->"


def test_a_numbered_list_lacks_a_row_and_keeps_the_numbers_of_the_others() -> None:
    shop = shop_with_webhooks()
    made = [shop.place() for _ in range(3)]
    shop.hosting = Hosting(numbered_lists=True)

    _, rows, _ = get(shop, "orders", orderby="id", order="asc")

    assert {number: row["id"] for number, row in rows.items()} == {"0": made[0], "2": made[2]}


def test_hosting_is_set_and_reset_over_http() -> None:
    shop = shop_with_webhooks()
    http = InProcessTransport(create_app(shop))
    url = "https://shop.test/_simulator/hosting"

    assert http.request("POST", url, json={"maintenance": "600"}).json()["maintenance"] == "600"
    assert http.request("POST", url, json={"redirect": "nowhere"}).status == 400
    assert http.request("DELETE", url).json()["maintenance"] == ""
    assert shop.hosting == Hosting()
