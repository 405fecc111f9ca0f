"""A simulated shop whose webhook deliveries a test receives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3

from simulators.woocommerce import KEY, SECRET, InProcessTransport, SimulatedShop, create_app
from tests.support.clock import Clock
from woohub.store.webhooks import TOPICS

HOOK = "https://hooks.test/"
BASIC = urllib3.util.make_headers(basic_auth=f"{KEY}:{SECRET}")


class Receiver:
    """Answers deliveries with `status` (0 refuses the connection) and keeps them."""

    def __init__(self) -> None:
        self.status = 200
        self.received: list[tuple[Mapping[str, str], bytes]] = []

    def __call__(self, _url: str, body: bytes, headers: Mapping[str, str], _timeout_s: float) -> int:
        self.received.append((headers, body))
        if self.status == 0:
            raise ConnectionRefusedError
        return self.status

    @property
    def topics(self) -> list[str]:
        """Of the deliveries received, without pings."""
        return [headers["X-WC-Webhook-Topic"] for headers, _ in self.received if "X-WC-Webhook-Topic" in headers]

    def bodies(self) -> list[Any]:
        """Of the deliveries received, without pings."""
        return [json.loads(body) for headers, body in self.received if "X-WC-Webhook-Topic" in headers]


def shop_with_webhooks(receiver: Receiver | None = None, **changes: Any) -> SimulatedShop:
    """A shop with a webhook for every topic; the pings are not kept."""
    receiver = receiver or Receiver()
    known: dict[str, Any] = {"clock": Clock().read, "post": receiver}
    shop = SimulatedShop(**(known | changes))
    shop.add_webhooks(HOOK, "lab-secret", TOPICS)
    receiver.received.clear()
    return shop


def get(shop: SimulatedShop, path: str, **query: str) -> Any:
    """The status, JSON and headers of a GET over HTTPS with Basic authentication."""
    url = f"https://shop.test/wp-json/wc/v3/{path}?{urlencode(query)}"
    response = InProcessTransport(create_app(shop)).request("GET", url, headers=BASIC)
    return response.status, response.json(), response.headers
