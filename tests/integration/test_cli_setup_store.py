"""`woohub setup` and the store: its key, its addresses, and the stack's webhooks."""

from __future__ import annotations

from typing import Any

import pytest
from urllib3 import HTTPHeaderDict

from functions.ingest import app as ingest
from simulators.core.transport import InProcessResponse
from simulators.woocommerce import KEY, SECRET, InjectedFault
from tests.support.cli_stack import NAME, WEBHOOK_SECRET
from tests.support.operated_stack import OperatedStack, StaleSecret
from woohub.delivery.sites import site
from woohub.store.client import Store
from woohub.store.connection import StoreCredentials
from woohub.store.webhooks import TOPICS
from woohub_cli import environment
from woohub_cli.check_result import Result
from woohub_cli.checks import store_access
from woohub_cli.set_up import store_setup
from woohub_cli.set_up.store_webhooks import is_private, not_deliverable, send_probe, url_step
from woohub_cli.stack import stacks
from woohub_cli.stack.secret_store import StackSecrets

URL = "https://abc.execute-api.eu-west-1.amazonaws.com/live/webhooks/woocommerce"


@pytest.fixture
def shop(new_stack: OperatedStack) -> OperatedStack:
    return new_stack


def webhooks(shop: OperatedStack) -> list[tuple[str, ...]]:
    return [
        (webhook.name, webhook.topic, webhook.status, webhook.delivery_url, webhook.secret)
        for webhook in shop.shop.hooks.webhooks.values()
    ]


def expected_webhooks(shop: OperatedStack, secret: str = WEBHOOK_SECRET) -> list[tuple[str, ...]]:
    return [(f"woohub {NAME}: {topic}", topic, "active", shop.url, secret) for topic in TOPICS]


def test_setup_creates_a_working_webhook_per_topic_in_a_store_without_webhooks(shop: OperatedStack) -> None:
    result = shop.run("setup")

    assert result.exit_code == 0, result.output
    assert webhooks(shop) == expected_webhooks(shop)
    shop.shop.place()
    shop.shop.run_webhooks()
    assert [text.topic for text in shop.queued()] == ["order.created", "order.updated"]


def test_setup_stores_the_store_key_in_the_stack(shop: OperatedStack) -> None:
    shop.run("setup")

    assert shop.stack.secret("StoreSecretArn") == {
        "url": shop.shop.url,
        "consumer_key": KEY,
        "consumer_secret": SECRET,
    }


def test_setup_again_changes_nothing(shop: OperatedStack) -> None:
    shop.run("setup")

    second = shop.steps("setup")

    assert {step["outcome"] for step in second.values()} == {"ok"}
    assert webhooks(shop) == expected_webhooks(shop)


def test_setup_with_a_store_leaves_only_doctor_to_do(shop: OperatedStack) -> None:
    (left,) = shop.json("setup")["left_to_do"]

    assert "woohub doctor" in left


def test_setup_names_the_repair_first_after_a_failure(shop: OperatedStack) -> None:
    first, *_ = shop.json("setup", WOO_COMMERCE_CONSUMER_SECRET="cs_wrong")["left_to_do"]

    assert first.startswith("Fix what failed")


def test_setup_dry_run_names_the_real_run_as_next_step(shop: OperatedStack) -> None:
    first, *_ = shop.json("setup", "--dry-run")["left_to_do"]

    assert "without --dry-run" in first


def test_setup_dry_run_writes_nothing_to_store_and_stack(shop: OperatedStack) -> None:
    planned = shop.steps("setup", "--dry-run")

    assert planned["webhook order.created"]["outcome"] == "would create"
    assert planned["store's key in the stack"]["outcome"] == "would store"
    assert webhooks(shop) == []
    assert {method for method, _, _ in shop.shop.requests} == {"GET"}
    assert shop.stack.secret("StoreSecretArn") == {"url": ""}
    assert shop.outcomes() == []


