"""`woohub rotate-webhook-secret`, with a store that continues to deliver to the real ingest function."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
import urllib3

from functions.ingest import app as ingest
from simulators.woocommerce import KEY, SECRET, InjectedFault
from tests.support.cli_stack import WEBHOOK_SECRET
from tests.support.clock import Clock
from tests.support.operated_stack import OperatedStack, deploy_ingest
from woohub.clock import Timer
from woohub.delivery.sites import site
from woohub.http import Response
from woohub.settings import Secret
from woohub.store.client import Store as Client
from woohub.store.connection import StoreCredentials
from woohub.store.webhooks import TOPICS
from woohub_cli.check_result import Result, Step
from woohub_cli.deliveries import sending
from woohub_cli.deliveries.samples import sample_order
from woohub_cli.set_up import rotation, store_setup
from woohub_cli.set_up.rotation import Rotation, new_secret
from woohub_cli.set_up.store_setup import Reach

COMMAND = "rotate-webhook-secret"


@pytest.fixture
def shop(new_stack: OperatedStack) -> OperatedStack:
    return new_stack.ready()


def secrets_in_the_store(shop: OperatedStack) -> set[str]:
    return {webhook.secret for webhook in shop.shop.hooks.webhooks.values()}


@pytest.fixture
def without_minimum_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old secret may be removed at once."""
    monkeypatch.setattr(rotation, "MIN_OVERLAP_S", 0)


@dataclass
class SellingStore:
    """A store that sells before and after each call of the rotation, and while it waits."""

    shop: OperatedStack
    clock: Clock = field(default_factory=Clock)
    http: urllib3.PoolManager = field(default_factory=urllib3.PoolManager)

    def request(self, method: str, url: str, **kwargs: Any) -> Response:
        self.sell()
        answer: Response = self.http.request(method, url, **kwargs)
        self.sell()
        return answer

    def pause(self, seconds: float) -> None:
        self.sell()
        for _ in range(round(seconds)):
            self.clock.sleep(1)
            self.sell()

    def sell(self) -> None:
        self.shop.shop.place()
        self.shop.shop.run_webhooks()

    def send_forged(self) -> None:
        """Send a delivery with an invalid signature: ingest reads the secret again, and then not for 30 s."""
        sample = sample_order("order.created")
        assert sending.post(self.http, self.shop.url, sample, sending.headers(sample, "forged")).status == 401

    def rotation(self, pause: Callable[[float], None], *, later_s: float = 0) -> Rotation:
        client = Client(self, StoreCredentials(self.shop.shop.url, KEY, SECRET), Timer(), idle_factor=0)
        reach = Reach(lambda _access: client, urllib3.PoolManager(), pause)
        return Rotation(self.shop.stack.stack, client, reach, lambda: time.time() + later_s)

    def statuses(self) -> set[int | None]:
        return set(self.shop.shop.hooks.attempts)


