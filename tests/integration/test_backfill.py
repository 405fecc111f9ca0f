"""Backfill queues a store's whole history, page by page, at the consumer's pace, and resumes after interruptions."""

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
REQUEST = BackfillRequest("https://shop.test")


@dataclass
class BackfillFixture:
    """A store with earlier orders, a HubSpot without records, and a backfill between them."""

    path: Path
    fixture: ReconcileFixture = field(default_factory=ReconcileFixture)
    deepest: int = 0
    consumed_per_s: int = 100  # messages
    interrupt_after: int = 0  # pages
    pages: int = 0

    def __post_init__(self) -> None:
        self.file = StateFile(self.path / "state" / "backfill.json")

    def place_orders(self, orders: int, *, per_day: int = 20, status: str = "completed") -> None:
        """Place this many orders up to yesterday, of 150 customers."""
        shop, now = self.fixture.shop, self.fixture.clock.now
        for number in range(orders):
            at = float(int(now - DAY - (orders - number) * DAY / per_day))
            email = f"shopper{number % 150}@shop.example"
            shop.place(status=status, created=at, modified=at, billing={"email": email})

    def depth(self) -> int:
        self.deepest = max(self.deepest, len(self.fixture.sqs.messages))
        return len(self.fixture.sqs.messages)

    def sleep(self, seconds: float) -> None:
        """Sleep; the consumer continues meanwhile."""
        self.fixture.clock.sleep(seconds)
        taken, self.fixture.sqs.messages[:] = (
            self.fixture.sqs.messages[: self.consumed_per_s],
            self.fixture.sqs.messages[self.consumed_per_s :],
        )
        saved, self.fixture.sqs.messages = self.fixture.sqs.messages, taken
        self.fixture.drain()
        self.fixture.sqs.messages = saved

    def saved(self, _begin: BackfillProgress) -> None:
        self.pages += 1
        if self.pages == self.interrupt_after:
            raise KeyboardInterrupt

    def run(
        self, progress: BackfillProgress | None = None, limit: int | None = None, file: StateFile | None = None
    ) -> tuple[BackfillProgress, bool]:
        """Run a backfill, from the state file if there is one."""
        progress = progress or self.file.read() or begin(REQUEST, Period(), "2026-11-23T22:40:00")
        self.fixture.timer.start(float("inf"))
        pace = Pace(self.depth, Timer(self.fixture.clock.read, self.sleep))
        queue = DeliveryQueue(cast(SQSClient, self.fixture.sqs), "queue", self.fixture.log)
        backfill = Backfill(self.fixture.store(), queue, pace, file or self.file, self.fixture.clock.read, self.saved)
        return backfill.run(progress, limit)

    def queued(self) -> list[str]:
        return sorted(delivery.entity for delivery in self.fixture.sqs.deliveries())


@pytest.fixture
def backfill(tmp_path: Path) -> BackfillFixture:
    return BackfillFixture(tmp_path)


@pytest.mark.parametrize("interruptions", [(), (1, 2)], ids=["at once", "interrupted twice"])
def test_backfill_makes_one_deal_per_order_and_keeps_no_state(
    backfill: BackfillFixture, interruptions: tuple[int, ...]
) -> None:
    backfill.place_orders(330)
    for pages in interruptions:
        backfill.interrupt_after = backfill.pages + pages
        with pytest.raises(KeyboardInterrupt):
            backfill.run()

    progress, complete = backfill.run()
    backfill.fixture.drain()

    assert (complete, progress.orders) == (True, 330)
    assert backfill.fixture.differences() == []
    assert backfill.file.read() is None


def test_backfill_makes_deals_of_trashed_orders_like_reconcile(backfill: BackfillFixture) -> None:
    backfill.place_orders(3)
    backfill.fixture.shop.trash(next(iter(backfill.fixture.shop.orders)))

    progress, _ = backfill.run()
    backfill.fixture.drain()

    assert (progress.orders, progress.trash) == (2, 1)
    assert sorted(deal["woocommerce_order_status"] for deal in backfill.fixture.engine.deals) == [
        "completed",
        "completed",
        "trash",
    ]


