"""The circuit breaker: while HubSpot is unavailable, messages stay on the queue.

Its state is in an SSM parameter. The consumer opens it, which disables the consumer's event source mapping. The
governor probes HubSpot once a minute and closes it again. A mapping that somebody else had disabled stays disabled.

SSM has no conditional write. If the governor closes the breaker while the consumer opens it, the state may end as
closed with the mapping disabled. So for some minutes after closing, the governor checks the mapping, and enables it if
it was disabled at about the time of the closing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from woohub.aws_errors import AWS_ERRORS, aws_code
from woohub.clock import is_within
from woohub.counted import counted
from woohub.errors import (
    DeadlineExceeded,
    HubSpotRejected,
    InvalidParameter,
    SecretUnavailable,
    Suspended,
    TransientError,
)
from woohub.pydantic_json import read_edited
from woohub.ssm import last_written

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_ssm import SSMClient

TEMPLATE_VALUE = '{"state":"closed"}'  # the parameter's value in template.yaml
SILENT_BATCHES = 3  # after so many batches in a row without a response from HubSpot, the breaker opens
DISABLED_STATES = ("Disabled", "Disabling", "Deleting")  # in all other states a mapping delivers, or is about to
COOLDOWN_S = 20.0  # for so long after opening, batches that Lambda had already received are returned without a call
LONGEST_FLAPPING_PAUSE_S = 900.0
DAILY_LIMIT_PAUSE_S = 900.0  # between two probes while the daily limit is used up
REASON_CHARACTERS = 300  # in JSON each may take 12; an SSM parameter holds 4,096
LONGEST_PAUSE_S = 86_400.0  # a later next probe is not believed: HubSpot asks for a day while it migrates a portal
MAX_OPENINGS = 100  # more are not counted: from the fifth on, the pause does not get longer
UNREADABLE = "unreadable"  # the policy of a state that cannot be read, because somebody has edited it
FLAPPING_PAUSE_S = 60.0  # doubled each time the breaker opens again without anything written in between

RACE_S = 60.0  # an opening that overlaps a closing disables the mapping within this time: calls and Lambda take a while
WATCH_S = 600.0  # for so long after a closing, the governor looks for such an opening

OPENING_ERRORS = (*AWS_ERRORS, LookupError)  # LookupError: the function has no event source mapping


Seconds = Annotated[float, Field(allow_inf_nan=False, ge=0)]


@dataclass(frozen=True)
class State:
    """The breaker's state, the SSM parameter's value. Times are epoch seconds."""

    state: Literal["open", "closed"] = "closed"
    policy: str = ""  # auth, config, daily, migration, rate or outage
    reason: str = ""
    since: Seconds = 0.0
    until: Seconds = 0.0  # no probe before this time
    openings: Annotated[int, Field(ge=0, le=MAX_OPENINGS)] = 0  # repeated ones, with nothing written in between
    resume: bool = True  # False: somebody had disabled the mapping before, so it stays disabled
    closed_at: Seconds = 0.0  # when the governor closed it

    @property
    def is_open(self) -> bool:
        """Whether the breaker is open: HubSpot is not called."""
        return self.state == "open"


_ADAPTER = TypeAdapter(State)
# SSM refuses {{...}}, which refers to another parameter. Only the reason may contain it, because a state is flat.
_DOUBLE_BRACE = re.compile(r"([{}])(?=\1)")


class BreakerParameter:
    """The breaker's state, as JSON in an SSM parameter."""

    def __init__(self, ssm: SSMClient, name: str) -> None:
        self._ssm = ssm
        self._name = name

    def read(self) -> State:
        """Return the state. Raises botocore's errors if SSM does not respond.

        If somebody has deleted the parameter, the state has the policy UNREADABLE; `write` creates it again.
        """
        try:
            text = last_written(self._ssm, self._name, TEMPLATE_VALUE).value
        except InvalidParameter as error:
            return State(policy=UNREADABLE, reason=str(error))
        return state_from(text)

    def write(self, state: State) -> None:
        """Store the state. Raises botocore's errors."""
        text = _DOUBLE_BRACE.sub(r"\1 ", _ADAPTER.dump_json(state).decode())
        self._ssm.put_parameter(Name=self._name, Value=text, Type="String", Overwrite=True)


