"""Write a batch so that one bad record harms only itself: rounds of read, plan, write until every key is settled.

A round reads the keys still open, plans their writes against what HubSpot really has, and sends them. What HubSpot
took is settled. A uniqueness conflict, a lost answer or a refusal goes into the next round, which reads again first:
so a create whose answer was lost is found instead of repeated. A record that breaks calls, reads or writes, is alone in
its call in the end.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from woohub.answers import BatchAnswer, Record, invalid_email
from woohub.errors import OutOfTime, Problem, Refused, TransientError, Unavailable, UnknownOutcome
from woohub.hubspot import BATCH
from woohub.throttle import Timer, jittered

# (seconds before the round, records in one call): late rounds take less at a time, to find a record that breaks calls
ROUNDS = ((0, BATCH), (1, BATCH), (2, 10), (2, 1), (8, 1), (16, 1))
ISOLATING = ROUNDS[2:]  # those that look for such a record
TRIES = 3  # of a record that HubSpot refuses, before the refusal is believed
FAILURES_IN_A_ROW = 2  # lost answers after which a round stops calling


@dataclass(frozen=True)
class Write:
    """One record to create (no id) or update, for all the keys that turned out to be this record."""

    keys: tuple[str, ...]
    properties: Mapping[str, str]
    record_id: str = ""
    attach: str = ""
    detach: tuple[str, ...] = ()
    notice: str = ""  # see plans.DealPlan
    alone: bool = False  # must be the only one in its call

    @property
    def key(self) -> str:
        """The first key: the write goes by it."""
        return self.keys[0]


@dataclass(frozen=True)
class Settled:
    """How a key ended: the record's id (empty: nothing to make), or the error, after so many tries.

    `broke` is the path of the call that broke last, if this record was the only one in it.
    """

    record_id: str = ""
    error: Refused | TransientError | None = None
    tries: int = 1
    broke: str = ""


UNTOLD = Settled(error=UnknownOutcome("HubSpot gave no answer that tells whether this was written"))


@dataclass
class Plan:
    """One round's work, and what became of the keys that need none."""

    writes: list[Write] = field(default_factory=list)
    done: dict[str, str] = field(default_factory=dict)  # keys whose record is right, with its id
    refused: dict[str, Problem] = field(default_factory=dict)  # keys that HubSpot refuses to look up
    held: dict[str, TransientError] = field(default_factory=dict)  # keys that have to wait, and why


Answer = str | Problem  # the record's id, or why not; an input without an answer has an unknown outcome


class Desk(Protocol):
    """Contacts or deals: what is particular to each."""

    def plan(self, keys: Sequence[str], hints: Mapping[str, str]) -> Plan:
        """Read the keys (and the record ids hinted at by conflicts) and plan their writes."""

    def send(self, writes: Sequence[Write]) -> dict[str, Answer]:
        """Write at most 100 records; answers by `Write.key`. Raises Refused when HubSpot refused them as a whole."""

    def conflict(self, problem: Problem) -> str | None:
        """The id of the record that already holds the key, `""` when HubSpot does not say; None: no conflict."""

    def adapt(self, problem: Problem, write: Write) -> bool:
        """Whether the next try will differ because of what was learned from the problem."""


def settle(desk: Desk, keys: Sequence[str], timer: Timer) -> dict[str, Settled]:
    """Settle every key; those that could not be carry the TransientError that says why."""
    run, rounds = _Run(desk, list(keys)), list(ROUNDS)
    try:
        while run.open and rounds:
            pause, size = rounds.pop(0)
            timer.sleep(jittered(pause, random.random) if run.pausing else 0)
            run.round(size)
            if size == 1 and run.in_vain:  # even for single records: the queue tries again, and others need not wait
                break
            if run.grew_in_vain:
                rounds = list(ISOLATING)
    except OutOfTime as error:  # says nothing about a record whose call broke before
        return run.settled | {key: run.lost.get(key, Settled(error=error)) for key in run.open}
    except TransientError as error:
        return run.settled | {key: Settled(error=error) for key in run.open}
    return run.settled | {key: run.lost.get(key, UNTOLD) for key in run.open}


