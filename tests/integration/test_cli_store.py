"""`woohub store add | list | remove` and --store: a second store in a running stack, without a deployment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
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
from tests.support.operated_stack import OperatedStack, operated_stack
from tests.support.overlays import PICKUP
from woohub.configuration import STORES_KEY, mapping_key
from woohub.hubspot.objects import CONTACTS
from woohub.store.webhooks import TOPICS
from woohub_cli.environment import URL
from woohub_cli.main import app
from woohub_cli.verify import other_stores


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OperatedStack]:
    """A stack with its first store."""
    monkeypatch.chdir(tmp_path)
    with operated_stack() as running:
        running.ready()
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
        yield running


@pytest.fixture
def outlet(stack: OperatedStack) -> Iterator[SimulatedShop]:
    """Another shop, not yet in the stack; its address and key are in the environment."""
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


def configured(stack: OperatedStack) -> list[str]:
    """The objects of the stack's configuration."""
    listed = boto3.client("s3").list_objects_v2(Bucket=stack.stack.outputs["ConfigurationBucket"])
    return [row["Key"] for row in listed.get("Contents", [])]


def alarms() -> dict[str, Any]:
    alarms = boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"]: alarm for alarm in alarms}


@pytest.mark.usefixtures("outlet")
def test_the_steps_of_an_addition_name_the_stores_own_variables(stack: OperatedStack) -> None:
    assert "WOO_COMMERCE_WEBHOOK_SECRET_OUTLET is not set" in store(stack, "add", "outlet").stdout


def test_a_store_is_added_to_a_running_stack(stack: OperatedStack, outlet: SimulatedShop) -> None:
    result = store(stack, "add", "outlet")

    assert result.exit_code == 0, result.output
    made = list(outlet.hooks.webhooks.values())
    assert {hook.topic for hook in made} == set(TOPICS)
    assert {hook.delivery_url for hook in made} == {f"{stack.url}/outlet"}
    assert stack.webhook_secret not in {hook.secret for hook in made}
    assert "woocommerce_customer_id_outlet" in stack.portal.schema.properties[CONTACTS.type_id]
    outlet.place(billing={"email": "ana@shop.example"})
    outlet.hooks.run()
    assert {(text.store, text.entity) for text in stack.queued()} == {("outlet", f"order:{max(outlet.orders)}")}


@pytest.mark.usefixtures("outlet")
@pytest.mark.parametrize("command", ["setup", "doctor"])
def test_the_scopes_that_only_another_stores_mapping_needs_are_asked_for(stack: OperatedStack, command: str) -> None:
    store(stack, "add", "outlet")
    bucket = stack.stack.outputs["ConfigurationBucket"]
    text = b"[line_item]\nenabled = true\n"
    boto3.client("s3").put_object(Bucket=bucket, Key=mapping_key("outlet"), Body=text)
    stack.portal.tokens[DEFAULT_TOKEN] = RUN_TIME_SCOPES

    assert "missing: crm.objects.line_items.read, crm.objects.line_items.write" in stack.run(command).output


@pytest.mark.usefixtures("outlet")
def test_the_first_store_stays_as_it_was(stack: OperatedStack) -> None:
    before = {hook.id: (hook.name, hook.delivery_url, hook.secret) for hook in stack.shop.hooks.webhooks.values()}
    secrets = [stack.stack.secret(name) for name in ("WebhookSecretArn", "StoreSecretArn", "HubSpotSecretArn")]

    store(stack, "add", "outlet")

    after = {hook.id: (hook.name, hook.delivery_url, hook.secret) for hook in stack.shop.hooks.webhooks.values()}
    assert after == before
    assert [stack.stack.secret(name) for name in ("WebhookSecretArn", "StoreSecretArn", "HubSpotSecretArn")] == secrets


def test_a_second_run_changes_nothing(stack: OperatedStack, outlet: SimulatedShop) -> None:
    store(stack, "add", "outlet")
    hooks = {hook.id: hook.secret for hook in outlet.hooks.webhooks.values()}

    result = store(stack, "add", "outlet")

    assert result.exit_code == 0, result.output
    assert {hook.id: hook.secret for hook in outlet.hooks.webhooks.values()} == hooks


def test_a_dry_run_changes_nothing(stack: OperatedStack, outlet: SimulatedShop) -> None:
    result = store(stack, "add", "outlet", "--dry-run")

    assert result.exit_code == 0, result.output
    assert "contact property woocommerce_customer_id_outlet" in result.output
    assert outlet.hooks.webhooks == {}
    assert configured(stack) == []


