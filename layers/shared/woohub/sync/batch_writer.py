"""Write a batch so that one bad record cannot fail the others: rounds of read, plan, write until every key is done.

A round reads the open keys, plans their writes against what HubSpot really has, and sends them. Accepted records are
done. A uniqueness conflict, a lost answer or a rejection goes into the next round, which reads again first: so a
create whose answer was lost is found instead of repeated. Calls shrink until a record that breaks them is alone.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from woohub.clock import Timer, jittered
from woohub.errors import (
    DeadlineExceeded,
    HubSpotProblem,
    HubSpotRejected,
    HubSpotUnavailable,
    TransientError,
    UnknownOutcome,
)
from woohub.hubspot.answers import BatchAnswer, Record, refuses_key
from woohub.hubspot.client import BATCH
from woohub.sync.records import Change, RecordResult

# (seconds before the round, records in one call): later rounds use smaller calls to isolate a record that breaks them
ROUNDS = ((0, BATCH), (1, BATCH), (2, 10), (2, 1), (8, 1), (16, 1))
ISOLATING_ROUNDS = ROUNDS[2:]
MAX_ATTEMPTS = 3  # of a record that HubSpot rejects, before the rejection is believed
MAX_FAILURES_IN_A_ROW = 2  # lost answers after which a round stops calling

Answer = str | HubSpotProblem  # the record's id, or why not; an input without an answer has an unknown outcome
OUTCOME_UNKNOWN = RecordResult(error=UnknownOutcome("write outcome unknown: HubSpot's answer named no record"))


@dataclass(frozen=True)
class Write:
    """One record to create (no id) or update, for all the keys that turned out to be this record."""

    keys: tuple[str, ...]
    change: Change
    record_id: str = ""
    exclusive: bool = False  # must be the only one in its call

    @property
    def key(self) -> str:
        """The first key: the write goes by it."""
        return self.keys[0]


@dataclass(frozen=True)
class Reading:
    """What HubSpot has: the record of each key it knows, keys it refuses to look up, and keys that have to wait."""

    records: Mapping[str, Record] = field(default_factory=dict)
    refused: Mapping[str, HubSpotProblem] = field(default_factory=dict)
    waiting: Mapping[str, TransientError] = field(default_factory=dict)


@dataclass
class RoundPlan:
    """The writes of one round, and the keys whose record is right already, with its id ("": nothing to make)."""

    writes: list[Write] = field(default_factory=list)
    done: dict[str, str] = field(default_factory=dict)


class RecordSet(Protocol):
    """The records of one kind in a batch, by key."""

    def read(self, keys: Sequence[str], holders: Mapping[str, str]) -> Reading:
        """What HubSpot has of these keys; `holders` are ids of records that conflicts named as holding a key."""

    def plan(self, keys: Sequence[str], reading: Reading) -> RoundPlan:
        """The writes these keys need. No calls."""

    def send(self, writes: Sequence[Write]) -> dict[str, Answer]:
        """Write at most 100 records; answers by `Write.key`. HubSpotRejected when HubSpot rejects them as a whole."""

    def conflict(self, problem: HubSpotProblem) -> str | None:
        """The id of the record that already holds the key, `""` when HubSpot does not say; None: no conflict."""

    def adapt(self, problem: HubSpotProblem, write: Write) -> bool:
        """Whether the next attempt will differ because of what was learned from the problem."""


def write_all(records: RecordSet, keys: Sequence[str], timer: Timer) -> dict[str, RecordResult]:
    """Write every key; those that could not be written carry the TransientError that says why."""
    run = BatchRun(records, list(keys))
    try:
        run.until_done(timer)
    except DeadlineExceeded as error:  # says nothing about a record whose call broke before
        return run.results_with(RecordResult(error=error))
    except TransientError as error:
        return run.results | {key: RecordResult(error=error) for key in run.open}
    return run.results_with(OUTCOME_UNKNOWN)


class CallSize:
    """How many records go into one call: few while calls break, all again as soon as one is answered.

    So a batch that waited for an outage to end goes on at full speed. Where it was a record that broke the calls, the
    first full one breaks again: then it stays at few, until that record is alone. It also stays at few after a call
    without any response: another one like it would cost the invocation a whole time-out.
    """

    def __init__(self) -> None:
        self.records = self._few = BATCH
        self._grown = False
        self._may_grow = True

    def start(self, records: int) -> None:
        """Begin a round with so many."""
        self.records = self._few = records
        self._grown = False

    def answered(self) -> None:
        """A call came back with an answer."""
        if self._may_grow and self.records < BATCH:
            self.records, self._grown = BATCH, True

    def broke(self, status: int) -> bool:
        """A call came to nothing, with this status of the response (0: none); whether it was one that had grown."""
        in_vain, self._grown = self._grown, False
        self._may_grow = self._may_grow and status != 0
        if in_vain:
            self.records, self._may_grow = self._few, False
        return in_vain


class BatchRun:
    """The state between rounds."""

    def __init__(self, records: RecordSet, keys: list[str]) -> None:
        self.open = keys
        self.results: dict[str, RecordResult] = {}
        self._records = records
        self._lost: dict[str, RecordResult] = {}  # how the last call of a key broke
        self._holders: dict[str, str] = {}
        self._attempts: Counter[str] = Counter()
        self._tried: set[str] = set()  # in this round
        self._tried_before: set[str] = set()  # in the previous one
        self._read_size, self._write_size = CallSize(), CallSize()
        self._grew_in_vain = False  # full calls were tried again too soon in this round
        self._reads_break = False
        self._broken_reads = self._broken_writes = 0  # in a row
        self._any_write_answered = False
        self._needs_pause = False  # a conflict is resolved by reading at once; anything else deserves a pause

    def until_done(self, timer: Timer) -> None:
        """Rounds, until all is done or no call succeeds even for single records: then the queue tries again."""
        rounds = list(ROUNDS)
        while self.open and rounds:
            pause, call_size = rounds.pop(0)
            timer.sleep(jittered(pause, random.random) if self._needs_pause else 0)
            self._round(call_size)
            if call_size == 1 and not (self._any_write_answered or self._reads_break):
                return
            if self._grew_in_vain:
                rounds = list(ISOLATING_ROUNDS)

    def results_with(self, otherwise: RecordResult) -> dict[str, RecordResult]:
        """The results, and for each open key how its last call broke, or else this."""
        return self.results | {key: self._lost.get(key, otherwise) for key in self.open}

    def _round(self, call_size: int) -> None:
        """Read, plan and write what is open: read all of it at once, unless the previous round's reads broke."""
        self._read_size.start(call_size if self._reads_break else BATCH)
        self._write_size.start(call_size)
        self._tried_before, self._tried = self._tried, set()
        self._grew_in_vain = self._reads_break = self._needs_pause = False
        self._broken_reads = self._broken_writes = 0
        waiting = list(self.open)
        try:
            while waiting and max(self._broken_reads, self._broken_writes) < MAX_FAILURES_IN_A_ROW:
                keys, waiting = waiting[: self._read_size.records], waiting[self._read_size.records :]
                reading = self._read(keys)
                if reading:
                    self._write(keys, reading)
        finally:
            self._reopen()

    def _reopen(self) -> None:
        """Untried keys go first in the next round, so failing ones cannot starve them."""
        still_open = [key for key in self.open if key not in self.results]
        untried = [key for key in still_open if key not in self._tried]
        self.open = untried + [key for key in still_open if key in self._tried]

    def _read(self, keys: Sequence[str]) -> Reading | None:
        try:
            reading = self._records.read(keys, self._holders)
        except HubSpotUnavailable as error:
            self._lose(keys, error, alone=len(keys) == 1)
            self._tried.update(keys)
            self._reads_break = self._needs_pause = True
            self._broken_reads += 1
            self._grew_in_vain |= self._read_size.broke(error.status)
            return None
        self._broken_reads = 0
        self._read_size.answered()
        return reading

    def _write(self, keys: Sequence[str], reading: Reading) -> None:
        for key, problem in reading.refused.items():
            self.results[key] = RecordResult(error=HubSpotRejected(problem))
        for key, error in reading.waiting.items():
            self.results[key] = self._lost.get(key, RecordResult(error=error))
        plan = self._records.plan([key for key in keys if key not in self.results], reading)
        for key, record_id in plan.done.items():
            self.results[key] = RecordResult(record_id)
        answers: dict[str, Answer] = {}
        try:
            self._send(plan.writes, answers)
        finally:
            for write in plan.writes:
                self._take_in(write, answers.get(write.key))

    def _send(self, writes: Sequence[Write], answers: dict[str, Answer]) -> None:
        """What was not tried in the previous round goes first, whatever kind of call it takes."""
        waiting = _by_kind_of_call(writes)
        while waiting and self._broken_writes < MAX_FAILURES_IN_A_ROW:
            group = min(waiting, key=lambda group: group[0].key in self._tried_before)
            call, rest = group[: self._write_size.records], group[self._write_size.records :]
            waiting = [rest if other is group else other for other in waiting if rest or other is not group]
            self._tried.update(write.key for write in call)
            self._send_together(call, answers)

    def _send_together(self, writes: Sequence[Write], answers: dict[str, Answer]) -> None:
        status = 0
        try:
            _bisect(self._send_once, writes, answers)
            self._broken_writes, self._any_write_answered = 0, True
        except UnknownOutcome as error:
            self._broken_writes += 1
            status = error.status
        if any(write.key in answers for write in writes):
            self._write_size.answered()
        else:
            self._grew_in_vain |= self._write_size.broke(status)

    def _send_once(self, writes: Sequence[Write]) -> dict[str, Answer]:
        try:
            return self._records.send(writes)
        except UnknownOutcome as error:
            self._lose([key for write in writes for key in write.keys], error, alone=len(writes) == 1)
            raise

    def _lose(self, keys: Sequence[str], error: TransientError, *, alone: bool) -> None:
        self._lost |= dict.fromkeys(keys, RecordResult(error=error, broken_call=error.call if alone else ""))

    def _take_in(self, write: Write, answer: Answer | None) -> None:
        if isinstance(answer, str):
            for key in write.keys:
                self.results[key] = RecordResult(answer, attempts=self._attempts[key] + 1)
        elif answer is None:
            self._needs_pause = True
        else:
            self._take_in_rejection(write, answer)

    def _take_in_rejection(self, write: Write, problem: HubSpotProblem) -> None:
        self._attempts.update(write.keys)
        attempts = max(self._attempts[key] for key in write.keys)
        holder = self._records.conflict(problem)
        if holder:
            self._holders |= dict.fromkeys(write.keys, holder)
        if refuses_key(problem) or attempts >= MAX_ATTEMPTS:
            self.results |= dict.fromkeys(write.keys, RecordResult(error=HubSpotRejected(problem), attempts=attempts))
        elif holder is None and not self._records.adapt(problem, write):
            self._needs_pause = True


