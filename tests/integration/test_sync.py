"""The engine against the simulated portal: what HubSpot holds after batches of deliveries."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import ReadTimeoutError

from simulators.core.transport import InProcessResponse
from simulators.hubspot import InjectedFault, definitions, provision
from simulators.hubspot.settings import RequiredProperties
from tests.support.deliveries import SECRET, captured
from tests.support.engine import EngineFixture
from tests.support.orders import customer, delivery, message, order
from woohub.consumer.retries import delay
from woohub.delivery import signatures, topics
from woohub.errors import HubSpotRejected, InvalidMessage, NotAnEntity, UnknownOutcome
from woohub.http import Http, Response
from woohub.hubspot.objects import CONTACTS, DEALS, ObjectType
from woohub.mapping.fields import load_mapping
from woohub.mapping.overlay import Overlay
from woohub.sync import lookup
from woohub.sync.outcome import Message, Outcome, Verdict
from woohub.sync.record_kinds import record_kinds

JANE = "jane.doe@example.com"
JANES = {
    "email": JANE,
    "firstname": "Jane",
    "lastname": "Doe",
    "phone": "555-123-4567",
    "address": "123 Main St",
    "city": "Anytown",
    "state": "CA",
    "zip": "90210",
    "country": "US",
    "woocommerce_customer_id": "56",
}
LATER: dict[str, Any] = {"date_modified_gmt": "2026-11-23T22:41:00"}
LATER_STILL: dict[str, Any] = {"date_modified_gmt": "2026-11-23T22:42:00"}


def paths(engine: EngineFixture) -> list[str]:
    """The calls so far without those that read definitions, shortened."""
    shown = [
        call.path.removeprefix("/crm/objects/2026-09/").removeprefix("/crm/associations/2026-09/")
        for call in engine.calls
    ]
    return [path for path in shown if "properties" not in path]


# --- What arrives ---


@pytest.mark.parametrize("version", ["2026-09", "2026-03", "v3"])
def test_the_blueprints_order_becomes_exactly_its_contact_and_deal(version: str) -> None:
    engine = EngineFixture(version=version)
    body = order(date_created="2023-10-26T10:00:00", date_created_gmt=None, date_modified_gmt=None)

    assert engine.verdicts(message("order.created", body)) == ["done"]

    contact, deal = engine.contact(), engine.deal()
    assert {name: contact[name] for name in JANES} == JANES
    assert deal["dealname"] == "WooCommerce Order #1234 - Jane Doe"
    assert deal["dealstage"] == "newly_created_order"
    assert deal["amount"] == "150.00"
    assert deal["closedate"] in ("2023-10-26T10:00:00Z", "2023-10-26T10:00:00.000Z")
    assert deal["pipeline"] == "ecommerce_sales"
    assert deal["currency"] == "USD"
    assert deal["woocommerce_order_id"] == "1234"
    assert deal["woocommerce_order_status"] == "processing"
    assert deal["associated_products"] == "Product A, Product B"
    assert engine.associated == {("1234", JANE)}


def test_created_and_updated_at_once_are_one_contact_and_one_deal() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.created", order()), message("order.updated", order(), 0.1))

    assert len(engine.deals) == len(engine.contacts) == 1
    assert engine.associated == {("1234", JANE)}


def test_updated_before_created_ends_in_the_newer_state() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.updated", order(status="completed", **LATER)))
    engine.verdicts(message("order.created", order(), 1))

    assert engine.deal()["woocommerce_order_status"] == "completed"
    assert engine.deal()["dealstage"] == "completed"


def test_a_hundred_new_orders_take_four_calls() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(1)))
    engine.calls.clear()

    batch = [
        message("order.created", order(number, billing={"email": f"shopper{number}@example.com"}))
        for number in range(2, 102)
    ]

    assert set(engine.verdicts(*batch)) == {"done"}
    assert paths(engine) == ["contacts/batch/read", "contacts/batch/create", "deals/batch/read", "deals/batch/create"]
    assert len(engine.associated) == 101


def test_a_hundred_status_changes_take_three_calls() -> None:
    engine = EngineFixture()
    emails = {number: f"shopper{number}@example.com" for number in range(1, 101)}
    engine.verdicts(*[message("order.created", order(n, billing={"email": email})) for n, email in emails.items()])
    engine.calls.clear()

    changed = [order(n, status="completed", billing={"email": email}, **LATER) for n, email in emails.items()]
    engine.verdicts(*[message("order.updated", body, 60) for body in changed])

    assert paths(engine) == ["contacts/batch/read", "deals/batch/read", "deals/batch/update"]
    assert {deal["dealstage"] for deal in engine.deals} == {"completed"}


def test_an_unchanged_redelivery_takes_two_reads_and_no_write() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    engine.calls.clear()

    engine.verdicts(message("order.updated", order(), 30))

    assert paths(engine) == ["contacts/batch/read", "deals/batch/read"]


def test_the_captured_deliveries_end_the_same_in_batches_of_any_size() -> None:
    states = []
    for size in (1, 7, 100):
        engine, messages = EngineFixture(), _captured_messages()
        for some in (messages[start : start + size] for start in range(0, len(messages), size)):
            assert set(engine.verdicts(*some)) <= {"done", "ignored"}
        states.append(_final(engine))

    assert states[0] == states[1] == states[2]
    assert len(states[0][0]) == len({deal["woocommerce_order_id"] for deal in states[0][0]}) > 20


def _captured_messages() -> list[Message]:
    messages = []
    for line in captured():
        if line.secret != SECRET:
            continue
        received, _ = signatures.verify(
            line.headers, line.body, {"current": SECRET}, received_ms=1_795_500_000_000 + line.nr
        )
        try:
            messages.append(Message(str(line.nr), topics.identify(received)))
        except NotAnEntity:
            continue
    return messages


def _final(engine: EngineFixture) -> tuple[list[dict[str, str]], list[dict[str, str]], set[tuple[str, str]]]:
    def shown(row: dict[str, str]) -> dict[str, str]:
        return {
            k: v
            for k, v in row.items()
            if not k.startswith(("hs_", "createdate", "lastmod", "num_")) and "version" not in k
        }

    deals = sorted((shown(row) for row in engine.deals), key=lambda row: row["woocommerce_order_id"])
    return deals, sorted((shown(row) for row in engine.contacts), key=lambda row: row["email"]), engine.associated


# --- Newer and older ---


def test_a_stale_delivery_changes_nothing() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.updated", order(status="completed", total="99.00", **LATER)))

    engine.verdicts(message("order.updated", order(status="on-hold", total="150.00"), 5))

    assert engine.deal()["woocommerce_order_status"] == "completed"
    assert engine.deal()["amount"] == "99.00"


def test_a_stale_delivery_still_fills_what_is_empty() -> None:
    engine = EngineFixture()
    engine.verdicts(
        message("order.updated", order(billing={"phone": ""}, date_created_gmt="2026-11-23T22:41:00", **LATER))
    )

    engine.verdicts(message("order.created", order(1000), 5))

    assert engine.contact()["phone"] == "555-123-4567"


def test_within_the_same_second_the_later_receipt_wins() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.updated", order(status="on-hold"), 0.2), message("order.created", order(), 0.1))

    assert engine.deal()["woocommerce_order_status"] == "on-hold"


def test_a_status_change_of_an_old_order_keeps_the_customers_newer_address() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    moved = customer(date_modified_gmt="2026-11-23T22:41:00", billing={"city": "Newtown"})
    engine.verdicts(message("customer.updated", moved, 60))

    engine.verdicts(message("order.updated", order(status="completed", **LATER_STILL), 120))

    assert engine.contact()["city"] == "Newtown"
    assert engine.deal()["dealstage"] == "completed"


def test_a_blank_never_replaces_a_value() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))

    blank = order(1235, date_created_gmt="2026-11-23T22:41:00", billing={"phone": "", "city": " "}, **LATER)
    engine.verdicts(message("order.created", blank, 60))

    assert engine.contact()["phone"] == "555-123-4567"
    assert engine.contact()["city"] == "Anytown"


# --- Salespeople ---


def _edit(engine: EngineFixture, kind: ObjectType, record_id: str, **properties: str) -> None:
    engine.hubspot.update(kind, [{"id": record_id, "objectWriteTraceId": "a person", "properties": properties}])


def test_a_stage_moved_by_a_salesperson_stays_until_the_status_changes() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    _edit(engine, DEALS, engine.deal()["hs_object_id"], dealstage="on_hold")

    engine.verdicts(message("order.updated", order(total="151.00", **LATER), 60))
    assert (engine.deal()["dealstage"], engine.deal()["amount"]) == ("on_hold", "151.00")

    engine.verdicts(message("order.updated", order(status="completed", **LATER_STILL), 120))
    assert engine.deal()["dealstage"] == "completed"


def test_a_deal_renamed_by_a_salesperson_keeps_its_name() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    _edit(engine, DEALS, engine.deal()["hs_object_id"], dealname="Jane's big one")

    engine.verdicts(message("order.updated", order(billing={"last_name": "Roe"}, **LATER), 60))

    assert engine.deal()["dealname"] == "Jane's big one"


# --- Trash ---


def test_a_trashed_order_moves_its_deal_to_the_lost_stage_and_deletes_nothing() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))

    engine.verdicts(message("order.deleted", {"id": 1234}, 60))

    assert (engine.deal()["dealstage"], engine.deal()["woocommerce_order_status"]) == ("cancelled", "trash")
    assert engine.deal()["amount"] == "150.00"


def test_an_order_trashed_right_after_it_was_placed_still_gets_its_deal() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.created", order()), message("order.deleted", {"id": 1234}, 60))

    assert engine.deal()["dealstage"] == "cancelled"
    assert engine.associated == {("1234", JANE)}


def test_trash_of_an_order_hubspot_never_saw_makes_nothing() -> None:
    engine = EngineFixture()

    assert engine.verdicts(message("order.deleted", {"id": 1234})) == ["done"]
    assert engine.deals == []


def test_a_restored_order_comes_back_though_its_date_is_before_the_receipt_of_the_trashing() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    engine.verdicts(message("order.deleted", {"id": 1234}, 90))

    engine.verdicts(message("order.restored", order(**LATER), 91))

    assert (engine.deal()["dealstage"], engine.deal()["woocommerce_order_status"]) == (
        "newly_created_order",
        "processing",
    )


@pytest.mark.parametrize("topic", ["order.restored", "order.swept"])
@pytest.mark.parametrize("between", [[], [message("order.updated", order(status="completed", **LATER_STILL), 195)]])
def test_a_trashing_that_comes_again_after_the_restore_trashes_nothing(topic: str, between: list[Message]) -> None:
    engine = EngineFixture()
    trashed = message("order.deleted", {"id": 1234}, 180)
    engine.verdicts(message("order.created", order()))
    engine.verdicts(trashed)
    engine.verdicts(message(topic, order(**LATER), 190))
    for later in between:
        engine.verdicts(later)
    before = engine.deal()["woocommerce_order_status"]

    engine.verdicts(trashed)

    assert engine.deal()["woocommerce_order_status"] == before != "trash"


def test_a_trashing_that_comes_after_a_restore_received_later_trashes_nothing() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.updated", order(**LATER)))
    engine.verdicts(message("order.restored", order(**LATER), 190))

    engine.verdicts(message("order.deleted", {"id": 1234}, 180))

    assert engine.deal()["woocommerce_order_status"] == "processing"


def test_an_order_that_was_restored_can_be_trashed_again() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    engine.verdicts(message("order.deleted", {"id": 1234}, 90))
    engine.verdicts(message("order.restored", order(**LATER), 91))

    engine.verdicts(message("order.deleted", {"id": 1234}, 92))

    assert engine.deal()["woocommerce_order_status"] == "trash"


# --- Contacts and associations ---


def test_a_changed_billing_address_moves_the_association() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))

    engine.verdicts(message("order.updated", order(billing={"email": "john@example.com"}, **LATER), 60))

    assert engine.associated == {("1234", "john@example.com")}


def test_the_old_contact_is_taken_off_before_the_new_one_is_put_on() -> None:
    """A contact merged into the new one answers to its old id too: the other way round the deal would lose both."""
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    engine.calls.clear()

    engine.verdicts(message("order.updated", order(billing={"email": "john@example.com"}, **LATER), 60))

    assert [path for path in paths(engine) if path.startswith("deals/contacts")] == [
        "deals/contacts/batch/archive",
        "deals/contacts/batch/create",
    ]


def test_an_order_that_gets_its_address_later_is_associated_then() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(billing={"email": ""})))
    assert engine.associated == set()

    engine.verdicts(message("order.updated", order(**LATER), 60))

    assert engine.associated == {("1234", JANE)}


def test_addresses_that_differ_in_case_only_are_one_contact() -> None:
    engine = EngineFixture()

    engine.verdicts(
        message("order.created", order(1)),
        message("order.created", order(2, billing={"email": "Jane.Doe@EXAMPLE.com"})),
    )

    assert len(engine.contacts) == 1
    assert engine.associated == {("1", JANE), ("2", JANE)}


def test_a_contact_found_by_an_additional_address_is_updated_and_not_doubled() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    _edit(engine, CONTACTS, engine.contact()["hs_object_id"], hs_additional_emails="jane@work.example.com")
    newer = {"date_created_gmt": "2026-11-23T22:41:00"} | LATER

    engine.verdicts(
        message("order.created", order(1235, billing={"email": "jane@work.example.com", "phone": "1"}, **newer), 60),
        message("order.created", order(1236, **newer), 61),
    )

    assert len(engine.contacts) == 1
    assert engine.contact()["email"] == JANE
    assert engine.associated == {("1234", JANE), ("1235", JANE), ("1236", JANE)}


def test_many_addresses_of_one_contact_that_hubspot_does_not_show_are_found_by_the_conflicts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, addresses = EngineFixture(), [f"jane{number}@work.example.com" for number in range(5)]
    engine.verdicts(message("order.created", order()))
    _edit(engine, CONTACTS, engine.contact()["hs_object_id"], hs_additional_emails=";".join(addresses))
    monkeypatch.setattr(lookup, "_key_values", lambda kind, record: [record.properties.get(kind.key)])

    verdicts = engine.verdicts(
        *(
            message("order.created", order(number, billing={"email": email}))
            for number, email in enumerate(addresses, 1)
        )
    )

    assert verdicts == ["done"] * len(addresses)
    assert len(engine.contacts) == 1
    assert len(engine.associated) == 1 + len(addresses)


def test_guests_are_not_one_customer() -> None:
    engine = EngineFixture()

    engine.verdicts(
        message("order.created", order(1, customer_id=0)),
        message("order.created", order(2, customer_id=0, billing={"email": "john@example.com"})),
    )

    assert len(engine.contacts) == 2
    assert all("woocommerce_customer_id" not in contact for contact in engine.contacts)


@pytest.mark.parametrize("email", ["", "no address", "jane@company.invalid"])
def test_an_order_without_a_usable_address_becomes_a_deal_without_a_contact(email: str) -> None:
    engine = EngineFixture()

    assert engine.verdicts(message("order.created", order(billing={"email": email}))) == ["done"]

    assert engine.deal()["amount"] == "150.00"
    assert engine.contacts == []
    assert ("order_without_usable_email", {"entity": "order:1234"}) in engine.warnings


def test_an_address_that_hubspot_refuses_in_words_only_costs_the_contact_and_not_the_deal() -> None:
    engine = EngineFixture()
    engine.portal.change_settings({"errors_in_words": True})

    assert engine.verdicts(message("order.created", order(billing={"email": "jane@company.invalid"}))) == ["done"]
    assert (len(engine.deals), engine.contacts) == (1, [])


@pytest.mark.parametrize("email", ["no address", "jane@company.invalid"])
def test_a_customer_with_an_unusable_address_is_rejected(email: str) -> None:
    assert EngineFixture().verdicts(message("customer.created", customer(email=email))) == ["rejected"]


def test_a_customer_without_an_address_is_no_contact() -> None:
    engine = EngineFixture()

    assert engine.verdicts(message("customer.created", customer(email=""))) == ["ignored"]
    assert engine.contacts == []


# --- One bad record ---


def test_one_refused_order_harms_only_itself() -> None:
    engine = EngineFixture()
    engine.portal.change_settings({"rules": [RequiredProperties("deals", ("hs_next_step",), {"amount": "13.00"})]})
    good = [message("order.created", order(number)) for number in range(1, 41)]
    bad = message("order.created", order(66, total="13.00"))

    outcomes = {outcome.message.id: outcome for outcome in engine.deliver(*good[:20], bad, *good[20:])}

    assert {outcomes[outcome.id].verdict.value for outcome in good} == {"done"}
    assert outcomes[bad.id].verdict.value == "rejected"
    assert isinstance(outcomes[bad.id].error, HubSpotRejected)
    assert outcomes[bad.id].attempts == 3
    assert len(engine.deals) == 40


def test_a_refusal_that_goes_away_within_three_tries_is_none() -> None:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(status=400, path="deals/batch/create", count=2))

    assert engine.verdicts(message("order.created", order())) == ["done"]


def test_an_unreadable_message_and_an_unreadable_order_are_rejected_alone() -> None:
    engine = EngineFixture()
    foreign = Message("m1", InvalidMessage("no message of woohub"))
    broken = message("order.created", order(2, total="a lot"))

    assert engine.verdicts(foreign, broken, message("order.created", order(3))) == ["rejected", "rejected", "done"]


def test_an_order_whose_contact_is_refused_waits_for_it() -> None:
    engine = EngineFixture()
    engine.portal.change_settings({"rules": [RequiredProperties("contacts", ("company",), {"lastname": "Doe"})]})

    assert engine.verdicts(message("order.created", order())) == ["rejected"]
    assert engine.deals == []


def test_a_property_the_portal_lacks_is_left_out_with_a_warning() -> None:
    engine = EngineFixture()
    engine.portal.schema.archive_property(definitions.DEALS, "associated_products")

    assert engine.verdicts(message("order.created", order())) == ["done"]

    assert "associated_products" not in engine.deal()
    assert (
        "property_missing_in_hubspot",
        {"object_type": "deals", "property": "associated_products"},
    ) in engine.warnings


@pytest.mark.parametrize("in_words", [False, True], ids=["errors with codes", "errors in words"])
def test_a_property_that_disappears_while_we_run_is_left_out_as_well(in_words: bool) -> None:
    engine = EngineFixture()
    engine.portal.change_settings({"errors_in_words": in_words})
    engine.verdicts(message("order.created", order(1)))
    engine.portal.schema.archive_property(definitions.DEALS, "associated_products")

    assert engine.verdicts(message("order.created", order(2))) == ["done"]


def test_a_portal_that_is_set_up_while_we_run_is_used_at_once() -> None:
    engine = EngineFixture(ready=False)
    assert engine.verdicts(message("order.created", order())) == ["rejected"]

    provision(engine.portal)

    assert engine.verdicts(message("order.created", order())) == ["done"]
    assert engine.deal()["woocommerce_order_status"] == "processing"


def test_a_token_that_may_not_read_definitions_still_writes_only_what_changed() -> None:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(status=403, path="/crm/properties/"))
    engine.verdicts(message("order.created", order()))
    engine.calls.clear()

    engine.verdicts(message("order.updated", order(), 30))

    assert paths(engine) == ["contacts/batch/read", "deals/batch/read"]


def test_of_several_complaints_only_the_property_that_is_not_there_is_left_out_for_others() -> None:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(status=403, path="/crm/properties/"))
    engine.portal.schema.archive_property(definitions.DEALS, "associated_products")

    verdicts = engine.verdicts(
        message("order.created", order(1, currency="JPY")), message("order.created", order(2, currency="USD"))
    )

    assert verdicts == ["done", "done"]
    assert [deal.get("deal_currency_code") for deal in engine.deals] == [None, "USD"]


def test_a_currency_the_portal_has_not_enabled_is_left_out_with_a_warning() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.created", order(currency="JPY")))

    assert engine.deal()["currency"] == "JPY"
    assert "deal_currency_code" not in engine.deal()
    assert ("currency_not_enabled_in_hubspot", {"currency": "JPY"}) in engine.warnings


@pytest.mark.parametrize("lists_currencies", [True, False])
def test_an_order_whose_currency_changes_to_one_that_is_not_enabled_shows_no_former_currency(
    lists_currencies: bool,
) -> None:
    engine = EngineFixture()
    if not lists_currencies:  # then only HubSpot's refusal shows it
        engine.portal.faults.add(InjectedFault(status=403, path="/crm/properties/"))
    engine.verdicts(message("order.created", order(currency="EUR")))

    verdicts = engine.verdicts(message("order.updated", order(currency="JPY"), 60))

    assert verdicts == ["done"]
    assert engine.deal()["currency"] == "JPY"
    assert not engine.deal().get("deal_currency_code")
    assert ("currency_not_enabled_in_hubspot", {"currency": "JPY"}) in engine.warnings


def test_a_late_state_in_another_currency_does_not_bring_that_back() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(currency="JPY"), 60))

    engine.verdicts(message("order.created", order(currency="EUR")))

    assert engine.deal()["currency"] == "JPY"
    assert not engine.deal().get("deal_currency_code")


def test_a_currency_code_that_people_keep_stays() -> None:
    kept = b'[deal]\ndeal_currency_code = { order = "currency", write = "on-create" }'
    engine = EngineFixture(kinds=record_kinds(load_mapping(Overlay("mapping.toml", kept))))
    engine.verdicts(message("order.created", order(currency="EUR")))

    engine.verdicts(message("order.updated", order(currency="JPY"), 60))

    assert engine.deal()["deal_currency_code"] == "EUR"


def test_where_hubspot_refuses_to_empty_the_code_the_rest_is_written() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(currency="EUR")))
    engine.portal.change_settings(
        {"rules": (RequiredProperties("deals", ("deal_currency_code",), {"currency": "JPY"}),)}
    )

    verdicts = engine.verdicts(message("order.updated", order(currency="JPY"), 60))

    assert (verdicts, engine.deal()["currency"]) == (["done"], "JPY")


def test_a_status_without_a_stage_takes_the_default_with_a_warning() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.created", order(status="awaiting-pickup")))

    assert engine.deal()["dealstage"] == "newly_created_order"
    assert ("order_status_without_stage", {"entity": "order:1234", "status": "awaiting-pickup"}) in engine.warnings


# --- Lost answers, conflicts, outages ---

CREATES = ["contacts/batch/create", "deals/batch/create"]


@pytest.mark.parametrize("path", CREATES)
@pytest.mark.parametrize("kind", ["status", "reset", "truncate", "hold", "omit"])
@pytest.mark.parametrize("when", ["before", "after", "half"])
def test_a_create_whose_answer_is_lost_is_settled_by_reading_again(path: str, kind: str, when: str) -> None:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(kind=kind, status=502, when=when, path=path, count=1))
    batch = [message("order.created", order(n, billing={"email": f"shopper{n}@example.com"})) for n in range(1, 5)]

    assert engine.verdicts(*batch) == ["done"] * 4

    assert len(engine.deals) == len(engine.contacts) == 4
    assert engine.associated == {(str(n), f"shopper{n}@example.com") for n in range(1, 5)}


@pytest.mark.parametrize("kind", ["status", "omit"])
def test_without_unique_ids_a_create_whose_answer_is_lost_is_not_repeated_by_another_delivery(kind: str) -> None:
    engine = EngineFixture(unique=False)
    engine.verdicts(message("order.created", order(1)))
    engine.portal.faults.add(InjectedFault(kind=kind, status=502, when="after", count=1, path="deals/batch/create"))

    first = engine.verdicts(message("order.created", order(2)), message("order.created", order(3), 0.5))
    at_once = engine.verdicts(
        message("order.updated", order(2, **LATER), 1), message("order.updated", order(3, **LATER), 1)
    )
    engine.clock.sleep(61)
    later = engine.verdicts(
        message("order.updated", order(2, **LATER), 1), message("order.updated", order(3, **LATER), 1)
    )

    assert "retry" in first
    assert "retry" in at_once
    assert later == ["done", "done"]
    assert sorted(deal["woocommerce_order_id"] for deal in engine.deals) == ["1", "2", "3"]


@pytest.mark.parametrize("unique", [True, False])
def test_a_key_made_anew_while_the_process_is_warm_rejects_no_order(*, unique: bool) -> None:
    """Somebody deleted the property, and made it again: with `woohub setup`, or by hand and so without uniqueness."""
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(1)))
    deals, schema = definitions.DEALS, engine.portal.schema
    schema.archive_property(deals, "woocommerce_order_id")
    engine.clock.sleep(60)
    while_it_is_gone = engine.deliver(message("order.created", order(2)))
    body = {"name": "woocommerce_order_id", "label": "WooCommerce order ID", "type": "string", "fieldType": "text"}
    schema.create_property(
        deals,
        {**body, "groupName": "woocommerce", "hasUniqueValue": unique},
        engine.portal.settings,
        engine.portal.now(),
    )

    assert [outcome.verdict.value for outcome in while_it_is_gone] == ["retry"]
    assert engine.verdicts(message("order.created", order(2)), message("order.created", order(3))) == ["done", "done"]


def test_a_key_that_lost_its_uniqueness_costs_a_large_batch_no_call_for_each_order() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(1)))
    definition = engine.portal.schema.properties["0-3"]["woocommerce_order_id"]
    definition.unique = False
    engine.clock.sleep(60)
    batch = [message("order.created", order(number)) for number in range(2, 302)]
    engine.calls.clear()

    assert engine.verdicts(*batch) == ["retry"] * 300
    assert len([call for call in engine.calls if "/deals/batch/read" in call.path]) == 1

    engine.clock.sleep(15)
    assert engine.verdicts(*batch) == ["done"] * 300


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_while_the_association_moves_leaves_it_moved(when: str) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    paths = ("associations/.*/batch/create", "associations/.*/batch/archive", "deals/batch/update")
    for path in paths:
        engine.portal.faults.add(InjectedFault(kind="reset", when=when, path=path, count=1))

    engine.verdicts(message("order.updated", order(billing={"email": "john@example.com"}, **LATER), 60))

    assert engine.associated == {("1234", "john@example.com")}


def test_a_deal_somebody_creates_at_the_same_moment_is_updated_instead() -> None:
    engine = EngineFixture()
    other = EngineFixture()
    other.portal = engine.portal
    other.restart()
    state = order(status="completed", **LATER)
    engine.portal.faults.add(InjectedFault(kind="omit", path="deals/batch/read", count=1))
    other.verdicts(message("order.created", order()))

    assert engine.verdicts(message("order.updated", state, 60)) == ["done"]

    assert engine.deal()["dealstage"] == "completed"


class Allergic:
    """A HubSpot that fails at every create with an order of 666 in it."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def request(self, method: str, url: str, **kwargs: Any) -> Response:
        if url.endswith("deals/batch/create") and b'"woocommerce_order_id":"666' in kwargs["body"]:
            return InProcessResponse(500, HTTPHeaderDict(), b"<html>Internal Server Error</html>")
        return self._http.request(method, url, **kwargs)


