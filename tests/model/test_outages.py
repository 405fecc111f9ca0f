"""HubSpot fails for hours in many ways: no order becomes a dead letter, and all are written afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from simulators.hubspot import ALL_SCOPES
from tests.model import bad_requests
from tests.model.reference import reference
from tests.model.shop import Shop
from tests.model.shop_day import HOUR, MINUTE, FullShopDay, ShopDay
from tests.model.simulated_stack import SimulatedStack
from tests.model.simulation import Simulation

WRITES = r"/batch/(create|update)"


# One order a minute is enough: how often a message is received, and so whether it could become a dead letter, depends
# on how long it waits. With more orders too, a message is received at most 15 times before it is sent again.
A_MINUTE = 60.0
EVERY_TWO_MINUTES = 120.0
PROBES = 6 * 60  # in six hours, one a minute
# The fault, and how many HubSpot calls it may take in six hours. Where the probe succeeds, the event source mapping is
# enabled again each time, at most every quarter of an hour.
OUTAGES: dict[str, tuple[dict[str, object], int]] = {
    "server errors": ({"status": 503}, PROBES + 50),
    "HTML pages": ({"status": 502, "body": "html"}, PROBES + 50),
    "server errors after the effect": ({"status": 504, "when": "after"}, PROBES + 50),
    "half of each batch written": ({"status": 500, "when": "half"}, PROBES + 50),
    "no response": ({"kind": "hold"}, PROBES + 50),
    "broken connections": ({"kind": "reset"}, PROBES + 50),
    "reads work, writes fail": ({"status": 503, "path": WRITES}, 1750),
    "writes work, reads fail": ({"status": 503, "path": "/batch/read"}, 900),
}


@pytest.mark.parametrize(("fault", "most_calls"), OUTAGES.values(), ids=list(OUTAGES))
def test_six_hours_of_an_outage_leave_no_dead_letter(fault: dict[str, object], most_calls: int) -> None:
    day = ShopDay(A_MINUTE)

    calls = day.calls_during_fault(6 * HOUR, **fault)

    assert len(day.stack.dead_letters) == 0
    assert calls <= most_calls
    day.simulation.sleep(20 * MINUTE)
    assert day.close() <= 20 * MINUTE
    assert len(day.stack.dead_letters) == 0
    assert day.breaker_state() == "closed"


FAILING_DEAL_CALLS = {
    "deals are not created": r"/deals/batch/create",
    "deals are not updated": r"/deals/batch/update",
    "deals are not read": r"/deals/batch/read",
    "all calls for deals fail": r"/deals",
    "associations fail": r"/associations/",
    "definitions are not read": r"/properties/",
}
FAILING_CONTACT_CALLS = {
    "contacts are not created": r"/contacts/batch/create",
    "contacts are not updated": r"/contacts/batch/update",
    "contacts are not read": r"/contacts/batch/read",
}
BUDGET = 9.0  # calls a second
# After an hour a message has been received ten times, and is sent again. `make soak` has more time.
HOURS = 3 if "MODEL_SEEDS" in os.environ else 2


def assert_survives(day: ShopDay, **fault: object) -> None:
    """A fault of hours takes few calls and leaves no dead letter, and all orders are written soon after its end."""
    calls = day.calls_during_fault(HOURS * HOUR, **fault)
    assert calls <= HOURS * HOUR * BUDGET / 10
    day.simulation.sleep(20 * MINUTE)
    assert len(day.stack.queue) < 10
    assert day.close() <= 20 * MINUTE
    assert len(day.stack.dead_letters) == 0
    assert day.breaker_state() == "closed"


@pytest.mark.parametrize(
    "path",
    [*FAILING_DEAL_CALLS.values(), *FAILING_CONTACT_CALLS.values()],
    ids=[*FAILING_DEAL_CALLS, *FAILING_CONTACT_CALLS],
)
def test_hours_without_one_kind_of_call_leave_no_dead_letter(path: str) -> None:
    assert_survives(FullShopDay(EVERY_TWO_MINUTES), status=503, path=path)


@pytest.mark.parametrize("path", FAILING_DEAL_CALLS.values(), ids=list(FAILING_DEAL_CALLS))
def test_customers_are_written_while_calls_for_orders_fail(path: str) -> None:
    day = FullShopDay(gap=30)

    day.calls_during_fault(HOUR, status=503, path=path)

    assert day.waiting("customer") <= 3  # only the latest
    assert day.stack.source.switched == []


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.95])
def test_hours_of_failing_deal_creates_leave_no_dead_letter(share: float) -> None:
    assert_survives(FullShopDay(EVERY_TWO_MINUTES), status=503, path="/deals/batch/create", probability=share)


@pytest.mark.parametrize("fault", [{"kind": "hold"}, {"kind": "omit", "when": "before"}, {"status": 423}], ids=str)
def test_hours_of_other_failures_of_deal_creates_leave_no_dead_letter(fault: dict[str, object]) -> None:
    assert_survives(FullShopDay(EVERY_TWO_MINUTES), path="/deals/batch/create", **fault)


def test_hours_without_creates_leave_no_dead_letter_when_order_ids_are_not_unique() -> None:
    assert_survives(FullShopDay(EVERY_TWO_MINUTES, unique=False), status=503, path="/deals/batch/create")


def test_hours_of_lost_write_responses_delay_no_message() -> None:
    day = ShopDay(A_MINUTE)

    day.calls_during_fault(2 * HOUR, kind="reset", when="after", path=WRITES)

    assert len(day.stack.queue) < 10
    assert day.stack.source.switched == []
    day.close()
    assert len(day.stack.dead_letters) == 0


def test_an_outage_disables_and_enables_the_event_source_mapping_once() -> None:
    day = ShopDay(A_MINUTE)

    day.calls_during_fault(6 * HOUR, status=503)
    day.simulation.sleep(5 * MINUTE)

    assert day.stack.source.switched == ["off", "on"]
    assert day.stack.queue.most_receives <= 4


def test_six_hours_of_orders_are_written_within_five_minutes_after_an_outage() -> None:
    day = ShopDay()
    day.calls_during_fault(6 * HOUR, status=503)
    waiting = len(day.stack.queue)

    day.simulation.sleep(5 * MINUTE)

    assert waiting > 1000
    assert len(day.stack.queue) < 30


def test_orders_are_written_within_ten_minutes_after_a_rejected_token_is_replaced() -> None:
    day = ShopDay(A_MINUTE)
    day.stack.portal.tokens = {"new token": ALL_SCOPES}

    calls = day.calls_during(2 * HOUR)
    refused = day.deals_in_hubspot()
    day.stack.secrets.values["hubspot"] = '{"token": "new token"}'
    day.simulation.sleep(10 * MINUTE)

    assert calls <= 2 * 60 * 3
    assert day.deals_in_hubspot() > refused
    assert day.stack.breaker_parameter().read().policy == "auth"
    day.close()
    assert len(day.stack.dead_letters) == 0


def test_messages_wait_until_midnight_when_the_daily_limit_is_used_up() -> None:
    day = ShopDay(A_MINUTE)
    day.stack.portal.change_settings({"requests_per_day": day.stack.portal.limits.used_today + 10})

    calls = day.calls_during(6 * HOUR)  # midnight is at 05:00 UTC, 6 h 10 min from here
    day.stack.portal.change_settings({"requests_per_day": 250_000})
    day.simulation.sleep(30 * MINUTE)

    assert calls <= 10 + 6 * 4 + 3  # the rest of the limit, then four probes an hour
    assert len(day.stack.queue) < 10
    day.close()
    assert len(day.stack.dead_letters) == 0


def test_ten_minutes_of_429_take_at_most_100_calls_and_leave_no_dead_letter() -> None:
    day = ShopDay(gap=2.0)

    calls = day.calls_during_fault(10 * MINUTE, status=429)

    assert calls <= 100
    assert day.close() <= 10 * MINUTE
    assert len(day.stack.dead_letters) == 0


@pytest.mark.parametrize("path", ["", WRITES], ids=["all calls", "writes"])
def test_orders_are_written_while_hubspot_fails_every_other_minute(path: str) -> None:
    day = ShopDay(A_MINUTE)
    before = day.deals_in_hubspot()

    for _ in range(30):
        day.calls_during_fault(MINUTE, status=503, path=path)
        day.simulation.sleep(MINUTE)

    assert day.deals_in_hubspot() > before + 20
    assert day.close() <= 30 * MINUTE
    assert len(day.stack.dead_letters) == 0


def test_messages_wait_while_the_governor_does_not_run() -> None:
    day = ShopDay(A_MINUTE)
    day.stack.governed = False

    day.calls_during_fault(HOUR, status=503)
    calls = day.calls_during(5 * HOUR)
    day.stack.governed = True

    assert calls == 0
    assert len(day.stack.dead_letters) == 0
    day.simulation.sleep(5 * MINUTE)
    day.close()


def test_an_outage_leaves_no_dead_letter_when_the_mapping_cannot_be_disabled() -> None:
    day = ShopDay(EVERY_TWO_MINUTES)
    day.stack.source.stuck = True

    calls = day.calls_during_fault(HOURS * HOUR, status=503)

    assert len(day.stack.dead_letters) == 0
    assert calls <= HOURS * 60 * 20
    day.simulation.sleep(30 * MINUTE)  # the longest delay of a message, twice
    day.close()
    assert len(day.stack.dead_letters) == 0


def test_a_migration_gets_at_most_three_calls_during_its_retry_after() -> None:
    day = ShopDay(A_MINUTE)

    calls = day.calls_during_fault(2 * HOUR, status=477, retry_after=str(int(2 * HOUR)))

    assert calls <= 3
    day.simulation.sleep(5 * MINUTE)
    day.close()
    assert len(day.stack.dead_letters) == 0


def test_a_mapping_disabled_by_an_operator_stays_disabled() -> None:
    day = ShopDay(A_MINUTE)
    day.stack.source.update_event_source_mapping(UUID="mapping", Enabled=False)
    day.simulation.sleep(HOUR)
    assert len(day.stack.queue) > 0

    assert day.calls_during(HOUR) == 0
    assert day.stack.source.state == "Disabled"


class Batch:
    """Forty good orders and some bad ones that arrive together."""

    def __init__(self, prepare: Callable[[SimulatedStack], object], bad: list[bad_requests.Poison]) -> None:
        self.simulation = Simulation(3)
        self.shop = Shop(self.simulation)
        self.stack = SimulatedStack(self.simulation)
        prepare(self.stack)
        for number in range(1, 41):
            self.shop.place(number, f"guest{number}@mail.example")
            assert self.stack.post(self.shop.request("order.created", number)) == 200
        for poison in bad:
            assert self.stack.post(self.shop.signed(poison.topic, poison.body)) == 200

    def deals(self) -> set[str]:
        """The ids of the orders that HubSpot has."""
        return {row["properties"]["woocommerce_order_id"] for row in self.stack.portal.state()["deals"]}

    def reasons(self) -> dict[str, str]:
        """The reason of each entity's dead letter."""
        return {message.texts["entity"]: message.texts["reason"] for message in self.stack.dead_letters.messages()}


