"""The list of erasures, and which orders and accounts are from before an erasure."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bucket import Bucket
from tests.support.clock import Clock
from tests.support.orders import START_MS, customer, delivery, order
from tests.support.secrets_manager import SecretsManager
from woohub.configuration import MAX_AGE_S, ConfigurationUnreadable
from woohub.erasures import (
    FILE,
    NOBODY,
    CurrentErasures,
    ErasedPeople,
    ErasureList,
    KeyOfErasuresUnknown,
    ListOfErasuresMissing,
    fingerprint,
    hashed,
)
from woohub.errors import InvalidParameter
from woohub.hubspot.answers import Record
from woohub.hubspot.objects import CONTACTS
from woohub.settings import Secret
from woohub.store.payloads import CustomerEvent, OrderEvent, parse
from woohub.sync.contacts import is_erased
from woohub.sync.erased import is_from_before, without_person
from woohub.sync.versions import ContactVersion
from woohub_cli.erase.erasure import is_newer

KEY = "k" * 64
JANE, JOE = "jane.doe@example.com", "joe@example.com"


def erased(*addresses: str, at_ms: int = START_MS) -> ErasureList:
    return ErasureList(erasures=()).with_entries([hashed(address, KEY) for address in addresses], at_ms, KEY)


def event(body: dict[str, Any], topic: str = "order.updated", after_s: float = 3600) -> OrderEvent | CustomerEvent:
    read = parse(delivery(topic, body, after_s))
    assert isinstance(read, OrderEvent | CustomerEvent)
    return read


def test_the_list_holds_hashed_addresses_and_times() -> None:
    text = erased(JANE).text()

    assert "jane" not in text
    assert ErasedPeople.of(ErasureList.parse(text.encode()), KEY).erased_at(JANE) == START_MS


@pytest.mark.parametrize("written", ["JANE.DOE@example.com", " jane.doe@example.com\n", "Jane.Doe@Example.COM"])
def test_an_address_matches_in_any_case_and_with_spaces(written: str) -> None:
    assert ErasedPeople.of(erased(written), KEY).erased_at(JANE) == START_MS


def test_another_address_is_not_erased() -> None:
    people = ErasedPeople.of(erased(JANE), KEY)

    assert people.erased_at("jane.doe+shop@example.com") is None
    assert not NOBODY


def test_a_list_without_its_key_raises_key_of_erasures_unknown() -> None:
    with pytest.raises(KeyOfErasuresUnknown, match="erasure_key"):
        ErasedPeople.of(erased(JANE), "")
    with pytest.raises(KeyOfErasuresUnknown):
        ErasedPeople.of(erased(JANE), "another key")
    assert ErasedPeople.of(ErasureList(erasures=()), "") == NOBODY


def test_the_fingerprint_is_not_part_of_the_key() -> None:
    assert len(fingerprint(KEY)) == 16
    assert fingerprint(KEY) not in KEY


def test_erasing_a_person_again_keeps_the_later_time() -> None:
    later = erased(JANE, JOE).with_entries([hashed(JANE, KEY)], START_MS + 5, KEY)
    earlier = later.with_entries([hashed(JANE, KEY)], START_MS - 5, KEY)

    people = ErasedPeople.of(earlier, KEY)
    assert (people.erased_at(JANE), people.erased_at(JOE)) == (START_MS + 5, START_MS)


def test_unknown_keys_of_the_list_are_kept() -> None:
    text = json.dumps({"erasures": [], "format": 2})

    assert json.loads(ErasureList.parse(text.encode()).text())["format"] == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"erasures": {}}',
        b'{"erasures": [{"hash": "x", "erased_at_ms": 1}]}',
        b'{"erasures": [{}]}',
        b'{"stores": {}}',
    ],
)
def test_an_invalid_list_is_rejected_with_the_place_of_the_error(body: bytes) -> None:
    with pytest.raises(InvalidParameter, match=r"erasures\.json: (JSON|erasures)"):
        ErasureList.parse(body)


@given(st.text(), st.text())
def test_different_addresses_have_different_hashes(first: str, other: str) -> None:
    same = first.strip().lower().encode(errors="replace") == other.strip().lower().encode(errors="replace")

    assert (hashed(first, KEY) == hashed(other, KEY)) == same


ERASED_MS = START_MS + 600_500  # 22:50:00.5


@pytest.mark.parametrize(
    ("created", "before"),
    [
        ("2026-11-23T22:40:00", True),
        ("2026-11-23T22:50:00", True),  # the same second
        ("2026-11-23T22:50:01", False),
        ("2026-11-23T23:20:00", False),
        ("2031-01-01T00:00:00", True),  # in the future: invalid
        (None, True),
        ("", True),
        ("0000-00-00T00:00:00", True),
    ],
)
def test_an_order_is_from_before_an_erasure_by_its_date_of_creation(created: str | None, before: bool) -> None:
    body = order(date_created_gmt=created, date_modified_gmt="2026-11-23T23:30:00")

    assert is_from_before(event(body), ERASED_MS) == before


def test_an_order_received_before_the_erasure_is_from_before_it() -> None:
    body = order(date_created_gmt="2026-11-23T22:51:00", date_modified_gmt="2026-11-23T22:51:00")

    assert is_from_before(event(body, after_s=600), ERASED_MS)  # 22:50:00, by a clock that is a minute ahead


@pytest.mark.parametrize("topic", ["order.swept", "customer.swept"])
@pytest.mark.parametrize(("made", "before"), [("22:59:00", True), ("23:01:00", False)])
def test_a_swept_record_is_dated_by_woohubs_clock_if_the_stores_is_ahead(topic: str, made: str, before: bool) -> None:
    by_a_clock_ten_minutes_ahead = f"2026-11-23T{made}"
    dates: dict[str, Any] = dict.fromkeys(("date_created_gmt", "date_modified_gmt"), by_a_clock_ten_minutes_ahead)
    body = order(**dates) if topic.startswith("order") else customer(**dates)

    read = parse(replace(delivery(topic, body, after_s=3600), ahead_s=600))

    assert isinstance(read, OrderEvent | CustomerEvent)
    assert is_from_before(read, ERASED_MS) == before


def test_an_order_with_a_future_date_of_change_is_from_before_an_erasure() -> None:
    body = order(date_created_gmt="2026-11-23T22:55:00", date_modified_gmt="2026-11-23T23:50:00")

    assert is_from_before(
        event(body), ERASED_MS
    )  # received at 23:40, so the clock is 10 minutes ahead: created at 22:45


def test_an_order_with_contradicting_dates_of_creation_is_from_before_an_erasure() -> None:
    body = order(
        date_created="2026-11-20T10:00:00",
        date_created_gmt="2026-11-23T23:20:00",
        date_modified="2026-11-23T23:30:00",
        date_modified_gmt="2026-11-23T23:30:00",
    )

    assert is_from_before(event(body), ERASED_MS)


def test_a_changed_account_is_dated_by_its_creation() -> None:
    old = customer(date_modified_gmt="2026-11-23T23:30:00")
    new = old | {"date_created_gmt": "2026-11-23T23:30:00"}

    assert is_from_before(event(old, "customer.updated"), ERASED_MS)
    assert not is_from_before(event(new, "customer.updated"), ERASED_MS)


@pytest.mark.parametrize(
    ("captured", "received_s", "newer"),
    [
        ("2026-11-23T22:55:00", 960, True),
        ("2026-11-23T22:49:00", 960, False),
        ("2026-11-23T22:55:00", 590, False),  # received before the erasure, by a clock that is five minutes ahead
        ("2026-11-23T23:00:00", 610, False),  # by one that is ten minutes ahead
    ],
)
def test_a_contact_is_newer_only_if_captured_and_received_after_the_erasure(
    captured: str, received_s: int, newer: bool
) -> None:
    version = ContactVersion(captured, captured, START_MS + received_s * 1000)

    assert is_newer(Record("6001", {CONTACTS.version: str(version)}), ERASED_MS) is newer


NAMES: dict[str, Any] = {
    "shipping": {"first_name": "Jane"},
    "customer_note": "Jane, at the blue door",
    "customer_ip_address": "::1",
}


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("order.updated", order(**NAMES, meta_data=[{"key": "_billing_vat", "value": "JANE-1"}])),
        ("customer.updated", customer(username="jane", **NAMES)),
    ],
)
def test_without_person_removes_all_personal_values(topic: str, body: dict[str, Any]) -> None:
    left = without_person(event(body, topic))

    assert isinstance(left, OrderEvent | CustomerEvent)
    assert is_erased(left)
    text = (left.order if isinstance(left, OrderEvent) else left.customer).model_dump_json()
    assert not any(word in text for word in ("Jane", "jane", "Doe", "555", "Main St", "90210", "::1", "JANE"))


def with_key(key: str) -> str:
    """The text of the HubSpot secret with this key of erasures."""
    return json.dumps({"token": "t", "erasure_key": key})


def in_force(bucket: Bucket, secrets: SecretsManager, clock: Clock) -> CurrentErasures:
    configuration = bucket.configuration(clock)
    secret = Secret(cast("Any", secrets), "arn", clock=clock.read)
    return CurrentErasures(lambda: configuration.current().erasures, secret)


def test_an_erasure_is_in_force_within_a_minute() -> None:
    bucket, secrets, clock = Bucket(), SecretsManager(arn=with_key("")), Clock()
    erasures = in_force(bucket, secrets, clock)
    assert erasures.current() == NOBODY

    bucket.put(FILE, erased(JANE).text())
    secrets.secrets["arn"] = with_key(KEY)
    clock.sleep(MAX_AGE_S)

    assert erasures.current().erased_at(JANE) == START_MS
    assert erasures.current() is erasures.current()


def test_a_key_made_by_the_first_erasure_is_read_after_a_minute() -> None:
    bucket, secrets, clock = Bucket(), SecretsManager(arn=with_key("")), Clock()
    bucket.put(FILE, erased(JANE).text())
    erasures = in_force(bucket, secrets, clock)
    with pytest.raises(KeyOfErasuresUnknown):
        erasures.current()

    secrets.secrets["arn"] = with_key(KEY)
    clock.sleep(60)

    assert erasures.current().erased_at(JANE) == START_MS


def test_a_deleted_list_raises_list_of_erasures_missing_until_restored() -> None:
    bucket, clock = Bucket(), Clock()
    bucket.put(FILE, erased(JANE).text())
    erasures = in_force(bucket, SecretsManager(arn=with_key(KEY)), clock)
    erasures.current()

    del bucket.objects[FILE]
    clock.sleep(MAX_AGE_S)
    with pytest.raises(ListOfErasuresMissing, match="erasure_key"):
        erasures.current()

    bucket.put(FILE, erased(JANE).text())
    clock.sleep(MAX_AGE_S)
    assert erasures.current().erased_at(JANE) == START_MS


def test_a_missing_list_is_accepted_once_its_key_is_removed() -> None:
    secrets, clock = SecretsManager(arn=with_key(KEY)), Clock()
    erasures = in_force(Bucket(), secrets, clock)
    with pytest.raises(ListOfErasuresMissing):
        erasures.current()

    secrets.secrets["arn"] = with_key("")
    clock.sleep(30)

    assert erasures.current() == NOBODY


def test_an_invalid_list_raises_configuration_unreadable() -> None:
    bucket = Bucket()
    bucket.put(FILE, "{}}")

    with pytest.raises(ConfigurationUnreadable, match=r"erasures\.json"):
        in_force(bucket, SecretsManager(arn=with_key(KEY)), Clock()).current()
