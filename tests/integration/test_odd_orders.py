"""Orders and accounts as real stores send them: dates that cannot be true, erased people, unreadable characters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.support.engine import EngineFixture
from tests.support.orders import customer, delivery, message, order
from woohub.delivery.delivery import Delivery
from woohub.hubspot.objects import DEALS
from woohub.sync.outcome import Message

JANE = "jane.doe@example.com"
NO_DATES: list[object] = [
    None,
    False,
    "",
    "0000-00-00T00:00:00",
    "-0001-11-30T00:00:00",
    "1970-01-01T00:00:00",
    1_795_473_600,
    {},
]
AHEAD: list[object] = [
    "2026-11-23T22:45:00",
    "2026-11-24T04:10:00",
    "2031-01-05T15:00:00",
    "2647-05-01T00:00:00",
    *NO_DATES,
]


def read_from_the_store(body: dict[str, Any], after_s: float) -> Message:
    """An order that reconcile, backfill or a repair has read."""
    return message("order.swept", body, after_s)


# --- Dates are evidence, not truth ---


@pytest.mark.parametrize("date", AHEAD)
def test_a_change_is_not_lost_to_a_date_that_cannot_be_true(date: object) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.updated", order(status="completed", date_modified_gmt=date)))

    refunded = order(status="refunded", total="99.00", date_modified_gmt="2026-11-23T22:41:00")
    assert engine.verdicts(message("order.updated", refunded, 120)) == ["done"]

    deal = engine.deal()
    assert (deal["dealstage"], deal["amount"]) == ("refunded", "99.00")


@pytest.mark.parametrize("date", AHEAD)
def test_a_change_with_a_date_that_cannot_be_true_counts_itself(date: object) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))

    engine.verdicts(message("order.updated", order(status="completed", date_modified_gmt=date), 60))

    assert engine.deal()["dealstage"] == "completed"


@pytest.mark.parametrize("version", ["2647-05-01T00:00:00|1795473600000|", "2647-05-01T00:00:00|1795473600000"])
def test_a_deal_that_holds_a_date_of_another_century_heals_by_its_next_delivery(version: str) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    (row,) = engine.portal.state()["deals"]
    engine.hubspot.update(DEALS, [{"id": row["id"], "properties": {"woocommerce_order_version": version}}])

    engine.verdicts(message("order.updated", order(), 60))

    assert engine.deal()["woocommerce_order_version"].startswith("2026-11-23T22:40:00|1795473660000")


def test_what_is_read_from_the_store_counts_though_hubspot_holds_a_later_date() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.updated", order(status="completed", date_modified_gmt="2026-11-23T22:41:30")))

    engine.verdicts(read_from_the_store(order(status="refunded"), 900))

    assert engine.deal()["dealstage"] == "refunded"


def test_an_order_that_is_read_again_unchanged_costs_no_write_whatever_its_date() -> None:
    engine = EngineFixture()
    future = order(date_modified_gmt="2647-05-01T00:00:00")
    engine.verdicts(read_from_the_store(future, 0))
    engine.calls.clear()

    engine.verdicts(read_from_the_store(future, 900))

    assert [call.path.rpartition("/")[2] for call in engine.calls] == ["read", "read"]


@pytest.mark.parametrize("date", ["2031-01-05T15:00:00", *NO_DATES])
def test_an_accounts_newer_address_counts_after_an_order_made_in_the_future(date: object) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(date_created_gmt=date, billing={"city": "Old Town"})))

    moved = customer(date_modified_gmt="2026-11-23T22:41:00", billing={"city": "New Town"})
    engine.verdicts(message("customer.updated", moved, 60))

    assert engine.contact()["city"] == "New Town"


@pytest.mark.parametrize("date", AHEAD)
def test_no_date_of_an_account_freezes_its_contact(date: object) -> None:
    engine = EngineFixture()
    engine.verdicts(message("customer.updated", customer(date_modified_gmt=date, billing={"city": "Old Town"})))

    engine.verdicts(message("customer.updated", customer(billing={"city": "New Town"}), 300))

    assert engine.contact()["city"] == "New Town"


@pytest.mark.parametrize("date", NO_DATES)
def test_an_order_without_a_date_becomes_a_deal_without_a_close_date(date: object) -> None:
    engine = EngineFixture()

    assert engine.verdicts(message("order.updated", order(date_created_gmt=date))) == ["done"]

    assert "closedate" not in engine.deal()


@pytest.mark.parametrize("dates", [("2031-01-05T15:00:00", 0, 60), ("0000-00-00T00:00:00", 0, 60)])
def test_in_one_batch_the_later_receipt_counts_where_a_date_cannot_be_true(dates: tuple[str, float, float]) -> None:
    engine = EngineFixture()
    date, first, second = dates

    engine.verdicts(
        message("order.updated", order(status="refunded", date_modified_gmt="2026-11-23T22:30:00"), second),
        message("order.updated", order(status="completed", date_modified_gmt=date), first),
    )

    assert engine.deal()["dealstage"] == "refunded"


def old_town(**changes: Any) -> dict[str, Any]:
    """An order that shows the customer's old address."""
    return order(billing={"city": "Old Town"}, **changes)