def test_a_record_that_breaks_every_call_does_not_keep_the_others() -> None:
    engine = EngineFixture()
    batch = [message("order.created", order(n, billing={"email": f"shopper{n}@example.com"})) for n in range(1, 31)]
    bad = message("order.created", order(666, billing={"email": "shopper666@example.com"}))
    engine.hubspot.caller.http = Allergic(engine.hubspot.caller.http)

    outcomes = {outcome.message.id: outcome for outcome in engine.deliver(*batch, bad)}

    assert {outcomes[outcome.id].verdict.value for outcome in batch} == {"done"}
    error = outcomes[bad.id].error
    assert isinstance(error, UnknownOutcome)
    assert error.status == 500


def test_ten_records_that_break_every_call_do_not_keep_the_others() -> None:
    engine = EngineFixture()
    good = [message("order.created", order(n, billing={"email": f"shopper{n}@example.com"})) for n in range(1, 41)]
    bad = [message("order.created", order(n, billing={"email": f"shopper{n}@example.com"})) for n in range(6660, 6670)]
    engine.hubspot.caller.http = Allergic(engine.hubspot.caller.http)
    started = engine.clock.now

    outcomes = {outcome.message.id: outcome for outcome in engine.deliver(*bad, *good)}

    assert {outcomes[outcome.id].verdict.value for outcome in good} == {"done"}
    assert {outcomes[outcome.id].verdict.value for outcome in bad} == {"retry"}
    assert engine.clock.now - started < 57


