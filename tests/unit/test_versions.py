"""Which of two states is newer."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from woohub.dates import utc_from_ms
from woohub.sync.versions import CLOCK_TOLERANCE_S, NO_DATE, ContactVersion, DealVersion, OrderState, Stamp

MOMENTS = st.sampled_from([f"2026-11-23T22:40:{second:02}" for second in range(5)])
RECEIPTS = st.integers(1_795_473_600_000, 1_795_473_700_000)
TRASHED = RECEIPTS.map(lambda received: OrderState(utc_from_ms(received), received, "trash"))
STATES = st.one_of(
    st.builds(
        OrderState,
        st.one_of(MOMENTS, st.sampled_from(["2031-01-05T15:00:00", "2026-11-24T04:10:00", NO_DATE])),
        RECEIPTS,
        st.sampled_from(["pending", "processing", "trash"]),
        st.booleans(),
        st.booleans(),
    ),
    TRASHED,
)


def test_epoch_milliseconds_read_as_woocommerce_writes_utc() -> None:
    assert utc_from_ms(1_795_473_600_999) == "2026-11-23T22:40:00"


def test_a_later_modification_is_newer_whenever_it_arrives() -> None:
    late = OrderState("2026-11-23T22:40:02", 1, "completed")
    early = OrderState("2026-11-23T22:40:01", 2, "processing")

    assert late.supersedes(early)
    assert not early.supersedes(late)


def test_within_one_second_the_later_receipt_is_newer() -> None:
    first = OrderState("2026-11-23T22:40:01", 1, "pending")
    second = OrderState("2026-11-23T22:40:01", 2, "processing")

    assert second.supersedes(first)
    assert not first.supersedes(second)


@given(first=STATES, other=STATES)
def test_of_two_states_at_most_one_is_newer(first: OrderState, other: OrderState) -> None:
    assert not (first.supersedes(other) and other.supersedes(first))


def test_a_trashing_beats_what_was_received_before_though_the_stores_clock_is_ahead() -> None:
    ahead = OrderState("2026-11-23T22:50:00", 1_795_473_600_000, "processing")
    trashed = OrderState("2026-11-23T22:40:10", 1_795_473_610_000, "trash")

    assert trashed.supersedes(ahead)
    assert not ahead.supersedes(trashed)


@given(state=STATES)
@example(state=OrderState("2026-11-23T22:40:00", 1_795_473_600_000, "trash", restored=True))
def test_a_state_is_not_newer_than_itself(state: OrderState) -> None:
    assert not state.supersedes(state)


def test_a_restore_undoes_a_trashing_that_is_dated_by_its_later_receipt() -> None:
    trashed = OrderState("2026-11-23T22:41:00", 1_795_473_660_000, "trash")
    restored = OrderState("2026-11-23T22:40:30", 1_795_473_660_500, "processing", restored=True)

    assert restored.supersedes(trashed)


def test_a_restore_received_before_the_trashing_does_not_undo_it() -> None:
    trashed = OrderState("2026-11-23T22:41:00", 1_795_473_660_000, "trash")
    restored = OrderState("2026-11-23T22:40:30", 1_795_473_659_000, "processing", restored=True)

    assert not restored.supersedes(trashed)


@given(
    moment=MOMENTS,
    received=RECEIPTS,
    contacts=st.sampled_from([(), ("6001",), ("", "6001"), ("1", "2")]),
    former=st.sampled_from([(), ("7",), ("7", "8")]),
    restored=st.booleans(),
)
def test_a_deal_version_survives_being_written_and_read(
    moment: str, received: int, contacts: tuple[str, ...], former: tuple[str, ...], *, restored: bool
) -> None:
    for version in (DealVersion(moment, received), DealVersion(moment, received, contacts, former, restored)):
        assert DealVersion.parse(str(version)) == version


@pytest.mark.parametrize("trashed_again", [False, True])
def test_a_restored_order_stays_out_of_the_trash_until_it_is_trashed(*, trashed_again: bool) -> None:
    restored = OrderState("2026-11-23T22:40:30", 1_795_473_660_500, "processing", restored=True)
    later = OrderState("2026-11-23T22:40:50", 1_795_473_670_000, "trash" if trashed_again else "completed")

    assert later.after(restored).restored is not trashed_again


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-11-23T22:40:00", "2026-11-23T22:40:00|soon", "|1"])
def test_a_version_somebody_else_wrote_counts_as_none(text: str | None) -> None:
    assert DealVersion.parse(text) is None


# Dates are evidence, not truth

START_MS = 1_795_473_600_000  # 2026-11-23T22:40:00Z
MINUTE_MS = 60_000


def state(date: str, minutes: float, **more: bool) -> OrderState:
    """An order's state with this date, received so many minutes after START_MS."""
    return OrderState(date, START_MS + round(minutes * MINUTE_MS), "processing", **more)


