"""Receive deliveries: check who sent them, see what they are about, put them on the queue.

A shop never sends a delivery again, and disables a webhook after a few answers other than 2xx. So what is authentic
gets 200 whatever it holds; 4xx is for strangers, and 503 says that the queue or the secret could not be reached.
"""

from __future__ import annotations

import base64
import json
import os
import time
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from woohub import messages, webhooks
from woohub.errors import InvalidMessage, NotAnEntity, SignatureError, Unavailable
from woohub.settings import IngestSettings, Secret, webhook_secrets

settings = IngestSettings.from_env(os.environ)
# Short, because the shop's next deliveries wait behind this one: three tries end within about ten seconds.
config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
sqs = boto3.client("sqs", config=config)
secret = Secret(boto3.client("secretsmanager", config=config), settings.webhook_secret_arn)
logger, metrics = Logger(), Metrics()

OUTCOMES = {  # metric: status, what the caller is told, log level
    "DeliveryAccepted": (200, "queued", logger.info),
    "Ping": (200, "pong", logger.info),
    "NotAnEntity": (200, "no order or customer", logger.warning),
    "LostEvent": (200, "no order or customer, though there should have been one", logger.error),
    "MalformedRequest": (400, "the body cannot be read", logger.warning),
    "SignatureInvalid": (401, "no valid signature", logger.warning),
    "SecretUnavailable": (503, "the signature cannot be checked now", logger.error),
    "QueueUnavailable": (503, "the queue does not answer", logger.error),
}


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request of a REST API or an HTTP API."""
    logger.clear_state()
    try:
        headers, body = _request(event)
    except (ValueError, TypeError):
        return _answer("MalformedRequest")
    if webhooks.is_ping(headers, body):
        return _answer("Ping")
    try:
        delivery = webhooks.identify(_verified(headers, body))
        return _answer("DeliveryAccepted", message_id=_queue(delivery), entity=delivery.entity)
    except SignatureError as error:
        return _answer("SignatureInvalid", cause=str(error))
    except NotAnEntity as other:
        return _set_aside(other.cause, lost_event=other.lost_event)
    except InvalidMessage:
        return _set_aside("too_large", lost_event=True)
    except Unavailable as error:
        return _answer("SecretUnavailable", cause=str(error))
    except (BotoCoreError, ClientError) as error:
        return _answer("QueueUnavailable", cause=str(error))


def _request(event: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers and the very bytes the shop sent and signed; ValueError or TypeError if the event holds none."""
    headers, body = event.get("headers"), event.get("body") or ""
    content = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else str.encode(body)
    return headers if isinstance(headers, dict) else {}, content


def _verified(headers: dict[str, str], body: bytes) -> webhooks.Delivery:
    webhooks.signature(headers)  # a stranger without one costs no call to Secrets Manager
    check = partial(webhooks.verify, headers, body, received_ms=time.time_ns() // 1_000_000)
    try:
        delivery, signed_with = check(secrets=webhook_secrets(secret.text()))
    except SignatureError:  # perhaps the secret was changed a moment ago
        secrets = webhook_secrets(secret.refresh())
        if not secrets:
            _count("SecretMissing")
            logger.error("no webhook secret is set, so every delivery is refused")
        delivery, signed_with = check(secrets=secrets)
    logger.append_keys(topic=delivery.topic, source=delivery.source, webhook_id=delivery.webhook_id)
    logger.append_keys(delivery_id=delivery.delivery_id, signed_with=signed_with, bytes=len(body))
    if signed_with == "previous":
        _count("SecretPreviousUsed")
    return delivery


def _queue(delivery: webhooks.Delivery) -> str:
    message = messages.to_sqs(delivery)
    if messages.encoding(message) == "trimmed":
        _count("BodyTrimmed")
    return sqs.send_message(QueueUrl=settings.queue_url, **message)["MessageId"]


def _set_aside(cause: str, *, lost_event: bool) -> dict[str, Any]:
    with single_metric(name="NotAnEntity", unit=MetricUnit.Count, value=1) as by_cause:
        by_cause.add_dimension(name="cause", value=cause)
    return _answer("LostEvent" if lost_event else "NotAnEntity", cause=cause)


def _answer(outcome: str, **facts: Any) -> dict[str, Any]:
    status, message, log = OUTCOMES[outcome]
    _count(outcome)
    log(message, outcome=outcome, status=status, **facts)
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"message": message}),
    }


def _count(metric: str) -> None:
    metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)
