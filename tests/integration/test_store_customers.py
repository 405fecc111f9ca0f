"""The client reads customers from a simulated store."""

from __future__ import annotations

from tests.support.reconcile import ReconcileFixture
from tests.support.store import ActAfterCalls, ids


def test_all_customers_are_listed_although_one_is_removed_meanwhile() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.register() for _ in range(250)]
    http = ActAfterCalls(fixture, 1, lambda: fixture.shop.remove_customer(made[0]))

    assert set(ids(fixture.store(http=http).customers())) == set(made)


def test_a_customer_scan_past_the_end_of_a_shortened_list_starts_again() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.register() for _ in range(250)]
    first, second = (step for step, _ in zip(fixture.store().customers(), range(2), strict=False))
    for row in first.rows:
        fixture.shop.remove_customer(row.id)

    assert set(ids(fixture.store().customers(second.next))) >= set(made[200:])


def test_an_editor_is_not_listed_as_a_customer() -> None:
    fixture = ReconcileFixture()
    customer, _editor = fixture.shop.register(), fixture.shop.register(role="editor")

    assert ids(fixture.store().customers()) == [customer]


def test_newest_customers_lists_only_new_accounts_newest_first() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.register() for _ in range(250)]

    pages = list(fixture.store().newest_customers(made[99]))

    assert [customer.id for page in pages for customer in page] == made[:99:-1]
    assert len(fixture.shop.requests) == 2


def test_newest_customers_takes_one_call_without_new_accounts() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.register() for _ in range(250)]

    assert list(fixture.store().newest_customers(made[-1])) == []
    assert len(fixture.shop.requests) == 1


def test_customers_are_found_by_id() -> None:
    fixture = ReconcileFixture()
    first, editor = fixture.shop.register(), fixture.shop.register(role="editor")
    store = fixture.store()

    assert set(store.customers_by_id([first, editor, 4711])) == {first, editor}
    assert store.customer(4711) is None
    assert store.count("customers") == 1
    assert store.newest_customer_id() == first