def queued(engine: EngineFixture, *messages: Message, batches: int) -> list[Outcome]:
    """Deliver as a queue does: what is handed back comes again when its delay is over. The last batch's are left."""
    waiting = [(0.0, message) for message in messages]
    left: list[Outcome] = []
    for _ in range(batches):
        engine.clock.now = max(engine.clock.now, min(due for due, _ in waiting))
        due, waiting = _due(waiting, engine.clock.now)
        outcomes = engine.deliver(*(message._replace(receive_count=message.receive_count + 1) for message in due))
        left = [outcome for outcome in outcomes if outcome.verdict is Verdict.RETRY]
        waiting += [(engine.clock.now + delay(result), result.message) for result in left]
    assert len(left) == len(waiting)
    return left


def _due(waiting: list[tuple[float, Message]], now: float) -> tuple[list[Message], list[tuple[float, Message]]]:
    return [message for due, message in waiting if due <= now], [
        (due, message) for due, message in waiting if due > now
    ]


class Instead:
    """A HubSpot that does something else with the calls of its choice: `chosen` sees path and body of each."""

    def __init__(
        self, engine: EngineFixture, chosen: Callable[[str, bytes], bool], act: Callable[[], Response]
    ) -> None:
        self._http, self._chosen, self._act = engine.hubspot.caller.http, chosen, act
        engine.hubspot.caller.http = self

    def request(self, method: str, url: str, **kwargs: Any) -> Response:
        if self._chosen(url, kwargs.get("body") or b""):
            return self._act()
        return self._http.request(method, url, **kwargs)


