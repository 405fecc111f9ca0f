"""Customer metrics of contacts: values, calls, and exceptional data."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulators.hubspot import InjectedFault, definitions
from simulators.hubspot.settings import RequiredProperties
from tests.support.engine import FIELDS, EngineFixture
from tests.support.metrics import OTHER_PLUGINS, mapping_with_metrics, provision_metrics, wrong_metrics
from tests.support.orders import customer, message, order
from woohub.mapping.fields import FieldMapping
from woohub.sync.record_kinds import record_kinds

JANE, BO = "jane.doe@example.com", "bo@mail.example"
LATER: dict[str, Any] = {"date_modified_gmt": "2026-11-23T22:41:00"}


def engine_with_metrics(mapping: FieldMapping | None = None, **types: str) -> EngineFixture:
    mapping = mapping or mapping_with_metrics()
    engine = EngineFixture(kinds=record_kinds(mapping))
    provision_metrics(engine.portal, mapping, **types)
    return engine


def engine_with_two_orders() -> EngineFixture:
    """Jane has placed both."""
    engine = engine_with_metrics()
    engine.deliver(message("order.created", order(1)), message("order.created", order(2)))
    return engine


def metrics(engine: EngineFixture, email: str = JANE) -> dict[str, str]:
    """A contact's non-empty metrics, without the prefix of their names."""
    names = [name.removeprefix("woocommerce_") for name in mapping_with_metrics().metrics.names]  # type: ignore[union-attr]
    contact = engine.contact(email)
    return {name: contact[f"woocommerce_{name}"] for name in names if contact.get(f"woocommerce_{name}")}


def record_calls(engine: EngineFixture) -> list[str]:
    return [call.path.rsplit("2026-09/", 1)[1] for call in engine.calls if "properties" not in call.path]


def test_a_contact_has_the_metrics_of_its_orders() -> None:
    engine = engine_with_metrics()
    engine.deliver(
        message("order.created", order(1, total="10.10", date_created_gmt="2026-11-01T10:00:00")),
        message("order.created", order(2, total="20.25", status="completed", date_created_gmt="2026-11-03T10:00:00")),
        message("order.created", order(3, total="99.00", status="failed", date_created_gmt="2026-11-02T10:00:00")),
    )

    assert metrics(engine) == {
        "orders": "3",
        "total_paid": "30.35",
        "average_order": "15.18",
        "first_order_date": "2026-11-01T10:00:00Z",
        "last_order_date": "2026-11-03T10:00:00Z",
        "last_order_status": "completed",
        "metrics_currency": "USD",
    }


def test_metrics_take_three_more_calls_for_a_hundred_new_orders() -> None:
    engine, plain = engine_with_metrics(), EngineFixture()
    orders = [
        message("order.created", order(number, billing={"email": f"p{number}@x.example"})) for number in range(100)
    ]
    engine.deliver(*orders)
    plain.deliver(*orders)

    assert len(record_calls(engine)) == len(record_calls(plain)) + 3
    assert record_calls(engine)[-3:] == ["contacts/deals/batch/read", "deals/batch/read", "contacts/batch/update"]
    assert not wrong_metrics(engine.portal)


def test_disabled_metrics_take_no_call_and_write_no_property() -> None:
    engine = EngineFixture(kinds=record_kinds(FIELDS))
    engine.deliver(message("order.created", order()))

    assert record_calls(engine) == [
        "contacts/batch/read",
        "contacts/batch/create",
        "deals/batch/read",
        "deals/batch/create",
    ]
    assert "woocommerce_orders" not in engine.contact()


def test_a_redelivery_writes_no_metrics() -> None:
    engine = engine_with_metrics()
    engine.deliver(message("order.created", order()))
    engine.calls.clear()
    engine.deliver(message("order.created", order()))

    assert all(path.endswith("/read") for path in record_calls(engine))


def test_an_order_moved_to_another_contact_updates_the_metrics_of_both() -> None:
    engine = engine_with_two_orders()
    engine.deliver(message("order.updated", order(2, billing={"email": BO}, **LATER), 60))

    assert (metrics(engine)["orders"], metrics(engine, BO)["orders"]) == ("1", "1")


