"""Write events/: what Lambda hands to the functions, made of deliveries captured from a real store.

    python -m generators.events

The signatures are the store's own, made with the secret "lab-secret".
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support.deliveries import SECRET, Captured, delivery
from woohub.delivery import messages, signatures, topics
from woohub.delivery.delivery import Delivery

FOLDER = Path(__file__).parents[2] / "events"
PATH = "/webhooks/woocommerce"


def ingest_event(captured: Captured, body: bytes | None = None) -> dict[str, Any]:
    """Return the event that API Gateway makes of a captured request; `body` replaces the signed body."""
    return {
        "resource": PATH,
        "path": PATH,
        "httpMethod": "POST",
        "headers": dict(captured.headers),
        "multiValueHeaders": {name: [value] for name, value in captured.headers.items()},
        "queryStringParameters": None,
        "requestContext": {"resourcePath": PATH, "path": f"/live{PATH}", "httpMethod": "POST", "stage": "live"},
        "body": (captured.body if body is None else body).decode(),
        "isBase64Encoded": False,
    }


def queued(captured: Captured) -> Delivery:
    """Return the delivery as ingest queues it, received when the store sent it."""
    received_ms = int(datetime.fromisoformat(captured.received).timestamp() * 1000)
    verified, _ = signatures.verify(captured.headers, captured.body, {"current": SECRET}, received_ms=received_ms)
    return topics.identify(verified)


def consumer_record(message: dict[str, Any], message_id: str, *, receive_count: int = 1) -> dict[str, Any]:
    """Return the record that Lambda makes of a message (arguments of SendMessage)."""
    return {
        "messageId": message_id,
        "receiptHandle": f"receipt-of-{message_id}",
        "body": message["MessageBody"],
        "attributes": {"ApproximateReceiveCount": str(receive_count), "SentTimestamp": "1795473681000"},
        "messageAttributes": {
            name: {"stringValue": attribute["StringValue"], "dataType": attribute["DataType"]}
            for name, attribute in message.get("MessageAttributes", {}).items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:deliveries",
        "awsRegion": "eu-west-1",
    }


def consumer_batch(*deliveries: Delivery) -> dict[str, Any]:
    """Return a batch of deliveries as Lambda passes it to the consumer."""
    sent = [messages.to_sqs(delivery) for delivery in deliveries]
    return {"Records": [consumer_record(message, f"message-{n}") for n, message in enumerate(sent, start=1)]}


def poisoned(delivery: Delivery) -> Delivery:
    """Return the order with a total that is no number."""
    return replace(delivery, body=re.sub(rb'"total":"[^"]*"', b'"total":"39,98 EUR"', delivery.body, count=1))


def schedule() -> dict[str, Any]:
    """Return the event that EventBridge passes to governor and reconcile. Neither reads it."""
    rule = "arn:aws:events:eu-west-1:123456789012:rule/woohub-every-minute"
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2026-11-25T12:00:00Z",
        "region": "eu-west-1",
        "resources": [rule],
        "detail": {},
    }


def events() -> dict[str, dict[str, Any]]:
    """Return every event by the name of its file."""
    order = delivery(19)
    return {
        "ingest-order-created": ingest_event(order),
        "ingest-order-updated": ingest_event(delivery(64)),
        "ingest-order-deleted": ingest_event(delivery(78)),
        "ingest-order-restored": ingest_event(delivery(79)),
        "ingest-customer-created": ingest_event(delivery(8)),
        "ingest-customer-updated": ingest_event(delivery(12)),
        "ingest-customer-deleted": ingest_event(delivery(89)),
        "ingest-ping": ingest_event(delivery(1)),
        "ingest-forged": ingest_event(order, order.body.replace(b'"total":"', b'"total":"9', 1)),
        "ingest-error-body": ingest_event(delivery(117)),
        "consumer-batch": consumer_batch(*(queued(delivery(nr)) for nr in (8, 19, 20, 64, 21, 84, 78))),
        "consumer-bad-record": consumer_batch(
            queued(delivery(8)), poisoned(queued(delivery(93))), queued(delivery(19))
        ),
        "schedule": schedule(),
    }


def text(event: dict[str, Any]) -> str:
    """Return an event as its file contains it."""
    return json.dumps(event, indent=2) + "\n"


if __name__ == "__main__":
    for name, event in events().items():
        (FOLDER / f"{name}.json").write_text(text(event), encoding="utf-8")
