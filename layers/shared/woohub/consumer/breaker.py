"""The circuit breaker: while HubSpot is unavailable, messages stay on the queue.

Its state lives in an SSM parameter; it acts by disabling the consumer's event source mapping. The consumer opens it.
The governor probes HubSpot once a minute and closes it. A mapping that somebody else had disabled stays disabled.

SSM has no conditional write: where the governor closes while the consumer opens, the state may end as closed with the
mapping disabled. So for some minutes after closing the governor looks at the mapping, and enables it if it was disabled
at about that time.
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
from woohub.errors import HubSpotRejected, InvalidParameter, SecretUnavailable, Suspended, TransientError
from woohub.pydantic_json import read_edited
from woohub.ssm import last_written

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_ssm import SSMClient

TEMPLATE_VALUE = '{"state":"closed"}'  # of the parameter, in template.yaml
SILENT_BATCHES = 3  # in a row without any response from HubSpot, before the breaker opens on an outage
DISABLED_STATES = ("Disabled", "Disabling", "Deleting")  # of a mapping; in all others it delivers, or is about to
COOLDOWN_S = 20.0  # in which batches that Lambda had already received are returned without a call
LONGEST_FLAPPING_PAUSE_S = 900.0  # between two probes
DAILY_LIMIT_PAUSE_S = 900.0  # between two probes of a used-up daily limit
REASON_CHARACTERS = 300  # each up to 12 in JSON; a parameter holds 4,096
LONGEST_PAUSE_S = 86_400.0  # without a probe: HubSpot asks for a day while it migrates a portal
MAX_OPENINGS = 100  # that are counted: the pause does not get longer after the fifth
UNREADABLE = "unreadable"  # the policy of a state that somebody has edited into something else
FLAPPING_PAUSE_S = 60.0  # doubled each time the breaker opens again without anything written in between

RACE_S = 60.0  # around the closing: the consumer's call may take ten seconds, and Lambda then takes a while to disable
WATCH_S = 600.0  # after the closing, in which the governor looks for that

OPENING_ERRORS = (*AWS_ERRORS, LookupError)  # the last: this function has no event source mapping


Seconds = Annotated[float, Field(allow_inf_nan=False, ge=0)]


@dataclass(frozen=True)
class State:
    """The SSM parameter's value; times in epoch seconds."""

    state: Literal["open", "closed"] = "closed"
    policy: str = ""  # auth, config, daily, migration, rate or outage
    reason: str = ""
    since: Seconds = 0.0
    until: Seconds = 0.0  # no probe before this time
    openings: Annotated[int, Field(ge=0, le=MAX_OPENINGS)] = 0  # in a row, with nothing written in between
    resume: bool = True  # False: somebody had disabled the mapping before, so it stays disabled
    closed_at: Seconds = 0.0  # by the governor

    @property
    def is_open(self) -> bool:
        """Whether HubSpot is not being called."""
        return self.state == "open"


_ADAPTER = TypeAdapter(State)
# SSM takes no {{...}}, which refers to another parameter. The reason may hold it, nothing else: a state is flat.
_DOUBLE_BRACE = re.compile(r"([{}])(?=\1)")


class BreakerParameter:
    """The breaker's state, as JSON in an SSM parameter."""

    def __init__(self, ssm: SSMClient, name: str) -> None:
        self._ssm = ssm
        self._name = name

    def read(self) -> State:
        """The state; raises botocore's errors when SSM does not respond.

        A parameter that somebody deleted is a state that cannot be read; `write` creates it again.
        """
        try:
            text = last_written(self._ssm, self._name, TEMPLATE_VALUE).value
        except InvalidParameter as error:
            return State(policy=UNREADABLE, reason=str(error))
        return state_from(text)

    def write(self, state: State) -> None:
        """Store it; raises botocore's errors."""
        text = _DOUBLE_BRACE.sub(r"\1 ", _ADAPTER.dump_json(state).decode())
        self._ssm.put_parameter(Name=self._name, Value=text, Type="String", Overwrite=True)


def state_from(text: str) -> State:
    """The parameter's value as a state; unknown keys are ignored.

    A value that cannot be read is treated as closed, with the policy `unreadable`: if HubSpot is unavailable, the
    consumer opens the breaker again.
    """
    try:
        return read_edited(_ADAPTER, text, "the breaker's parameter cannot be read")
    except InvalidParameter as error:
        return State(policy=UNREADABLE, reason=str(error)[:REASON_CHARACTERS])


