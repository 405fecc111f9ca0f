"""The circuit breaker with fakes of SSM and Lambda."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from tests.support.operations_page import assert_described
from woohub.consumer.breaker import Breaker, BreakerParameter, EventSourceMapping, State, govern, mapping_id
from woohub.errors import TransientError, WooHubError

CREATED = datetime(2026, 11, 23, tzinfo=UTC)


class Parameters:
    """SSM with one parameter."""

    def __init__(self, value: str = '{"state":"closed"}') -> None:
        self.value: str | None = value  # None: the parameter was deleted
        self.broken = False

    def get_parameter(self, *, Name: str) -> dict[str, Any]:
        if self.value is None:
            raise ClientError({"Error": {"Code": "ParameterNotFound", "Message": Name}}, "GetParameter")
        return {"Parameter": {"Name": Name, "Value": self.value, "Version": 1, "LastModifiedDate": CREATED}}

    def put_parameter(self, *, Name: str, Value: str, Type: str, Overwrite: bool) -> None:
        if self.broken:
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": Name}}, "PutParameter")
        assert (Type, Overwrite) == ("String", True)
        self.value = Value


class Mappings:
    """Lambda with one event source mapping."""

    def __init__(self, state: str = "Enabled", clock: Callable[[], float] = CREATED.timestamp) -> None:
        self.state = state
        self._clock = clock
        self._changed = CREATED

    def list_event_source_mappings(self, *, EventSourceArn: str) -> dict[str, Any]:
        functions = ("another-function", "consumer:live")
        arn = "arn:aws:lambda:eu-west-1:123456789012:function:"
        return {
            "EventSourceMappings": [
                {"UUID": f"mapping of {name}", "FunctionArn": arn + name, "EventSourceArn": EventSourceArn}
                for name in functions
            ]
        }

    def get_event_source_mapping(self, *, UUID: str) -> dict[str, Any]:
        return {"UUID": UUID, "State": self.state, "LastModified": self._changed}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> None:
        assert UUID == "mapping of consumer:live"
        self.state = "Enabled" if Enabled else "Disabled"
        self._changed = datetime.fromtimestamp(self._clock(), UTC)


class BreakerFixture:
    """A breaker with its parameter, its event source mapping, a clock and the events it logged."""

    def __init__(self, mapping_state: str = "Enabled") -> None:
        self.now = 1_795_473_600.0
        self.ssm, self.lambda_ = Parameters(), Mappings(mapping_state, lambda: self.now)
        self.parameter = BreakerParameter(self.ssm, "/woohub/breaker")  # type: ignore[arg-type]
        self.flow = EventSourceMapping(self.lambda_, lambda: mapping_id(self.lambda_, "queue", "consumer"))  # type: ignore[arg-type]
        self.logged: list[str] = []
        self.start()

    def start(self) -> None:
        self.breaker = Breaker(lambda: self.parameter, lambda: self.flow, self._log, lambda: self.now)

    def _log(self, event: str, **_facts: object) -> None:
        assert_described(event)
        self.logged.append(event)

    def fail_batch(self, error: TransientError) -> None:
        """Record a batch without a response from HubSpot, which ended with this error."""
        self.breaker.record_batch(responded=False, errors=[error])

    @property
    def state(self) -> State:
        return self.parameter.read()

    def govern(self, probe_error: WooHubError | None = None) -> str:
        def probe() -> None:
            if probe_error:
                raise probe_error

        return govern(self.parameter, self.flow, probe, self.now)[1]
