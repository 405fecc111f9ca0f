"""Receive a delivery: authenticate the request, identify its order or customer, put it on the queue.

A store never sends a delivery again, and disables a webhook at the seventh response in a row that is not 2xx. So every
authentic delivery is answered 200. 4xx is only for requests that are not authentic or cannot be read; 503 means that
SQS or Secrets Manager did not respond.
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

# The value of SignatureMatch by outcome. While its maximum is 0, the store signs with a secret that woohub does not
# know. FOREIGN_SOURCE is not listed, because another site's signature says nothing about the store's.
SIGNATURE_MATCHES = {
    metrics.DELIVERY_ACCEPTED: 1,
    metrics.NOT_AN_ENTITY: 1,
    metrics.LOST_EVENT: 1,
    metrics.QUEUE_UNAVAILABLE: 1,
    metrics.SIGNATURE_INVALID: 0,
}

# Outcomes are also counted by these facts, each shown here with its usual value. The usual value is counted only if all
# details are wanted: its number is the total less the numbers of the other values.
DIMENSIONS = {"cause": "", "signed_with": "current", "encoding": "plain"}
LONGEST_NAME_LOGGED = 40  # characters of an unknown store's name
NO_STORE = "the URL's last part is the name of no store of this stack: woohub store list"

Facts = dict[str, Any]  # JSON values for the log line
Result = tuple[Metric, Facts]
Verify = Callable[..., tuple[Delivery, str]]  # signatures.verify for one request; takes `secrets`


class Ingest:
    """Answers the store's requests, and queues its deliveries.

    `secret` is the first store's webhook secret, `store_secrets` has those of further stores. `log(outcome, facts)`
    writes the log line that also counts the outcome.
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
        """Return the response to one event of a REST API or an HTTP API, received at `received_ms` (epoch ms)."""
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
            signatures.signature(headers)  # first, so that an unsigned request causes no call to Secrets Manager
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
        verify = partial(signatures.verify, headers, body, received_ms=received_ms)
        outcome, facts = self._receive_from_store(store, secret, verify)
        return outcome, facts | ({"store": store} if store else {})

    def _receive_from_store(self, store: str, secret: Secret, verify: Verify) -> Result:
        try:
            delivery, signed_with = self._verify(secret, verify)
        except SignatureError as error:
            return metrics.SIGNATURE_INVALID, {"reason": str(error)}
        except SecretUnavailable as error:
            return metrics.SECRET_UNAVAILABLE, {"reason": str(error)}
        return self._accept(replace(delivery, store=store), secret, signed_with)

    def _verify(self, secret: Secret, verify: Verify) -> tuple[Delivery, str]:
        try:
            return verify(secrets=webhook_secrets(secret.text()))
        except SignatureError:  # the secret may have just changed, so read it again
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
    """Return a further store's name for the log only: anybody can put any name into the URL, so it is not counted."""
    return {"unknown_store": store[:LONGEST_NAME_LOGGED]} if store else {}


def is_from_another_site(delivery: Delivery, secret: Secret) -> bool:
    """Whether another site than the store sent the delivery, such as a staging clone, which has the store's secret.

    A delivery without a source counts as the store's: WooCommerce always sends the source, and so does a clone, so a
    proxy in front of this store must have removed it. woohub's own test deliveries, sent by the command, count as the
    store's, too.
    """
    if delivery.topic == topics.TEST_TOPIC:
        return False
    readings = (secret.text, secret.refresh)  # twice, because a new address may have just been recorded
    return all(sites.is_another(delivery.source, webhook_sources(read())) for read in readings)


def store_of(event: dict[str, Any]) -> str:
    """Return the name of the store in the URL's path, FIRST if the path names none."""
    parameters = event.get("pathParameters")
    store = parameters.get("store") if isinstance(parameters, dict) else None
    return str(store) if store is not None else FIRST


def headers_and_body(event: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """Return an event's headers, and the bytes of its body exactly as the store sent and signed them.

    Raises ValueError or TypeError if the body is no text, or not the base64 that the event says it is.
    """
    headers, body = event.get("headers"), event.get("body") or ""
    content = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else str.encode(body)
    return headers if isinstance(headers, dict) else {}, content


def to_message(delivery: Delivery) -> tuple[Metric, Facts, dict[str, Any] | None]:
    """Return an authentic delivery's outcome, facts for the log, and SendMessage's arguments (None: do not queue)."""
    try:
        delivery = topics.identify(delivery)
        message = messages.to_sqs(delivery)
    except NotAnEntity as error:
        return metrics.LOST_EVENT if error.lost_event else metrics.NOT_AN_ENTITY, {"cause": error.cause}, None
    except InvalidMessage as error:
        return metrics.LOST_EVENT, {"cause": "too_large", "reason": str(error)}, None
    facts = {"entity": delivery.entity, "encoding": messages.encoding(message)}
    return metrics.DELIVERY_ACCEPTED, facts, message


def delivery_facts(delivery: Delivery) -> Facts:
    """Return the facts that are logged for every authentic delivery."""
    return {
        "topic": delivery.topic,
        "source": delivery.source,
        "webhook_id": delivery.webhook_id,
        "delivery_id": delivery.delivery_id,
        "bytes": len(delivery.body),
    }


def response(outcome: Metric) -> dict[str, Any]:
    """Return the response to a request with this outcome, as API Gateway expects it from a Lambda function."""
    status, _, message = OUTCOMES[outcome]
    body = json.dumps({"message": message})
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": body}


def log_line(
    outcome: Metric, facts: Facts, *, service: str, namespace: str, now_ms: int, detailed: bool = False
) -> str:
    """Return a JSON line that is a log entry and a metric in one, in CloudWatch's embedded metric format.

    Powertools is not used, because importing it would make a cold start up to a fifth longer.
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
    """Return the sets of dimensions by which a metric is counted.

    They are the whole stack, each unusual fact, and the name of a further store. For the metrics in COUNTED_APART a
    further store's deliveries are not counted for the whole stack: one store must not hide another's silence.
    """
    counted = [name for name, usual in DIMENSIONS.items() if name in facts and (detailed or facts[name] != usual)]
    whole = [["service"], *(["service", name] for name in counted if metric in OUTCOMES)]
    if "store" not in facts:
        return whole
    by_store = [[*names, "store"] for names in whole]
    return by_store if metric in metrics.COUNTED_APART else [*whole, ["service", "store"]]


def _directive(namespace: str, metric: dict[str, str], by: list[list[str]]) -> dict[str, Any]:
    return {"Namespace": namespace, "Dimensions": by, "Metrics": [metric]}
