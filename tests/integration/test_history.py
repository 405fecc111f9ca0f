"""A shop's history gets to the queue whole, page by page, no faster than it is taken from there, and resumes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from mypy_boto3_sqs import SQSClient

from tests.support.reconcile import ReconcileFixture
from woohub.clock import Timer
from woohub.dates import utc_from_ms
from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.errors import TransientError
from woohub.sync.outcome import Message
from woohub_cli.cli_errors import Trouble
from woohub_cli.deliveries import history
from woohub_cli.deliveries.history import (
    MAX_QUEUE_DEPTH,
    Backfill,
    BackfillProgress,
    BackfillRequest,
    Pace,
    Stalled,
    StateFile,
    begin,
)
from woohub_cli.orders import order_pages
from woohub_cli.period import EVER, Period
from woohub_cli.stack.connections import Tenant

DAY = 86_400
WANTED = BackfillRequest("https://shop.test")


@dataclass
class ShopWithPast:
    """A shop with a past, and a HubSpot that was set up just now."""

    path: Path
    lab: ReconcileFixture = field(default_factory=ReconcileFixture)
    deepest: int = 0
    takes: int = 100  # messages that the consumer takes from the queue per second
    interrupt_after: int = 0  # pages
    pages: int = 0

    def __post_init__(self) -> None:
        self.file = StateFile(self.path / "state" / "backfill.json")

    def shop(self, orders: int, *, per_day: int = 20, status: str = "completed") -> None:
        """So many orders up to yesterday, of some hundred customers."""
        shop, now = self.lab.shop, self.lab.clock.now
        for number in range(orders):
            at = float(int(now - DAY - (orders - number) * DAY / per_day))
            email = f"shopper{number % 150}@shop.example"
            shop.place(status=status, created=at, modified=at, billing={"email": email})

    def depth(self) -> int:
        self.deepest = max(self.deepest, len(self.lab.sqs.messages))
        return len(self.lab.sqs.messages)

    def sleep(self, seconds: float) -> None:
        """The consumer goes on meanwhile."""
        self.lab.clock.sleep(seconds)
        some, self.lab.sqs.messages[:] = self.lab.sqs.messages[: self.takes], self.lab.sqs.messages[self.takes :]
        saved, self.lab.sqs.messages = self.lab.sqs.messages, some
        self.lab.drain()
        self.lab.sqs.messages = saved

    def saved(self, _begin: BackfillProgress) -> None:
        self.pages += 1
        if self.pages == self.interrupt_after:
            raise KeyboardInterrupt

    def run(
        self, progress: BackfillProgress | None = None, limit: int | None = None, file: StateFile | None = None
    ) -> tuple[BackfillProgress, bool]:
        """As `woohub backfill` does it: from the state file if there is one."""
        progress = progress or self.file.read() or begin(WANTED, Period(), "2026-11-23T22:40:00")
        self.lab.timer.start(float("inf"))
        pace = Pace(self.depth, Timer(self.lab.clock.read, self.sleep))
        queue = DeliveryQueue(cast(SQSClient, self.lab.sqs), "queue", self.lab.log)
        backfill = Backfill(self.lab.store(), queue, pace, file or self.file, self.lab.clock.read, self.saved)
        return backfill.run(progress, limit)

    def queued(self) -> list[str]:
        return sorted(delivery.entity for delivery in self.lab.sqs.deliveries())


@pytest.fixture
def past(tmp_path: Path) -> ShopWithPast:
    return ShopWithPast(tmp_path)


def test_every_order_becomes_one_deal(past: ShopWithPast) -> None:
    past.shop(330)

    progress, complete = past.run()
    past.lab.drain()

    assert (complete, progress.orders) == (True, 330)
    assert past.lab.differences() == []


def test_orders_in_the_trash_become_deals_as_reconcile_makes_them(past: ShopWithPast) -> None:
    past.shop(3)
    past.lab.shop.trash(next(iter(past.lab.shop.orders)))

    progress, _ = past.run()
    past.lab.drain()

    assert (progress.orders, progress.trash) == (2, 1)
    assert sorted(deal["woocommerce_order_status"] for deal in past.lab.engine.deals) == [
        "completed",
        "completed",
        "trash",
    ]


def test_interrupted_twice_and_resumed_there_is_no_duplicate_and_nothing_missing(past: ShopWithPast) -> None:
    past.shop(330)
    for pages in (1, 2):
        past.interrupt_after = past.pages + pages
        with pytest.raises(KeyboardInterrupt):
            past.run()

    progress, complete = past.run()
    past.lab.drain()

    assert (complete, progress.orders) == (True, 330)
    assert past.lab.differences() == []


def test_a_crash_before_the_place_is_stored_queues_a_page_twice_and_loses_none(past: ShopWithPast) -> None:
    past.shop(250)

    class Full(StateFile):
        def write(self, progress: BackfillProgress) -> None:
            if progress.orders > 100:
                raise OSError("no space left on device")
            super().write(progress)

    with pytest.raises(OSError, match="no space"):
        past.run(file=Full(past.file.path))
    _, complete = past.run()

    assert complete
    assert len(past.queued()) > 300
    assert len(set(past.queued())) == 250


def test_when_it_is_through_nothing_is_left_to_go_on_with(past: ShopWithPast) -> None:
    past.shop(3)

    past.run()

    assert past.file.read() is None


def test_the_queue_stays_short_so_that_deliveries_are_not_held_up(past: ShopWithPast) -> None:
    past.shop(900)

    past.run()

    assert past.deepest <= MAX_QUEUE_DEPTH


def test_orders_that_change_meanwhile_end_up_as_they_are_now(past: ShopWithPast) -> None:
    past.shop(300)
    first = min(past.lab.shop.orders)
    past.interrupt_after = 1
    with pytest.raises(KeyboardInterrupt):
        past.run()
    past.lab.shop.change_status(first, "refunded")
    past.lab.with_webhooks()
    past.lab.shop.save(first)
    past.lab.shop.run_webhooks()  # overtakes what was read before

    past.run()
    past.lab.drain()

    assert past.lab.differences() == []
    assert past.lab.engine.deal(first)["woocommerce_order_status"] == "refunded"


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_a_store_of_before_woocommerce_5_8_has_its_whole_history_told(tmp_path: Path, zone: str) -> None:
    past = ShopWithPast(tmp_path, ReconcileFixture(old=True, zone=zone))
    past.shop(330)
    assert order_pages.is_old(past.lab.store())

    progress, _ = past.run(begin(WANTED, Period(), "", old=True))
    part, _ = past.run(begin(WANTED, Period("2026-11-21T22:40:00", "2026-11-22T10:00:00"), "", old=True))

    assert (progress.orders, len(set(past.queued()))) == (330, 330)
    made = [utc_from_ms(int(order.created * 1000)) for order in past.lab.shop.orders.values()]
    assert part.orders == sum(part.period.holds(moment) for moment in made) > 0


def test_only_orders_of_the_period_and_status_are_queued(past: ShopWithPast) -> None:
    shop = past.lab.shop
    inside = shop.place(created=1_790_000_000.0, modified=1_795_000_000.0)
    shop.place(created=1_790_000_000.0, status="failed")
    shop.place(created=1_789_999_999.0)
    shop.place(created=1_790_000_011.0)
    last = shop.place(created=1_790_000_010.0)
    period = Period("2026-09-21T14:13:20", "2026-09-21T14:13:30")

    past.run(begin(BackfillRequest("https://shop.test", status="processing"), period, ""))

    assert past.queued() == sorted([f"order:{inside}", f"order:{last}"])


def test_accounts_of_the_period_come_after_the_orders(past: ShopWithPast) -> None:
    past.shop(2)
    old = past.lab.shop.register()
    past.lab.pass_time(DAY)
    new = past.lab.shop.register()
    wanted = BackfillRequest("https://shop.test", since="2026-11-24T20:00", customers=True)

    progress, _ = past.run(begin(wanted, Period("2026-11-24T20:00:00"), ""))

    assert past.queued() == [f"customer:{new}"]
    assert progress.customers == 1
    assert old != new


def test_an_interrupted_walk_through_accounts_goes_on_there(past: ShopWithPast) -> None:
    for _ in range(230):
        past.lab.shop.register()
    wanted = BackfillRequest("https://shop.test", customers=True)
    past.interrupt_after = 2  # the orders' one empty page, and a page of accounts
    with pytest.raises(KeyboardInterrupt):
        past.run(begin(wanted, Period(), ""))

    _, complete = past.run()

    assert complete
    assert len(past.queued()) == len(set(past.queued())) == 230


@pytest.mark.parametrize("limit", [1, 30, 100, 250])
def test_a_limit_is_kept_and_the_next_run_goes_on_after_it(past: ShopWithPast, limit: int) -> None:
    past.shop(260)

    progress, complete = past.run(limit=limit)
    queued = past.queued()
    past.run(limit=limit)

    assert (progress.orders, complete, len(queued)) == (limit, False, limit)
    assert len(past.queued()) == len(set(past.queued())) == min(2 * limit, 260)


def test_many_orders_of_one_second_are_all_found_whatever_the_limit(past: ShopWithPast) -> None:
    for _ in range(130):
        past.lab.shop.place(created=1_790_000_000.0)
    complete, runs = False, 0
    while not complete and runs < 20:
        _, complete = past.run(limit=25)
        runs += 1

    assert complete
    assert len(set(past.queued())) == 130


def test_a_queue_that_gets_no_shorter_is_told_in_the_end(past: ShopWithPast) -> None:
    past.shop(MAX_QUEUE_DEPTH + 200)
    past.takes = 0

    with pytest.raises(Stalled, match="messages on the queue, which has not shrunk for 15 minutes"):
        past.run()

    progress = past.file.read()
    assert progress is not None
    assert MAX_QUEUE_DEPTH - 100 < progress.orders <= MAX_QUEUE_DEPTH


def test_a_queue_that_refuses_stops_it_where_it_can_go_on(past: ShopWithPast) -> None:
    past.shop(250)
    past.run(limit=100)
    past.lab.sqs.refuse = 1

    with pytest.raises(TransientError, match="SQS does not respond"):
        past.run()
    _, complete = past.run()

    assert complete
    assert len(past.queued()) == len(set(past.queued())) == 250


def test_the_state_file_holds_no_personal_data(past: ShopWithPast) -> None:
    past.shop(150)

    past.run(limit=120)

    text = past.file.path.read_text()
    assert "@" not in text
    assert set(json.loads(text)) == set(BackfillProgress.__dataclass_fields__)


def test_a_state_file_that_is_something_else_is_told(past: ShopWithPast) -> None:
    past.file.path.parent.mkdir()
    past.file.path.write_text("{")

    with pytest.raises(Trouble, match="--restart"):
        past.file.read()


@pytest.mark.parametrize(
    ("period", "count"),
    [(Period(), 40), (Period("2026-11-22T00:00:00"), 18), (Period(EVER, "2026-11-21T22:39:59"), 20)],
    ids=["ever", "from", "to"],
)
def test_what_there_is_can_be_counted_without_reading_it(past: ShopWithPast, period: Period, count: int) -> None:
    past.shop(40)
    before = len(past.lab.shop.requests)

    assert history.count(past.lab.store(), WANTED, period) == (count, 0)
    assert len(past.lab.shop.requests) == before + 1


def test_what_a_backfill_sends_is_one_tenants() -> None:
    sent = []

    class Sqs:
        def send_message_batch(self, **asked: object) -> object:
            sent.append(asked)
            return {}

    send: Callable[..., object] = Tenant(cast(SQSClient, Sqs()), "backfill").send_message_batch
    send(QueueUrl="queue", Entries=[{"Id": "0", "MessageBody": "m"}])

    assert sent == [{"QueueUrl": "queue", "Entries": [{"Id": "0", "MessageBody": "m", "MessageGroupId": "backfill"}]}]


def test_a_message_read_from_the_store_is_what_reconcile_would_send(past: ShopWithPast) -> None:
    past.shop(1)

    past.run()

    (delivery,) = past.lab.sqs.deliveries()
    assert (delivery.topic, delivery.source) == ("order.swept", "https://shop.test/")
    assert past.lab.engine.verdicts(Message("1", delivery)) == ["done"]
