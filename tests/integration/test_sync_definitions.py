"""Properties that are missing, archived or created again while the consumer runs."""

from __future__ import annotations

import pytest

from simulators.hubspot import InjectedFault, definitions, provision
from tests.support.engine import EngineFixture
from tests.support.orders import message, order
from tests.support.sync import Intercept, request_paths, respond


def test_a_property_missing_in_hubspot_is_left_out_with_a_warning() -> None:
    engine = EngineFixture()
    engine.portal.schema.archive_property(definitions.DEALS, "associated_products")

    assert engine.verdicts(message("order.created", order())) == ["done"]

    assert "associated_products" not in engine.deal()
    assert (
        "property_missing_in_hubspot",
        {"object_type": "deals", "property": "associated_products"},
    ) in engine.warnings


@pytest.mark.parametrize("without_code", [False, True], ids=["with error code", "without error code"])
def test_an_order_is_written_after_a_property_was_archived_between_two_batches(without_code: bool) -> None:
    engine = EngineFixture()
    engine.portal.change_settings({"errors_in_words": without_code})
    engine.verdicts(message("order.created", order(1)))
    engine.portal.schema.archive_property(definitions.DEALS, "associated_products")

    assert engine.verdicts(message("order.created", order(2))) == ["done"]


def test_an_order_is_written_right_after_the_portal_is_set_up() -> None:
    engine = EngineFixture(ready=False)
    assert engine.verdicts(message("order.created", order())) == ["rejected"]

    provision(engine.portal)

    assert engine.verdicts(message("order.created", order())) == ["done"]
    assert engine.deal()["woocommerce_order_status"] == "processing"


def test_an_unchanged_order_takes_no_write_when_the_token_cannot_read_definitions() -> None:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(status=403, path="/crm/properties/"))
    engine.verdicts(message("order.created", order()))
    engine.calls.clear()

    engine.verdicts(message("order.updated", order(), 30))

    assert request_paths(engine) == ["contacts/batch/read", "deals/batch/read"]


def test_a_currency_code_rejected_for_one_order_is_written_for_another() -> None:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(status=403, path="/crm/properties/"))
    engine.portal.schema.archive_property(definitions.DEALS, "associated_products")

    verdicts = engine.verdicts(
        message("order.created", order(1, currency="JPY")), message("order.created", order(2, currency="USD"))
    )

    assert verdicts == ["done", "done"]
    assert [deal.get("deal_currency_code") for deal in engine.deals] == [None, "USD"]


@pytest.mark.parametrize("unique", [True, False])
def test_an_order_id_property_created_again_while_the_consumer_is_warm_rejects_no_order(*, unique: bool) -> None:
    """A person deleted the property and created it again: with `woohub setup`, or by hand and without uniqueness."""
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


def test_300_orders_take_one_read_after_the_order_id_lost_its_uniqueness() -> None:
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


def test_an_order_is_written_when_definitions_cannot_be_read_again() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(1)))
    engine.clock.sleep(1000)
    engine.portal.faults.add(InjectedFault(status=503, path="/crm/properties/"))
    engine.calls.clear()

    assert engine.verdicts(message("order.created", order(2))) == ["done"]
    assert len(engine.calls) <= 7
    assert {event for event, _ in engine.warnings} == {"property_definitions_unreadable"}


def test_an_order_is_retried_without_a_deal_when_no_definitions_can_be_read() -> None:
    """Whether order ids are unique must be known before a deal is created."""
    engine = EngineFixture(unique=False)
    engine.portal.faults.add(InjectedFault(status=503, path="/crm/properties/"))

    assert engine.verdicts(message("order.created", order(2))) == ["retry"]
    assert engine.deals == []


def test_a_contact_has_its_email_although_the_definitions_omit_it() -> None:
    engine = EngineFixture()
    Intercept(
        engine, lambda url, _: url.endswith("properties/2026-09/contacts"), respond(200, {"results": [{"name": "zip"}]})
    )

    engine.verdicts(message("order.created", order()))

    assert engine.contact()["zip"] == "90210"
