"""The currency code of a deal, where HubSpot has the currency enabled and where it does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulators.hubspot import InjectedFault
from simulators.hubspot.settings import RequiredProperties
from tests.support.engine import EngineFixture
from tests.support.orders import message, order
from tests.support.sync import Intercept, respond
from woohub.mapping.fields import load_mapping
from woohub.mapping.overlay import Overlay
from woohub.sync.record_kinds import record_kinds


def test_a_currency_code_not_enabled_in_hubspot_is_left_out_with_a_warning() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.created", order(currency="JPY")))

    assert engine.deal()["currency"] == "JPY"
    assert "deal_currency_code" not in engine.deal()
    assert ("currency_not_enabled_in_hubspot", {"currency": "JPY"}) in engine.warnings


@pytest.mark.parametrize("lists_currencies", [True, False])
def test_a_change_to_a_currency_not_enabled_in_hubspot_empties_the_currency_code(lists_currencies: bool) -> None:
    engine = EngineFixture()
    if not lists_currencies:  # only HubSpot's rejection shows it then
        engine.portal.faults.add(InjectedFault(status=403, path="/crm/properties/"))
    engine.verdicts(message("order.created", order(currency="EUR")))

    verdicts = engine.verdicts(message("order.updated", order(currency="JPY"), 60))

    assert verdicts == ["done"]
    assert engine.deal()["currency"] == "JPY"
    assert not engine.deal().get("deal_currency_code")
    assert ("currency_not_enabled_in_hubspot", {"currency": "JPY"}) in engine.warnings


def test_a_stale_state_in_another_currency_leaves_the_currency_code_empty() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(currency="JPY"), 60))

    engine.verdicts(message("order.created", order(currency="EUR")))

    assert engine.deal()["currency"] == "JPY"
    assert not engine.deal().get("deal_currency_code")


def test_a_currency_code_written_only_on_create_keeps_its_value() -> None:
    kept = b'[deal]\ndeal_currency_code = { order = "currency", write = "on-create" }'
    engine = EngineFixture(kinds=record_kinds(load_mapping(Overlay("mapping.toml", kept))))
    engine.verdicts(message("order.created", order(currency="EUR")))

    engine.verdicts(message("order.updated", order(currency="JPY"), 60))

    assert engine.deal()["deal_currency_code"] == "EUR"


def test_other_properties_are_written_when_hubspot_rejects_an_empty_currency_code() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(currency="EUR")))
    engine.portal.change_settings(
        {"rules": (RequiredProperties("deals", ("deal_currency_code",), {"currency": "JPY"}),)}
    )

    verdicts = engine.verdicts(message("order.updated", order(currency="JPY"), 60))

    assert (verdicts, engine.deal()["currency"]) == (["done"], "JPY")


def test_a_currency_rejected_with_a_general_error_is_left_out() -> None:
    engine = EngineFixture()
    engine.portal.change_settings({"lists_currencies": False})
    refusal = {"category": "VALIDATION_ERROR", "message": "JPY is not an effective currency of this account"}
    chosen: Callable[[str, bytes], bool] = lambda url, body: "deals" in url and b'_code":"JPY"' in body  # noqa: E731
    Intercept(engine, chosen, respond(400, refusal))

    assert engine.verdicts(message("order.created", order(currency="JPY"))) == ["done"]
    assert "deal_currency_code" not in engine.deal()
