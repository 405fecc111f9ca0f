"""The ingest function: captured deliveries, API Gateway's events, outages and the sample events."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.ingest import app
from generators.events import events, ingest_event
from tests.support.deliveries import SECRET, captured, delivery
from tests.support.ingest import OUTAGES, FailingClient, Ingest, directive, order_event
from woohub.delivery import signatures
from woohub.settings import Secret

EVENTS = Path(__file__).parents[2] / "events"
QUEUED_TOPICS = {f"order.{event}" for event in ("created", "updated", "deleted", "restored")} | {
    f"customer.{event}" for event in ("created", "updated", "deleted")
}
WITHOUT_RECORD = (112, 115, 117, 119, 158, 159, 247, 248, 249, 250)  # signed, but without an order or customer


@pytest.mark.parametrize("sent", [line for line in captured() if line.secret == SECRET], ids=lambda sent: f"{sent.nr}")
def test_a_captured_delivery_is_answered_200_and_queued_if_it_has_an_order_or_customer(
    ingest: Ingest, sent: Any
) -> None:
    status = ingest.send(ingest_event(sent))

    expected = [] if sent.nr in WITHOUT_RECORD else [(sent.topic, sent.body)]
    assert status == 200
    assert [(queued.topic, queued.body) for queued in ingest.queue()] == expected


def test_captured_deliveries_cover_every_queued_topic() -> None:
    assert {line.topic for line in captured() if line.nr not in WITHOUT_RECORD} >= QUEUED_TOPICS


def test_a_queued_delivery_keeps_its_entity_source_id_and_signature(ingest: Ingest) -> None:
    sent = delivery(43)

    ingest.send(ingest_event(sent))

    (queued,) = ingest.queue()
    assert (queued.entity, queued.source) == ("order:28", "http://127.0.0.1:8899/")
    assert queued.delivery_id == sent.headers["X-WC-Webhook-Delivery-ID"]
    assert signatures.sign(queued.body, SECRET) == queued.signature


@pytest.mark.parametrize(
    "sent", [line for line in captured() if line.secret == "unsigned"], ids=lambda sent: f"{sent.nr}"
)
def test_a_ping_is_answered_200_and_not_queued(ingest: Ingest, sent: Any) -> None:
    assert ingest.send(ingest_event(sent)) == 200
    assert ingest.queue() == []
    assert ingest.outcomes() == ["Ping"]


def test_a_ping_is_answered_200_without_secrets_manager(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "secret", Secret(FailingClient(OUTAGES[2]), "arn"))  # type: ignore[arg-type]

    assert ingest.send(ingest_event(delivery(1))) == 200


def test_an_http_api_event_with_a_base64_body_is_accepted(ingest: Ingest) -> None:
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
    assert [queued.body for queued in ingest.queue()] == [sent.body]


def test_a_base64_ping_is_answered_as_a_ping(ingest: Ingest) -> None:
    event = ingest_event(delivery(1)) | {"body": base64.b64encode(delivery(1).body).decode(), "isBase64Encoded": True}

    assert ingest.send(event) == 200
    assert ingest.outcomes() == ["Ping"]


@pytest.mark.parametrize(
    "body", ["*", "eA", "é", "eA==\n"], ids=["not base64", "truncated", "not ascii", "trailing newline"]
)
def test_an_invalid_base64_body_is_answered_400(ingest: Ingest, body: str) -> None:
    assert ingest.send({"headers": {}, "body": body, "isBase64Encoded": True}) == 400
    assert ingest.outcomes() == ["MalformedRequest"]


@pytest.mark.parametrize("event", [{}, {"headers": None, "body": None}, {"headers": {}, "body": ""}])
def test_an_empty_request_is_answered_401(ingest: Ingest, event: dict[str, Any]) -> None:
    assert ingest.send(event) == 401


@pytest.mark.parametrize("items", [20_000, 300_000])
def test_a_large_order_is_queued_unchanged(ingest: Ingest, items: int) -> None:
    event = order_event(line_items=["a line item"] * items)

    assert ingest.send(event) == 200
    assert [queued.body.decode() for queued in ingest.queue()] == [event["body"]]


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
def test_a_delivery_without_record_is_logged_and_counted_by_cause(
    ingest: Ingest, nr: int, metric: str, cause: str
) -> None:
    assert ingest.send(ingest_event(delivery(nr))) == 200
    (line,) = ingest.log()
    assert (line[metric], line["cause"]) == (1, cause)
    assert ["service", "cause"] in directive(line)["Dimensions"]


DENSE = random.Random(0).randbytes(1_000_000).hex() + random.Random(1).randbytes(1_000_000).hex()  # noqa: S311


def test_an_order_too_large_to_compress_is_queued_without_meta_data_and_counted(ingest: Ingest) -> None:
    assert ingest.send(order_event(meta_data=[DENSE])) == 200
    assert [json.loads(queued.body) for queued in ingest.queue()] == [{"id": 1, "status": "processing"}]
    (line,) = ingest.log()
    assert line["encoding"] == "trimmed"
    assert ["service", "encoding"] in directive(line)["Dimensions"]


def test_an_order_that_fits_no_message_is_a_lost_event(ingest: Ingest) -> None:
    assert ingest.send(order_event(plugin=[DENSE])) == 200  # in a field that is not trimmed
    assert ingest.queue() == []
    assert ingest.outcomes() == ["LostEvent"]


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: str(error)[:60])
def test_ingest_answers_503_when_sqs_fails(ingest: Ingest, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(app, "sqs", FailingClient(error))

    assert ingest.send(ingest_event(delivery(19))) == 503
    assert ingest.outcomes() == ["QueueUnavailable"]


def test_ingest_answers_503_when_sqs_cannot_be_reached(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    once = Config(retries={"total_max_attempts": 1})
    unreachable = boto3.client("sqs", endpoint_url="http://127.0.0.1:1", config=once)
    monkeypatch.setattr(app, "sqs", unreachable)

    assert ingest.send(ingest_event(delivery(19))) == 503


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: str(error)[:60])
def test_ingest_answers_503_when_secrets_manager_fails(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(app, "secret", Secret(FailingClient(error), "arn"))  # type: ignore[arg-type]

    assert ingest.send(ingest_event(delivery(19))) == 503
    assert ingest.outcomes() == ["SecretUnavailable"]


@pytest.mark.parametrize("client", [app.sqs, app.secret._client])
def test_calls_to_aws_time_out_after_1_s_and_2_s_with_three_attempts(client: Any) -> None:
    config = client.meta.config

    assert (config.connect_timeout, config.read_timeout) == (1, 2)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


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
def test_any_request_is_answered_200_400_or_401(ingest: Ingest, event: dict[str, Any]) -> None:
    assert ingest.send(event) in {200, 400, 401}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from([f"X-WC-Webhook-{name}" for name in ("Topic", "ID", "Source", "Event")]), junk),
    st.binary() | st.from_regex(rb'\{"id":[0-9]{1,3}(,"status":"[a-z]*")?\}', fullmatch=True),
)
def test_any_signed_request_is_answered_200(ingest: Ingest, headers: dict[str, Any], body: bytes) -> None:
    headers = headers | {"X-WC-Webhook-Signature": signatures.sign(body, SECRET)}

    status = ingest.send({"headers": headers, "body": base64.b64encode(body).decode(), "isBase64Encoded": True})

    assert status == 200


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
def test_the_sample_events_get_their_statuses(ingest: Ingest, name: str, status: int) -> None:
    event = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))

    assert ingest.send(event) == status


def test_the_sample_events_are_those_of_the_generator() -> None:
    written = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in EVENTS.glob("*.json")}

    assert written == events()


def test_a_queued_message_carries_the_trace_of_the_api(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 sends the header if Lambda has set these variables; SQS passes it to the consumer."""
    sent: list[Any] = []
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "ingest")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
    ingest.sqs.meta.events.register("before-call.sqs.SendMessage", lambda params, **_: sent.append(params["headers"]))

    ingest.send(ingest_event(delivery(19)))

    assert [headers["X-Amzn-Trace-Id"].partition(";")[0] for headers in sent] == [
        "Root=1-5759e988-bd862e3fe1be46a994272793"
    ]


def test_ingest_imports_no_modules_of_the_consumer() -> None:
    command = [sys.executable, "-c", "import sys, functions.ingest.app; print(*sys.modules)"]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()  # noqa: S603

    assert "woohub.delivery.signatures" in modules
    assert {"pydantic", "aws_lambda_powertools", "woohub.hubspot", "woohub.store.payloads"}.isdisjoint(modules)
