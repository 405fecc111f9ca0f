"""Receive deliveries: check who sent them, see what they are about, put them on the queue.

A shop never sends a delivery again, and disables a webhook after a few answers other than 2xx. So what is authentic
gets 200 whatever it holds; 4xx is for strangers, and 503 says that the queue or the secret could not be reached.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from woohub.delivery import messages, sites, webhooks
from woohub.errors import InvalidMessage, NotAnEntity, SecretUnavailable, SignatureError
from woohub.settings import IngestSettings, Secret, webhook_secrets, webhook_sources

settings = IngestSettings.from_env(os.environ)
# Short, because the shop's next deliveries wait behind this one: three tries end within about ten seconds.
config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
sqs = boto3.client("sqs", config=config)
SECRET_AGE_S = 60.0  # a secret that was dropped, after a leak say, is taken no longer than this
secret = Secret(boto3.client("secretsmanager", config=config), settings.webhook_secret_arn, max_age_s=SECRET_AGE_S)

OUTCOMES = {  # metric: status, log level, message
    "DeliveryAccepted": (200, "INFO", "queued"),
    "Ping": (200, "INFO", "pong"),
    "NotAnEntity": (200, "WARNING", "no order or customer"),
    "LostEvent": (200, "ERROR", "no order or customer, though there should have been one"),
    "ForeignSource": (200, "ERROR", "from another site than the store"),
    "MalformedRequest": (400, "WARNING", "the body cannot be read"),
    "SignatureMissing": (401, "WARNING", "no signature"),
    "SignatureInvalid": (401, "WARNING", "no valid signature"),
    "SecretMissing": (401, "ERROR", "no webhook secret is set, so every delivery is refused"),
    "SecretUnavailable": (503, "ERROR", "the signature cannot be checked now"),
    "QueueUnavailable": (503, "ERROR", "the queue does not answer"),
}

# SignatureMatch, of what the store signs: while its maximum is 0, it signs with another secret than we know. What
# another site signs says nothing about that.
MATCHES = {"DeliveryAccepted": 1, "NotAnEntity": 1, "LostEvent": 1, "QueueUnavailable": 1, "SignatureInvalid": 0}

DIMENSIONS = ("cause", "signed_with", "encoding")  # facts that the outcomes are counted by as well


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request of a REST API or an HTTP API."""
    try:
        headers, body = _request(event)
    except (ValueError, TypeError):
        return _answer("MalformedRequest")
    if webhooks.is_ping(headers, body):
        return _answer("Ping")
    try:
        webhooks.signature(headers)  # a stranger without one costs no call to Secrets Manager
    except SignatureError as error:
        return _answer("SignatureMissing", reason=str(error))
    try:
        delivery, signed_with = _verified(headers, body)
    except SignatureError as error:
        return _answer("SignatureInvalid", reason=str(error))
    except SecretUnavailable as error:
        return _answer("SecretUnavailable", reason=str(error))
    return _accept(delivery, signed_with)


def _request(event: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers and the very bytes the shop sent and signed; ValueError or TypeError if the event holds none."""
    headers, body = event.get("headers"), event.get("body") or ""
    content = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else str.encode(body)
    return headers if isinstance(headers, dict) else {}, content


def _verified(headers: dict[str, str], body: bytes) -> tuple[webhooks.Delivery, str]:
    check = partial(webhooks.verify, headers, body, received_ms=time.time_ns() // 1_000_000)
    try:
        return check(secrets=webhook_secrets(secret.text()))
    except SignatureError:  # perhaps the secret was changed a moment ago
        secrets = webhook_secrets(secret.refresh())
        if not secrets:
            _log("SecretMissing")
        return check(secrets=secrets)


def _accept(delivery: webhooks.Delivery, signed_with: str) -> dict[str, Any]:
    """Queue an authentic delivery, or say why there is nothing to queue."""
    facts: dict[str, Any] = {"topic": delivery.topic, "source": delivery.source, "webhook_id": delivery.webhook_id}
    facts |= {"delivery_id": delivery.delivery_id, "signed_with": signed_with, "bytes": len(delivery.body)}
    if _is_of_another_site(delivery):
        return _answer("ForeignSource", **facts)
    try:
        delivery = webhooks.identify(delivery)
        message = messages.to_sqs(delivery)
        facts |= {"entity": delivery.entity, "encoding": messages.encoding(message)}
        facts["message_id"] = sqs.send_message(QueueUrl=settings.queue_url, **message)["MessageId"]
    except NotAnEntity as other:
        return _answer("LostEvent" if other.lost_event else "NotAnEntity", cause=other.cause, **facts)
    except InvalidMessage as error:
        return _answer("LostEvent", cause="too_large", reason=str(error), **facts)
    except (BotoCoreError, ClientError) as error:
        return _answer("QueueUnavailable", reason=str(error), **facts)
    return _answer("DeliveryAccepted", **facts)


def _is_of_another_site(delivery: webhooks.Delivery) -> bool:
    """Whether another site than the store sent it, such as a staging clone, which has the store's webhooks and secret.

    A delivery without a source is taken: WooCommerce always sends one, so a clone does, and what takes the header away
    stands before this store. Our own test deliveries come from the command line.
    """
    if delivery.topic == webhooks.TEST_TOPIC:
        return False
    readings = (secret.text, secret.refresh)  # again: perhaps the store moved a moment ago
    return all(sites.is_another(delivery.source, webhook_sources(read())) for read in readings)


def _answer(outcome: str, **facts: Any) -> dict[str, Any]:
    _log(outcome, **facts)
    status, _, message = OUTCOMES[outcome]
    body = json.dumps({"message": message})
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": body}


def _log(outcome: str, **facts: Any) -> None:
    """One line that is log entry and metric in one: CloudWatch's embedded metric format.

    Written by hand, because importing Powertools would make a cold start up to a fifth longer.
    """
    status, level, message = OUTCOMES[outcome]
    service = {"service": settings.powertools_service_name}
    dimensions = [[*service], *([*service, name] for name in DIMENSIONS if name in facts)]
    directive = {
        "Namespace": settings.powertools_metrics_namespace,
        "Dimensions": dimensions,
        "Metrics": [{"Name": outcome, "Unit": "Count"}],
    }
    directives, values = [directive], {outcome: 1}
    if outcome in MATCHES and facts.get("topic") != webhooks.TEST_TOPIC:
        directives.append(directive | {"Dimensions": [[*service]], "Metrics": [{"Name": "SignatureMatch"}]})
        values["SignatureMatch"] = MATCHES[outcome]
    metrics = {"_aws": {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": directives}}
    line = {"level": level, "message": message, "status": status} | service | facts | values | metrics
    sys.stdout.write(json.dumps(line) + "\n")
