"""Every alarm of the template, driven by what the functions really write to their logs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.ingest import app as ingest
from functions.reconcile import app as reconcile
from generators.events import ingest_event
from simulators.hubspot import DEFAULT_TOKEN, InjectedFault, SimulatedPortal, provision, running
from simulators.woocommerce import KEY, SimulatedShop
from simulators.woocommerce import SECRET as KEY_SECRET
from simulators.woocommerce import running as open_shop
from tests.support.bucket import BROKEN, make_bucket
from tests.support.cloudwatch import ALARMS, Metric, Values, metrics, on_dashboard
from tests.support.deliveries import SECRET, delivery
from tests.support.functions import cold_start, records
from tests.support.orders import START_MS, order
from tests.support.template import RESOURCES
from woohub.consumer import telemetry
from woohub.consumer.breaker import BreakerParameter, EventSourceMapping, State
from woohub.consumer.retries import LONGEST_SEND_DELAY_S, RESEND_RECEIVES, backoff
from woohub.delivery import signatures
from woohub.settings import Secret
from woohub.store.webhooks import TOPICS
from woohub_cli.set_up.store_webhooks import PROBE
from woohub_cli.stack.metrics import DAY, HOUR

CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000, function_name="consumer")
AN_ORDER, OTHERWISE_SIGNED, NOT_ALLOWED_TO_READ, NO_ENTITY = 19, 121, 117, 112  # of the captured deliveries


@dataclass
class AllFunctions:
    """All functions in an AWS of their own, with a HubSpot and a store."""

    output: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch
    portal: SimulatedPortal = field(default_factory=lambda: provision(SimulatedPortal()))
    shop: SimulatedShop = field(default_factory=lambda: SimulatedShop(post=lambda *_: 200))

    def __post_init__(self) -> None:
        self.shop.add_webhooks(reconcile.settings.webhook_url, SECRET, TOPICS)

    def told(self, act: Callable[[AllFunctions], None]) -> Values:
        """The metrics of what happened, and of nothing before."""
        self.output.readouterr()
        act(self)
        return metrics(self.output.readouterr().out)

    def receive(self, *numbers: int) -> None:
        for number in numbers:
            ingest.lambda_handler(ingest_event(delivery(number)), None)

    def consume(self, *bodies: dict[str, Any]) -> None:
        """A batch, in an invocation in which waiting takes no time."""
        consumer = cold_start("consumer")
        self.patch.setattr(consumer.timer, "_sleep", lambda _seconds: None)
        self.patch.setattr(EventSourceMapping, "disabled_at", lambda _: None)
        self.patch.setattr(EventSourceMapping, "set_enabled", lambda *_: None)
        consumer.lambda_handler(records(*bodies), CONTEXT)

    def govern(self) -> None:
        cold_start("governor").lambda_handler({}, CONTEXT)

    def reconcile(self) -> None:
        """A run, in which waiting takes no time."""
        self.patch.setattr(reconcile.timer, "_sleep", lambda _seconds: None)
        reconcile.lambda_handler({}, CONTEXT)

    def breaker(self, state: State) -> None:
        BreakerParameter(boto3.client("ssm"), "/woohub/breaker").write(state)

    def fault(self, **fault: Any) -> None:
        self.portal.faults.add(InjectedFault(**fault))


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[AllFunctions]:
    functions = AllFunctions(capsys, monkeypatch)
    with mock_aws(), running(functions.portal, port=0) as hubspot, open_shop(functions.shop) as store:
        secrets = boto3.client("secretsmanager")
        access = {"url": store, "consumer_key": KEY, "consumer_secret": KEY_SECRET}
        secrets.create_secret(Name="woohub/hubspot-token", SecretString=json.dumps({"token": DEFAULT_TOKEN}))
        secrets.create_secret(Name="woohub/webhook-secret", SecretString=json.dumps({"current": SECRET}))
        secrets.create_secret(Name="woohub/store", SecretString=json.dumps(access))
        boto3.client("ssm").put_parameter(Name="/woohub/breaker", Value='{"state":"closed"}', Type="String")
        boto3.client("ssm").put_parameter(Name="/woohub/watermark", Value="{}", Type="String")
        make_bucket("configuration")
        boto3.client("sqs").create_queue(QueueName="deliveries")
        boto3.client("sqs").create_queue(QueueName="dead-letters")
        monkeypatch.setattr(ingest, "secret", Secret(secrets, "woohub/webhook-secret"))
        monkeypatch.setattr(reconcile, "secrets_manager", secrets)
        reconcile.access.cache_clear()
        monkeypatch.setenv("HUBSPOT_API_URL", hubspot)
        monkeypatch.setenv("CONFIGURATION_BUCKET", "configuration")
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "consumer")
        yield functions


# What happens


def nothing(_world: AllFunctions) -> None:
    pass


def an_order_arrives(functions: AllFunctions) -> None:
    functions.receive(AN_ORDER)


def an_order_is_written(functions: AllFunctions) -> None:
    functions.consume(order(1))


def the_store_signs_with_another_secret(functions: AllFunctions) -> None:
    functions.receive(*[OTHERWISE_SIGNED] * 10)


def the_store_may_not_read_its_order(functions: AllFunctions) -> None:
    functions.receive(NOT_ALLOWED_TO_READ)


def a_staging_clone_delivers(functions: AllFunctions) -> None:
    """The secret is the store's, its address is not."""
    secrets = boto3.client("secretsmanager")
    stored = json.dumps({"current": SECRET, "sources": ["shop.example"]})
    recorded = secrets.create_secret(Name="with-sources", SecretString=stored)["ARN"]
    with functions.patch.context() as patch:
        patch.setattr(ingest, "secret", Secret(secrets, recorded))
        functions.receive(AN_ORDER)