GOOD = {str(number) for number in range(1, 41)}


def test_ten_rejected_records_become_dead_letters_with_reasons_and_40_orders_are_written() -> None:
    batch = Batch(lambda stack: bad_requests.add_rejection_rules(stack.portal), bad_requests.rejected_records())

    batch.simulation.sleep(MINUTE)

    assert batch.stack.invocations == 1
    assert batch.deals() == GOOD
    reasons = batch.reasons()
    assert {
        poison.entity
        for poison in bad_requests.rejected_records()
        if poison.reason_word not in reasons.get(poison.entity, "")
    } == set()
    assert len(set(reasons.values())) == len(reasons) == 10
    assert len(batch.stack.queue) == 0


def test_ten_dead_letters_are_written_when_redriven_after_the_cause_is_removed() -> None:
    batch = Batch(lambda stack: bad_requests.add_rejection_rules(stack.portal), bad_requests.rejected_records())
    batch.simulation.sleep(MINUTE)

    bad_requests.remove_rejection_rules(batch.stack.portal)
    assert batch.stack.redrive() == 10
    batch.simulation.sleep(MINUTE)

    assert len(batch.stack.dead_letters) == len(batch.stack.queue) == 0
    assert reference(batch.stack.accepted).problems(batch.stack.portal) == {}


