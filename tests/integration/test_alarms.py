"""Every alarm of the template, evaluated on the metrics that the functions write to their logs."""

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
VALID, SIGNED_WITH_ANOTHER_SECRET, WITHOUT_PERMISSION, WITHOUT_ID = 19, 121, 117, 112  # numbers of captured deliveries


@dataclass
class AllFunctions:
    """All functions in a mocked AWS, with a simulated HubSpot and a simulated store."""

    output: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch
    portal: SimulatedPortal = field(default_factory=lambda: provision(SimulatedPortal()))
    shop: SimulatedShop = field(default_factory=lambda: SimulatedShop(post=lambda *_: 200))

    def __post_init__(self) -> None:
        self.shop.add_webhooks(reconcile.settings.webhook_url, SECRET, TOPICS)

    def metrics_of(self, event: Callable[[AllFunctions], None]) -> Values:
        """The metrics that the functions write during this event."""
        self.output.readouterr()
        event(self)
        return metrics(self.output.readouterr().out)

    def receive(self, *numbers: int) -> None:
        for number in numbers:
            ingest.lambda_handler(ingest_event(delivery(number)), None)

    def consume(self, *bodies: dict[str, Any]) -> None:
        """Run the consumer on a batch of orders; waiting takes no time."""
        consumer = cold_start("consumer")
        self.patch.setattr(consumer.timer, "_sleep", lambda _seconds: None)
        self.patch.setattr(EventSourceMapping, "disabled_at", lambda _: None)
        self.patch.setattr(EventSourceMapping, "set_enabled", lambda *_: None)
        consumer.lambda_handler(records(*bodies), CONTEXT)

    def govern(self) -> None:
        cold_start("governor").lambda_handler({}, CONTEXT)

    def reconcile(self) -> None:
        """Run reconcile; waiting takes no time."""
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


def nothing(_functions: AllFunctions) -> None:
    pass


def receive_an_order(functions: AllFunctions) -> None:
    functions.receive(VALID)


def write_an_order(functions: AllFunctions) -> None:
    functions.consume(order(1))


def receive_deliveries_signed_with_another_secret(functions: AllFunctions) -> None:
    functions.receive(*[SIGNED_WITH_ANOTHER_SECRET] * 10)


def receive_an_order_that_the_webhook_user_may_not_read(functions: AllFunctions) -> None:
    functions.receive(WITHOUT_PERMISSION)


def receive_a_delivery_of_a_staging_site(functions: AllFunctions) -> None:
    """It has the store's secret, but its address is not recorded."""
    secrets = boto3.client("secretsmanager")
    stored = json.dumps({"current": SECRET, "sources": ["shop.example"]})
    recorded = secrets.create_secret(Name="with-sources", SecretString=stored)["ARN"]
    with functions.patch.context() as patch:
        patch.setattr(ingest, "secret", Secret(secrets, recorded))
        functions.receive(VALID)


def reconcile_with_a_disabled_webhook(functions: AllFunctions) -> None:
    next(iter(functions.shop.hooks.webhooks.values())).status = "disabled"
    functions.reconcile()


def run_reconcile(functions: AllFunctions) -> None:
    functions.reconcile()


def reconcile_with_an_unreadable_order(functions: AllFunctions) -> None:
    functions.shop.damage(f"order:{functions.shop.place()}")
    functions.reconcile()


def reconcile_after_the_order_is_readable(functions: AllFunctions) -> None:
    functions.shop.damaged.clear()
    functions.reconcile()


def reconcile_with_a_deleted_store_key(functions: AllFunctions) -> None:
    keys = dict(functions.shop.keys)
    functions.shop.keys.clear()
    functions.reconcile()
    functions.shop.keys.update(keys)


def run_the_governor(functions: AllFunctions) -> None:
    functions.govern()


def probe_with_a_refused_token(functions: AllFunctions) -> None:
    functions.breaker(State("open", "outage", "…", resume=False))
    functions.fault(status=401)
    functions.govern()


def probe_with_an_accepted_token(functions: AllFunctions) -> None:
    functions.portal.faults.clear()
    functions.breaker(State())  # closed a minute ago: in that minute the governor still reports the refusal
    functions.govern()