def the_store_disabled_a_webhook(functions: AllFunctions) -> None:
    next(iter(functions.shop.hooks.webhooks.values())).status = "disabled"
    functions.reconcile()


def the_store_is_read(functions: AllFunctions) -> None:
    functions.reconcile()


def an_order_cannot_be_read(functions: AllFunctions) -> None:
    functions.shop.damage(f"order:{functions.shop.place()}")
    functions.reconcile()


def the_order_can_be_read_again(functions: AllFunctions) -> None:
    functions.shop.damaged.clear()
    functions.reconcile()


def the_stores_key_is_gone(functions: AllFunctions) -> None:
    keys = dict(functions.shop.keys)
    functions.shop.keys.clear()
    functions.reconcile()
    functions.shop.keys.update(keys)


def the_governor_runs(functions: AllFunctions) -> None:
    functions.govern()


def hubspot_refuses_the_token(functions: AllFunctions) -> None:
    functions.breaker(State("open", "outage", "…", resume=False))
    functions.fault(status=401)
    functions.govern()


def the_token_is_taken_again(functions: AllFunctions) -> None:
    functions.portal.faults.clear()
    functions.breaker(State())  # since a minute: the minute in which it closed still reported it
    functions.govern()


def somebody_breaks_the_mapping(functions: AllFunctions) -> None:
    boto3.client("s3").put_object(Bucket="configuration", Key="mapping.toml", Body=BROKEN.encode())
    functions.breaker(State("open", "config", "…", resume=False))
    functions.govern()


def the_mapping_is_repaired(functions: AllFunctions) -> None:
    boto3.client("s3").delete_object(Bucket="configuration", Key="mapping.toml")
    functions.breaker(State())
    functions.govern()


def hubspot_asked_for_a_pause(functions: AllFunctions) -> None:
    functions.breaker(State("open", "migration", "…", until=time.time() + HOUR))
    functions.govern()


def the_pause_is_over(functions: AllFunctions) -> None:
    functions.breaker(State("open", "migration", "…", resume=False))
    functions.govern()


def woohub_has_a_bug(functions: AllFunctions) -> None:
    consumer = cold_start("consumer")
    functions.patch.setattr(consumer.sync, "sync", lambda _messages: 1 / 0)
    consumer.lambda_handler(records(order(1)), CONTEXT)


def twenty_minutes_after_its_receipt(functions: AllFunctions) -> None:
    functions.patch.setattr(telemetry, "time", SimpleNamespace(time=lambda: START_MS / 1000 + 1200))


def deals_cannot_be_created(functions: AllFunctions) -> None:
    twenty_minutes_after_its_receipt(functions)
    functions.fault(status=503, path="/deals/batch/create")
    functions.consume(order(1))
    functions.portal.faults.clear()


def every_second_call_is_refused(functions: AllFunctions) -> None:
    functions.fault(status=429, retry_after="0.01", probability=0.5)
    functions.consume(order(1))
    functions.portal.faults.clear()


def the_day_is_nearly_used_up(functions: AllFunctions) -> None:
    functions.portal.settings = replace(functions.portal.settings, requests_per_day=1000)
    functions.portal.limits.admit(functions.portal.settings, search=False)  # the day begins
    functions.portal.limits.used_today = 940
    functions.consume(order(1))
    functions.portal.limits.used_today = 0


def twenty_orders_are_refused(functions: AllFunctions) -> None:
    functions.consume(*(order(number, total="a lot") for number in range(1, 21)))


def a_hundred_forged_deliveries(_world: AllFunctions) -> None:
    for _ in range(100):
        ingest.lambda_handler({"headers": {}, "body": "{}"}, None)


