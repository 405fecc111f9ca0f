"""Which of two states of an order, or of a contact, is newer."""

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


def test_utc_from_ms_returns_woocommerces_format() -> None:
    assert utc_from_ms(1_795_473_600_999) == "2026-11-23T22:40:00"


def test_a_state_modified_later_supersedes_one_received_later() -> None:
    late = OrderState("2026-11-23T22:40:02", 1, "completed")
    early = OrderState("2026-11-23T22:40:01", 2, "processing")

    assert late.supersedes(early)
    assert not early.supersedes(late)


def test_a_state_received_later_supersedes_one_modified_in_the_same_second() -> None:
    first = OrderState("2026-11-23T22:40:01", 1, "pending")
    second = OrderState("2026-11-23T22:40:01", 2, "processing")

    assert second.supersedes(first)
    assert not first.supersedes(second)


@given(first=STATES, other=STATES)
def test_two_states_never_supersede_each_other(first: OrderState, other: OrderState) -> None:
    assert not (first.supersedes(other) and other.supersedes(first))


def test_a_trashed_state_supersedes_an_earlier_one_if_the_stores_clock_is_ahead() -> None:
    ahead = OrderState("2026-11-23T22:50:00", 1_795_473_600_000, "processing")
    trashed = OrderState("2026-11-23T22:40:10", 1_795_473_610_000, "trash")

    assert trashed.supersedes(ahead)
    assert not ahead.supersedes(trashed)


@given(state=STATES)
@example(state=OrderState("2026-11-23T22:40:00", 1_795_473_600_000, "trash", restored=True))
def test_a_state_does_not_supersede_itself(state: OrderState) -> None:
    assert not state.supersedes(state)


@pytest.mark.parametrize(("later_ms", "supersedes"), [(500, True), (-1000, False)])
def test_a_restored_state_supersedes_the_trashed_one_if_received_after_it(later_ms: int, *, supersedes: bool) -> None:
    trashed = OrderState("2026-11-23T22:41:00", 1_795_473_660_000, "trash")
    restored = OrderState("2026-11-23T22:40:30", trashed.received_ms + later_ms, "processing", restored=True)

    assert restored.supersedes(trashed) is supersedes


@given(
    moment=MOMENTS,
    received=RECEIPTS,
    contacts=st.sampled_from([(), ("6001",), ("", "6001"), ("1", "2")]),
    former=st.sampled_from([(), ("7",), ("7", "8")]),
    restored=st.booleans(),
)
def test_a_deal_version_is_unchanged_after_a_round_trip(
    moment: str, received: int, contacts: tuple[str, ...], former: tuple[str, ...], *, restored: bool
) -> None:
    for version in (DealVersion(moment, received), DealVersion(moment, received, contacts, former, restored)):
        assert DealVersion.parse(str(version)) == version


@pytest.mark.parametrize("trashed_again", [False, True])
def test_a_restored_order_stays_restored_until_it_is_trashed(*, trashed_again: bool) -> None:
    restored = OrderState("2026-11-23T22:40:30", 1_795_473_660_500, "processing", restored=True)
    later = OrderState("2026-11-23T22:40:50", 1_795_473_670_000, "trash" if trashed_again else "completed")

    assert later.after(restored).restored is not trashed_again


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-11-23T22:40:00", "2026-11-23T22:40:00|soon", "|1"])
def test_an_invalid_deal_version_is_read_as_none(text: str | None) -> None:
    assert DealVersion.parse(text) is None


START_MS = 1_795_473_600_000  # 2026-11-23T22:40:00Z
MINUTE_MS = 60_000


def state(date: str, minutes: float, **more: bool) -> OrderState:
    """An order's state with this date, received so many minutes after START_MS."""
    return OrderState(date, START_MS + round(minutes * MINUTE_MS), "processing", **more)


@pytest.mark.parametrize("ahead", ["2026-11-23T22:44:00", "2026-11-24T04:10:00", "2031-01-05T15:00:00", NO_DATE])
@pytest.mark.parametrize("credible", ["2026-11-23T22:45:00", "2026-11-20T08:00:00", "2003-01-01T00:00:00"])
def test_a_state_with_a_credible_date_supersedes_one_with_a_future_date(ahead: str, credible: str) -> None:
    assert state(credible, 5).supersedes(state(ahead, 0))
    assert not state(ahead, 0).supersedes(state(credible, 5))