def test_metrics_of_a_move_while_disabled_are_repaired_once_enabled() -> None:
    engine = engine_with_two_orders()
    moved = order(2, billing={"email": BO}, **LATER)
    engine.kinds = record_kinds(FIELDS)
    engine.deliver(message("order.updated", moved, 60))
    engine.kinds = record_kinds(mapping_with_metrics())

    engine.deliver(message("order.updated", moved, 120))  # as backfill delivers it

    assert (metrics(engine)["orders"], metrics(engine, BO)["orders"]) == ("1", "1")
    assert not wrong_metrics(engine.portal)


def test_a_redelivery_repairs_metrics_after_a_failed_metrics_read() -> None:
    engine = engine_with_two_orders()
    engine.portal.faults.add(InjectedFault(status=503, path="/contacts/deals/batch/read"))
    moved = message("order.updated", order(2, billing={"email": BO}, **LATER), 60)
    assert engine.verdicts(moved) == ["retry"]
    engine.portal.faults.clear()
    engine.restart()

    assert engine.verdicts(moved) == ["done"]
    assert not wrong_metrics(engine.portal)


def test_a_trashed_order_is_no_longer_counted() -> None:
    engine = engine_with_two_orders()
    engine.deliver(message("order.deleted", {"id": 2}, 60))

    assert (metrics(engine)["orders"], metrics(engine)["total_paid"]) == ("1", "150.00")


def test_refunds_are_subtracted_from_the_paid_total() -> None:
    engine = engine_with_two_orders()
    refunds = {"refunds": [{"id": 9, "total": "-49.50"}]}
    engine.deliver(message("order.updated", order(2, **LATER) | refunds, 60))

    assert (metrics(engine)["total_paid"], metrics(engine)["average_order"]) == ("250.50", "125.25")
    assert engine.deal(2)["amount"] == "150.00"


@pytest.mark.parametrize(
    ("totals", "paid", "average"),
    [
        (("9" * 32 + ".99", "0.01"), "1" + "0" * 32 + ".00", "5" + "0" * 31 + ".00"),
        (("0." + "3" * 32, "1"), "1." + "3" * 32, "0." + "6" * 31 + "7"),
    ],
    ids=["most digits", "most decimals"],
)
def test_sums_of_the_longest_amounts_are_exact(totals: tuple[str, ...], paid: str, average: str) -> None:
    engine = engine_with_metrics()
    orders = [message("order.created", order(place, total=total)) for place, total in enumerate(totals, 1)]

    assert engine.verdicts(*orders) == ["done", "done"]
    assert (metrics(engine)["total_paid"], metrics(engine)["average_order"]) == (paid, average)


@pytest.mark.parametrize("amount", ["1e999999999", "1e-999999999", "NaN", "a lot", "0." + "0" * 300 + "1"])
def test_an_invalid_amount_in_hubspot_breaks_no_metrics(amount: str) -> None:
    engine = engine_with_metrics(mapping_with_metrics(amount="associated_products"))

    assert engine.verdicts(message("order.created", order(1, line_items=[{"name": amount}]))) == ["done"]
    assert Decimal(metrics(engine)["total_paid"]) < 1


def test_orders_in_several_currencies_have_no_paid_total() -> None:
    engine = engine_with_metrics()
    engine.deliver(message("order.created", order(1)))
    assert metrics(engine)["total_paid"] == "150.00"
    engine.deliver(message("order.created", order(2, currency="EUR")))

    assert {"total_paid", "average_order", "metrics_currency"}.isdisjoint(metrics(engine))
    assert metrics(engine)["orders"] == "2"


