"""Settling a batch: matching answers to inputs, and how far a failure spreads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from woohub.answers import BatchAnswer, Failure, Record
from woohub.errors import OutOfTime, Problem, Refused, Suspended, TransientError, Unavailable, UnknownOutcome
from woohub.rounds import Answer, Plan, Write, answered, read_apart, settle
from woohub.throttle import Timer


def a_write(key: str, record_id: str = "") -> Write:
    return Write((key,), {"email": key}, record_id)


def test_created_records_are_matched_by_trace_id_whatever_their_order() -> None:
    writes = [a_write("a@x.example"), a_write("b@x.example")]
    answer = BatchAnswer((Record("2", {}, "write-1"), Record("1", {}, "write-0")))

    assert answered(writes, answer, "email") == {"a@x.example": "1", "b@x.example": "2"}


def test_created_records_without_trace_ids_are_matched_by_their_lower_cased_key() -> None:
    writes = [a_write("A@x.example"), a_write("b@x.example")]
    answer = BatchAnswer((Record("2", {"email": "b@x.example"}), Record("1", {"email": "a@x.example"})))

    assert answered(writes, answer, "email") == {"A@x.example": "1", "b@x.example": "2"}


def test_a_created_record_whose_id_is_another_inputs_key_is_not_mistaken_for_it() -> None:
    writes = [Write(("9001",), {}), Write(("77",), {})]
    answer = BatchAnswer((Record("9001", {"order": "77"}),))

    assert answered(writes, answer, "order") == {"77": "9001"}


def test_failures_name_their_input_by_trace_id_or_by_record_id() -> None:
    problem = Problem(400, "no")
    writes = [a_write("a@x.example", "1"), a_write("b@x.example", "2")]
    answer = BatchAnswer(
        (), (Failure(problem, frozenset({"write-0"}), frozenset()), Failure(problem, frozenset(), frozenset("2")))
    )

    assert answered(writes, answer, "email") == {"a@x.example": problem, "b@x.example": problem}


def test_an_input_in_neither_list_has_no_answer() -> None:
    assert answered([a_write("a@x.example")], BatchAnswer(()), "email") == {}


NAMELESS = Failure(Problem(400, "no"), frozenset(), frozenset())


def test_a_failure_that_names_no_input_means_the_only_one_without_an_answer() -> None:
    writes = [a_write("a@x.example"), a_write("b@x.example")]
    answer = BatchAnswer((Record("1", {}, "write-0"),), (NAMELESS,))

    assert answered(writes, answer, "email") == {"a@x.example": "1", "b@x.example": NAMELESS.problem}


def test_a_failure_that_may_mean_several_inputs_is_nobodys() -> None:
    writes = [a_write("a@x.example"), a_write("b@x.example")]

    assert answered(writes, BatchAnswer((), (NAMELESS,)), "email") == {}


def test_a_refused_read_is_narrowed_down_to_the_key_to_blame() -> None:
    def read(keys: Sequence[str]) -> list[Record]:
        if "bad" in keys:
            raise Refused(Problem(400, "bad"))
        return [Record(key, {}) for key in keys]

    records, refused = read_apart(read, ["a", "b", "bad", "c", "d"])

    assert sorted(record.id for record in records) == ["a", "b", "c", "d"]
    assert list(refused) == ["bad"]


class Table:
    """A desk over a dict: keys in `broken` fail a write, in `unreadable` a read, keys in `refused` are refused."""

    def __init__(
        self,
        *,
        broken: Counter[str] | None = None,
        unreadable: Sequence[str] = (),
        refused: Counter[str] | None = None,
    ) -> None:
        self.broken, self.refused = broken or Counter(), refused or Counter()
        self.unreadable = unreadable
        self.rows: dict[str, str] = {}
        self.read: list[list[str]] = []
        self.sent: list[list[str]] = []

    def plan(self, keys: Sequence[str], hints: Mapping[str, str]) -> Plan:
        self.read.append(list(keys))
        if any(key in self.unreadable for key in keys):
            raise Unavailable("503", call="read")
        done = {key: self.rows[key] for key in keys if key in self.rows}
        return Plan([a_write(key) for key in keys if key not in done], done)

    def send(self, writes: Sequence[Write]) -> dict[str, Answer]:
        keys = [write.key for write in writes]
        self.sent.append(keys)
        lost, no = UnknownOutcome("lost", call="write"), Refused(Problem(400, "no"))
        for faults, error in ((self.broken, lost), (self.refused, no)):
            hit = [key for key in keys if faults[key] > 0]
            if hit:
                faults.subtract(hit)
                raise error
        self.rows |= {key: f"id of {key}" for key in keys}
        return {key: self.rows[key] for key in keys}

    def conflict(self, problem: Problem) -> str | None:
        return None

    def adapt(self, problem: Problem, write: Write) -> bool:
        return False


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def timer(self) -> Timer:
        return Timer(lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_what_needs_no_write_is_settled_without_one() -> None:
    desk = Table()
    desk.rows = {"a": "1"}

    assert settle(desk, ["a"], Clock().timer())["a"].record_id == "1"
    assert desk.sent == []


def test_one_refused_record_is_found_and_the_others_are_written() -> None:
    desk = Table(refused=Counter({"bad": 100}))

    settled = settle(desk, ["a", "b", "bad", "c"], Clock().timer())

    assert set(desk.rows) == {"a", "b", "c"}
    assert isinstance(settled["bad"].error, Refused)
    assert settled["bad"].tries == 3


def test_a_lost_answer_is_tried_again_after_a_pause() -> None:
    desk, clock = Table(broken=Counter({"a": 1})), Clock()

    assert settle(desk, ["a"], clock.timer())["a"].error is None
    assert clock.now > 0


def test_a_record_that_loses_every_answer_is_cornered() -> None:
    desk, keys = Table(broken=Counter({"bad": 100})), [f"k{number}" for number in range(40)]

    settled = settle(desk, [*keys, "bad"], Clock().timer())

    assert set(desk.rows) == set(keys)
    assert isinstance(settled["bad"].error, UnknownOutcome)
    assert settled["bad"].broke == "write"


def test_a_record_that_breaks_every_read_is_cornered() -> None:
    desk, keys = Table(unreadable=["bad"]), [f"k{number}" for number in range(40)]

    settled = settle(desk, [*keys[:20], "bad", *keys[20:]], Clock().timer())

    assert set(desk.rows) == set(keys)
    assert isinstance(settled["bad"].error, Unavailable)
    assert settled["bad"].broke == "read"


def test_an_outage_of_reads_is_not_met_with_a_call_for_each_record() -> None:
    keys = [f"k{number}" for number in range(100)]
    desk = Table(unreadable=keys)

    settle(desk, keys, Clock().timer())

    assert len(desk.read) <= 10


def test_a_read_that_breaks_once_is_repeated_as_it_was() -> None:
    desk = Table(unreadable=["b"])

    def mended(_seconds: float) -> None:
        desk.unreadable = ()

    settle(desk, ["a", "b", "c"], Timer(lambda: 0.0, mended))

    assert desk.read == [["a", "b", "c"], ["a", "b", "c"]]


def test_who_was_never_alone_in_a_broken_call_broke_nothing() -> None:
    keys = [f"k{number}" for number in range(100)]
    desk = Table(broken=Counter(dict.fromkeys(keys, 1000)))

    settled = settle(desk, keys, Clock().timer())

    assert sorted(len(call) for call in desk.sent)[-1] == 100
    alone = {call[0] for call in desk.sent if len(call) == 1}
    assert {key for key, one in settled.items() if one.broke} == alone
    assert 0 < len(alone) < 10


def test_a_call_that_breaks_while_a_refused_batch_is_halved_is_not_held_against_the_other_half() -> None:
    desk = Table(refused=Counter({"a": 1}), broken=Counter({"b": 1000}))

    def plain(writes: Sequence[Write]) -> dict[str, Answer]:
        if len(writes) == 2:
            raise Refused(Problem(400, "no"))
        return Table.send(desk, writes)

    desk.send = plain  # type: ignore[method-assign]
    settled = settle(desk, ["a", "b"], Clock().timer())

    assert (settled["a"].error, settled["a"].broke) == (None, "")
    assert settled["b"].broke == "write"


def test_an_outage_leaves_further_tries_to_the_queue() -> None:
    desk, clock = Table(broken=Counter({"a": 1000})), Clock()

    settle(desk, ["a"], clock.timer())

    assert clock.now <= 5


def test_while_others_are_written_a_record_gets_all_its_tries() -> None:
    desk, clock = Table(broken=Counter({"bad": 1000})), Clock()

    settle(desk, ["a", "bad"], clock.timer())

    assert clock.now > 10


def test_an_outage_of_writes_is_not_met_with_a_call_for_each_record() -> None:
    keys = [f"k{number}" for number in range(100)]
    desk = Table(broken=Counter(dict.fromkeys(keys, 1000)))

    settle(desk, keys, Clock().timer())

    assert len(desk.sent) <= 10


def test_what_was_written_before_the_time_ran_out_stays_settled() -> None:
    desk, clock = Table(refused=Counter({"bad": 100})), Clock()
    timer = clock.timer()
    timer.start(0.2)

    settled = settle(desk, ["a", "bad"], timer)

    assert settled["a"].error is None
    assert isinstance(settled["bad"].error, OutOfTime)


def test_a_record_whose_call_broke_before_the_time_ran_out_is_known_for_that() -> None:
    desk, clock = Table(broken=Counter({"bad": 100})), Clock()
    timer = clock.timer()
    timer.start(0.2)

    assert settle(desk, ["bad"], timer)["bad"].broke == "write"


@pytest.mark.parametrize("error", [TransientError("down"), Suspended("down"), Unavailable("down"), OutOfTime("late")])
def test_every_key_is_settled_whatever_happens(error: TransientError) -> None:
    class Down(Table):
        def plan(self, keys: Sequence[str], hints: Mapping[str, str]) -> Plan:
            raise error

    settled = settle(Down(), ["a", "b"], Clock().timer())

    assert {key: one.error for key, one in settled.items()} == {"a": error, "b": error}


def move(key: str) -> Write:
    return Write((key,), {}, f"id of {key}", attach="contact")


def test_changes_of_association_go_in_calls_of_their_own() -> None:
    """They need other calls, and when those break, plain updates must not wait for them."""

    class Moving(Table):
        def plan(self, keys: Sequence[str], hints: Mapping[str, str]) -> Plan:
            return Plan([move(key) if key == "moved" else a_write(key, "1") for key in keys if key not in self.rows])

    desk = Moving(broken=Counter({"moved": 1000}))

    settle(desk, ["a", "moved", "b"], Clock().timer())

    assert desk.sent[0] == ["a", "b"]
    assert set(desk.rows) == {"a", "b"}


def test_a_write_that_must_be_alone_is_alone_in_its_call() -> None:
    class Careful(Table):
        def plan(self, keys: Sequence[str], hints: Mapping[str, str]) -> Plan:
            return Plan([Write((key,), {}, alone=key != "c") for key in keys if key not in self.rows])

    desk = Careful()

    settle(desk, ["a", "b", "c"], Clock().timer())

    assert sorted(desk.sent) == [["a"], ["b"], ["c"]]


# After an outage


def keys(count: int) -> list[str]:
    return [f"key {number:03}" for number in range(count)]


def test_a_batch_that_waited_goes_on_with_full_calls_as_soon_as_one_is_answered() -> None:
    table = Table(broken=Counter({"key 000": 2}))  # stands for every call of the first two rounds

    settled = settle(table, keys(100), Clock().timer())

    assert all(result.error is None for result in settled.values())
    assert [len(sent) for sent in table.sent] == [100, 100, 10, 90]


def test_reads_go_back_to_full_calls_as_well() -> None:
    table = Table()
    trouble = iter([True, True])
    usual = table.plan

    def plan(some: Sequence[str], hints: Mapping[str, str]) -> Plan:
        planned = usual(some, hints)
        if next(trouble, False):
            raise Unavailable("503", call="read")
        return planned

    table.plan = plan  # type: ignore[assignment, method-assign]

    settle(table, keys(100), Clock().timer())

    assert [len(read) for read in table.read] == [100, 100, 10, 90]


def test_a_record_that_breaks_its_calls_costs_one_full_call_more_and_no_neighbour() -> None:
    table = Table(broken=Counter({"key 055": 99}))

    settled = settle(table, keys(100), Clock().timer())

    assert [key for key, result in settled.items() if result.error] == ["key 055"]
    assert [len(sent) for sent in table.sent[:4]] == [100, 100, 10, 90]
    assert all(len(sent) <= 10 for sent in table.sent[4:])