def canned(status: int, body: object) -> Callable[[], Response]:
    return lambda: InProcessResponse(status, HTTPHeaderDict(), json.dumps(body).encode())


def shoppers(*numbers: int) -> list[Message]:
    """An order each, of different people."""
    return [message("order.created", order(n, billing={"email": f"shopper{n}@example.com"})) for n in numbers]


@pytest.mark.parametrize("silent", [False, True], ids=["500", "silence"])
@pytest.mark.parametrize(
    ("path", "sign"),
    [
        ("contacts/batch/read", b"shopper666@"),
        ("contacts/batch/create", b"shopper666@"),
        ("deals/batch/read", b'"666"'),
        ("deals/batch/create", b'"666"'),
    ],
)
def test_a_record_that_breaks_one_kind_of_call_is_found_and_its_neighbours_are_written(
    path: str, sign: bytes, silent: bool
) -> None:
    engine = EngineFixture()

    def breaks() -> Response:
        if silent:
            engine.clock.sleep(15)
            raise ReadTimeoutError(None, path, "silence")  # type: ignore[arg-type]
        return InProcessResponse(500, HTTPHeaderDict(), b"")

    Instead(engine, lambda url, body: url.endswith(path) and sign in body, breaks)

    left = queued(engine, *shoppers(*range(1, 31), 666), batches=8)

    assert [(left_over.message.entity, left_over.broken_call) for left_over in left] == [
        ("order:666", f"/crm/objects/2026-09/{path}")
    ]
    assert len(engine.deals) == 30


