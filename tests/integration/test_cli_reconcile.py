"""`woohub reconcile`: its output, exit codes and effects."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.awslambda_simple.models import lambda_simple_backends
from moto.core.models import DEFAULT_ACCOUNT_ID

from tests.support.history import lose_deliveries, undelivered_orders
from tests.support.operated_stack import OperatedStack
from woohub_cli.deliveries.reconcile_runs import ReconcileResult, run_until_complete
from woohub_cli.period import DATE_FORMAT


def answer_next_call(**facts: Any) -> None:
    """Let the reconcile function answer its next call like this."""
    backend = lambda_simple_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"]
    backend.lambda_simple_results_queue.append(json.dumps(facts))


def test_reconcile_prints_queued_records_and_repaired_webhooks(shop: OperatedStack) -> None:
    answer_next_call(queued={"orders": 3, "customers": 1}, webhooks=["disabled order.updated: repaired"], complete=True)

    result = shop.run("reconcile")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["Queued: 3 orders, 1 account.", "Webhook disabled order.updated: repaired"]


def test_reconcile_reports_zeros_when_nothing_was_queued(shop: OperatedStack) -> None:
    answer_next_call(queued={}, webhooks=[], complete=True, stopped="")

    assert shop.json("reconcile") == {
        "queued": {"orders": 0, "trash": 0, "customers": 0, "deleted": 0},
        "webhooks": [],
        "complete": True,
        "stopped": None,
        "runs": 1,
        "failed": {},
        "unreadable": {},
    }


def test_reconcile_runs_again_until_it_is_complete(shop: OperatedStack) -> None:
    answer_next_call(queued={"orders": 100}, complete=False, stopped="out of time: 1.0 s left")
    answer_next_call(queued={"orders": 20}, complete=True)

    facts = shop.json("reconcile", "--since", "3d")

    assert (facts["queued"]["orders"], facts["runs"], facts["complete"]) == (120, 2, True)


def test_reconcile_ends_with_exit_code_1_when_the_store_cannot_be_read(shop: OperatedStack) -> None:
    answer_next_call(queued={}, complete=False, stopped="store unavailable: the store's answer is 503")

    result = shop.run("reconcile")

    assert result.exit_code == 1
    assert "the store's answer is 503" in result.stdout


def test_reconcile_without_a_readable_watermark_promises_no_next_run(shop: OperatedStack) -> None:
    reason = "failed: not JSON; repair the parameter"
    answer_next_call(queued={}, complete=False, stopped=reason, failed={"watermark": reason})

    result = shop.run("reconcile")

    assert (result.exit_code, result.stdout.count("repair the parameter")) == (1, 1)
    assert "resumes" not in result.stdout


def test_reconcile_gives_the_reason_of_a_failed_part_once(shop: OperatedStack) -> None:
    reason = "failed: more than 25 orders in HubSpot are unknown to the store"
    answer_next_call(queued={}, complete=False, stopped=reason, failed={"deleted": reason})

    output = shop.run("reconcile").stdout

    assert output.count(reason) == 1
    assert "Not complete. The next run resumes from here." in output


def test_reconcile_without_a_store_names_setup(shop: OperatedStack) -> None:
    answer_next_call(configured=False)

    result = shop.run("reconcile")

    assert (result.exit_code, "woohub setup" in result.stderr) == (1, True)


def test_run_until_complete_sends_its_request_only_once() -> None:
    events: list[Any] = []

    def invoke(event: Any) -> Any:
        events.append(event)
        return {"queued": {}, "complete": len(events) == 3, "stopped": "out of time"}

    result = run_until_complete(invoke, {"since": "2026-11-20T00:00:00Z", "customers": "all"})

    assert result == ReconcileResult(runs=3, complete=True, stopped="out of time")
    assert events == [{"since": "2026-11-20T00:00:00Z", "customers": "all"}, {}, {}]


def test_reconcile_prints_the_error_of_a_crashed_function(shop: OperatedStack) -> None:
    backend = lambda_simple_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"]
    backend.lambda_simple_results_queue.append("Task timed out")

    result = shop.run("reconcile")

    assert result.exit_code == 1
    assert "the function reconcile failed: Task timed out" in result.stderr


def test_reconcile_dry_run_counts_records_and_queues_none(shop: OperatedStack) -> None:
    undelivered_orders(shop, 5)
    shop.shop.trash(shop.shop.place())
    lose_deliveries(shop)
    before = shop.stack.visible("QueueUrl")

    facts = shop.json("reconcile", "--since", "50h", "--dry-run")

    assert (facts["orders"], facts["trash"], facts["dry_run"]) == (2, 1, True)
    assert "2 orders and 1 in the trash" in shop.run("reconcile", "--since", "50h", "--dry-run").stdout
    assert shop.stack.visible("QueueUrl") == before


@pytest.mark.parametrize(("since", "reported_hours"), [("50h", 100), ("150h", 150)])
def test_reconcile_dry_run_counts_orders_changed_since_the_time_it_reports(
    shop: OperatedStack, since: str, reported_hours: int
) -> None:
    undelivered_orders(shop, 8)
    reached = (datetime.now(UTC) - timedelta(hours=100)).strftime(DATE_FORMAT)
    shop.watermark(orders={"moment": reached}, trash={"moment": reached})

    facts = shop.json("reconcile", "--since", since, "--dry-run")

    reported = datetime.fromisoformat(facts["since"])
    assert round((datetime.now(UTC) - reported).total_seconds() / 3600) == reported_hours
    assert facts["orders"] == sum(order.modified >= reported.timestamp() for order in shop.shop.orders.values())


@pytest.mark.parametrize("options", [["--since", "yesterday"], ["--customers", "some"], ["--deleted", "yes"]])
def test_reconcile_rejects_invalid_options_with_exit_code_2(shop: OperatedStack, options: list[str]) -> None:
    assert shop.run("reconcile", *options).exit_code == 2