def probe_with_an_invalid_mapping(functions: AllFunctions) -> None:
    boto3.client("s3").put_object(Bucket="configuration", Key="mapping.toml", Body=BROKEN.encode())
    functions.breaker(State("open", "config", "…", resume=False))
    functions.govern()


def probe_with_a_repaired_mapping(functions: AllFunctions) -> None:
    boto3.client("s3").delete_object(Bucket="configuration", Key="mapping.toml")
    functions.breaker(State())
    functions.govern()


def probe_during_a_pause_that_hubspot_asked_for(functions: AllFunctions) -> None:
    functions.breaker(State("open", "migration", "…", until=time.time() + HOUR))
    functions.govern()


def probe_after_the_pause(functions: AllFunctions) -> None:
    functions.breaker(State("open", "migration", "…", resume=False))
    functions.govern()


def consume_with_a_bug(functions: AllFunctions) -> None:
    consumer = cold_start("consumer")
    functions.patch.setattr(consumer.sync, "sync", lambda _messages: 1 / 0)
    consumer.lambda_handler(records(order(1)), CONTEXT)


def set_the_time_to_20_minutes_after_receipt(functions: AllFunctions) -> None:
    functions.patch.setattr(telemetry, "time", SimpleNamespace(time=lambda: START_MS / 1000 + 1200))


def consume_while_deals_cannot_be_created(functions: AllFunctions) -> None:
    set_the_time_to_20_minutes_after_receipt(functions)
    functions.fault(status=503, path="/deals/batch/create")
    functions.consume(order(1))
    functions.portal.faults.clear()


def consume_while_every_second_call_gets_429(functions: AllFunctions) -> None:
    functions.fault(status=429, retry_after="0.01", probability=0.5)
    functions.consume(order(1))
    functions.portal.faults.clear()


def consume_near_the_daily_limit(functions: AllFunctions) -> None:
    functions.portal.settings = replace(functions.portal.settings, requests_per_day=1000)
    functions.portal.limits.admit(functions.portal.settings, search=False)  # starts the day
    functions.portal.limits.used_today = 940
    functions.consume(order(1))
    functions.portal.limits.used_today = 0


def consume_twenty_orders_that_hubspot_rejects(functions: AllFunctions) -> None:
    functions.consume(*(order(number, total="a lot") for number in range(1, 21)))


def receive_a_hundred_unsigned_requests(_functions: AllFunctions) -> None:
    for _ in range(100):
        ingest.lambda_handler({"headers": {}, "body": "{}"}, None)


class Reported:
    """Values of a metric that AWS reports, not woohub."""

    def __init__(self, *values: float) -> None:
        self.values = list(values)


Event = Callable[[AllFunctions], None] | Reported
EVENTS: dict[str, tuple[Event, Event]] = {  # alarm: what makes it fire, what clears it
    "IngestReleaseAlarm": (Reported(1), Reported(0)),
    "ConsumerReleaseAlarm": (Reported(1), Reported(0)),
    "SilenceAlarm": (nothing, receive_an_order),
    "SecretMismatchAlarm": (receive_deliveries_signed_with_another_secret, receive_an_order),
    "SignatureAlarm": (receive_deliveries_signed_with_another_secret, receive_an_order),
    "ForeignSourceAlarm": (receive_a_delivery_of_a_staging_site, receive_an_order),
    "ApiErrorsAlarm": (Reported(1), Reported(0)),
    "LostEventAlarm": (receive_an_order_that_the_webhook_user_may_not_read, receive_an_order),
    "WebhookAlarm": (reconcile_with_a_disabled_webhook, run_reconcile),
    "StoreRecordUnreadableAlarm": (reconcile_with_an_unreadable_order, reconcile_after_the_order_is_readable),
    "SweepAlarm": (reconcile_with_a_deleted_store_key, run_reconcile),
    "HubSpotAuthAlarm": (probe_with_a_refused_token, probe_with_an_accepted_token),
    "ConfigurationAlarm": (probe_with_an_invalid_mapping, probe_with_a_repaired_mapping),
    "BreakerAlarm": (probe_during_a_pause_that_hubspot_asked_for, probe_after_the_pause),
    "BacklogAlarm": (Reported(60, 901), Reported(3)),
    "RetriesAlarm": (consume_while_deals_cannot_be_created, write_an_order),
    "ConsumerErrorsAlarm": (Reported(1), Reported(0)),
    "FaultAlarm": (consume_with_a_bug, write_an_order),
    "RateLimitAlarm": (consume_while_every_second_call_gets_429, write_an_order),
    "DailyLimitAlarm": (consume_near_the_daily_limit, write_an_order),
    "DeadLetterQueueAlarm": (Reported(0, 1), Reported(0)),
    "RejectionsAlarm": (consume_twenty_orders_that_hubspot_rejects, write_an_order),
    "GovernorAlarm": (nothing, run_the_governor),
}
AWS_NAMESPACES = ("AWS/SQS", "AWS/Lambda", "AWS/ApiGateway")


