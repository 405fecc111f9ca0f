"""Writing a batch: which records a failure affects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from tests.support.clock import Clock
from woohub.clock import Timer
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
from woohub.hubspot.objects import CONTACTS
from woohub.sync.batch_writer import write_all
from woohub.sync.record_set import Answer, Reading, RoundPlan, Write
from woohub.sync.records import Change, Link


def a_write(key: str, record_id: str = "") -> Write:
    return Write((key,), Change({"email": key}), record_id)


def keys(count: int) -> list[str]:
    return [f"key {number:03}" for number in range(count)]


class RecordTable:
    """Records in a dict; calls that include certain keys break or are rejected: a Counter says how often."""

    def __init__(
        self,
        *,
        broken_reads: Sequence[str] = (),
        broken_writes: Counter[str] | None = None,
        rejected_reads: Counter[str] | None = None,
        rejected_writes: Counter[str] | None = None,
        status: int = 503,
    ) -> None:
        self.status = status  # of the answer to a broken call; 0: no response
        self.broken_writes, self.broken_reads = broken_writes or Counter(), broken_reads
        self.rejected_writes, self.rejected_reads = rejected_writes or Counter(), rejected_reads or Counter()
        self.rows: dict[str, str] = {}
        self.reads: list[list[str]] = []
        self.sent: list[list[str]] = []

    def read(self, keys: Sequence[str], holders: Mapping[str, str]) -> Reading:
        self.reads.append(list(keys))
        if any(key in self.broken_reads for key in keys):
            raise HubSpotUnavailable("down", status=self.status, call="read")
        if hit := [key for key in keys if self.rejected_reads[key] > 0]:
            self.rejected_reads.subtract(hit if len(keys) == 1 else ())
            raise HubSpotRejected(HubSpotProblem(400, "no"))
        return Reading()

    def plan(self, keys: Sequence[str], reading: Reading) -> RoundPlan:
        done = {key: self.rows[key] for key in keys if key in self.rows}
        return RoundPlan([a_write(key) for key in keys if key not in done], done)

    def send(self, writes: Sequence[Write]) -> dict[str, Answer]:
        keys = [write.key for write in writes]
        self.sent.append(keys)
        lost = UnknownOutcome("lost", status=self.status, call="write")
        no = HubSpotRejected(HubSpotProblem(400, "no"))
        for faults, error in ((self.broken_writes, lost), (self.rejected_writes, no)):
            hit = [key for key in keys if faults[key] > 0]
            if hit:
                faults.subtract(hit)
                raise error
        self.rows |= {key: f"id of {key}" for key in keys}
        return {key: self.rows[key] for key in keys}

    def conflict(self, problem: HubSpotProblem) -> str | None:
        return None

    def adapt(self, problem: HubSpotProblem, write: Write) -> bool:
        return False


def test_a_record_that_is_up_to_date_is_done_without_a_write() -> None:
    table = RecordTable()
    table.rows = {"a": "1"}

    assert write_all(table, ["a"], Clock(0.0).timer())["a"].record_id == "1"
    assert table.sent == []


@pytest.mark.parametrize(
    "table",
    [RecordTable(rejected_reads=Counter({"bad": 100})), RecordTable(rejected_writes=Counter({"bad": 100}))],
    ids=["read", "write"],
)
def test_a_rejected_record_is_isolated_and_the_others_are_written(table: RecordTable) -> None:
    results = write_all(table, ["a", "b", "bad", "c"], Clock(0.0).timer())

    assert set(table.rows) == {"a", "b", "c"}
    assert isinstance(results["bad"].error, HubSpotRejected)
    assert results["bad"].attempts == 3


def test_all_records_are_written_after_a_read_that_is_rejected_once() -> None:
    table, clock = RecordTable(rejected_reads=Counter({"a": 1, "b": 1})), Clock(0.0)

    write_all(table, ["a", "b"], clock.timer())

    assert set(table.rows) == {"a", "b"}
    assert clock.now > 0


def test_a_write_whose_answer_was_lost_is_retried_after_a_pause() -> None:
    table, clock = RecordTable(broken_writes=Counter({"a": 1})), Clock(0.0)

    assert write_all(table, ["a"], clock.timer())["a"].error is None
    assert clock.now > 0


@pytest.mark.parametrize(
    ("table", "call", "error"),
    [
        (RecordTable(broken_reads=["bad"]), "read", HubSpotUnavailable),
        (RecordTable(broken_writes=Counter({"bad": 100})), "write", UnknownOutcome),
    ],
    ids=["read", "write"],
)
def test_a_record_that_breaks_every_call_is_isolated_and_the_others_are_written(
    table: RecordTable, call: str, error: type[TransientError]
) -> None:
    results = write_all(table, [*keys(20), "bad", *keys(40)[20:]], Clock(0.0).timer())

    assert set(table.rows) == set(keys(40))
    assert isinstance(results["bad"].error, error)
    assert results["bad"].broken_call == call


def test_an_outage_takes_at_most_ten_reads_for_a_hundred_records() -> None:
    table = RecordTable(broken_reads=keys(100))

    write_all(table, keys(100), Clock(0.0).timer())

    assert len(table.reads) <= 10


def test_a_read_that_breaks_once_is_repeated_with_the_same_keys() -> None:
    table = RecordTable(broken_reads=["b"])

    def repair(_seconds: float) -> None:
        table.broken_reads = ()

    write_all(table, ["a", "b", "c"], Timer(lambda: 0.0, repair))

    assert table.reads == [["a", "b", "c"], ["a", "b", "c"]]


def test_an_outage_takes_at_most_ten_writes_and_a_record_alone_in_one_has_a_broken_call() -> None:
    table = RecordTable(broken_writes=Counter(dict.fromkeys(keys(100), 1000)))

    results = write_all(table, keys(100), Clock(0.0).timer())

    assert len(table.sent) <= 10
    assert sorted(len(call) for call in table.sent)[-1] == 100
    alone = {call[0] for call in table.sent if len(call) == 1}
    assert {key for key, result in results.items() if result.broken_call} == alone
    assert 0 < len(alone) < 10


def test_a_broken_half_of_a_rejected_batch_does_not_affect_the_other_half() -> None:
    table = RecordTable(rejected_writes=Counter({"a": 1}), broken_writes=Counter({"b": 1000}))

    def plain(writes: Sequence[Write]) -> dict[str, Answer]:
        if len(writes) == 2:
            raise HubSpotRejected(HubSpotProblem(400, "no"))
        return RecordTable.send(table, writes)

    table.send = plain  # type: ignore[method-assign]
    results = write_all(table, ["a", "b"], Clock(0.0).timer())

    assert (results["a"].error, results["a"].broken_call) == (None, "")
    assert results["b"].broken_call == "write"


def test_a_single_record_gives_up_within_five_seconds_in_an_outage() -> None:
    table, clock = RecordTable(broken_writes=Counter({"a": 1000})), Clock(0.0)

    write_all(table, ["a"], clock.timer())

    assert clock.now <= 5


def test_a_record_is_retried_for_over_ten_seconds_while_others_are_written() -> None:
    table, clock = RecordTable(broken_writes=Counter({"bad": 1000})), Clock(0.0)

    write_all(table, ["a", "bad"], clock.timer())

    assert clock.now > 10


def test_a_rejection_is_unconfirmed_if_the_time_runs_out_before_its_retries() -> None:
    table, clock = RecordTable(rejected_writes=Counter({"bad": 100})), Clock(0.0)
    timer = clock.timer()
    timer.start(0.2)

    results = write_all(table, ["a", "bad"], timer)

    assert results["a"].error is None
    assert isinstance(results["bad"].error, RejectionUnconfirmed)
    assert results["bad"].error.problem.message == "no"


def test_a_broken_write_is_reported_if_the_time_runs_out_afterwards() -> None:
    table, clock = RecordTable(broken_writes=Counter({"bad": 100})), Clock(0.0)
    timer = clock.timer()
    timer.start(0.2)

    assert write_all(table, ["bad"], timer)["bad"].broken_call == "write"


@pytest.mark.parametrize(
    "error", [TransientError("down"), Suspended("down"), HubSpotUnavailable("down"), DeadlineExceeded("late")]
)
def test_every_key_carries_the_error_if_reading_fails(error: TransientError) -> None:
    class Down(RecordTable):
        def read(self, keys: Sequence[str], holders: Mapping[str, str]) -> Reading:
            raise error

    results = write_all(Down(), ["a", "b"], Clock(0.0).timer())

    assert {key: result.error for key, result in results.items()} == {"a": error, "b": error}


def move(key: str) -> Write:
    return Write((key,), Change(associate=(Link(CONTACTS, "6001"),)), f"id of {key}")


def test_association_changes_are_written_in_a_separate_call_after_property_changes() -> None:
    """If calls for associations break, property changes must not wait for them."""

    class Moving(RecordTable):
        def plan(self, keys: Sequence[str], reading: Reading) -> RoundPlan:
            return RoundPlan(
                [move(key) if key == "moved" else a_write(key, "1") for key in keys if key not in self.rows]
            )

    table = Moving(broken_writes=Counter({"moved": 1000}))

    write_all(table, ["a", "moved", "b"], Clock(0.0).timer())

    assert table.sent[0] == ["a", "b"]
    assert set(table.rows) == {"a", "b"}


def test_every_exclusive_write_is_alone_in_its_call() -> None:
    class ExclusiveWrites(RecordTable):
        def plan(self, keys: Sequence[str], reading: Reading) -> RoundPlan:
            return RoundPlan([Write((key,), Change(), exclusive=key != "c") for key in keys if key not in self.rows])

    table = ExclusiveWrites()

    write_all(table, ["a", "b", "c"], Clock(0.0).timer())

    assert sorted(table.sent) == [["a"], ["b"], ["c"]]


def test_writes_return_to_full_calls_as_soon_as_a_small_one_is_answered() -> None:
    table = RecordTable(broken_writes=Counter({"key 000": 2}))  # breaks both full calls

    results = write_all(table, keys(100), Clock(0.0).timer())

    assert all(result.error is None for result in results.values())
    assert [len(sent) for sent in table.sent] == [100, 100, 10, 90]


def test_reads_return_to_full_calls_as_soon_as_a_small_one_is_answered() -> None:
    table = RecordTable()
    trouble = iter([True, True])
    usual = table.read

    def read(some: Sequence[str], holders: Mapping[str, str]) -> Reading:
        reading = usual(some, holders)
        if next(trouble, False):
            raise HubSpotUnavailable("503", status=503, call="read")
        return reading

    table.read = read  # type: ignore[assignment, method-assign]

    write_all(table, keys(100), Clock(0.0).timer())

    assert [len(read) for read in table.reads] == [100, 100, 10, 90]


def test_a_record_that_breaks_writes_with_503_costs_one_more_full_call() -> None:
    table = RecordTable(broken_writes=Counter({"key 055": 99}))

    results = write_all(table, keys(100), Clock(0.0).timer())

    assert [key for key, result in results.items() if result.error] == ["key 055"]
    assert [len(sent) for sent in table.sent[:4]] == [100, 100, 10, 90]
    assert all(len(sent) <= 10 for sent in table.sent[4:])


def test_writes_stay_small_after_two_full_calls_without_a_response() -> None:
    table = RecordTable(broken_writes=Counter({"key 055": 99}), status=0)

    results = write_all(table, keys(100), Clock(0.0).timer())

    assert [key for key, result in results.items() if result.error] == ["key 055"]
    assert all(len(sent) <= 10 for sent in table.sent[2:])