MOVED = customer(date_modified_gmt="2026-11-23T22:50:00", billing={"city": "New Town"})
NO_CREATION: list[dict[str, Any]] = [
    {"date_created_gmt": date} | dict.fromkeys(["date_created", "date_modified"], "2026-11-23T17:40:00")
    for date in (None, "0000-00-00T00:00:00", "2031-01-05T15:00:00", "2026-11-24T04:10:00")
]


@pytest.mark.parametrize("creation", NO_CREATION)
@pytest.mark.parametrize("hours_later", [0.5, 7])
def test_a_later_change_of_an_order_that_cannot_say_when_it_was_made_keeps_the_newer_address(
    creation: dict[str, Any], hours_later: float
) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", old_town(**creation)))
    engine.verdicts(message("customer.updated", MOVED, 600))
    hours = 22 * 60 + 40 + round(hours_later * 60)
    changed = f"2026-11-{23 + hours // 1440}T{hours % 1440 // 60:02}:{hours % 60:02}:00"
    local = f"2026-11-{23 + (hours - 300) // 1440}T{(hours - 300) % 1440 // 60:02}:{(hours - 300) % 60:02}:00"
    dates = {"date_modified_gmt": changed} | ({"date_modified": local} if "date_modified" in creation else {})

    engine.verdicts(message("order.updated", old_town(status="completed", **(creation | dates)), hours_later * 3600))

    assert engine.contact()["city"] == "New Town"
    assert engine.deal()["dealstage"] == "completed"


def test_an_older_order_that_is_read_late_from_a_store_whose_clock_is_ahead_keeps_the_newer_address() -> None:
    """The clock is ahead by ten minutes; the older order's delivery was lost."""
    engine = EngineFixture()
    older, newer = (
        dict.fromkeys(("date_created_gmt", "date_modified_gmt"), f"2026-11-23T22:{minute}:00") for minute in (50, 55)
    )
    engine.verdicts(message("order.created", order(1235, billing={"city": "New Town"}, **newer), 300))

    late = delivery("order.swept", old_town(**older), 3600)
    engine.verdicts(Message("late", replace(late, ahead_s=600), 1))

    assert engine.contact()["city"] == "New Town"


def test_an_account_without_a_date_is_not_undone_by_a_later_change_of_an_older_order() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", old_town()))
    engine.verdicts(message("customer.updated", MOVED | {"date_modified_gmt": False}, 600))

    changed = old_town(status="completed", date_modified_gmt="2026-11-23T23:10:00")
    engine.verdicts(message("order.updated", changed, 1800))

    assert engine.contact()["city"] == "New Town"


@pytest.mark.parametrize(
    "changed", ["1999-01-01T00:00:00", "2016-05-01T00:00:00", "2026-11-23T19:50:00", "2026-11-23T22:36:00"]
)
def test_an_order_changed_before_it_was_made_was_changed_when_its_delivery_came(changed: str) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))

    engine.verdicts(message("order.updated", order(status="completed", date_modified_gmt=changed), 600))

    assert engine.deal()["dealstage"] == "completed"


def test_an_account_changed_before_it_was_made_was_changed_when_its_delivery_came() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", old_town()))

    engine.verdicts(message("customer.updated", MOVED | {"date_modified_gmt": "1999-01-01T00:00:00"}, 600))

    assert engine.contact()["city"] == "New Town"


@pytest.mark.parametrize("gmt", [{"date_modified_gmt": None}, {"date_modified_gmt": "0000-00-00T00:00:00"}])
def test_a_local_date_west_of_greenwich_loses_no_change(gmt: dict[str, Any]) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))

    body = order(status="completed", date_modified="2026-11-23T17:50:00", **gmt)
    engine.verdicts(message("order.updated", body, 600))

    assert engine.deal()["dealstage"] == "completed"


@pytest.mark.parametrize("dates", [("2647-05-01T00:00:00", "2647-05-01T00:00:00"), (None, None)])
def test_a_change_that_was_undone_stays_undone_though_its_delivery_is_tried_again(dates: tuple[Any, Any]) -> None:
    engine = EngineFixture()
    first, again = (order(status="on-hold", date_modified_gmt=date) for date in dates)
    engine.verdicts(message("order.updated", first, 0))
    engine.verdicts(message("order.updated", again, 90))

    engine.verdicts(message("order.updated", order(date_modified_gmt=dates[0]), 60))

    assert engine.deal()["dealstage"] == "on_hold"