def test_backfill_queues_a_page_again_after_a_failed_state_write_and_loses_none(backfill: BackfillFixture) -> None:
    backfill.place_orders(250)

    class FullDisk(StateFile):
        def write(self, progress: BackfillProgress) -> None:
            if progress.orders > 100:
                raise OSError("no space left on device")
            super().write(progress)

    with pytest.raises(OSError, match="no space"):
        backfill.run(file=FullDisk(backfill.file.path))
    _, complete = backfill.run()

    assert complete
    assert len(backfill.queued()) > 300
    assert len(set(backfill.queued())) == 250


def test_backfill_keeps_the_queue_below_its_maximum_depth(backfill: BackfillFixture) -> None:
    backfill.place_orders(900)

    backfill.run()

    assert backfill.deepest <= MAX_QUEUE_DEPTH


def test_orders_changed_during_a_backfill_end_in_their_newest_state(backfill: BackfillFixture) -> None:
    backfill.place_orders(300)
    first = min(backfill.fixture.shop.orders)
    backfill.interrupt_after = 1
    with pytest.raises(KeyboardInterrupt):
        backfill.run()
    backfill.fixture.shop.change_status(first, "refunded")
    backfill.fixture.with_webhooks()
    backfill.fixture.shop.save(first)
    backfill.fixture.shop.run_webhooks()  # is received before what backfill has read

    backfill.run()
    backfill.fixture.drain()

    assert backfill.fixture.differences() == []
    assert backfill.fixture.engine.deal(first)["woocommerce_order_status"] == "refunded"


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_backfill_of_a_store_before_woocommerce_5_8_queues_all_orders(tmp_path: Path, zone: str) -> None:
    backfill = BackfillFixture(tmp_path, ReconcileFixture(old=True, zone=zone))
    backfill.place_orders(330)
    assert order_pages.is_old(backfill.fixture.store())

    progress, _ = backfill.run(begin(REQUEST, Period(), "", old=True))
    part, _ = backfill.run(begin(REQUEST, Period("2026-11-21T22:40:00", "2026-11-22T10:00:00"), "", old=True))

    assert (progress.orders, len(set(backfill.queued()))) == (330, 330)
    created = [utc_from_ms(int(order.created * 1000)) for order in backfill.fixture.shop.orders.values()]
    assert part.orders == sum(part.period.holds(moment) for moment in created) > 0


def test_backfill_queues_only_orders_of_the_period_and_status(backfill: BackfillFixture) -> None:
    shop = backfill.fixture.shop
    inside = shop.place(created=1_790_000_000.0, modified=1_795_000_000.0)
    shop.place(created=1_790_000_000.0, status="failed")
    shop.place(created=1_789_999_999.0)
    shop.place(created=1_790_000_011.0)
    last = shop.place(created=1_790_000_010.0)
    period = Period("2026-09-21T14:13:20", "2026-09-21T14:13:30")

    backfill.run(begin(BackfillRequest("https://shop.test", status="processing"), period, ""))

    assert backfill.queued() == sorted([f"order:{inside}", f"order:{last}"])


def test_backfill_queues_only_accounts_of_the_period(backfill: BackfillFixture) -> None:
    backfill.place_orders(2)
    old = backfill.fixture.shop.register()
    backfill.fixture.pass_time(DAY)
    new = backfill.fixture.shop.register()
    request = BackfillRequest("https://shop.test", since="2026-11-24T20:00", customers=True)

    progress, _ = backfill.run(begin(request, Period("2026-11-24T20:00:00"), ""))

    assert backfill.queued() == [f"customer:{new}"]
    assert progress.customers == 1
    assert old != new


def test_backfill_resumes_within_the_accounts(backfill: BackfillFixture) -> None:
    for _ in range(230):
        backfill.fixture.shop.register()
    request = BackfillRequest("https://shop.test", customers=True)
    backfill.interrupt_after = 2  # the empty page of orders and a page of accounts
    with pytest.raises(KeyboardInterrupt):
        backfill.run(begin(request, Period(), ""))

    _, complete = backfill.run()

    assert complete
    assert len(backfill.queued()) == len(set(backfill.queued())) == 230


