"""`woohub doctor` finds what is wrong and names what helps."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.ingest import app as ingest
from simulators.hubspot import DEFAULT_TOKEN, RUN_TIME_SCOPES, InProcessTransport, create_app
from simulators.hubspot.definitions import CONTACTS, DEALS, ORDERS
from simulators.woocommerce import KEY, SECRET, InjectedFault
from tests.support.cli_stack import REFUSED
from tests.support.openapi_contract import Contract, Validated
from tests.support.operated_stack import OperatedStack, operated_stack
from tests.support.targets import INSTEAD, mapping_with, provision_orders
from woohub.clock import Timer
from woohub.configuration import MAPPING_KEY
from woohub.consumer.breaker import State
from woohub.http import Http
from woohub.hubspot.client import HubSpot
from woohub.hubspot.retries import Caller
from woohub_cli.check_result import Result, Step
from woohub_cli.checks import deliveries
from woohub_cli.checks.health_context import HealthContext, ago
from woohub_cli.commands import doctor
from woohub_cli.stack import metrics
from woohub_cli.stack.connections import FixedToken
from woohub_cli.stack.metrics import LoggedMetrics

HOUR = 3600


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OperatedStack]:
    monkeypatch.chdir(tmp_path)
    with operated_stack() as running:
        running.ready()
        running.metric("GovernorAlive", minutes_ago=2)
        running.metric("DeliveryAccepted", minutes_ago=3 * 60)
        yield running


def checks(shop: OperatedStack, **env: str | None) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = shop.json("doctor", **env)["checks"]
    return rows


def named(shop: OperatedStack, name: str, **env: str | None) -> dict[str, str]:
    """The one check of this name."""
    (row,) = [check for check in checks(shop, **env) if check["check"] == name]
    return row


def troubled(rows: list[dict[str, str]]) -> dict[str, str]:
    """Check and outcome of what is not fine."""
    return {row["check"]: row["outcome"] for row in rows if row["outcome"] in ("failed", "warning")}


def test_a_system_that_is_well_is_called_well(shop: OperatedStack) -> None:
    result = shop.run("doctor")

    assert result.exit_code == 0, result.output
    assert troubled(checks(shop)) == {}
    outcomes = Counter(row["outcome"] for row in checks(shop))
    counts = f"0 failed, 0 warnings, {outcomes['skipped']} skipped, {outcomes['ok']} fine"
    assert counts in result.stdout


def test_nothing_is_changed_by_looking(shop: OperatedStack) -> None:
    before = shop.portal.state()["contacts"], shop.portal.state()["deals"], dict(shop.shop.hooks.webhooks)

    shop.run("doctor")

    assert (shop.portal.state()["contacts"], shop.portal.state()["deals"], shop.shop.hooks.webhooks) == before
    assert shop.queued() == []
    assert shop.outcomes() == ["NotAnEntity"]


# --- Twenty faults


def store_is_down(shop: OperatedStack) -> None:
    keys = {"consumer_key": KEY, "consumer_secret": SECRET}
    shop.stack.store("StoreSecretArn", {"url": "http://127.0.0.1:9", **keys})
    shop.environment["WOO_COMMERCE_URL"] = "http://127.0.0.1:9"


def key_is_revoked(shop: OperatedStack) -> None:
    shop.shop.keys.clear()


def key_may_only_read(shop: OperatedStack) -> None:
    shop.shop.keys[KEY] = (SECRET, "read")


def key_is_not_in_the_stack(shop: OperatedStack) -> None:
    shop.stack.store("StoreSecretArn", {"url": ""})


def clock_is_twenty_minutes_off(shop: OperatedStack) -> None:
    shop.shop.clock = lambda: time.time() + 1200


def webhook_was_removed(shop: OperatedStack) -> None:
    del shop.shop.hooks.webhooks[1]


def webhook_was_disabled(shop: OperatedStack) -> None:
    shop.shop.hooks.webhooks[1].status = "disabled"


def webhook_delivers_elsewhere(shop: OperatedStack) -> None:
    shop.shop.hooks.webhooks[1].delivery_url = "https://old.example/webhooks"


def webhooks_user_lost_its_rights(shop: OperatedStack) -> None:
    shop.metric("LostEvent", 5)


def events_do_not_arrive(shop: OperatedStack) -> None:
    shop.shop.place()


def stack_has_no_secret(shop: OperatedStack) -> None:
    shop.stack.store("WebhookSecretArn", {"current": ""})


@dataclass
class StaleSecret:
    """What a function has that cannot read the secret any more."""

    def text(self) -> str:
        return "of the past"

    refresh = text


def functions_have_another_secret(_shop: OperatedStack) -> None:
    ingest.secret = StaleSecret()  # type: ignore[assignment]  # put back with everything else by the fixture


def token_was_revoked(shop: OperatedStack) -> None:
    shop.portal.tokens = {}


def scope_was_taken_away(shop: OperatedStack) -> None:
    shop.portal.tokens[DEFAULT_TOKEN] = RUN_TIME_SCOPES - {"crm.objects.deals.write"}


def property_was_archived(shop: OperatedStack) -> None:
    shop.portal.schema.archive_property(CONTACTS, "woocommerce_customer_version")


def stage_was_removed(shop: OperatedStack) -> None:
    del shop.portal.schema.pipelines[DEALS.id]["ecommerce_sales"].stages["refunded"]


def currency_is_not_enabled(shop: OperatedStack) -> None:
    shop.portal.change_settings({"currencies": ["EUR"]})


def orders_were_refused(shop: OperatedStack) -> None:
    shop.stack.reject(1, **REFUSED)


def breaker_is_open(shop: OperatedStack) -> None:
    shop.stack.breaker(State("open", "auth", "HubSpot refuses the token", time.time() - HOUR))


def sweep_is_dead(shop: OperatedStack) -> None:
    earlier = datetime.fromtimestamp(time.time() - 3 * HOUR, UTC)
    shop.watermark(completed=earlier.strftime("%Y-%m-%dT%H:%M:%S"))


Damage = Callable[[OperatedStack], None]
FAULTS: Mapping[Damage, tuple[str, str, str]] = {  # the check that finds it, how bad it is, what the fix names
    store_is_down: ("store", "failed", "WOO_COMMERCE_URL"),
    key_is_revoked: ("store's key, reading", "failed", "WOO_COMMERCE_CONSUMER_KEY"),
    key_may_only_read: ("store's key, writing", "failed", "Read/Write"),
    key_is_not_in_the_stack: ("store's key in the stack", "failed", "woohub setup"),
    clock_is_twenty_minutes_off: ("store's clock", "failed", "NTP"),
    webhook_was_removed: ("webhook order.created", "failed", "woohub setup"),
    webhook_was_disabled: ("webhook order.created (#1)", "failed", "woohub setup"),
    webhook_delivers_elsewhere: ("webhook order.created (#1)", "failed", "woohub setup"),
    webhooks_user_lost_its_rights: ("events", "failed", "delete our webhooks"),
    events_do_not_arrive: ("last delivery", "warning", "WP-Cron"),
    stack_has_no_secret: ("webhook secret", "failed", "WOO_COMMERCE_WEBHOOK_SECRET"),
    functions_have_another_secret: ("signed test delivery", "failed", "woohub setup"),
    token_was_revoked: ("HubSpot token", "failed", "HUBSPOT_API_KEY"),
    scope_was_taken_away: ("HubSpot scopes", "failed", "Service keys"),
    property_was_archived: ("contact property woocommerce_customer_version", "failed", "woohub setup"),
    stage_was_removed: ("deal stage refunded", "failed", "woohub setup"),
    currency_is_not_enabled: ("currency", "warning", "Currency"),
    orders_were_refused: ("dead letters", "failed", "woohub dlq list"),
    breaker_is_open: ("breaker", "failed", "HUBSPOT_API_KEY"),
    sweep_is_dead: ("last reconcile run", "failed", "sweep_stopped"),
}


@pytest.mark.parametrize("damage", FAULTS, ids=lambda damage: damage.__name__)
def test_each_of_twenty_faults_is_found_and_its_fix_named(shop: OperatedStack, damage: Damage) -> None:
    assert len(FAULTS) == 20
    check, outcome, fix = FAULTS[damage]
    damage(shop)

    result = shop.run("doctor", "--json")

    (row,) = [row for row in json.loads(result.stdout)["checks"] if row["check"] == check]
    assert row["outcome"] == outcome
    assert fix in row["fix"]
    assert result.exit_code == (1 if outcome == "failed" else 0)


def test_a_disabled_webhook_names_both_causes(shop: OperatedStack) -> None:
    webhook_was_disabled(shop)

    detail = named(shop, "webhook order.created (#1)")["detail"]

    assert ("by WooCommerce" in detail, "by a person" in detail) == (True, True)


def test_people_are_told_the_fix_as_well(shop: OperatedStack) -> None:
    orders_were_refused(shop)

    shown = shop.run("doctor").stdout

    assert "failed" in shown
    assert "woohub dlq redrive" in shown


# --- And others


def webhook_is_paused(shop: OperatedStack) -> None:
    shop.shop.hooks.webhooks[1].status = "paused"


def webhook_is_there_twice(shop: OperatedStack) -> None:
    shop.shop.hooks.create(name="mine", topic="order.created", delivery_url=shop.url, secret="other")


def address_is_another_site(shop: OperatedStack) -> None:
    shop.stack.store(
        "StoreSecretArn",
        {"url": shop.stack.outputs["HubSpotApiUrl"], "consumer_key": KEY, "consumer_secret": SECRET},
    )


def env_file_names_another_store(shop: OperatedStack) -> None:
    shop.environment["WOO_COMMERCE_URL"] = "https://other.example"


def env_file_has_another_key(shop: OperatedStack) -> None:
    shop.environment["WOO_COMMERCE_CONSUMER_KEY"] = "ck_of_another_user"


def env_file_has_another_secret(shop: OperatedStack) -> None:
    shop.environment["WOO_COMMERCE_WEBHOOK_SECRET"] = "of-another-stack"


def env_file_has_another_token(shop: OperatedStack) -> None:
    shop.environment["HUBSPOT_API_KEY"] = "pat-another"


def woocommerce_is_old(shop: OperatedStack) -> None:
    shop.shop.old = True


def deliveries_are_refused(shop: OperatedStack) -> None:
    shop.metric("SignatureInvalid", 3)


def secret_is_one_that_wordpress_changes(shop: OperatedStack) -> None:
    shop.stack.store("WebhookSecretArn", {"current": "with <b>tags</b> & entities"})


def no_address_is_recorded(shop: OperatedStack) -> None:
    shop.stack.store("WebhookSecretArn", {"current": shop.webhook_secret})


def store_has_moved(shop: OperatedStack) -> None:
    shop.stack.store("WebhookSecretArn", {"current": shop.webhook_secret, "sources": ["old.example"]})


def a_staging_clone_delivers(shop: OperatedStack) -> None:
    shop.metric("ForeignSource", 3)


def stack_has_no_token(shop: OperatedStack) -> None:
    shop.stack.store("HubSpotSecretArn", {"token": ""})


def order_id_is_not_unique(shop: OperatedStack) -> None:
    shop.portal.schema.archive_property(DEALS, "woocommerce_order_id")
    body = {"name": "woocommerce_order_id", "label": "Order", "type": "string", "fieldType": "text"}
    settings, now = shop.portal.settings, shop.portal.now()
    shop.portal.schema.create_property(DEALS, body | {"groupName": "dealinformation"}, settings, now)


def pipeline_was_removed(shop: OperatedStack) -> None:
    del shop.portal.schema.pipelines[DEALS.id]["ecommerce_sales"]


def daily_limit_is_nearly_used_up(shop: OperatedStack) -> None:
    shop.portal.limits.admit(shop.portal.settings, search=False)  # the day has begun
    shop.portal.limits.used_today = 240_000


def tap_was_closed_by_hand(shop: OperatedStack) -> None:
    uuid = shop.stack.outputs["EventSourceMappingId"]
    boto3.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=False)


def consumer_was_switched_off(_shop: OperatedStack) -> None:
    boto3.client("lambda").put_function_concurrency(FunctionName="consumer", ReservedConcurrentExecutions=0)


def governor_is_not_scheduled(_shop: OperatedStack) -> None:
    boto3.client("events").disable_rule(Name="governor-schedule")


def nothing_calls_reconcile(_shop: OperatedStack) -> None:
    events = boto3.client("events")
    events.remove_targets(Rule="reconcile-schedule", Ids=["function"])


def watermark_was_edited_badly(shop: OperatedStack) -> None:
    shop.parameter("WatermarkParameter", '{"orders": 1}')


def nobody_looked_through_the_customers(shop: OperatedStack) -> None:
    shop.watermark(scanned="2020-01-01T00:00:00", completed=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"))


MORE: Mapping[Damage, tuple[str, str, str]] = {
    webhook_is_paused: ("webhook order.created (#1)", "failed", "set it to active"),
    webhook_is_there_twice: ("webhook order.created (#8)", "warning", "remove it"),
    address_is_another_site: ("store", "failed", "WOO_COMMERCE_URL"),
    env_file_names_another_store: ("store's key in the stack", "warning", "--stack"),
    env_file_has_another_key: ("store's key in the stack", "warning", "woohub setup"),
    env_file_has_another_secret: ("webhook secret", "warning", "remove it from .env"),
    env_file_has_another_token: ("HubSpot token", "warning", "woohub setup"),
    woocommerce_is_old: ("WooCommerce", "warning", "update"),
    deliveries_are_refused: ("signatures", "warning", "woohub setup"),
    secret_is_one_that_wordpress_changes: ("webhook secret", "warning", "rotate-webhook-secret"),
    no_address_is_recorded: ("store's addresses", "warning", "woohub setup"),
    store_has_moved: ("store's own address", "failed", "woohub setup"),
    a_staging_clone_delivers: ("other sites", "failed", "WOO_COMMERCE_SOURCES"),
    stack_has_no_token: ("HubSpot token", "failed", "woohub setup"),
    order_id_is_not_unique: ("deal property woocommerce_order_id", "warning", "delete the property"),
    pipeline_was_removed: ("deal pipeline ecommerce_sales", "failed", "woohub setup"),
    daily_limit_is_nearly_used_up: ("HubSpot's daily limit", "warning", "API usage"),
    tap_was_closed_by_hand: ("consumer", "failed", "update-event-source-mapping"),
    consumer_was_switched_off: ("consumer", "failed", "delete-function-concurrency"),
    governor_is_not_scheduled: ("governor", "failed", "enable-rule --name governor-schedule"),
    nothing_calls_reconcile: ("reconcile", "failed", "deploy"),
    watermark_was_edited_badly: ("last reconcile run", "failed", "watermark"),
    nobody_looked_through_the_customers: ("nightly scan", "warning", "woohub reconcile"),
}


@pytest.mark.parametrize("damage", MORE, ids=lambda damage: damage.__name__)
def test_other_faults_are_found_as_well(shop: OperatedStack, damage: Damage) -> None:
    check, outcome, fix = MORE[damage]
    damage(shop)

    rows = [row for row in checks(shop) if row["check"] == check and row["outcome"] == outcome]

    assert len(rows) == 1
    assert fix in rows[0]["fix"]


# --- What cannot be known


def context(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> HealthContext:
    """What the command looks at."""
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    return replace(doctor.health_context_of(shop.stack.stack, shop.environment, time.time()), **changes)


def step(health: HealthContext, name: str) -> Step:
    (only,) = [found for _, found in doctor.diagnose(health) if found.what == name]
    return only


def test_without_a_store_its_checks_are_left_out_and_all_is_well(shop: OperatedStack) -> None:
    shop.stack.store("StoreSecretArn", {"url": ""})
    shop.environment = {"HUBSPOT_API_KEY": DEFAULT_TOKEN}

    rows = checks(shop)

    assert [row["outcome"] for row in rows if row["area"] == "store"] == ["skipped"]
    assert troubled(rows) == {}
    assert shop.run("doctor").exit_code == 0
    assert shop.shop.requests == []


def test_a_store_without_keys_is_asked_for_them(shop: OperatedStack) -> None:
    shop.stack.store("StoreSecretArn", {"url": ""})
    del shop.environment["WOO_COMMERCE_CONSUMER_SECRET"]

    assert "WOO_COMMERCE_CONSUMER_SECRET" in named(shop, "store")["detail"]


class NothingCounted:
    """Metrics of a stack that has got no delivery."""

    def total(self, *_: object) -> int:
        return 0

    def last(self, *_: object) -> None:
        return None

    oldest_message = last


def test_before_the_first_delivery_what_the_store_did_earlier_is_not_called_none(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = context(shop, monkeypatch, metrics=NothingCounted())

    assert step(health, "last delivery").detail.startswith("none since the webhooks were created")


def test_where_nothing_is_counted_the_last_delivery_is_not_known(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = context(shop, monkeypatch, metrics=None)

    assert step(health, "last delivery").outcome is Result.WARNING
    assert step(health, "governor").outcome is Result.OK


CLONE = "https://staging.shop.example/"


def logged(monkeypatch: pytest.MonkeyPatch, *lines: dict[str, Any]) -> None:
    """The ingest function's log has these lines."""
    logs = boto3.client("logs")
    monkeypatch.setattr("woohub_cli.stack.traces._group", lambda *_: "ingest")
    logs.create_log_group(logGroupName="ingest")
    logs.create_log_stream(logGroupName="ingest", logStreamName="stream")
    at = round(time.time() * 1000)
    events: Any = [{"timestamp": at, "message": json.dumps(line)} for line in lines]
    logs.put_log_events(logGroupName="ingest", logStreamName="stream", logEvents=events)


