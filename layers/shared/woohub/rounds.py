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
from woohub.hubspot import BATCH, chunks
from woohub.throttle import Timer, jittered

# (seconds before the round, records in one call): late rounds take less at a time, to find a record that breaks calls
ROUNDS = ((0, BATCH), (1, BATCH), (2, 10), (2, 1), (8, 1), (16, 1))
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
    run = _Run(desk, list(keys))
    try:
        for pause, size in ROUNDS:
            if run.open:
                timer.sleep(jittered(pause, random.random) if run.pausing else 0)
                run.round(size)
            if size == 1 and run.in_vain:  # even for single records: the queue tries again, and others need not wait
                break
    except OutOfTime as error:  # says nothing about a record whose call broke before
        return run.settled | {key: run.lost.get(key, Settled(error=error)) for key in run.open}
    except TransientError as error:
        return run.settled | {key: Settled(error=error) for key in run.open}
    return run.settled | {key: run.lost.get(key, UNTOLD) for key in run.open}


class _Run:
    """The state between rounds."""

    def __init__(self, desk: Desk, keys: list[str]) -> None:
        self.desk = desk
        self.open = keys
        self.settled: dict[str, Settled] = {}
        self.lost: dict[str, Settled] = {}  # how the last call of a key broke
        self.in_vain = False  # reads are answered, but no write was so far
        self.pausing = False  # a conflict is settled by reading at once; anything else deserves a pause
        self._hints: dict[str, str] = {}
        self._tries: Counter[str] = Counter()
        self._tried: set[str] = set()  # in this round
        self._tried_before: set[str] = set()  # in the last one
        self._reads_break = False
        self._writes_broken = 0  # in a row
        self._answered = False  # a write, so far

    def round(self, size: int) -> None:
        """Read, plan and write what is open: read all of it at once, unless the last round's reads broke."""
        parts = list(chunks(self.open, size if self._reads_break else BATCH))
        self._tried_before, self._tried = self._tried, set()
        self._reads_break = self.pausing = False
        self._writes_broken = reads_broken = 0
        try:
            for keys in parts:
                plan = self._planned(keys)
                reads_broken = 0 if plan else reads_broken + 1
                if plan:
                    self._carry_out(plan, size)
                if FAILURES_IN_A_ROW in (reads_broken, self._writes_broken):
                    return
        finally:
            self.in_vain = not (self._answered or self._reads_break)
            # Those a round did not get to come first in the next: a few hopeless ones must not stand in their way.
            self.open = sorted((key for key in self.open if key not in self.settled), key=self._tried.__contains__)

    def _planned(self, keys: Sequence[str]) -> Plan | None:
        try:
            return self.desk.plan(keys, self._hints)
        except Unavailable as error:
            self._lose(keys, error, alone=len(keys) == 1)
            self._tried |= set(keys)
            self._reads_break = self.pausing = True
            return None

    def _carry_out(self, plan: Plan, size: int) -> None:
        self.settled |= {key: Settled(record_id) for key, record_id in plan.done.items()}
        self.settled |= {key: Settled(error=Refused(problem)) for key, problem in plan.refused.items()}
        self.settled |= {key: self.lost.get(key, Settled(error=error)) for key, error in plan.held.items()}
        answers: dict[str, Answer] = {}
        try:
            self._send(plan.writes, size, answers)
        finally:
            for write in plan.writes:
                self._judge(write, answers.get(write.key))

    def _send(self, writes: Sequence[Write], size: int, answers: dict[str, Answer]) -> None:
        for some in sorted(_groups(writes, size), key=lambda some: some[0].key in self._tried_before):
            self._tried |= {write.key for write in some}
            try:
                _bisect(self._sent, some, answers)
                self._writes_broken, self._answered = 0, True
            except UnknownOutcome:
                self._writes_broken += 1
            if self._writes_broken == FAILURES_IN_A_ROW:
                return

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


def _groups(writes: Sequence[Write], size: int) -> list[Sequence[Write]]:
    """Creates, updates and changes of association apart, at most `size` in a call: each takes other calls."""
    alone = [write for write in writes if write.alone]
    creates = [write for write in writes if not write.record_id and not write.alone]
    updates = [write for write in writes if write.record_id and not write.attach]
    moves = [write for write in writes if write.record_id and write.attach]
    return [*chunks(creates, size), *chunks(updates, size), *chunks(moves, size), *chunks(alone, 1)]


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