def state_from(text: str) -> State:
    """Read the parameter's value. Unknown keys are ignored.

    A value that cannot be read counts as closed, with the policy UNREADABLE: if HubSpot is unavailable, the consumer
    opens the breaker again.
    """
    try:
        return read_edited(_ADAPTER, text, "the breaker's parameter cannot be read")
    except InvalidParameter as error:
        return State(policy=UNREADABLE, reason=str(error)[:REASON_CHARACTERS])


class EventSourceMapping:
    """The event source mapping that delivers messages from the queue to the consumer. `find_id` returns its UUID."""

    def __init__(self, client: LambdaClient, find_id: Callable[[], str]) -> None:
        self._client = client
        self._find_id = find_id

    def is_enabled(self) -> bool:
        """Whether the mapping delivers messages, or is about to."""
        return self.disabled_at() is None

    def disabled_at(self) -> float | None:
        """Return when the mapping was disabled (epoch seconds); None if it delivers messages, or is about to."""
        mapping = self._client.get_event_source_mapping(UUID=self._find_id())
        return mapping["LastModified"].timestamp() if mapping["State"] in DISABLED_STATES else None

    def was_disabled_while(self, closed: State) -> bool:
        """Whether an opening disabled the mapping at about the time when the state `closed` overwrote it."""
        disabled_at = self.disabled_at() if closed.resume else None
        return disabled_at is not None and abs(disabled_at - closed.closed_at) <= RACE_S

    def set_enabled(self, enabled: bool) -> None:
        """Start or stop the delivery of messages. Raises botocore's errors."""
        self._client.update_event_source_mapping(UUID=self._find_id(), Enabled=enabled)


def mapping_id(client: LambdaClient, queue_arn: str, function_name: str) -> str:
    """Return the UUID of the mapping from a queue to a function. Raises LookupError if there is none.

    The UUID cannot be in an environment variable, because CloudFormation creates the mapping after the consumer. It is
    looked up by queue, because a list by the function's name lacks mappings to the function's aliases.
    """
    for mapping in client.list_event_source_mappings(EventSourceArn=queue_arn)["EventSourceMappings"]:
        if mapping["FunctionArn"].split(":")[6] == function_name:
            return mapping["UUID"]
    raise LookupError(f"no event source mapping delivers from {queue_arn} to {function_name}")


