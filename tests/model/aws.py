"""An event source mapping, SSM parameters and secrets in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from tests.model.simulation import Simulation
from tests.model.sqs import Queue

BATCH, WINDOW = 1000, 2.0  # messages, seconds; as in template.yaml
SETTLING_S = 20.0  # seconds until a mapping is enabled or disabled; AWS takes up to a minute


class Crash(BaseException):
    """The function's process ends here; nothing after this point is executed."""


class EventSource:
    """An event source mapping with batches and partial failures, and the Lambda client's methods for it.

    At most `writers` invocations run at once. `throttled` is the chance that a received batch is not passed on because
    the function's concurrency is used up; its messages return after the visibility timeout.
    """

    def __init__(
        self,
        simulation: Simulation,
        queue: Queue,
        function: Callable[[dict[str, Any], int], dict[str, Any]],
        writers: int = 1,
        throttled: float = 0.0,
    ) -> None:
        self.state = "Enabled"
        self.switched: list[str] = []
        self.stuck = False  # AWS rejects every change
        self._simulation = simulation
        self._queue = queue
        self._function = function
        self._idle = list(range(writers))
        self._throttled = throttled
        self._waiting_since: float | None = None
        self._changed_at = MADE
        simulation.every(0.5, self._poll)

    def _poll(self) -> None:
        if self.state in ("Enabled", "Disabling") and self._idle and self._is_due():
            self._waiting_since = None
            self._invoke(self._queue.receive(BATCH))

    def _is_due(self) -> bool:
        visible = self._queue.visible()
        if not visible:
            self._waiting_since = None
            return False
        if self._waiting_since is None:
            self._waiting_since = self._simulation.now
        return visible >= BATCH or self._simulation.now >= self._waiting_since + WINDOW

    def _invoke(self, records: list[dict[str, Any]]) -> None:
        if not records or (self._throttled and self._simulation.random.random() < self._throttled):
            return
        worker = self._idle.pop()
        try:
            response = self._function({"Records": records}, worker)
        except Crash:
            return
        finally:
            self._idle.append(worker)
        failed = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
        received = {record["messageId"] for record in records}
        assert failed <= received, "an unknown message id fails the whole batch"
        for message_id in received - failed:
            self._queue.delete(message_id)

    def get_event_source_mapping(self, *, UUID: str) -> dict[str, Any]:
        return {"UUID": UUID, "State": self.state, "LastModified": self._changed_at}

    def list_event_source_mappings(self, **_: Any) -> dict[str, Any]:
        function = "arn:aws:lambda:eu-west-1:123456789012:function:consumer:live"
        return {"EventSourceMappings": [{"UUID": "mapping", "FunctionArn": function, "State": self.state}]}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> dict[str, Any]:
        if self.stuck or self.state in ("Enabling", "Disabling"):
            raise ClientError({"Error": {"Code": "ResourceInUseException"}}, "UpdateEventSourceMapping")
        if Enabled != (self.state == "Enabled"):
            self.switched.append("on" if Enabled else "off")
            self.state = "Enabling" if Enabled else "Disabling"
            self._changed_at = datetime.fromtimestamp(self._simulation.now, UTC)
            self._simulation.after(SETTLING_S, self._settle)
        return self.get_event_source_mapping(UUID=UUID)

    def _settle(self) -> None:
        self.state = "Enabled" if self.state == "Enabling" else "Disabled"
        self._changed_at = datetime.fromtimestamp(self._simulation.now, UTC)


MADE = datetime(2026, 11, 23, tzinfo=UTC)


class Parameters:
    """SSM's Parameter Store."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get_parameter(self, *, Name: str) -> dict[str, Any]:
        if Name not in self.values:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Value": self.values[Name], "Version": 1, "LastModifiedDate": MADE}}

    def put_parameter(self, *, Name: str, Value: str, **_: Any) -> None:
        assert len(Value) <= 4096
        self.values[Name] = Value


class Secrets:
    """Secrets Manager."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:
        return {"SecretString": self.values.get(SecretId, "")}
