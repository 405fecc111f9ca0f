"""The operators' commands against the deployed template in an emulated AWS."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from local_stack import stack_client
from local_stack.stack import Stack
from local_stack.steps import wait_until
from tests.support.deliveries import delivery, signed_again
from tests.support.orders import delivery as order_delivery
from tests.support.orders import order
from tests.support.wheel import InstalledWheel, install
from woohub.delivery.messages import to_sqs
from woohub_cli.main import app

# These depend on the other tests: they send error bodies and forged deliveries, or nothing was delivered yet.
CHECKS_OF_THE_LAST_DAY = {"events", "signatures", "last delivery"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> InstalledWheel:
    return install(tmp_path_factory.mktemp("wheel"))


def answer(terminal: CliRunner, *arguments: str) -> Any:
    result = terminal.invoke(app, [*arguments, "--json"])
    assert result.stdout, result.output
    return json.loads(result.stdout)


def test_doctor_finds_no_problem_in_a_healthy_stack(terminal: CliRunner) -> None:
    checks = {check["check"]: check["outcome"] for check in answer(terminal, "doctor")["checks"]}

    assert checks["signed test delivery"] == checks["breaker"] == checks["HubSpot properties"] == "ok"
    assert {name for name, outcome in checks.items() if outcome in ("failed", "warning")} <= CHECKS_OF_THE_LAST_DAY


def test_doctor_reports_dead_letters(terminal: CliRunner, stack: Stack) -> None:
    stack_client.send(stack, *signed_again(delivery(93), id=47, total="39,98 EUR"))
    wait_until(lambda: bool(stack_client.dead_letters(stack)), "no dead letter", timeout_s=60)

    checks = {check["check"]: check for check in answer(terminal, "doctor")["checks"]}

    assert checks["dead letters"]["outcome"] == "failed"
    assert "woohub dlq" in checks["dead letters"]["fix"]


def test_load_finds_all_20_orders_and_cleans_them_up(terminal: CliRunner, stack: Stack) -> None:
    report = answer(terminal, "load", "--orders", "20", "--rate", "10", "--clean")

    assert (report["arrived"], report["findings"], report["refused"]) == (20, [], {})
    assert report["cleaned"] == {"deals": 20, "contacts": 13, "left": 0}
    assert stack_client.deals(stack) == []


def test_the_installed_command_works_with_a_dotenv_file_and_credentials(
    wheel: InstalledWheel, stack: Stack, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"WOOHUB_STACK={stack.stack_name}\nAWS_ENDPOINT_URL={stack.aws_endpoint_url}\n")
    credentials = {
        "AWS_ACCESS_KEY_ID": stack.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.aws_secret_access_key,
        "AWS_REGION": stack.region,
    }

    status = wheel.command("status", "--json", folder=tmp_path, environ=credentials)
    dead_letters = wheel.command("dlq", "list", "--json", folder=tmp_path, environ=credentials)

    assert json.loads(status.stdout)["stack"] == stack.stack_name, status.stderr
    assert json.loads(dead_letters.stdout) == [], dead_letters.stderr
    assert status.returncode == dead_letters.returncode == 0


def stage_of_an_order(stack: Stack, number: int) -> str:
    """The stage of the deal of a new order with a custom status."""
    message = to_sqs(order_delivery("order.created", order(number, status="awaiting-pickup")))
    stack.client("sqs").send_message(QueueUrl=stack.queue_url, **message)

    def stages() -> list[str]:
        return [deal.stage for deal in stack_client.deals(stack) if deal.order == str(number)]

    wait_until(lambda: bool(stages()), f"order {number} does not arrive", timeout_s=60)
    return stages()[0]


def test_a_pushed_custom_status_is_used_by_the_running_stack(terminal: CliRunner, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text('stages.on_hold.statuses = ["awaiting-pickup"]\n', "utf-8")
    numbers = count(501)
    before = stage_of_an_order(stack, next(numbers))

    assert answer(terminal, "mapping", "push", "--yes")["pushed"]
    wait_until(
        lambda: stage_of_an_order(stack, next(numbers)) == "on_hold", "the old mapping stays in use", timeout_s=90
    )

    assert before == "newly_created_order"
    assert answer(terminal, "mapping", "rollback", "--yes")["pushed"]
    assert answer(terminal, "mapping", "check", "--pushed")["rows_changed"] == 0