class EventSourceMapping:
    """Delivers messages from the queue to the consumer. `find_id` returns its UUID."""

    def __init__(self, client: LambdaClient, find_id: Callable[[], str]) -> None:
        self._client = client
        self._find_id = find_id

    def is_enabled(self) -> bool:
        """Whether it delivers messages, or is about to."""
        return self.disabled_at() is None

    def disabled_at(self) -> float | None:
        """Since when it has delivered nothing (epoch seconds); None while it delivers, or is about to."""
        mapping = self._client.get_event_source_mapping(UUID=self._find_id())
        return mapping["LastModified"].timestamp() if mapping["State"] in DISABLED_STATES else None

    def was_disabled_while(self, closed: State) -> bool:
        """Whether an opening disabled it, whose state this closing has overwritten."""
        disabled_at = self.disabled_at() if closed.resume else None
        return disabled_at is not None and abs(disabled_at - closed.closed_at) <= RACE_S

    def set_enabled(self, enabled: bool) -> None:
        """Start or stop the delivery of messages."""
        self._client.update_event_source_mapping(UUID=self._find_id(), Enabled=enabled)


def mapping_id(client: LambdaClient, queue_arn: str, function_name: str) -> str:
    """The UUID of the mapping from a queue to a function; LookupError if there is none.

    It is looked up, because CloudFormation makes the mapping after the consumer, which so cannot have its id in a
    variable; and by queue, because by the function's name Lambda leaves out mappings to one of its aliases.
    """
    for mapping in client.list_event_source_mappings(EventSourceArn=queue_arn)["EventSourceMappings"]:
        if mapping["FunctionArn"].split(":")[6] == function_name:
            return mapping["UUID"]
    raise LookupError(f"no event source mapping delivers from {queue_arn} to {function_name}")


class Breaker:
    """The consumer's side: records how batches end, and opens when HubSpot is unavailable.

    `make_parameter` and `make_mapping` are called when it opens: their clients would take an eighth of a cold start.
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
        """Why a batch should be returned without a call: the breaker has just opened. None if it has not."""
        if self._cooldown and is_within(COOLDOWN_S, self._cooldown[0], self._clock()):
            return self._cooldown[1]
        return None

    def record_batch(self, *, responded: bool, errors: Iterable[TransientError]) -> State | None:
        """Record how a batch ended; returns the open state if that opened the breaker.

        `responded`: HubSpot wrote or rejected a record of it. `errors`: those that HubSpot as a whole may have caused.
        """
        errors = list(errors)
        suspended = next((error for error in errors if isinstance(error, Suspended)), None)
        if responded:
            self._silent_batches, self._wrote_since_opening = 0, True
        elif errors:
            self._silent_batches += 1
        if suspended is None and self._silent_batches >= SILENT_BATCHES:
            suspended = Suspended(
                f"{counted(self._silent_batches, 'batch', 'batches')} in a row without a response: {errors[0]}"
            )
        return self._open(suspended) if suspended else None

    def _open(self, error: Suspended) -> State:
        now = self._clock()
        self._cooldown = (now, error)
        self._silent_batches = 0
        state = State("open", error.policy, str(error)[:REASON_CHARACTERS], now, now + first_pause_s(error))
        try:
            state = self._open_in_aws(state)
        except OPENING_ERRORS as error:  # the cooldown and the messages' own delays still limit the calls
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
        parameter.write(state)  # first: a mapping disabled without this state would never be enabled again
        mapping.set_enabled(False)
        return state


def flapping_pause_s(openings: int) -> float:
    """Seconds before the first probe, after so many openings in a row with nothing written in between."""
    return min(LONGEST_FLAPPING_PAUSE_S, FLAPPING_PAUSE_S * 2 ** (openings - 1)) if openings else 0.0


def first_pause_s(error: TransientError | HubSpotRejected) -> float:
    """Seconds before the first probe: what HubSpot asked for, else none, since the governor's minute is enough."""
    daily = isinstance(error, Suspended) and error.policy == "daily"
    requested = error.retry_after if isinstance(error, TransientError) else None
    return requested or (DAILY_LIMIT_PAUSE_S if daily else 0.0)


def govern(
    parameter: BreakerParameter, mapping: EventSourceMapping, probe: Callable[[], None], now: float
) -> tuple[State, str]:
    """The governor's run, once a minute: if the breaker is open and a probe is due, probe HubSpot and close it.

    Returns the state and what was done: `closed` (nothing, it is closed), `waiting` (no probe is due), `still_open`
    (HubSpot is unavailable), `reopened` (the queue; the breaker is closed), or `repaired` (the mapping is enabled: the
    state was unreadable, so nothing says why it should not be, or an opening had disabled it whose state was lost).
    Raises botocore's errors.
    """
    state = parameter.read()
    if state.policy == UNREADABLE:
        mapping.set_enabled(True)
        parameter.write(State())
        return state, "repaired"
    if not state.is_open:
        return state, _watched(state, mapping, now)
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


def _watched(closed: State, mapping: EventSourceMapping, now: float) -> str:
    if not (is_within(WATCH_S, closed.closed_at, now) and mapping.was_disabled_while(closed)):
        return "closed"
    mapping.set_enabled(True)
    return "repaired"


def _policy(error: TransientError | HubSpotRejected, state: State) -> str:
    """Why the breaker stays open after this error; an unreadable secret says nothing new about HubSpot."""
    if isinstance(error, SecretUnavailable):
        return state.policy
    return error.policy if isinstance(error, Suspended) else "outage"
