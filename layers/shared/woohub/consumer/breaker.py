"""The circuit breaker: when HubSpot cannot take anything, stop taking messages from the queue until it can.

Its state is an SSM parameter, its hand the consumer's event source mapping. The consumer opens it; the governor, once
a minute, probes HubSpot and closes it. A mapping that was already disabled by somebody else stays disabled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field, TypeAdapter

from woohub.errors import HubSpotRejected, InvalidParameter, SecretUnavailable, Suspended, TransientError
from woohub.ssm import from_json, kept

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_ssm import SSMClient

START = '{"state":"closed"}'  # in template.yaml
BATCHES_IN_A_ROW = 3  # without any answer from HubSpot, before the breaker opens on an outage
SHUT = ("Disabled", "Disabling", "Deleting")  # a mapping; else messages flow, or will after an update
HOLD = 20.0  # seconds for which batches already on their way are handed back without a call
LONGEST_PAUSE = 900.0  # seconds between two probes at most
DAILY_PAUSE = 900.0  # seconds between two probes of a used-up daily limit
LONGEST_REASON = 300  # characters, each up to 12 in JSON; a parameter holds 4,096
LONGEST_WAIT = 86_400.0  # seconds without a probe at most: HubSpot asks for a day while it moves a portal
MOST_OPENINGS = 100  # counted: the pause does not get longer after the fifth
UNREADABLE = "unreadable"  # the policy of a state that somebody has edited into something else
FLAPPING_PAUSE = 60.0  # seconds, doubled each time the breaker opens again without anything written in between

AWS_TROUBLE = (BotoCoreError, ClientError, LookupError)  # the last: no mapping feeds this function


Seconds = Annotated[float, Field(allow_inf_nan=False, ge=0)]


@dataclass(frozen=True)
class State:
    """What the SSM parameter says; times in epoch seconds."""

    state: Literal["open", "closed"] = "closed"
    policy: str = ""  # auth, daily, migration, rate or outage
    reason: str = ""
    since: Seconds = 0.0
    until: Seconds = 0.0  # not probed before
    openings: Annotated[int, Field(ge=0, le=MOST_OPENINGS)] = 0  # in a row, with nothing written in between
    resume: bool = True  # False: the mapping was disabled by hand before, and stays so

    @property
    def is_open(self) -> bool:
        """Whether HubSpot is left alone."""
        return self.state == "open"


_ADAPTER = TypeAdapter(State)


class BreakerParameter:
    """The state in SSM."""

    def __init__(self, ssm: SSMClient, name: str) -> None:
        self._ssm = ssm
        self._name = name

    def read(self) -> State:
        """The state; raises botocore's errors when SSM does not answer."""
        return state_from(kept(self._ssm, self._name, START).value)

    def write(self, state: State) -> None:
        """Store it; raises botocore's errors."""
        self._ssm.put_parameter(
            Name=self._name, Value=_ADAPTER.dump_json(state).decode(), Type="String", Overwrite=True
        )


def state_from(text: str) -> State:
    """Read the parameter's value; unknown keys are left out.

    What cannot be read counts as closed, with the policy `unreadable`: the consumer will find out by itself.
    """
    try:
        return from_json(_ADAPTER, text, "the breaker's parameter")
    except InvalidParameter as error:
        return State(policy=UNREADABLE, reason=str(error)[:LONGEST_REASON])


class EventSourceMapping:
    """What lets messages flow from the queue to the consumer."""

    def __init__(self, client: LambdaClient, find: Callable[[], str]) -> None:
        self._client = client
        self._find = find

    def enabled(self) -> bool:
        """Whether messages flow, or are about to."""
        return self._client.get_event_source_mapping(UUID=self._find())["State"] not in SHUT

    def enable(self, flow: bool) -> None:
        """Let messages flow, or stop them."""
        self._client.update_event_source_mapping(UUID=self._find(), Enabled=flow)


def mapping_id(client: LambdaClient, queue_arn: str, function_name: str) -> str:
    """Find what feeds a function from a queue: the consumer cannot be told its own mapping, which is made after it.

    Asked by queue, because by the function's name Lambda leaves out mappings to one of its aliases.
    """
    for one in client.list_event_source_mappings(EventSourceArn=queue_arn)["EventSourceMappings"]:
        if one["FunctionArn"].split(":")[6] == function_name:
            return one["UUID"]
    raise LookupError(f"nothing feeds {function_name} from {queue_arn}")