class Breaker:
    """The consumer's side of the breaker: it notes how batches end, and opens if HubSpot is unavailable.

    `make_parameter` and `make_mapping` are called only when it opens: making their clients would take an eighth of a
    cold start.
    """

    def __init__(
        self,
        make_parameter: Callable[[], BreakerParameter],
        make_mapping: Callable[[], EventSourceMapping],
        log: Callable[..., Any],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._make_parameter = make_parameter
        self._make_mapping = make_mapping
        self._log = log
        self._clock = clock
        self._silent_batches = 0
        self._wrote_since_opening = True
        self._cooldown: tuple[float, Suspended] | None = None  # when the breaker opened, and why

    def cooldown_error(self) -> Suspended | None:
        """Return why a batch should be returned without a call, if the breaker has just opened; None if it has not."""
        if self._cooldown and is_within(COOLDOWN_S, self._cooldown[0], self._clock()):
            return self._cooldown[1]
        return None

    def record_batch(self, *, responded: bool, errors: Iterable[TransientError]) -> State | None:
        """Note how a batch ended. Return the open state if that opened the breaker, else None.

        `responded`: HubSpot wrote or rejected a record of the batch. `errors` are those that an outage of HubSpot may
        have caused.
        """
        errors = list(errors)
        suspended = next((error for error in errors if isinstance(error, Suspended)), None)
        if responded:
            self._silent_batches, self._wrote_since_opening = 0, True
        elif errors:
            self._silent_batches += 1
        if suspended is None and self._silent_batches >= SILENT_BATCHES:
            suspended = Suspended(
                f"{counted(self._silent_batches, 'batch', 'batches')} in a row without a response: {_cause(errors)}"
            )
        return self._open(suspended) if suspended else None

    def _open(self, error: Suspended) -> State:
        now = self._clock()
        self._cooldown = (now, error)
        self._silent_batches = 0
        state = State("open", error.policy, str(error)[:REASON_CHARACTERS], now, now + first_pause_s(error))
        try:
            state = self._open_in_aws(state)
        except OPENING_ERRORS as error:  # the cooldown and the messages' delays still limit the calls to HubSpot
            self._log("breaker_not_stored", error=aws_code(error))
        self._log("breaker_opened", policy=state.policy, reason=state.reason, openings=state.openings)
        self._wrote_since_opening = False
        return state

    def _open_in_aws(self, state: State) -> State:
        parameter, mapping = self._make_parameter(), self._make_mapping()
        stored = parameter.read()
        if stored.is_open:
            state = replace(state, since=stored.since, resume=stored.resume, openings=stored.openings)
        else:
            openings = 0 if self._wrote_since_opening else min(stored.openings + 1, MAX_OPENINGS)
            until = max(state.until, state.since + flapping_pause_s(openings))
            resume = mapping.is_enabled() or mapping.was_disabled_while(stored)
            state = replace(state, resume=resume, openings=openings, until=until)
        parameter.write(state)  # first, because a mapping that is disabled without this state stays disabled
        mapping.set_enabled(False)
        return state


def flapping_pause_s(openings: int) -> float:
    """Return the seconds before the first probe, after so many repeated openings with nothing written in between."""
    return min(LONGEST_FLAPPING_PAUSE_S, FLAPPING_PAUSE_S * 2 ** (openings - 1)) if openings else 0.0


def first_pause_s(error: TransientError | HubSpotRejected) -> float:
    """Return the seconds before the next probe: what HubSpot asked for, 15 minutes for the daily limit, else 0.

    0 is enough, because the governor runs only once a minute.
    """
    daily = isinstance(error, Suspended) and error.policy == "daily"
    requested = error.retry_after if isinstance(error, TransientError) else None
    return requested or (DAILY_LIMIT_PAUSE_S if daily else 0.0)


def govern(
    parameter: BreakerParameter, mapping: EventSourceMapping, probe: Callable[[], None], now: float
) -> tuple[State, str]:
    """Run the governor: if the breaker is open and a probe is due, probe HubSpot, and close the breaker if it responds.

    Return the state before, or as changed, and what was done: `closed` (nothing: the breaker is closed), `waiting` (no
    probe is due), `still_open` (HubSpot is unavailable), `reopened` (the breaker was closed, the consumer enabled) or
    `repaired` (the mapping was enabled, because the state was unreadable, or an opening's state was overwritten).
    Raises botocore's errors.
    """
    state = parameter.read()
    if state.policy == UNREADABLE:
        mapping.set_enabled(True)
        parameter.write(State())
        return state, "repaired"
    if not state.is_open:
        return state, _repair_lost_opening(state, mapping, now)
    if now < state.until <= now + LONGEST_PAUSE_S:
        return state, "waiting"
    try:
        probe()
    except (TransientError, HubSpotRejected) as error:
        policy = _policy(error, state)
        state = replace(state, policy=policy, reason=str(error)[:REASON_CHARACTERS], until=now + first_pause_s(error))
        parameter.write(state)
        return state, "still_open"
    if state.resume:
        mapping.set_enabled(True)
    state = replace(state, state="closed", until=0.0, closed_at=now)
    parameter.write(state)
    return state, "reopened"


def _repair_lost_opening(closed: State, mapping: EventSourceMapping, now: float) -> str:
    if not (is_within(WATCH_S, closed.closed_at, now) and mapping.was_disabled_while(closed)):
        return "closed"
    mapping.set_enabled(True)
    return "repaired"


def _policy(error: TransientError | HubSpotRejected, state: State) -> str:
    """Return why the breaker stays open after this error. An unreadable secret leaves the earlier reason."""
    if isinstance(error, SecretUnavailable):
        return state.policy
    return error.policy if isinstance(error, Suspended) else "outage"


def _cause(errors: Iterable[TransientError]) -> str:
    """Return what HubSpot did in a batch without a response; that time ran out is only its consequence."""
    causes = (str(error) for error in errors if error.retry_after or not isinstance(error, DeadlineExceeded))
    return next(causes, "HubSpot did not answer before the invocation's time ran out")
