"""Receive a delivery: authenticate the request, identify its order or customer, put it on the queue.

A store never sends a delivery again, and disables a webhook after a few responses other than 2xx. So every authentic
delivery is answered 200; 4xx is only for unauthenticated requests, and 503 means that AWS did not respond.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from woohub import metrics
from woohub.aws_errors import AWS_ERRORS
from woohub.delivery import messages, signatures, sites, topics
from woohub.delivery.delivery import Delivery
from woohub.delivery.store_secrets import StoreSecrets
from woohub.errors import InvalidMessage, NotAnEntity, SecretUnavailable, SignatureError, SignatureMissing
from woohub.metrics import Metric
from woohub.settings import Secret, webhook_secrets, webhook_sources
from woohub.stores import FIRST

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

OUTCOMES = {  # metric: HTTP status, log level, message
    metrics.DELIVERY_ACCEPTED: (200, "INFO", "queued"),
    metrics.PING: (200, "INFO", "pong"),
    metrics.NOT_AN_ENTITY: (200, "WARNING", "no order or customer"),
    metrics.LOST_EVENT: (200, "ERROR", "no order or customer, though there should have been one"),
    metrics.FOREIGN_SOURCE: (200, "ERROR", "from another site than the store"),
    metrics.MALFORMED_REQUEST: (400, "WARNING", "the body cannot be read"),
    metrics.SIGNATURE_MISSING: (401, "WARNING", "no signature"),
    metrics.SIGNATURE_INVALID: (401, "WARNING", "no valid signature"),
    metrics.SECRET_MISSING: (401, "ERROR", "no webhook secret is set, so every delivery is refused"),
    metrics.SECRET_UNAVAILABLE: (503, "ERROR", "the signature cannot be checked now"),
    metrics.QUEUE_UNAVAILABLE: (503, "ERROR", "the queue does not answer"),
}

# SignatureMatch by outcome: while its maximum is 0, the store signs with a secret that woohub does not know. What
# another site signs says nothing about that.
SIGNATURE_MATCHES = {
    metrics.DELIVERY_ACCEPTED: 1,
    metrics.NOT_AN_ENTITY: 1,
    metrics.LOST_EVENT: 1,
    metrics.QUEUE_UNAVAILABLE: 1,
    metrics.SIGNATURE_INVALID: 0,
}

# Facts that outcomes are counted by as well, and the usual value of each: that is what the others leave of the total,
# so it has a metric of its own only where all details are wanted.
DIMENSIONS = {"cause": "", "signed_with": "current", "encoding": "plain"}
LONGEST_NAME_LOGGED = 40  # characters
NO_STORE = "the URL's last part is the name of no store of this stack: woohub store list"

Facts = dict[str, Any]  # JSON values for the log line
Result = tuple[Metric, Facts]
Verify = Callable[..., tuple[Delivery, str]]  # signatures.verify, which still needs `secrets`


class Ingest:
    """The ingest function. `log(outcome, facts)` writes the log line that also counts the outcome.

    `secret` is the first store's, `store_secrets` has those of the others.
    """

    def __init__(
        self,
        secret: Secret,
        store_secrets: StoreSecrets,
        sqs: SQSClient,
        queue_url: str,
        log: Callable[[Metric, Facts], None],
    ) -> None:
        self._first_secret = secret
        self._store_secrets = store_secrets
        self._sqs = sqs
        self._queue_url = queue_url
        self._log = log

    def respond(self, event: dict[str, Any], received_ms: int) -> dict[str, Any]:
        """The response to one event of a REST API or an HTTP API; `received_ms` in epoch milliseconds."""
        outcome, facts = self._receive(event, received_ms)
        self._log(outcome, facts)
        return response(outcome)

    def _receive(self, event: dict[str, Any], received_ms: int) -> Result:
        try:
            headers, body = headers_and_body(event)
        except (ValueError, TypeError):
            return metrics.MALFORMED_REQUEST, {}
        if signatures.is_ping(headers, body):
            return metrics.PING, {}
        store = store_of(event)
        try:
            signatures.signature(headers)  # a request without one costs no call to Secrets Manager
        except SignatureMissing as error:
            return metrics.SIGNATURE_MISSING, {"reason": str(error)}
        except SignatureError as error:
            return metrics.SIGNATURE_INVALID, {"reason": str(error)} | _unchecked(store)
        try:
            secret = self._store_secrets.of(store) if store else self._first_secret
        except SecretUnavailable as error:
            return metrics.SECRET_UNAVAILABLE, {"reason": str(error)}
        if secret is None:
            return metrics.SIGNATURE_INVALID, {"reason": NO_STORE} | _unchecked(store)
        outcome, facts = self._of_store(
            store, secret, partial(signatures.verify, headers, body, received_ms=received_ms)
        )
        return outcome, facts | ({"store": store} if store else {})

    def _of_store(self, store: str, secret: Secret, verify: Verify) -> Result:
        try:
            delivery, signed_with = self._verified(secret, verify)
        except SignatureError as error:
            return metrics.SIGNATURE_INVALID, {"reason": str(error)}
        except SecretUnavailable as error:
            return metrics.SECRET_UNAVAILABLE, {"reason": str(error)}
        return self._accept(replace(delivery, store=store), secret, signed_with)

    def _verified(self, secret: Secret, verify: Verify) -> tuple[Delivery, str]:
        try:
            return verify(secrets=webhook_secrets(secret.text()))
        except SignatureError:  # perhaps the secret has just changed
            secrets = webhook_secrets(secret.refresh())
            if not secrets:
                self._log(metrics.SECRET_MISSING, {})
            return verify(secrets=secrets)

    def _accept(self, delivery: Delivery, secret: Secret, signed_with: str) -> Result:
        facts = delivery_facts(delivery) | {"signed_with": signed_with}
        if is_from_another_site(delivery, secret):
            return metrics.FOREIGN_SOURCE, facts
        outcome, more_facts, message = to_message(delivery)
        facts |= more_facts
        if message is None:
            return outcome, facts
        try:
            facts["message_id"] = self._sqs.send_message(QueueUrl=self._queue_url, **message)["MessageId"]
        except AWS_ERRORS as error:
            return metrics.QUEUE_UNAVAILABLE, facts | {"reason": str(error)}
        return outcome, facts


def _unchecked(store: str) -> Facts:
    """Of a further store that may not be one: not counted by it, for the name is whatever somebody put into the URL."""
    return {"unknown_store": store[:LONGEST_NAME_LOGGED]} if store else {}


def is_from_another_site(delivery: Delivery, secret: Secret) -> bool:
    """Whether another site than the store sent it, such as a staging clone, which has the store's secret.

    A delivery without a source is accepted: WooCommerce always sends one, so does a clone, and a proxy that removes
    the header stands before this store. woohub's own test deliveries come from the command line.
    """
    if delivery.topic == topics.TEST_TOPIC:
        return False
    readings = (secret.text, secret.refresh)  # twice: perhaps the store has just moved
    return all(sites.is_another(delivery.source, webhook_sources(read())) for read in readings)


def store_of(event: dict[str, Any]) -> str:
    """The store that the last part of the path names; the first store's path ends before it."""
    parameters = event.get("pathParameters")
    store = parameters.get("store") if isinstance(parameters, dict) else None
    return str(store) if store is not None else FIRST