class Reported:
    """Values of a metric that AWS itself reports."""

    def __init__(self, *values: float) -> None:
        self.values = list(values)


Act = Callable[[AllFunctions], None] | Reported
SCENES: dict[str, tuple[Act, Act]] = {  # alarm: what makes it fire, what clears it
    "IngestReleaseAlarm": (Reported(1), Reported(0)),
    "ConsumerReleaseAlarm": (Reported(1), Reported(0)),
    "SilenceAlarm": (nothing, an_order_arrives),
    "SecretMismatchAlarm": (the_store_signs_with_another_secret, an_order_arrives),
    "SignatureAlarm": (the_store_signs_with_another_secret, an_order_arrives),
    "ForeignSourceAlarm": (a_staging_clone_delivers, an_order_arrives),
    "ApiErrorsAlarm": (Reported(1), Reported(0)),
    "LostEventAlarm": (the_store_may_not_read_its_order, an_order_arrives),
    "WebhookAlarm": (the_store_disabled_a_webhook, the_store_is_read),
    "StoreRecordUnreadableAlarm": (an_order_cannot_be_read, the_order_can_be_read_again),
    "SweepAlarm": (the_stores_key_is_gone, the_store_is_read),
    "HubSpotAuthAlarm": (hubspot_refuses_the_token, the_token_is_taken_again),
    "ConfigurationAlarm": (somebody_breaks_the_mapping, the_mapping_is_repaired),
    "BreakerAlarm": (hubspot_asked_for_a_pause, the_pause_is_over),
    "BacklogAlarm": (Reported(60, 901), Reported(3)),
    "RetriesAlarm": (deals_cannot_be_created, an_order_is_written),
    "ConsumerErrorsAlarm": (Reported(1), Reported(0)),
    "FaultAlarm": (woohub_has_a_bug, an_order_is_written),
    "RateLimitAlarm": (every_second_call_is_refused, an_order_is_written),
    "DailyLimitAlarm": (the_day_is_nearly_used_up, an_order_is_written),
    "DeadLetterQueueAlarm": (Reported(0, 1), Reported(0)),
    "RejectionsAlarm": (twenty_orders_are_refused, an_order_is_written),
    "GovernorAlarm": (nothing, the_governor_runs),
}
OF_AWS = ("AWS/SQS", "AWS/Lambda", "AWS/ApiGateway")


def values(functions: AllFunctions, act: Act, metric: Metric) -> list[float]:
    """What CloudWatch has of a metric, of the period in which this happened."""
    return act.values if isinstance(act, Reported) else functions.told(act).get(metric, [])


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_fires_when_it_must_and_clears_when_all_is_well(name: str, functions: AllFunctions) -> None:
    alarm, (trouble, peace) = ALARMS[name], SCENES[name]

    bad = [values(functions, trouble, alarm.metric)] * alarm.periods
    good = [values(functions, peace, alarm.metric)] * alarm.periods

    assert alarm.state(*bad) == "ALARM"
    assert alarm.state(*good, before="ALARM") == "OK"
    assert bad[0] or good[0], "the functions count nothing of this name with these dimensions"


@pytest.mark.parametrize("name", ALARMS)
def test_only_aws_own_metrics_are_taken_as_given(name: str) -> None:
    trouble, peace = SCENES[name]

    assert isinstance(trouble, Reported) == isinstance(peace, Reported) == (ALARMS[name].metric[0] in OF_AWS)


# What each is patient with


def test_a_webhook_with_another_secret_is_no_mismatch_of_all(functions: AllFunctions) -> None:
    alarm = ALARMS["SecretMismatchAlarm"]

    values = functions.told(lambda functions: functions.receive(OTHERWISE_SIGNED, AN_ORDER))

    assert alarm.state(values[alarm.metric]) == "OK"


def woohub_sends_its_test_delivery(_world: AllFunctions) -> None:
    headers = {"X-WC-Webhook-Signature": signatures.sign(PROBE.body, SECRET), "X-WC-Webhook-Topic": PROBE.topic}
    answer = ingest.lambda_handler({"headers": headers, "body": PROBE.body.decode()}, None)
    assert answer["statusCode"] == 200


def test_a_test_delivery_of_ours_is_no_sign_that_the_store_has_the_secret(functions: AllFunctions) -> None:
    assert ALARMS["SecretMismatchAlarm"].metric not in functions.told(woohub_sends_its_test_delivery)


def test_a_token_that_lacks_the_scope_for_deals_alone_rings_though_the_probe_is_answered(
    functions: AllFunctions,
) -> None:
    alarm = ALARMS["HubSpotAuthAlarm"]
    functions.fault(status=403, path="/deals/batch/create")

    def a_minute(functions: AllFunctions) -> None:
        functions.consume(order(1))
        functions.govern()

    assert alarm.state(functions.told(a_minute)[alarm.metric]) == "ALARM"


