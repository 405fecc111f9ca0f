"""Which of two states is newer."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from woohub.versions import DealVersion, OrderState, contact_version, utc

MOMENTS = st.sampled_from([f"2026-11-23T22:40:{second:02}" for second in range(5)])
RECEIPTS = st.integers(1_795_473_600_000, 1_795_473_700_000)
TRASHED = RECEIPTS.map(lambda received: OrderState(utc(received), received, "trash"))
STATES = st.one_of(
    st.builds(OrderState, MOMENTS, RECEIPTS, st.sampled_from(["pending", "processing", "trash"]), st.booleans()),
    TRASHED,
)


def test_epoch_milliseconds_read_as_woocommerce_writes_utc() -> None:
    assert utc(1_795_473_600_999) == "2026-11-23T22:40:00"


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


@given(one=STATES, other=STATES)
def test_of_two_states_at_most_one_is_newer(one: OrderState, other: OrderState) -> None:
    assert not (one.supersedes(other) and other.supersedes(one))


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


@given(moment=MOMENTS, received=RECEIPTS, contacts=st.sampled_from([None, (), ("6001",), ("", "6001"), ("1", "2")]))
def test_a_deal_version_survives_being_written_and_read(
    moment: str, received: int, contacts: tuple[str, ...] | None
) -> None:
    version = DealVersion(moment, received, contacts)

    assert DealVersion.parse(str(version)) == version


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-11-23T22:40:00", "2026-11-23T22:40:00|soon", "|1"])
def test_a_version_somebody_else_wrote_counts_as_none(text: str | None) -> None:
    assert DealVersion.parse(text) is None


def test_versions_sort_as_text() -> None:
    older = contact_version("2026-11-23T22:40:00", "2026-11-23T22:40:09", 999)
    newer = contact_version("2026-11-23T22:40:00", "2026-11-23T22:40:09", 1_795_473_600_000)

    assert older < newer