@pytest.mark.parametrize("ahead", ["2026-11-24T04:10:00", "2031-01-05T15:00:00", NO_DATE])
def test_a_state_received_earlier_does_not_supersede_one_with_a_future_date(ahead: str) -> None:
    assert not state("2026-11-23T22:39:00", 0).supersedes(state(ahead, 1))


def test_states_by_a_clock_with_a_constant_error_are_compared_by_date() -> None:
    later, earlier = state("2026-11-24T04:10:30", 0), state("2026-11-24T04:10:10", 1)

    assert later.supersedes(earlier)
    assert not earlier.supersedes(later)


def test_a_change_after_a_clock_was_corrected_supersedes_earlier_ones() -> None:
    assert state("2026-11-23T22:50:00", 10).supersedes(state("2026-11-24T04:10:00", 0))


def test_states_dated_centuries_ahead_are_compared_by_receipt() -> None:
    assert state("2600-01-01T00:00:00", 30).supersedes(state("2647-05-01T00:00:00", 0))


def test_a_date_ahead_within_the_tolerance_is_credible() -> None:
    ahead = Stamp(utc_from_ms(START_MS + round(CLOCK_TOLERANCE_S * 1000)), START_MS)

    assert ahead.is_credible
    assert not Stamp(ahead.date, START_MS - 1000).is_credible


def test_a_state_read_from_the_store_later_supersedes_any_date() -> None:
    delivered, read = state("2026-11-23T22:40:00", 0), state("2026-11-23T20:00:00", 15, read=True)

    assert read.supersedes(delivered)
    assert not delivered.supersedes(read)


def test_a_state_read_from_the_store_earlier_is_compared_by_date() -> None:
    assert not state("2026-11-23T20:00:00", 0, read=True).supersedes(state("2026-11-23T22:40:00", 1))


@pytest.mark.parametrize(
    ("date", "stored"), [("2026-11-23T22:45:00", "2647-05-01T00:00:00"), ("2026-11-23T22:45:00", NO_DATE)]
)
def test_a_credible_date_deserves_a_version_over_one_that_is_not(date: str, stored: str) -> None:
    assert state(date, 5).deserves_a_version(state(stored, 0))


def test_the_same_credible_date_deserves_no_version() -> None:
    assert not state("2026-11-23T22:40:00", 5).deserves_a_version(state("2026-11-23T22:40:00", 0))


@pytest.mark.parametrize("date", ["2647-05-01T00:00:00", NO_DATE])
def test_a_later_receipt_deserves_a_version_if_dates_are_not_credible(date: str) -> None:
    assert state(date, 5).deserves_a_version(state(date, 0))
    assert not state(date, 5, read=True).deserves_a_version(state(date, 0))


def contact(at: str, minutes: float = 0, modified: str = "2026-11-23T22:40:00") -> ContactVersion:
    """The version of a contact captured at this date, received so many minutes after START_MS."""
    return ContactVersion.of(at, modified, START_MS + round(minutes * MINUTE_MS))


def test_a_contact_captured_later_supersedes_one_received_later() -> None:
    assert contact("2026-11-23T22:39:00", 0).supersedes(contact("2026-11-23T22:38:00", 1))
    assert not contact("2026-11-23T22:38:00", 1).supersedes(contact("2026-11-23T22:39:00", 0))


def test_a_contact_from_a_later_change_of_an_order_supersedes_the_earlier() -> None:
    order_made = "2026-11-23T22:39:00"

    assert contact(order_made, 0, "2026-11-23T22:40:09").supersedes(contact(order_made, 1, "2026-11-23T22:40:01"))


@pytest.mark.parametrize("created", ["2031-01-05T15:00:00", ""])
def test_a_contact_is_captured_at_its_change_if_its_creation_is_later(created: str) -> None:
    assert contact(created, modified="2026-11-23T22:40:00").captured_at == "2026-11-23T22:40:00"


@pytest.mark.parametrize("created", ["2031-01-05T15:00:00", "2026-11-24T04:10:00", ""])
def test_a_contact_with_credible_dates_supersedes_one_with_future_dates(created: str) -> None:
    ahead, account = contact(created, 0, created), contact("2026-11-23T20:00:00", 1, "2026-11-23T20:00:00")

    assert account.supersedes(ahead)
    assert not ahead.supersedes(account)