@pytest.mark.parametrize("path", ["contacts/batch/read", "deals/batch/read"])
def test_a_404_for_the_whole_read_of_records_that_hubspot_does_not_have_rejects_none(path: str) -> None:
    engine = EngineFixture()
    Instead(engine, lambda url, _: url.endswith(path), canned(404, {"message": "resource not found"}))

    assert engine.verdicts(*shoppers(1, 2, 3)) == ["done"] * 3
    assert len(engine.deals) == 3


def test_a_read_that_is_rejected_because_of_one_record_keeps_no_other() -> None:
    engine = EngineFixture()
    chosen: Callable[[str, bytes], bool] = lambda url, body: url.endswith("deals/batch/read") and b'"666"' in body  # noqa: E731
    Instead(engine, chosen, canned(400, {"message": "no"}))

    assert engine.verdicts(*shoppers(1, 2, 666, 3)) == ["done", "done", "rejected", "done"]


def test_a_failure_that_names_no_record_is_brought_home_to_its_record() -> None:
    engine = EngineFixture()
    nameless = {"status": "COMPLETE", "results": [], "errors": [{"status": "error", "message": "no anvils, please"}]}
    Instead(engine, lambda url, body: url.endswith("deals/batch/create") and b'"666"' in body, canned(207, nameless))

    outcomes = {outcome.message.entity: outcome for outcome in engine.deliver(*shoppers(1, 2, 666, 3))}

    assert "no anvils" in str(outcomes.pop("order:666").error)
    assert {outcome.verdict.value for outcome in outcomes.values()} == {"done"}


