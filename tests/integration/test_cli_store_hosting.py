"""What the commands say of a store on an odd host: a warning where it works, else the cause and the next step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
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
def shop(running: OperatedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OperatedStack]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store_setup, "wait", lambda _seconds: None)
    yield running
    running.shop.hosting = Hosting()


def checks(shop: OperatedStack) -> dict[str, dict[str, Any]]:
    return {check["check"]: check for check in shop.json("doctor")["checks"] if check["area"] == "store"}


def test_a_closed_index_is_a_warning_and_the_key_opens_the_rest(shop: OperatedStack) -> None:
    shop.shop.hosting = Hosting(index_closed="rest_login_required")

    rows = checks(shop)

    assert rows["store's REST index"]["outcome"] == "warning"
    assert rows["store's key, writing"]["outcome"] == "ok"
    assert "unknown" in rows["store's clock"]["detail"]


def test_setup_goes_on_where_the_index_is_closed(shop: OperatedStack) -> None:
    shop.shop.hosting = Hosting(index_closed="rest_cannot_access", index_status=403)

    assert shop.run("setup").exit_code == 0


def test_plain_permalinks_are_fine(shop: OperatedStack) -> None:
    shop.shop.hosting = Hosting(permalinks="plain")

    rows = checks(shop)

    assert "rest_route" in rows["calls to the store"]["detail"]
    assert "failed" not in {check["outcome"] for check in rows.values()}


def test_a_key_that_goes_in_the_address_is_a_warning() -> None:
    fixture = ReconcileFixture()
    fixture.shop.hosting = Hosting(drops_authorization=True)
    store = fixture.store()
    store_access.readable(store)

    (step,) = store_access.hosting(store, store.about())

    assert (step.outcome, "access log" in step.detail) == (Result.WARNING, True)


@pytest.mark.parametrize(
    ("hosting", "words"),
    [
        (Hosting(maintenance="600"), "maintenance mode"),
        (Hosting(redirect="login"), "let the REST API through"),
        (Hosting(before="<b>Notice</b>: x in /srv/wp-content/plugins/broken/a.php on line 1"), "WP_DEBUG_DISPLAY"),
        (Hosting(redirect="https://www.shop.example"), "set that as the store's URL"),
    ],
    ids=["maintenance", "login", "notice", "moved"],
)
def test_doctor_names_the_next_step_instead_of_the_address(shop: OperatedStack, hosting: Hosting, words: str) -> None:
    shop.shop.hosting = hosting

    row = checks(shop)["store"]

    assert row["outcome"] == "failed"
    assert words in row["fix"]
    assert row["fix"] != store_access.ADDRESS_FIX


@pytest.mark.parametrize("command", [("verify",), ("backfill", "--dry-run"), ("reconcile", "--dry-run"), ("why", "11")])
def test_a_command_ends_at_once_where_the_store_asks_to_wait_for_long(
    shop: OperatedStack, command: tuple[str, ...]
) -> None:
    shop.shop.hosting = Hosting(maintenance="600")

    result = shop.run(*command)

    assert result.exit_code == 1
    assert "maintenance" in result.output


def test_a_wait_is_told_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    store_setup.waiting(20.4, "the store's answer is 503")

    assert capsys.readouterr().err == "waiting 20 s, then trying again: the store's answer is 503\n"