class CallSize:
    """How many records go into one call: few while calls break, all again as soon as one is answered.

    So a batch that waited for an outage to end goes on at full speed. Where it was a record that broke the calls, the
    first full one breaks again: then it stays at few, until that record is alone.
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

    def broke(self) -> bool:
        """A call came to nothing; whether it was one that had grown."""
        in_vain, self._grown = self._grown, False
        if in_vain:
            self.records, self._may_grow = self._few, False
        return in_vain


class _Run:
    """The state between rounds."""

    def __init__(self, desk: Desk, keys: list[str]) -> None:
        self.desk = desk
        self.open = keys
        self.settled: dict[str, Settled] = {}
        self.lost: dict[str, Settled] = {}  # how the last call of a key broke
        self.in_vain = False  # reads are answered, but no write was so far
        self.pausing = False  # a conflict is settled by reading at once; anything else deserves a pause
        self.grew_in_vain = False  # full calls were tried again too soon in this round
        self._hints: dict[str, str] = {}
        self._tries: Counter[str] = Counter()
        self._tried: set[str] = set()  # in this round
        self._tried_before: set[str] = set()  # in the last one
        self._reads, self._writes = CallSize(), CallSize()
        self._reads_break = False
        self._reads_broken = self._writes_broken = 0  # in a row
        self._answered = False  # a write, so far

    def round(self, size: int) -> None:
        """Read, plan and write what is open: read all of it at once, unless the last round's reads broke."""
        self._reads.start(size if self._reads_break else BATCH)
        self._writes.start(size)
        self._tried_before, self._tried = self._tried, set()
        self.grew_in_vain = self._reads_break = self.pausing = False
        self._reads_broken = self._writes_broken = 0
        waiting = list(self.open)
        try:
            while waiting and FAILURES_IN_A_ROW not in (self._reads_broken, self._writes_broken):
                keys, waiting = waiting[: self._reads.records], waiting[self._reads.records :]
                plan = self._planned(keys)
                if plan:
                    self._carry_out(plan)
        finally:
            self.in_vain = not (self._answered or self._reads_break)
            # Those a round did not get to come first in the next: a few hopeless ones must not stand in their way.
            self.open = sorted((key for key in self.open if key not in self.settled), key=self._tried.__contains__)

    def _planned(self, keys: Sequence[str]) -> Plan | None:
        try:
            plan = self.desk.plan(keys, self._hints)
        except Unavailable as error:
            self._lose(keys, error, alone=len(keys) == 1)
            self._tried |= set(keys)
            self._reads_break = self.pausing = True
            self._reads_broken += 1
            self.grew_in_vain |= self._reads.broke()
            return None
        self._reads_broken = 0
        self._reads.answered()
        return plan

    def _carry_out(self, plan: Plan) -> None:
        self.settled |= {key: Settled(record_id) for key, record_id in plan.done.items()}
        self.settled |= {key: Settled(error=Refused(problem)) for key, problem in plan.refused.items()}
        self.settled |= {key: self.lost.get(key, Settled(error=error)) for key, error in plan.held.items()}
        answers: dict[str, Answer] = {}
        try:
            self._send(plan.writes, answers)
        finally:
            for write in plan.writes:
                self._judge(write, answers.get(write.key))

    def _send(self, writes: Sequence[Write], answers: dict[str, Answer]) -> None:
        """What was not tried in the last round comes first, whatever kind of call it takes."""
        waiting = _apart(writes)
        while waiting and self._writes_broken < FAILURES_IN_A_ROW:
            group = min(waiting, key=lambda group: group[0].key in self._tried_before)
            some, rest = group[: self._writes.records], group[self._writes.records :]
            waiting = [rest if other is group else other for other in waiting if rest or other is not group]
            self._tried |= {write.key for write in some}
            self._send_together(some, answers)

    def _send_together(self, writes: Sequence[Write], answers: dict[str, Answer]) -> None:
        try:
            _bisect(self._sent, writes, answers)
            self._writes_broken, self._answered = 0, True
        except UnknownOutcome:
            self._writes_broken += 1
        if any(write.key in answers for write in writes):
            self._writes.answered()
        else:
            self.grew_in_vain |= self._writes.broke()

    def _sent(self, writes: Sequence[Write]) -> dict[str, Answer]:
        try:
            return self.desk.send(writes)
        except UnknownOutcome as error:
            self._lose([key for write in writes for key in write.keys], error, alone=len(writes) == 1)
            raise

    def _lose(self, keys: Sequence[str], error: TransientError, *, alone: bool) -> None:
        self.lost |= dict.fromkeys(keys, Settled(error=error, broke=error.call if alone else ""))

    def _judge(self, write: Write, answer: Answer | None) -> None:
        if isinstance(answer, str):
            self.settled |= {key: Settled(answer, tries=self._tries[key] + 1) for key in write.keys}
        elif answer is None:
            self.pausing = True
        else:
            self._refused(write, answer)

    def _refused(self, write: Write, problem: Problem) -> None:
        self._tries.update(write.keys)
        tries = max(self._tries[key] for key in write.keys)
        holder = self.desk.conflict(problem)
        if holder:
            self._hints |= dict.fromkeys(write.keys, holder)
        if invalid_email(problem) or tries >= TRIES:
            self.settled |= {key: Settled(error=Refused(problem), tries=tries) for key in write.keys}
        elif holder is None and not self.desk.adapt(problem, write):
            self.pausing = True


