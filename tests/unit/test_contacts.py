"""The properties of a contact after several orders of a person, in any order of arrival."""

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


def snapshot(captured_s: int, changed_s: int = 0, **properties: str) -> ContactSnapshot:
    """An order created `captured_s` after START_MS, changed `changed_s` later, received 20 s after that."""
    created, changed = f"2026-11-23T22:40:{captured_s:02}", f"2026-11-23T22:40:{captured_s + changed_s:02}"
    version = ContactVersion.of(created, changed, START_MS + (captured_s + changed_s + 20) * 1000)
    return ContactSnapshot(version, {"email": "jane@shop.example", **properties})


def written(batches: Sequence[Sequence[ContactSnapshot]]) -> dict[str, str]:
    """The properties of the contact after these batches."""
    contact: dict[str, str] = {}
    for batch in batches:
        contact |= plan(batch, contact or None, MAPPING, SCHEMA).properties
    return contact


def names_only(contact: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in contact.items() if name in NAMES}


STATES = st.builds(
    lambda captured, changed, properties: snapshot(captured, changed, **properties),
    st.integers(0, 19),
    st.integers(0, 19),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["a", "b", "c"])),
)


@given(
    states=st.lists(STATES, min_size=1, max_size=6, unique_by=lambda state: state.version.captured_at),
    cuts=st.sets(st.integers(1, 5)),
    data=st.data(),
)
def test_each_property_has_the_newest_value_whatever_the_order_of_arrival(
    states: list[ContactSnapshot], cuts: set[int], data: st.DataObject
) -> None:
    arrived = data.draw(st.permutations(states))
    starts = [0, *sorted(cut for cut in cuts if cut < len(arrived)), len(arrived)]
    batches = [arrived[start:end] for start, end in pairwise(starts)]
    newest_last = sorted(states, key=lambda state: state.version)

    expected = {name: value for state in newest_last for name, value in state.properties.items() if name in NAMES}
    assert names_only(written(batches)) == expected


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_property_without_value_in_the_newest_order_has_that_of_the_one_before(order: tuple[int, ...]) -> None:
    states = [snapshot(1, phone="555-1"), snapshot(2, phone="555-2"), snapshot(3, firstname="Jane")]

    assert names_only(written([[states[place]] for place in order])) == {"firstname": "Jane", "phone": "555-2"}


def test_a_change_of_an_older_order_updates_only_the_properties_it_set_last() -> None:
    contact = written([[snapshot(1, phone="555-1", firstname="Jane")], [snapshot(2, firstname="Ann")]])

    contact |= plan([snapshot(1, 9, phone="555-9", firstname="Joan")], contact, MAPPING, SCHEMA).properties

    assert names_only(contact) == {"firstname": "Ann", "phone": "555-9"}


def test_a_change_of_an_older_order_without_new_values_is_not_written() -> None:
    contact = written([[snapshot(1, phone="555-1")], [snapshot(2, firstname="Ann")]])

    assert plan([snapshot(1, 9, phone="555-1")], contact, MAPPING, SCHEMA).is_empty


def test_a_version_without_property_versions_applies_to_all_properties() -> None:
    contact = written([[snapshot(3, firstname="Jane", phone="555-1")]])
    contact[CONTACTS.version] = "2026-11-23T22:40:03|2026-11-23T22:40:03|1795473623000"

    assert plan([snapshot(2, phone="555-2")], contact, MAPPING, SCHEMA).is_empty


VERSIONS = st.builds(
    lambda captured, changed: snapshot(captured, changed).version, st.integers(0, 19), st.integers(0, 19)
)


@given(newest=VERSIONS, older=st.dictionaries(st.sampled_from(NAMES), VERSIONS))
def test_contact_versions_are_unchanged_after_a_round_trip(
    newest: ContactVersion, older: dict[str, ContactVersion]
) -> None:
    versions = ContactVersions(newest, older)

    assert ContactVersions.parse(str(versions)) == versions
    assert ContactVersion.parse(str(versions)) == newest


@pytest.mark.parametrize("more", ["|phone", "|phone=yesterday", "|=", "||phone=2026-11-23T22:40:00/x"])
def test_invalid_text_after_the_newest_version_is_ignored(more: str) -> None:
    newest = snapshot(1).version

    assert ContactVersions.parse(f"{newest}{more}") == ContactVersions(newest, {})
