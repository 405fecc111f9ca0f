from __future__ import annotations

import base64
import hmac
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from functions.ingest import app
from generators.events import events, ingest_event
from tests.support.deliveries import SECRET, captured, delivery
from woohub.delivery import messages, signatures, topics
from woohub.delivery.delivery import Delivery
from woohub.delivery.ingest import log_line
from woohub.delivery.store_secrets import StoreSecrets
from woohub.metrics import DELIVERY_ACCEPTED
from woohub.settings import Secret

EVENTS = Path(__file__).parents[2] / "events"
QUEUED_TOPICS = {f"order.{event}" for event in ("created", "updated", "deleted", "restored")} | {
    f"customer.{event}" for event in ("created", "updated", "deleted")
}
ACCIDENTS = (112, 115, 117, 119, 158, 159, 247, 248, 249, 250)  # signed, but no orders or customers


@dataclass
class Ingest:
    """The function in an AWS of its own, and what it leaves there."""

    stdout: pytest.CaptureFixture[str]
    sqs: Any = field(default_factory=lambda: app.sqs)  # of today's module: other tests start the function anew
    secrets: Any = field(default_factory=lambda: app.secret._client)

    def store_secret(self, **secrets: Any) -> None:
        self.secrets.put_secret_value(SecretId=app.settings.webhook_secret_arn, SecretString=json.dumps(secrets))

    def send(self, event: dict[str, Any]) -> int:
        """The status of the answer, once it was checked to be one that API Gateway accepts."""
        answer = app.lambda_handler(event, None)
        assert answer["headers"] == {"Content-Type": "application/json"}
        assert json.loads(answer["body"])["message"]
        status: int = answer["statusCode"]
        return status

    def queue(self) -> list[Delivery]:
        queued = []
        while batch := self.sqs.receive_message(
            QueueUrl=app.settings.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            queued += [messages.from_sqs(m["Body"], messages.flat_attributes(m["MessageAttributes"])) for m in batch]
        return queued

    def log(self) -> list[dict[str, Any]]:
        """The lines logged since the last look."""
        return [json.loads(line) for line in self.stdout.readouterr().out.splitlines()]

    def outcomes(self) -> list[str]:
        """The metrics counted since the last look."""
        return [metric["Name"] for line in self.log() for metric in directive(line)["Metrics"] if line[metric["Name"]]]


def directive(line: dict[str, Any]) -> dict[str, Any]:
    """What CloudWatch reads as the outcome's metric in a line of the log."""
    directive: dict[str, Any] = line["_aws"]["CloudWatchMetrics"][0]
    return directive


@pytest.fixture
def ingest(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Ingest]:
    with mock_aws():
        the_function = Ingest(capsys)
        the_function.sqs.create_queue(QueueName="deliveries")
        the_function.secrets.create_secret(
            Name=app.settings.webhook_secret_arn, SecretString=json.dumps({"current": SECRET})
        )
        # A fresh cache, as in a new execution environment.
        monkeypatch.setattr(app, "secret", Secret(the_function.secrets, app.settings.webhook_secret_arn))
        monkeypatch.setattr(app, "store_secrets", StoreSecrets(app.secret_of))
        yield the_function


class Failing:
    """A client whose every call fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def send_message(self, **_: Any) -> Any:
        raise self.error

    def get_secret_value(self, **_: Any) -> Any:
        raise self.error


ENDPOINT = "https://sqs.eu-west-1.amazonaws.com"
OUTAGES = [
    ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "no"}}, "SendMessage"),
    ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessage"),
    EndpointConnectionError(endpoint_url=ENDPOINT),
    ConnectTimeoutError(endpoint_url=ENDPOINT),
    ReadTimeoutError(endpoint_url=ENDPOINT),
]


def an_order_with(*, secret: str = SECRET, **fields: Any) -> dict[str, Any]:
    body = json.dumps({"id": 1, "status": "processing", **fields}).encode()
    headers = {"X-WC-Webhook-Topic": "order.created", "X-WC-Webhook-Signature": signatures.sign(body, secret)}
    return {"headers": headers, "body": body.decode()}


# What a real store sends


@pytest.mark.parametrize("sent", [line for line in captured() if line.secret == SECRET], ids=lambda sent: f"{sent.nr}")
def test_a_real_delivery_is_answered_200_and_queued_if_it_is_an_entity(ingest: Ingest, sent: Any) -> None:
    status = ingest.send(ingest_event(sent))

    expected = [] if sent.nr in ACCIDENTS else [(sent.topic, sent.body)]
    assert status == 200
    assert [(queued.topic, queued.body) for queued in ingest.queue()] == expected


def test_the_captured_deliveries_cover_every_topic() -> None:
    assert {line.topic for line in captured() if line.nr not in ACCIDENTS} >= QUEUED_TOPICS


def test_a_queued_delivery_keeps_what_came_with_it(ingest: Ingest) -> None:
    sent = delivery(43)

    ingest.send(ingest_event(sent))

    (queued,) = ingest.queue()
    assert (queued.entity, queued.source) == ("order:28", "http://127.0.0.1:8899/")
    assert queued.delivery_id == sent.headers["X-WC-Webhook-Delivery-ID"]
    assert signatures.sign(queued.body, SECRET) == queued.signature


@pytest.mark.parametrize(
    "sent", [line for line in captured() if line.secret == "unsigned"], ids=lambda sent: f"{sent.nr}"
)
def test_a_ping_gets_exactly_200_and_is_not_queued(ingest: Ingest, sent: Any) -> None:
    assert ingest.send(ingest_event(sent)) == 200
    assert ingest.queue() == []
    assert ingest.outcomes() == ["Ping"]


def test_a_ping_needs_no_secret(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "secret", Secret(Failing(OUTAGES[2]), "arn"))  # type: ignore[arg-type]

    assert ingest.send(ingest_event(delivery(1))) == 200


# How API Gateway hands it over


def test_a_base64_body_is_decoded_before_its_signature_is_checked(ingest: Ingest) -> None:
    sent = delivery(19)
    event = ingest_event(sent) | {"body": base64.b64encode(sent.body).decode(), "isBase64Encoded": True}

    assert ingest.send(event) == 200
    assert [queued.body for queued in ingest.queue()] == [sent.body]


def test_an_http_api_event_is_understood(ingest: Ingest) -> None:
    sent = delivery(19)
    event = {
        "version": "2.0",
        "routeKey": "POST /webhooks/woocommerce",
        "headers": {name.lower(): value for name, value in sent.headers.items()},
        "requestContext": {"http": {"method": "POST"}},
        "body": base64.b64encode(sent.body).decode(),
        "isBase64Encoded": True,
    }

    assert ingest.send(event) == 200
    assert len(ingest.queue()) == 1


def test_a_ping_in_base64_is_a_ping(ingest: Ingest) -> None:
    event = ingest_event(delivery(1)) | {"body": base64.b64encode(delivery(1).body).decode(), "isBase64Encoded": True}

    assert ingest.send(event) == 200
    assert ingest.outcomes() == ["Ping"]


@pytest.mark.parametrize("body", ["*", "eA", "é", "eA==\n"], ids=["no base64", "cut short", "no ascii", "and more"])
def test_a_body_that_is_not_the_base64_it_claims_to_be_is_answered_400(ingest: Ingest, body: str) -> None:
    assert ingest.send({"headers": {}, "body": body, "isBase64Encoded": True}) == 400
    assert ingest.outcomes() == ["MalformedRequest"]


@pytest.mark.parametrize("event", [{}, {"headers": None, "body": None}, {"headers": {}, "body": ""}])
def test_an_empty_request_is_answered_401(ingest: Ingest, event: dict[str, Any]) -> None:
    assert ingest.send(event) == 401


@pytest.mark.parametrize("items", [20_000, 300_000])
def test_large_orders_are_queued_byte_for_byte(ingest: Ingest, items: int) -> None:
    event = an_order_with(line_items=["a line item"] * items)

    assert ingest.send(event) == 200
    assert [queued.body.decode() for queued in ingest.queue()] == [event["body"]]


# Whom it believes


def test_a_forged_delivery_is_refused_and_not_queued(ingest: Ingest) -> None:
    sent = delivery(19)

    assert ingest.send(ingest_event(sent, sent.body.replace(b'"total":"', b'"total":"9'))) == 401
    assert ingest.queue() == []
    assert ingest.outcomes() == ["SignatureInvalid"]


@pytest.mark.parametrize("nr", [121, 123, 125, 127])
def test_deliveries_signed_with_other_secrets_are_refused(ingest: Ingest, nr: int) -> None:
    assert ingest.send(ingest_event(delivery(nr))) == 401
    assert ingest.queue() == []


@pytest.mark.parametrize("secrets", [{}, {"current": ""}, {"current": "", "previous": ""}])
@pytest.mark.parametrize("nr", [19, 121])
def test_without_a_secret_everything_is_refused_with_an_error(ingest: Ingest, secrets: dict[str, str], nr: int) -> None:
    ingest.store_secret(**secrets)

    assert ingest.send(ingest_event(delivery(nr))) == 401
    assert ingest.queue() == []
    assert [(line["level"], line["status"]) for line in ingest.log()] == [("ERROR", 401), ("WARNING", 401)]


def test_a_secret_that_does_not_exist_refuses_everything(ingest: Ingest) -> None:
    ingest.secrets.delete_secret(SecretId=app.settings.webhook_secret_arn, ForceDeleteWithoutRecovery=True)

    assert ingest.send(ingest_event(delivery(19))) == 401


def test_the_previous_secret_is_still_valid_and_counted(ingest: Ingest) -> None:
    ingest.store_secret(current="a new one", previous=SECRET)

    assert ingest.send(ingest_event(delivery(19))) == 200
    (line,) = ingest.log()
    assert line["signed_with"] == "previous"
    assert ["service", "signed_with"] in directive(line)["Dimensions"]


def test_a_changed_secret_is_accepted_at_once(ingest: Ingest) -> None:
    assert ingest.send(an_order_with(total="1.00")) == 200
    ingest.store_secret(current="a new one")

    assert ingest.send(an_order_with(total="1.00", secret="a new one")) == 200


def signed_with_sha512() -> dict[str, Any]:
    """As a store signs whose plugin sets the filter `woocommerce_webhook_hash_algorithm`."""
    event = an_order_with(total="1.00")
    signature = base64.b64encode(hmac.digest(SECRET.encode(), event["body"].encode(), "sha512")).decode()
    return event | {"headers": event["headers"] | {"X-WC-Webhook-Signature": signature}}


def test_a_signature_of_another_algorithm_is_an_invalid_one_and_told(ingest: Ingest) -> None:
    assert ingest.send(signed_with_sha512()) == 401

    (line,) = ingest.log()
    assert line["SignatureInvalid"] == 1
    assert "woocommerce_webhook_hash_algorithm" in line["reason"]


def test_of_a_store_that_may_be_none_it_is_counted_for_the_stack_only(ingest: Ingest) -> None:
    assert ingest.send(signed_with_sha512() | {"pathParameters": {"store": "invented"}}) == 401

    (line,) = ingest.log()
    assert directive(line)["Dimensions"] == [["service"]]
    assert "SignatureMatch" not in line


def test_unsigned_requests_cost_no_call_to_secrets_manager(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "secret", Secret(Failing(OUTAGES[2]), "arn"))  # type: ignore[arg-type]

    assert ingest.send({"headers": {"X-WC-Webhook-Topic": "order.created"}, "body": "{}"}) == 401


@pytest.mark.parametrize(
    ("event", "matches"),
    [
        (ingest_event(delivery(19)), [1]),
        (ingest_event(delivery(117)), [1]),
        (ingest_event(delivery(121)), [0]),
        (signed_with_sha512(), [0]),
        ({"headers": {}, "body": "{}"}, []),
        (ingest_event(delivery(1)), []),
    ],
    ids=["an order", "an accident", "another secret", "another algorithm", "no signature", "a ping"],
)
def test_whether_the_secrets_agree_is_counted_for_what_is_signed(
    ingest: Ingest, event: dict[str, Any], matches: list[int]
) -> None:
    ingest.send(event)

    assert [line["SignatureMatch"] for line in ingest.log() if "SignatureMatch" in line] == matches


# What is authentic, but nothing to queue


@pytest.mark.parametrize(
    ("nr", "metric", "cause"),
    [
        (112, "NotAnEntity", "woocommerce_rest_shop_order_invalid_id"),
        (115, "NotAnEntity", "wc_user_invalid_id"),
        (158, "NotAnEntity", "unknown_topic"),
        (117, "LostEvent", "woocommerce_rest_cannot_view"),
        (247, "LostEvent", "rest_no_route"),
    ],
)
def test_an_accident_of_the_store_is_logged_and_counted_by_cause(
    ingest: Ingest, nr: int, metric: str, cause: str
) -> None:
    assert ingest.send(ingest_event(delivery(nr))) == 200
    (line,) = ingest.log()
    assert (line[metric], line["cause"]) == (1, cause)
    assert ["service", "cause"] in directive(line)["Dimensions"]


DENSE = random.Random(0).randbytes(1_000_000).hex() + random.Random(1).randbytes(1_000_000).hex()  # noqa: S311


def test_an_order_too_dense_for_a_message_is_queued_without_its_bulk_and_counted(ingest: Ingest) -> None:
    assert ingest.send(an_order_with(meta_data=[DENSE])) == 200
    assert [json.loads(queued.body) for queued in ingest.queue()] == [{"id": 1, "status": "processing"}]
    (line,) = ingest.log()
    assert line["encoding"] == "trimmed"
    assert ["service", "encoding"] in directive(line)["Dimensions"]


def test_an_order_that_fits_no_message_is_an_event_lost(ingest: Ingest) -> None:
    assert ingest.send(an_order_with(plugin=[DENSE])) == 200  # in a list, where nothing is cut
    assert ingest.queue() == []
    assert ingest.outcomes() == ["LostEvent"]


# Only the store speaks

LIVE, CLONE = "https://shop.example/", "https://staging.shop.example/"


def an_order_of(source: str | None, topic: str = "order.updated", body: bytes = b'{"id":4,"status":"x"}') -> Any:
    named = {} if source is None else {"X-WC-Webhook-Source": source}
    headers = {"X-WC-Webhook-Topic": topic, "X-WC-Webhook-Signature": signatures.sign(body, SECRET), **named}
    return {"headers": headers, "body": body.decode()}


@pytest.mark.parametrize("recorded", [[LIVE], ["shop.example"], ["https://old.example", "https://www.shop.example"]])
def test_a_delivery_of_a_staging_clone_is_answered_200_counted_and_not_queued(
    ingest: Ingest, recorded: list[str]
) -> None:
    ingest.store_secret(current=SECRET, sources=recorded)

    assert ingest.send(an_order_of(CLONE)) == 200
    assert ingest.queue() == []
    (line,) = ingest.log()
    assert (line["ForeignSource"], line["level"], line["source"]) == (1, "ERROR", CLONE)


@pytest.mark.parametrize(
    "source", [LIVE, "http://shop.example", "https://www.shop.example/", "https://SHOP.example:443//"]
)
def test_the_store_is_known_in_every_writing_of_its_address(ingest: Ingest, source: str) -> None:
    ingest.store_secret(current=SECRET, sources=[LIVE])

    assert ingest.send(an_order_of(source)) == 200
    assert [queued.source for queued in ingest.queue()] == [source]


@pytest.mark.parametrize("source", [None, ""])
def test_a_delivery_whose_source_was_taken_away_on_its_way_is_queued(ingest: Ingest, source: str | None) -> None:
    ingest.store_secret(current=SECRET, sources=[LIVE])

    ingest.send(an_order_of(source))

    assert ingest.outcomes() == ["DeliveryAccepted"]


@pytest.mark.parametrize("stored", [{}, {"sources": []}, {"sources": None}, {"sources": "https://shop.example"}])
def test_as_long_as_no_address_is_recorded_every_source_is_taken(ingest: Ingest, stored: dict[str, Any]) -> None:
    ingest.store_secret(current=SECRET, **stored)

    ingest.send(an_order_of(CLONE))

    assert ingest.outcomes() == ["DeliveryAccepted"]


def test_a_secret_that_is_plain_text_records_no_address(ingest: Ingest) -> None:
    ingest.secrets.put_secret_value(SecretId=app.settings.webhook_secret_arn, SecretString=SECRET)

    ingest.send(an_order_of(CLONE))

    assert ingest.outcomes() == ["DeliveryAccepted"]


def test_a_store_that_has_moved_is_known_as_soon_as_setup_has_run(ingest: Ingest) -> None:
    ingest.store_secret(current=SECRET, sources=["https://old.example"])
    assert ingest.send(an_order_of("https://old.example/")) == 200
    ingest.store_secret(current=SECRET, sources=[LIVE])

    ingest.send(an_order_of(LIVE))

    assert ingest.outcomes() == ["DeliveryAccepted"] * 2


def test_a_flood_of_a_clone_is_no_flood_of_calls_to_secrets_manager(ingest: Ingest) -> None:
    ingest.store_secret(current=SECRET, sources=[LIVE])
    calls: list[Any] = []
    ingest.secrets.meta.events.register("before-call.secretsmanager.GetSecretValue", lambda **call: calls.append(call))

    for _ in range(10):
        ingest.send(an_order_of(CLONE))

    assert ingest.outcomes() == ["ForeignSource"] * 10
    assert len(calls) == 2


def test_the_test_delivery_of_setup_and_doctor_is_no_other_sites(ingest: Ingest) -> None:
    ingest.store_secret(current=SECRET, sources=[LIVE])

    assert ingest.send(an_order_of(CLONE, topics.TEST_TOPIC, b"{}")) == 200
    assert ingest.outcomes() == ["NotAnEntity"]


def test_what_a_clone_cannot_read_is_no_event_lost(ingest: Ingest) -> None:
    ingest.store_secret(current=SECRET, sources=[LIVE])

    ingest.send(an_order_of(CLONE, body=delivery(117).body))

    assert ingest.outcomes() == ["ForeignSource"]


def test_a_clones_signature_says_nothing_about_the_secret_of_the_store(ingest: Ingest) -> None:
    ingest.store_secret(current=SECRET, sources=[LIVE])

    ingest.send(an_order_of(CLONE))

    assert ["SignatureMatch" in line for line in ingest.log()] == [False]


# Outages


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: str(error)[:60])
def test_a_queue_that_does_not_answer_gives_503(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(app, "sqs", Failing(error))

    assert ingest.send(ingest_event(delivery(19))) == 503
    assert ingest.outcomes() == ["QueueUnavailable"]


def test_a_queue_behind_a_closed_port_gives_503(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    once = Config(retries={"total_max_attempts": 1})
    unreachable = boto3.client("sqs", endpoint_url="http://127.0.0.1:1", config=once)
    monkeypatch.setattr(app, "sqs", unreachable)

    assert ingest.send(ingest_event(delivery(19))) == 503


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: str(error)[:60])
def test_a_secrets_manager_that_does_not_answer_gives_503(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(app, "secret", Secret(Failing(error), "arn"))  # type: ignore[arg-type]

    assert ingest.send(ingest_event(delivery(19))) == 503
    assert ingest.outcomes() == ["SecretUnavailable"]


@pytest.mark.parametrize("client", [app.sqs, app.secret._client])
def test_calls_to_aws_give_up_long_before_the_store_does(client: Any) -> None:
    config = client.meta.config

    assert (config.connect_timeout, config.read_timeout) == (1, 2)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


# Logs


def test_a_delivery_leaves_one_line_that_says_which_it_was(ingest: Ingest) -> None:
    ingest.send(ingest_event(delivery(19)))

    (line,) = ingest.log()
    assert line["message_id"]
    assert {name: line[name] for name in ("level", "message", "topic", "entity", "signed_with", "bytes")} == {
        "level": "INFO",
        "message": "queued",
        "topic": "order.created",
        "entity": "order:16",
        "signed_with": "current",
        "bytes": 2381,
    }


def test_metrics_are_what_cloudwatch_reads_from_a_line(ingest: Ingest) -> None:
    ingest.send(ingest_event(delivery(19)))

    (line,) = ingest.log()
    assert directive(line) == {
        "Namespace": "WooHub",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "DeliveryAccepted", "Unit": "Count"}],
    }
    assert line["DeliveryAccepted"] == 1
    assert {name: line[name] for name in ("service", "signed_with", "encoding")} == {
        "service": "woohub",
        "signed_with": "current",
        "encoding": "plain",
    }


def test_details_are_counted_only_where_they_are_unusual_or_asked_for() -> None:
    def dimensions(*, detailed: bool, **facts: str) -> Any:
        line = log_line(DELIVERY_ACCEPTED, facts, service="shop", namespace="WooHub", now_ms=1, detailed=detailed)
        return json.loads(line)["_aws"]["CloudWatchMetrics"][0]["Dimensions"]

    usual = {"signed_with": "current", "encoding": "plain"}
    assert dimensions(detailed=False, **usual) == [["service"]]
    assert dimensions(detailed=False, **usual | {"encoding": "trimmed"}) == [["service"], ["service", "encoding"]]
    assert dimensions(detailed=True, **usual) == [["service"], ["service", "signed_with"], ["service", "encoding"]]


def test_neither_log_nor_answers_show_personal_data_or_secrets(ingest: Ingest) -> None:
    sent = delivery(19)
    forged = ingest_event(sent, b"forged")

    answers = [app.lambda_handler(event, None)["body"] for event in (*map(ingest_event, captured()), forged)]

    printed = "".join([*answers, ingest.stdout.readouterr().out])
    billing = sent.payload["billing"]
    private = [SECRET, billing["email"], billing["phone"], billing["address_1"], signatures.sign(b"forged", SECRET)]
    assert [text for text in private if text in printed] == []


# Anything at all

junk = st.none() | st.booleans() | st.integers() | st.text(st.characters()) | st.lists(st.text()) | st.binary()
events_of_any_shape = st.dictionaries(st.text(), junk) | st.fixed_dictionaries(
    {},
    optional={
        "headers": junk | st.dictionaries(st.text() | st.just("X-WC-Webhook-Signature"), junk),
        "body": junk | st.just("webhook_id=1"),
        "isBase64Encoded": junk,
        "requestContext": junk,
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(events_of_any_shape)
def test_a_malformed_request_is_the_strangers_fault(ingest: Ingest, event: dict[str, Any]) -> None:
    assert ingest.send(event) in {200, 400, 401}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from([f"X-WC-Webhook-{name}" for name in ("Topic", "ID", "Source", "Event")]), junk),
    st.binary() | st.from_regex(rb'\{"id":[0-9]{1,3}(,"status":"[a-z]*")?\}', fullmatch=True),
)
def test_whatever_is_signed_is_answered_200(ingest: Ingest, headers: dict[str, Any], body: bytes) -> None:
    headers = headers | {"X-WC-Webhook-Signature": signatures.sign(body, SECRET)}

    status = ingest.send({"headers": headers, "body": base64.b64encode(body).decode(), "isBase64Encoded": True})

    assert status == 200


# The samples and the start


@pytest.mark.parametrize(
    ("name", "status"),
    [
        *[(f"ingest-order-{event}", 200) for event in ("created", "updated", "deleted", "restored")],
        *[(f"ingest-customer-{event}", 200) for event in ("created", "updated", "deleted")],
        ("ingest-ping", 200),
        ("ingest-error-body", 200),
        ("ingest-forged", 401),
    ],
)
def test_the_sample_events_are_answered(ingest: Ingest, name: str, status: int) -> None:
    event = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))

    assert ingest.send(event) == status


def test_the_sample_events_are_those_that_tools_events_writes() -> None:
    written = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in EVENTS.glob("*.json")}

    assert written == events()


def test_the_message_carries_the_trace_that_the_api_began(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQS hands the header on to the consumer; boto3 sends it by itself where Lambda has set these variables."""
    sent: list[Any] = []
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "ingest")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
    ingest.sqs.meta.events.register("before-call.sqs.SendMessage", lambda params, **_: sent.append(params["headers"]))

    ingest.send(ingest_event(delivery(19)))

    assert [headers["X-Amzn-Trace-Id"].partition(";")[0] for headers in sent] == [
        "Root=1-5759e988-bd862e3fe1be46a994272793"
    ]


