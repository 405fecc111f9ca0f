"""`woohub verify` compares a contact with what every store has of the person."""

from __future__ import annotations

from datetime import timedelta
from typing import Never

import pytest

from tests.support.verification import VerificationFixture, findings
from woohub.sync.contacts import ContactSnapshot, snapshot_of
from woohub_cli.cli_errors import Trouble
from woohub_cli.orders.store_deliveries import order_event
from woohub_cli.period import shifted
from woohub_cli.verify.other_stores import OtherStore
from woohub_cli.verify.verification_run import OtherStores


def another_store_with(case: VerificationFixture, number: int, *, later_s: int = 0, **values: str) -> OtherStores:
    """Another store that has the order's person with other values, in the same second or `later_s` later."""
    store = case.stack.store()
    store.timer.start(60)
    event = order_event(store.orders_by_id([number])[number], round(case.stack.clock.read() * 1000))
    assert event
    own = snapshot_of(event, case.mapping)
    at = shifted(own.version.captured_at, timedelta(seconds=later_s))
    version = own.version._replace(captured_at=at, modified_at=at)
    return lambda _email, _now_ms: [ContactSnapshot(version, {**own.properties, **values, "outlet_customer_id": "7"})]


def test_a_contact_with_another_stores_values_of_the_same_second_is_no_difference(case: VerificationFixture) -> None:
    number = case.place()
    case.edit("contacts", case.contact_id(number), city="Turin")

    assert not case.verify().equal
    assert case.verify(others=another_store_with(case, number, city="Turin")).equal


@pytest.mark.parametrize(("city", "later_s"), [("Genoa", 0), ("Turin", 1)], ids=["other values", "another second"])
def test_a_contact_with_values_of_no_store_in_that_second_is_a_difference(
    case: VerificationFixture, city: str, later_s: int
) -> None:
    number = case.place()
    case.edit("contacts", case.contact_id(number), city="Turin")

    report = case.verify(others=another_store_with(case, number, city=city, later_s=later_s))

    assert findings(report) == [("differing", f"order:{number}", "contact")]


def test_a_difference_is_reported_with_a_note_when_the_other_store_cannot_be_read(case: VerificationFixture) -> None:
    def reject(_email: str, _now_ms: int) -> Never:
        raise Trouble("it has no key")

    number = case.place()
    case.edit("contacts", case.contact_id(number), city="Turin")

    report = case.verify(others=reject)

    assert len(report.mismatches) == 1
    assert [note for note in report.notes if note.endswith("it has no key")]


def test_another_store_returns_the_snapshots_of_a_persons_order_and_account(case: VerificationFixture) -> None:
    account = case.stack.shop.register()
    email = case.stack.shop.customers[account].email
    case.place(account=account)
    store = case.stack.store()
    store.timer.start(60)

    shown = list(OtherStore(store, case.mapping).snapshots(email, round(case.stack.clock.read() * 1000)))

    assert [snapshot.properties["email"] for snapshot in shown] == [email, email]