def _apart(writes: Sequence[Write]) -> list[list[Write]]:
    """Creates, updates and changes of association, each of which takes other calls, and what must be alone in one."""
    alone = [[write] for write in writes if write.alone]
    creates = [write for write in writes if not write.record_id and not write.alone]
    updates = [write for write in writes if write.record_id and not write.attach]
    moves = [write for write in writes if write.record_id and write.attach]
    return [group for group in (creates, updates, moves, *alone) if group]


def _bisect(
    send: Callable[[Sequence[Write]], dict[str, Answer]], writes: Sequence[Write], answers: dict[str, Answer]
) -> None:
    """Send; when HubSpot refuses the whole batch, send the halves, down to the record that is to blame."""
    try:
        answers |= send(writes)
    except Refused as refused:
        if len(writes) == 1:
            answers[writes[0].key] = refused.problem
            return
        middle = len(writes) // 2
        _bisect(send, writes[:middle], answers)
        _bisect(send, writes[middle:], answers)


def read_apart(
    read: Callable[[Sequence[str]], list[Record]], keys: Sequence[str]
) -> tuple[list[Record], dict[str, Problem]]:
    """Read the keys; when HubSpot refuses them as a whole, in halves, down to the key that is to blame."""
    try:
        return read(keys), {}
    except Refused as refused:
        if len(keys) == 1:
            return [], {keys[0]: refused.problem}
    middle = len(keys) // 2
    left, refused_left = read_apart(read, keys[:middle])
    right, refused_right = read_apart(read, keys[middle:])
    return left + right, refused_left | refused_right


def traced(writes: Sequence[Write], extra: Callable[[Write], Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The inputs of a batch call, each with its own trace id: then HubSpot answers 207 and names the culprit."""
    return [
        {"objectWriteTraceId": f"write-{number}", "properties": dict(write.properties), **extra(write)}
        for number, write in enumerate(writes)
    ]


def answered(writes: Sequence[Write], answer: BatchAnswer, key_property: str) -> dict[str, Answer]:
    """Match an answer to its inputs: by trace id, record id or unique value, never by position.

    HubSpot's results come in any order and with lower-cased e-mail addresses.
    """
    by_trace = {f"write-{number}": write.key for number, write in enumerate(writes)}
    by_id = {write.record_id: write.key for write in writes if write.record_id}
    by_value = {key.lower(): write.key for write in writes if not write.record_id for key in write.keys}
    answers: dict[str, Answer] = {}
    unnamed: list[Problem] = []
    for failure in answer.failures:
        named = [by_trace[one] for one in failure.trace_ids if one in by_trace]
        named += [by_id[one] for one in failure.ids if one in by_id]
        answers |= dict.fromkeys(named, failure.problem)
        if not named:
            unnamed.append(failure.problem)
    for record in answer.records:
        value = (record.properties.get(key_property) or "").lower()
        key = by_trace.get(record.trace_id) or by_id.get(record.id) or by_value.get(value)
        if key:
            answers[key] = record.id
    left = [write.key for write in writes if write.key not in answers]
    if unnamed and len(left) == 1:  # it can mean no other
        answers[left[0]] = unnamed[0]
    return answers
