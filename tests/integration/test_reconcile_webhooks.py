"""A reconcile run repairs the stack's webhooks in the store and reports the others."""

from __future__ import annotations

import pytest

from simulators.woocommerce import InjectedFault
from tests.support.reconcile import QUARTER, WEBHOOK_URL, ReconcileFixture, deployed_fixture
from woohub.store.webhooks import TOPICS


def test_healthy_webhooks_are_not_changed() -> None:
    fixture = deployed_fixture()

    assert fixture.run().webhooks == []
    assert "WebhookDisabled" not in fixture.metrics
    assert all(method == "GET" for method, _, _ in fixture.shop.requests)


def test_a_disabled_webhook_is_repaired_and_counted() -> None:
    fixture = deployed_fixture()
    webhook = fixture.shop.hooks.webhooks[2]
    webhook.status, webhook.secret = "disabled", "a mistyped secret"

    report = fixture.run()

    assert report.webhooks == ["disabled order.updated: repaired"]
    assert (webhook.status, webhook.secret) == ("active", "lab-secret")
    assert (fixture.metrics["WebhookDisabled"], fixture.metrics["WebhookRepaired"]) == (1, 1)
    assert "the first failure after this disables it again" in fixture.logged("webhook")[0]["note"]


def test_a_missing_webhook_is_created() -> None:
    fixture = deployed_fixture()
    del fixture.shop.hooks.webhooks[4]

    assert fixture.run().webhooks == ["missing order.restored: repaired"]

    made = max(fixture.shop.hooks.webhooks.values(), key=lambda webhook: webhook.id)
    assert (made.topic, made.delivery_url, made.secret) == ("order.restored", WEBHOOK_URL, "lab-secret")
    assert fixture.run().webhooks == []


def test_a_missing_webhook_is_only_reported_when_creation_is_switched_off() -> None:
    fixture = deployed_fixture(may_create=False)
    del fixture.shop.hooks.webhooks[4]

    assert fixture.run().webhooks == ["missing order.restored: left as it is"]
    assert fixture.metrics["WebhookDisabled"] == 1
    assert len(fixture.shop.hooks.webhooks) == 6


def test_a_paused_webhook_stays_paused_and_is_reported() -> None:
    fixture = deployed_fixture()
    fixture.shop.hooks.webhooks[1].status = "paused"

    assert fixture.run().webhooks == ["paused order.created: left as it is"]
    assert fixture.shop.hooks.webhooks[1].status == "paused"
    assert fixture.metrics["WebhookDisabled"] == 1


def test_a_wrong_url_is_repaired_in_the_webhooks_of_this_stack_only() -> None:
    fixture = ReconcileFixture()
    for stack, url in (("stack", "https://old.test/hook"), ("staging", "https://staging.test/hook")):
        for topic in TOPICS:
            fixture.shop.hooks.create(name=f"woohub {stack}: {topic}", topic=topic, delivery_url=url, secret="s")

    fixture.run()

    urls = [webhook.delivery_url for webhook in fixture.shop.hooks.webhooks.values()]
    assert urls == [WEBHOOK_URL] * 7 + ["https://staging.test/hook"] * 7


def test_a_changed_topic_of_a_webhook_is_repaired() -> None:
    fixture = ReconcileFixture()
    fixture.run()  # creates the webhooks
    fixture.shop.hooks.webhooks[1].topic = "product.created"

    assert fixture.run().webhooks == ["wrong_topic order.created: repaired"]
    assert fixture.shop.hooks.webhooks[1].topic == "order.created"


def test_a_duplicate_webhook_is_reported_and_not_counted_as_disabled() -> None:
    fixture = deployed_fixture()
    fixture.shop.hooks.create(name="by hand", topic="order.created", delivery_url=WEBHOOK_URL, secret="lab-secret")

    assert fixture.run().webhooks == ["duplicate order.created: left as it is"]
    assert "WebhookDisabled" not in fixture.metrics


def test_customers_changed_while_their_webhook_was_disabled_are_queued_by_the_next_run() -> None:
    fixture = deployed_fixture()
    number = fixture.shop.register()
    fixture.run()
    fixture.sqs.messages.clear()
    fixture.shop.hooks.webhooks[6].status = "disabled"
    fixture.shop.edit_customer(number)
    fixture.shop.run_webhooks()

    fixture.run()

    assert f"customer.swept customer:{number}" in fixture.queued()


def test_a_scan_completes_although_the_webhook_is_disabled_before_every_run() -> None:
    fixture = deployed_fixture()
    made = [fixture.shop.register() for _ in range(900)]
    fixture.run_until_complete()
    fixture.sqs.messages.clear()
    fixture.shop.latency_ms = 3000

    for _ in range(12):
        fixture.shop.hooks.webhooks[6].status = "disabled"
        fixture.run(50)
        fixture.pass_time(QUARTER)

    assert set(fixture.queued()) == {f"customer.swept customer:{number}" for number in made}


def test_a_run_with_a_read_only_key_queues_orders_and_reports_the_webhook() -> None:
    fixture = deployed_fixture()
    key = next(iter(fixture.shop.keys))
    fixture.shop.keys[key] = (fixture.shop.keys[key][0], "read")
    fixture.shop.hooks.webhooks[1].status = "disabled"
    number = fixture.shop.place()

    report = fixture.run()

    assert "not repaired" in report.webhooks[0]
    assert "write permissions" in report.webhooks[0]
    assert f"order.swept order:{number}" in fixture.queued()


@pytest.mark.parametrize("closed", ["GET", "PUT"])
def test_orders_are_queued_when_a_firewall_blocks_the_webhooks_route(closed: str) -> None:
    fixture = deployed_fixture()
    fixture.shop.faults.add(InjectedFault(status=405, body="html", method=closed, path="/webhooks"))
    fixture.shop.hooks.webhooks[1].status = "disabled"
    number = fixture.shop.place()

    report = fixture.run()

    assert report.complete
    assert f"order.swept order:{number}" in fixture.queued()


def test_a_run_without_webhook_url_creates_no_webhooks() -> None:
    fixture = ReconcileFixture()
    fixture.webhook_url = ""

    fixture.run()

    assert fixture.shop.hooks.webhooks == {}