def test_ingest_starts_without_what_only_the_consumer_needs() -> None:
    command = [sys.executable, "-c", "import sys, functions.ingest.app; print(*sys.modules)"]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()  # noqa: S603

    assert "woohub.delivery.signatures" in modules
    assert {"pydantic", "aws_lambda_powertools", "woohub.hubspot", "woohub.store.payloads"}.isdisjoint(modules)


# Several stores


def of_store(store: str, *, secret: str, **headers: str) -> dict[str, Any]:
    event = an_order_with(secret=secret)
    return event | {"headers": event["headers"] | headers, "pathParameters": {"store": store}}


@pytest.fixture
def second(ingest: Ingest) -> Ingest:
    """With another store, whose secret and address are its own."""
    text = json.dumps({"current": "secret of the second", "sources": ["second.example"]})
    ingest.secrets.create_secret(Name="woohub/stores/second/webhook", SecretString=text)
    return ingest


def test_a_delivery_of_another_store_is_queued_as_its_own(second: Ingest) -> None:
    assert second.send(of_store("second", secret="secret of the second")) == 200

    (queued,) = second.queue()
    assert (queued.store, queued.entity) == ("second", "order:1")


@pytest.mark.parametrize(
    ("store", "secret"), [("second", SECRET), ("third", "secret of the second"), ("first", SECRET)]
)
def test_a_delivery_that_its_store_did_not_sign_is_answered_401(second: Ingest, store: str, secret: str) -> None:
    assert second.send(of_store(store, secret=secret)) == 401
    assert second.queue() == []