def _by_kind_of_call(writes: Sequence[Write]) -> list[list[Write]]:
    """Creates, updates and changes of association, each of which takes other calls, and what must be alone in one."""
    exclusive = [[write] for write in writes if write.exclusive]
    creates = [write for write in writes if not write.record_id and not write.exclusive]
    updates = [write for write in writes if write.record_id and not write.change.associate]
    moves = [write for write in writes if write.record_id and write.change.associate]
    return [group for group in (creates, updates, moves, *exclusive) if group]


def _bisect(
    send: Callable[[Sequence[Write]], dict[str, Answer]], writes: Sequence[Write], answers: dict[str, Answer]
) -> None:
    """Send; when HubSpot refuses the whole batch, send the halves, down to the record that is refused."""
    try:
        answers |= send(writes)
    except HubSpotRejected as refused:
        if len(writes) == 1:
            answers[writes[0].key] = refused.problem
            return
        middle = len(writes) // 2
        _bisect(send, writes[:middle], answers)
        _bisect(send, writes[middle:], answers)


def read_apart(
    read: Callable[[Sequence[str]], list[Record]], keys: Sequence[str]
) -> tuple[list[Record], dict[str, HubSpotProblem]]:
    """Read the keys; when HubSpot refuses them as a whole, in halves, down to the key that is refused."""
    try:
        return read(keys), {}
    except HubSpotRejected as refused:
        if len(keys) == 1:
            return [], {keys[0]: refused.problem}
    middle = len(keys) // 2
    left, refused_left = read_apart(read, keys[:middle])
    right, refused_right = read_apart(read, keys[middle:])
    return left + right, refused_left | refused_right