def values(functions: AllFunctions, event: Event, metric: Metric) -> list[float]:
    """The values of a metric in the period of this event."""
    return event.values if isinstance(event, Reported) else functions.metrics_of(event).get(metric, [])


@pytest.mark.parametrize("name", ALARMS)
def test_each_alarm_fires_on_its_problem_and_clears_afterwards(name: str, functions: AllFunctions) -> None:
    alarm, (problem, recovery) = ALARMS[name], EVENTS[name]

    bad = [values(functions, problem, alarm.metric)] * alarm.periods
    good = [values(functions, recovery, alarm.metric)] * alarm.periods

    assert alarm.state(*bad) == "ALARM"
    assert alarm.state(*good, before="ALARM") == "OK"
    assert bad[0] or good[0], "no function writes this metric with these dimensions"


@pytest.mark.parametrize("name", ALARMS)
def test_only_metrics_reported_by_aws_have_given_values(name: str) -> None:
    problem, recovery = EVENTS[name]

    assert isinstance(problem, Reported) == isinstance(recovery, Reported) == (ALARMS[name].metric[0] in AWS_NAMESPACES)


def test_secret_mismatch_alarm_stays_ok_when_one_of_two_deliveries_has_a_valid_signature(
    functions: AllFunctions,
) -> None:
    alarm = ALARMS["SecretMismatchAlarm"]

    values = functions.metrics_of(lambda functions: functions.receive(SIGNED_WITH_ANOTHER_SECRET, VALID))

    assert alarm.state(values[alarm.metric]) == "OK"


def receive_the_test_delivery_of_setup(_functions: AllFunctions) -> None:
    headers = {"X-WC-Webhook-Signature": signatures.sign(PROBE.body, SECRET), "X-WC-Webhook-Topic": PROBE.topic}
    answer = ingest.lambda_handler({"headers": headers, "body": PROBE.body.decode()}, None)
    assert answer["statusCode"] == 200


def test_the_test_delivery_of_setup_writes_no_metric_of_the_secret_mismatch_alarm(functions: AllFunctions) -> None:
    assert ALARMS["SecretMismatchAlarm"].metric not in functions.metrics_of(receive_the_test_delivery_of_setup)


def test_auth_alarm_fires_when_deal_writes_get_403_although_the_probe_succeeds(
    functions: AllFunctions,
) -> None:
    alarm = ALARMS["HubSpotAuthAlarm"]
    functions.fault(status=403, path="/deals/batch/create")

    def consume_and_probe(functions: AllFunctions) -> None:
        functions.consume(order(1))
        functions.govern()

    assert alarm.state(functions.metrics_of(consume_and_probe)[alarm.metric]) == "ALARM"


def test_a_hundred_requests_without_a_signature_fire_no_alarm(functions: AllFunctions) -> None:
    values = functions.metrics_of(receive_a_hundred_unsigned_requests)

    firing = {
        name
        for name, alarm in ALARMS.items()
        if alarm.metric in values and alarm.state(values[alarm.metric]) == "ALARM"
    }
    assert firing == set()


def test_secret_mismatch_alarm_stays_in_alarm_without_data() -> None:
    assert ALARMS["SecretMismatchAlarm"].state([], before="ALARM") == "ALARM"