def test_invalid_bodies_become_dead_letters_that_name_the_invalid_field() -> None:
    batch = Batch(lambda _: None, bad_requests.invalid_payloads())

    batch.simulation.sleep(MINUTE)

    assert batch.deals() == GOOD
    reasons = batch.reasons()
    assert {
        poison.entity
        for poison in bad_requests.invalid_payloads()
        if poison.reason_word not in reasons.get(poison.entity, "")
    } == set()


FAILING_CALLS = {
    "creating its deal": b"Zeppelin",
    "reading its deal": b'"90050"',
    "reading its contact": b"badrequest90050@",
}


@pytest.mark.parametrize("times_out", [False, True], ids=["500", "timeout"])
@pytest.mark.parametrize("sign", FAILING_CALLS.values(), ids=list(FAILING_CALLS))
def test_a_record_that_always_fails_becomes_a_dead_letter_and_60_orders_are_written(
    sign: bytes, times_out: bool
) -> None:
    zeppelin = bad_requests.order(90_050, line_items=[{"name": "Zeppelin"}])

    def fail_calls(stack: SimulatedStack) -> None:
        stack.fails_on, stack.times_out = sign, times_out

    batch = Batch(fail_calls, [bad_requests.Poison("order:90050", "order.created", zeppelin, "attempts")])

    batch.simulation.sleep(4 * MINUTE if times_out else MINUTE)
    assert batch.deals() == GOOD
    assert len(batch.stack.dead_letters) == 0

    for number in range(41, 61):
        batch.shop.place(number, f"late{number}@mail.example")
        batch.stack.post(batch.shop.request("order.created", number))
        batch.simulation.sleep(MINUTE)

    assert batch.deals() == GOOD | {str(number) for number in range(41, 61)}
    assert "attempts" in batch.reasons()["order:90050"]
    assert len(batch.stack.queue) == 0
    assert not batch.stack.breaker_parameter().read().is_open


