"""Old orders and accounts of an erased person never recreate the contact; later orders do."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.hubspot import provision_line_items
from tests.support.engine import EngineFixture
from tests.support.line_items import item, items_by_key, order_of
from tests.support.orders import START_MS, customer, message, order
from woohub.erasures import ErasedPeople, ErasureList, KeyOfErasuresUnknown, hashed
from woohub.errors import Suspended
from woohub.hubspot.objects import CONTACTS
from woohub.hubspot.properties import PropertyCatalog
from woohub.mapping.fields import load_mapping
from woohub.mapping.overlay import Overlay
from woohub.sync.engine import Sync
from woohub.sync.erased import PERSON_ERASED
from woohub.sync.outcome import Message, Verdict
from woohub.sync.record_kinds import record_kinds

KEY = "k" * 64
JANE = "jane.doe@example.com"
ERASED_S = 600  # seconds after START_MS
LATER: dict[str, Any] = {"date_modified_gmt": "2026-11-23T23:30:00"}
NEW: dict[str, Any] = {"date_created_gmt": "2026-11-23T23:00:00", "date_modified_gmt": "2026-11-23T23:00:00"}


def erase(engine: EngineFixture, address: str = JANE) -> None:
    """Delete the contacts and add an entry to the list, as `woohub erase` does."""
    entries = ErasureList(erasures=()).with_entries([hashed(address, KEY)], START_MS + ERASED_S * 1000, KEY)
    engine.erased = ErasedPeople.of(entries, KEY)
    engine.timer.start(57)
    for row in engine.portal.state()["contacts"]:
        engine.hubspot.erase(CONTACTS, row["id"])


@pytest.fixture
def engine() -> EngineFixture:
    """A deal whose contact was erased."""
    engine = EngineFixture()
    engine.deliver(message("order.created", order()))
    assert engine.deal()["dealname"] == "WooCommerce Order #1234 - Jane Doe"
    erase(engine)
    assert engine.contacts == []
    return engine


def assert_stays_erased(engine: EngineFixture) -> None:
    assert engine.contacts == []
    assert engine.associated == set()


@pytest.mark.parametrize(
    "sent",
    [
        message("order.created", order(), 0),  # redelivered by SQS, or redriven: with the first receipt time
        message("order.created", order(), 3600),  # sent again by the store
        message("order.updated", order(status="completed", **LATER), 3600),
        message("order.restored", order(**LATER), 3600),
        message("order.swept", order(**LATER), 3600),  # reconcile, backfill and `verify --repair`
        message("order.swept", order(billing={"email": "Jane.DOE@Example.com "}, **LATER), 3600),
        message("customer.created", customer(), 3600),
        message("customer.updated", customer(**LATER), 3600),
        message("customer.swept", customer(**LATER), 3600),
    ],
    ids=lambda sent: sent.id,
)
def test_no_earlier_order_or_account_recreates_an_erased_contact(engine: EngineFixture, sent: Message) -> None:
    (outcome,) = engine.deliver(sent)

    assert_stays_erased(engine)
    assert outcome.verdict in (Verdict.DONE, Verdict.IGNORED)
    assert outcome.note == PERSON_ERASED
    assert outcome.facts()["note"] == PERSON_ERASED


def test_an_unknown_old_order_becomes_a_deal_without_contact_and_name(engine: EngineFixture) -> None:
    engine.deliver(message("order.swept", order(7, **LATER), 3600))

    assert_stays_erased(engine)
    deal = engine.deal(7)
    assert (deal["dealname"], deal["amount"]) == ("WooCommerce Order #7", "150.00")


def test_a_change_of_an_old_order_is_written_without_the_name(engine: EngineFixture) -> None:
    engine.deliver(message("order.updated", order(status="completed", total="140.00", **LATER), 3600))

    deal = engine.deal()
    assert (deal["dealname"], deal["amount"]) == ("WooCommerce Order #1234", "140.00")
    assert deal["woocommerce_order_status"] == "completed"


def test_a_new_order_creates_the_contact_again(engine: EngineFixture) -> None:
    (outcome,) = engine.deliver(message("order.created", order(8, **NEW), 3600))

    assert outcome.note == ""
    assert engine.contact()["firstname"] == "Jane"
    assert engine.associated == {("8", JANE)}
    assert engine.deal(8)["dealname"] == "WooCommerce Order #8 - Jane Doe"


def test_an_old_order_neither_changes_nor_is_associated_with_the_new_contact(engine: EngineFixture) -> None:
    engine.deliver(message("order.created", order(8, billing={"phone": ""}, **NEW), 3600))

    engine.deliver(
        message("order.updated", order(status="completed", **LATER), 4000),
        message("order.swept", order(9, billing={"phone": "555"}), 4000),
        message("customer.updated", customer(first_name="Janet", **LATER), 4000),
    )

    assert engine.contact().get("phone") is None
    assert engine.contact()["firstname"] == "Jane"
    assert engine.associated == {("8", JANE)}


def test_only_the_new_order_of_a_batch_gets_the_contact(engine: EngineFixture) -> None:
    engine.deliver(
        message("order.swept", order(9), 3600),
        message("order.created", order(8, **NEW), 3600),
        message("order.swept", order(**LATER), 3600),
    )

    assert engine.associated == {("8", JANE)}
    assert engine.deal(9)["dealname"] == "WooCommerce Order #9"


def test_an_order_of_another_person_gets_its_contact(engine: EngineFixture) -> None:
    engine.deliver(message("order.swept", order(5, billing={"email": "joe@example.com"}, **LATER), 3600))

    assert engine.associated == {("5", "joe@example.com")}


def test_an_old_order_moved_to_another_address_gets_that_contact(engine: EngineFixture) -> None:
    engine.deliver(message("order.updated", order(billing={"email": "joe@example.com"}, **LATER), 3600))

    assert engine.associated == {("1234", "joe@example.com")}


def test_an_erasure_of_another_person_changes_no_calls_and_no_contacts() -> None:
    without, with_others = EngineFixture(), EngineFixture()
    erase(with_others, "somebody@else.example")

    for engine in (without, with_others):
        engine.calls.clear()
        engine.deliver(message("order.created", order()), message("customer.created", customer()))

    assert with_others.portal.state()["contacts"] == without.portal.state()["contacts"]
    assert [call.path for call in with_others.calls] == [call.path for call in without.calls]


def test_nothing_is_written_while_the_erasure_key_is_unknown() -> None:
    def erasures_without_key() -> ErasedPeople:
        raise KeyOfErasuresUnknown("erasure_key is missing")

    engine = EngineFixture()
    engine.sync = Sync(
        engine.hubspot,
        PropertyCatalog(engine.hubspot, engine.timer, engine.warn),
        lambda _stores: engine.kinds,
        engine.timer,
        engine.warn,
        erasures_without_key,
    )

    (outcome,) = engine.deliver(message("order.created", order()))

    assert outcome.verdict is Verdict.RETRY
    assert isinstance(outcome.error, Suspended)
    assert outcome.error.policy == "config"
    assert engine.calls == []


MAPPING = b"""
deal.description = { order = "customer_note", write = "on-create" }
[line_item]
enabled = true
description = { item = "meta_data.Engraving" }
"""


@pytest.mark.parametrize("by", ["store", "woohub erase"])
def test_mapped_free_text_of_the_person_leaves_the_deal_and_its_items(by: str) -> None:
    engine = EngineFixture(kinds=record_kinds(load_mapping(Overlay("mapping.toml", MAPPING))))
    provision_line_items(engine.portal)
    ring = item(5, "Ring", meta_data=[{"key": "Engraving", "value": "For Jane"}])
    note = {"customer_note": "ring twice, Jane"}
    engine.deliver(message("order.created", order_of(1234, [ring], **note)))
    assert (engine.deal()["description"], items_by_key(engine.portal)["1234-5"]["description"]) == (
        "ring twice, Jane",
        "For Jane",
    )
    if by == "woohub erase":
        erase(engine)
        engine.deliver(message("order.updated", order_of(1234, [ring], **note, **LATER), 3600))
    else:
        anonymised = {"billing": {"email": "deleted@site.invalid"}, **note, **LATER}
        engine.deliver(message("order.updated", order_of(1234, [ring], **anonymised), 3600))

    assert not engine.deal().get("description")
    assert not items_by_key(engine.portal)["1234-5"].get("description")
    assert items_by_key(engine.portal)["1234-5"]["name"] == "Ring"
