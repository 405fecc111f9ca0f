"""HubSpot is away, for hours and in many ways: nothing ends up as a dead letter, and all lands when it is back."""

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


# An order a minute shows as much as three: how often a message is received, and so whether it could end as a dead
# letter, depends on how long it waits. With more, too, the most is 15 times, when it is sent anew.
A_MINUTE = 60.0
EVERY_TWO_MINUTES = 120.0
PROBES = 6 * 60  # in six hours, one a minute
# What is the matter, and how many HubSpot calls it may cost in six hours. Where the probe is answered, the flow is
# opened again and again, at most every quarter of an hour.
OUTAGES: dict[str, tuple[dict[str, object], int]] = {
    "server errors": ({"status": 503}, PROBES + 50),
    "pages of the network in front": ({"status": 502, "body": "html"}, PROBES + 50),
    "server errors after the effect": ({"status": 504, "when": "after"}, PROBES + 50),
    "half of each batch written": ({"status": 500, "when": "half"}, PROBES + 50),
    "silence": ({"kind": "hold"}, PROBES + 50),
    "broken connections": ({"kind": "reset"}, PROBES + 50),
    "reads work, writes fail": ({"status": 503, "path": WRITES}, 1750),
    "writes work, reads fail": ({"status": 503, "path": "/batch/read"}, 900),
}


@pytest.mark.parametrize(("fault", "most_calls"), OUTAGES.values(), ids=list(OUTAGES))
def test_six_hours_without_hubspot_leave_no_dead_letter(fault: dict[str, object], most_calls: int) -> None:
    day = ShopDay(A_MINUTE)

    calls = day.trouble(6 * HOUR, **fault)

    assert len(day.stack.dead_letters) == 0
    assert calls <= most_calls
    day.simulation.sleep(20 * MINUTE)
    assert day.close() <= 20 * MINUTE
    assert len(day.stack.dead_letters) == 0
    assert day.breaker() == "closed"


# --- A part of HubSpot is away ---

DEALS_AWAY = {
    "deals are not created": r"/deals/batch/create",
    "deals are not updated": r"/deals/batch/update",
    "deals are not read": r"/deals/batch/read",
    "deals are away altogether": r"/deals",
    "associations fail": r"/associations/",
    "definitions are not read": r"/properties/",
}
CONTACTS_AWAY = {
    "contacts are not created": r"/contacts/batch/create",
    "contacts are not updated": r"/contacts/batch/update",
    "contacts are not read": r"/contacts/batch/read",
}
BUDGET = 9.0  # calls a second
# After an hour a message has been received ten times, and is sent anew. `make soak` has more time.
HOURS = 3 if "MODEL_SEEDS" in os.environ else 2


def lives_through(day: ShopDay, **fault: object) -> None:
    """It costs few calls, and nothing ends as a dead letter; within a quarter of an hour of its end all has landed."""
    calls = day.trouble(HOURS * HOUR, **fault)
    assert calls <= HOURS * HOUR * BUDGET / 10
    day.simulation.sleep(20 * MINUTE)
    assert len(day.stack.queue) < 10
    assert day.close() <= 20 * MINUTE
    assert len(day.stack.dead_letters) == 0
    assert day.breaker() == "closed"


@pytest.mark.parametrize("path", [*DEALS_AWAY.values(), *CONTACTS_AWAY.values()], ids=[*DEALS_AWAY, *CONTACTS_AWAY])
def test_hours_without_one_kind_of_call_leave_no_dead_letter(path: str) -> None:
    lives_through(FullShopDay(EVERY_TWO_MINUTES), status=503, path=path)


@pytest.mark.parametrize("path", DEALS_AWAY.values(), ids=list(DEALS_AWAY))
def test_customers_do_not_wait_for_what_orders_wait_for(path: str) -> None:
    day = FullShopDay(gap=30)

    day.trouble(HOUR, status=503, path=path)

    assert day.waiting("customer") <= 3  # the latest ones
    assert day.stack.source.switched == []


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.95])
def test_hours_in_which_most_creates_of_deals_fail_leave_no_dead_letter(share: float) -> None:
    lives_through(FullShopDay(EVERY_TWO_MINUTES), status=503, path="/deals/batch/create", probability=share)


@pytest.mark.parametrize("fault", [{"kind": "hold"}, {"kind": "omit", "when": "before"}, {"status": 423}], ids=str)
def test_hours_of_other_trouble_with_deals_leave_no_dead_letter(fault: dict[str, object]) -> None:
    lives_through(FullShopDay(EVERY_TWO_MINUTES), path="/deals/batch/create", **fault)


def test_hours_without_creates_are_waited_out_where_order_ids_are_not_unique() -> None:
    lives_through(FullShopDay(EVERY_TWO_MINUTES, unique=False), status=503, path="/deals/batch/create")


