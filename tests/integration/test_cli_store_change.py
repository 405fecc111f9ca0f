"""`woohub setup` with another store than that of the stack or of HubSpot's deals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import urllib3

from simulators.core.server import AppServer, in_thread
from simulators.hubspot import DEFAULT_TOKEN
from simulators.woocommerce import KEY, SECRET, SimulatedShop, create_app
from tests.support.cli_stack import WEBHOOK_SECRET
from tests.support.operated_stack import OperatedStack
from tests.support.targets import BESIDE, INSTEAD, mapping_with, provision_orders
from woohub.clock import Timer
from woohub.configuration import MAPPING_KEY
from woohub.delivery.sites import site
from woohub.hubspot.client import HubSpot
from woohub.hubspot.retries import Caller
from woohub.mapping.fields import FieldMapping, load_mapping
from woohub.store.client import Store
from woohub.store.connection import StoreCredentials
from woohub.store.payloads import ORDER_SWEPT, OrderEvent, parse
from woohub_cli.commands import setup
from woohub_cli.orders.store_deliveries import as_deliveries
from woohub_cli.set_up.store_change import Change, Overlap, StoreRelation, shop_of
from woohub_cli.stack.connections import FixedToken

DEFAULT_MAPPING = load_mapping()
YEAR = 365 * 86400  # seconds


@pytest.fixture
def shop(new_stack: OperatedStack) -> OperatedStack:
    """A stack after setup, with twelve orders that HubSpot has."""
    for _ in range(12):
        new_stack.shop.place()
    copy_orders(new_stack.ready())
    return new_stack


def copy_orders(shop: OperatedStack, kind: str = "deals", mapping: FieldMapping = DEFAULT_MAPPING) -> None:
    """Write the store's orders to HubSpot as the consumer would."""
    timer = Timer()
    timer.start(60)
    url = shop.stack.outputs["HubSpotApiUrl"]
    hubspot = HubSpot(Caller(urllib3.PoolManager(), FixedToken(DEFAULT_TOKEN), timer, url))
    store = Store(urllib3.PoolManager(), StoreCredentials(shop.shop.url, KEY, SECRET), timer, idle_factor=0)
    for row in store.orders_by_id(shop.shop.orders).values():
        event = parse(as_deliveries(ORDER_SWEPT, [row], 0, shop.shop.url, 0)[0])
        assert isinstance(event, OrderEvent)
        hubspot.post(f"{hubspot.paths.objects}/{kind}", {"properties": mapping.deal(event.order)})


@contextmanager
def another_store(orders: int = 12) -> Iterator[SimulatedShop]:
    """Another store with other orders of the same ids."""
    other = SimulatedShop(seed=7)
    with in_thread(AppServer(create_app(other).wsgi_app)) as url:
        other.url = other.hooks.home = url
        other.clock = lambda: time.time() - YEAR
        for _ in range(orders):
            other.place()
        other.clock = time.time
        yield other


@contextmanager
def at_another_address(shop: OperatedStack) -> Iterator[str]:
    """The same store at another address."""
    with in_thread(AppServer(create_app(shop.shop).wsgi_app)) as url:
        shop.shop.url = url
        yield url


def everything_setup_writes(shop: OperatedStack, other: SimulatedShop | None = None) -> tuple[Any, ...]:
    """Secrets, watermark, webhooks and deals."""
    stack = shop.stack
    stored = [stack.secret(name) for name in ("StoreSecretArn", "WebhookSecretArn", "HubSpotSecretArn")]
    watermark = stack.stack.aws.ssm.get_parameter(Name=stack.outputs["WatermarkParameter"])["Parameter"]["Value"]
    hooks = [vars(hook).copy() for hook in shop.shop.hooks.webhooks.values()]
    return stored, watermark, hooks, len(other.hooks.webhooks) if other else 0, shop.portal.state()["deals"]


def test_setup_refuses_another_store_before_it_writes_anything(shop: OperatedStack) -> None:
    with another_store() as other:
        before = everything_setup_writes(shop, other)

        result = shop.run("setup", WOO_COMMERCE_URL=other.url, WOO_COMMERCE_WEBHOOK_SECRET="a-new-secret")

        assert result.exit_code == 1
        assert everything_setup_writes(shop, other) == before
        assert {method for method, _, _ in other.requests} == {"GET"}
    assert "Nothing was changed" in result.stdout