@pytest.mark.parametrize("counts", [True, False])
def test_the_log_says_which_other_site_delivered(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch, counts: bool
) -> None:
    logged(monkeypatch, *[{"ForeignSource": 1, "source": CLONE}] * 2)
    shop.metric("ForeignSource", 2)
    counted = metrics.of(shop.stack.stack, time.time()) if counts else LoggedMetrics(shop.stack.stack, time.time())
    looked_at = context(shop, monkeypatch, metrics=counted)

    (other_sites,) = [step for step in deliveries._sources(looked_at) if step.what == "other sites"]

    assert other_sites.outcome is Result.FAILED
    assert "another site: 2 deliveries," in other_sites.detail
    assert CLONE in other_sites.detail


@pytest.mark.parametrize(
    ("cause", "fix"),
    [
        ("rest_no_route", "woocommerce_webhook_deliver_async"),
        ("woocommerce_rest_cannot_view", "the user a webhook belongs to"),
        ("woocommerce_api_user_cannot_read_order", "the user a webhook belongs to"),
        ("woocommerce_rest_invalid_shop_order_id", "version 1 of the REST API"),
        ("topic_mismatch", "the legacy API"),
        ("not_json", "a plugin"),
        ("too_large", "shorten"),
        ("rest_api_unavailable", "the ingest function's log"),
    ],
)
def test_what_helps_against_lost_events_goes_by_their_cause(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch, cause: str, fix: str
) -> None:
    logged(monkeypatch, *[{"LostEvent": 1, "cause": cause}] * 2)
    shop.metric("LostEvent", 2)

    events = step(context(shop, monkeypatch), "events")

    assert f": {cause} (2)" in events.detail
    assert fix in events.fix