def aws_code(error: Exception) -> str:
    """AWS's word for what it refused, such as AccessDeniedException; without an answer, the error's name."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


class Breaker:
    """The consumer's side: watches how batches end and opens when HubSpot takes nothing.

    `parameter` and `mapping` are made when it opens: their clients would take an eighth of a cold start.
    """

    def __init__(
        self,
        parameter: Callable[[], BreakerParameter],
        mapping: Callable[[], EventSourceMapping],
        log: Callable[..., Any],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._parameter = parameter
        self._mapping = mapping
        self._log = log
        self._clock = clock
        self._silent_batches = 0
        self._wrote_since_opening = True
        self._hold: tuple[float, Suspended] | None = None

    def holds(self) -> Suspended | None:
        """Why a batch should be handed back without a call: the breaker has just opened."""
        if self._hold and self._clock() < self._hold[0]:
            return self._hold[1]
        return None

    def watch(self, taken: bool, errors: Iterable[TransientError]) -> State | None:
        """Take in how a batch ended; returns the open state when that opened the breaker.

        `taken`: HubSpot wrote something of it, or refused a record. `errors`: those that speak against HubSpot.
        """
        errors = list(errors)
        suspended = next((error for error in errors if isinstance(error, Suspended)), None)
        if taken:
            self._silent_batches, self._wrote_since_opening = 0, True
        elif errors:
            self._silent_batches += 1
        if suspended is None and self._silent_batches >= BATCHES_IN_A_ROW:
            suspended = Suspended(f"{self._silent_batches} batches in a row without an answer: {errors[0]}")
        return self._open(suspended) if suspended else None

    def _open(self, trouble: Suspended) -> State:
        now = self._clock()
        self._hold = (now + HOLD, trouble)
        self._silent_batches = 0
        state = State("open", trouble.policy, str(trouble)[:LONGEST_REASON], now, now + first_pause(trouble))
        try:
            state = self._stop_the_flow(state)
        except AWS_TROUBLE as error:  # the hold and the messages' own delays still keep the calls down
            self._log("breaker_not_stored", error=aws_code(error))
        self._log("breaker_opened", policy=state.policy, reason=state.reason, openings=state.openings)
        self._wrote_since_opening = False
        return state

    def _stop_the_flow(self, state: State) -> State:
        parameter, mapping = self._parameter(), self._mapping()
        before = parameter.read()
        if before.is_open:
            state = replace(state, since=before.since, resume=before.resume, openings=before.openings)
        else:
            openings = 0 if self._wrote_since_opening else min(before.openings + 1, MOST_OPENINGS)
            patience = FLAPPING_PAUSE * 2 ** (openings - 1) if openings else 0
            until = max(state.until, state.since + min(LONGEST_PAUSE, patience))
            state = replace(state, resume=mapping.enabled(), openings=openings, until=until)
        parameter.write(state)  # first: a mapping disabled without this mark would stay so for ever
        mapping.enable(False)
        return state


def first_pause(trouble: TransientError | HubSpotRejected) -> float:
    """Seconds before the first probe: what HubSpot asked for, else none, the governor's minute being enough."""
    daily = isinstance(trouble, Suspended) and trouble.policy == "daily"
    asked = trouble.retry_after if isinstance(trouble, TransientError) else None
    return asked or (DAILY_PAUSE if daily else 0.0)


def govern(
    parameter: BreakerParameter, mapping: EventSourceMapping, probe: Callable[[], None], now: float
) -> tuple[State, str]:
    """One minute's duty: probe HubSpot when the breaker is open and due, close it when HubSpot answers.

    Returns the state and what was done: `closed`, `waiting`, `reopened`, `still_open`, or `repaired` where the state
    could not be read: then messages flow again, since nobody can tell any more that they should not. Raises botocore's
    errors.
    """
    state = parameter.read()
    if state.policy == UNREADABLE:
        mapping.enable(True)
        parameter.write(State())
        return state, "repaired"
    if not state.is_open:
        return state, "closed"
    if now < state.until <= now + LONGEST_WAIT:
        return state, "waiting"
    try:
        probe()
    except (TransientError, HubSpotRejected) as error:
        policy = _policy(error, state)
        state = replace(state, policy=policy, reason=str(error)[:LONGEST_REASON], until=now + first_pause(error))
        parameter.write(state)
        return state, "still_open"
    if state.resume:
        mapping.enable(True)
    state = replace(state, state="closed", until=0.0)
    parameter.write(state)
    return state, "reopened"


def _policy(error: TransientError | HubSpotRejected, state: State) -> str:
    """Why HubSpot is left alone after this error; that no secret could be read says nothing new about HubSpot."""
    if isinstance(error, SecretUnavailable):
        return state.policy
    return error.policy if isinstance(error, Suspended) else "outage"
