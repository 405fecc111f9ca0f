"""`woohub backfill`: its output, exit codes and effects."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.history import lose_deliveries, undelivered_orders
from tests.support.operated_stack import OperatedStack
from tests.support.stack_consumer import StackConsumer
from woohub.consumer.breaker import State
from woohub_cli.commands import backfill
from woohub_cli.deliveries import history


def deal_order_ids(shop: OperatedStack) -> list[str]:
    return sorted(row["properties"]["woocommerce_order_id"] for row in shop.portal.state()["deals"])


@pytest.mark.parametrize("command", ["backfill", "verify"])
def test_an_unreadable_order_is_reported_and_the_others_are_processed(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    made = undelivered_orders(shop, 3)
    monkeypatch.setattr(shop.shop, "damaged", {})  # later tests need a store without damaged records
    shop.shop.damage(f"order:{made[1]}")

    result = shop.run(command)

    assert result.exit_code == 1
    assert f"The store could not return order:{made[1]}: left out (1)" in result.stdout
    assert "2 orders" in result.stdout


def test_backfill_syncs_every_order_and_account_and_names_the_next_step(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    made = undelivered_orders(shop, 12)
    shop.shop.register()
    lose_deliveries(shop)

    result = shop.run("backfill", "--customers")
    consumer.process_queue()

    assert result.exit_code == 0, result.output
    assert "On the queue: 12 orders and 1 account from the beginning to now." in result.stdout
    assert "woohub verify --from" in result.stdout
    assert deal_order_ids(shop) == sorted(map(str, made))
    assert len(shop.portal.state()["contacts"]) == 13


def test_backfill_json_reports_the_queued_orders_and_options(shop: OperatedStack) -> None:
    undelivered_orders(shop, 3)

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


def test_backfilled_messages_have_the_message_group_backfill(shop: OperatedStack) -> None:
    undelivered_orders(shop, 1)

    shop.run("backfill")

    (message,) = shop.stack.sqs.receive_message(
        QueueUrl=shop.stack.outputs["QueueUrl"], MessageSystemAttributeNames=["MessageGroupId"]
    )["Messages"]
    assert message["Attributes"]["MessageGroupId"] == "backfill"


def test_backfill_dry_run_counts_orders_and_queues_none(shop: OperatedStack) -> None:
    undelivered_orders(shop, 4)

    facts = shop.json("backfill", "--dry-run", "--status", "processing")

    assert (facts["orders"], facts["dry_run"]) == (4, True)
    assert "4 orders of status any from the beginning to now" in shop.run("backfill", "--dry-run").stdout
    assert shop.stack.visible("QueueUrl") == 0


def test_backfill_with_a_limit_continues_with_the_same_command(shop: OperatedStack, tmp_path: Path) -> None:
    undelivered_orders(shop, 5)

    first, second, third = (shop.json("backfill", "--limit", "2") for _ in range(3))

    assert [run["queued_now"] for run in (first, second, third)] == [2, 2, 1]
    assert [run["queued_before"] for run in (first, second, third)] == [0, 2, 4]
    assert (first["complete"], third["complete"]) == (False, True)
    assert list((tmp_path / ".local").iterdir()) == []


def test_backfill_refuses_other_options_while_one_is_unfinished(shop: OperatedStack) -> None:
    undelivered_orders(shop, 5)
    shop.run("backfill", "--limit", "2", "--status", "processing")

    other = shop.run("backfill", "--from", "3d")

    assert other.exit_code == 2
    assert "--status processing is unfinished (2 queued" in other.stderr
    assert shop.json("backfill", "--from", "3d", "--restart")["complete"]


def test_backfill_from_a_relative_time_continues_with_the_same_command(shop: OperatedStack) -> None:
    undelivered_orders(shop, 5)
    first = shop.json("backfill", "--from", "100h", "--limit", "1")

    second = shop.json("backfill", "--from", "100h")

    assert first["from"] == second["from"]
    assert (second["queued_before"], second["complete"]) == (1, True)


def test_backfill_continues_after_the_store_refused_its_key(shop: OperatedStack) -> None:
    undelivered_orders(shop, 3)
    shop.run("backfill", "--limit", "1")
    keys = dict(shop.shop.keys)
    shop.shop.keys.clear()

    refused = shop.run("backfill")

    assert refused.exit_code == 1
    assert "Check consumer key and secret" in refused.stderr
    shop.shop.keys.update(keys)
    assert shop.json("backfill")["queued_now"] == 2


def test_an_interrupted_backfill_explains_how_to_resume(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    undelivered_orders(shop, 3)
    write = history.StateFile.write

    def interrupted(file: history.StateFile, progress: history.BackfillProgress) -> None:
        write(file, progress)
        os.kill(os.getpid(), signal.SIGTERM)  # like the time-out of a script
        time.sleep(5)  # is never reached

    monkeypatch.setattr(history.StateFile, "write", interrupted)
    result = shop.run("backfill")
    monkeypatch.undo()

    assert result.exit_code == 130
    assert "Stopped: interrupted; run the same command again to resume" in result.stdout


def test_backfill_stops_on_a_full_queue_and_names_the_open_breaker(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    undelivered_orders(shop, 3)
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
def test_backfill_rejects_invalid_options_with_exit_code_2(shop: OperatedStack, options: list[str]) -> None:
    assert shop.run("backfill", *options).exit_code == 2


def test_backfill_names_setup_when_the_stack_has_no_store(shop: OperatedStack) -> None:
    shop.stack.store("StoreSecretArn", {"url": "", "consumer_key": "", "consumer_secret": ""})

    result = shop.run("backfill")  # .env names a store, but it may not be this stack's

    assert result.exit_code == 1
    assert "woohub setup" in result.stderr


def test_backfill_state_file_names_contain_no_path_separator() -> None:
    assert backfill._plain("arn:aws:x/../y") == "arn_aws_x_.._y"