@pytest.mark.parametrize("path", ["/contacts/deals/batch/read", "/deals/batch/read", "/contacts/batch/read"])
def test_records_missing_in_a_response_are_read_again(path: str) -> None:
    engine = engine_with_metrics()
    engine.deliver(message("order.created", order(1)), message("order.created", order(2, billing={"email": BO})))
    moved = message("order.updated", order(1, billing={"email": BO}, **LATER), 60)
    skip = 1 if path == "/deals/batch/read" else 0  # the first such read is of the order itself
    engine.portal.faults.add(InjectedFault(kind="omit", when="after", path=path, skip=skip, count=1))
    engine.deliver(moved)

    assert not wrong_metrics(engine.portal)


def test_deals_without_an_order_id_are_not_counted() -> None:
    engine = engine_with_metrics()
    engine.deliver(message("order.created", order(1)))
    objects, contact = engine.portal.objects, engine.portal.state()["contacts"][0]["id"]
    deal = objects.create(definitions.DEALS, {"properties": {"dealname": "A consultation", "amount": "5000"}})
    objects.link((definitions.DEALS, deal.id), (definitions.CONTACTS, contact))
    engine.deliver(message("order.created", order(2)))

    assert metrics(engine)["total_paid"] == "300.00"


def test_all_deals_are_counted_when_associations_are_paged() -> None:
    engine = engine_with_metrics()
    engine.portal.settings = engine.portal.settings.changed({"associations_per_page": 3})
    for number in range(8):
        engine.deliver(message("order.created", order(number + 1)))

    assert metrics(engine)["orders"] == "8"


def test_a_customer_delivery_alone_updates_the_metrics() -> None:
    """Changes that people made to deals in HubSpot do not wait for the next order."""
    engine = engine_with_two_orders()
    engine.portal.objects.archive(definitions.DEALS, engine.portal.state()["deals"][0]["id"])
    engine.deliver(message("customer.updated", customer()))

    assert metrics(engine)["orders"] == "1"


@pytest.mark.parametrize("seconds_left", [57.0, 2.05], ids=["three attempts", "one attempt"])
def test_a_rejected_metric_is_logged_and_rejects_no_order(seconds_left: float) -> None:
    engine = engine_with_metrics()
    engine.deliver(message("order.created", order(1)))
    engine.portal.settings = engine.portal.settings.changed(
        {"rules": (RequiredProperties("contacts", ("company",), {"woocommerce_orders": "2"}),)}
    )

    engine.timer.start(seconds_left)
    outcomes = engine.sync.sync([message("order.created", order(2))])

    assert [outcome.verdict.value for outcome in outcomes] == ["done"]
    assert engine.warnings[-1][0] == "summary_refused_by_hubspot"


def test_metrics_can_use_the_properties_of_the_makewebbetter_plugin() -> None:
    engine = engine_with_metrics(mapping_with_metrics(names="makewebbetter"), **OTHER_PLUGINS)
    engine.deliver(message("order.created", order(1)))
    contact: dict[str, Any] = engine.contact()

    assert contact["total_number_of_orders"] == "1"
    assert contact["total_value_of_orders"] == "150.00"
    assert contact["first_order_date"] == contact["last_order_date"] == "2026-11-23"
    assert contact["last_order_status"] == "wc-processing"


def test_a_status_without_an_option_leaves_the_property_blank() -> None:
    engine = engine_with_metrics(mapping_with_metrics(names="makewebbetter"), **OTHER_PLUGINS)
    engine.deliver(message("order.created", order(1)))
    engine.deliver(message("order.updated", order(1, status="awaiting-pickup", **LATER), 60))
    contact: dict[str, Any] = engine.contact()

    assert contact["total_number_of_orders"] == "1"
    assert "last_order_status" not in contact


@pytest.mark.parametrize("paid", [("completed",), ("processing", "completed", "on-hold")])
def test_paid_statuses_are_those_of_the_mapping(paid: tuple[str, ...]) -> None:
    engine = engine_with_metrics(mapping_with_metrics(paid_statuses=paid))
    statuses = ("processing", "completed", "on-hold", "refunded")
    engine.deliver(*(message("order.created", order(n + 1, status=status)) for n, status in enumerate(statuses)))

    assert not wrong_metrics(engine.portal, paid)
