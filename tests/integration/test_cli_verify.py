"""`woohub verify`: its output, exit codes and effects."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulators.hubspot.definitions import DEALS
from tests.support.history import undelivered_orders
from tests.support.operated_stack import OperatedStack
from tests.support.stack_consumer import StackConsumer
from woohub_cli.cli_errors import Trouble
from woohub_cli.main import app
from woohub_cli.stack import connections, stacks


def test_verify_ends_with_exit_code_0_when_hubspot_matches_the_store(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    shop.shop.place()
    consumer.deliver()

    result = shop.run("verify")

    assert result.exit_code == 0, result.output
    assert "1 order, 0 accounts and 1 contact compared" in result.stdout
    assert "HubSpot matches the store." in result.stdout


def test_verify_prints_differences_ends_with_exit_code_1_and_repairs_them(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    (number,) = undelivered_orders(shop, 1)
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


def test_verify_json_reports_counts_problems_findings_and_latency(shop: OperatedStack, consumer: StackConsumer) -> None:
    shop.shop.place()
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


def test_verify_html_report_is_a_private_file_without_external_resources(
    shop: OperatedStack, consumer: StackConsumer, tmp_path: Path
) -> None:
    shop.shop.place(billing={"first_name": "<script>alert(1)</script>"})
    consumer.deliver()
    undelivered_orders(shop, 2)
    file = tmp_path / "report.html"

    result = shop.run("verify", "--html", str(file))

    page = file.read_text()
    assert result.exit_code == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert page.count("<svg") >= 3
    assert not re.search(r"(src|href)=|url\(|@import|<script", page)
    assert "order:" in page


def test_verify_rejects_an_unwritable_html_file_before_comparing(shop: OperatedStack, tmp_path: Path) -> None:
    for file in (tmp_path / "no" / "report.html", tmp_path):
        result = shop.run("verify", "--html", str(file))

        assert result.exit_code == 2
        assert "cannot be written" in result.stderr
    assert not shop.shop.requests


def test_verify_without_a_stack_uses_the_environment_but_cannot_repair(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
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
def test_verify_rejects_invalid_options_with_exit_code_2(shop: OperatedStack, options: list[str]) -> None:
    assert shop.run("verify", *options).exit_code == 2


def test_verify_prints_50_differences_and_lists_all_as_json(shop: OperatedStack) -> None:
    made = undelivered_orders(shop, 60)

    printed = shop.run("verify", "--from", "2020-01-01").stdout

    assert "and 10 more: --json or --html FILE shows all" in printed
    assert len(shop.json("verify", "--from", "2020-01-01")["findings"]) == len(made)


def test_the_local_stack_uses_the_store_of_the_environment(shop: OperatedStack) -> None:
    shop.stack.store("StoreSecretArn", {"url": "", "consumer_key": "", "consumer_secret": ""})
    stack = shop.stack.stack
    local = stacks.Stack(stacks.LOCAL, stack.outputs, stack.aws)

    access = connections.access(local, shop.environment)

    assert access is not None
    assert access.url == shop.shop.url
    assert connections.access(stack, shop.environment) is None
    with pytest.raises(Trouble, match="woohub setup"):
        connections.store(None, {})