def test_a_currency_that_hubspot_refuses_only_in_words_is_left_out_as_well() -> None:
    engine = EngineFixture()
    engine.portal.change_settings({"lists_currencies": False})
    refusal = {"category": "VALIDATION_ERROR", "message": "JPY is not an effective currency of this account"}
    chosen: Callable[[str, bytes], bool] = lambda url, body: "deals" in url and b'_code":"JPY"' in body  # noqa: E731
    Instead(engine, chosen, canned(400, refusal))

    assert engine.verdicts(message("order.created", order(currency="JPY"))) == ["done"]
    assert "deal_currency_code" not in engine.deal()


def moved(*numbers: int, after_s: float = 60) -> list[Message]:
    """The same orders, now of somebody else each."""
    return [
        message("order.updated", order(n, billing={"email": f"other{n}@example.com"}, **LATER), after_s)
        for n in numbers
    ]


def deal_id(engine: EngineFixture, number: int) -> str:
    rows = engine.portal.state()["deals"]
    return str(next(row["id"] for row in rows if row["properties"]["woocommerce_order_id"] == str(number)))


def test_one_association_that_is_refused_keeps_no_other_deal() -> None:
    engine = EngineFixture()
    engine.verdicts(*shoppers(1, 2, 3, 4))
    bad = b'"from":{"id":"%s"}' % deal_id(engine, 3).encode()
    refusal = {"status": "COMPLETE", "results": [], "errors": [{"category": "VALIDATION_ERROR", "message": "no"}]}
    chosen: Callable[[str, bytes], bool] = lambda url, body: "associations" in url and "create" in url and bad in body  # noqa: E731
    Instead(engine, chosen, canned(207, refusal))

    assert engine.verdicts(*moved(1, 2, 3, 4)) == ["done", "done", "rejected", "done"]
    assert {ids for ids in engine.associated if ids[0] != "3"} == {(str(n), f"other{n}@example.com") for n in (1, 2, 4)}