def headers_and_body(event: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """An event's headers and the very bytes the store sent and signed; ValueError or TypeError if it has none."""
    headers, body = event.get("headers"), event.get("body") or ""
    content = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else str.encode(body)
    return headers if isinstance(headers, dict) else {}, content


def to_message(delivery: Delivery) -> tuple[Metric, Facts, dict[str, Any] | None]:
    """What becomes of an authentic delivery, facts for the log, and SendMessage's arguments if it is to be queued."""
    try:
        delivery = topics.identify(delivery)
        message = messages.to_sqs(delivery)
    except NotAnEntity as other:
        return metrics.LOST_EVENT if other.lost_event else metrics.NOT_AN_ENTITY, {"cause": other.cause}, None
    except InvalidMessage as error:
        return metrics.LOST_EVENT, {"cause": "too_large", "reason": str(error)}, None
    facts = {"entity": delivery.entity, "encoding": messages.encoding(message)}
    return metrics.DELIVERY_ACCEPTED, facts, message


def delivery_facts(delivery: Delivery) -> Facts:
    """What the log says about every authentic delivery."""
    return {
        "topic": delivery.topic,
        "source": delivery.source,
        "webhook_id": delivery.webhook_id,
        "delivery_id": delivery.delivery_id,
        "bytes": len(delivery.body),
    }


def response(outcome: Metric) -> dict[str, Any]:
    """The response as API Gateway expects it from a Lambda function."""
    status, _, message = OUTCOMES[outcome]
    body = json.dumps({"message": message})
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": body}


def log_line(
    outcome: Metric, facts: Facts, *, service: str, namespace: str, now_ms: int, detailed: bool = False
) -> str:
    """One JSON line that is log entry and metric in one: CloudWatch's embedded metric format.

    Made by hand, because importing Powertools would make a cold start up to a fifth longer.
    """
    status, level, message = OUTCOMES[outcome]
    entry = {"level": level, "message": message, "status": status, "service": service, **facts, outcome: 1}
    directives = [
        _directive(namespace, {"Name": outcome, "Unit": "Count"}, dimensions(outcome, facts, detailed=detailed))
    ]
    if outcome in SIGNATURE_MATCHES and facts.get("topic") != topics.TEST_TOPIC and "unknown_store" not in facts:
        entry[metrics.SIGNATURE_MATCH] = SIGNATURE_MATCHES[outcome]
        directives.append(
            _directive(
                namespace,
                {"Name": metrics.SIGNATURE_MATCH},
                dimensions(metrics.SIGNATURE_MATCH, facts, detailed=detailed),
            )
        )
    return json.dumps(entry | {"_aws": {"Timestamp": now_ms, "CloudWatchMetrics": directives}})


def dimensions(metric: Metric, facts: Facts, *, detailed: bool) -> list[list[str]]:
    """By what a metric is counted: of the whole stack, by unusual facts, and by store where it is not the first.

    Metrics whose alarm means "too little" count the other stores by themselves only: no store may hide another.
    """
    counted = [name for name, usual in DIMENSIONS.items() if name in facts and (detailed or facts[name] != usual)]
    whole = [["service"], *(["service", name] for name in counted if metric in OUTCOMES)]
    if "store" not in facts:
        return whole
    by_store = [[*names, "store"] for names in whole]
    return by_store if metric in metrics.COUNTED_APART else [*whole, ["service", "store"]]


def _directive(namespace: str, metric: dict[str, str], by: list[list[str]]) -> dict[str, Any]:
    return {"Namespace": namespace, "Dimensions": by, "Metrics": [metric]}
