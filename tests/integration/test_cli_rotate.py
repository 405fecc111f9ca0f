"""`woohub rotate-webhook-secret`, with a store that goes on delivering to the real ingest function."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3

from functions.ingest import app as ingest
from simulators.woocommerce import KEY, SECRET, InjectedFault
from tests.support.cli_stack import WEBHOOK_SECRET
from tests.support.clock import Clock
from tests.support.operated_stack import OperatedStack, deploy_ingest, operated_stack
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
from woohub_cli.set_up.store_setup import SECRET_RELOAD_S, Reach

COMMAND = "rotate-webhook-secret"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OperatedStack]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store_setup, "wait", lambda _seconds: None)
    with operated_stack() as running:
        yield running.ready()


def secrets_in_the_store(shop: OperatedStack) -> set[str]:
    return {webhook.secret for webhook in shop.shop.hooks.webhooks.values()}


@pytest.fixture
def long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """However young the new secret is, it is old enough."""
    monkeypatch.setattr(rotation, "MIN_OVERLAP_S", 0)


# --- No delivery refused


@dataclass
class Busy:
    """A store whose customers never stop: before and after everything the rotation does, and while it waits."""

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

    def forge(self) -> None:
        """A delivery with another signature: the function looks the secret up anew, and then not for half a minute."""
        sample = sample_order("order.created")
        assert sending.post(self.http, self.shop.url, sample, sending.headers(sample, "forged")).status == 401

    def rotation(self, pause: Callable[[float], None], *, later_s: float = 0) -> Rotation:
        client = Client(self, StoreCredentials(self.shop.shop.url, KEY, SECRET), Timer(), idle_factor=0)
        reach = Reach(lambda _access: client, urllib3.PoolManager(), pause)
        return Rotation(self.shop.stack.stack, client, reach, lambda: time.time() + later_s)

    def statuses(self) -> set[int | None]:
        return set(self.shop.shop.hooks.attempts)


@pytest.fixture
def busy(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> Busy:
    selling = Busy(shop)
    secret = Secret(boto3.client("secretsmanager"), shop.stack.outputs["WebhookSecretArn"], clock=selling.clock.read)
    monkeypatch.setattr(ingest, "secret", secret)
    return selling


def test_no_delivery_is_refused_while_the_secret_changes(busy: Busy, shop: OperatedStack) -> None:
    busy.sell()
    busy.forge()

    steps = list(busy.rotation(busy.pause).begin())

    assert {step.outcome for step in steps} == {Result.OK, Result.STORED}
    busy.sell()
    assert busy.statuses() == {200}
    assert secrets_in_the_store(shop) == {shop.webhook_secret}
    assert shop.stack.secret("WebhookSecretArn") == {
        "current": shop.webhook_secret,
        "previous": WEBHOOK_SECRET,
        "sources": [site(shop.shop.url)],
    }


def test_without_the_wait_the_store_is_not_touched_until_the_stack_takes_the_new_secret(
    busy: Busy, shop: OperatedStack
) -> None:
    """A copy of the function that was misled a moment ago still refuses the new secret."""
    busy.sell()
    busy.forge()

    steps = list(busy.rotation(lambda _seconds: None).begin())

    assert [step.what for step in steps if step.outcome is Result.FAILED] == ["signed test delivery"]
    assert secrets_in_the_store(shop) == {WEBHOOK_SECRET}
    assert busy.statuses() == {200}


def test_no_delivery_is_refused_while_the_old_secret_is_dropped(busy: Busy, shop: OperatedStack) -> None:
    list(busy.rotation(busy.pause).begin())

    steps = list(busy.rotation(busy.pause, later_s=rotation.MIN_OVERLAP_S + 1).finish())

    busy.clock.sleep(301)  # every copy of the function has read the secret anew
    busy.sell()
    assert steps[-1].outcome is Result.REMOVED
    assert busy.statuses() == {200}
    assert shop.stack.secret("WebhookSecretArn") == {"current": shop.webhook_secret, "sources": [site(shop.shop.url)]}
    assert send_signed_with(WEBHOOK_SECRET, shop) == 401


def send_signed_with(secret: str, shop: OperatedStack) -> int:
    sample = sample_order("order.created")
    return sending.post(urllib3.PoolManager(), shop.url, sample, sending.headers(sample, secret)).status


def test_a_function_misled_just_before_takes_the_new_secret_after_the_wait() -> None:
    """The wait is made for what the functions do."""

    class Changed:
        value = "old"

        def get_secret_value(self, SecretId: str) -> dict[str, str]:
            return {"SecretString": self.value}

    client, clock = Changed(), Clock()
    secret = Secret(client, "arn", clock=clock.read)  # type: ignore[arg-type]
    secret.text()
    secret.refresh()

    client.value = "new"
    assert secret.refresh() == "old"
    clock.sleep(SECRET_RELOAD_S)
    assert secret.refresh() == "new"


# --- The command


def steps(shop: OperatedStack, *arguments: str, **env: str | None) -> dict[str, dict[str, str]]:
    return {step["step"]: step for step in shop.json(COMMAND, *arguments, **env)["steps"]}


def test_every_webhook_gets_the_new_secret_and_both_are_valid(shop: OperatedStack) -> None:
    result = shop.run(COMMAND)

    assert result.exit_code == 0, result.output
    stored = shop.stack.secret("WebhookSecretArn")
    assert secrets_in_the_store(shop) == {stored["current"]} != {WEBHOOK_SECRET}
    assert stored["previous"] == WEBHOOK_SECRET
    assert (send_signed_with(stored["current"], shop), send_signed_with(WEBHOOK_SECRET, shop)) == (200, 200)


def test_secrets_are_48_letters_and_digits_and_never_the_same() -> None:
    made = {new_secret() for _ in range(50)}

    assert len(made) == 50
    assert all(len(secret) == 48 and secret.isascii() and secret.isalnum() for secret in made)


def test_neither_secret_is_printed(shop: OperatedStack) -> None:
    texts = [shop.run(COMMAND, *more).output for more in ([], ["--json"], ["--finish", "--force"])]

    hidden = {WEBHOOK_SECRET, *secrets_in_the_store(shop)}
    assert not any(secret in text for text in texts for secret in hidden)


@pytest.mark.parametrize(
    ("arguments", "outcome"),
    [(["--dry-run"], "would store"), (["--finish", "--force", "--dry-run"], "would remove")],
    ids=["begin", "finish"],
)
def test_a_dry_run_changes_nothing(shop: OperatedStack, arguments: list[str], outcome: str) -> None:
    shop.stack.store("WebhookSecretArn", {"current": WEBHOOK_SECRET, "previous": "older"})

    done = steps(shop, *arguments)

    assert outcome in {step["outcome"] for step in done.values()}
    assert shop.stack.secret("WebhookSecretArn") == {"current": WEBHOOK_SECRET, "previous": "older"}
    assert {method for method, _, _ in shop.shop.requests} <= {"GET"}


def test_an_interrupted_rotation_is_gone_on_with(shop: OperatedStack) -> None:
    shop.shop.faults.add(InjectedFault("reset", method="PUT", skip=3, count=1))

    assert shop.run(COMMAND).exit_code == 1
    begun = shop.stack.secret("WebhookSecretArn")
    assert secrets_in_the_store(shop) == {begun["current"], begun["previous"]}

    assert shop.run(COMMAND).exit_code == 0
    assert shop.stack.secret("WebhookSecretArn") == begun
    assert secrets_in_the_store(shop) == {begun["current"]}


def test_a_paused_webhook_gets_the_secret_and_stays_paused(shop: OperatedStack) -> None:
    shop.shop.hooks.webhooks[1].status = "paused"

    shop.run(COMMAND)

    assert (shop.shop.hooks.webhooks[1].status, len(secrets_in_the_store(shop))) == ("paused", 1)


def test_webhooks_of_others_keep_their_secret(shop: OperatedStack) -> None:
    shop.shop.hooks.create(name="erp", topic="order.created", delivery_url="https://erp.example/", secret="theirs")

    shop.run(COMMAND)

    assert shop.shop.hooks.webhooks[8].secret == "theirs"


def test_without_a_key_of_the_store_it_says_what_to_do_by_hand(shop: OperatedStack) -> None:
    shop.stack.store("StoreSecretArn", {"url": ""})

    answer = shop.json(COMMAND)

    assert {step["step"]: step["outcome"] for step in answer["steps"]}["webhooks"] == "skipped"
    assert "by hand" in answer["left_to_do"][0]
    assert shop.stack.outputs["WebhookSecretArn"] in answer["left_to_do"][0]
    assert shop.stack.secret("WebhookSecretArn")["previous"] == WEBHOOK_SECRET


def test_a_store_without_our_webhooks_is_a_warning(shop: OperatedStack) -> None:
    shop.shop.hooks.webhooks.clear()

    step = steps(shop)["webhooks"]

    assert (step["outcome"], "woohub setup" in step["fix"]) == ("warning", True)


def test_a_secret_in_env_file_that_is_now_old_is_pointed_out(shop: OperatedStack) -> None:
    left = shop.json(COMMAND, WOO_COMMERCE_WEBHOOK_SECRET=WEBHOOK_SECRET)["left_to_do"]

    assert any("WOO_COMMERCE_WEBHOOK_SECRET" in line for line in left)


# --- The second half


def finished(shop: OperatedStack, *arguments: str) -> Step:
    """How the previous secret fared, as the last step about it tells."""
    rows = [step for step in shop.json(COMMAND, "--finish", *arguments)["steps"] if step["step"].startswith("previous")]
    return Step("", Result(rows[-1]["outcome"]), rows[-1]["detail"], rows[-1]["fix"])


def test_the_old_secret_stays_for_a_quarter_of_an_hour(shop: OperatedStack) -> None:
    shop.run(COMMAND)

    step = finished(shop)

    assert step.outcome is Result.FAILED
    assert "--force" in step.fix
    assert "previous" in shop.stack.secret("WebhookSecretArn")


def test_after_a_leak_it_goes_at_once(shop: OperatedStack) -> None:
    shop.run(COMMAND)

    assert shop.run(COMMAND, "--finish", "--force").exit_code == 0
    assert shop.stack.secret("WebhookSecretArn") == {"current": shop.webhook_secret, "sources": [site(shop.shop.url)]}


@pytest.mark.usefixtures("long_ago")
def test_it_goes_once_nothing_is_signed_with_it(shop: OperatedStack) -> None:
    shop.run(COMMAND)
    shop.metric("DeliveryAccepted", signed_with="current")

    assert finished(shop).outcome is Result.REMOVED
    assert "previous" not in shop.stack.secret("WebhookSecretArn")


@pytest.mark.usefixtures("long_ago")
def test_it_stays_while_deliveries_are_signed_with_it(shop: OperatedStack) -> None:
    shop.run(COMMAND)
    shop.metric("DeliveryAccepted", minutes_ago=2, signed_with="previous")

    step = finished(shop)

    assert step.outcome is Result.FAILED
    assert "webhook_id" in step.fix
    assert "previous" in shop.stack.secret("WebhookSecretArn")


@pytest.mark.usefixtures("long_ago")
def test_a_webhook_mended_with_the_old_secret_gets_the_new_one_before_that_goes(shop: OperatedStack) -> None:
    shop.run(COMMAND)
    shop.shop.hooks.webhooks[2].secret = WEBHOOK_SECRET

    shop.run(COMMAND, "--finish")

    assert secrets_in_the_store(shop) == {shop.webhook_secret}


@pytest.mark.usefixtures("long_ago")
def test_it_stays_while_the_store_does_not_answer(shop: OperatedStack) -> None:
    shop.run(COMMAND)
    shop.shop.faults.add(InjectedFault("reset", method="PUT"))

    assert shop.run(COMMAND, "--finish").exit_code == 1
    assert "previous" in shop.stack.secret("WebhookSecretArn")


def logged(shop: OperatedStack) -> None:
    """What the ingest function has written so far, in CloudWatch."""
    deploy_ingest()
    logs, names = boto3.client("logs"), {"logGroupName": "/aws/lambda/ingest", "logStreamName": "instance"}
    logs.create_log_group(logGroupName=names["logGroupName"])
    logs.create_log_stream(**names)
    events = [{"timestamp": round(time.time() * 1000), "message": line} for line in shop.log.getvalue().splitlines()]
    logs.put_log_events(**names, logEvents=events)


@pytest.fixture
def read_only(shop: OperatedStack) -> OperatedStack:
    """The stack has changed its secret, the store's webhooks could not be changed: their key may only read now."""
    shop.shop.keys[KEY] = (SECRET, "read")
    assert shop.run(COMMAND).exit_code == 1
    return shop


