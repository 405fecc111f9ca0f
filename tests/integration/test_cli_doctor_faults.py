"""`woohub doctor` finds each fault and names its fix."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import boto3
import pytest

from functions.ingest import app as ingest
from simulators.hubspot import DEFAULT_TOKEN, RUN_TIME_SCOPES
from simulators.hubspot.definitions import CONTACTS, DEALS
from simulators.woocommerce import KEY, SECRET
from tests.support.cli_stack import REFUSED
from tests.support.doctor_command import healthy, named
from tests.support.operated_stack import OperatedStack, StaleSecret
from woohub.consumer.breaker import State

HOUR = 3600


@pytest.fixture
def shop(new_stack: OperatedStack) -> OperatedStack:
    return healthy(new_stack)


def store_unreachable(shop: OperatedStack) -> None:
    keys = {"consumer_key": KEY, "consumer_secret": SECRET}
    shop.stack.store("StoreSecretArn", {"url": "http://127.0.0.1:9", **keys})
    shop.environment["WOO_COMMERCE_URL"] = "http://127.0.0.1:9"


def key_revoked(shop: OperatedStack) -> None:
    shop.shop.keys.clear()


def key_read_only(shop: OperatedStack) -> None:
    shop.shop.keys[KEY] = (SECRET, "read")


def key_missing_in_the_stack(shop: OperatedStack) -> None:
    shop.stack.store("StoreSecretArn", {"url": ""})


def store_clock_20_minutes_off(shop: OperatedStack) -> None:
    shop.shop.clock = lambda: time.time() + 1200


def webhook_removed(shop: OperatedStack) -> None:
    del shop.shop.hooks.webhooks[1]


def webhook_disabled(shop: OperatedStack) -> None:
    shop.shop.hooks.webhooks[1].status = "disabled"


def webhook_with_another_url(shop: OperatedStack) -> None:
    shop.shop.hooks.webhooks[1].delivery_url = "https://old.example/webhooks"


def events_lost(shop: OperatedStack) -> None:
    shop.metric("LostEvent", 5)


def no_delivery_after_an_order(shop: OperatedStack) -> None:
    shop.shop.place()


def webhook_secret_missing_in_the_stack(shop: OperatedStack) -> None:
    shop.stack.store("WebhookSecretArn", {"current": ""})


def functions_with_another_secret(_shop: OperatedStack) -> None:
    ingest.secret = StaleSecret()  # type: ignore[assignment]  # the fixture restores it


def token_revoked(shop: OperatedStack) -> None:
    shop.portal.tokens = {}


def scope_removed(shop: OperatedStack) -> None:
    shop.portal.tokens[DEFAULT_TOKEN] = RUN_TIME_SCOPES - {"crm.objects.deals.write"}


def property_archived(shop: OperatedStack) -> None:
    shop.portal.schema.archive_property(CONTACTS, "woocommerce_customer_version")


def stage_removed(shop: OperatedStack) -> None:
    del shop.portal.schema.pipelines[DEALS.id]["ecommerce_sales"].stages["refunded"]


def currency_not_enabled(shop: OperatedStack) -> None:
    shop.portal.change_settings({"currencies": ["EUR"]})


def dead_letter_present(shop: OperatedStack) -> None:
    shop.stack.reject(1, **REFUSED)


def breaker_open(shop: OperatedStack) -> None:
    shop.stack.breaker(State("open", "auth", "HubSpot refuses the token", time.time() - HOUR))


def reconcile_stopped(shop: OperatedStack) -> None:
    earlier = datetime.fromtimestamp(time.time() - 3 * HOUR, UTC)
    shop.watermark(completed=earlier.strftime("%Y-%m-%dT%H:%M:%S"))


def webhook_paused(shop: OperatedStack) -> None:
    shop.shop.hooks.webhooks[1].status = "paused"


def webhook_duplicated(shop: OperatedStack) -> None:
    shop.shop.hooks.create(name="mine", topic="order.created", delivery_url=shop.url, secret="other")


def address_of_another_site(shop: OperatedStack) -> None:
    shop.stack.store(
        "StoreSecretArn",
        {"url": shop.stack.outputs["HubSpotApiUrl"], "consumer_key": KEY, "consumer_secret": SECRET},
    )


def env_file_with_another_store(shop: OperatedStack) -> None:
    shop.environment["WOO_COMMERCE_URL"] = "https://other.example"


def env_file_with_another_key(shop: OperatedStack) -> None:
    shop.environment["WOO_COMMERCE_CONSUMER_KEY"] = "ck_of_another_user"


def env_file_with_another_secret(shop: OperatedStack) -> None:
    shop.environment["WOO_COMMERCE_WEBHOOK_SECRET"] = "of-another-stack"


def env_file_with_another_token(shop: OperatedStack) -> None:
    shop.environment["HUBSPOT_API_KEY"] = "pat-another"


def woocommerce_outdated(shop: OperatedStack) -> None:
    shop.shop.old = True


def invalid_signatures(shop: OperatedStack) -> None:
    shop.metric("SignatureInvalid", 3)


def secret_that_wordpress_changes(shop: OperatedStack) -> None:
    shop.stack.store("WebhookSecretArn", {"current": "with <b>tags</b> & entities"})


def no_address_recorded(shop: OperatedStack) -> None:
    shop.stack.store("WebhookSecretArn", {"current": shop.webhook_secret})


def store_moved(shop: OperatedStack) -> None:
    shop.stack.store("WebhookSecretArn", {"current": shop.webhook_secret, "sources": ["old.example"]})


def deliveries_of_a_staging_site(shop: OperatedStack) -> None:
    shop.metric("ForeignSource", 3)


def token_missing_in_the_stack(shop: OperatedStack) -> None:
    shop.stack.store("HubSpotSecretArn", {"token": ""})


def order_id_not_unique(shop: OperatedStack) -> None:
    shop.portal.schema.archive_property(DEALS, "woocommerce_order_id")
    body = {"name": "woocommerce_order_id", "label": "Order", "type": "string", "fieldType": "text"}
    settings, now = shop.portal.settings, shop.portal.now()
    shop.portal.schema.create_property(DEALS, body | {"groupName": "dealinformation"}, settings, now)


def pipeline_removed(shop: OperatedStack) -> None:
    del shop.portal.schema.pipelines[DEALS.id]["ecommerce_sales"]


def daily_limit_nearly_reached(shop: OperatedStack) -> None:
    shop.portal.limits.admit(shop.portal.settings, search=False)  # starts the day
    shop.portal.limits.used_today = 240_000


def event_source_mapping_disabled(shop: OperatedStack) -> None:
    uuid = shop.stack.outputs["EventSourceMappingId"]
    boto3.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=False)


def consumer_concurrency_0(_shop: OperatedStack) -> None:
    boto3.client("lambda").put_function_concurrency(FunctionName="consumer", ReservedConcurrentExecutions=0)


def governor_schedule_disabled(_shop: OperatedStack) -> None:
    boto3.client("events").disable_rule(Name="governor-schedule")


def reconcile_schedule_without_target(_shop: OperatedStack) -> None:
    events = boto3.client("events")
    events.remove_targets(Rule="reconcile-schedule", Ids=["function"])


def watermark_invalid(shop: OperatedStack) -> None:
    shop.parameter("WatermarkParameter", '{"orders": 1}')


def customer_scan_overdue(shop: OperatedStack) -> None:
    shop.watermark(scanned="2020-01-01T00:00:00", completed=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"))


Fault = Callable[[OperatedStack], None]
FAULTS: Mapping[Fault, tuple[str, str, str]] = {  # the check that finds it, its outcome, a part of the fix
    store_unreachable: ("store", "failed", "WOO_COMMERCE_URL"),
    key_revoked: ("store's key, reading", "failed", "WOO_COMMERCE_CONSUMER_KEY"),
    key_read_only: ("store's key, writing", "failed", "Read/Write"),
    key_missing_in_the_stack: ("store's key in the stack", "failed", "woohub setup"),
    store_clock_20_minutes_off: ("store's clock", "failed", "NTP"),
    webhook_removed: ("webhook order.created", "failed", "woohub setup"),
    webhook_disabled: ("webhook order.created (#1)", "failed", "woohub setup"),
    webhook_with_another_url: ("webhook order.created (#1)", "failed", "woohub setup"),
    events_lost: ("events", "failed", "delete our webhooks"),
    no_delivery_after_an_order: ("last delivery", "warning", "WP-Cron"),
    webhook_secret_missing_in_the_stack: ("webhook secret", "failed", "WOO_COMMERCE_WEBHOOK_SECRET"),
    functions_with_another_secret: ("signed test delivery", "failed", "woohub setup"),
    token_revoked: ("HubSpot token", "failed", "HUBSPOT_API_KEY"),
    scope_removed: ("HubSpot scopes", "failed", "Service keys"),
    property_archived: ("contact property woocommerce_customer_version", "failed", "woohub setup"),
    stage_removed: ("deal stage refunded", "failed", "woohub setup"),
    currency_not_enabled: ("currency", "warning", "Currency"),
    dead_letter_present: ("dead letters", "failed", "woohub dlq list"),
    breaker_open: ("breaker", "failed", "HUBSPOT_API_KEY"),
    reconcile_stopped: ("last reconcile run", "failed", "sweep_stopped"),
    webhook_paused: ("webhook order.created (#1)", "failed", "set it to active"),
    webhook_duplicated: ("webhook order.created (#8)", "warning", "remove it"),
    address_of_another_site: ("store", "failed", "WOO_COMMERCE_URL"),
    env_file_with_another_store: ("store's key in the stack", "warning", "--stack"),
    env_file_with_another_key: ("store's key in the stack", "warning", "woohub setup"),
    env_file_with_another_secret: ("webhook secret", "warning", "remove it from .env"),
    env_file_with_another_token: ("HubSpot token", "warning", "woohub setup"),
    woocommerce_outdated: ("WooCommerce", "warning", "update"),
    invalid_signatures: ("signatures", "warning", "woohub setup"),
    secret_that_wordpress_changes: ("webhook secret", "warning", "rotate-webhook-secret"),
    no_address_recorded: ("store's addresses", "warning", "woohub setup"),
    store_moved: ("store's own address", "failed", "woohub setup"),
    deliveries_of_a_staging_site: ("other sites", "failed", "WOO_COMMERCE_SOURCES"),
    token_missing_in_the_stack: ("HubSpot token", "failed", "woohub setup"),
    order_id_not_unique: ("deal property woocommerce_order_id", "warning", "delete the property"),
    pipeline_removed: ("deal pipeline ecommerce_sales", "failed", "woohub setup"),
    daily_limit_nearly_reached: ("HubSpot's daily limit", "warning", "API usage"),
    event_source_mapping_disabled: ("consumer", "failed", "update-event-source-mapping"),
    consumer_concurrency_0: ("consumer", "failed", "delete-function-concurrency"),
    governor_schedule_disabled: ("governor", "failed", "enable-rule --name governor-schedule"),
    reconcile_schedule_without_target: ("reconcile", "failed", "deploy"),
    watermark_invalid: ("last reconcile run", "failed", "watermark"),
    customer_scan_overdue: ("nightly scan", "warning", "woohub reconcile"),
}


@pytest.mark.parametrize("break_stack", FAULTS, ids=lambda break_stack: break_stack.__name__)
def test_each_fault_is_found_with_its_fix(shop: OperatedStack, break_stack: Fault) -> None:
    check, outcome, fix = FAULTS[break_stack]
    break_stack(shop)

    result = shop.run("doctor", "--json")

    rows = [row for row in json.loads(result.stdout)["checks"] if row["check"] == check]
    (row,) = [row for row in rows if row["outcome"] != "ok"]
    assert row["outcome"] == outcome
    assert fix in row["fix"]
    assert result.exit_code == (1 if outcome == "failed" else 0)


def test_a_disabled_webhook_is_reported_with_both_possible_causes(shop: OperatedStack) -> None:
    webhook_disabled(shop)

    detail = named(shop, "webhook order.created (#1)")["detail"]

    assert ("by WooCommerce" in detail, "by a person" in detail) == (True, True)