def test_setup_explains_the_refusal_of_another_store_and_names_alternatives(shop: OperatedStack) -> None:
    with another_store() as other:
        (step,) = shop.json("setup", WOO_COMMERCE_URL=other.url)["steps"]

    assert (step["step"], step["outcome"]) == ("store", "failed")
    assert "overwrite" in step["detail"]
    assert other.url in step["detail"]
    assert shop.shop.url in step["detail"]
    assert "order_key_prefix" in step["fix"]
    assert "woohub store add" in step["fix"]
    assert "--yes" in step["fix"]


def test_setup_asks_before_it_takes_another_store_and_stops_at_no(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []

    def answer_no(question: str, **_: Any) -> bool:
        questions.append(question)
        return False

    monkeypatch.setattr(setup, "agreed", answer_no)

    with another_store() as other:
        result = shop.run("setup", WOO_COMMERCE_URL=other.url)

    assert result.exit_code == 1
    assert len(questions) == 1
    assert "overwrit" in questions[0]


def test_setup_with_yes_takes_another_store_and_names_the_old_webhooks_to_delete(shop: OperatedStack) -> None:
    with another_store() as other:
        answer = shop.json("setup", "--yes", WOO_COMMERCE_URL=other.url)

        assert shop.stack.secret("StoreSecretArn")["url"] == other.url
    assert any(shop.shop.url in line and "webhooks" in line for line in answer["left_to_do"])
    assert any("dead letters" in line for line in answer["left_to_do"])


def test_setup_dry_run_warns_of_another_store_and_continues(shop: OperatedStack) -> None:
    with another_store() as other:
        before = everything_setup_writes(shop, other)

        answer = shop.json("setup", "--dry-run", WOO_COMMERCE_URL=other.url)

        assert everything_setup_writes(shop, other) == before
    assert answer["steps"][0]["outcome"] == "warning"
    assert len(answer["steps"]) > 10


def test_setup_recognizes_a_moved_store_by_its_orders(shop: OperatedStack) -> None:
    old = shop.shop.url

    with at_another_address(shop) as url:
        (step,) = shop.json("setup", WOO_COMMERCE_URL=url)["steps"]

    assert "the same orders: 12 of 12" in step["detail"]
    assert old in step["detail"]
    assert "overwrite" not in step["detail"]
    assert "moved" in step["fix"]


def test_setup_with_yes_stores_the_new_address_of_a_moved_store(shop: OperatedStack) -> None:
    with at_another_address(shop) as url:
        assert shop.run("setup", "--yes", WOO_COMMERCE_URL=url).exit_code == 0

        assert shop.stack.secret("StoreSecretArn")["url"] == url


def test_setup_detects_another_store_by_hubspots_deals_when_the_stack_has_none(shop: OperatedStack) -> None:
    """The deals in HubSpot belong to another stack with the same order keys."""
    shop.stack.store("StoreSecretArn", {"url": ""})

    with another_store() as other:
        (step,) = shop.json("setup", WOO_COMMERCE_URL=other.url)["steps"]

    assert step["outcome"] == "failed"
    assert shop.stack.secret("StoreSecretArn") == {"url": ""}


def test_setup_accepts_the_same_store_with_another_notation_of_its_url(shop: OperatedStack) -> None:
    result = shop.run("setup", WOO_COMMERCE_URL=f"{shop.shop.url}/")

    assert result.exit_code == 0, result.output


def test_setup_recognizes_the_store_although_its_orders_have_changed(shop: OperatedStack) -> None:
    for number in list(shop.shop.orders):
        shop.shop.change_status(number, "completed")
        shop.shop.edit_address(number, first_name="Another", last_name="Customer")

    assert shop.run("setup").exit_code == 0


def test_setup_suggests_a_backfill_for_orders_that_hubspot_does_not_have(shop: OperatedStack) -> None:
    for _ in range(40):
        shop.shop.place()

    first, *_ = shop.json("setup")["left_to_do"]

    assert "52 orders" in first
    assert "woohub backfill" in first


def test_setup_suggests_no_backfill_if_hubspot_has_all_orders(shop: OperatedStack) -> None:
    left = shop.json("setup")["left_to_do"]

    assert not any("backfill" in line for line in left)


def with_target(shop: OperatedStack, target: str) -> FieldMapping:
    """Switch the stack and the portal to HubSpot's orders; the mapping of orders."""
    bucket = shop.stack.outputs["ConfigurationBucket"]
    shop.stack.client("s3").put_object(Bucket=bucket, Key=MAPPING_KEY, Body=target.encode())
    mapping = mapping_with(target)
    provision_orders(shop.portal, mapping)
    assert mapping.orders
    return mapping.orders


@pytest.mark.parametrize(("target", "records"), [(INSTEAD, "orders"), (BESIDE, "deals and orders")])
def test_setup_counts_missing_records_of_the_objects_that_the_mapping_writes(
    shop: OperatedStack, target: str, records: str
) -> None:
    with_target(shop, target)

    first, *_ = shop.json("setup")["left_to_do"]

    assert f"HubSpot has {records} for 0 of them" in first


@pytest.mark.parametrize("target", [INSTEAD, BESIDE])
def test_setup_recognizes_the_store_by_hubspots_orders(shop: OperatedStack, target: str) -> None:
    copy_orders(shop, "orders", with_target(shop, target))

    answer = shop.json("setup")

    assert answer["overlap"]["orders_with_deal"] == answer["overlap"]["deals_alike"] == 12
    assert not any("backfill" in line for line in answer["left_to_do"])


@pytest.mark.parametrize(
    ("address", "other", "same"),
    [
        ("https://shop.example", "http://www.Shop.example/", True),
        ("https://shop.example:443/Store/", "https://shop.example/store", True),
        ("shop.example", "https://shop.example", True),
        ("https://shop.example", "https://shop.example/second", False),
        ("https://shop.example", "https://staging.shop.example", False),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8002", False),
    ],
)
def test_shop_of_is_equal_for_notations_of_the_same_store(address: str, other: str, same: bool) -> None:
    assert (shop_of(address) == shop_of(other)) is same


OLD, NEW = "https://old.example", "https://new.example"


@pytest.mark.parametrize(
    ("stored", "overlap", "kind"),
    [
        ("", Overlap(10, 10), StoreRelation.SAME),
        ("", Overlap(0, 0, unknown=50), StoreRelation.OTHER),
        ("", Overlap(10, 10, unknown=2), StoreRelation.SAME),
        ("", Overlap(10, 10, different=(3,)), StoreRelation.OTHER),
        (NEW, Overlap(10, 10, alike=9, different=(3,), unknown=2), StoreRelation.SAME),
        (NEW, None, StoreRelation.SAME),
        (OLD, Overlap(10, 10, alike=9, unknown=2), StoreRelation.MOVED),
        (OLD, Overlap(10, 10), StoreRelation.UNKNOWN),
        (OLD, None, StoreRelation.UNKNOWN),
    ],
)
def test_store_relation_depends_on_address_and_orders(
    stored: str, overlap: Overlap | None, kind: StoreRelation
) -> None:
    assert Change(stored, NEW, overlap).kind is kind


def secret_step(shop: OperatedStack, *arguments: str, secret: str) -> dict[str, str]:
    return shop.steps("setup", *arguments, WOO_COMMERCE_WEBHOOK_SECRET=secret)["webhook secret in the stack"]


@pytest.fixture
def rotated(shop: OperatedStack) -> OperatedStack:
    """A stack after a finished rotation."""
    shop.run("rotate-webhook-secret")
    shop.run("rotate-webhook-secret", "--finish", "--force")
    return shop


@pytest.mark.parametrize(
    ("secret", "outcome", "fix"),
    [(WEBHOOK_SECRET, "warning", "remove it from .env"), ("of-two-rotations-ago", "failed", "--yes")],
)
def test_setup_stores_neither_an_older_nor_another_secret_after_a_finished_rotation(
    rotated: OperatedStack, secret: str, outcome: str, fix: str
) -> None:
    current = rotated.webhook_secret

    step = secret_step(rotated, secret=secret)

    assert (step["outcome"], fix in step["fix"]) == (outcome, True)
    sources = [site(rotated.shop.url)]
    assert rotated.stack.secret("WebhookSecretArn") == {"current": current, "sources": sources}


def test_setup_with_yes_stores_another_secret_after_a_rotation(rotated: OperatedStack) -> None:
    assert secret_step(rotated, "--yes", secret="another-secret")["outcome"] == "stored"
    assert rotated.webhook_secret == "another-secret"
