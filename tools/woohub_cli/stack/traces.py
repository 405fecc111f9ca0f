"""Read the functions' logs: what they say about one order, deliveries and refused currencies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from woohub.aws_errors import AWS_ERRORS
from woohub.dates import utc_from_ms
from woohub.json_values import object_in
from woohub.stores import FIRST
from woohub_cli.cli_errors import Trouble, explain
from woohub_cli.stack.stacks import Stack

GROUPS = {"ingest": "IngestFunction", "consumer": "ConsumerFunction"}
MAX_LOG_PAGES = 200  # read from one log at most: several weeks of a busy store
QUEUED = "queued"  # ingest's message about a delivery it took
CURRENCY_LEFT_OUT = "currency_not_enabled_in_hubspot"  # the consumer's warning
REFUSED = "SignatureInvalid"  # ingest's metric, and a field of its log line
LOGGED_FIELDS = (
    "topic",
    "delivery_id",
    "message_id",
    "receive_count",
    "verdict",
    "deal_id",
    "contact_id",
    "note",
    "error",
    "status",
    "category",
)


@dataclass(frozen=True)
class Trace:
    """One log line: what ingest or the consumer did with a delivery."""

    at_ms: int
    where: str  # ingest or consumer
    fields: Mapping[str, Any]

    @property
    def at(self) -> str:
        """The time, ISO 8601 in UTC."""
        return f"{utc_from_ms(self.at_ms)}Z"

    @property
    def verdict(self) -> str:
        """The consumer's verdict (done, ignored, retry, rejected), or ingest's "queued"."""
        return str(self.fields.get("verdict") or self.fields.get("message") or "")

    @property
    def message_id(self) -> str:
        return str(self.fields.get("message_id") or "")

    def facts(self) -> dict[str, Any]:
        logged = {name: self.fields[name] for name in LOGGED_FIELDS if self.fields.get(name)}
        return {"at": self.at, "where": self.where, "verdict": self.verdict} | logged


@dataclass(frozen=True)
class Traces:
    """Log lines in order of time. `missing` says why the logs could not be read, or not completely."""

    lines: tuple[Trace, ...] = ()
    refused: int = 0  # requests to ingest without a valid signature, of whatever order
    missing: str = ""

    @property
    def received(self) -> list[Trace]:
        """The lines about deliveries that ingest put on the queue."""
        return [trace for trace in self.lines if trace.where == "ingest"]

    @property
    def tried(self) -> list[Trace]:
        """The consumer's lines, about deliveries and about what was read from the store."""
        return [trace for trace in self.lines if trace.where == "consumer"]

    @property
    def waiting(self) -> list[Trace]:
        """The lines about deliveries in the queue that the consumer has not finished."""
        finished = {trace.message_id for trace in self.tried if trace.verdict != "retry"}
        return [trace for trace in self.received if trace.message_id and trace.message_id not in finished]


def read(stack: Stack, entity: str, since_ms: int) -> Traces:
    """Return all log lines about an entity since a moment (epoch ms)."""
    cut: list[str] = []
    try:
        lines = [
            Trace(at_ms, where, fields)
            for where, function in GROUPS.items()
            for at_ms, fields in log_lines(stack, function, f'"{entity}"', since_ms, cut.append)
            if fields.get("entity") == entity and _is_of_store(stack, fields)
        ]
        refused = sum(1 for _ in log_lines(stack, GROUPS["ingest"], REFUSED, since_ms, cut.append))
    except AWS_ERRORS as error:
        return Traces(missing=explain(error))
    return Traces(tuple(sorted(lines, key=lambda trace: trace.at_ms)), refused, "; ".join(dict.fromkeys(cut)))


def deliveries(stack: Stack, since_ms: int) -> dict[str, list[float]] | None:
    """Return when ingest put deliveries on the queue (epoch seconds), by entity.

    None if the log cannot be read, has none, or has too many lines.
    """
    cut: list[str] = []
    moments: dict[str, list[float]] = {}
    with suppress(*AWS_ERRORS, Trouble):
        for at_ms, fields in log_lines(stack, GROUPS["ingest"], QUEUED, since_ms, cut.append):
            if fields.get("message_id") and fields.get("entity"):
                moments.setdefault(str(fields["entity"]), []).append(at_ms / 1000)
        return moments if moments and not cut else None
    return None


def refused_currencies(stack: Stack, since_ms: int) -> set[str]:
    """Return the currencies that the consumer left out since a moment (epoch ms), as its warnings say.

    Empty if its log cannot be read.
    """
    with suppress(*AWS_ERRORS, Trouble):
        lines = list(log_lines(stack, GROUPS["consumer"], CURRENCY_LEFT_OUT, since_ms))
        return {str(fields["currency"]) for _, fields in lines if fields.get("currency")}
    return set()


def log_lines(
    stack: Stack, function: str, pattern: str, since_ms: int, cut: Callable[[str], None] = lambda _cut: None
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield time (epoch ms) and content of one function's JSON log lines that match the pattern.

    `function` is an output of the template. `cut` is called with a text if there are too many lines. Raises botocore's
    errors.
    """
    lines = _matching_lines(stack.aws.client("logs"), _group(stack, stack.output(function)), pattern, since_ms, cut)
    by_store = function == GROUPS["ingest"]
    return (line for line in lines if not by_store or _is_of_store(stack, line[1]))


def _is_of_store(stack: Stack, fields: Mapping[str, Any]) -> bool:
    """Whether a line is about the store of the command. The first store's lines name no store."""
    return bool(fields.get("store", FIRST) == stack.store)


def _group(stack: Stack, function: str) -> str:
    configuration = stack.aws.functions.get_function_configuration(FunctionName=function)
    return (configuration.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{function}"


def _matching_lines(
    logs: Any, group: str, pattern: str, since_ms: int, cut: Callable[[str], None]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield time (epoch ms) and content of the JSON lines that match; none if the log group does not exist."""
    asked: dict[str, Any] = {"logGroupName": group, "filterPattern": pattern, "startTime": since_ms}
    for _ in range(MAX_LOG_PAGES):
        try:
            page = logs.filter_log_events(**asked)
        except logs.exceptions.ResourceNotFoundException:
            return
        for event in page.get("events", ()):
            fields = object_in(event["message"])
            if fields is not None:
                yield int(event["timestamp"]), fields
        if not page.get("nextToken"):
            return
        asked["nextToken"] = page["nextToken"]
    cut(f"only the first {MAX_LOG_PAGES} pages of {group} were read")
