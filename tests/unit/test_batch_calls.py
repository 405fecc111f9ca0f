"""Matching the answers of a batch call to its inputs."""

from __future__ import annotations

from woohub.errors import HubSpotProblem
from woohub.hubspot.answers import BatchAnswer, Failure, Record
from woohub.sync.batch_calls import answers_by_key
from woohub.sync.record_set import Write
from woohub.sync.records import Change


def a_write(key: str, record_id: str = "") -> Write:
    return Write((key,), Change({"email": key}), record_id)


def test_created_records_are_matched_by_trace_id_in_any_order() -> None:
    writes = [a_write("a@x.example"), a_write("b@x.example")]
    answer = BatchAnswer((Record("2", {}, "write-1"), Record("1", {}, "write-0")))

    assert answers_by_key(writes, answer, "email") == {"a@x.example": "1", "b@x.example": "2"}


def test_created_records_without_trace_ids_are_matched_by_lower_cased_key() -> None:
    writes = [a_write("A@x.example"), a_write("b@x.example")]
    answer = BatchAnswer((Record("2", {"email": "b@x.example"}), Record("1", {"email": "a@x.example"})))

    assert answers_by_key(writes, answer, "email") == {"A@x.example": "1", "b@x.example": "2"}


def test_a_created_record_is_not_matched_by_a_record_id_that_equals_another_key() -> None:
    writes = [Write(("9001",), Change()), Write(("77",), Change())]
    answer = BatchAnswer((Record("9001", {"order": "77"}),))

    assert answers_by_key(writes, answer, "order") == {"77": "9001"}


def test_failures_are_matched_by_trace_id_or_by_record_id() -> None:
    problem = HubSpotProblem(400, "no")
    writes = [a_write("a@x.example", "1"), a_write("b@x.example", "2")]
    answer = BatchAnswer(
        (), (Failure(problem, frozenset({"write-0"}), frozenset()), Failure(problem, frozenset(), frozenset("2")))
    )

    assert answers_by_key(writes, answer, "email") == {"a@x.example": problem, "b@x.example": problem}


def test_an_input_missing_from_the_answer_has_no_result() -> None:
    assert answers_by_key([a_write("a@x.example")], BatchAnswer(()), "email") == {}


FAILURE_WITHOUT_IDS = Failure(HubSpotProblem(400, "no"), frozenset(), frozenset())


def test_a_failure_without_ids_is_matched_to_the_only_input_without_an_answer() -> None:
    writes = [a_write("a@x.example"), a_write("b@x.example")]
    answer = BatchAnswer((Record("1", {}, "write-0"),), (FAILURE_WITHOUT_IDS,))

    assert answers_by_key(writes, answer, "email") == {"a@x.example": "1", "b@x.example": FAILURE_WITHOUT_IDS.problem}


def test_a_failure_without_ids_is_matched_to_no_input_if_several_are_unanswered() -> None:
    writes = [a_write("a@x.example"), a_write("b@x.example")]

    assert answers_by_key(writes, BatchAnswer((), (FAILURE_WITHOUT_IDS,)), "email") == {}