def test_the_site_of_one_store_is_a_foreign_one_to_another(second: Ingest) -> None:
    source = {"X-WC-Webhook-Source": "https://first.example/"}

    second.send(of_store("second", secret="secret of the second", **source))

    assert second.outcomes()[:1] == ["ForeignSource"]


def test_no_store_hides_the_silence_of_another(second: Ingest) -> None:
    second.send(of_store("second", secret="secret of the second"))

    (line,) = second.log()
    assert line["store"] == "second"
    assert ["service"] not in directive(line)["Dimensions"]
    assert ["service", "store"] in directive(line)["Dimensions"]


def test_what_goes_wrong_at_another_store_counts_in_the_stacks_sum_too(second: Ingest) -> None:
    second.send(of_store("second", secret="wrong"))

    (line,) = second.log()
    assert directive(line)["Dimensions"] == [["service"], ["service", "store"]]


def test_an_invented_name_makes_no_metric_of_its_own(second: Ingest) -> None:
    second.send(of_store("invented", secret="wrong"))

    (line,) = second.log()
    assert metrics_in(line) == [{"Name": "SignatureInvalid", "Unit": "Count"}]
    assert directive(line)["Dimensions"] == [["service"]]


def metrics_in(line: dict[str, Any]) -> list[dict[str, str]]:
    return [metric for part in line["_aws"]["CloudWatchMetrics"] for metric in part["Metrics"]]
