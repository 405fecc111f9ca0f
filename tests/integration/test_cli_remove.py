"""`woohub remove` deletes the webhooks of a deleted stack from the store, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest

from simulators.woocommerce import KEY, SECRET
from tests.support.cli_stack import NAME
from tests.support.operated_stack import OperatedStack
from woohub.store.webhooks import TOPICS


@pytest.fixture
def shop(new_stack: OperatedStack) -> OperatedStack:
    """A stack after setup; its store has a webhook of another stack, too."""
    keys = {"WOO_COMMERCE_URL": new_stack.shop.url, "WOO_COMMERCE_CONSUMER_KEY": KEY}
    new_stack.environment |= keys | {"WOO_COMMERCE_CONSUMER_SECRET": SECRET}
    new_stack.ready().shop.hooks.create(
        name=f"woohub {NAME}-staging: order.created",
        topic="order.created",
        delivery_url="https://staging.example/webhooks/woocommerce",
        secret="of another stack",
    )
    return new_stack


def webhook_names(shop: OperatedStack) -> list[str]:
    return [webhook.name for webhook in shop.shop.hooks.webhooks.values()]


def delete_stack() -> None:
    boto3.client("cloudformation").delete_stack(StackName=NAME)


def test_remove_deletes_only_the_webhooks_of_the_deleted_stack(shop: OperatedStack) -> None:
    delete_stack()

    result = shop.run("remove")

    assert result.exit_code == 0, result.output
    assert webhook_names(shop) == [f"woohub {NAME}-staging: order.created"]


def test_remove_refuses_while_the_stack_exists(shop: OperatedStack) -> None:
    result = shop.run("remove")

    assert result.exit_code == 1
    assert f"sam delete --stack-name {NAME}" in result.output
    assert len(webhook_names(shop)) == len(TOPICS) + 1


def test_remove_refuses_while_the_local_stack_runs(shop: OperatedStack, tmp_path: Path) -> None:
    (tmp_path / ".local").mkdir()
    running = {
        "aws_endpoint_url": None,
        "stack_name": NAME,
        "region": "eu-west-1",
    }  # moto instead of the emulated AWS
    (tmp_path / ".local" / "stack.json").write_text(json.dumps(running))

    result = shop.run("remove", "--stack", "local")

    assert result.exit_code == 1
    assert "make local" in result.output
    assert len(webhook_names(shop)) == len(TOPICS) + 1


def test_remove_dry_run_lists_the_webhooks_and_deletes_none(shop: OperatedStack) -> None:
    steps = shop.json("remove", "--dry-run")["steps"]

    assert [step["outcome"] for step in steps] == ["would remove"] * len(TOPICS)
    assert len(webhook_names(shop)) == len(TOPICS) + 1


def test_removing_again_finds_nothing_to_delete(shop: OperatedStack) -> None:
    delete_stack()
    shop.run("remove")

    assert [step["outcome"] for step in shop.json("remove")["steps"]] == ["ok"]


def test_remove_without_the_store_key_names_the_missing_variable(shop: OperatedStack) -> None:
    result = shop.run("remove", WOO_COMMERCE_CONSUMER_KEY="")

    assert result.exit_code == 2
    assert "WOO_COMMERCE_CONSUMER_KEY" in result.output
