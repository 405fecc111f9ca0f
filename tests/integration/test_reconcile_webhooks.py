"""A reconcile run repairs the stack's webhooks in the store and reports the others."""

from __future__ import annotations

import pytest

from simulators.woocommerce import InjectedFault
from tests.support.reconcile import QUARTER, WEBHOOK_URL, ReconcileFixture, a_fixture
from woohub.store.webhooks import TOPICS


def test_healthy_webhooks_are_left_alone() -> None:
    fixture = a_fixture()

    assert fixture.run().webhooks == []
    assert "WebhookDisabled" not in fixture.metrics
    assert all(method == "GET" for method, _, _ in fixture.shop.requests)


def test_a_disabled_webhook_is_made_active_and_reported() -> None:
    fixture = a_fixture()
    webhook = fixture.shop.hooks.webhooks[2]
    webhook.status, webhook.secret = "disabled", "a secret somebody mistyped"

    report = fixture.run()

    assert report.webhooks == ["disabled order.updated: repaired"]
    assert (webhook.status, webhook.secret) == ("active", "lab-secret")
    assert (fixture.metrics["WebhookDisabled"], fixture.metrics["WebhookRepaired"]) == (1, 1)
    assert "the first failure after this disables it again" in fixture.logged("webhook")[0]["note"]


def test_a_missing_webhook_is_made() -> None:
    fixture = a_fixture()
    del fixture.shop.hooks.webhooks[4]

    assert fixture.run().webhooks == ["missing order.restored: repaired"]

    made = max(fixture.shop.hooks.webhooks.values(), key=lambda webhook: webhook.id)
    assert (made.topic, made.delivery_url, made.secret) == ("order.restored", WEBHOOK_URL, "lab-secret")
    assert fixture.run().webhooks == []


def test_a_missing_webhook_is_only_reported_where_that_is_set() -> None:
    fixture = a_fixture(may_create=False)
    del fixture.shop.hooks.webhooks[4]

    assert fixture.run().webhooks == ["missing order.restored: left as it is"]
    assert fixture.metrics["WebhookDisabled"] == 1
    assert len(fixture.shop.hooks.webhooks) == 6


def test_a_webhook_that_somebody_paused_stays_so_and_is_reported() -> None:
    fixture = a_fixture()
    fixture.shop.hooks.webhooks[1].status = "paused"

    assert fixture.run().webhooks == ["paused order.created: left as it is"]
    assert fixture.shop.hooks.webhooks[1].status == "paused"
    assert fixture.metrics["WebhookDisabled"] == 1


def test_a_webhook_of_ours_with_another_address_is_set_right_and_that_of_another_stack_is_not() -> None:
    fixture = ReconcileFixture()
    for stack, url in (("stack", "https://old.test/hook"), ("staging", "https://staging.test/hook")):
        for topic in TOPICS:
            fixture.shop.hooks.create(name=f"woohub {stack}: {topic}", topic=topic, delivery_url=url, secret="s")

    fixture.run()

    urls = [webhook.delivery_url for webhook in fixture.shop.hooks.webhooks.values()]
    assert urls == [WEBHOOK_URL] * 7 + ["https://staging.test/hook"] * 7


def test_a_webhook_whose_topic_was_changed_is_set_right() -> None:
    fixture = ReconcileFixture()
    fixture.run()  # makes them
    fixture.shop.hooks.webhooks[1].topic = "product.created"

    assert fixture.run().webhooks == ["wrong_topic order.created: repaired"]
    assert fixture.shop.hooks.webhooks[1].topic == "order.created"


def test_a_second_webhook_for_the_same_is_reported_without_an_alarm() -> None:
    fixture = a_fixture()
    fixture.shop.hooks.create(name="by hand", topic="order.created", delivery_url=WEBHOOK_URL, secret="lab-secret")

    assert fixture.run().webhooks == ["duplicate order.created: left as it is"]
    assert "WebhookDisabled" not in fixture.metrics


def test_customers_changed_while_their_webhook_was_disabled_are_looked_for_at_once() -> None:
    fixture = a_fixture()
    number = fixture.shop.register()
    fixture.run()
    fixture.sqs.messages.clear()
    fixture.shop.hooks.webhooks[6].status = "disabled"
    fixture.shop.edit_customer(number)
    fixture.shop.run_webhooks()

    fixture.run()

    assert f"customer.swept customer:{number}" in fixture.queued()


def test_a_webhook_disabled_again_in_every_run_does_not_keep_a_scan_from_its_end() -> None:
    fixture = a_fixture()
    made = [fixture.shop.register() for _ in range(900)]
    fixture.run_to_the_end()
    fixture.sqs.messages.clear()
    fixture.shop.latency_ms = 3000

    for _ in range(12):
        fixture.shop.hooks.webhooks[6].status = "disabled"
        fixture.run(50)
        fixture.pass_time(QUARTER)

    assert set(fixture.queued()) == {f"customer.swept customer:{number}" for number in made}


def test_a_key_that_may_only_read_still_sweeps() -> None:
    fixture = a_fixture()
    key = next(iter(fixture.shop.keys))
    fixture.shop.keys[key] = (fixture.shop.keys[key][0], "read")
    fixture.shop.hooks.webhooks[1].status = "disabled"
    number = fixture.shop.place()

    report = fixture.run()

    assert "not repaired" in report.webhooks[0]
    assert "write permissions" in report.webhooks[0]
    assert f"order.swept order:{number}" in fixture.queued()


@pytest.mark.parametrize("closed", ["GET", "PUT"])
def test_where_a_firewall_lets_nobody_at_the_webhooks_orders_are_swept_all_the_same(closed: str) -> None:
    fixture = a_fixture()
    fixture.shop.faults.add(InjectedFault(status=405, body="html", method=closed, path="/webhooks"))
    fixture.shop.hooks.webhooks[1].status = "disabled"
    number = fixture.shop.place()

    report = fixture.run()

    assert report.complete
    assert f"order.swept order:{number}" in fixture.queued()


def test_without_an_address_webhooks_are_not_looked_after() -> None:
    fixture = ReconcileFixture()
    fixture.webhook_url = ""

    fixture.run()

    assert fixture.shop.hooks.webhooks == {}
