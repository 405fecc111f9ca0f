"""Whether a failing call is due to its record (poison) or to HubSpot."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from woohub.consumer.poison import LONGEST_WAIT_S, PoisonDetector
from woohub.consumer.retries import MEMORY_S
from woohub.hubspot.call_stats import CallStats

CREATE, UPDATE = "deals/batch/create", "deals/batch/update"
BAD = "order:666"
WORKS, BREAKS = CallStats(Counter({CREATE: 1})), CallStats(Counter(), Counter({CREATE: 4}))
OTHER_CALL_WORKS = CallStats(Counter({UPDATE: 1}))
BOTH = CallStats(Counter({CREATE: 9}), Counter({CREATE: 4}))

Step = tuple[CallStats, set[str]]  # the calls of a batch, and the records that broke CREATE alone
BAD_BREAKS: Step = (BREAKS, {BAD})


def is_poison_after(*steps: Step, gap: float = 60.0, waiting_s: float = 3600.0) -> bool:
    """Whether the record BAD is poison after these batches, `waiting_s` after its message was received."""
    detector = PoisonDetector()
    for number, (tally, breaking) in enumerate(steps):
        detector.record_batch(number * gap, tally, dict.fromkeys(breaking, CREATE))
    return detector.is_poison(BAD, CREATE, waiting_s)


def test_a_record_is_poison_if_its_call_breaks_but_works_for_others() -> None:
    assert is_poison_after(BAD_BREAKS, (WORKS, set()), (WORKS, set()), BAD_BREAKS)


def test_batches_of_suspects_do_not_prevent_the_verdict_poison() -> None:
    apart = (CallStats(), {"order:1"})

    assert is_poison_after(BAD_BREAKS, apart, (WORKS, set()), apart, apart, (WORKS, set()), (CallStats(), {BAD}))


def test_a_record_is_suspect_until_its_broken_call_is_forgotten() -> None:
    detector = PoisonDetector()
    detector.record_batch(0, BREAKS, {BAD: CREATE})
    suspects = detector.suspects
    detector.record_batch(MEMORY_S, WORKS, {})

    assert (suspects, detector.suspects) == ({BAD}, set())


def test_a_record_is_poison_even_if_calls_broke_in_its_own_batches() -> None:
    assert is_poison_after((BOTH, {BAD}), (WORKS, set()), (WORKS, set()), (BOTH, {BAD}))


def test_a_record_is_not_poison_after_one_broken_call() -> None:
    assert not is_poison_after((WORKS, set()), (WORKS, set()), BAD_BREAKS)


def test_a_record_is_not_poison_after_one_successful_batch_of_others() -> None:
    assert not is_poison_after(BAD_BREAKS, (WORKS, set()), BAD_BREAKS)


def test_a_record_is_not_poison_if_only_other_kinds_of_calls_work() -> None:
    assert not is_poison_after(BAD_BREAKS, (OTHER_CALL_WORKS, set()), (OTHER_CALL_WORKS, set()), BAD_BREAKS)


def test_a_record_is_not_poison_if_others_succeeded_only_before_its_last_two_attempts() -> None:
    assert not is_poison_after(BAD_BREAKS, (WORKS, set()), (WORKS, set()), BAD_BREAKS, BAD_BREAKS)


def test_a_record_is_not_poison_if_the_call_breaks_for_others_too() -> None:
    others: list[Step] = [(WORKS, set()), (WORKS, set()), (BREAKS, {"order:1"}), (WORKS, set()), (BREAKS, {"order:2"})]

    assert not is_poison_after(BAD_BREAKS, *others, BAD_BREAKS)


def test_a_record_is_not_poison_for_breaking_other_kinds_of_calls() -> None:
    detector = PoisonDetector()
    third_breaks = CallStats(Counter({CREATE: 6}), Counter({CREATE: 4}))
    for number, call in enumerate([UPDATE] * 5 + [CREATE]):
        detector.record_batch(number * 60, third_breaks, {})
        detector.record_batch(number * 60, WORKS, {})
        detector.record_batch(number * 60, WORKS, {})
        detector.record_batch(number * 60, CallStats(), {BAD: call})

    assert not detector.is_poison(BAD, CREATE, 3600.0)


def test_a_record_is_poison_after_five_but_not_two_broken_calls_if_others_break_too() -> None:
    third_breaks: Step = (CallStats(Counter({CREATE: 6}), Counter({CREATE: 4})), {"order:1"})
    steps = [BAD_BREAKS, third_breaks, (WORKS, set()), (WORKS, set()), (WORKS, set()), (WORKS, set())]

    assert not is_poison_after(*steps, BAD_BREAKS)
    assert is_poison_after(BAD_BREAKS, BAD_BREAKS, BAD_BREAKS, *steps, BAD_BREAKS)


def test_a_batch_with_a_broken_call_is_no_successful_batch() -> None:
    assert not is_poison_after(BAD_BREAKS, (BOTH, set()), (BOTH, set()), (BOTH, set()), BAD_BREAKS)


def test_broken_calls_are_forgotten_after_a_while() -> None:
    assert not is_poison_after(BAD_BREAKS, (WORKS, set()), (WORKS, set()), BAD_BREAKS, gap=MEMORY_S)


def test_broken_calls_dated_in_the_future_are_forgotten() -> None:
    assert not is_poison_after(BAD_BREAKS, (WORKS, set()), (WORKS, set()), BAD_BREAKS, gap=-MEMORY_S)


def test_a_record_is_poison_after_three_days_without_such_calls_of_others() -> None:
    assert is_poison_after(BAD_BREAKS, waiting_s=LONGEST_WAIT_S)
    assert not is_poison_after(BAD_BREAKS, waiting_s=LONGEST_WAIT_S - 1)


def test_a_record_is_poison_after_three_days_despite_another_suspect() -> None:
    apart = (CallStats(), {BAD, "order:1"})

    assert is_poison_after(BAD_BREAKS, apart, waiting_s=LONGEST_WAIT_S)


def test_a_record_is_not_poison_while_the_call_breaks_for_new_records() -> None:
    assert not is_poison_after(BAD_BREAKS, (BREAKS, {"order:1"}), BAD_BREAKS, waiting_s=LONGEST_WAIT_S)
    assert not is_poison_after((BREAKS, {BAD, "order:1"}), waiting_s=LONGEST_WAIT_S)


OUTAGE = st.sampled_from(
    [BAD_BREAKS, (BREAKS, {"order:1"}), (BREAKS, {BAD, "order:2"}), (OTHER_CALL_WORKS, set()), (CallStats(), set())]
)


@given(steps=st.lists(OUTAGE, max_size=12))
def test_no_record_is_poison_in_an_outage_of_its_call(steps: list[Step]) -> None:
    assert not is_poison_after(*steps)
