"""`woohub erase` removes a person from HubSpot and the queues, and no later delivery restores that person."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from simulators.hubspot import DEFAULT_TOKEN, InjectedFault, definitions, provision
from tests.support.clock import Clock
from tests.support.operated_stack import OperatedStack, operated_stack
from tests.support.stack_consumer import StackConsumer
from woohub.erasures import FILE
from woohub_cli.commands import erase
from woohub_cli.erase import erasure_list

JANE, JOE = "jane.doe@example.com", "joe@example.com"
CREATED_S = 1_767_607_200.0  # 2026-01-05T10:00:00Z


@pytest.fixture(scope="module")
def running() -> Iterator[StackConsumer]:
    with operated_stack() as shop:
        yield StackConsumer(shop.ready())


@pytest.fixture
def consumer(consumer: StackConsumer, monkeypatch: pytest.MonkeyPatch) -> StackConsumer:
    monkeypatch.setattr(erase, "wait_until_in_force", lambda *_: None)
    return consumer


@pytest.fixture
def shop(consumer: StackConsumer) -> OperatedStack:
    """Two old orders of Jane and one of Joe, synced to HubSpot."""
    consumer.shop.shop.clock = time.time
    for email, name in ((JANE, "Jane"), (JANE, "Jane"), (JOE, "Joe")):
        place(consumer.shop, email, name, created=CREATED_S)
    consumer.deliver()
    assert emails(consumer.shop) == {JANE, JOE}
    return consumer.shop


def place(shop: OperatedStack, email: str, first_name: str = "Jane", **fields: Any) -> int:
    billing = {"email": email, "first_name": first_name, "last_name": "Doe", "phone": "555"}
    return shop.shop.place(billing=billing, **fields)


def emails(shop: OperatedStack) -> set[str]:
    return {row["properties"]["email"] for row in shop.portal.state()["contacts"]}


def deal_names(shop: OperatedStack) -> list[str]:
    """The deals' names by order id, without the prefix that all have."""
    deals = (row["properties"] for row in shop.portal.state()["deals"])
    named = {int(deal["woocommerce_order_id"]): deal["dealname"] for deal in deals}
    return [named[number].removeprefix(f"WooCommerce Order #{number}") for number in sorted(named)]


def erased(shop: OperatedStack, *arguments: str, email: str = JANE) -> dict[str, Any]:
    result = shop.run("erase", email, "--json", *arguments)
    assert result.exit_code == 0, result.output
    assert "jane" not in result.stdout.lower()
    facts: dict[str, Any] = json.loads(result.stdout)
    return facts


def test_erase_deletes_the_contact_and_removes_the_name_from_the_deals(shop: OperatedStack) -> None:
    facts = erased(shop, "--yes")

    assert emails(shop) == {JOE}
    assert deal_names(shop) == ["", "", " - Joe Doe"]
    assert {deal["properties"]["amount"] for deal in shop.portal.state()["deals"]} != {""}
    assert (len(facts["contacts"]), len(facts["deals_renamed"]), facts["checked"]) == (1, 2, True)


def test_the_erasure_list_contains_no_address(shop: OperatedStack) -> None:
    erased(shop, "--yes", email=" Jane.DOE@Example.com")

    text = stored_list(shop)
    assert "jane" not in text
    assert len(json.loads(text)["erasures"]) == 1
    assert len(shop.stack.secret("HubSpotSecretArn")["erasure_key"]) == 64


def stored_list(shop: OperatedStack) -> str:
    body = shop.stack.client("s3").get_object(Bucket=shop.stack.outputs["ConfigurationBucket"], Key=FILE)["Body"]
    return str(body.read().decode())


def test_additional_addresses_of_the_contact_are_erased_too(shop: OperatedStack) -> None:
    (contact,) = [row for row in shop.portal.state()["contacts"] if row["properties"]["email"] == JANE]
    shop.portal.objects.records["0-1"][contact["id"]].properties["hs_additional_emails"] = "jane@work.example"

    erased(shop, "--yes")

    assert len(json.loads(stored_list(shop))["erasures"]) == 2