@pytest.mark.parametrize("limit", [1, 30, 100, 250])
def test_backfill_stops_at_its_limit_and_the_next_run_continues(backfill: BackfillFixture, limit: int) -> None:
    backfill.place_orders(260)

    progress, complete = backfill.run(limit=limit)
    queued = backfill.queued()
    backfill.run(limit=limit)

    assert (progress.orders, complete, len(queued)) == (limit, False, limit)
    assert len(backfill.queued()) == len(set(backfill.queued())) == min(2 * limit, 260)


def test_backfill_finds_all_orders_of_one_second_with_any_limit(backfill: BackfillFixture) -> None:
    for _ in range(130):
        backfill.fixture.shop.place(created=1_790_000_000.0)
    complete, runs = False, 0
    while not complete and runs < 20:
        _, complete = backfill.run(limit=25)
        runs += 1

    assert complete
    assert len(set(backfill.queued())) == 130


def test_backfill_stops_when_the_queue_has_not_shrunk_for_15_minutes(backfill: BackfillFixture) -> None:
    backfill.place_orders(MAX_QUEUE_DEPTH + 200)
    backfill.consumed_per_s = 0

    with pytest.raises(Stalled, match="messages on the queue, which has not shrunk for 15 minutes"):
        backfill.run()

    progress = backfill.file.read()
    assert progress is not None
    assert MAX_QUEUE_DEPTH - 100 < progress.orders <= MAX_QUEUE_DEPTH


def test_backfill_resumes_after_a_failed_sqs_call_without_duplicates(backfill: BackfillFixture) -> None:
    backfill.place_orders(250)
    backfill.run(limit=100)
    backfill.fixture.sqs.refuse = 1

    with pytest.raises(TransientError, match="SQS does not respond"):
        backfill.run()
    _, complete = backfill.run()

    assert complete
    assert len(backfill.queued()) == len(set(backfill.queued())) == 250


def test_the_state_file_holds_no_personal_data(backfill: BackfillFixture) -> None:
    backfill.place_orders(150)

    backfill.run(limit=120)

    text = backfill.file.path.read_text()
    assert "@" not in text
    assert set(json.loads(text)) == set(BackfillProgress.__dataclass_fields__)


def test_an_invalid_state_file_is_reported_with_the_option_restart(backfill: BackfillFixture) -> None:
    backfill.file.path.parent.mkdir()
    backfill.file.path.write_text("{")

    with pytest.raises(Trouble, match="--restart"):
        backfill.file.read()


@pytest.mark.parametrize(
    ("period", "count"),
    [(Period(), 40), (Period("2026-11-22T00:00:00"), 18), (Period(EVER, "2026-11-21T22:39:59"), 20)],
    ids=["ever", "from", "to"],
)
def test_count_counts_the_orders_of_a_period_with_one_request(
    backfill: BackfillFixture, period: Period, count: int
) -> None:
    backfill.place_orders(40)
    before = len(backfill.fixture.shop.requests)

    assert history.count(backfill.fixture.store(), REQUEST, period) == (count, 0)
    assert len(backfill.fixture.shop.requests) == before + 1


def test_a_tenant_adds_its_message_group_to_each_entry() -> None:
    sent = []

    class Sqs:
        def send_message_batch(self, **call: object) -> object:
            sent.append(call)
            return {}

    send: Callable[..., object] = Tenant(cast(SQSClient, Sqs()), "backfill").send_message_batch
    send(QueueUrl="queue", Entries=[{"Id": "0", "MessageBody": "m"}])

    assert sent == [{"QueueUrl": "queue", "Entries": [{"Id": "0", "MessageBody": "m", "MessageGroupId": "backfill"}]}]


def test_backfilled_messages_are_like_those_of_reconcile(backfill: BackfillFixture) -> None:
    backfill.place_orders(1)

    backfill.run()

    (delivery,) = backfill.fixture.sqs.deliveries()
    assert (delivery.topic, delivery.source) == ("order.swept", "https://shop.test/")
    assert backfill.fixture.engine.verdicts(Message("1", delivery)) == ["done"]