def test_answers_to_writes_that_are_lost_for_hours_delay_nothing() -> None:
    day = ShopDay(A_MINUTE)

    day.trouble(2 * HOUR, kind="reset", when="after", path=WRITES)

    assert len(day.stack.queue) < 10
    assert day.stack.source.switched == []
    day.close()
    assert len(day.stack.dead_letters) == 0


def test_an_outage_switches_the_flow_off_once_and_on_once() -> None:
    day = ShopDay(A_MINUTE)

    day.trouble(6 * HOUR, status=503)
    day.simulation.sleep(5 * MINUTE)

    assert day.stack.source.switched == ["off", "on"]
    assert day.stack.queue.most_receives <= 4


def test_six_hours_of_orders_are_written_within_minutes_once_hubspot_is_back() -> None:
    day = ShopDay()
    day.trouble(6 * HOUR, status=503)
    waiting = len(day.stack.queue)

    day.simulation.sleep(5 * MINUTE)

    assert waiting > 1000
    assert len(day.stack.queue) < 30


def test_a_refused_token_is_replaced_after_two_hours() -> None:
    day = ShopDay(A_MINUTE)
    day.stack.portal.tokens = {"the new one": ALL_SCOPES}

    calls = day.passes(2 * HOUR)
    refused = day.landed()
    day.stack.secrets.values["hubspot"] = '{"token": "the new one"}'
    day.simulation.sleep(10 * MINUTE)

    assert calls <= 2 * 60 * 3
    assert day.landed() > refused
    assert day.stack.breaker_parameter().read().policy == "auth"
    day.close()
    assert len(day.stack.dead_letters) == 0


def test_the_daily_limit_is_waited_out_until_midnight() -> None:
    day = ShopDay(A_MINUTE)
    day.stack.portal.change_settings({"requests_per_day": day.stack.portal.limits.used_today + 10})

    calls = day.passes(6 * HOUR)  # midnight is at 05:00 UTC, 6 h 10 min from here
    day.stack.portal.change_settings({"requests_per_day": 250_000})
    day.simulation.sleep(30 * MINUTE)

    assert calls <= 10 + 6 * 4 + 3  # what was left, then four probes an hour
    assert len(day.stack.queue) < 10
    day.close()
    assert len(day.stack.dead_letters) == 0


def test_a_storm_of_429_is_weathered() -> None:
    day = ShopDay(gap=2.0)

    calls = day.trouble(10 * MINUTE, status=429)

    assert calls <= 100
    assert day.close() <= 10 * MINUTE
    assert len(day.stack.dead_letters) == 0


@pytest.mark.parametrize("path", ["", WRITES], ids=["wholly", "for writes"])
def test_a_hubspot_that_comes_and_goes_by_the_minute_gets_its_orders(path: str) -> None:
    day = ShopDay(A_MINUTE)
    before = day.landed()

    for _ in range(30):
        day.trouble(MINUTE, status=503, path=path)
        day.simulation.sleep(MINUTE)

    assert day.landed() > before + 20
    assert day.close() <= 30 * MINUTE
    assert len(day.stack.dead_letters) == 0


def test_messages_wait_for_a_governor_that_is_gone() -> None:
    day = ShopDay(A_MINUTE)
    day.stack.governed = False

    day.trouble(HOUR, status=503)
    calls = day.passes(5 * HOUR)
    day.stack.governed = True

    assert calls == 0
    assert len(day.stack.dead_letters) == 0
    day.simulation.sleep(5 * MINUTE)
    day.close()


def test_without_a_hand_on_the_flow_messages_survive_on_their_own_delays() -> None:
    day = ShopDay(EVERY_TWO_MINUTES)
    day.stack.source.stuck = True

    calls = day.trouble(HOURS * HOUR, status=503)

    assert len(day.stack.dead_letters) == 0
    assert calls <= HOURS * 60 * 20
    day.simulation.sleep(30 * MINUTE)  # the longest delay of a message, twice
    day.close()
    assert len(day.stack.dead_letters) == 0


def test_a_migration_is_left_alone_as_long_as_hubspot_asks() -> None:
    day = ShopDay(A_MINUTE)

    calls = day.trouble(2 * HOUR, status=477, retry_after=str(int(2 * HOUR)))

    assert calls <= 3
    day.simulation.sleep(5 * MINUTE)
    day.close()
    assert len(day.stack.dead_letters) == 0


def test_a_flow_that_an_operator_stopped_stays_stopped() -> None:
    day = ShopDay(A_MINUTE)
    day.stack.source.update_event_source_mapping(UUID="mapping", Enabled=False)
    day.simulation.sleep(HOUR)
    assert len(day.stack.queue) > 0

    assert day.passes(HOUR) == 0
    assert day.stack.source.state == "Disabled"


# --- One bad record among good ones ---


class Batch:
    """Forty good orders and some bad ones that arrive at once."""

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
        """The orders that HubSpot has."""
        return {row["properties"]["woocommerce_order_id"] for row in self.stack.portal.state()["deals"]}

    def reasons(self) -> dict[str, str]:
        """What the dead-letter queue says of each entity."""
        return {message.texts["entity"]: message.texts["reason"] for message in self.stack.dead_letters.messages()}