@pytest.mark.parametrize("ahead", ["2026-11-23T22:44:00", "2026-11-24T04:10:00", "2031-01-05T15:00:00", NO_DATE])
@pytest.mark.parametrize("honest", ["2026-11-23T22:45:00", "2026-11-20T08:00:00", "2003-01-01T00:00:00"])
def test_a_date_beyond_its_receipt_counts_for_nothing_against_a_credible_one(ahead: str, honest: str) -> None:
    assert state(honest, 5).supersedes(state(ahead, 0))
    assert not state(ahead, 0).supersedes(state(honest, 5))


@pytest.mark.parametrize("ahead", ["2026-11-24T04:10:00", "2031-01-05T15:00:00", NO_DATE])
def test_what_was_received_before_a_date_beyond_its_receipt_does_not_undo_it(ahead: str) -> None:
    assert not state("2026-11-23T22:39:00", 0).supersedes(state(ahead, 1))


def test_a_store_whose_clock_is_wrong_by_the_same_amount_all_the_time_is_compared_by_its_dates() -> None:
    later, earlier = state("2026-11-24T04:10:30", 0), state("2026-11-24T04:10:10", 1)

    assert later.supersedes(earlier)
    assert not earlier.supersedes(later)


def test_a_clock_that_was_put_right_loses_no_change() -> None:
    assert state("2026-11-23T22:50:00", 10).supersedes(state("2026-11-24T04:10:00", 0))


def test_of_two_dates_of_another_century_the_later_receipt_counts() -> None:
    assert state("2600-01-01T00:00:00", 30).supersedes(state("2647-05-01T00:00:00", 0))


def test_small_differences_of_clocks_are_tolerated() -> None:
    ahead = Stamp(utc_from_ms(START_MS + round(CLOCK_TOLERANCE_S * 1000)), START_MS)

    assert ahead.is_credible
    assert not Stamp(ahead.date, START_MS - 1000).is_credible


def test_what_was_read_from_the_store_later_is_newer_whatever_its_date() -> None:
    delivered, read = state("2026-11-23T22:40:00", 0), state("2026-11-23T20:00:00", 15, read=True)

    assert read.supersedes(delivered)
    assert not delivered.supersedes(read)


def test_what_was_read_from_the_store_earlier_is_compared_by_its_date() -> None:
    assert not state("2026-11-23T20:00:00", 0, read=True).supersedes(state("2026-11-23T22:40:00", 1))


@pytest.mark.parametrize(
    ("date", "stored"), [("2026-11-23T22:45:00", "2647-05-01T00:00:00"), ("2026-11-23T22:45:00", NO_DATE)]
)
def test_a_credible_date_takes_the_place_of_one_that_is_not(date: str, stored: str) -> None:
    assert state(date, 5).deserves_a_version(state(stored, 0))


def test_the_same_credible_date_again_is_not_worth_a_write() -> None:
    assert not state("2026-11-23T22:40:00", 5).deserves_a_version(state("2026-11-23T22:40:00", 0))


@pytest.mark.parametrize("date", ["2647-05-01T00:00:00", NO_DATE])
def test_where_receipts_decide_the_latest_one_is_noted(date: str) -> None:
    assert state(date, 5).deserves_a_version(state(date, 0))
    assert not state(date, 5, read=True).deserves_a_version(state(date, 0))


# Contacts


def captured(at: str, minutes: float = 0, modified: str = "2026-11-23T22:40:00") -> ContactVersion:
    """A customer as of this date, received so many minutes after START_MS."""
    return ContactVersion.of(at, modified, START_MS + round(minutes * MINUTE_MS))


def test_the_later_capture_is_newer_whenever_it_arrives() -> None:
    assert captured("2026-11-23T22:39:00", 0).supersedes(captured("2026-11-23T22:38:00", 1))
    assert not captured("2026-11-23T22:38:00", 1).supersedes(captured("2026-11-23T22:39:00", 0))


def test_of_two_states_of_one_order_the_one_changed_later_is_newer() -> None:
    order_made = "2026-11-23T22:39:00"

    assert captured(order_made, 0, "2026-11-23T22:40:09").supersedes(captured(order_made, 1, "2026-11-23T22:40:01"))


@pytest.mark.parametrize("made", ["2031-01-05T15:00:00", ""])
def test_nothing_was_made_after_it_was_changed(made: str) -> None:
    assert captured(made, modified="2026-11-23T22:40:00").captured_at == "2026-11-23T22:40:00"


@pytest.mark.parametrize("made", ["2031-01-05T15:00:00", "2026-11-24T04:10:00", ""])
def test_a_capture_whose_dates_all_lie_ahead_does_not_freeze_a_contact(made: str) -> None:
    frozen, account = captured(made, 0, made), captured("2026-11-23T20:00:00", 1, "2026-11-23T20:00:00")

    assert account.supersedes(frozen)
    assert not frozen.supersedes(account)


