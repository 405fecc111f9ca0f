"""The ingest function's log lines and metrics."""

from __future__ import annotations

import json
from typing import Any

from functions.ingest import app
from generators.events import ingest_event
from tests.support.deliveries import SECRET, captured, delivery
from tests.support.ingest import Ingest, directive
from woohub.delivery import signatures
from woohub.delivery.ingest import log_line
from woohub.metrics import DELIVERY_ACCEPTED


def test_a_delivery_is_logged_in_one_line_with_its_facts(ingest: Ingest) -> None:
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


def test_a_log_line_holds_the_metric_in_embedded_metric_format(ingest: Ingest) -> None:
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


def test_metric_details_are_counted_only_if_unusual_or_requested() -> None:
    def dimensions(*, detailed: bool, **facts: str) -> Any:
        line = log_line(DELIVERY_ACCEPTED, facts, service="shop", namespace="WooHub", now_ms=1, detailed=detailed)
        return json.loads(line)["_aws"]["CloudWatchMetrics"][0]["Dimensions"]

    usual = {"signed_with": "current", "encoding": "plain"}
    assert dimensions(detailed=False, **usual) == [["service"]]
    assert dimensions(detailed=False, **usual | {"encoding": "trimmed"}) == [["service"], ["service", "encoding"]]
    assert dimensions(detailed=True, **usual) == [["service"], ["service", "signed_with"], ["service", "encoding"]]


def test_log_and_responses_show_no_personal_data_or_secrets(ingest: Ingest) -> None:
    sent = delivery(19)
    forged = ingest_event(sent, b"forged")

    answers = [app.lambda_handler(event, None)["body"] for event in (*map(ingest_event, captured()), forged)]

    printed = "".join([*answers, ingest.stdout.readouterr().out])
    billing = sent.payload["billing"]
    private = [SECRET, billing["email"], billing["phone"], billing["address_1"], signatures.sign(b"forged", SECRET)]
    assert [text for text in private if text in printed] == []
