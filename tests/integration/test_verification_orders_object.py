"""`woohub verify` and `woohub why` compare HubSpot's orders and the metrics of contacts."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from simulators.hubspot import definitions
from simulators.woocommerce import Item
from tests.support.targets import BESIDE, INSTEAD, mapping_with
from tests.support.verification import (
    ERASED,
    RECEIVED_IN_2286,
    Case,
)
from woohub_cli.orders.order_diagnosis import InHubSpot
from woohub_cli.orders.order_lookup import Lookup
from woohub_cli.orders.order_reading import in_hubspot, in_store
from woohub_cli.rendering import report_page
from woohub_cli.rendering.report_text import cells, lines
from woohub_cli.verify.comparison import MismatchKind

METRICS = "[contact.metrics]\nenabled = true\n"


@pytest.mark.parametrize("target", [INSTEAD, BESIDE])
def test_orders_in_hubspot_are_compared_and_repaired(target: str) -> None:
    case = Case(mapping=mapping_with(target + METRICS)).trade(15)
    number = case.place(status="processing")
    assert case.verify().equal
    case.silently(case.lab.shop.change_status, number, "completed")
    report = case.verify()

    records = {mismatch.record for mismatch in report.mismatches if mismatch.number == number}
    assert records == ({"deal"} if target is INSTEAD else {"deal", "hubspot_order"})
    case.repair(report)
    assert case.verify().equal


def wrong_in_every_way() -> Case:
    """Orders in HubSpot, none of which is as it should be."""
    case = Case(mapping=mapping_with(INSTEAD))
    case.place(currency="GBP")
    deleted, stale, unlinked, anonymised, unreadable, _removed = [
        case.place(billing={"email": f"{name}@shop.example"}) for name in ("a", "b", "c", "d", "e", "f")
    ]
    case.lab.pass_time(60)
    case.silently(case.lab.shop.place)
    case.lab.shop.delete(deleted)
    case.edit("orders", case.order_id(stale), woocommerce_order_version=f"2999-01-01T00:00:00|{RECEIVED_IN_2286}|")
    case.silently(case.lab.shop.change_status, stale, "refunded")
    case.portal.portal.links.forget((definitions.ORDERS.id, case.order_id(unlinked)))
    case.lab.shop.edit_address(anonymised, **ERASED)
    case.deliver()
    order = case.lab.shop.orders[unreadable]
    order.text = case.lab.shop.order_text(order).replace('"total":"', '"total":"EUR ')
    (contact,) = [
        row["id"] for row in case.portal.portal.state()["contacts"] if row["properties"]["email"] == "f@shop.example"
    ]
    case.archive("contacts", contact)
    return case


def test_where_only_orders_are_made_in_hubspot_no_text_says_deal() -> None:
    report = wrong_in_every_way().verify()

    kinds = {mismatch.kind for mismatch in report.mismatches}
    texts = [line.plain for line in lines(report)] + [report_page.page(report, "the store", "HubSpot")]
    rows = [cell for mismatch in report.mismatches for row in cells(mismatch) for cell in row]
    fixes = [mismatch.fix for mismatch in report.mismatches]
    assert kinds >= set(MismatchKind) - {MismatchKind.DUPLICATE, MismatchKind.WRONG_CONTACT}
    assert (len(report.currencies), len(report.erased)) == (1, 1)
    assert not [text for text in (*texts, *rows, *fixes) if re.search(r"\bdeals?\b", text, re.IGNORECASE)]
    assert {row["record"] for row in report.facts()["findings"]} == {"deal", "contact"}  # as scripts know it


def test_a_contact_whose_metrics_are_not_its_deals_is_found_and_repaired() -> None:
    case = Case(mapping=mapping_with(METRICS))
    number = case.place(status="processing")
    case.edit("contacts", case.contact_id(number), woocommerce_orders="7")
    report = case.verify()

    (mismatch,) = report.mismatches
    assert (mismatch.record, [difference.property for difference in mismatch.differences]) == (
        "contact",
        ["woocommerce_orders"],
    )
    case.repair(report)
    assert case.verify().equal


def test_a_refund_that_was_deleted_without_a_word_is_found_and_repaired() -> None:
    case = Case(mapping=mapping_with(METRICS))
    number = case.place(status="processing", items=(Item("Tea", Decimal("9.50")),))
    case.lab.shop.write_otherwise(f"order:{number}", refunds=[{"id": 9, "reason": "", "total": "-4.00"}])
    case.lab.shop.save(number)
    case.deliver()
    (contact,) = case.portal.contacts
    assert contact["woocommerce_total_paid"] == "5.50"

    case.lab.shop.write_otherwise(f"order:{number}", refunds=[])  # no delivery, and no date of a change
    case.lab.run()
    report = case.verify()

    assert "woocommerce_net_total" in [difference.property for difference in report.mismatches[0].differences]
    case.repair(report)
    (contact,) = case.portal.contacts
    assert contact["woocommerce_total_paid"] == "9.50"


def test_the_metrics_of_a_contact_whose_order_is_another_contacts_now_are_found_and_repaired() -> None:
    case = Case(mapping=mapping_with(METRICS))
    number = case.place(status="processing")
    former = case.contact_id(number)
    case.lab.shop.edit_address(number, email="somebody.else@mail.example")
    case.deliver()
    case.edit("contacts", former, woocommerce_orders="1")  # as if the metrics had been off meanwhile

    report = case.verify()

    assert [(found.entity, found.record_ids) for found in report.mismatches] == [(f"order:{number}", (former,))]
    case.repair(report)
    assert case.verify().equal


def known_of(case: Case, number: int) -> InHubSpot:
    """What `woohub why` reads in HubSpot of an order."""
    store = case.lab.store()
    store.timer.start(60)
    case.portal.timer.start(60)
    return in_hubspot(case.crm, store, in_store(Lookup(store.orders_by_id([number])[number]), store), number)


def test_why_compares_an_order_in_hubspot_as_it_does_a_deal() -> None:
    case = Case(mapping=mapping_with(INSTEAD))
    number = case.place(status="processing")
    (record,) = case.portal.portal.state()["orders"]
    case.edit("orders", record["id"], hs_total_price="1.00")

    known = known_of(case, number)

    (mismatch,) = known.mismatches
    assert [difference.property for difference in mismatch.differences] == ["hs_total_price"]
    assert known.stage_is == known.stage_wanted == record["properties"]["hs_pipeline_stage"]


def test_why_shows_what_belongs_to_an_order_and_where_that_differs() -> None:
    mapping = mapping_with(f"{BESIDE}{METRICS}[line_item]\nenabled = true\n")
    case = Case(mapping=mapping)
    number = case.place(status="processing")
    case.edit("contacts", case.contact_id(number), woocommerce_orders="7")
    case.edit("orders", case.portal.portal.state()["orders"][0]["id"], hs_total_price="1.00")

    known = known_of(case, number)

    assert known.order
    assert known.metrics["woocommerce_orders"] == "7"
    assert known.items
    assert {
        mismatch.record: [difference.property for difference in mismatch.differences] for mismatch in known.mismatches
    } == {
        "contact": ["woocommerce_orders"],
        "hubspot_order": ["hs_total_price"],
    }