def test_20_records_that_always_fail_become_dead_letters_and_80_orders_are_written() -> None:
    zeppelins = [
        bad_requests.Poison(
            f"order:{number}",
            "order.created",
            bad_requests.order(number, line_items=[{"name": "Zeppelin"}]),
            "attempts",
        )
        for number in range(90_050, 90_070)
    ]
    batch = Batch(lambda stack: setattr(stack, "fails_on", b"Zeppelin"), zeppelins)

    batch.simulation.sleep(4 * MINUTE)
    assert batch.deals() == GOOD

    for number in range(41, 81):
        batch.shop.place(number, f"late{number}@mail.example")
        batch.stack.post(batch.shop.request("order.created", number))
        batch.simulation.sleep(MINUTE)

    assert batch.deals() == GOOD | {str(number) for number in range(41, 81)}
    assert batch.reasons().keys() == {poison.entity for poison in zeppelins}
    assert "breaker_opened" not in [event for event, _ in batch.stack.alarms]


def test_two_failing_records_without_other_orders_become_dead_letters_after_the_longest_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("woohub.consumer.poison.LONGEST_WAIT_S", 4 * HOUR)
    day = FullShopDay(A_MINUTE, fails_on=b"Zeppelin")
    day.open = False
    for number in (90_050, 90_051):
        zeppelin = bad_requests.order(number, line_items=[{"name": "Zeppelin"}])
        day.stack.post(day.shop.signed("order.created", zeppelin))
    day.simulation.sleep(3 * HOUR)
    before = len(day.stack.dead_letters)

    day.simulation.sleep(2 * HOUR)

    dead = {message.texts["entity"] for message in day.stack.dead_letters.messages()}
    assert (before, dead) == (0, {"order:90050", "order:90051"})


def test_a_failing_record_becomes_a_dead_letter_without_unique_order_ids() -> None:
    day = FullShopDay(gap=20, unique=False, fails_on=b"Zeppelin")
    zeppelin = bad_requests.order(90_050, line_items=[{"name": "Zeppelin"}])
    day.stack.post(day.shop.signed("order.created", zeppelin))

    day.simulation.sleep(30 * MINUTE)

    assert [message.texts["entity"] for message in day.stack.dead_letters.messages()] == ["order:90050"]
