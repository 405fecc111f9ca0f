"""What the functions' logs say about one order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from woohub_cli.cli_errors import Trouble, explain
from woohub_cli.stacks import Stack

GROUPS = {"ingest": "IngestFunction", "consumer": "ConsumerFunction"}
PAGES = 200  # of a log at most: weeks of a busy store's
QUEUED = "queued"  # ingest's message about a delivery it took
CURRENCY_LEFT_OUT = "currency_not_enabled_in_hubspot"  # the consumer's warning
REFUSED = "SignatureInvalid"  # ingest's metric, which stands in the log line itself
TOLD = (
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
    """One line of a log: what became of a delivery at the door, or of its message at HubSpot."""

    at_ms: int
    where: str  # ingest or consumer
    said: Mapping[str, Any]

    @property
    def at(self) -> str:
        """UTC."""
        return datetime.fromtimestamp(self.at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def verdict(self) -> str:
        """The consumer's done, ignored, retry or rejected; ingest's is "queued"."""
        return str(self.said.get("verdict") or self.said.get("message") or "")

    @property
    def message_id(self) -> str:
        """The queue's."""
        return str(self.said.get("message_id") or "")

    def facts(self) -> dict[str, Any]:
        """For --json."""
        told = {name: self.said[name] for name in TOLD if self.said.get(name)}
        return {"at": self.at, "where": self.where, "verdict": self.verdict} | told


@dataclass(frozen=True)
class Traces:
    """All lines in order; `missing` says why the logs could not be read, or not to the end."""

    found: tuple[Trace, ...] = ()
    refused: int = 0  # requests to ingest without a valid signature, of whatever order
    missing: str = ""

    @property
    def received(self) -> list[Trace]:
        """Deliveries that ingest put on the queue."""
        return [one for one in self.found if one.where == "ingest"]

    @property
    def tried(self) -> list[Trace]:
        """What the consumer made of them and of what was read from the store."""
        return [one for one in self.found if one.where == "consumer"]

    @property
    def waiting(self) -> list[Trace]:
        """Deliveries on the queue that the consumer has not settled."""
        settled = {one.message_id for one in self.tried if one.verdict != "retry"}
        return [one for one in self.received if one.message_id and one.message_id not in settled]


def read(stack: Stack, entity: str, since_ms: int) -> Traces:
    """Everything about an entity since then."""
    logs = _client(stack)
    try:
        groups = {where: _group(stack, stack.output(function)) for where, function in GROUPS.items()}
        cut: list[str] = []
        lines = [
            Trace(at_ms, where, said)
            for where, group in groups.items()
            for at_ms, said in _lines(logs, group, f'"{entity}"', since_ms, cut.append)
            if said.get("entity") == entity
        ]
        refused = sum(1 for _ in _lines(logs, groups["ingest"], REFUSED, since_ms, cut.append))
    except (ClientError, BotoCoreError) as error:
        return Traces(missing=explain(error))
    return Traces(tuple(sorted(lines, key=lambda one: one.at_ms)), refused, "; ".join(dict.fromkeys(cut)))


def deliveries(stack: Stack, since_ms: int) -> dict[str, list[float]] | None:
    """When ingest put a delivery of each entity on the queue, epoch seconds; None where the log cannot be read, or
    holds none, or too many."""
    cut: list[str] = []
    found: dict[str, list[float]] = {}
    try:
        logs = _client(stack)
        for at_ms, said in _lines(logs, _group(stack, stack.output(GROUPS["ingest"])), QUEUED, since_ms, cut.append):
            if said.get("message_id") and said.get("entity"):
                found.setdefault(str(said["entity"]), []).append(at_ms / 1000)
    except (ClientError, BotoCoreError, Trouble):
        return None
    return found if found and not cut else None


def refused_currencies(stack: Stack, since_ms: int) -> set[str]:
    """The currencies that the consumer left out since then, as its warnings say; none where its log cannot be read."""
    try:
        group = _group(stack, stack.output(GROUPS["consumer"]))
        lines = list(_lines(_client(stack), group, CURRENCY_LEFT_OUT, since_ms, lambda _cut: None))
    except (ClientError, BotoCoreError, Trouble):
        return set()
    return {str(said["currency"]) for _, said in lines if said.get("currency")}


def _client(stack: Stack) -> Any:
    return stack.aws.session.client("logs", endpoint_url=stack.aws.endpoint_url, config=stack.aws.config)


def _group(stack: Stack, function: str) -> str:
    found = stack.aws.functions.get_function_configuration(FunctionName=function)
    return (found.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{function}"


def _lines(
    logs: Any, group: str, pattern: str, since_ms: int, cut: Callable[[str], None]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Time and content of the JSON lines that match; none where nothing was ever logged."""
    asked: dict[str, Any] = {"logGroupName": group, "filterPattern": pattern, "startTime": since_ms}
    for _ in range(PAGES):
        try:
            page = logs.filter_log_events(**asked)
        except logs.exceptions.ResourceNotFoundException:
            return
        for event in page.get("events", ()):
            said = _parsed(event["message"])
            if said is not None:
                yield int(event["timestamp"]), said
        if not page.get("nextToken"):
            return
        asked["nextToken"] = page["nextToken"]
    cut(f"only the first {PAGES} pages of {group} were read")


def _parsed(line: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def of_function(stack: Stack, function: str, pattern: str, since_ms: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Epoch ms and content of the JSON lines of one function (an output of the template) that match.

    Raises botocore's errors.
    """
    logs = stack.aws.session.client("logs", endpoint_url=stack.aws.endpoint_url, config=stack.aws.config)
    return _lines(logs, _group(stack, stack.output(function)), pattern, since_ms, lambda _cut: None)