@pytest.mark.parametrize("arguments", [["--finish"], ["--finish", "--force"]], ids=" ".join)
@pytest.mark.usefixtures("long_ago")
def test_the_old_secret_stays_while_webhooks_could_not_be_given_the_new_one(
    read_only: OperatedStack, arguments: list[str]
) -> None:
    result = read_only.run(COMMAND, *arguments)

    assert result.exit_code == 1
    assert all(f"webhook {topic} (#" in result.stdout for topic in TOPICS)
    assert "previous" in read_only.stack.secret("WebhookSecretArn")
    assert send_signed_with(WEBHOOK_SECRET, read_only) == 200


def test_with_force_and_yes_it_goes_and_the_webhooks_that_will_be_refused_are_named(read_only: OperatedStack) -> None:
    done = steps(read_only, "--finish", "--force", "--yes")

    assert done["deliveries"]["outcome"] == "warning"
    assert all(topic in done["deliveries"]["detail"] for topic in TOPICS)
    sources = [site(read_only.shop.url)]
    assert read_only.stack.secret("WebhookSecretArn") == {"current": read_only.webhook_secret, "sources": sources}


def test_once_the_key_may_write_again_it_goes(read_only: OperatedStack) -> None:
    read_only.shop.keys[KEY] = (SECRET, "read_write")

    assert read_only.run(COMMAND, "--finish", "--force").exit_code == 0
    assert secrets_in_the_store(read_only) == {read_only.webhook_secret}