@pytest.mark.parametrize("far", ["9999-12-31T23:59:59", "0001-01-01T00:00:00"])
def test_a_date_at_the_end_of_the_calendar_breaks_nothing(far: str) -> None:
    engine = EngineFixture()
    body = order() | {"date_created": far, "date_created_gmt": None, "date_modified": far}

    assert engine.verdicts(message("order.updated", body)) == ["done"]


# --- Erased people ---

ERASED = {
    "first_name": "[deleted]",
    "last_name": "[deleted]",
    "address_1": "[deleted]",
    "city": "[deleted]",
    "state": "",
    "postcode": "[deleted]",
    "country": "",
    "email": "deleted@site.invalid",
    "phone": "+0 000",
}
TRACES: list[dict[str, Any]] = [
    {"billing": ERASED},
    {"billing": ERASED, "meta_data": [{"id": 9, "key": "_anonymized", "value": "yes"}]},
    {"billing": ERASED | {"email": "elsewhere@shop.example"}, "meta_data": [{"key": "_anonymized", "value": "yes"}]},
]


def erased(number: int = 1234, **changes: Any) -> dict[str, Any]:
    """An order after WooCommerce's eraser."""
    return order(
        number, **({"customer_id": 0, "date_modified_gmt": "2026-11-23T22:50:00", "billing": ERASED} | changes)
    )


@pytest.mark.parametrize("traces", TRACES)
def test_an_erased_persons_name_leaves_the_deal_and_nothing_else_does(traces: dict[str, Any]) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    contact, deal = engine.contact(), engine.deal()

    assert engine.verdicts(message("order.updated", erased(**traces), 600)) == ["done"]

    assert engine.contacts == [contact]
    kept = ("amount", "dealstage", "closedate", "associated_products")
    assert engine.deal()["dealname"] == "WooCommerce Order #1234"
    assert {name: engine.deal()[name] for name in kept} == {name: deal[name] for name in kept}
    assert engine.associated == {("1234", JANE)}


def test_a_later_change_of_an_erased_persons_order_still_counts() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    engine.verdicts(message("order.updated", erased(), 600))

    engine.verdicts(message("order.updated", erased(status="refunded", date_modified_gmt="2026-11-23T22:55:00"), 900))

    assert (engine.deal()["dealstage"], engine.deal()["dealname"]) == ("refunded", "WooCommerce Order #1234")
    assert len(engine.contacts) == 1


def test_erased_people_share_no_contact() -> None:
    engine = EngineFixture()

    engine.verdicts(*(message("order.swept", erased(number), number) for number in range(1, 5)))

    assert engine.contacts == []
    assert len(engine.deals) == 4
    assert not [event for event, _ in engine.warnings if event == "order_without_usable_email"]


def test_an_account_with_an_erased_address_is_no_contact() -> None:
    engine = EngineFixture()

    assert engine.verdicts(message("customer.updated", customer(email="deleted@site.invalid"))) == ["ignored"]

    assert engine.contacts == []


# --- What nobody can read ---


def raw(changes: Mapping[str, bytes]) -> Message:
    """The delivery of an order with some bytes of its body replaced."""
    sent = delivery("order.created", order())
    body = sent.body
    for name, value in changes.items():
        body = body.replace(name.encode(), value)
    return Message("raw", Delivery(sent.topic, body, sent.received_ms, sent.entity))


def test_control_characters_never_reach_hubspot() -> None:
    engine = EngineFixture()

    engine.verdicts(
        raw({'"Jane"': b'"Ja\\u0000ne"', '"Anytown"': b'"A\\u0007b\\u009f"', '"Product A"': b'"Tea\\ud83d"'})
    )

    assert (engine.contact()["firstname"], engine.contact()["city"]) == ("Jane", "Ab")
    assert engine.deal()["associated_products"] == "Tea, Product B"


def test_lines_stay_lines() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.created", order(billing={"address_1": "Unit 3\n\t12 High St"})))

    assert engine.contact()["address"] == "Unit 3\n\t12 High St"


@pytest.mark.parametrize("place", ['"currency"', '"first_name"', '"name": "Product A"'])
def test_half_a_character_in_the_name_of_a_field_costs_no_order(place: str) -> None:
    engine = EngineFixture()

    assert engine.verdicts(raw({place: b'"\\ud83d": 1, ' + place.encode()})) == ["done"]

    assert len(engine.deals) == 1


def test_a_pasted_invisible_character_costs_no_contact() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.created", order(billing={"email": "\u200bjane.doe@example.com\u200e"})))

    assert engine.contact()["firstname"] == "Jane"


def test_half_a_character_in_a_note_costs_no_order() -> None:
    engine = EngineFixture()

    assert engine.verdicts(raw({'"currency"': b'"customer_note": "ok \\ud83d", "currency"'})) == ["done"]

    assert len(engine.deals) == 1
