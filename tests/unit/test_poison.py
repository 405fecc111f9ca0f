"""Whether a record is poison, or HubSpot is out of order."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from woohub.consumer.poison import LONGEST_WAIT_S, PoisonDetector
from woohub.consumer.retries import MEMORY_S
from woohub.hubspot.call_stats import CallStats

CREATE, UPDATE = "deals/batch/create", "deals/batch/update"
BAD = "order:666"
WELL, ILL = CallStats(Counter({CREATE: 1})), CallStats(Counter(), Counter({CREATE: 4}))
WELL_ELSEWHERE = CallStats(Counter({UPDATE: 1}))
BOTH = CallStats(Counter({CREATE: 9}), Counter({CREATE: 4}))

Step = tuple[CallStats, set[str]]  # how the calls of a batch went, and who broke CREATE alone
TRY: Step = (ILL, {BAD})


def judged_poison(*steps: Step, gap: float = 60.0, waiting_s: float = 3600.0) -> bool:
    """Whether the bad record counts as poison after these batches, so long after its message was received."""
    detector = PoisonDetector()
    for number, (tally, breaking) in enumerate(steps):
        detector.record_batch(number * gap, tally, dict.fromkeys(breaking, CREATE))
    return detector.is_poison(BAD, CREATE, waiting_s)


def test_a_record_that_breaks_what_goes_well_for_others_is_poison() -> None:
    assert judged_poison(TRY, (WELL, set()), (WELL, set()), TRY)


def test_batches_of_records_that_are_kept_apart_do_not_speak_against_it() -> None:
    apart = (CallStats(), {"order:1"})

    assert judged_poison(TRY, apart, (WELL, set()), apart, apart, (WELL, set()), (CallStats(), {BAD}))


def test_a_record_is_suspect_for_a_while_after_it_broke_a_call() -> None:
    detector = PoisonDetector()
    detector.record_batch(0, ILL, {BAD: CREATE})
    broke_lately = detector.suspects
    detector.record_batch(MEMORY_S, WELL, {})

    assert (broke_lately, detector.suspects) == ({BAD}, set())


def test_its_neighbours_in_the_batch_do_not_speak_against_it() -> None:
    assert judged_poison((BOTH, {BAD}), (WELL, set()), (WELL, set()), (BOTH, {BAD}))


def test_one_broken_call_is_no_proof() -> None:
    assert not judged_poison((WELL, set()), (WELL, set()), TRY)


def test_one_batch_that_went_well_may_be_luck() -> None:
    assert not judged_poison(TRY, (WELL, set()), TRY)


def test_another_kind_of_call_that_goes_well_proves_nothing() -> None:
    assert not judged_poison(TRY, (WELL_ELSEWHERE, set()), (WELL_ELSEWHERE, set()), TRY)


def test_what_went_well_before_its_last_try_proves_nothing() -> None:
    assert not judged_poison(TRY, (WELL, set()), (WELL, set()), TRY, TRY)


def test_where_the_call_breaks_for_others_as_well_nobody_is_poison() -> None:
    others: list[Step] = [(WELL, set()), (WELL, set()), (ILL, {"order:1"}), (WELL, set()), (ILL, {"order:2"})]

    assert not judged_poison(TRY, *others, TRY)


def test_other_calls_that_it_broke_do_not_make_this_one_less_of_a_chance() -> None:
    detector = PoisonDetector()
    sick = CallStats(Counter({CREATE: 6}), Counter({CREATE: 4}))
    for number, call in enumerate([UPDATE] * 5 + [CREATE]):
        detector.record_batch(number * 60, sick, {})
        detector.record_batch(number * 60, WELL, {})
        detector.record_batch(number * 60, WELL, {})
        detector.record_batch(number * 60, CallStats(), {BAD: call})

    assert not detector.is_poison(BAD, CREATE, 3600.0)


def test_where_a_third_of_all_calls_breaks_twice_is_chance_and_five_times_is_not() -> None:
    sick: Step = (CallStats(Counter({CREATE: 6}), Counter({CREATE: 4})), {"order:1"})
    judged = [TRY, sick, (WELL, set()), (WELL, set()), (WELL, set()), (WELL, set())]

    assert not judged_poison(*judged, TRY)
    assert judged_poison(TRY, TRY, TRY, *judged, TRY)


def test_a_batch_in_which_the_call_broke_before_it_went_well_is_not_one_that_went_well() -> None:
    assert not judged_poison(TRY, (BOTH, set()), (BOTH, set()), (BOTH, set()), TRY)


def test_it_is_forgotten_after_a_while() -> None:
    assert not judged_poison(TRY, (WELL, set()), (WELL, set()), TRY, gap=MEMORY_S)


def test_so_is_what_a_clock_that_was_set_back_dates_in_the_future() -> None:
    assert not judged_poison(TRY, (WELL, set()), (WELL, set()), TRY, gap=-MEMORY_S)


def test_after_three_days_in_which_nobody_needed_such_a_call_it_is_poison() -> None:
    assert judged_poison(TRY, waiting_s=LONGEST_WAIT_S)
    assert not judged_poison(TRY, waiting_s=LONGEST_WAIT_S - 1)


def test_several_of_them_are_no_evidence_for_each_other() -> None:
    apart = (CallStats(), {BAD, "order:1"})

    assert judged_poison(TRY, apart, waiting_s=LONGEST_WAIT_S)


def test_while_the_call_breaks_for_a_newcomer_it_is_never_poison() -> None:
    assert not judged_poison(TRY, (ILL, {"order:1"}), TRY, waiting_s=LONGEST_WAIT_S)
    assert not judged_poison((ILL, {BAD, "order:1"}), waiting_s=LONGEST_WAIT_S)


OUTAGE = st.sampled_from(
    [TRY, (ILL, {"order:1"}), (ILL, {BAD, "order:2"}), (WELL_ELSEWHERE, set()), (CallStats(), set())]
)


@given(steps=st.lists(OUTAGE, max_size=12))
def test_in_an_outage_of_the_call_nobody_is_ever_poison(steps: list[Step]) -> None:
    assert not judged_poison(*steps)