def test_one_old_contact_that_cannot_be_taken_off_keeps_no_other_on_its_deal() -> None:
    engine = EngineFixture()
    engine.verdicts(*shoppers(1, 2, 3))
    bad = b'"from":{"id":"%s"}' % deal_id(engine, 2).encode()
    Instead(engine, lambda url, body: url.endswith("archive") and bad in body, canned(404, {"message": "gone"}))

    assert engine.verdicts(*moved(1, 2, 3)) == ["done"] * 3
    assert {ids for ids in engine.associated if ids[0] != "2"} == {
        ("1", "other1@example.com"),
        ("3", "other3@example.com"),
    }
    assert [event for event, _ in engine.warnings] == ["old_contact_not_taken_off"]


def test_while_associations_fail_other_changes_of_deals_are_written() -> None:
    engine = EngineFixture()
    engine.verdicts(*shoppers(1, 2, 3))
    engine.portal.faults.add(InjectedFault(status=503, path="/associations/"))
    changed = message("order.updated", order(3, status="completed", billing={"email": "shopper3@example.com"}, **LATER))
    engine.calls.clear()

    assert engine.verdicts(*moved(1, 2), changed) == ["retry", "retry", "done"]
    assert engine.deal(3)["dealstage"] == "completed"
    assert [path for path in paths(engine) if path.startswith("deals")][:2] == [
        "deals/batch/read",
        "deals/batch/update",
    ]


