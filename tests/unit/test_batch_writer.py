"""Writing a batch: how far a failure spreads."""

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


class Table:
    """A table over a dict: keys in `broken` fail a write, in `unreadable` a read, keys in `refused` are refused.

    Keys in `rejected` are refused when they are read.
    """

    def __init__(
        self,
        *,
        broken: Counter[str] | None = None,
        unreadable: Sequence[str] = (),
        refused: Counter[str] | None = None,
        rejected: Counter[str] | None = None,
        status: int = 503,
    ) -> None:
        self.status = status  # of what comes back in place of an answer; 0: nothing
        self.broken, self.refused = broken or Counter(), refused or Counter()
        self.rejected = rejected or Counter()
        self.unreadable = unreadable
        self.rows: dict[str, str] = {}
        self.reads: list[list[str]] = []
        self.sent: list[list[str]] = []

    def read(self, keys: Sequence[str], holders: Mapping[str, str]) -> Reading:
        self.reads.append(list(keys))
        if any(key in self.unreadable for key in keys):
            raise HubSpotUnavailable("down", status=self.status, call="read")
        if hit := [key for key in keys if self.rejected[key] > 0]:
            self.rejected.subtract(hit if len(keys) == 1 else ())
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
        for faults, error in ((self.broken, lost), (self.refused, no)):
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


def test_what_needs_no_write_is_done_without_one() -> None:
    table = Table()
    table.rows = {"a": "1"}

    assert write_all(table, ["a"], Clock(0.0).timer())["a"].record_id == "1"
    assert table.sent == []


def test_one_refused_record_is_found_and_the_others_are_written() -> None:
    table = Table(refused=Counter({"bad": 100}))

    results = write_all(table, ["a", "b", "bad", "c"], Clock(0.0).timer())

    assert set(table.rows) == {"a", "b", "c"}
    assert isinstance(results["bad"].error, HubSpotRejected)
    assert results["bad"].attempts == 3


def test_one_record_whose_read_is_rejected_is_found_and_the_others_are_written() -> None:
    table = Table(rejected=Counter({"bad": 100}))

    results = write_all(table, ["a", "b", "bad", "c"], Clock(0.0).timer())

    assert set(table.rows) == {"a", "b", "c"}
    assert isinstance(results["bad"].error, HubSpotRejected)
    assert results["bad"].attempts == 3


def test_a_read_that_is_rejected_but_for_a_moment_costs_no_record() -> None:
    table, clock = Table(rejected=Counter({"a": 1, "b": 1})), Clock(0.0)

    write_all(table, ["a", "b"], clock.timer())

    assert set(table.rows) == {"a", "b"}
    assert clock.now > 0


def test_a_lost_answer_is_tried_again_after_a_pause() -> None:
    table, clock = Table(broken=Counter({"a": 1})), Clock(0.0)

    assert write_all(table, ["a"], clock.timer())["a"].error is None
    assert clock.now > 0


def test_a_record_that_loses_every_answer_is_cornered() -> None:
    table, keys = Table(broken=Counter({"bad": 100})), [f"k{number}" for number in range(40)]

    results = write_all(table, [*keys, "bad"], Clock(0.0).timer())

    assert set(table.rows) == set(keys)
    assert isinstance(results["bad"].error, UnknownOutcome)
    assert results["bad"].broken_call == "write"


def test_a_record_that_breaks_every_read_is_cornered() -> None:
    table, keys = Table(unreadable=["bad"]), [f"k{number}" for number in range(40)]

    results = write_all(table, [*keys[:20], "bad", *keys[20:]], Clock(0.0).timer())

    assert set(table.rows) == set(keys)
    assert isinstance(results["bad"].error, HubSpotUnavailable)
    assert results["bad"].broken_call == "read"


def test_an_outage_of_reads_is_not_met_with_a_call_for_each_record() -> None:
    keys = [f"k{number}" for number in range(100)]
    table = Table(unreadable=keys)

    write_all(table, keys, Clock(0.0).timer())

    assert len(table.reads) <= 10


def test_a_read_that_breaks_once_is_repeated_as_it_was() -> None:
    table = Table(unreadable=["b"])

    def mended(_seconds: float) -> None:
        table.unreadable = ()

    write_all(table, ["a", "b", "c"], Timer(lambda: 0.0, mended))

    assert table.reads == [["a", "b", "c"], ["a", "b", "c"]]


def test_who_was_never_alone_in_a_broken_call_broke_nothing() -> None:
    keys = [f"k{number}" for number in range(100)]
    table = Table(broken=Counter(dict.fromkeys(keys, 1000)))

    results = write_all(table, keys, Clock(0.0).timer())

    assert sorted(len(call) for call in table.sent)[-1] == 100
    alone = {call[0] for call in table.sent if len(call) == 1}
    assert {key for key, result in results.items() if result.broken_call} == alone
    assert 0 < len(alone) < 10


