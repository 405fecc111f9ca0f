"""Measure `woohub backfill` during live traffic, in virtual time: its duration, and how much it delays deliveries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import fmean

from woohub.clock import Timer
from woohub.delivery.delivery import Delivery
from woohub.store.payloads import ORDER_SWEPT
from woohub_cli.deliveries.history import Pace
from woohub_cli.stack.connections import TENANT

from . import orders
from .account import Clock, account
from .woohub_flow import WooHubFlow

PAGE_ORDERS = 100
PAGE_S = 0.5  # the store's time for a page
LIVE_EVERY_S, LIVE_UNTIL_S = 7.3, 100.0  # a new order arrives every 7.3 s
FIRST_LIVE = 1_000_000  # the ids of new orders begin here


@dataclass(frozen=True)
class BackfillRun:
    """The result of a backfill.

    `seconds` until HubSpot has all orders; `live_s`: the seconds from receipt to HubSpot of each new order meanwhile.
    """

    seconds: float
    live_s: list[float]


def backfill(latency_ms: float, count: int) -> BackfillRun:
    """Queue `count` orders with the command's own pace, during live traffic; 0 orders: only live traffic."""
    clock = Clock()
    flow = WooHubFlow(account(clock, latency_ms=latency_ms), clock)
    began = clock.now
    live = {flow.queues.send(delivery): delivery.received_ms / 1000 for delivery in _live(began)}
    flow.threads.run([lambda: _feed(flow, count), lambda: _consume(flow, count + len(live))])
    done = [(flow.finished_at.pop(message_id), received) for message_id, received in live.items()]
    ended = max(flow.finished, default=clock.now)
    return BackfillRun(ended - began, [finished - received for finished, received in done if received < ended])


def live_delay_s(latency_ms: float, run: BackfillRun) -> tuple[float, float]:
    """Return by how many seconds the backfill delayed new orders: on average, and at most."""
    alone = fmean(backfill(latency_ms, 0).live_s)
    return fmean(run.live_s) - alone, max(run.live_s) - alone


def _live(began: float) -> list[Delivery]:
    times = [began + LIVE_EVERY_S * number for number in range(int(LIVE_UNTIL_S / LIVE_EVERY_S))]
    return [orders.delivery("order.created", _order(FIRST_LIVE + number, at), at) for number, at in enumerate(times, 1)]


def _order(number: int, at: float) -> orders.Body:
    return orders.order(number, orders.Person(number), created=at, modified=at)


def _feed(flow: WooHubFlow, count: int) -> None:
    """Queue the orders page by page, as the command does."""
    pace = Pace(flow.queues.depth, Timer(flow.clock.read, flow.threads.sleep))
    for first in range(1, 1 + count, PAGE_ORDERS):
        read_at = flow.clock.now
        flow.threads.sleep(PAGE_S)
        pace.make_room(PAGE_ORDERS)
        for number in range(first, min(first + PAGE_ORDERS, 1 + count)):
            delivery = orders.delivery("order.updated", _order(number, orders.START_S - number), read_at)
            flow.queues.send(replace(delivery, topic=ORDER_SWEPT), TENANT)


def _consume(flow: WooHubFlow, count: int) -> None:
    while len(flow.finished) < count:
        flow.empty_queue()
        flow.threads.sleep(0.1)
