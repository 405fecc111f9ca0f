"""The client creates, changes, lists and deletes webhooks."""

from __future__ import annotations

import pytest

from simulators.woocommerce import InjectedFault
from tests.support.reconcile import ReconcileFixture
from woohub.store.client import Store
from woohub.store.requests import StoreUnavailable
from woohub.store.webhooks import TOPICS, Webhook


def create_webhook(store: Store) -> Webhook:
    return store.create_webhook(
        name="mine", topic="order.created", delivery_url="https://hooks.test/a", secret="a secret"
    )


def test_a_new_webhook_is_active() -> None:
    made = create_webhook(ReconcileFixture().store())

    assert (made.status, made.topic, made.name) == ("active", "order.created", "mine")


def test_a_webhooks_status_and_url_can_be_updated() -> None:
    store = ReconcileFixture().store()

    changed = store.update_webhook(create_webhook(store).id, status="paused", delivery_url="https://hooks.test/b")

    assert (changed.status, changed.delivery_url) == ("paused", "https://hooks.test/b")
    assert store.webhooks() == [changed]


def test_a_webhook_can_be_deleted_twice() -> None:
    fixture = ReconcileFixture()
    store = fixture.store()
    made = create_webhook(store)

    store.delete_webhook(made.id)
    store.delete_webhook(made.id)

    assert fixture.shop.hooks.webhooks == {}


def test_a_topic_with_capitals_raises_value_error() -> None:
    """A store accepts it and creates a webhook that never delivers."""
    with pytest.raises(ValueError, match=r"Order\.Created"):
        ReconcileFixture().store().create_webhook(
            name="", topic="Order.Created", delivery_url="https://hooks.test", secret="s"
        )


def test_130_webhooks_are_all_listed() -> None:
    fixture = ReconcileFixture()
    for _ in range(130):
        fixture.shop.hooks.create(name="", topic=TOPICS[0], delivery_url="https://hooks.test", secret="")

    assert [webhook.id for webhook in fixture.store().webhooks()] == list(range(1, 131))


def test_creating_a_webhook_is_not_retried() -> None:
    fixture = ReconcileFixture()
    fixture.shop.faults.add(InjectedFault(kind="hold", when="after", method="POST", hold_s=60))
    fixture.timer.start(240)

    with pytest.raises(StoreUnavailable):
        fixture.store().create_webhook(name="", topic=TOPICS[0], delivery_url="https://hooks.test", secret="")

    assert len(fixture.shop.hooks.webhooks) == 1