def test_each_cause_of_lost_events_has_its_fix_once(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    causes = ["rest_no_route", "woocommerce_rest_cannot_view", "woocommerce_api_user_cannot_read_order"]
    logged(monkeypatch, *[{"LostEvent": 1, "cause": cause} for cause in [*causes, causes[0]]])
    shop.metric("LostEvent", 4)

    events = step(context(shop, monkeypatch), "events")

    assert "rest_no_route (2)" in events.detail
    assert events.fix.count("woocommerce_webhook_deliver_async") == events.fix.count("the user a webhook") == 1


def test_a_store_that_signs_with_another_secret_is_told_where_aws_counts_nothing(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.shop.hooks.webhooks[1].secret = "of-another-stack"
    shop.shop.place()
    shop.shop.run_webhooks()
    log_of_ingest(shop, monkeypatch)

    signatures = step(context(shop, monkeypatch, metrics=LoggedMetrics(shop.stack.stack, time.time())), "signatures")

    assert signatures.outcome is Result.WARNING
    assert "the store signs with another secret than the stack has" in signatures.detail


def log_of_ingest(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ingest has written so far, where CloudWatch keeps it."""
    logs, at = boto3.client("logs"), round(time.time() * 1000)
    monkeypatch.setattr("woohub_cli.stack.traces._group", lambda *_: "ingest")
    logs.create_log_group(logGroupName="ingest")
    logs.create_log_stream(logGroupName="ingest", logStreamName="stream")
    events: Any = [{"timestamp": at, "message": line} for line in shop.log.getvalue().splitlines()]
    logs.put_log_events(logGroupName="ingest", logStreamName="stream", logEvents=events)


@dataclass
class Waiting:
    """Metrics of a queue whose oldest message has waited for so many seconds."""

    seconds: float

    def oldest_message(self, _url: str) -> float:
        return self.seconds

    def total(self, name: str, _seconds: int) -> int:
        return name == "GovernorAlive"

    def last(self, _name: str, _seconds: int) -> float:
        return time.time()


@pytest.mark.parametrize(("seconds", "outcome"), [(60, Result.OK), (7200, Result.WARNING), (6 * 86400, Result.FAILED)])
def test_a_queue_that_is_slow_is_told_before_messages_are_lost(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch, seconds: float, outcome: Result
) -> None:
    wait_in_the_queue(shop)

    queue = step(context(shop, monkeypatch, metrics=Waiting(seconds)), "queue")

    assert (queue.outcome, ago(seconds) in queue.detail) == (outcome, True)


def wait_in_the_queue(shop: OperatedStack) -> None:
    boto3.client("sqs").send_message(QueueUrl=shop.stack.outputs["QueueUrl"], MessageBody="…")


def test_an_order_that_is_put_back_for_hours_is_told_though_sqs_tells_no_age_of_it(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_in_the_queue(shop)
    shop.metric("RetriedAge", minutes_ago=18, value=7_200_000)

    queue = step(context(shop, monkeypatch), "queue")

    assert (queue.outcome, ago(7200) in queue.detail) == (Result.WARNING, True)


def test_an_empty_queue_is_well_whatever_was_put_back_before(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.metric("RetriedAge", minutes_ago=18, value=7_200_000)

    assert step(context(shop, monkeypatch), "queue").outcome is Result.OK


class Forbidding:
    """Metrics that the caller may not read."""

    def _refuse(self, *_: object, **__: object) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "GetMetricStatistics")

    total = last = oldest_message = _refuse


def test_what_aws_does_not_show_is_a_warning_and_the_rest_is_looked_at(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = context(shop, monkeypatch, metrics=Forbidding())

    assert "permission" in step(health, "signatures").fix
    assert step(health, "dead letters").outcome is Result.OK
    assert step(health, "HubSpot scopes").outcome is Result.OK


def test_a_stack_of_an_older_version_is_named(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    health = context(shop, monkeypatch)
    outputs = {name: value for name, value in health.stack.outputs.items() if name != "GovernorFunction"}

    governor = step(replace(health, stack=replace(health.stack, outputs=outputs)), "governor")

    assert (governor.outcome, "deploy" in governor.fix) == (Result.FAILED, True)


def test_a_store_that_is_slow_to_answer_ends_in_a_sentence(shop: OperatedStack) -> None:
    shop.shop.faults.add(InjectedFault("status", status=401, path="orders"))

    check = named(shop, "store's key, reading")

    assert check["outcome"] == "failed"


def test_rules_on_values_are_told(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = {"ruleType": "PHONE_NUMBER_WITH_EXPLICIT_COUNTRY_CODE", "ruleArguments": []}
    rows = {"0-1": [{"propertyName": "phone", "propertyValidationRules": [rule]}], "0-3": []}
    health = context(shop, monkeypatch)
    connect = health.connect

    def with_rules(token: str) -> Any:
        hubspot = connect(token)
        get = hubspot.get

        def answer(path: str) -> Any:
            kind = path.removeprefix("/crm/property-validations/2026-09/")
            return {"results": rows[kind]} if kind in rows else get(path)

        monkeypatch.setattr(hubspot, "get", answer)
        return hubspot

    phone = step(replace(health, connect=with_rules), "contact property phone")

    assert phone.outcome is Result.WARNING
    assert "PHONE_NUMBER_WITH_EXPLICIT_COUNTRY_CODE" in phone.detail


# --- Currencies of a portal that does not list them


def lists_no_currencies(shop: OperatedStack, **deal: str) -> OperatedStack:
    """The store has an order in GBP; HubSpot may have a deal of one."""
    shop.portal.change_settings({"lists_currencies": False, "search_lag_s": 0.0})
    shop.shop.place(currency="GBP")
    if deal:
        shop.portal.objects.create(DEALS, {"properties": {"dealname": "Order", "currency": "GBP"} | deal})
    return shop


def test_a_currency_that_nothing_tells_about_is_called_unknown(shop: OperatedStack) -> None:
    check = named(lists_no_currencies(shop), "currency")

    assert (check["outcome"], "whether HubSpot accepts GBP is not known" in check["detail"]) == ("skipped", True)


def test_a_currency_that_a_deal_could_not_get_is_called_refused(shop: OperatedStack) -> None:
    check = named(lists_no_currencies(shop, amount="1.00"), "currency")

    assert (check["outcome"], check["detail"]) == ("warning", "HubSpot refuses GBP")
    assert "reads HubSpot's definitions again within 15 minutes" in check["fix"]


def test_a_currency_that_an_order_in_hubspot_could_not_get_is_called_refused(shop: OperatedStack) -> None:
    bucket = shop.stack.outputs["ConfigurationBucket"]
    shop.stack.client("s3").put_object(Bucket=bucket, Key=MAPPING_KEY, Body=INSTEAD.encode())
    provision_orders(shop.portal, mapping_with(INSTEAD))
    lists_no_currencies(shop)
    shop.portal.objects.create(ORDERS, {"properties": {"hs_order_name": "Order", "woocommerce_currency": "GBP"}})

    check = named(shop, "currency")

    assert (check["outcome"], check["detail"]) == ("warning", "HubSpot refuses GBP")


def test_a_currency_that_the_consumer_left_out_is_called_refused(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("woohub_cli.stack.traces.refused_currencies", lambda _stack, _since: {"GBP"})

    assert named(lists_no_currencies(shop), "currency")["detail"] == "HubSpot refuses GBP"


def test_a_currency_that_a_deal_has_is_fine(shop: OperatedStack) -> None:
    shop.portal.change_settings({"currencies": ["USD", "GBP"]})

    check = named(lists_no_currencies(shop, deal_currency_code="GBP"), "currency")

    assert (check["outcome"], check["detail"].startswith("GBP, USD")) == ("ok", True)


def test_a_mapped_property_that_hubspot_lacks_is_a_warning(shop: OperatedStack) -> None:
    shop.portal.schema.properties[CONTACTS.id].pop("zip")

    check = named(shop, "contact property zip")

    assert (check["outcome"], "mapping.toml" in check["fix"]) == ("warning", True)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d"), (-3, "0 s")]
)
def test_spans_are_told_in_one_unit(seconds: float, text: str) -> None:
    assert ago(seconds) == text


def test_secrets_are_never_printed(shop: OperatedStack) -> None:
    texts = [shop.run("doctor", *more).output for more in ([], ["--json"])]

    hidden = (KEY, SECRET, DEFAULT_TOKEN, shop.webhook_secret)
    assert not any(name in text for text in texts for name in hidden)


def test_hubspot_is_asked_by_its_own_specs(
    shop: OperatedStack, contract: Contract | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held against them where they are at hand."""
    health = context(shop, monkeypatch)
    http: Http = InProcessTransport(create_app(shop.portal))
    checked: Http = Validated(http, contract) if contract else http

    def connect(token: str) -> HubSpot:
        return HubSpot(Caller(checked, FixedToken(token), Timer(), "http://hubspot.test"))

    made = doctor.diagnose(replace(health, connect=connect))
    wrong = [found for _, found in made if found.outcome is Result.FAILED]

    assert wrong == []
    asked = [request["path"] for request in shop.portal.requests]
    assert {"/crm/objects/2026-09/contacts/batch/update", "/crm/objects/2026-09/deals/batch/read"} <= set(asked)
