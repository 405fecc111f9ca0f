"""An hour of garbled responses from HubSpot, in which only ids and property values are right."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

import pytest
from urllib3 import HTTPHeaderDict

from simulators.core.transport import InProcessResponse
from simulators.hubspot import InProcessTransport
from tests.model.reference import reference
from tests.model.shop_day import HOUR, MINUTE, FullShopDay

JUNK: tuple[Any, ...] = (None, True, -1, 1e308, 10**30, "", "\ud800", "\x00\x0b", "9" * 5000, [], [[]], ["x"], {"a": 1})
STATUSES = (200, 201, 204, 207, 302, 400, 404, 409, 413, 423, 429, 500, 502, 503, 521, 599)
BODIES = (
    *(b"", b"{}", b"[]", b"null", b"<html>", b"\xff\xfe", b"[" * 100_000, b"9" * 6000, b'{"results":[]}'),
    *(
        b'{"results":[{}]}',
        b'{"errors":"no"}',
        b'{"results":[],"errors":[{"message":"bad"}]}',
        b'{"message":["\\ud800"]}',
    ),
)
NUMBERS = ("9" * 30, "-5", "Wed, 25 Nov 2026 07:28:00 GMT", "nan", "0", "3", "9" * 5000, "")
HEADERS = ("retry-after", "x-hubspot-ratelimit-max", "x-hubspot-ratelimit-remaining", "x-hubspot-ratelimit-daily")


@dataclass
class GarbledTransport:
    """Garbles a share of HubSpot's responses, before or after the effect of the request."""

    transport: InProcessTransport
    dice: random.Random
    share: float

    def request(self, method: str, url: str, **kwargs: Any) -> InProcessResponse:
        """As the transport's `request`."""
        if self.dice.random() >= self.share or url.endswith(("/archive", "limit=1")):
            return self.transport.request(method, url, **kwargs)
        headers = HTTPHeaderDict({name: self.dice.choice(NUMBERS) for name in HEADERS if self.dice.random() < 0.3})
        if self.dice.random() < 0.4:
            return InProcessResponse(self.dice.choice(STATUSES), headers, self.dice.choice(BODIES))
        answer = self.transport.request(method, url, **kwargs)
        if "/properties/" in url:
            return answer
        body = json.dumps(self._garble(json.loads(answer.data or b"{}"))).encode()
        return InProcessResponse(self.dice.choice((answer.status, 200, 207)), headers, body)

    def _garble(self, thing: Any) -> Any:
        if self.dice.random() < 0.1:
            return self.dice.choice(JUNK)
        if isinstance(thing, dict):
            kept = {name: value for name, value in thing.items() if self.dice.random() > 0.05}
            return {
                name: value if name in ("id", "properties") else self._garble(value) for name, value in kept.items()
            }
        if isinstance(thing, list):
            return [self._garble(part) for part in self.dice.sample(thing, len(thing)) if self.dice.random() > 0.05]
        return thing


@pytest.mark.parametrize(("seed", "share"), [(1, 0.1), (2, 0.3), (1, 0.6), (2, 0.9)])
def test_garbled_responses_break_no_batch_and_every_order_is_written_afterwards(seed: int, share: float) -> None:
    day = FullShopDay(gap=30, seed=seed)
    dice, direct = random.Random(seed), day.stack.wrap_transport  # noqa: S311
    day.stack.wrap_transport = lambda transport: GarbledTransport(transport, dice, share)
    day.stack.cold_start()
    day.simulation.sleep(HOUR)

    assert day.stack.faults == []
    assert [message.id for message in day.stack.dead_letters.messages() if "reason" not in message.texts] == []
    day.stack.wrap_transport = direct
    day.stack.cold_start()
    day.open = False
    day.simulation.sleep(2 * MINUTE)
    assert day.stack.drain(2 * 24 * HOUR)  # woohub keeps a pause that HubSpot asked for, up to a day
    day.stack.redrive()
    assert day.stack.drain()
    assert reference(day.stack.accepted).problems(day.stack.portal) == {}
    assert day.stack.unaccounted() == []
