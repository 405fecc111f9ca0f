"""The commands with a store on an unusual host: a warning if it works, else the cause and the next step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from simulators.woocommerce.hosting import Hosting
from tests.support.operated_stack import OperatedStack, operated_stack
from tests.support.reconcile import ReconcileFixture
from woohub_cli.check_result import Result
from woohub_cli.checks import store_access
from woohub_cli.set_up import store_setup


@pytest.fixture(scope="module")
def running() -> Iterator[OperatedStack]:
    with operated_stack() as started:
        yield started.ready()


@pytest.fixture
def shop(running: OperatedStack, commands: None) -> Iterator[OperatedStack]:  # noqa: ARG001  (used for its effect)
    yield running
    running.shop.hosting = Hosting()


def checks(shop: OperatedStack) -> dict[str, dict[str, Any]]:
    return {check["check"]: check for check in shop.json("doctor")["checks"] if check["area"] == "store"}


def test_doctor_warns_of_a_closed_rest_index_and_still_checks_the_key(shop: OperatedStack) -> None:
    shop.shop.hosting = Hosting(index_closed="rest_login_required")

    rows = checks(shop)

    assert rows["store's REST index"]["outcome"] == "warning"
    assert rows["store's key, writing"]["outcome"] == "ok"
    assert "unknown" in rows["store's clock"]["detail"]


def test_setup_succeeds_with_a_closed_rest_index(shop: OperatedStack) -> None:
    shop.shop.hosting = Hosting(index_closed="rest_cannot_access", index_status=403)

    assert shop.run("setup").exit_code == 0


def test_doctor_reports_no_failure_with_plain_permalinks(shop: OperatedStack) -> None:
    shop.shop.hosting = Hosting(permalinks="plain")

    rows = checks(shop)

    assert "rest_route" in rows["calls to the store"]["detail"]
    assert "failed" not in {check["outcome"] for check in rows.values()}


def test_hosting_check_warns_of_a_key_in_the_url() -> None:
    fixture = ReconcileFixture()
    fixture.shop.hosting = Hosting(drops_authorization=True)
    store = fixture.store()
    store_access.readable(store)

    (step,) = store_access.hosting(store, store.about())

    assert (step.outcome, "access log" in step.detail) == (Result.WARNING, True)


@pytest.mark.parametrize(
    ("hosting", "fix"),
    [
        (Hosting(maintenance="600"), "maintenance mode"),
        (Hosting(redirect="login"), "let the REST API through"),
        (Hosting(before="<b>Notice</b>: x in /srv/wp-content/plugins/broken/a.php on line 1"), "WP_DEBUG_DISPLAY"),
        (Hosting(redirect="https://www.shop.example"), "set that as the store's URL"),
    ],
    ids=["maintenance", "login", "notice", "moved"],
)
def test_doctor_names_the_fix_of_the_hosting_problem(shop: OperatedStack, hosting: Hosting, fix: str) -> None:
    shop.shop.hosting = hosting

    row = checks(shop)["store"]

    assert row["outcome"] == "failed"
    assert fix in row["fix"]
    assert row["fix"] != store_access.ADDRESS_FIX


@pytest.mark.parametrize("command", [("verify",), ("backfill", "--dry-run"), ("reconcile", "--dry-run"), ("why", "11")])
def test_commands_stop_at_once_when_the_store_asks_for_a_long_wait(
    shop: OperatedStack, command: tuple[str, ...]
) -> None:
    shop.shop.hosting = Hosting(maintenance="600")

    result = shop.run(*command)

    assert result.exit_code == 1
    assert "maintenance" in result.output


def test_waiting_prints_the_wait_and_its_reason_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    store_setup.waiting(20.4, "the store's answer is 503")

    assert capsys.readouterr().err == "waiting 20 s, then trying again: the store's answer is 503\n"
