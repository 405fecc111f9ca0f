"""Properties that are missing, archived or created again while the consumer runs."""

from __future__ import annotations

import pytest

from simulators.hubspot import InjectedFault, definitions, provision
from tests.support.engine import EngineFixture
from tests.support.orders import message, order
from tests.support.sync import Instead, canned, paths


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