@pytest.mark.usefixtures("outlet")
def test_to_remove_a_store_that_is_not_there_is_wrong_usage(stack: OperatedStack) -> None:
    assert store(stack, "remove", "third", "--yes").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
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
def test_what_cannot_be_is_refused_with_words(stack: OperatedStack, arguments: list[str], says: str) -> None:
    result = store(stack, *arguments)

    assert result.exit_code in (1, 2)
    assert says in result.output


def test_a_shop_that_is_in_the_stack_already_is_refused(stack: OperatedStack) -> None:
    result = store(stack, "add", "outlet", "--url", stack.shop.url, "--key", KEY, "--secret", SECRET)

    assert result.exit_code == 1
    assert "is the store first already" in result.output


@pytest.mark.usefixtures("outlet")
def test_a_property_that_the_mapping_writes_is_no_place_for_the_stores_customer_numbers(stack: OperatedStack) -> None:
    result = store(stack, "add", "outlet", "--customer-id", "phone")

    assert result.exit_code == 1
    assert "phone is written by the mapping already" in result.output
    assert configured(stack) == []


def test_what_another_store_has_is_refused_and_the_configuration_is_not_called_broken(
    stack: OperatedStack, outlet: SimulatedShop
) -> None:
    store(stack, "add", "outlet")
    third = ("--url", f"{outlet.url}/third", "--key", KEY, "--secret", SECRET)

    for option in (("--prefix", "outlet-"), ("--customer-id", "woocommerce_customer_id_outlet")):
        result = store(stack, "add", "third", *third, *option)

        assert result.exit_code == 2
        assert "several stores have the" in result.output
        assert "cannot be read" not in result.output
    assert [row["name"] for row in json.loads(store(stack, "list", "--json").stdout)] == ["first", "outlet"]


@pytest.mark.usefixtures("outlet")
def test_run_again_without_its_options_the_command_keeps_prefix_and_property(stack: OperatedStack) -> None:
    store(stack, "add", "outlet", "--prefix", "old-", "--customer-id", "outlet_number")

    assert store(stack, "add", "outlet").exit_code == 0
    row = json.loads(store(stack, "list", "--json").stdout)[1]
    assert (row["order_key_prefix"], row["customer_id_property"]) == ("old-", "outlet_number")


def test_a_wrong_key_leaves_nothing_behind(stack: OperatedStack, outlet: SimulatedShop) -> None:
    result = store(stack, "add", "outlet", "--secret", "cs_wrong")

    assert result.exit_code == 1
    assert configured(stack) == []
    assert outlet.hooks.webhooks == {}


@pytest.mark.usefixtures("outlet")
def test_a_store_has_alarms_of_its_own(stack: OperatedStack) -> None:
    store(stack, "add", "outlet")

    alarm = alarms()[f"{NAME}-stores-outlet-DeliveryAccepted"]
    assert alarm["Dimensions"] == [{"Name": "service", "Value": NAME}, {"Name": "store", "Value": "outlet"}]
    assert (alarm["EvaluationPeriods"], "store outlet" in alarm["AlarmDescription"]) == (24, True)


def test_the_list_names_every_store(stack: OperatedStack, outlet: SimulatedShop) -> None:
    store(stack, "add", "outlet")

    rows = json.loads(store(stack, "list", "--json").stdout)

    assert [(row["name"], row["url"], row["order_key_prefix"]) for row in rows] == [
        ("first", stack.shop.url, ""),
        ("outlet", outlet.url, "outlet-"),
    ]
    assert "outlet" in store(stack, "list").output