GOOD = {str(number) for number in range(1, 41)}


def test_ten_poisons_do_not_keep_forty_orders_and_each_says_why() -> None:
    batch = Batch(lambda stack: bad_requests.spoil(stack.portal), bad_requests.refusals())

    batch.simulation.sleep(MINUTE)

    assert batch.stack.invocations == 1
    assert batch.deals() == GOOD
    reasons = batch.reasons()
    assert {
        poison.entity for poison in bad_requests.refusals() if poison.word not in reasons.get(poison.entity, "")
    } == set()
    assert len(set(reasons.values())) == len(reasons) == 10
    assert len(batch.stack.queue) == 0


def test_the_ten_land_when_the_cause_is_gone_and_they_are_redriven() -> None:
    batch = Batch(lambda stack: bad_requests.spoil(stack.portal), bad_requests.refusals())
    batch.simulation.sleep(MINUTE)

    bad_requests.mend(batch.stack.portal)
    assert batch.stack.redrive() == 10
    batch.simulation.sleep(MINUTE)

    assert len(batch.stack.dead_letters) == len(batch.stack.queue) == 0
    assert reference(batch.stack.accepted).problems(batch.stack.portal) == {}


def test_bodies_that_cannot_be_read_name_what_is_wrong_in_them() -> None:
    batch = Batch(lambda _: None, bad_requests.payloads())

    batch.simulation.sleep(MINUTE)

    assert batch.deals() == GOOD
    reasons = batch.reasons()
    assert {
        poison.entity for poison in bad_requests.payloads() if poison.word not in reasons.get(poison.entity, "")
    } == set()


CULPRITS = {
    "creating its deal": b"Zeppelin",
    "reading its deal": b'"90050"',
    "reading its contact": b"badrequest90050@",
}


@pytest.mark.parametrize("mute", [False, True], ids=["500", "silence"])
@pytest.mark.parametrize("sign", CULPRITS.values(), ids=list(CULPRITS))
def test_a_record_that_breaks_hubspot_every_time_stops_nobody_else(sign: bytes, mute: bool) -> None:
    zeppelin = bad_requests.order(90_050, line_items=[{"name": "Zeppelin"}])

    def choke(stack: SimulatedStack) -> None:
        stack.chokes_on, stack.mute = sign, mute

    batch = Batch(choke, [bad_requests.Poison("order:90050", "order.created", zeppelin, "attempts")])

    batch.simulation.sleep(4 * MINUTE if mute else MINUTE)
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


def test_twenty_records_that_break_hubspot_become_dead_letters_and_hold_up_nobody() -> None:
    zeppelins = [
        bad_requests.Poison(
            f"order:{number}",
            "order.created",
            bad_requests.order(number, line_items=[{"name": "Zeppelin"}]),
            "attempts",
        )
        for number in range(90_050, 90_070)
    ]
    batch = Batch(lambda stack: setattr(stack, "chokes_on", b"Zeppelin"), zeppelins)

    batch.simulation.sleep(4 * MINUTE)
    assert batch.deals() == GOOD

    for number in range(41, 81):
        batch.shop.place(number, f"late{number}@mail.example")
        batch.stack.post(batch.shop.request("order.created", number))
        batch.simulation.sleep(MINUTE)

    assert batch.deals() == GOOD | {str(number) for number in range(41, 81)}
    assert batch.reasons().keys() == {poison.entity for poison in zeppelins}
    assert "breaker_opened" not in [event for event, _ in batch.stack.alarms]


def test_two_that_break_hubspot_in_a_shop_without_other_orders_are_dead_letters_after_the_longest_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("woohub.consumer.poison.LONGEST_WAIT_S", 4 * HOUR)
    day = FullShopDay(A_MINUTE, chokes_on=b"Zeppelin")
    day.open = False
    for number in (90_050, 90_051):
        zeppelin = bad_requests.order(number, line_items=[{"name": "Zeppelin"}])
        day.stack.post(day.shop.signed("order.created", zeppelin))
    day.simulation.sleep(3 * HOUR)
    before = len(day.stack.dead_letters)

    day.simulation.sleep(2 * HOUR)

    dead = {message.texts["entity"] for message in day.stack.dead_letters.messages()}
    assert (before, dead) == (0, {"order:90050", "order:90051"})


def test_one_in_the_search_fallback_is_found_as_well() -> None:
    day = FullShopDay(gap=20, unique=False, chokes_on=b"Zeppelin")
    zeppelin = bad_requests.order(90_050, line_items=[{"name": "Zeppelin"}])
    day.stack.post(day.shop.signed("order.created", zeppelin))

    day.simulation.sleep(30 * MINUTE)

    assert [message.texts["entity"] for message in day.stack.dead_letters.messages()] == ["order:90050"]