@pytest.mark.parametrize("created", ["2031-01-05T15:00:00", "2026-11-24T04:10:00", ""])
def test_a_contact_created_earlier_does_not_supersede_one_with_future_dates(created: str) -> None:
    assert not contact("2026-11-23T20:00:00", 1, "2026-11-23T22:40:00").supersedes(contact(created, 0, created))


def test_a_stored_contact_version_with_a_future_date_is_superseded() -> None:
    stored = ContactVersion.parse("2031-01-05T15:00:00|2026-11-23T22:40:00|1795473600000")

    assert stored is not None
    assert contact("2026-11-23T22:41:00", 2).supersedes(stored)


@given(created=MOMENTS, changed=MOMENTS, received=RECEIPTS)
def test_a_contact_version_is_unchanged_after_a_round_trip(created: str, changed: str, received: int) -> None:
    version = ContactVersion.of(created, changed, received)

    assert ContactVersion.parse(str(version)) == version


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-11-23T22:40:00", "2026-11-23T22:40:00|x|soon", "||1"])
def test_an_invalid_contact_version_is_read_as_none(text: str | None) -> None:
    assert ContactVersion.parse(text) is None


DELAYS = st.floats(0, CLOCK_TOLERANCE_S, allow_nan=False)
CHANGES = st.lists(st.tuples(st.integers(0, 600), DELAYS), min_size=3, max_size=6, unique_by=lambda change: change[0])


def seen(changed_s: float, delay_s: float, ahead_s: float) -> OrderState:
    """A change `changed_s` after START_MS, dated by a clock `ahead_s` ahead, received after `delay_s`."""
    date = utc_from_ms(START_MS + round((changed_s + ahead_s) * 1000))
    return OrderState(date, START_MS + round((changed_s + delay_s) * 1000), "processing")


def as_contact(state: OrderState) -> ContactVersion:
    """The version that an account with the same dates leaves on its contact, read back from HubSpot."""
    version = ContactVersion.parse(str(ContactVersion.of(state.modified_at, state.modified_at, state.received_ms)))
    assert version is not None
    return version


@given(changes=CHANGES, ahead_s=st.integers(-(10**8), 10**8))
def test_later_changes_by_one_clock_supersede_however_wrong_the_clock_is(
    changes: list[tuple[int, float]], ahead_s: int
) -> None:
    states = [seen(changed_s, delay_s, ahead_s) for changed_s, delay_s in sorted(changes)]

    for place, older in enumerate(states):
        assert all(newer.supersedes(older) and not older.supersedes(newer) for newer in states[place + 1 :])
        versions = [as_contact(newer) for newer in states[place + 1 :]]
        assert all(newer.supersedes(as_contact(older)) for newer in versions)


@given(states=st.lists(st.tuples(st.integers(-(10**6), 600), st.integers(0, 10**6)), min_size=3, max_size=3))
def test_states_with_credible_dates_are_totally_ordered(states: list[tuple[int, int]]) -> None:
    versions = [seen(changed_s, delay_s, 0) for changed_s, delay_s in states]
    ordered = sorted(versions, key=lambda state: (state.modified_at, state.received_ms))

    for place, older in enumerate(ordered):
        for newer in ordered[place + 1 :]:
            assert newer.supersedes(older) is (newer != older)
            assert as_contact(newer).supersedes(as_contact(older)) is (newer != older)


@given(before=CHANGES, after=CHANGES, ahead_s=st.integers(300, 10**8))
def test_the_newest_state_after_a_clock_correction_supersedes_all_others(
    before: list[tuple[int, float]], after: list[tuple[int, float]], ahead_s: int
) -> None:
    wrong = [seen(changed_s, delay_s, ahead_s) for changed_s, delay_s in before]
    right = [seen(changed_s + 600 + 2 * CLOCK_TOLERANCE_S, delay_s, 0) for changed_s, delay_s in after]

    newest = max(right, key=lambda state: state.modified_at)

    assert all(newest.supersedes(state) for state in [*wrong, *right] if state != newest)
    assert not any(state.supersedes(newest) for state in wrong)


def test_supersedes_is_not_transitive_across_different_clocks() -> None:
    """Neighbours may be dated by one clock, so their dates decide; the first and the last cannot."""
    chain = [seen(-100 * step, 0, 101 * step) for step in range(11)]

    assert all(later.supersedes(earlier) for earlier, later in pairwise(chain))
    assert chain[0].supersedes(chain[-1])  # changed 1,000 s later, by a correct clock
