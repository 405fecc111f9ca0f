"""`woohub store add`, `list` and `remove`, and the option --store: several stores in a running stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from functions.ingest import app as ingest
from simulators.core.server import AppServer, in_thread
from simulators.hubspot import DEFAULT_TOKEN
from simulators.hubspot.portal import RUN_TIME_SCOPES
from simulators.woocommerce import KEY, SECRET, SimulatedShop, create_app
from tests.support.cli_stack import NAME
from tests.support.operated_stack import OperatedStack
from tests.support.overlays import PICKUP
from woohub.configuration import STORES_KEY, mapping_key
from woohub.hubspot.objects import CONTACTS
from woohub.store.webhooks import TOPICS
from woohub_cli.environment import URL
from woohub_cli.main import app
from woohub_cli.verify import other_stores


@pytest.fixture
def stack(new_stack: OperatedStack) -> OperatedStack:
    """A stack with one store, and its silence alarm."""
    alarm: Any = {
        "AlarmName": f"{NAME}-SilenceAlarm-1X",
        "Namespace": "WooHub",
        "MetricName": "DeliveryAccepted",
        "Dimensions": [{"Name": "service", "Value": NAME}],
        "Statistic": "Sum",
        "Period": 3600,
        "EvaluationPeriods": 24,
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 1.0,
    }
    boto3.client("cloudwatch").put_metric_alarm(**alarm)
    return new_stack.ready()


@pytest.fixture
def outlet(stack: OperatedStack) -> Iterator[SimulatedShop]:
    """A second store that is not in the stack yet; its address and key are in the environment."""
    shop = SimulatedShop()
    with in_thread(AppServer(create_app(shop).wsgi_app)) as url:
        shop.url = shop.hooks.home = url
        stack.environment |= {
            f"{URL}_OUTLET": url,
            "WOO_COMMERCE_CONSUMER_KEY_OUTLET": KEY,
            "WOO_COMMERCE_CONSUMER_SECRET_OUTLET": SECRET,
        }
        yield shop


def store(stack: OperatedStack, action: str, *arguments: str) -> Any:
    """`woohub store …` for this stack."""
    return CliRunner().invoke(app, ["store", action, "--stack", NAME, *arguments], env=dict(stack.environment))


def configuration_keys(stack: OperatedStack) -> list[str]:
    """The keys of the objects in the configuration bucket."""
    listed = boto3.client("s3").list_objects_v2(Bucket=stack.stack.outputs["ConfigurationBucket"])
    return [row["Key"] for row in listed.get("Contents", [])]


def alarms() -> dict[str, Any]:
    alarms = boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"]: alarm for alarm in alarms}


@pytest.mark.usefixtures("outlet")
def test_store_add_names_the_variables_of_the_store(stack: OperatedStack) -> None:
    assert "WOO_COMMERCE_WEBHOOK_SECRET_OUTLET is not set" in store(stack, "add", "outlet").stdout


def test_store_add_creates_webhooks_property_and_secret_of_the_store(
    stack: OperatedStack, outlet: SimulatedShop
) -> None:
    result = store(stack, "add", "outlet")

    assert result.exit_code == 0, result.output
    webhooks = list(outlet.hooks.webhooks.values())
    assert {hook.topic for hook in webhooks} == set(TOPICS)
    assert {hook.delivery_url for hook in webhooks} == {f"{stack.url}/outlet"}
    assert stack.webhook_secret not in {hook.secret for hook in webhooks}
    assert "woocommerce_customer_id_outlet" in stack.portal.schema.properties[CONTACTS.type_id]
    outlet.place(billing={"email": "ana@shop.example"})
    outlet.hooks.run()
    assert {(text.store, text.entity) for text in stack.queued()} == {("outlet", f"order:{max(outlet.orders)}")}


@pytest.mark.usefixtures("outlet")
@pytest.mark.parametrize("command", ["setup", "doctor"])
def test_setup_and_doctor_name_missing_scopes_of_another_stores_mapping(stack: OperatedStack, command: str) -> None:
    store(stack, "add", "outlet")
    bucket = stack.stack.outputs["ConfigurationBucket"]
    text = b"[line_item]\nenabled = true\n"
    boto3.client("s3").put_object(Bucket=bucket, Key=mapping_key("outlet"), Body=text)
    stack.portal.tokens[DEFAULT_TOKEN] = RUN_TIME_SCOPES

    assert "missing: crm.objects.line_items.read, crm.objects.line_items.write" in stack.run(command).output


@pytest.mark.usefixtures("outlet")
def test_store_add_leaves_the_first_store_unchanged(stack: OperatedStack) -> None:
    before = {hook.id: (hook.name, hook.delivery_url, hook.secret) for hook in stack.shop.hooks.webhooks.values()}
    secrets = [stack.stack.secret(name) for name in ("WebhookSecretArn", "StoreSecretArn", "HubSpotSecretArn")]

    store(stack, "add", "outlet")

    after = {hook.id: (hook.name, hook.delivery_url, hook.secret) for hook in stack.shop.hooks.webhooks.values()}
    assert after == before
    assert [stack.stack.secret(name) for name in ("WebhookSecretArn", "StoreSecretArn", "HubSpotSecretArn")] == secrets


def test_store_add_again_changes_no_webhook(stack: OperatedStack, outlet: SimulatedShop) -> None:
    store(stack, "add", "outlet")
    hooks = {hook.id: hook.secret for hook in outlet.hooks.webhooks.values()}

    result = store(stack, "add", "outlet")

    assert result.exit_code == 0, result.output
    assert {hook.id: hook.secret for hook in outlet.hooks.webhooks.values()} == hooks


def test_store_add_dry_run_changes_nothing(stack: OperatedStack, outlet: SimulatedShop) -> None:
    result = store(stack, "add", "outlet", "--dry-run")

    assert result.exit_code == 0, result.output
    assert "contact property woocommerce_customer_id_outlet" in result.output
    assert outlet.hooks.webhooks == {}
    assert configuration_keys(stack) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "Outlet"], "is no store's name"),
        (["add", "first"], "woohub setup"),
        (["add", "third"], "--url, --key, --secret"),
        (["add", "third"], "WOO_COMMERCE_URL_THIRD"),
        (["add", "outlet", "--prefix", "OUT"], "order_key_prefix: must be lower-case letters"),
        (["add", "outlet", "--prefix", "2"], "not ending in a digit"),
        (["add", "outlet", "--customer-id", "Outlet number"], "is no HubSpot property name"),
        (["remove", "third", "--yes"], "no store third"),
    ],
)
@pytest.mark.usefixtures("outlet")
def test_store_commands_reject_invalid_arguments(stack: OperatedStack, arguments: list[str], message: str) -> None:
    result = store(stack, *arguments)

    assert result.exit_code == 2
    assert message in result.output


def test_store_add_rejects_a_store_that_the_stack_has(stack: OperatedStack) -> None:
    result = store(stack, "add", "outlet", "--url", stack.shop.url, "--key", KEY, "--secret", SECRET)

    assert result.exit_code == 1
    assert "is the store first already" in result.output


@pytest.mark.usefixtures("outlet")
def test_store_add_rejects_a_customer_id_property_that_the_mapping_writes(stack: OperatedStack) -> None:
    result = store(stack, "add", "outlet", "--customer-id", "phone")

    assert result.exit_code == 1
    assert "phone is written by the mapping already" in result.output
    assert configuration_keys(stack) == []


def test_store_add_rejects_prefix_and_property_of_another_store(stack: OperatedStack, outlet: SimulatedShop) -> None:
    store(stack, "add", "outlet")
    third = ("--url", f"{outlet.url}/third", "--key", KEY, "--secret", SECRET)

    for option in (("--prefix", "outlet-"), ("--customer-id", "woocommerce_customer_id_outlet")):
        result = store(stack, "add", "third", *third, *option)

        assert result.exit_code == 2
        assert "several stores have the" in result.output
        assert "cannot be read" not in result.output
    assert [row["name"] for row in json.loads(store(stack, "list", "--json").stdout)] == ["first", "outlet"]


@pytest.mark.usefixtures("outlet")
def test_store_add_again_without_options_keeps_prefix_and_property(stack: OperatedStack) -> None:
    store(stack, "add", "outlet", "--prefix", "old-", "--customer-id", "outlet_number")

    assert store(stack, "add", "outlet").exit_code == 0
    row = json.loads(store(stack, "list", "--json").stdout)[1]
    assert (row["order_key_prefix"], row["customer_id_property"]) == ("old-", "outlet_number")


def test_store_add_with_a_wrong_key_leaves_no_configuration_or_webhooks(
    stack: OperatedStack, outlet: SimulatedShop
) -> None:
    result = store(stack, "add", "outlet", "--secret", "cs_wrong")

    assert result.exit_code == 1
    assert configuration_keys(stack) == []
    assert outlet.hooks.webhooks == {}


@pytest.mark.usefixtures("outlet")
def test_store_add_creates_an_alarm_of_the_store(stack: OperatedStack) -> None:
    store(stack, "add", "outlet")

    alarm = alarms()[f"{NAME}-stores-outlet-DeliveryAccepted"]
    assert alarm["Dimensions"] == [{"Name": "service", "Value": NAME}, {"Name": "store", "Value": "outlet"}]
    assert (alarm["EvaluationPeriods"], "store outlet" in alarm["AlarmDescription"]) == (24, True)


def test_store_list_shows_each_store(stack: OperatedStack, outlet: SimulatedShop) -> None:
    store(stack, "add", "outlet")

    rows = json.loads(store(stack, "list", "--json").stdout)

    assert [(row["name"], row["url"], row["order_key_prefix"]) for row in rows] == [
        ("first", stack.shop.url, ""),
        ("outlet", outlet.url, "outlet-"),
    ]
    assert "outlet" in store(stack, "list").output


def test_verify_compares_with_the_other_stores_of_the_stack(
    stack: OperatedStack, outlet: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(stack, "add", "outlet")
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    first, second = stack.stack.stack, stack.stack.stack.of_store("outlet")

    urls = [[other.store.credentials.url for other in other_stores.of_stack(each)] for each in (first, second)]

    assert urls == [[outlet.url], [stack.shop.url]]


def test_store_remove_deletes_webhooks_and_alarms_of_only_that_store(
    stack: OperatedStack, outlet: SimulatedShop
) -> None:
    store(stack, "add", "outlet")

    result = store(stack, "remove", "outlet", "--yes")

    assert result.exit_code == 0, result.output
    assert outlet.hooks.webhooks == {}
    assert len(stack.shop.hooks.webhooks) == len(TOPICS)
    assert [row["name"] for row in json.loads(store(stack, "list", "--json").stdout)] == ["first"]
    assert list(alarms()) == [f"{NAME}-SilenceAlarm-1X"]


@pytest.mark.usefixtures("outlet")
def test_store_remove_requires_yes(stack: OperatedStack) -> None:
    store(stack, "add", "outlet")

    result = store(stack, "remove", "outlet")

    assert (result.exit_code, "pass --yes" in result.output) == (2, True)
    assert "outlet" in store(stack, "list").output


@pytest.mark.usefixtures("outlet")
def test_a_removed_store_can_be_added_again_without_its_former_mapping(stack: OperatedStack) -> None:
    store(stack, "add", "outlet")
    bucket = stack.stack.outputs["ConfigurationBucket"]
    boto3.client("s3").put_object(Bucket=bucket, Key=mapping_key("outlet"), Body=PICKUP.encode())

    store(stack, "remove", "outlet", "--yes")
    again = store(stack, "add", "outlet")

    assert again.exit_code == 0, again.output
    assert configuration_keys(stack) == [STORES_KEY]


@pytest.mark.usefixtures("outlet")
def test_store_remove_without_a_mapping_of_the_store_names_none(stack: OperatedStack) -> None:
    store(stack, "add", "outlet")

    assert mapping_key("outlet") not in store(stack, "remove", "outlet", "--yes").output


@pytest.mark.usefixtures("outlet")
def test_store_add_creates_properties_before_the_configuration_and_webhooks_last(stack: OperatedStack) -> None:
    steps = [step["step"] for step in json.loads(store(stack, "add", "outlet", "--json").stdout)["steps"]]

    property_step = next(place for place, what in enumerate(steps) if "woocommerce_customer_id_outlet" in what)
    webhook_step = next(place for place, what in enumerate(steps) if "order.created" in what)
    assert property_step < steps.index(STORES_KEY) < webhook_step


def test_deliveries_of_a_removed_store_are_refused(stack: OperatedStack, outlet: SimulatedShop) -> None:
    store(stack, "add", "outlet")
    hook = next(iter(outlet.hooks.webhooks.values()))
    store(stack, "remove", "outlet", "--yes")
    ingest.store_secrets.of("outlet").refresh()  # type: ignore[union-attr]

    outlet.hooks.create(name=hook.name, topic="order.created", delivery_url=hook.delivery_url, secret=hook.secret)
    outlet.place()
    outlet.hooks.run()

    assert stack.queued() == []
    assert "SignatureInvalid" in stack.outcomes()


def test_doctor_checks_only_the_named_store(stack: OperatedStack, outlet: SimulatedShop) -> None:
    store(stack, "add", "outlet")
    outlet.hooks.webhooks.clear()

    of_outlet = stack.json("doctor", "--store", "outlet")["checks"]
    of_first = stack.json("doctor")["checks"]

    missing = [check["check"] for check in of_outlet if check["area"] == "store" and check["outcome"] == "failed"]
    assert len(missing) == len(TOPICS)
    assert [check for check in of_first if check["area"] == "store" and check["outcome"] == "failed"] == []


@pytest.mark.usefixtures("outlet")
def test_status_and_doctor_name_each_further_store(stack: OperatedStack) -> None:
    assert "stores" not in stack.json("status")

    store(stack, "add", "outlet")

    assert stack.json("status")["stores"] == [{"name": "outlet", "reconciled": None}]
    checks = {check["check"]: check for check in stack.json("doctor")["checks"]}
    assert "woohub doctor --store outlet" in checks["store outlet"]["fix"]


@pytest.mark.usefixtures("outlet")
def test_doctor_shows_the_alarming_metrics_of_the_store(stack: OperatedStack) -> None:
    store(stack, "add", "outlet")
    stack.metric("WebhookDisabled", 7, store="outlet")
    stack.metric("LostEvent", 2)

    check = next(check for check in stack.json("doctor")["checks"] if check["check"] == "store outlet")

    assert "WebhookDisabled: 7 in the last day" in check["detail"]
    assert "LostEvent" not in check["detail"]


def test_backfill_queues_orders_of_the_named_store(stack: OperatedStack, outlet: SimulatedShop) -> None:
    store(stack, "add", "outlet")
    number = outlet.place()

    result = stack.run("backfill", "--store", "outlet")

    assert result.exit_code == 0, result.output
    assert {(text.store, text.entity) for text in stack.queued()} == {("outlet", f"order:{number}")}


def test_why_rejects_an_unknown_store_with_exit_code_2(stack: OperatedStack) -> None:
    result = stack.run("why", "1", "--store", "third")

    assert result.exit_code == 2
    assert "no store third" in result.output


def test_store_add_names_variables_and_command_of_the_store_in_its_fix(
    stack: OperatedStack, outlet: SimulatedShop
) -> None:
    outlet.keys.clear()

    result = store(stack, "add", "outlet")

    assert result.exit_code == 1
    assert "WOO_COMMERCE_CONSUMER_KEY_OUTLET" in result.output
    assert "`woohub store add outlet`" in result.output
    assert "`woohub setup`" not in result.output


@pytest.mark.usefixtures("outlet")
def test_store_add_names_next_steps_with_the_store(stack: OperatedStack) -> None:
    assert "`woohub backfill --customers --store outlet`" in store(stack, "add", "outlet").output

    facts = json.loads(store(stack, "add", "outlet", "--json").stdout)

    assert [line for line in facts["left_to_do"] if "woohub doctor --store outlet" in line]