def test_breaker_alarm_stays_in_alarm_without_data() -> None:
    assert ALARMS["BreakerAlarm"].state(*[[]] * 5, before="ALARM") == "ALARM"


def test_breaker_alarm_stays_ok_when_the_breaker_is_open_for_two_minutes() -> None:
    assert ALARMS["BreakerAlarm"].state([0], [1], [1], [0], [0]) == "OK"


def test_auth_alarm_fires_after_one_minute_with_a_refused_token() -> None:
    assert ALARMS["HubSpotAuthAlarm"].state([0], [0], [0], [0], [1]) == "ALARM"


@pytest.mark.parametrize(("errors", "state"), [([[1], [0], [0]], "OK"), ([[1], [0], [1]], "ALARM")])
def test_consumer_errors_alarm_fires_on_two_errors_in_three_periods(errors: list[list[float]], state: str) -> None:
    assert ALARMS["ConsumerErrorsAlarm"].state(*errors) == state


def ages_at_retries(receive_delay_s: float) -> Iterator[float]:
    """The ages in seconds at which a failing delivery is handed back, if each receive is this late."""
    age, receives = 0.0, 1
    while True:
        yield age
        resent = receives == RESEND_RECEIVES
        age += receive_delay_s + (LONGEST_SEND_DELAY_S if resent else backoff(receives))
        receives = 1 if resent else receives + 1


@pytest.mark.parametrize("receive_delay_s", [0.0, 30.0, 60.0])
@pytest.mark.parametrize("first_try_s", range(0, 900, 60))  # seconds from the start of a period
def test_retries_alarm_fires_within_an_hour_and_all_day_for_a_delivery_that_is_always_retried(
    receive_delay_s: float, first_try_s: int
) -> None:
    alarm, period = ALARMS["RetriesAlarm"], RESOURCES["RetriesAlarm"]["Properties"]["Period"]
    ages = list(takewhile(lambda age: age < DAY, ages_at_retries(receive_delay_s)))
    periods = [
        [1000 * age for age in ages if (first_try_s + age) // period == number] for number in range(DAY // period)
    ]

    states = [alarm.state(*periods[: number + 1]) for number in range(len(periods))]

    assert set(states[HOUR // period - 1 :]) == {"ALARM"}


def test_retries_alarm_stays_ok_after_one_retry_of_an_old_delivery() -> None:
    assert ALARMS["RetriesAlarm"].state([], [36_000_000], []) == "OK"


def consume_an_old_order_with_a_revoked_token(functions: AllFunctions) -> None:
    set_the_time_to_20_minutes_after_receipt(functions)
    functions.fault(status=401)
    functions.consume(order(1))


def test_a_delivery_handed_back_because_of_the_breaker_reports_no_retried_age(functions: AllFunctions) -> None:
    values = functions.metrics_of(consume_an_old_order_with_a_revoked_token)

    assert [name for _, name, _ in values if name in ("Retried", "RetriedAge")] == ["Retried"]


def test_silence_alarm_fires_only_after_its_full_period_without_orders() -> None:
    alarm = ALARMS["SilenceAlarm"]

    assert alarm.state([1], *[[]] * (alarm.periods - 1)) == "OK"
    assert alarm.state([1], *[[]] * alarm.periods) == "ALARM"


def every_event(functions: AllFunctions) -> None:
    for event in dict.fromkeys(event for pair in EVENTS.values() for event in pair):
        if not isinstance(event, Reported):
            event(functions)
    functions.receive(WITHOUT_ID)
    receive_a_hundred_unsigned_requests(functions)
    functions.consume(order(1, status="checkout-draft"))
    for fault in ({"status": 503}, {"kind": "reset"}, {"status": 401}):
        functions.fault(**fault)
        functions.consume(order(2))
        functions.portal.faults.clear()
    functions.shop.place()
    functions.reconcile()
    functions.shop.faults.add(InjectedFault(status=503))
    functions.reconcile()


def test_each_dashboard_metric_is_written_by_a_function(functions: AllFunctions) -> None:
    values = functions.metrics_of(every_event)

    assert {metric for metric in on_dashboard() if metric[0] == "WooHub"} - set(values) == set()
