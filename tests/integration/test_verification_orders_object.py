"""`woohub verify` and `woohub why` compare HubSpot's orders and the metrics of contacts."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from simulators.hubspot import definitions
from simulators.woocommerce import Item
from tests.support.targets import BESIDE, INSTEAD, mapping_with
from tests.support.verification import ERASED, RECEIVED_IN_2286, VerificationFixture
from woohub_cli.orders.order_diagnosis import InHubSpot
from woohub_cli.orders.order_lookup import Lookup
from woohub_cli.orders.order_reading import in_hubspot, in_store
from woohub_cli.rendering import report_page
from woohub_cli.rendering.report_text import cells, lines
from woohub_cli.verify.comparison import MismatchKind

METRICS = "[contact.metrics]\nenabled = true\n"


@pytest.mark.parametrize("target", [INSTEAD, BESIDE])
def test_hubspot_orders_are_compared_and_repaired(target: str) -> None:
    case = VerificationFixture(mapping=mapping_with(target + METRICS)).act_and_deliver(15)
    number = case.place(status="processing")
    assert case.verify().equal
    case.without_delivery(case.stack.shop.change_status, number, "completed")
    report = case.verify()

    records = {mismatch.record for mismatch in report.mismatches if mismatch.number == number}
    assert records == ({"deal"} if target is INSTEAD else {"deal", "hubspot_order"})
    case.repair(report)
    assert case.verify().equal


def case_with_every_mismatch() -> VerificationFixture:
    """Orders in HubSpot with every kind of mismatch."""
    case = VerificationFixture(mapping=mapping_with(INSTEAD))
    case.place(currency="GBP")
    deleted, stale, unlinked, anonymised, unreadable, _removed = [
        case.place(billing={"email": f"{name}@shop.example"}) for name in ("a", "b", "c", "d", "e", "f")
    ]
    case.stack.pass_time(60)
    case.without_delivery(case.stack.shop.place)
    case.stack.shop.delete(deleted)
    case.edit("orders", case.order_id(stale), woocommerce_order_version=f"2999-01-01T00:00:00|{RECEIVED_IN_2286}|")
    case.without_delivery(case.stack.shop.change_status, stale, "refunded")
    case.engine.portal.links.forget((definitions.ORDERS.id, case.order_id(unlinked)))
    case.stack.shop.edit_address(anonymised, **ERASED)
    case.deliver()
    order = case.stack.shop.orders[unreadable]
    order.text = case.stack.shop.order_text(order).replace('"total":"', '"total":"EUR ')
    (contact,) = [
        row["id"] for row in case.engine.portal.state()["contacts"] if row["properties"]["email"] == "f@shop.example"
    ]
    case.archive("contacts", contact)
    return case


def test_no_text_of_the_report_mentions_deals_when_only_hubspot_orders_are_written() -> None:
    report = case_with_every_mismatch().verify()

    kinds = {mismatch.kind for mismatch in report.mismatches}
    texts = [line.plain for line in lines(report)] + [report_page.page(report, "the store", "HubSpot")]
    rows = [cell for mismatch in report.mismatches for row in cells(mismatch) for cell in row]
    fixes = [mismatch.fix for mismatch in report.mismatches]
    assert kinds >= set(MismatchKind) - {MismatchKind.DUPLICATE, MismatchKind.WRONG_CONTACT}
    assert (len(report.currencies), len(report.erased)) == (1, 1)
    assert not [text for text in (*texts, *rows, *fixes) if re.search(r"\bdeals?\b", text, re.IGNORECASE)]
    assert {row["record"] for row in report.facts()["findings"]} == {"deal", "contact"}  # the record names in JSON stay


def test_wrong_metrics_of_a_contact_are_found_and_repaired() -> None:
    case = VerificationFixture(mapping=mapping_with(METRICS))
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


def test_a_refund_deleted_without_delivery_is_found_and_repaired() -> None:
    case = VerificationFixture(mapping=mapping_with(METRICS))
    number = case.place(status="processing", items=(Item("Tea", Decimal("9.50")),))
    case.stack.shop.write_otherwise(f"order:{number}", refunds=[{"id": 9, "reason": "", "total": "-4.00"}])
    case.stack.shop.save(number)
    case.deliver()
    (contact,) = case.engine.contacts
    assert contact["woocommerce_total_paid"] == "5.50"

    case.stack.shop.write_otherwise(f"order:{number}", refunds=[])  # no delivery, and no date of a change
    case.stack.run()
    report = case.verify()

    assert "woocommerce_net_total" in [difference.property for difference in report.mismatches[0].differences]
    case.repair(report)
    (contact,) = case.engine.contacts
    assert contact["woocommerce_total_paid"] == "9.50"


def test_metrics_of_a_contact_whose_order_moved_to_another_are_found_and_repaired() -> None:
    case = VerificationFixture(mapping=mapping_with(METRICS))
    number = case.place(status="processing")
    former = case.contact_id(number)
    case.stack.shop.edit_address(number, email="somebody.else@mail.example")
    case.deliver()
    case.edit("contacts", former, woocommerce_orders="1")  # as if metrics had been switched off meanwhile

    report = case.verify()

    assert [(found.entity, found.record_ids) for found in report.mismatches] == [(f"order:{number}", (former,))]
    case.repair(report)
    assert case.verify().equal


def read_by_why(case: VerificationFixture, number: int) -> InHubSpot:
    """What `woohub why` reads from HubSpot about an order."""
    store = case.stack.store()
    store.timer.start(60)
    case.engine.timer.start(60)
    return in_hubspot(case.crm, store, in_store(Lookup(store.orders_by_id([number])[number]), store), number)


def test_why_compares_a_hubspot_order_with_the_store() -> None:
    case = VerificationFixture(mapping=mapping_with(INSTEAD))
    number = case.place(status="processing")
    (record,) = case.engine.portal.state()["orders"]
    case.edit("orders", record["id"], hs_total_price="1.00")

    known = read_by_why(case, number)

    (mismatch,) = known.mismatches
    assert [difference.property for difference in mismatch.differences] == ["hs_total_price"]
    assert known.stage_is == known.stage_wanted == record["properties"]["hs_pipeline_stage"]


def test_why_shows_the_records_of_an_order_and_their_differences() -> None:
    mapping = mapping_with(f"{BESIDE}{METRICS}[line_item]\nenabled = true\n")
    case = VerificationFixture(mapping=mapping)
    number = case.place(status="processing")
    case.edit("contacts", case.contact_id(number), woocommerce_orders="7")
    case.edit("orders", case.engine.portal.state()["orders"][0]["id"], hs_total_price="1.00")

    known = read_by_why(case, number)

    assert known.order
    assert known.metrics["woocommerce_orders"] == "7"
    assert known.items
    assert {
        mismatch.record: [difference.property for difference in mismatch.differences] for mismatch in known.mismatches
    } == {
        "contact": ["woocommerce_orders"],
        "hubspot_order": ["hs_total_price"],
    }