def test_without_unique_ids_a_record_that_breaks_its_create_is_found_as_well() -> None:
    engine = EngineFixture(unique=False)
    Instead(engine, lambda url, body: url.endswith("deals/batch/create") and b'"666"' in body, canned(500, {}))
    batch = shoppers(1, 2, 666, 3)

    assert engine.verdicts(*batch) == ["retry"] * 4
    engine.clock.sleep(61)  # until the index tells that none was created
    assert engine.verdicts(*batch) == ["done", "done", "retry", "done"]

    engine.clock.sleep(61)
    (outcome,) = engine.deliver(batch[2])
    assert outcome.broken_call.endswith("deals/batch/create")


def test_definitions_that_cannot_be_read_again_stop_nothing() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(1)))
    engine.clock.sleep(1000)
    engine.portal.faults.add(InjectedFault(status=503, path="/crm/properties/"))
    engine.calls.clear()

    assert engine.verdicts(message("order.created", order(2))) == ["done"]
    assert len(engine.calls) <= 7
    assert {event for event, _ in engine.warnings} == {"property_definitions_unreadable"}


def test_without_any_definitions_nothing_is_written() -> None:
    """Whether order ids are unique must not be guessed."""
    engine = EngineFixture(unique=False)
    engine.portal.faults.add(InjectedFault(status=503, path="/crm/properties/"))

    assert engine.verdicts(message("order.created", order(2))) == ["retry"]
    assert engine.deals == []


def test_definitions_that_forget_the_email_make_no_contact_without_one() -> None:
    engine = EngineFixture()
    Instead(
        engine, lambda url, _: url.endswith("properties/2026-09/contacts"), canned(200, {"results": [{"name": "zip"}]})
    )

    engine.verdicts(message("order.created", order()))

    assert engine.contact()["zip"] == "90210"


def test_versions_that_somebody_spoilt_do_not_stop_updates() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    for kind in (CONTACTS, DEALS):
        (row,) = engine.portal.state()[kind.name]
        engine.hubspot.update(kind, [{"id": row["id"], "properties": {kind.version: "zzz|99999999999999999999|1"}}])
    changed = order(billing={"city": "Elsewhere"}, status="completed", **LATER)

    assert engine.verdicts(message("order.updated", changed, 60)) == ["done"]
    assert engine.contact()["city"] == "Elsewhere"
    assert engine.deal()["dealstage"] == "completed"


@pytest.mark.parametrize("value", ["9" * 400, "1e999999999", "sNaN", "-"])
def test_odd_values_of_hubspots_are_simply_different(value: str) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    row = engine.portal.state()["deals"][0]
    odd = {"id": row["id"], "properties": row["properties"] | {"amount": value, "closedate": value}}
    Instead(engine, lambda url, _: url.endswith("deals/batch/read"), canned(200, {"results": [odd]}))

    assert engine.verdicts(message("order.updated", order(total="9.99", **LATER), 60)) == ["done"]
    assert engine.deal()["amount"] == "9.99"


def test_an_outage_leaves_everything_on_the_queue_with_few_calls() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(1)))
    engine.calls.clear()
    engine.portal.faults.add(InjectedFault(status=503))

    assert engine.verdicts(*[message("order.created", order(n)) for n in range(2, 30)]) == ["retry"] * 28
    assert len(engine.calls) <= 12


def test_a_refused_token_is_read_again_once() -> None:
    engine = EngineFixture()
    engine.token.value = "pat-revoked"

    assert engine.verdicts(message("order.created", order())) == ["done"]
    assert engine.token.renewals == 1


def test_a_batch_ends_in_time_even_when_hubspot_does_not_answer() -> None:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(kind="hold", hold_s=3600))
    started = engine.clock.now

    engine.verdicts(message("order.created", order()))

    assert engine.clock.now - started <= 57


def test_every_order_of_arrival_of_an_orders_life_ends_the_same() -> None:
    life = [
        message("order.created", order(status="pending"), 1),
        message("order.updated", order(status="processing", total="160.00", **LATER), 61),
        message("order.updated", order(status="completed", billing={"email": "john@example.com"}, **LATER_STILL), 121),
    ]
    for arrival in itertools.permutations(life):
        engine = EngineFixture()
        for part in arrival:
            engine.verdicts(part)

        assert (engine.deal()["dealstage"], engine.deal()["amount"]) == ("completed", "150.00")
        assert ("1234", "john@example.com") in engine.associated


def test_the_delivery_of_a_test_is_what_the_ingest_would_queue() -> None:
    assert topics.identify(delivery("order.created", order())).entity == "order:1234"