@pytest.fixture
def store(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> SellingStore:
    store = SellingStore(shop)
    secret = Secret(boto3.client("secretsmanager"), shop.stack.outputs["WebhookSecretArn"], clock=store.clock.read)
    monkeypatch.setattr(ingest, "secret", secret)
    return store


def test_no_delivery_is_refused_while_the_secret_changes(store: SellingStore, shop: OperatedStack) -> None:
    store.sell()
    store.send_forged()

    steps = list(store.rotation(store.pause).begin())

    assert {step.outcome for step in steps} == {Result.OK, Result.STORED}
    store.sell()
    assert store.statuses() == {200}
    assert secrets_in_the_store(shop) == {shop.webhook_secret}
    assert shop.stack.secret("WebhookSecretArn") == {
        "current": shop.webhook_secret,
        "previous": WEBHOOK_SECRET,
        "sources": [site(shop.shop.url)],
    }


def test_rotation_without_the_wait_leaves_the_webhooks_unchanged_until_the_test_delivery_passes(
    store: SellingStore, shop: OperatedStack
) -> None:
    """An instance of ingest that has just read the old secret still refuses the new one."""
    store.sell()
    store.send_forged()

    steps = list(store.rotation(lambda _seconds: None).begin())

    assert [step.what for step in steps if step.outcome is Result.FAILED] == ["signed test delivery"]
    assert secrets_in_the_store(shop) == {WEBHOOK_SECRET}
    assert store.statuses() == {200}


def test_no_delivery_is_refused_while_the_old_secret_is_removed(store: SellingStore, shop: OperatedStack) -> None:
    list(store.rotation(store.pause).begin())

    steps = list(store.rotation(store.pause, later_s=rotation.MIN_OVERLAP_S + 1).finish())

    store.clock.sleep(301)  # every instance of the function has read the secret again
    store.sell()
    assert steps[-1].outcome is Result.REMOVED
    assert store.statuses() == {200}
    assert shop.stack.secret("WebhookSecretArn") == {"current": shop.webhook_secret, "sources": [site(shop.shop.url)]}
    assert send_signed_with(WEBHOOK_SECRET, shop) == 401


def send_signed_with(secret: str, shop: OperatedStack) -> int:
    sample = sample_order("order.created")
    return sending.post(urllib3.PoolManager(), shop.url, sample, sending.headers(sample, secret)).status


def test_every_webhook_gets_the_new_secret_and_both_secrets_are_accepted(shop: OperatedStack) -> None:
    result = shop.run(COMMAND)

    assert result.exit_code == 0, result.output
    stored = shop.stack.secret("WebhookSecretArn")
    assert secrets_in_the_store(shop) == {stored["current"]} != {WEBHOOK_SECRET}
    assert stored["previous"] == WEBHOOK_SECRET
    assert (send_signed_with(stored["current"], shop), send_signed_with(WEBHOOK_SECRET, shop)) == (200, 200)


def test_new_secrets_are_48_letters_and_digits_and_differ() -> None:
    secrets = {new_secret() for _ in range(50)}

    assert len(secrets) == 50
    assert all(len(secret) == 48 and secret.isascii() and secret.isalnum() for secret in secrets)


def test_rotation_never_prints_a_secret(shop: OperatedStack) -> None:
    texts = [shop.run(COMMAND, *more).output for more in ([], ["--json"], ["--finish", "--force"])]

    hidden = {WEBHOOK_SECRET, *secrets_in_the_store(shop)}
    assert not any(secret in text for text in texts for secret in hidden)


@pytest.mark.parametrize(
    ("arguments", "outcome"),
    [(["--dry-run"], "would store"), (["--finish", "--force", "--dry-run"], "would remove")],
    ids=["begin", "finish"],
)
def test_rotation_dry_run_changes_nothing(shop: OperatedStack, arguments: list[str], outcome: str) -> None:
    shop.stack.store("WebhookSecretArn", {"current": WEBHOOK_SECRET, "previous": "older"})

    report = shop.steps(COMMAND, *arguments)

    assert outcome in {step["outcome"] for step in report.values()}
    assert shop.stack.secret("WebhookSecretArn") == {"current": WEBHOOK_SECRET, "previous": "older"}
    assert {method for method, _, _ in shop.shop.requests} <= {"GET"}


def test_a_failed_rotation_continues_with_the_same_new_secret(shop: OperatedStack) -> None:
    shop.shop.faults.add(InjectedFault("reset", method="PUT", skip=3, count=1))

    assert shop.run(COMMAND).exit_code == 1
    stored = shop.stack.secret("WebhookSecretArn")
    assert secrets_in_the_store(shop) == {stored["current"], stored["previous"]}

    assert shop.run(COMMAND).exit_code == 0
    assert shop.stack.secret("WebhookSecretArn") == stored
    assert secrets_in_the_store(shop) == {stored["current"]}


def test_a_paused_webhook_gets_the_secret_and_stays_paused(shop: OperatedStack) -> None:
    shop.shop.hooks.webhooks[1].status = "paused"

    shop.run(COMMAND)

    assert (shop.shop.hooks.webhooks[1].status, len(secrets_in_the_store(shop))) == ("paused", 1)


def test_webhooks_of_others_keep_their_secret(shop: OperatedStack) -> None:
    shop.shop.hooks.create(name="erp", topic="order.created", delivery_url="https://erp.example/", secret="theirs")

    shop.run(COMMAND)

    assert shop.shop.hooks.webhooks[8].secret == "theirs"


def test_rotation_without_a_store_key_explains_what_to_do_by_hand(shop: OperatedStack) -> None:
    shop.stack.store("StoreSecretArn", {"url": ""})

    answer = shop.json(COMMAND)

    assert {step["step"]: step["outcome"] for step in answer["steps"]}["webhooks"] == "skipped"
    assert "by hand" in answer["left_to_do"][0]
    assert shop.stack.outputs["WebhookSecretArn"] in answer["left_to_do"][0]
    assert shop.stack.secret("WebhookSecretArn")["previous"] == WEBHOOK_SECRET


def test_a_store_without_webhooks_of_the_stack_is_a_warning(shop: OperatedStack) -> None:
    shop.shop.hooks.webhooks.clear()

    step = shop.steps(COMMAND)["webhooks"]

    assert (step["outcome"], "woohub setup" in step["fix"]) == ("warning", True)


def test_an_old_secret_in_the_env_file_is_reported(shop: OperatedStack) -> None:
    left = shop.json(COMMAND, WOO_COMMERCE_WEBHOOK_SECRET=WEBHOOK_SECRET)["left_to_do"]

    assert any("WOO_COMMERCE_WEBHOOK_SECRET" in line for line in left)


def finish(shop: OperatedStack, *arguments: str) -> Step:
    """The last step about the previous secret."""
    rows = [step for step in shop.json(COMMAND, "--finish", *arguments)["steps"] if step["step"].startswith("previous")]
    return Step("", Result(rows[-1]["outcome"]), rows[-1]["detail"], rows[-1]["fix"])


def test_finish_keeps_the_old_secret_for_15_minutes(shop: OperatedStack) -> None:
    shop.run(COMMAND)

    step = finish(shop)

    assert step.outcome is Result.FAILED
    assert "--force" in step.fix
    assert "previous" in shop.stack.secret("WebhookSecretArn")


def test_finish_with_force_removes_the_old_secret_at_once(shop: OperatedStack) -> None:
    shop.run(COMMAND)

    assert shop.run(COMMAND, "--finish", "--force").exit_code == 0
    assert shop.stack.secret("WebhookSecretArn") == {"current": shop.webhook_secret, "sources": [site(shop.shop.url)]}


@pytest.mark.usefixtures("without_minimum_overlap")
def test_finish_removes_the_old_secret_when_no_delivery_uses_it(shop: OperatedStack) -> None:
    shop.run(COMMAND)
    shop.metric("DeliveryAccepted", signed_with="current")

    assert finish(shop).outcome is Result.REMOVED
    assert "previous" not in shop.stack.secret("WebhookSecretArn")


@pytest.mark.usefixtures("without_minimum_overlap")
def test_finish_keeps_the_old_secret_while_deliveries_use_it(shop: OperatedStack) -> None:
    shop.run(COMMAND)
    shop.metric("DeliveryAccepted", minutes_ago=2, signed_with="previous")

    step = finish(shop)

    assert step.outcome is Result.FAILED
    assert "webhook_id" in step.fix
    assert "previous" in shop.stack.secret("WebhookSecretArn")


@pytest.mark.usefixtures("without_minimum_overlap")
def test_finish_gives_the_new_secret_to_a_webhook_that_has_the_old_one(shop: OperatedStack) -> None:
    shop.run(COMMAND)
    shop.shop.hooks.webhooks[2].secret = WEBHOOK_SECRET

    shop.run(COMMAND, "--finish")

    assert secrets_in_the_store(shop) == {shop.webhook_secret}


@pytest.mark.usefixtures("without_minimum_overlap")
def test_finish_keeps_the_old_secret_while_the_store_does_not_respond(shop: OperatedStack) -> None:
    shop.run(COMMAND)
    shop.shop.faults.add(InjectedFault("reset", method="PUT"))

    assert shop.run(COMMAND, "--finish").exit_code == 1
    assert "previous" in shop.stack.secret("WebhookSecretArn")


def copy_ingest_output_to_its_log(shop: OperatedStack) -> None:
    """Copy what ingest has written so far to its log group."""
    deploy_ingest()
    logs, names = boto3.client("logs"), {"logGroupName": "/aws/lambda/ingest", "logStreamName": "instance"}
    logs.create_log_group(logGroupName=names["logGroupName"])
    logs.create_log_stream(**names)
    events = [{"timestamp": round(time.time() * 1000), "message": line} for line in shop.log.getvalue().splitlines()]
    logs.put_log_events(**names, logEvents=events)


@pytest.fixture
def read_only(shop: OperatedStack) -> OperatedStack:
    """A stack with a new secret whose webhooks kept the old one, because the store's key can only read."""
    shop.shop.keys[KEY] = (SECRET, "read")
    assert shop.run(COMMAND).exit_code == 1
    return shop


@pytest.mark.parametrize("arguments", [["--finish"], ["--finish", "--force"]], ids=" ".join)
@pytest.mark.usefixtures("without_minimum_overlap")
def test_finish_keeps_the_old_secret_while_webhooks_could_not_be_updated(
    read_only: OperatedStack, arguments: list[str]
) -> None:
    result = read_only.run(COMMAND, *arguments)

    assert result.exit_code == 1
    assert all(f"webhook {topic} (#" in result.stdout for topic in TOPICS)
    assert "previous" in read_only.stack.secret("WebhookSecretArn")
    assert send_signed_with(WEBHOOK_SECRET, read_only) == 200


def test_finish_with_force_and_yes_removes_the_old_secret_and_names_the_webhooks_that_will_fail(
    read_only: OperatedStack,
) -> None:
    report = read_only.steps(COMMAND, "--finish", "--force", "--yes")

    assert report["deliveries"]["outcome"] == "warning"
    assert all(topic in report["deliveries"]["detail"] for topic in TOPICS)
    sources = [site(read_only.shop.url)]
    assert read_only.stack.secret("WebhookSecretArn") == {"current": read_only.webhook_secret, "sources": sources}


def test_finish_removes_the_old_secret_once_the_key_can_write(read_only: OperatedStack) -> None:
    read_only.shop.keys[KEY] = (SECRET, "read_write")

    assert read_only.run(COMMAND, "--finish", "--force").exit_code == 0
    assert secrets_in_the_store(read_only) == {read_only.webhook_secret}


def test_finish_keeps_the_old_secret_while_a_webhook_of_another_name_uses_it(shop: OperatedStack) -> None:
    """Its URL has a query string, too."""
    shop.run(COMMAND)
    url = f"{shop.url}?from=another-stack"
    shop.shop.hooks.create(name="another", topic="order.created", delivery_url=url, secret=WEBHOOK_SECRET)
    sample = sample_order("order.created")
    headers = sending.headers(sample, WEBHOOK_SECRET) | {"X-WC-Webhook-ID": "8"}
    sending.post(urllib3.PoolManager(), shop.url, sample, headers)
    copy_ingest_output_to_its_log(shop)

    report = shop.steps(COMMAND, "--finish", "--force")

    assert report["webhook order.created (#8)"]["outcome"] == "failed"
    assert "previous" in shop.stack.secret("WebhookSecretArn")


def test_finish_removes_the_old_secret_when_all_webhooks_deliver_with_the_new_one(shop: OperatedStack) -> None:
    shop.run(COMMAND)
    for number, webhook in shop.shop.hooks.webhooks.items():
        sample = sample_order("order.created")
        headers = sending.headers(sample, shop.webhook_secret) | {"X-WC-Webhook-ID": str(number)}
        assert webhook.secret == shop.webhook_secret
        sending.post(urllib3.PoolManager(), shop.url, sample, headers)
    copy_ingest_output_to_its_log(shop)
    shop.shop.keys[KEY] = (SECRET, "read")

    assert finish(shop, "--force").outcome is Result.REMOVED


def test_finish_does_not_report_the_current_secret_of_the_env_file_as_old(shop: OperatedStack) -> None:
    result = shop.run(COMMAND, "--finish", WOO_COMMERCE_WEBHOOK_SECRET=WEBHOOK_SECRET)

    assert "from .env" not in result.stdout


def test_an_interrupted_rotation_explains_how_to_continue(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store_setup, "wait", interrupt)

    result = shop.run(COMMAND)

    assert result.exit_code == 130
    assert "run the same command again to continue" in result.stderr


def test_finish_without_a_rotation_does_nothing(shop: OperatedStack) -> None:
    result = shop.run(COMMAND, "--finish")

    assert result.exit_code == 0
    assert "no rotation is under way" in result.stdout


def test_force_without_finish_ends_with_exit_code_2(shop: OperatedStack) -> None:
    assert shop.run(COMMAND, "--force").exit_code == 2


def test_rotation_reports_a_webhook_of_each_topic(shop: OperatedStack) -> None:
    webhooks = [step for step in shop.steps(COMMAND) if step.startswith("webhook ") and "#" in step]

    assert [line.split()[1] for line in webhooks] == list(TOPICS)
