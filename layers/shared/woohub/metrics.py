"""The table of metrics: each metric's name, the function that counts it, and its meaning.

A metric is a Count with the dimension `service` unless its meaning names another unit or further dimensions. The names
are public, because alarms, dashboards and people's own queries use them: add names, never rename one. "Sweep" is the
old word for a reconcile run. `python -m generators.operations --write` copies this table to docs/operations.md.
"""

from __future__ import annotations

from typing import Self


class Metric(str):
    """A metric's name. It is no enum member, because an enum of this size would take 1 ms of every cold start."""

    function: str  # the Lambda function that counts it
    meaning: str

    def __new__(cls, name: str, function: str, meaning: str) -> Self:
        metric = super().__new__(cls, name)
        metric.function, metric.meaning = function, meaning
        return metric


DELIVERY_ACCEPTED = Metric(
    "DeliveryAccepted",
    "ingest",
    "deliveries queued; also by `signed_with` (previous) and `encoding` (gzip+base64, trimmed) if these are "
    "unusual, and with `DetailedMetrics=true` by the usual values (current, plain), too",
)
PING = Metric("Ping", "ingest", "pings, which the store sends when a webhook is saved")
NOT_AN_ENTITY = Metric("NotAnEntity", "ingest", "authentic deliveries without an order or customer; also by `cause`")
LOST_EVENT = Metric(
    "LostEvent", "ingest", "deliveries without the order or customer they should contain; also by `cause`"
)
FOREIGN_SOURCE = Metric("ForeignSource", "ingest", "deliveries from another site, such as a staging clone: not queued")
MALFORMED_REQUEST = Metric("MalformedRequest", "ingest", "requests rejected because their body cannot be read")
SIGNATURE_MISSING = Metric("SignatureMissing", "ingest", "requests rejected because they have no signature")
SIGNATURE_INVALID = Metric(
    "SignatureInvalid", "ingest", "requests rejected because no known secret made their signature"
)
SIGNATURE_MATCH = Metric("SignatureMatch", "ingest", "1 or 0 for each signed request: whether a known secret signed it")
SECRET_MISSING = Metric("SecretMissing", "ingest", "requests rejected because no webhook secret is set")
SECRET_UNAVAILABLE = Metric("SecretUnavailable", "ingest", "requests rejected because Secrets Manager did not respond")
QUEUE_UNAVAILABLE = Metric("QueueUnavailable", "ingest", "requests rejected because SQS did not respond")

WRITTEN = Metric("Written", "consumer", "deliveries that HubSpot has, written now or before")
IGNORED = Metric("Ignored", "consumer", "deliveries that change nothing in HubSpot")
PERSON_ERASED = Metric(
    "PersonErased",
    "consumer",
    "orders and accounts of erased people from before the erasure, written without the person",
)
RETRIED = Metric("Retried", "consumer", "deliveries returned to the queue")
REJECTED = Metric("Rejected", "consumer", "deliveries sent to the dead-letter queue")
END_TO_END_LAG = Metric("EndToEndLag", "consumer", "milliseconds from a delivery's receipt until HubSpot has it")
RETRIED_AGE = Metric(
    "RetriedAge",
    "consumer",
    "milliseconds since receipt of deliveries that were tried and returned to the queue; not of those "
    "that wait for time or for the circuit breaker",
)
HUBSPOT_CALLS = Metric("HubSpotCalls", "consumer", "calls to HubSpot")
HUBSPOT_5XX = Metric("HubSpot5xx", "consumer", "calls that HubSpot answered with 500 or more")
HUBSPOT_NO_ANSWER = Metric("HubSpotNoAnswer", "consumer", "calls that HubSpot did not answer")
HUBSPOT_AUTH_ERROR = Metric("HubSpotAuthError", "consumer", "calls that HubSpot answered with 401 or 403")
HUBSPOT_429 = Metric("HubSpot429", "consumer", "1 or 0 for each call: whether it was over the rate limit")
HUBSPOT_DAILY_LEFT = Metric("HubSpotDailyLeft", "consumer", "percent of the account's daily calls that are left")
BREAKER_OPENED = Metric("BreakerOpened", "consumer", "times the circuit breaker opened")
BREAKER_TROUBLE = Metric("BreakerTrouble", "consumer", "times the circuit breaker's state could not be stored")
WARNINGS = Metric(
    "Warnings", "consumer", "warnings: the data arrived, but something should be fixed; the log says what"
)
FAULTS = Metric("Faults", "consumer", "deliveries that failed because of a bug in woohub")

GOVERNOR_ALIVE = Metric("GovernorAlive", "governor", "1 for each run, once a minute")
BREAKER_OPEN = Metric("BreakerOpen", "governor", "1 or 0 for each run: whether the circuit breaker is open")
TOKEN_REFUSED = Metric(
    "TokenRefused",
    "governor",
    "1 or 0 for each run: whether the breaker is open because the token was refused; 1 also in the run that closes it",
)
CONFIGURATION_UNREADABLE = Metric(
    "ConfigurationUnreadable", "governor", "1 for each run in which the circuit breaker is open for that reason"
)

SWEEP_STARTED = Metric("SweepStarted", "reconcile", "runs started, with `DetailedMetrics=true`")
SWEEP_COMPLETED = Metric("SweepCompleted", "reconcile", "runs that read all changes")
SWEEP_FAILED = Metric("SweepFailed", "reconcile", "parts of runs that failed")
SWEEP_ALIVE = Metric("SweepAlive", "reconcile", "runs that read all changes, or have no store to read")
SWEEP_NOT_CONFIGURED = Metric("SweepNotConfigured", "reconcile", "runs that have no store to read")
SWEEP_QUEUED = Metric("SweepQueued", "reconcile", "orders and customers queued")
STORE_UNAVAILABLE = Metric("StoreUnavailable", "reconcile", "runs in which the store did not respond")
STORE_RECORD_UNREADABLE = Metric(
    "StoreRecordUnreadable", "reconcile", "records left out because the store cannot show them"
)
WEBHOOK_DISABLED = Metric("WebhookDisabled", "reconcile", "webhooks that delivered nothing")
WEBHOOK_REPAIRED = Metric("WebhookRepaired", "reconcile", "webhooks that were repaired")

# An alarm fires if there is too little of these. So a further store counts them with the dimension `store` only: no
# store can hide another one's silence. It counts all other metrics in the stack's sum, too.
COUNTED_APART = frozenset({DELIVERY_ACCEPTED, SIGNATURE_MATCH, SWEEP_ALIVE})

METRICS: tuple[Metric, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
