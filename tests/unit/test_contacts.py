"""What a contact shows after several states of a person, in whatever order they come."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from woohub.hubspot.objects import CONTACTS
from woohub.hubspot.properties import PropertySchema
from woohub.mapping.fields import load_mapping
from woohub.sync.contacts import ContactSnapshot, plan
from woohub.sync.versions import ContactVersion, ContactVersions

START_MS = 1_795_473_600_000  # 2026-11-23T22:40:00Z
MAPPING, SCHEMA = load_mapping(), PropertySchema("email")
NAMES = ("firstname", "phone", "woocommerce_customer_id")


def seen(captured_s: int, changed_s: int = 0, **properties: str) -> ContactSnapshot:
    """An order of this minute's second, changed so much later, received 20 s after that."""
    made, changed = f"2026-11-23T22:40:{captured_s:02}", f"2026-11-23T22:40:{captured_s + changed_s:02}"
    version = ContactVersion.of(made, changed, START_MS + (captured_s + changed_s + 20) * 1000)
    return ContactSnapshot(version, {"email": "jane@shop.example", **properties})


def written(batches: Sequence[Sequence[ContactSnapshot]]) -> dict[str, str]:
    """HubSpot's contact after these batches."""
    contact: dict[str, str] = {}
    for batch in batches:
        contact |= plan(batch, contact or None, MAPPING, SCHEMA).properties
    return contact


def shown(contact: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in contact.items() if name in NAMES}


STATES = st.builds(
    lambda captured, changed, properties: seen(captured, changed, **properties),
    st.integers(0, 19),
    st.integers(0, 19),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["a", "b", "c"])),
)


@given(
    states=st.lists(STATES, min_size=1, max_size=6, unique_by=lambda state: state.version.captured_at),
    cuts=st.sets(st.integers(1, 5)),
    data=st.data(),
)
def test_each_property_is_that_of_the_newest_state_that_has_it_in_whatever_order_they_come(
    states: list[ContactSnapshot], cuts: set[int], data: st.DataObject
) -> None:
    arrived = data.draw(st.permutations(states))
    starts = [0, *sorted(cut for cut in cuts if cut < len(arrived)), len(arrived)]
    batches = [arrived[start:end] for start, end in pairwise(starts)]
    newest_last = sorted(states, key=lambda state: state.version)

    right = {name: value for state in newest_last for name, value in state.properties.items() if name in NAMES}
    assert shown(written(batches)) == right


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_the_newest_order_leaves_out_is_that_of_the_order_before_it(order: tuple[int, ...]) -> None:
    states = [seen(1, phone="555-1"), seen(2, phone="555-2"), seen(3, firstname="Jane")]

    assert shown(written([[states[place]] for place in order])) == {"firstname": "Jane", "phone": "555-2"}


def test_an_older_orders_change_reaches_what_it_was_the_last_to_show() -> None:
    contact = written([[seen(1, phone="555-1", firstname="Jane")], [seen(2, firstname="Ann")]])

    contact |= plan([seen(1, 9, phone="555-9", firstname="Joan")], contact, MAPPING, SCHEMA).properties

    assert shown(contact) == {"firstname": "Ann", "phone": "555-9"}


def test_an_older_orders_change_that_shows_nothing_new_is_not_worth_a_write() -> None:
    contact = written([[seen(1, phone="555-1")], [seen(2, firstname="Ann")]])

    assert plan([seen(1, 9, phone="555-1")], contact, MAPPING, SCHEMA).is_empty


def test_a_version_without_those_of_single_properties_counts_for_all() -> None:
    contact = written([[seen(3, firstname="Jane", phone="555-1")]])
    contact[CONTACTS.version] = "2026-11-23T22:40:03|2026-11-23T22:40:03|1795473623000"

    assert plan([seen(2, phone="555-2")], contact, MAPPING, SCHEMA).is_empty


VERSIONS = st.builds(lambda captured, changed: seen(captured, changed).version, st.integers(0, 19), st.integers(0, 19))


@given(newest=VERSIONS, older=st.dictionaries(st.sampled_from(NAMES), VERSIONS))
def test_the_versions_of_a_contact_survive_being_written_and_read(
    newest: ContactVersion, older: dict[str, ContactVersion]
) -> None:
    versions = ContactVersions(newest, older)

    assert ContactVersions.parse(str(versions)) == versions
    assert ContactVersion.parse(str(versions)) == newest


@pytest.mark.parametrize("more", ["|phone", "|phone=yesterday", "|=", "||phone=2026-11-23T22:40:00/x"])
def test_what_people_write_after_the_newest_version_counts_for_nothing(more: str) -> None:
    newest = seen(1).version

    assert ContactVersions.parse(f"{newest}{more}") == ContactVersions(newest, {})