def test_verify_asks_the_other_stores_of_the_stack(
    stack: OperatedStack, outlet: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(stack, "add", "outlet")
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    first, second = stack.stack.stack, stack.stack.stack.of_store("outlet")

    asked = [[other.store.credentials.url for other in other_stores.of_stack(each)] for each in (first, second)]

    assert asked == [[outlet.url], [stack.shop.url]]


def test_a_removed_store_is_gone_and_the_first_stays(stack: OperatedStack, outlet: SimulatedShop) -> None:
    store(stack, "add", "outlet")

    result = store(stack, "remove", "outlet", "--yes")

    assert result.exit_code == 0, result.output
    assert outlet.hooks.webhooks == {}
    assert len(stack.shop.hooks.webhooks) == len(TOPICS)
    assert [row["name"] for row in json.loads(store(stack, "list", "--json").stdout)] == ["first"]
    assert list(alarms()) == [f"{NAME}-SilenceAlarm-1X"]


@pytest.mark.usefixtures("outlet")
def test_without_a_yes_no_store_is_removed(stack: OperatedStack) -> None:
    store(stack, "add", "outlet")

    result = store(stack, "remove", "outlet")

    assert (result.exit_code, "pass --yes" in result.output) == (2, True)
    assert "outlet" in store(stack, "list").output


@pytest.mark.usefixtures("outlet")
def test_a_store_of_the_same_name_begins_without_the_mapping_of_the_removed_one(stack: OperatedStack) -> None:
    store(stack, "add", "outlet")
    bucket = stack.stack.outputs["ConfigurationBucket"]
    boto3.client("s3").put_object(Bucket=bucket, Key=mapping_key("outlet"), Body=PICKUP.encode())

    store(stack, "remove", "outlet", "--yes")
    store(stack, "add", "outlet")

    assert configured(stack) == [STORES_KEY]


@pytest.mark.usefixtures("outlet")
def test_a_removed_store_that_had_no_mapping_leaves_no_mark_of_one(stack: OperatedStack) -> None:
    store(stack, "add", "outlet")

    assert mapping_key("outlet") not in store(stack, "remove", "outlet", "--yes").output


@pytest.mark.usefixtures("outlet")
def test_a_new_store_is_known_once_hubspot_has_its_properties(stack: OperatedStack) -> None:
    steps = [step["step"] for step in json.loads(store(stack, "add", "outlet", "--json").stdout)["steps"]]

    made = next(place for place, what in enumerate(steps) if "woocommerce_customer_id_outlet" in what)
    hooked = next(place for place, what in enumerate(steps) if "order.created" in what)
    assert made < steps.index(STORES_KEY) < hooked


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


@pytest.mark.usefixtures("outlet")
def test_a_removed_store_can_be_added_again(stack: OperatedStack) -> None:
    store(stack, "add", "outlet")
    store(stack, "remove", "outlet", "--yes")

    result = store(stack, "add", "outlet")

    assert result.exit_code == 0, result.output


# --store on other commands


def test_doctor_checks_the_store_that_is_named(stack: OperatedStack, outlet: SimulatedShop) -> None:
    store(stack, "add", "outlet")
    outlet.hooks.webhooks.clear()

    of_outlet = stack.json("doctor", "--store", "outlet")["checks"]
    of_first = stack.json("doctor")["checks"]

    missing = [check["check"] for check in of_outlet if check["area"] == "store" and check["outcome"] == "failed"]
    assert len(missing) == len(TOPICS)
    assert [check for check in of_first if check["area"] == "store" and check["outcome"] == "failed"] == []


@pytest.mark.usefixtures("outlet")
def test_status_and_doctor_name_the_stores(stack: OperatedStack) -> None:
    assert "stores" not in stack.json("status")

    store(stack, "add", "outlet")

    assert stack.json("status")["stores"] == [{"name": "outlet", "reconciled": None}]
    checks = {check["check"]: check for check in stack.json("doctor")["checks"]}
    assert "woohub doctor --store outlet" in checks["store outlet"]["fix"]


@pytest.mark.usefixtures("outlet")
def test_doctor_names_the_store_that_an_alarm_is_about(stack: OperatedStack) -> None:
    store(stack, "add", "outlet")
    stack.metric("WebhookDisabled", 7, store="outlet")
    stack.metric("LostEvent", 2)

    check = next(check for check in stack.json("doctor")["checks"] if check["check"] == "store outlet")

    assert "WebhookDisabled: 7 in the last day" in check["detail"]
    assert "LostEvent" not in check["detail"]


def test_backfill_queues_the_orders_of_the_store_that_is_named(stack: OperatedStack, outlet: SimulatedShop) -> None:
    store(stack, "add", "outlet")
    number = outlet.place()

    result = stack.run("backfill", "--store", "outlet")

    assert result.exit_code == 0, result.output
    assert {(text.store, text.entity) for text in stack.queued()} == {("outlet", f"order:{number}")}


def test_a_store_that_there_is_not_is_named(stack: OperatedStack) -> None:
    result = stack.run("why", "1", "--store", "third")

    assert result.exit_code == 2
    assert "no store third" in result.output


def test_what_helps_names_the_store(stack: OperatedStack, outlet: SimulatedShop) -> None:
    outlet.keys.clear()

    result = store(stack, "add", "outlet")

    assert result.exit_code == 1
    assert "WOO_COMMERCE_CONSUMER_KEY_OUTLET" in result.output
    assert "`woohub store add outlet`" in result.output
    assert "`woohub setup`" not in result.output


@pytest.mark.usefixtures("outlet")
def test_what_is_left_to_do_is_said_with_the_stores_name(stack: OperatedStack) -> None:
    assert "`woohub backfill --customers --store outlet`" in store(stack, "add", "outlet").output

    facts = json.loads(store(stack, "add", "outlet", "--json").stdout)

    assert [line for line in facts["left_to_do"] if "woohub doctor --store outlet" in line]