def traced(writes: Sequence[Write], extra: Callable[[Write], Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The inputs of a batch call, each with its own trace id: then HubSpot answers 207 and names the one at fault."""
    return [
        {"objectWriteTraceId": f"write-{number}", "properties": dict(write.change.properties), **extra(write)}
        for number, write in enumerate(writes)
    ]


def answers_by_key(writes: Sequence[Write], answer: BatchAnswer, key_property: str) -> dict[str, Answer]:
    """Match an answer to its inputs: by trace id, record id or unique value, never by position.

    HubSpot's results come in any order and with lower-cased e-mail addresses.
    """
    by_trace = {f"write-{number}": write.key for number, write in enumerate(writes)}
    by_id = {write.record_id: write.key for write in writes if write.record_id}
    by_value = {key.lower(): write.key for write in writes if not write.record_id for key in write.keys}
    answers: dict[str, Answer] = {}
    unnamed: list[HubSpotProblem] = []
    for failure in answer.failures:
        named = [by_trace[trace] for trace in failure.trace_ids if trace in by_trace]
        named += [by_id[record_id] for record_id in failure.ids if record_id in by_id]
        answers |= dict.fromkeys(named, failure.problem)
        if not named:
            unnamed.append(failure.problem)
    for record in answer.records:
        value = (record.properties.get(key_property) or "").lower()
        key = by_trace.get(record.trace_id) or by_id.get(record.id) or by_value.get(value)
        if key:
            answers[key] = record.id
    return answers | _only_one_left(writes, answers, unnamed)


def _only_one_left(
    writes: Sequence[Write], answers: Mapping[str, Answer], unnamed: Sequence[HubSpotProblem]
) -> dict[str, Answer]:
    """A failure that names no input can only mean the one input without an answer, if there is just one."""
    unanswered = [write.key for write in writes if write.key not in answers]
    return {unanswered[0]: unnamed[0]} if unnamed and len(unanswered) == 1 else {}