def test_requests_without_a_signature_ring_for_nothing(functions: AllFunctions) -> None:
    values = functions.told(a_hundred_forged_deliveries)

    rings = {
        name
        for name, alarm in ALARMS.items()
        if alarm.metric in values and alarm.state(values[alarm.metric]) == "ALARM"
    }
    assert rings == set()


def test_a_store_that_falls_silent_after_a_mismatch_has_not_recovered() -> None:
    assert ALARMS["SecretMismatchAlarm"].state([], before="ALARM") == "ALARM"


def test_a_governor_that_dies_does_not_close_the_breaker() -> None:
    assert ALARMS["BreakerAlarm"].state(*[[]] * 5, before="ALARM") == "ALARM"


def test_a_breaker_open_for_two_minutes_is_not_worth_a_call() -> None:
    assert ALARMS["BreakerAlarm"].state([0], [1], [1], [0], [0]) == "OK"


def test_a_refused_token_is_worth_a_call_at_once() -> None:
    assert ALARMS["HubSpotAuthAlarm"].state([0], [0], [0], [0], [1]) == "ALARM"


@pytest.mark.parametrize(("errors", "state"), [([[1], [0], [0]], "OK"), ([[1], [0], [1]], "ALARM")])
def test_a_crash_that_does_not_come_back_is_not_worth_a_call(errors: list[list[float]], state: str) -> None:
    assert ALARMS["ConsumerErrorsAlarm"].state(*errors) == state


def put_back(late: float) -> Iterator[float]:
    """The ages in seconds at which a delivery that never succeeds is put back, if Lambda comes so late each time."""
    age, receives = 0.0, 1
    while True:
        yield age
        renewed = receives == RESEND_RECEIVES
        age += late + (LONGEST_SEND_DELAY_S if renewed else backoff(receives))
        receives = 1 if renewed else receives + 1


@pytest.mark.parametrize("late", [0.0, 30.0, 60.0])
@pytest.mark.parametrize("begins", range(0, 900, 60))  # where in a period the first try is
def test_a_delivery_that_is_put_back_all_day_rings_within_the_hour_and_all_day(late: float, begins: int) -> None:
    alarm, period = ALARMS["RetriesAlarm"], RESOURCES["RetriesAlarm"]["Properties"]["Period"]
    ages = list(takewhile(lambda age: age < DAY, put_back(late)))
    periods = [[1000 * age for age in ages if (begins + age) // period == number] for number in range(DAY // period)]

    states = [alarm.state(*periods[: number + 1]) for number in range(len(periods))]

    assert set(states[HOUR // period - 1 :]) == {"ALARM"}


def test_one_hiccup_after_an_outage_is_not_worth_a_call() -> None:
    assert ALARMS["RetriesAlarm"].state([], [36_000_000], []) == "OK"


def an_old_order_meets_a_revoked_token(functions: AllFunctions) -> None:
    twenty_minutes_after_its_receipt(functions)
    functions.fault(status=401)
    functions.consume(order(1))


def test_what_waits_for_the_breaker_does_not_count_as_put_back(functions: AllFunctions) -> None:
    values = functions.told(an_old_order_meets_a_revoked_token)

    assert [name for _, name, _ in values if name in ("Retried", "RetriedAge")] == ["Retried"]


def test_a_quiet_night_shorter_than_the_silence_is_fine() -> None:
    alarm = ALARMS["SilenceAlarm"]

    assert alarm.state([1], *[[]] * (alarm.periods - 1)) == "OK"
    assert alarm.state([1], *[[]] * alarm.periods) == "ALARM"


# The dashboard


def a_hard_day(functions: AllFunctions) -> None:
    for act in dict.fromkeys(act for acts in SCENES.values() for act in acts):
        if not isinstance(act, Reported):
            act(functions)
    functions.receive(NO_ENTITY)
    a_hundred_forged_deliveries(functions)
    functions.consume(order(1, status="checkout-draft"))
    for fault in ({"status": 503}, {"kind": "reset"}, {"status": 401}):
        functions.fault(**fault)
        functions.consume(order(2))
        functions.portal.faults.clear()
    functions.shop.place()
    functions.reconcile()
    functions.shop.faults.add(InjectedFault(status=503))
    functions.reconcile()


def test_everything_on_the_dashboard_is_counted_by_some_function(functions: AllFunctions) -> None:
    values = functions.told(a_hard_day)

    assert {metric for metric in on_dashboard() if metric[0] == "WooHub"} - set(values) == set()