def test_a_foreign_webhook_that_signs_with_the_old_secret_keeps_it_valid(shop: OperatedStack) -> None:
    """It has another name, and delivers here under another form of the URL."""
    shop.run(COMMAND)
    url = f"{shop.url}?from=another-stack"
    shop.shop.hooks.create(name="another", topic="order.created", delivery_url=url, secret=WEBHOOK_SECRET)
    sample = sample_order("order.created")
    headers = sending.headers(sample, WEBHOOK_SECRET) | {"X-WC-Webhook-ID": "8"}
    sending.post(urllib3.PoolManager(), shop.url, sample, headers)
    logged(shop)

    done = steps(shop, "--finish", "--force")

    assert done["webhook order.created (#8)"]["outcome"] == "failed"
    assert "previous" in shop.stack.secret("WebhookSecretArn")


def test_a_webhook_whose_deliveries_are_signed_with_the_new_secret_stops_nothing(shop: OperatedStack) -> None:
    shop.run(COMMAND)
    for number, webhook in shop.shop.hooks.webhooks.items():
        sample = sample_order("order.created")
        headers = sending.headers(sample, shop.webhook_secret) | {"X-WC-Webhook-ID": str(number)}
        assert webhook.secret == shop.webhook_secret
        sending.post(urllib3.PoolManager(), shop.url, sample, headers)
    logged(shop)
    shop.shop.keys[KEY] = (SECRET, "read")

    assert finished(shop, "--force").outcome is Result.REMOVED


def test_the_current_secret_in_env_is_not_called_old(shop: OperatedStack) -> None:
    result = shop.run(COMMAND, "--finish", WOO_COMMERCE_WEBHOOK_SECRET=WEBHOOK_SECRET)

    assert "from .env" not in result.stdout


def test_an_interrupted_one_says_that_running_it_again_continues(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store_setup, "wait", interrupt)

    result = shop.run(COMMAND)

    assert result.exit_code == 130
    assert "run the same command again to continue" in result.stderr


def test_without_a_rotation_there_is_nothing_to_finish(shop: OperatedStack) -> None:
    result = shop.run(COMMAND, "--finish")

    assert result.exit_code == 0
    assert "no rotation is under way" in result.stdout


def test_force_alone_is_wrong_usage(shop: OperatedStack) -> None:
    assert shop.run(COMMAND, "--force").exit_code == 2


def test_all_topics_are_covered(shop: OperatedStack) -> None:
    given = [step for step in steps(shop) if step.startswith("webhook ") and "#" in step]

    assert [line.split()[1] for line in given] == list(TOPICS)
