"""`woohub remove`: the webhooks of a deleted stack leave the store, and no others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from simulators.woocommerce import KEY, SECRET
from tests.support.cli_stack import NAME
from tests.support.operated_stack import OperatedStack, operated_stack
from woohub.store.webhooks import TOPICS


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OperatedStack]:
    """Set up, with a webhook of somebody else's beside ours."""
    monkeypatch.chdir(tmp_path)
    with operated_stack() as running:
        keys = {"WOO_COMMERCE_URL": running.shop.url, "WOO_COMMERCE_CONSUMER_KEY": KEY}
        running.environment |= keys | {"WOO_COMMERCE_CONSUMER_SECRET": SECRET}
        running.ready()
        running.shop.hooks.create(
            name=f"woohub {NAME}-staging: order.created",
            topic="order.created",
            delivery_url="https://staging.example/webhooks/woocommerce",
            secret="of another stack",
        )
        yield running


def left(shop: OperatedStack) -> list[str]:
    return [webhook.name for webhook in shop.shop.hooks.webhooks.values()]


def delete_stack() -> None:
    boto3.client("cloudformation").delete_stack(StackName=NAME)


def test_the_webhooks_of_a_deleted_stack_leave_the_store_and_no_others(shop: OperatedStack) -> None:
    delete_stack()

    result = shop.run("remove")

    assert result.exit_code == 0, result.output
    assert left(shop) == [f"woohub {NAME}-staging: order.created"]


def test_while_the_stack_is_there_nothing_is_removed(shop: OperatedStack) -> None:
    result = shop.run("remove")

    assert result.exit_code == 1
    assert f"sam delete --stack-name {NAME}" in result.output
    assert len(left(shop)) == len(TOPICS) + 1


def test_while_the_local_stack_runs_nothing_is_removed(shop: OperatedStack, tmp_path: Path) -> None:
    (tmp_path / ".local").mkdir()
    running = {
        "aws_endpoint_url": None,
        "stack_name": NAME,
        "region": "eu-west-1",
    }  # moto's, in place of the emulated AWS
    (tmp_path / ".local" / "stack.json").write_text(json.dumps(running))

    result = shop.run("remove", "--stack", "local")

    assert result.exit_code == 1
    assert "make local" in result.output
    assert len(left(shop)) == len(TOPICS) + 1


def test_a_dry_run_only_tells(shop: OperatedStack) -> None:
    steps = shop.json("remove", "--dry-run")["steps"]

    assert [step["outcome"] for step in steps] == ["would remove"] * len(TOPICS)
    assert len(left(shop)) == len(TOPICS) + 1


def test_twice_is_once(shop: OperatedStack) -> None:
    delete_stack()
    shop.run("remove")

    assert [step["outcome"] for step in shop.json("remove")["steps"]] == ["ok"]


def test_without_the_stores_keys_the_command_says_what_it_needs(shop: OperatedStack) -> None:
    result = shop.run("remove", WOO_COMMERCE_CONSUMER_KEY="")

    assert result.exit_code == 2
    assert "WOO_COMMERCE_CONSUMER_KEY" in result.output
