"""Write a batch in rounds of read, plan and write until every key is done, so that one bad record fails no other.

A round reads the open keys, plans their writes against what HubSpot has, and sends them. Accepted records are done.
After a uniqueness conflict, a lost answer or a rejection, a record goes into the next round. That round reads first, so
a create whose answer was lost is found and not repeated. Calls get smaller until a record that breaks them is alone.

As long as no call breaks, all reads of a round are made at the same time, and then all its writes: nothing is planned
before everything is read, so no record is in two calls at once. After a call that broke, calls are made one after
another until a call of full size is answered.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from woohub.clock import Timer, jittered
from woohub.concurrency import Concurrency, OneAfterAnother
from woohub.errors import (
    DeadlineExceeded,
    HubSpotProblem,
    HubSpotRejected,
    HubSpotUnavailable,
    RejectionUnconfirmed,
    Suspended,
    TransientError,
    UnknownOutcome,
)
from woohub.hubspot.answers import refuses_key
from woohub.hubspot.client import BATCH, chunks
from woohub.sync.call_size import CallSize
from woohub.sync.isolation import bisect, read_apart
from woohub.sync.record_set import Answer, Reading, RecordSet, Write
from woohub.sync.records import RecordResult

# (seconds before the round, records in one call): later rounds use smaller calls to isolate a record that breaks them
ROUNDS = ((0, BATCH), (1, BATCH), (2, 10), (2, 1), (8, 1), (16, 1))
ISOLATING_ROUNDS = ROUNDS[2:]
MAX_ATTEMPTS = 3  # the rejection of a record is final when HubSpot has rejected it so many times
MAX_FAILURES_IN_A_ROW = 2  # after so many lost answers, a round makes no further call

T = TypeVar("T")
OUTCOME_UNKNOWN = RecordResult(error=UnknownOutcome("write outcome unknown: HubSpot's answer named no record"))


def write_all(
    records: RecordSet,
    keys: Sequence[str],
    timer: Timer,
    concurrency: Concurrency | None = None,
    blocked: Callable[[], Mapping[str, RecordResult]] = dict,
    *,
    is_answered: bool = True,
) -> dict[str, RecordResult]:
    """Write every key, and return how each ended: with its id, or with the error that says why it was not written.

    `blocked` is called after HubSpot was read and before anything is planned, and may wait for other records. It
    returns the keys that must not be written, with their results. Unless HubSpot answered the call before
    (`is_answered`), the first call is made alone.
    """
    run = BatchRun(records, list(keys), concurrency or OneAfterAnother(), blocked, is_answered=is_answered)
    return {**_results(run, timer), **blocked()}


def _results(run: BatchRun, timer: Timer) -> dict[str, RecordResult]:
    try:
        run.until_done(timer)
    except DeadlineExceeded as error:  # a record whose call broke before keeps that error
        return run.results_with(RecordResult(error=error))
    except TransientError as error:
        return run.results | {key: RecordResult(error=error) for key in run.open}
    return run.results_with(OUTCOME_UNKNOWN)


class BatchRun:
    """The rounds of one batch: which keys are open, how the others ended, and how calls went."""

    def __init__(
        self,
        records: RecordSet,
        keys: list[str],
        concurrency: Concurrency,
        blocked: Callable[[], Mapping[str, RecordResult]],
        *,
        is_answered: bool,
    ) -> None:
        self.open = keys
        self.results: dict[str, RecordResult] = {}
        self._records = records
        self._concurrency = concurrency
        self._blocked = blocked
        self._failed: dict[str, RecordResult] = {}  # the last failure of each key
        self._holders: dict[str, str] = {}  # the id of the record that holds a key, by key: see conflicts.py
        self._attempts: Counter[str] = Counter()
        self._tried: set[str] = set()  # keys in this round's calls
        self._tried_before: set[str] = set()  # keys in the previous round's calls
        self._read_size, self._write_size = CallSize(is_answered=is_answered), CallSize(is_answered=True)
        self._grew_too_soon = False  # whether a call of full size broke again in this round
        self._reads_break = False
        self._broken_reads = self._broken_writes = 0  # in a row
        self._any_write_answered = False
        self._needs_pause = False  # after any failure but a conflict, which the next read resolves

    def until_done(self, timer: Timer) -> None:
        """Make rounds until every key is done, or even writes of single records get no answer.

        Keys that are still open then are retried by the queue.
        """
        rounds = list(ROUNDS)
        while self.open and rounds:
            pause, call_size = rounds.pop(0)
            timer.sleep(jittered(pause, random.random) if self._needs_pause else 0)
            self._round(call_size)
            if call_size == 1 and not (self._any_write_answered or self._reads_break):
                return
            if self._grew_too_soon:
                rounds = list(ISOLATING_ROUNDS)

    def results_with(self, otherwise: RecordResult) -> dict[str, RecordResult]:
        """Return the results of all keys; an open key has its last failure, or `otherwise` if it has none."""
        return self.results | {key: self._failed.get(key, otherwise) for key in self.open}

    def _round(self, call_size: int) -> None:
        """Read, plan and write the open keys. If the previous round's reads broke, reads are small, too."""
        self._read_size.start(call_size if self._reads_break else BATCH)
        self._write_size.start(call_size)
        self._tried_before, self._tried = self._tried, set()
        self._grew_too_soon = self._reads_break = self._needs_pause = False
        self._broken_reads = self._broken_writes = 0
        waiting = list(self.open)
        try:
            while waiting and max(self._broken_reads, self._broken_writes) < MAX_FAILURES_IN_A_ROW:
                size = self._read_size.records
                end = len(waiting) if self._read_size.is_sound else size
                keys, untried, reading = self._read(list(chunks(waiting[:end], size)))
                waiting = untried + waiting[end:]
                if keys:
                    self._write(keys, reading)
        finally:
            self._reopen()

    def _reopen(self) -> None:
        """Put untried keys first for the next round, so that failing ones cannot use up its time."""
        still_open = [key for key in self.open if key not in self.results]
        untried = [key for key in still_open if key not in self._tried]
        self.open = untried + [key for key in still_open if key in self._tried]

    def _read(self, calls: Sequence[Sequence[str]]) -> tuple[list[str], list[str], Reading]:
        """Make these reads. Return the keys that were read, the keys of calls not begun, and what HubSpot has."""
        read, untried, known = list[str](), list[str](), Reading()
        readings = self._together([partial(read_apart, self._read_once, keys) for keys in calls])
        for keys, reading in zip(calls, readings, strict=True):
            if isinstance(reading, Reading):
                read += keys
                known = known.joined(reading)
                self._broken_reads = 0
                self._read_size.answered()
            elif reading is None:
                untried += keys
            else:
                self._tried.update(keys)
                self._broken_reads += 1
                self._grew_too_soon |= self._read_size.broke(reading.status)
                self._reads_break = self._needs_pause = True
        _raise_all_but(HubSpotUnavailable, readings)
        return read, untried, known

    def _together(self, calls: Sequence[Callable[[], T]]) -> list[T | TransientError | None]:
        """Make calls at the same time. Return what each returned, or its error; None if it was not begun.

        After a failure, no further call is begun.
        """
        failed: list[TransientError] = []

        def attempt(call: Callable[[], T]) -> T | TransientError | None:
            if failed:
                return None
            try:
                return call()
            except TransientError as error:
                failed.append(error)
                return error

        return self._concurrency.run([partial(attempt, call) for call in calls])

    def _read_once(self, keys: Sequence[str]) -> Reading:
        try:
            return self._records.read(keys, self._holders)
        except HubSpotUnavailable as error:
            self._note_broken(keys, error, alone=len(keys) == 1)
            raise

    def _write(self, keys: Sequence[str], reading: Reading) -> None:
        self.results |= self._blocked()
        for key, problem in reading.refused.items():
            self.results.setdefault(key, RecordResult(error=HubSpotRejected(problem)))
        for key, error in reading.waiting.items():
            self.results.setdefault(key, self._failed.get(key, RecordResult(error=error)))
        self._note_rejected_reads(reading.rejected)
        open_keys = [key for key in keys if key not in self.results and key not in reading.rejected]
        plan = self._records.plan(open_keys, reading)
        for key, record_id in plan.done.items():
            self.results[key] = RecordResult(record_id)
        answers: dict[str, Answer] = {}
        try:
            self._send(plan.writes, answers)
        finally:
            for write in plan.writes:
                self._note_answer(write, answers.get(write.key))

    def _send(self, writes: Sequence[Write], answers: dict[str, Answer]) -> None:
        """Send the writes and add their answers. Those not tried in the previous round go first, of whatever kind."""
        waiting = _by_kind_of_call(writes)
        while waiting and self._broken_writes < MAX_FAILURES_IN_A_ROW:
            calls = [self._next_call(waiting)]
            while waiting and self._write_size.is_sound:
                calls.append(self._next_call(waiting))
            waiting += self._send_together(calls, answers)

    def _next_call(self, waiting: list[Sequence[Write]]) -> Sequence[Write]:
        """Remove the writes of the next call from `waiting`, which has them grouped by kind of call."""
        group = min(waiting, key=lambda group: group[0].key in self._tried_before)
        call, rest = group[: self._write_size.records], group[self._write_size.records :]
        place = waiting.index(group)
        waiting[place : place + 1] = [rest] if rest else []
        return call

    def _send_together(self, calls: Sequence[Sequence[Write]], answers: dict[str, Answer]) -> list[Sequence[Write]]:
        """Make these calls at the same time. Return those that were not begun."""
        outcomes = self._together([partial(self._send_call, call, answers) for call in calls])
        for call, outcome in zip(calls, outcomes, strict=True):
            if outcome is not None:
                self._note_call(call, outcome, answered=any(write.key in answers for write in call))
        _raise_all_but(UnknownOutcome, outcomes)
        return [call for call, outcome in zip(calls, outcomes, strict=True) if outcome is None]

    def _send_call(self, writes: Sequence[Write], answers: dict[str, Answer]) -> bool:
        bisect(self._send_once, writes, answers)
        return True

    def _note_call(self, call: Sequence[Write], outcome: bool | TransientError, *, answered: bool) -> None:
        """Note how a call of writes ended: the size of the next calls depends on it."""
        self._tried.update(write.key for write in call)
        if outcome is True:
            self._broken_writes, self._any_write_answered = 0, True
        elif isinstance(outcome, UnknownOutcome):
            self._broken_writes += 1
        if answered:
            self._write_size.answered()
        else:  # the answer was lost, or names none of the records
            status = outcome.status if isinstance(outcome, TransientError) else 0
            self._grew_too_soon |= self._write_size.broke(status)

    def _send_once(self, writes: Sequence[Write]) -> dict[str, Answer]:
        try:
            return self._records.send(writes)
        except UnknownOutcome as error:
            self._note_broken([key for write in writes for key in write.keys], error, alone=len(writes) == 1)
            raise

    def _note_broken(self, keys: Sequence[str], error: TransientError, *, alone: bool) -> None:
        self._failed |= dict.fromkeys(keys, RecordResult(error=error, broken_call=error.call if alone else ""))

    def _note_answer(self, write: Write, answer: Answer | None) -> None:
        if isinstance(answer, str):
            for key in write.keys:
                self.results[key] = RecordResult(answer, attempts=self._attempts[key] + 1)
        elif answer is None:
            self._needs_pause = True
        else:
            self._note_rejection(write, answer)

    def _note_rejection(self, write: Write, problem: HubSpotProblem) -> None:
        """Accept a rejection as final, or leave the keys open for the next round, which reads the holder of a key."""
        holder = self._records.conflict(problem)
        if holder:
            self._holders |= dict.fromkeys(write.keys, holder)
        if not self._is_final(write.keys, problem) and holder is None and not self._records.adapt(problem, write):
            self._note_unconfirmed(write.keys, problem)

    def _note_rejected_reads(self, rejected: Mapping[str, HubSpotProblem]) -> None:
        for key, problem in rejected.items():
            self._tried.add(key)
            if key not in self.results and not self._is_final((key,), problem):
                self._note_unconfirmed((key,), problem)

    def _is_final(self, keys: Sequence[str], problem: HubSpotProblem) -> bool:
        """Count a rejection, make it the keys' result if it is final, and return whether it is."""
        self._attempts.update(keys)
        attempts = max(self._attempts[key] for key in keys)
        if not refuses_key(problem) and attempts < MAX_ATTEMPTS:
            return False
        self.results |= dict.fromkeys(keys, RecordResult(error=HubSpotRejected(problem), attempts=attempts))
        return True

    def _note_unconfirmed(self, keys: Sequence[str], problem: HubSpotProblem) -> None:
        self._needs_pause = True
        self._failed |= dict.fromkeys(keys, RecordResult(error=RejectionUnconfirmed(problem)))


def _raise_all_but(expected: type[TransientError], outcomes: Sequence[object]) -> None:
    """Raise the first error that is not of the expected type, a Suspended before any other."""
    errors = [error for error in outcomes if isinstance(error, TransientError) and not isinstance(error, expected)]
    if errors:
        raise min(errors, key=lambda error: not isinstance(error, Suspended))


def _by_kind_of_call(writes: Sequence[Write]) -> list[Sequence[Write]]:
    """Group the writes: creates, updates without and with new associations, and each that must be alone in a call."""
    exclusive = [[write] for write in writes if write.exclusive]
    creates = [write for write in writes if not write.record_id and not write.exclusive]
    updates = [write for write in writes if write.record_id and not write.change.associate]
    reassociated = [write for write in writes if write.record_id and write.change.associate]
    return [group for group in (creates, updates, reassociated, *exclusive) if group]