def test_erase_deletes_only_messages_of_the_person_from_both_queues(shop: OperatedStack) -> None:
    place(shop, JANE)
    other = place(shop, f"mary-{JANE}")
    shop.shop.run_webhooks()
    shop.stack.reject(7, {"billing": {"email": JANE.upper()}}, reason="rejected")
    shop.stack.reject(8, {"billing": {"email": JOE}}, reason="rejected")

    facts = erased(shop, "--yes")

    assert (facts["messages_deleted"], facts["dead_letters_deleted"]) == (2, 1)
    assert {delivery.entity for delivery in shop.queued()} == {f"order:{other}"}
    assert shop.stack.visible("DeadLetterQueueUrl") == 1


@pytest.mark.parametrize("written", ["rose&amp;tom@example.com", "ROSE&tom@\u200bexample.com"])
def test_a_message_is_found_by_address_in_each_notation(shop: OperatedStack, written: str) -> None:
    shop.stack.reject(7, {"billing": {"email": written}}, reason="rejected")

    assert erased(shop, "--yes", email="tom@example.com")["dead_letters_deleted"] == 0
    assert erased(shop, "--yes", email="rose&tom@example.com")["dead_letters_deleted"] == 1


def test_deals_without_a_contact_are_found_although_the_store_writes_the_address_otherwise(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    place(shop, f"\u200b{JANE}", created=CREATED_S)
    consumer.deliver()
    shop.portal.objects.records["0-1"].clear()

    erased(shop, "--yes")

    assert deal_names(shop) == ["", "", " - Joe Doe", ""]


def test_erase_of_an_unknown_person_adds_an_entry_and_deletes_no_contact(shop: OperatedStack) -> None:
    facts = erased(shop, "--yes", email="somebody@else.example")

    assert (facts["contacts"], facts["deals_renamed"]) == ([], [])
    assert len(json.loads(stored_list(shop))["erasures"]) == 1
    assert not [route for route in shop.portal.counters()["by_route"] if "gdpr" in route]


def test_deals_are_found_by_search_when_the_order_id_is_not_unique(shop: OperatedStack) -> None:
    shop.portal.reset()
    provision(shop.portal, unique_order_id=False)
    shop.portal.change_settings({"search_lag_s": 0.0})
    first, *_ = shop.shop.orders
    properties = {"dealname": "Jane", "woocommerce_order_id": str(first)}
    deal = shop.portal.objects.create(definitions.DEALS, {"properties": properties})

    assert erased(shop, "--yes")["deals_renamed"] == [deal.id]


def test_why_reports_when_the_person_was_erased(shop: OperatedStack) -> None:
    first, *_ = shop.shop.orders
    at = erased(shop, "--yes")["erased_at"]

    facts = json.loads(shop.run("why", f"order:{first}", "--json").stdout)

    assert facts["fine"], facts["conclusion"]
    assert f"The person was erased at {at} (woohub erase)" in facts["conclusion"]
    assert (facts["store"]["erased_at"], facts["store"]["anonymised"]) == (at, False)


def test_verify_reports_no_missing_contact_for_an_erased_person(shop: OperatedStack) -> None:
    erased(shop, "--yes")

    result = shop.run("verify", "--from", "2026-01-01", "--json")

    facts = json.loads(result.stdout)
    assert (result.exit_code, facts["findings"], facts["erased_people_in_hubspot"]) == (0, [], [])
    assert facts["orders_of_erased_people"] == 2


def test_doctor_fails_when_the_erasure_key_is_missing(shop: OperatedStack) -> None:
    erased(shop, "--yes")
    assert erasure_check(shop)["outcome"] == "ok"

    shop.stack.store("HubSpotSecretArn", {"token": DEFAULT_TOKEN})

    assert (erasure_check(shop)["outcome"], "erasure_key" in erasure_check(shop)["detail"]) == ("failed", True)


def test_doctor_and_erase_fail_when_the_erasure_list_was_deleted(shop: OperatedStack) -> None:
    erased(shop, "--yes")
    shop.stack.client("s3").delete_object(Bucket=shop.stack.outputs["ConfigurationBucket"], Key=FILE)

    result = shop.run("erase", JOE, "--yes")

    assert (erasure_check(shop)["outcome"], "was deleted" in erasure_check(shop)["detail"]) == ("failed", True)
    assert (result.exit_code, "was deleted" in result.output) == (1, True)
    assert JOE in emails(shop)


def erasure_check(shop: OperatedStack) -> dict[str, Any]:
    (check,) = [check for check in shop.json("doctor")["checks"] if check["check"] == "erasures"]
    return dict(check)


def test_erase_dry_run_reports_the_records_and_changes_nothing(shop: OperatedStack) -> None:
    facts = erased(shop, "--dry-run")

    assert (len(facts["contacts"]), len(facts["deals_renamed"]), facts["erased_at"]) == (1, 2, None)
    assert emails(shop) == {JANE, JOE}
    assert erased(shop, "--dry-run")["erased_before_at"] is None


def test_erase_without_yes_and_without_a_terminal_erases_nothing(shop: OperatedStack) -> None:
    result = shop.run("erase", JANE)

    assert result.exit_code == 2
    assert "--yes" in result.output
    assert emails(shop) == {JANE, JOE}


def test_erase_rejects_an_invalid_address_with_exit_code_2(shop: OperatedStack) -> None:
    assert shop.run("erase", "Jane Doe", "--yes").exit_code == 2


def test_erasing_twice_adds_no_second_entry_and_keeps_the_first_time(shop: OperatedStack) -> None:
    first = erased(shop, "--yes")
    second = erased(shop, "--yes")

    assert (second["contacts"], second["deals_renamed"]) == ([], [])
    assert second["erased_before_at"] == first["erased_at"]
    assert len(json.loads(stored_list(shop))["erasures"]) == 1


@pytest.mark.parametrize("path", ["/deals/batch/update", "/contacts/gdpr-delete"])
def test_the_next_erase_completes_one_that_failed(shop: OperatedStack, path: str) -> None:
    shop.portal.faults.add(InjectedFault(path=path, status=503, when="before"))
    failed = shop.run("erase", JANE, "--yes")
    shop.portal.faults.clear()
    assert failed.exit_code == 1

    erased(shop, "--yes")

    assert emails(shop) == {JOE}
    assert deal_names(shop)[:2] == ["", ""]


def test_erase_stops_when_the_list_was_written_with_another_key(shop: OperatedStack) -> None:
    erased(shop, "--yes", email=JOE)
    shop.stack.store("HubSpotSecretArn", shop.stack.secret("HubSpotSecretArn") | {"erasure_key": "another"})

    result = shop.run("erase", JANE, "--yes")

    assert result.exit_code == 1
    assert "erasure_key" in result.output
    assert JANE in emails(shop)


def test_setup_with_a_new_token_keeps_the_erasure_key(shop: OperatedStack) -> None:
    erased(shop, "--yes")
    key = shop.stack.secret("HubSpotSecretArn")["erasure_key"]
    shop.stack.store("HubSpotSecretArn", {"token": "old", "erasure_key": key})

    shop.run("setup", "--yes")

    assert shop.stack.secret("HubSpotSecretArn")["erasure_key"] == key


@pytest.fixture
def ten_seconds_earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Erasures are dated ten seconds back, so that what a test does next is later."""
    monkeypatch.setattr(erasure_list, "_now_ms", lambda _: round(time.time() - 10) * 1000)


@pytest.mark.usefixtures("ten_seconds_earlier")
def test_only_a_new_order_recreates_an_erased_contact(shop: OperatedStack, consumer: StackConsumer) -> None:
    first, *_ = shop.shop.orders
    erased(shop, "--yes")

    shop.shop.change_status(first, "completed")
    consumer.deliver()  # a webhook
    shop.stack.reject(first, {"total": "1.00", "billing": {"email": JANE, "first_name": "Jane"}}, reason="x")
    shop.run("dlq", "redrive", "--all")
    consumer.process_queue()
    shop.run("backfill", "--restart")
    consumer.process_queue()
    shop.run("verify", "--from", "2026-01-01", "--repair")
    consumer.process_queue()
    assert emails(shop) == {JOE}
    assert deal_names(shop)[:2] == ["", ""]

    place(shop, JANE)
    consumer.deliver()
    assert emails(shop) == {JANE, JOE}


@pytest.mark.usefixtures("ten_seconds_earlier")
def test_the_second_check_keeps_a_contact_created_by_a_new_order(
    shop: OperatedStack, consumer: StackConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def order_again(*_: object) -> None:
        place(shop, JANE)
        consumer.deliver()

    monkeypatch.setattr(erase, "wait_until_in_force", order_again)
    facts = erased(shop, "--yes")

    assert len(facts["contacts"]) == 1
    assert JANE in emails(shop)


def test_wait_until_in_force_waits_60_s_and_until_no_batch_is_in_flight() -> None:
    clock, in_flight = Clock(), iter([3, 1, 0])

    erase.wait_until_in_force(clock.now, lambda: next(in_flight), clock.read, clock.sleep)

    assert clock.now - Clock().now == 60 + 2 * erase.POLL_S


def test_wait_until_in_force_waits_120_s_at_most() -> None:
    clock = Clock()

    erase.wait_until_in_force(clock.now, lambda: 1, clock.read, clock.sleep)

    assert clock.now - Clock().now == 120


def test_an_undone_erasure_lets_backfill_recreate_the_contact_and_deal_names(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    erased(shop, "--yes")
    report = erased(shop, "--undo", "--yes")

    assert report["undone"]
    assert report["erased_before_at"]
    assert json.loads(stored_list(shop))["erasures"] == []
    assert emails(shop) == {JOE}, "undo alone restores no contact"
    shop.run("backfill", "--customers")
    consumer.process_queue()
    assert emails(shop) == {JANE, JOE}
    assert deal_names(shop) == [" - Jane Doe", " - Jane Doe", " - Joe Doe"]


def test_undo_requires_an_erasure_and_yes(shop: OperatedStack) -> None:
    assert shop.run("erase", JOE, "--undo", "--yes").exit_code == 1
    erased(shop, "--yes")

    assert shop.run("erase", JANE, "--undo").exit_code == 2
    assert not erased(shop, "--undo", "--dry-run")["undone"]
    assert len(json.loads(stored_list(shop))["erasures"]) == 1


MAPPING = """
deal.woocommerce_wish = { order = "customer_note", write = "on-create" }
deal.woocommerce_gift = { order = "line_items.meta_data.Engraving" }
deal.woocommerce_link = { order = "payment_url" }

[create.deal]
woocommerce_wish = { label = "Wish", type = "string", fieldType = "text", description = "What the customer wrote." }
woocommerce_gift = { label = "Gift", type = "string", fieldType = "text", description = "What is engraved." }
woocommerce_link = { label = "Link", type = "string", fieldType = "text", description = "Where it is paid." }
"""


def test_mapped_free_text_of_the_person_is_cleared_in_the_deals(shop: OperatedStack) -> None:
    bucket = shop.stack.outputs["ConfigurationBucket"]
    shop.stack.client("s3").put_object(Bucket=bucket, Key="mapping.toml", Body=MAPPING.encode())
    shop.run("setup", "--hubspot-only")
    deals = shop.portal.objects.records["0-3"]
    for deal in deals.values():
        deal.properties |= {"woocommerce_wish": "ring twice, Jane", "woocommerce_gift": "For Jane", "amount": "1"}

    report = erased(shop, "--yes")

    shop.stack.client("s3").delete_object(Bucket=bucket, Key="mapping.toml")
    values = [
        (deal.properties.get("woocommerce_wish"), deal.properties.get("woocommerce_gift")) for deal in deals.values()
    ]
    assert sorted(values, key=str) == [("ring twice, Jane", "For Jane"), (None, None), (None, None)]
    assert len(report["cleared"]["deals"]) == 2
    assert {deal.properties["amount"] for deal in deals.values()} == {"1"}