def test_a_call_that_breaks_while_a_refused_batch_is_halved_is_not_held_against_the_other_half() -> None:
    table = Table(refused=Counter({"a": 1}), broken=Counter({"b": 1000}))

    def plain(writes: Sequence[Write]) -> dict[str, Answer]:
        if len(writes) == 2:
            raise HubSpotRejected(HubSpotProblem(400, "no"))
        return Table.send(table, writes)

    table.send = plain  # type: ignore[method-assign]
    results = write_all(table, ["a", "b"], Clock(0.0).timer())

    assert (results["a"].error, results["a"].broken_call) == (None, "")
    assert results["b"].broken_call == "write"


def test_an_outage_leaves_further_tries_to_the_queue() -> None:
    table, clock = Table(broken=Counter({"a": 1000})), Clock(0.0)

    write_all(table, ["a"], clock.timer())

    assert clock.now <= 5


def test_while_others_are_written_a_record_gets_all_its_tries() -> None:
    table, clock = Table(broken=Counter({"bad": 1000})), Clock(0.0)

    write_all(table, ["a", "bad"], clock.timer())

    assert clock.now > 10


def test_an_outage_of_writes_is_not_met_with_a_call_for_each_record() -> None:
    keys = [f"k{number}" for number in range(100)]
    table = Table(broken=Counter(dict.fromkeys(keys, 1000)))

    write_all(table, keys, Clock(0.0).timer())

    assert len(table.sent) <= 10


def test_what_was_written_before_the_time_ran_out_stays_written() -> None:
    table, clock = Table(refused=Counter({"bad": 100})), Clock(0.0)
    timer = clock.timer()
    timer.start(0.2)

    results = write_all(table, ["a", "bad"], timer)

    assert results["a"].error is None
    assert isinstance(results["bad"].error, RejectionUnconfirmed)
    assert results["bad"].error.problem.message == "no"


def test_a_record_whose_call_broke_before_the_time_ran_out_is_known_for_that() -> None:
    table, clock = Table(broken=Counter({"bad": 100})), Clock(0.0)
    timer = clock.timer()
    timer.start(0.2)

    assert write_all(table, ["bad"], timer)["bad"].broken_call == "write"


@pytest.mark.parametrize(
    "error", [TransientError("down"), Suspended("down"), HubSpotUnavailable("down"), DeadlineExceeded("late")]
)
def test_every_key_has_a_result_whatever_happens(error: TransientError) -> None:
    class Down(Table):
        def read(self, keys: Sequence[str], holders: Mapping[str, str]) -> Reading:
            raise error

    results = write_all(Down(), ["a", "b"], Clock(0.0).timer())

    assert {key: result.error for key, result in results.items()} == {"a": error, "b": error}


def move(key: str) -> Write:
    return Write((key,), Change(associate=(Link(CONTACTS, "6001"),)), f"id of {key}")


def test_changes_of_association_go_in_calls_of_their_own() -> None:
    """They need other calls, and when those break, plain updates must not wait for them."""

    class Moving(Table):
        def plan(self, keys: Sequence[str], reading: Reading) -> RoundPlan:
            return RoundPlan(
                [move(key) if key == "moved" else a_write(key, "1") for key in keys if key not in self.rows]
            )

    table = Moving(broken=Counter({"moved": 1000}))

    write_all(table, ["a", "moved", "b"], Clock(0.0).timer())

    assert table.sent[0] == ["a", "b"]
    assert set(table.rows) == {"a", "b"}


def test_a_write_that_must_be_alone_is_alone_in_its_call() -> None:
    class Careful(Table):
        def plan(self, keys: Sequence[str], reading: Reading) -> RoundPlan:
            return RoundPlan([Write((key,), Change(), exclusive=key != "c") for key in keys if key not in self.rows])

    table = Careful()

    write_all(table, ["a", "b", "c"], Clock(0.0).timer())

    assert sorted(table.sent) == [["a"], ["b"], ["c"]]


# After an outage


def keys(count: int) -> list[str]:
    return [f"key {number:03}" for number in range(count)]


def test_a_batch_that_waited_goes_on_with_full_calls_as_soon_as_one_is_answered() -> None:
    table = Table(broken=Counter({"key 000": 2}))  # stands for every call of the first two rounds

    results = write_all(table, keys(100), Clock(0.0).timer())

    assert all(result.error is None for result in results.values())
    assert [len(sent) for sent in table.sent] == [100, 100, 10, 90]


def test_reads_go_back_to_full_calls_as_well() -> None:
    table = Table()
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


def test_a_record_that_breaks_its_calls_costs_one_full_call_more_and_no_neighbour() -> None:
    table = Table(broken=Counter({"key 055": 99}))

    results = write_all(table, keys(100), Clock(0.0).timer())

    assert [key for key, result in results.items() if result.error] == ["key 055"]
    assert [len(sent) for sent in table.sent[:4]] == [100, 100, 10, 90]
    assert all(len(sent) <= 10 for sent in table.sent[4:])


def test_calls_without_any_response_stay_small_since_another_full_one_could_cost_a_whole_time_out() -> None:
    table = Table(broken=Counter({"key 055": 99}), status=0)

    results = write_all(table, keys(100), Clock(0.0).timer())

    assert [key for key, result in results.items() if result.error] == ["key 055"]
    assert all(len(sent) <= 10 for sent in table.sent[2:])
