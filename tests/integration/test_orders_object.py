"""Orders are written to HubSpot's Orders object, instead of deals or beside them."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.hubspot import page
from tests.support.engine import EngineFixture
from tests.support.metrics import provision_metrics
from tests.support.orders import message, order
from tests.support.targets import BESIDE, INSTEAD, mapping_with, provision_orders
from woohub.sync.record_kinds import record_kinds

JANE, BO = "jane.doe@example.com", "bo@mail.example"
LATER: dict[str, Any] = {"date_modified_gmt": "2026-11-23T22:41:00"}
CANCELLED = "3c85a297-e9ce-400b-b42e-9f16853d69d6"


def engine_with(text: str) -> EngineFixture:
    mapping = mapping_with(text)
    engine = EngineFixture(kinds=record_kinds(mapping))
    provision_orders(engine.portal, mapping)
    if mapping.metrics:
        provision_metrics(engine.portal, mapping)
    return engine


def orders(engine: EngineFixture) -> list[dict[str, Any]]:
    return [row["properties"] for row in engine.portal.state()["orders"]]


def contact_emails(engine: EngineFixture) -> list[list[str]]:
    """The email addresses of each order's contacts."""
    links, contacts = engine.portal.links, engine.portal.state()["contacts"]
    emails = {row["id"]: row["properties"]["email"] for row in contacts}
    rows = engine.portal.state()["orders"]
    return [[emails[contact] for contact in links.ids(("0-123", row["id"]), "0-1")] for row in rows]


def test_an_order_makes_a_hubspot_order_and_no_deal() -> None:
    engine = engine_with(INSTEAD)

    assert engine.verdicts(message("order.created", order() | {"number": "1234"})) == ["done"]
    (made,) = orders(engine)
    wanted = {
        "woocommerce_order_id": "1234",
        "woocommerce_order_status": "processing",
        "hs_order_name": "#1234",
        "hs_total_price": "150.00",
        "hs_currency_code": "USD",
        "hs_external_created_date": "2026-11-23T22:40:00Z",
        "hs_external_order_status": "processing",
        "hs_pipeline": "14a2e10e-5471-408a-906e-c51f3b04369e",
        "hs_pipeline_stage": "937ea84d-0a4f-4dcf-9028-3f9c2aafbf03",
    }
    assert {name: made.get(name) for name in wanted} == wanted
    assert contact_emails(engine) == [[JANE]]
    assert engine.deals == []


def test_an_order_makes_a_deal_and_a_hubspot_order_of_the_same_contact() -> None:
    engine = engine_with(BESIDE)
    engine.deliver(message("order.created", order()))

    assert engine.deal()["amount"] == orders(engine)[0]["hs_total_price"] == "150.00"
    assert contact_emails(engine) == [[JANE]]
    assert engine.associated == {("1234", JANE)}


def test_a_hundred_new_hubspot_orders_take_four_calls() -> None:
    engine = engine_with(INSTEAD)
    engine.deliver(
        *(message("order.created", order(number, billing={"email": f"p{number}@x.example"})) for number in range(100))
    )

    assert [call.path.rsplit("2026-09/", 1)[1] for call in engine.calls if "properties" not in call.path] == [
        "contacts/batch/read",
        "contacts/batch/create",
        "orders/batch/read",
        "orders/batch/create",
    ]


def test_a_hubspot_order_has_the_newest_status_and_moves_to_cancelled_when_trashed() -> None:
    engine = engine_with(INSTEAD)
    engine.deliver(message("order.updated", order(status="completed", **LATER), 60))
    engine.deliver(message("order.created", order(), 70))
    assert orders(engine)[0]["woocommerce_order_status"] == "completed"
    engine.deliver(message("order.deleted", {"id": 1234}, 90))

    assert orders(engine)[0]["hs_pipeline_stage"] == CANCELLED
    assert orders(engine)[0]["hs_external_order_status"] == "trash"


def test_a_changed_email_moves_the_hubspot_order_and_the_deal_to_another_contact() -> None:
    engine = engine_with(BESIDE)
    engine.deliver(message("order.created", order()))
    engine.deliver(message("order.updated", order(billing={"email": BO}, **LATER), 60))

    assert contact_emails(engine) == [[BO]]
    assert engine.associated == {("1234", BO)}


def test_a_currency_code_not_enabled_in_hubspot_is_left_out() -> None:
    engine = engine_with(INSTEAD)

    assert engine.verdicts(message("order.created", order(currency="CHF"))) == ["done"]
    assert "hs_currency_code" not in orders(engine)[0]
    assert orders(engine)[0]["woocommerce_currency"] == "CHF"


@pytest.mark.parametrize("target", [INSTEAD, BESIDE])
def test_contact_metrics_are_computed_from_orders_with_and_without_deals(target: str) -> None:
    engine = engine_with(f"{target}[contact.metrics]\nenabled = true\n")
    engine.deliver(message("order.created", order(1)), message("order.created", order(2, status="failed")))
    engine.deliver(message("order.deleted", {"id": 2}, 60))

    contact = engine.contact()
    assert (contact["woocommerce_orders"], contact["woocommerce_total_paid"]) == ("1", "150.00")
    assert contact["woocommerce_metrics_currency"] == "USD"


def test_the_simulators_page_shows_hubspot_orders_and_metrics() -> None:
    engine = engine_with(f"{BESIDE}[contact.metrics]\nenabled = true\n")
    engine.deliver(message("order.created", order() | {"number": "R-77"}))
    text = page.render(engine.portal, fragment=True)

    assert "#R-77" in text
    assert "1 order, 150.00 USD paid" in text


def test_an_order_without_deal_and_hubspot_order_makes_only_a_contact() -> None:
    engine = EngineFixture(kinds=record_kinds(mapping_with("[deal]\nenabled = false\n")))

    assert engine.verdicts(message("order.created", order())) == ["done"]
    assert (len(engine.contacts), engine.deals) == (1, [])
