"""A store, a status and a field are added to a running stack under traffic, without a deployment."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from local_stack import stack_client
from local_stack.stack import Stack
from local_stack.steps import wait_until
from simulators.woocommerce import KEY, SECRET, SimulatedShop
from simulators.woocommerce.server import running
from tests.support.overlays import PAID, PICKUP
from woohub.configuration import mapping_key
from woohub_cli.main import app

PAUSE_S = 0.5  # between two acts of a shop
IN_FORCE_S = 30.0  # less than the minute after which the consumer reads the bucket again
STORES = ("north", "outlet")


def answer(terminal: CliRunner, *arguments: str) -> Any:
    result = terminal.invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def add(terminal: CliRunner, name: str, shop: SimulatedShop) -> None:
    answer(terminal, "store", "add", name, "--url", shop.url, "--key", KEY, "--secret", SECRET)
    answer(terminal, "backfill", "--customers", "--store", name)


@contextmanager
def traffic(*shops: SimulatedShop) -> Iterator[None]:
    """Orders, accounts and changes in each shop, until the block ends."""
    ended = threading.Event()

    def act(shop: SimulatedShop) -> None:
        while not ended.wait(PAUSE_S):
            shop.act()

    threads = [threading.Thread(target=act, args=(shop,)) for shop in shops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def shops(terminal: CliRunner, stack: Stack) -> Iterator[dict[str, SimulatedShop]]:
    """Two shops with a history, not yet in the stack; the stack has no further store afterwards.

    The shops share no shopper, because dates do not decide between two orders of one person in the same second.
    """
    shops = {name: SimulatedShop(seed=seed, mail_domain=f"{name}.example") for seed, name in enumerate(STORES)}
    with running(shops["north"]), running(shops["outlet"]):
        for shop in shops.values():
            shop.place()
        yield shops
        for name in STORES:
            terminal.invoke(app, ["store", "remove", name, "--yes"])
        stack.client("s3").delete_object(Bucket=stack.configuration_bucket, Key=mapping_key("outlet"))


def deals(stack: Stack) -> list[dict[str, str]]:
    state = stack_client.simulator(stack, "GET", "state")
    return [deal["properties"] for deal in state["deals"]]


def deal_of(stack: Stack, key: str) -> dict[str, str] | None:
    return next((deal for deal in deals(stack) if deal["woocommerce_order_id"] == key), None)


def uses_the_new_mapping(stack: Stack, outlet: SimulatedShop) -> bool:
    """Whether a new order uses it; existing deals keep their stage until their order's status changes."""
    key = f"outlet-{outlet.place(status='awaiting-pickup')}"
    wait_until(lambda: bool(deal_of(stack, key)), f"{key} does not arrive", timeout_s=IN_FORCE_S)
    deal = deal_of(stack, key) or {}
    return deal["dealstage"] == "on_hold" and bool(deal.get("woocommerce_payment_method"))


def test_a_store_a_status_and_a_field_are_added_while_orders_arrive(
    terminal: CliRunner, stack: Stack, shops: dict[str, SimulatedShop], tmp_path: Path
) -> None:
    (tmp_path / "outlet.toml").write_text(PICKUP + PAID, "utf-8")

    with traffic(*shops.values()):
        add(terminal, "outlet", shops["outlet"])
        assert answer(terminal, "mapping", "push", "outlet.toml", "--store", "outlet", "--yes")["pushed"]
        answer(terminal, "setup", "--store", "outlet")
        add(terminal, "north", shops["north"])  # at its first message the consumer also reads the pushed mapping
        wait_until(
            lambda: uses_the_new_mapping(stack, shops["outlet"]), "the old mapping stays in use", timeout_s=IN_FORCE_S
        )
        for name in shops:  # writes the new properties of earlier orders
            answer(terminal, "backfill", "--customers", "--store", name)
    for shop in shops.values():
        shop.run_webhooks()
    stack_client.wait_until_queue_is_empty(stack)

    reports = {name: answer(terminal, "verify", "--store", name) for name in STORES}
    keys = Counter(deal["woocommerce_order_id"] for deal in deals(stack))
    placed = {f"{name}-{number}" for name, shop in shops.items() for number in shop.orders}
    assert {name: report["findings"] for name, report in reports.items()} == {"north": [], "outlet": []}
    assert all(report["checked"]["orders"] and not report["on_their_way"] for report in reports.values())
    assert (set(keys) - placed, [key for key, count in keys.items() if count > 1]) == (set(), [])
    assert stack_client.dead_letters(stack) == []
    assert all(
        deal.get("woocommerce_payment_method") for deal in deals(stack) if "outlet-" in deal["woocommerce_order_id"]
    )
