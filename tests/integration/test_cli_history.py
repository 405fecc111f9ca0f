"""`woohub reconcile`, `backfill` and `verify` as a person runs them: what they say, write and end with."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto.awslambda_simple.models import lambda_simple_backends
from moto.core.models import DEFAULT_ACCOUNT_ID
from typer.testing import CliRunner

from simulators.hubspot.definitions import DEALS
from tests.support.operated_stack import OperatedStack, operated_stack
from tests.support.stack_consumer import StackConsumer
from woohub.consumer.breaker import State
from woohub_cli.cli_errors import Trouble
from woohub_cli.commands import backfill
from woohub_cli.deliveries import history
from woohub_cli.deliveries.reconcile_runs import ReconcileResult, run_until_complete
from woohub_cli.main import app
from woohub_cli.period import DATE_FORMAT
from woohub_cli.stack import connections, stacks

DAY = 86_400


@pytest.fixture(scope="module")
def running() -> Iterator[StackConsumer]:
    """One stack for all tests here: starting it takes longer than most of them."""
    with operated_stack(search_lag_s=0.0, requests_per_10_s=10_000) as stack:
        yield StackConsumer(stack.ready())


@pytest.fixture
def consumer(running: StackConsumer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackConsumer:
    monkeypatch.chdir(tmp_path)
    running.reset()
    return running


@pytest.fixture
def shop(consumer: StackConsumer) -> OperatedStack:
    """Without orders, and without a past."""
    return consumer.shop


def past(shop: OperatedStack, orders: int) -> list[int]:
    """So many orders, one a day, of which nobody was told."""
    ages = [DAY * (orders - number) for number in range(orders)]
    made = [shop.shop.place(created=time.time() - age, modified=time.time() - age) for age in ages]
    silence(shop)
    return made


def silence(shop: OperatedStack) -> None:
    """What waits for delivery gets lost."""
    shop.shop.hooks.lose = 1.0
    shop.shop.run_webhooks()
    shop.shop.hooks.lose = 0.0


def numbers(shop: OperatedStack) -> list[str]:
    return sorted(row["properties"]["woocommerce_order_id"] for row in shop.portal.state()["deals"])


def answered(**facts: Any) -> None:
    """What the reconcile function will answer to the next call."""
    backend = lambda_simple_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"]
    backend.lambda_simple_results_queue.append(json.dumps(facts))


# --- Reconcile


def test_reconcile_tells_what_was_queued_and_which_webhooks_were_mended(shop: OperatedStack) -> None:
    answered(queued={"orders": 3, "customers": 1}, webhooks=["disabled order.updated: repaired"], complete=True)

    result = shop.run("reconcile")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["Queued: 3 orders, 1 account.", "Webhook disabled order.updated: repaired"]


def test_reconcile_that_found_nothing_says_so(shop: OperatedStack) -> None:
    answered(queued={}, webhooks=[], complete=True, stopped="")

    assert shop.json("reconcile") == {
        "queued": {"orders": 0, "trash": 0, "customers": 0, "deleted": 0},
        "webhooks": [],
        "complete": True,
        "stopped": None,
        "runs": 1,
        "failed": {},
        "unreadable": {},
    }


def test_a_sweep_that_ran_out_of_time_goes_on_until_it_is_through(shop: OperatedStack) -> None:
    answered(queued={"orders": 100}, complete=False, stopped="out of time: 1.0 s left")
    answered(queued={"orders": 20}, complete=True)

    facts = shop.json("reconcile", "--since", "3d")

    assert (facts["queued"]["orders"], facts["runs"], facts["complete"]) == (120, 2, True)


def test_a_sweep_that_could_not_read_the_store_is_a_problem(shop: OperatedStack) -> None:
    answered(queued={}, complete=False, stopped="store unavailable: the store's answer is 503")

    result = shop.run("reconcile")

    assert result.exit_code == 1
    assert "the store's answer is 503" in result.stdout


def test_without_a_readable_watermark_no_next_run_is_promised(shop: OperatedStack) -> None:
    reason = "failed: not JSON; repair the parameter"
    answered(queued={}, complete=False, stopped=reason, failed={"watermark": reason})

    result = shop.run("reconcile")

    assert (result.exit_code, result.stdout.count("repair the parameter")) == (1, 1)
    assert "resumes" not in result.stdout


def test_a_stack_without_a_store_is_told(shop: OperatedStack) -> None:
    answered(configured=False)

    result = shop.run("reconcile")

    assert (result.exit_code, "woohub setup" in result.stderr) == (1, True)


def test_what_is_asked_for_is_asked_for_once() -> None:
    events: list[Any] = []

    def invoke(event: Any) -> Any:
        events.append(event)
        return {"queued": {}, "complete": len(events) == 3, "stopped": "out of time: so it is"}

    done = run_until_complete(invoke, {"since": "2026-11-20T00:00:00Z", "customers": "all"})

    assert done == ReconcileResult(runs=3, complete=True, stopped="out of time: so it is")
    assert events == [{"since": "2026-11-20T00:00:00Z", "customers": "all"}, {}, {}]


def test_a_function_that_crashed_is_told(shop: OperatedStack) -> None:
    backend = lambda_simple_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"]
    backend.lambda_simple_results_queue.append("Task timed out")

    result = shop.run("reconcile")

    assert result.exit_code == 1
    assert "the function reconcile failed: Task timed out" in result.stderr


def test_a_dry_run_counts_and_queues_nothing(shop: OperatedStack) -> None:
    past(shop, 5)
    shop.shop.trash(shop.shop.place())
    silence(shop)
    before = shop.stack.visible("QueueUrl")

    facts = shop.json("reconcile", "--since", "50h", "--dry-run")

    assert (facts["orders"], facts["trash"], facts["dry_run"]) == (2, 1, True)
    assert "2 orders and 1 in the trash" in shop.run("reconcile", "--since", "50h", "--dry-run").stdout
    assert shop.stack.visible("QueueUrl") == before


@pytest.mark.parametrize(("asked", "named"), [("50h", 100), ("150h", 150)])
def test_a_dry_run_counts_what_changed_since_the_moment_it_names(shop: OperatedStack, asked: str, named: int) -> None:
    past(shop, 8)
    reached = (datetime.now(UTC) - timedelta(hours=100)).strftime(DATE_FORMAT)
    shop.watermark(orders={"moment": reached}, trash={"moment": reached})

    facts = shop.json("reconcile", "--since", asked, "--dry-run")

    since = datetime.fromisoformat(facts["since"])
    assert round((datetime.now(UTC) - since).total_seconds() / 3600) == named
    assert facts["orders"] == sum(order.modified >= since.timestamp() for order in shop.shop.orders.values())


@pytest.mark.parametrize("command", ["backfill", "verify"])
def test_an_order_that_the_store_cannot_show_is_named_and_the_others_go_on(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    made = past(shop, 3)
    monkeypatch.setattr(shop.shop, "damaged", {})  # the tests after this one have a store that can show everything
    shop.shop.damage(f"order:{made[1]}")

    result = shop.run(command)

    assert result.exit_code == 1
    assert f"The store could not show order:{made[1]}: left out (1)" in result.stdout
    assert "2 orders" in result.stdout


@pytest.mark.parametrize("options", [["--since", "yesterday"], ["--customers", "some"], ["--deleted", "yes"]])
def test_what_reconcile_cannot_be_asked_for_is_wrong_usage(shop: OperatedStack, options: list[str]) -> None:
    assert shop.run("reconcile", *options).exit_code == 2


# --- Backfill


def test_a_backfill_brings_every_order_and_account_and_says_what_to_do_next(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    made = past(shop, 12)
    shop.shop.register()
    silence(shop)

    result = shop.run("backfill", "--customers")
    consumer.process_queue()

    assert result.exit_code == 0, result.output
    assert "On the queue: 12 orders and 1 account from the beginning to now." in result.stdout
    assert "woohub verify --from" in result.stdout
    assert numbers(shop) == sorted(map(str, made))
    assert len(shop.portal.state()["contacts"]) == 13


def test_a_backfill_as_json(shop: OperatedStack) -> None:
    past(shop, 3)

    facts = shop.json("backfill", "--from", "60h")

    assert {name: facts[name] for name in ("orders", "customers", "status", "to", "queued_now", "queued_before")} == {
        "orders": 2,
        "customers": 0,
        "status": "any",
        "to": None,
        "queued_now": 2,
        "queued_before": 0,
    }
    assert (facts["complete"], facts["stopped"], facts["waiting_in_queue"]) == (True, None, 2)


def test_backfilled_messages_are_marked_so_that_live_ones_overtake(shop: OperatedStack) -> None:
    past(shop, 1)

    shop.run("backfill")

    (message,) = shop.stack.sqs.receive_message(
        QueueUrl=shop.stack.outputs["QueueUrl"], MessageSystemAttributeNames=["MessageGroupId"]
    )["Messages"]
    assert message["Attributes"]["MessageGroupId"] == "backfill"


def test_a_dry_run_of_a_backfill_says_how_much_there_is(shop: OperatedStack) -> None:
    past(shop, 4)

    facts = shop.json("backfill", "--dry-run", "--status", "processing")

    assert (facts["orders"], facts["dry_run"]) == (4, True)
    assert "4 orders of status any from the beginning to now" in shop.run("backfill", "--dry-run").stdout
    assert shop.stack.visible("QueueUrl") == 0


def test_a_limited_backfill_goes_on_with_the_same_command(shop: OperatedStack, tmp_path: Path) -> None:
    past(shop, 5)

    first, second, third = (shop.json("backfill", "--limit", "2") for _ in range(3))

    assert [run["queued_now"] for run in (first, second, third)] == [2, 2, 1]
    assert [run["queued_before"] for run in (first, second, third)] == [0, 2, 4]
    assert (first["complete"], third["complete"]) == (False, True)
    assert list((tmp_path / ".local").iterdir()) == []


def test_an_unfinished_backfill_of_something_else_is_not_forgotten_by_mistake(shop: OperatedStack) -> None:
    past(shop, 5)
    shop.run("backfill", "--limit", "2", "--status", "processing")

    other = shop.run("backfill", "--from", "3d")

    assert other.exit_code == 2
    assert "--status processing is unfinished (2 queued" in other.stderr
    assert shop.json("backfill", "--from", "3d", "--restart")["complete"]


def test_from_a_time_ago_the_same_command_goes_on_too(shop: OperatedStack) -> None:
    past(shop, 5)
    first = shop.json("backfill", "--from", "100h", "--limit", "1")

    second = shop.json("backfill", "--from", "100h")

    assert first["from"] == second["from"]
    assert (second["queued_before"], second["complete"]) == (1, True)


def test_a_store_that_refuses_stops_a_backfill_where_it_can_go_on(shop: OperatedStack) -> None:
    past(shop, 3)
    shop.run("backfill", "--limit", "1")
    keys = dict(shop.shop.keys)
    shop.shop.keys.clear()

    refused = shop.run("backfill")

    assert refused.exit_code == 1
    assert "Check consumer key and secret" in refused.stderr
    shop.shop.keys.update(keys)
    assert shop.json("backfill")["queued_now"] == 2


def test_an_interrupted_backfill_says_how_to_go_on(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    past(shop, 3)
    write = history.StateFile.write

    def interrupted(file: history.StateFile, progress: history.BackfillProgress) -> None:
        write(file, progress)
        os.kill(os.getpid(), signal.SIGTERM)  # as a script's time-out does
        time.sleep(5)  # never gets that far

    monkeypatch.setattr(history.StateFile, "write", interrupted)
    result = shop.run("backfill")
    monkeypatch.undo()

    assert result.exit_code == 1
    assert "Stopped: interrupted; run the same command again to resume" in result.stdout


def test_a_queue_that_nobody_works_off_is_explained(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    past(shop, 3)
    monkeypatch.setattr(history, "MAX_QUEUE_DEPTH", 1)
    monkeypatch.setattr(history, "STALLED_AFTER_S", -1.0)
    shop.stack.sqs.send_message(QueueUrl=shop.stack.outputs["QueueUrl"], MessageBody="m")
    shop.stack.breaker(State("open", "auth", "HubSpot refuses the token"))

    facts = shop.json("backfill")

    assert facts["complete"] is False
    assert "the circuit breaker is open: HubSpot refuses the token" in facts["stopped"]


@pytest.mark.parametrize(
    "options",
    [["--from", "soon"], ["--from", "2026-02-01", "--to", "2026-01-01"], ["--limit", "0"]],
    ids=" ".join,
)
def test_what_a_backfill_cannot_be_asked_for_is_wrong_usage(shop: OperatedStack, options: list[str]) -> None:
    assert shop.run("backfill", *options).exit_code == 2


def test_a_stack_that_was_told_no_store_says_so(shop: OperatedStack) -> None:
    shop.stack.store("StoreSecretArn", {"url": "", "consumer_key": "", "consumer_secret": ""})

    result = shop.run("backfill")  # .env names a store, but perhaps another one than this stack's

    assert result.exit_code == 1
    assert "woohub setup" in result.stderr


def test_state_files_of_stacks_do_not_mix() -> None:
    assert backfill._plain("arn:aws:x/../y") == "arn_aws_x_.._y"


# --- Verify


def test_an_equal_store_and_hubspot_end_with_0(shop: OperatedStack, consumer: StackConsumer) -> None:
    shop.shop.place()
    consumer.deliver()

    result = shop.run("verify")

    assert result.exit_code == 0, result.output
    assert "1 order, 0 accounts and 1 contact compared" in result.stdout
    assert "HubSpot matches the store." in result.stdout


def test_differences_are_shown_and_end_with_1_and_can_be_repaired(shop: OperatedStack, consumer: StackConsumer) -> None:
    (number,) = past(shop, 1)
    changed = shop.shop.place()
    consumer.deliver()
    shop.portal.objects.update(DEALS, shop.portal.state()["deals"][0]["id"], {"properties": {"amount": "1.00"}})

    result = shop.run("verify")
    repaired = shop.json("verify", "--repair")
    consumer.process_queue()

    assert result.exit_code == 1
    assert re.search(rf"missing +order:{number} +deal", result.stdout)
    assert re.search(rf"differing +order:{changed} +deal +amount +[\d.]+ +1.00", result.stdout)
    assert "HubSpot differs: 1 missing, 1 differing." in result.stdout
    assert "woohub verify --repair queues what differs." in result.stdout
    assert repaired["repaired"] == {"orders": 2, "customers": 0, "associated": 0}
    assert shop.json("verify")["equal"]


def test_the_report_as_json(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    silently_deleted = shop.shop.place()
    consumer.deliver()
    shop.shop.delete(silently_deleted)

    facts = shop.json("verify", "--days", "2")

    assert facts["checked"] == {"orders": 1, "accounts": 0, "contacts": 1}
    assert facts["problems"]["deleted_in_store"] == 1
    assert [finding["entity"] for finding in facts["findings"]] == [f"order:{silently_deleted}"]
    assert facts["latency"]["store_to_hubspot"]["orders"] == 1
    assert [day["orders"] for day in facts["days"]] == [1]
    assert facts["store"] == shop.shop.url
    assert number


def test_the_page_is_one_private_file_that_needs_nothing_from_elsewhere(
    shop: OperatedStack, consumer: StackConsumer, tmp_path: Path
) -> None:
    shop.shop.place(billing={"first_name": "<script>alert(1)</script>"})
    consumer.deliver()
    past(shop, 2)
    file = tmp_path / "report.html"

    result = shop.run("verify", "--html", str(file))

    page = file.read_text()
    assert result.exit_code == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert page.count("<svg") >= 3
    assert not re.search(r"(src|href)=|url\(|@import|<script", page)
    assert "order:" in page


def test_a_page_that_cannot_be_written_is_told(shop: OperatedStack, tmp_path: Path) -> None:
    for file in (tmp_path / "no" / "report.html", tmp_path):
        result = shop.run("verify", "--html", str(file))

        assert result.exit_code == 2
        assert "cannot be written" in result.stderr
    assert not shop.shop.requests, "before anything is compared, which may take long"


def test_without_a_stack_the_environment_says_what_to_compare(shop: OperatedStack, consumer: StackConsumer) -> None:
    shop.shop.place()
    consumer.deliver()
    env = shop.environment | {"HUBSPOT_API_URL": shop.stack.outputs["HubSpotApiUrl"], "WOOHUB_STACK": ""}

    result = CliRunner().invoke(app, ["verify", "--json"], env=env)
    repair = CliRunner().invoke(app, ["verify", "--repair"], env=env)

    assert (result.exit_code, json.loads(result.stdout)["equal"]) == (0, True)
    assert (repair.exit_code, "--stack" in repair.stderr) == (2, True)


@pytest.mark.parametrize(
    "options",
    [["--days", "2", "--from", "3d"], ["--to", "2026-01-01"], ["--days", "0"], ["--from", "soon"]],
    ids=" ".join,
)
def test_what_verify_cannot_be_asked_for_is_wrong_usage(shop: OperatedStack, options: list[str]) -> None:
    assert shop.run("verify", *options).exit_code == 2


def test_many_differences_are_cut_on_the_terminal_only(shop: OperatedStack) -> None:
    made = past(shop, 60)

    on_progress = shop.run("verify", "--from", "2020-01-01").stdout

    assert "and 10 more: --json or --html FILE shows all" in on_progress
    assert len(shop.json("verify", "--from", "2020-01-01")["findings"]) == len(made)


# --- Which store


def test_the_local_stack_takes_the_store_of_the_environment(shop: OperatedStack) -> None:
    shop.stack.store("StoreSecretArn", {"url": "", "consumer_key": "", "consumer_secret": ""})
    stack = shop.stack.stack
    local = stacks.Stack(stacks.LOCAL, stack.outputs, stack.aws)

    access = connections.access(local, shop.environment)

    assert access is not None
    assert access.url == shop.shop.url
    assert connections.access(stack, shop.environment) is None
    with pytest.raises(Trouble, match="woohub setup"):
        connections.store(None, {})


def test_the_new_commands_teach_by_examples() -> None:
    for command in ("reconcile", "backfill", "verify", "why"):
        assert "Examples:" in CliRunner().invoke(app, [command, "--help"]).stdout