@pytest.mark.parametrize(
    ("changes", "was"),
    [
        ({"status": "disabled"}, "was disabled"),
        ({"delivery_url": "https://old.example/"}, "was wrong url"),
        ({"topic": "order.deleted"}, "was wrong topic"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_setup_repairs_a_wrong_webhook(shop: OperatedStack, changes: dict[str, str], was: str) -> None:
    shop.run("setup")
    shop.shop.hooks.change(shop.shop.hooks.webhooks[1], changes)

    step = shop.steps("setup")["webhook order.created"]

    assert (step["outcome"], step["detail"]) == ("repaired", was)
    assert webhooks(shop) == expected_webhooks(shop)


def test_setup_dry_run_announces_a_repair_without_making_it(shop: OperatedStack) -> None:
    shop.run("setup")
    shop.shop.hooks.webhooks[1].status = "disabled"

    assert shop.steps("setup", "--dry-run")["webhook order.created"]["outcome"] == "would repair"
    assert shop.shop.hooks.webhooks[1].status == "disabled"


def test_setup_warns_of_a_paused_webhook_and_leaves_it_paused(shop: OperatedStack) -> None:
    shop.run("setup")
    shop.shop.hooks.webhooks[1].status = "paused"

    step = shop.steps("setup")["webhook order.created (#1)"]

    assert step["outcome"] == "warning"
    assert "set it to active" in step["fix"]
    assert shop.shop.hooks.webhooks[1].status == "paused"


def test_setup_warns_of_a_duplicate_webhook_and_gives_it_the_secret(shop: OperatedStack) -> None:
    shop.run("setup")
    shop.shop.hooks.create(name="mine", topic="order.created", delivery_url=shop.url, secret="other")

    step = shop.steps("setup")["webhook order.created (#8)"]

    assert (step["outcome"], "remove it" in step["fix"]) == ("warning", True)
    assert shop.shop.hooks.webhooks[8].secret == WEBHOOK_SECRET


def test_setup_leaves_webhooks_of_others_unchanged(shop: OperatedStack) -> None:
    shop.shop.hooks.create(name="erp", topic="order.created", delivery_url="https://erp.example/", secret="theirs")

    shop.run("setup")

    assert webhooks(shop)[0] == ("erp", "order.created", "active", "https://erp.example/", "theirs")


def test_setup_waits_for_the_functions_before_webhooks_get_a_new_secret(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.run("setup")
    waits: list[tuple[float, set[str]]] = []

    def wait(seconds: float) -> None:
        waits.append((seconds, {webhook.secret for webhook in shop.shop.hooks.webhooks.values()}))

    monkeypatch.setattr(store_setup, "wait", wait)

    result = shop.run("setup", WOO_COMMERCE_WEBHOOK_SECRET="a-new-secret")

    assert result.exit_code == 0, result.output
    assert waits == [(store_setup.SECRET_RELOAD_S, {WEBHOOK_SECRET})]
    assert webhooks(shop) == expected_webhooks(shop, "a-new-secret")


def test_setup_restores_a_secret_that_was_changed_in_the_store(shop: OperatedStack) -> None:
    shop.run("setup")
    shop.shop.hooks.webhooks[3].secret = "typed by somebody"

    shop.run("setup")

    assert webhooks(shop) == expected_webhooks(shop)


def test_setup_ignores_the_previous_secret_in_the_env_file(shop: OperatedStack) -> None:
    shop.stack.store("WebhookSecretArn", {"current": "new", "previous": "old"})

    step = shop.steps("setup", WOO_COMMERCE_WEBHOOK_SECRET="old")["webhook secret in the stack"]

    assert (step["outcome"], step["fix"]) == ("warning", "remove it from .env")
    sources = [site(shop.shop.url)]
    assert shop.stack.secret("WebhookSecretArn") == {"current": "new", "previous": "old", "sources": sources}


def test_setup_never_prints_secrets_or_keys(shop: OperatedStack) -> None:
    texts = [shop.run("setup", *more).output for more in ([], ["--json"], ["--dry-run"])]

    assert not any(hidden in text for text in texts for hidden in (KEY, SECRET, WEBHOOK_SECRET))


def sources(shop: OperatedStack) -> Any:
    return shop.stack.secret("WebhookSecretArn").get("sources")


def test_setup_records_the_store_address_and_deliveries_of_other_sites_are_ignored(shop: OperatedStack) -> None:
    step = shop.steps("setup")["store's addresses in the stack"]

    assert sources(shop) == [site(shop.shop.url)]
    assert (step["outcome"], step["detail"]) == ("stored", site(shop.shop.url))
    shop.shop.place()
    shop.shop.hooks.home = "https://staging.shop.example"
    shop.shop.run_webhooks()
    assert shop.queued() == []
    assert set(shop.outcomes()) == {"NotAnEntity", "Ping", "ForeignSource"}


def test_setup_records_further_addresses_and_removes_those_no_longer_named(shop: OperatedStack) -> None:
    shop.run("setup", WOO_COMMERCE_SOURCES="https://shop.de/ https://shop.example/fr,www.shop.example")
    assert sources(shop) == [site(shop.shop.url), "shop.de", "shop.example/fr", "shop.example"]

    step = shop.steps("setup", WOO_COMMERCE_SOURCES="shop.de")["store's addresses in the stack"]

    assert sources(shop) == [site(shop.shop.url), "shop.de"]
    assert "no longer shop.example/fr, shop.example" in step["fix"]


def test_setup_records_named_addresses_without_a_store_key(shop: OperatedStack) -> None:
    for name in environment.STORE_VARIABLES:
        shop.environment[name] = ""

    shop.run("setup", WOO_COMMERCE_SOURCES="https://shop.example")

    assert shop.stack.secret("WebhookSecretArn") == {"current": WEBHOOK_SECRET, "sources": ["shop.example"]}


def test_setup_dry_run_records_no_address(shop: OperatedStack) -> None:
    step = shop.steps("setup", "--dry-run", WOO_COMMERCE_SOURCES="shop.de")["store's addresses in the stack"]

    assert (step["outcome"], sources(shop)) == ("would store", None)


def test_a_new_webhook_secret_keeps_the_recorded_addresses(shop: OperatedStack) -> None:
    shop.stack.store("WebhookSecretArn", {"current": "old", "sources": ["shop.example"]})

    StackSecrets(stacks.named(NAME, {})).store_webhook_secret("new", dry_run=False)

    stored = shop.stack.secret("WebhookSecretArn")
    assert stored == {"current": "new", "previous": "old", "sources": ["shop.example"]}


def store_at(shop: OperatedStack) -> Store:
    return store_setup.connect(StoreCredentials(shop.shop.url, KEY, SECRET))


def test_store_addresses_are_the_stores_own_and_the_one_it_is_called_at(shop: OperatedStack) -> None:
    store = store_at(shop)
    shop.shop.url = "https://shop.example"

    assert store_access.addresses(store) == ["https://shop.example", store.credentials.url]


def test_store_addresses_are_read_with_the_key_when_the_index_is_closed(shop: OperatedStack) -> None:
    shop.shop.faults.add(InjectedFault(status=401, path="/wp-json/", count=1))

    assert store_access.addresses(store_at(shop)) == [shop.shop.url] * 2


def failed_step(shop: OperatedStack, **env: str | None) -> dict[str, str]:
    """The only failed step, after a check that the command prints its fix and ends with exit code 1."""
    result = shop.run("setup", **env)
    step = only_failed_step(shop, **env)
    assert result.exit_code == 1
    assert step["fix"] in result.stdout
    return step


def only_failed_step(shop: OperatedStack, **env: str | None) -> dict[str, str]:
    (step,) = [step for step in shop.steps("setup", **env).values() if step["outcome"] == "failed"]
    return step


@pytest.mark.parametrize("name", ["WOO_COMMERCE_CONSUMER_KEY", "WOO_COMMERCE_CONSUMER_SECRET"])
def test_setup_names_a_missing_key_variable(shop: OperatedStack, name: str) -> None:
    step = failed_step(shop, **{name: None})

    assert name in step["detail"]


def test_setup_does_not_store_a_wrong_key(shop: OperatedStack) -> None:
    step = failed_step(shop, WOO_COMMERCE_CONSUMER_KEY="ck_wrong")

    assert step["step"] == "store's key, reading"
    assert "WOO_COMMERCE_CONSUMER_KEY" in step["fix"]
    assert shop.stack.secret("StoreSecretArn") == {"url": ""}


def test_setup_does_not_store_a_read_only_key(shop: OperatedStack) -> None:
    shop.shop.keys[KEY] = (SECRET, "read")

    step = failed_step(shop)

    assert step["step"] == "store's key, writing"
    assert "Read/Write" in step["fix"]
    assert shop.stack.secret("StoreSecretArn") == {"url": ""}


def test_setup_fails_on_an_address_without_a_store(shop: OperatedStack) -> None:
    step = failed_step(shop, WOO_COMMERCE_URL=shop.stack.outputs["HubSpotApiUrl"])

    assert (step["step"], "WOO_COMMERCE_URL" in step["fix"]) == ("store", True)


def test_setup_fails_when_the_store_stops_responding_and_the_next_run_completes(shop: OperatedStack) -> None:
    shop.shop.faults.add(InjectedFault("reset", method="POST", path="webhooks", skip=3, count=1))

    step = only_failed_step(shop)

    assert step["step"] == "webhooks"
    assert shop.run("setup").exit_code == 0
    assert sorted(webhooks(shop)) == sorted(expected_webhooks(shop))


def test_setup_creates_no_webhooks_while_the_stack_refuses_deliveries(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deliveries would fail, and the store would disable the webhooks."""
    monkeypatch.setattr(ingest, "secret", StaleSecret())

    report = shop.steps("setup")

    assert report["signed test delivery"]["outcome"] == "failed"
    assert report["webhooks"]["outcome"] == "skipped"
    assert webhooks(shop) == []


class RedirectingUrl:
    """A URL that only redirects."""

    def __init__(self, status: int) -> None:
        self.status = status

    def request(self, method: str, url: str, **_: Any) -> InProcessResponse:
        return InProcessResponse(self.status, HTTPHeaderDict(location=f"{url}/"), b"<html>Moved")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_the_probe_fails_on_a_redirect(status: int) -> None:
    probe = send_probe(RedirectingUrl(status), URL, WEBHOOK_SECRET, "")

    assert probe.outcome is Result.FAILED
    assert probe.detail == f"answered {status} redirects to {URL}/"
    assert "every delivery is lost" in probe.fix
    assert "WebhookUrl" in probe.fix


def test_setup_hubspot_only_does_not_call_the_store(shop: OperatedStack) -> None:
    shop.run("setup", "--hubspot-only")

    assert shop.shop.requests == []


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "10.1.2.3", "192.168.0.7", "169.254.169.254", "::1", "shop", "shop.local"],
)
def test_is_private_detects_private_hosts(host: str) -> None:
    assert is_private(host)


@pytest.mark.parametrize("host", ["abc.execute-api.eu-west-1.amazonaws.com", "hooks.shop.com", "52.29.1.2"])
def test_is_private_is_false_for_public_hosts(host: str) -> None:
    assert not is_private(host)


@pytest.mark.parametrize(
    ("url", "shop_url", "deliverable"),
    [
        (URL, "https://shop.com", True),
        ("https://hooks.shop.com:8080/", "https://shop.com", True),
        ("https://hooks.shop.com:4566/", "https://shop.com", False),
        ("http://127.0.0.1:4566/", "https://shop.com", False),
        ("http://127.0.0.1:4566/", "http://127.0.0.1:8000", True),
    ],
)
def test_a_url_is_deliverable_on_public_hosts_with_web_ports_and_on_the_stores_own_host(
    url: str, shop_url: str, deliverable: bool
) -> None:
    assert (not_deliverable(url, shop_url) == "") is deliverable


def test_url_step_warns_of_a_private_url() -> None:
    step = url_step("http://127.0.0.1:4566/webhooks/woocommerce", "https://shop.com")

    assert step.outcome is Result.WARNING
    assert "private" in step.detail
    assert "WebhookUrl" in step.fix


def test_url_step_warns_of_plain_http() -> None:
    step = url_step("http://hooks.shop.com/webhooks/woocommerce", "https://shop.com")

    assert (step.outcome, "plain text" in step.detail) == (Result.WARNING, True)


def test_url_step_accepts_the_url_of_api_gateway() -> None:
    assert url_step(URL, "https://shop.com").outcome is Result.OK


def test_setup_uses_the_stored_key_when_the_environment_names_no_store(shop: OperatedStack) -> None:
    shop.run("setup")
    for webhook in shop.shop.hooks.webhooks.values():
        webhook.secret = "typed in wrong"

    result = shop.run("setup", WOO_COMMERCE_URL="", WOO_COMMERCE_CONSUMER_KEY="", WOO_COMMERCE_CONSUMER_SECRET="")

    assert result.exit_code == 0, result.output
    assert webhooks(shop) == expected_webhooks(shop)