@pytest.mark.parametrize("made", ["2031-01-05T15:00:00", "2026-11-24T04:10:00", ""])
def test_a_later_change_of_an_order_made_before_does_not_undo_a_capture_whose_dates_lie_ahead(made: str) -> None:
    assert not captured("2026-11-23T20:00:00", 1, "2026-11-23T22:40:00").supersedes(captured(made, 0, made))


def test_a_version_that_was_written_with_a_date_ahead_is_read_by_the_same_rule() -> None:
    stored = ContactVersion.parse("2031-01-05T15:00:00|2026-11-23T22:40:00|1795473600000")

    assert stored is not None
    assert captured("2026-11-23T22:41:00", 2).supersedes(stored)


@given(made=MOMENTS, changed=MOMENTS, received=RECEIPTS)
def test_a_contact_version_survives_being_written_and_read(made: str, changed: str, received: int) -> None:
    version = ContactVersion.of(made, changed, received)

    assert ContactVersion.parse(str(version)) == version


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-11-23T22:40:00", "2026-11-23T22:40:00|x|soon", "||1"])
def test_a_contact_version_somebody_else_wrote_counts_as_none(text: str | None) -> None:
    assert ContactVersion.parse(text) is None


# How far dates and receipts make an order

DELAYS = st.floats(0, CLOCK_TOLERANCE_S, allow_nan=False)
CHANGES = st.lists(st.tuples(st.integers(0, 600), DELAYS), min_size=3, max_size=6, unique_by=lambda change: change[0])


def seen(changed_s: float, delay_s: float, ahead_s: float) -> OrderState:
    """A change so many seconds after START_MS, by a clock so far ahead, received with this delay."""
    date = utc_from_ms(START_MS + round((changed_s + ahead_s) * 1000))
    return OrderState(date, START_MS + round((changed_s + delay_s) * 1000), "processing")


def as_contact(state: OrderState) -> ContactVersion:
    """What a customer's account changed then and received then leaves on the contact, read back from HubSpot."""
    version = ContactVersion.parse(str(ContactVersion.of(state.modified_at, state.modified_at, state.received_ms)))
    assert version is not None
    return version


@given(changes=CHANGES, ahead_s=st.integers(-(10**8), 10**8))
def test_by_one_clock_the_later_change_is_newer_however_far_the_clock_is_off(
    changes: list[tuple[int, float]], ahead_s: int
) -> None:
    states = [seen(changed_s, delay_s, ahead_s) for changed_s, delay_s in sorted(changes)]

    for place, older in enumerate(states):
        assert all(newer.supersedes(older) and not older.supersedes(newer) for newer in states[place + 1 :])
        versions = [as_contact(newer) for newer in states[place + 1 :]]
        assert all(newer.supersedes(as_contact(older)) for newer in versions)


@given(states=st.lists(st.tuples(st.integers(-(10**6), 600), st.integers(0, 10**6)), min_size=3, max_size=3))
def test_dates_that_may_be_true_make_a_total_order(states: list[tuple[int, int]]) -> None:
    versions = [seen(changed_s, delay_s, 0) for changed_s, delay_s in states]
    ordered = sorted(versions, key=lambda state: (state.modified_at, state.received_ms))

    for place, older in enumerate(ordered):
        for newer in ordered[place + 1 :]:
            assert newer.supersedes(older) is (newer != older)
            assert as_contact(newer).supersedes(as_contact(older)) is (newer != older)


@given(before=CHANGES, after=CHANGES, ahead_s=st.integers(300, 10**8))
def test_across_a_clock_that_was_put_right_what_comes_in_order_ends_right(
    before: list[tuple[int, float]], after: list[tuple[int, float]], ahead_s: int
) -> None:
    wrong = [seen(changed_s, delay_s, ahead_s) for changed_s, delay_s in before]
    right = [seen(changed_s + 600 + 2 * CLOCK_TOLERANCE_S, delay_s, 0) for changed_s, delay_s in after]

    newest = max(right, key=lambda state: state.modified_at)

    assert all(newest.supersedes(state) for state in [*wrong, *right] if state != newest)
    assert not any(state.supersedes(newest) for state in wrong)


def test_no_order_of_dates_and_receipts_is_right_for_every_clock() -> None:
    """Each step may be of one clock, so dates tell; the last and the first are of one before and after it was set."""
    chain = [seen(-100 * step, 0, 101 * step) for step in range(11)]

    assert all(later.supersedes(earlier) for earlier, later in pairwise(chain))
    assert chain[0].supersedes(chain[-1])  # changed 1,000 s after it, by a clock that is right
