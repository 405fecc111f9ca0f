"""`woohub erase`: the person out of HubSpot, out of the queues and onto the list; and what comes back afterwards."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.hubspot import DEFAULT_TOKEN, InjectedFault, definitions, provision
from tests.support.clock import Clock
from tests.support.operated_stack import OperatedStack, operated_stack
from tests.support.stack_consumer import StackConsumer
from woohub.erasures import FILE
from woohub_cli.commands import erase
from woohub_cli.dlq import dead_letter_queue
from woohub_cli.erase import erasure_list

JANE, JOE = "jane.doe@example.com", "joe@example.com"
LONG_AGO_S = 1_767_607_200.0  # 2026-01-05T10:00:00Z


@pytest.fixture(scope="module")
def running() -> Iterator[StackConsumer]:
    with operated_stack() as shop:
        yield StackConsumer(shop.ready())


@pytest.fixture
def consumer(running: StackConsumer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackConsumer:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dead_letter_queue, "RECEIVE_WAIT_S", 0)  # moto takes waiting for messages literally
    monkeypatch.setattr(erase, "wait_until_in_force", lambda *_: None)
    running.begin_anew()
    return running


@pytest.fixture
def shop(consumer: StackConsumer) -> OperatedStack:
    """Two old orders of Jane's and one of Joe's, in HubSpot."""
    consumer.shop.shop.clock = time.time
    for email, name in ((JANE, "Jane"), (JANE, "Jane"), (JOE, "Joe")):
        place(consumer.shop, email, name, created=LONG_AGO_S)
    consumer.deliver()
    assert people(consumer.shop) == {JANE, JOE}
    return consumer.shop


def place(shop: OperatedStack, email: str, first_name: str = "Jane", **fields: Any) -> int:
    billing = {"email": email, "first_name": first_name, "last_name": "Doe", "phone": "555"}
    return shop.shop.place(billing=billing, **fields)


def people(shop: OperatedStack) -> set[str]:
    return {row["properties"]["email"] for row in shop.portal.state()["contacts"]}


def names(shop: OperatedStack) -> list[str]:
    """Of the deals, in the order of their orders, without what they begin with."""
    deals = (row["properties"] for row in shop.portal.state()["deals"])
    named = {int(deal["woocommerce_order_id"]): deal["dealname"] for deal in deals}
    return [named[number].removeprefix(f"WooCommerce Order #{number}") for number in sorted(named)]


def erased(shop: OperatedStack, *arguments: str, email: str = JANE) -> dict[str, Any]:
    result = shop.run("erase", email, "--json", *arguments)
    assert result.exit_code == 0, result.output
    assert "jane" not in result.stdout.lower()
    facts: dict[str, Any] = json.loads(result.stdout)
    return facts


# What it does


def test_the_person_is_gone_and_the_deals_stay_without_the_name(shop: OperatedStack) -> None:
    facts = erased(shop, "--yes")

    assert people(shop) == {JOE}
    assert names(shop) == ["", "", " - Joe Doe"]
    assert {deal["properties"]["amount"] for deal in shop.portal.state()["deals"]} != {""}
    assert (len(facts["contacts"]), len(facts["deals_renamed"]), facts["checked"]) == (1, 2, True)


def test_no_address_is_kept(shop: OperatedStack) -> None:
    erased(shop, "--yes", email=" Jane.DOE@Example.com")

    text = stored_list(shop)
    assert "jane" not in text
    assert len(json.loads(text)["erasures"]) == 1
    assert len(shop.stack.secret("HubSpotSecretArn")["erasure_key"]) == 64


def stored_list(shop: OperatedStack) -> str:
    body = shop.stack.client("s3").get_object(Bucket=shop.stack.outputs["ConfigurationBucket"], Key=FILE)["Body"]
    return str(body.read().decode())


def test_further_addresses_of_the_contact_are_the_person_too(shop: OperatedStack) -> None:
    (contact,) = [row for row in shop.portal.state()["contacts"] if row["properties"]["email"] == JANE]
    shop.portal.objects.records["0-1"][contact["id"]].properties["hs_additional_emails"] = "jane@work.example"

    erased(shop, "--yes")

    assert len(json.loads(stored_list(shop))["erasures"]) == 2


def test_what_is_queued_of_the_person_is_deleted_and_nothing_else(shop: OperatedStack) -> None:
    place(shop, JANE)
    other = place(shop, f"mary-{JANE}")
    shop.shop.run_webhooks()
    shop.stack.reject(7, {"billing": {"email": JANE.upper()}}, reason="refused")
    shop.stack.reject(8, {"billing": {"email": JOE}}, reason="refused")

    facts = erased(shop, "--yes")

    assert (facts["messages_deleted"], facts["dead_letters_deleted"]) == (2, 1)
    assert {delivery.entity for delivery in shop.queued()} == {f"order:{other}"}
    assert shop.stack.visible("DeadLetterQueueUrl") == 1


@pytest.mark.parametrize("written", ["rose&amp;tom@example.com", "ROSE&tom@\u200bexample.com"])
def test_an_address_is_found_in_a_message_however_the_store_writes_it(shop: OperatedStack, written: str) -> None:
    shop.stack.reject(7, {"billing": {"email": written}}, reason="refused")

    assert erased(shop, "--yes", email="tom@example.com")["dead_letters_deleted"] == 0
    assert erased(shop, "--yes", email="rose&tom@example.com")["dead_letters_deleted"] == 1


def test_orders_without_a_contact_are_found_however_the_store_writes_the_address(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    place(shop, f"\u200b{JANE}", created=LONG_AGO_S)
    consumer.deliver()
    shop.portal.objects.records["0-1"].clear()

    erased(shop, "--yes")

    assert names(shop) == ["", "", " - Joe Doe", ""]


def test_whoever_hubspot_does_not_know_is_entered_in_the_list_and_nothing_is_blocked(shop: OperatedStack) -> None:
    facts = erased(shop, "--yes", email="somebody@else.example")

    assert (facts["contacts"], facts["deals_renamed"]) == ([], [])
    assert len(json.loads(stored_list(shop))["erasures"]) == 1
    assert not [route for route in shop.portal.counters()["by_route"] if "gdpr" in route]


def test_a_portal_whose_key_is_not_unique_is_searched(shop: OperatedStack) -> None:
    shop.portal.reset()
    provision(shop.portal, unique_order_id=False)
    shop.portal.change_settings({"search_lag_s": 0.0})
    first, *_ = shop.shop.orders
    properties = {"dealname": "Jane", "woocommerce_order_id": str(first)}
    deal = shop.portal.objects.create(definitions.DEALS, {"properties": properties})

    assert erased(shop, "--yes")["deals_renamed"] == [deal.id]


# What people see of it


def test_why_says_that_the_person_was_erased(shop: OperatedStack) -> None:
    first, *_ = shop.shop.orders
    at = erased(shop, "--yes")["erased_at"]

    facts = json.loads(shop.run("why", f"order:{first}", "--json").stdout)

    assert facts["fine"], facts["conclusion"]
    assert f"The person was erased at {at} (woohub erase)" in facts["conclusion"]
    assert (facts["store"]["erased_at"], facts["store"]["anonymised"]) == (at, False)


def test_verify_misses_nobody_who_was_erased(shop: OperatedStack) -> None:
    erased(shop, "--yes")

    result = shop.run("verify", "--from", "2026-01-01", "--json")

    facts = json.loads(result.stdout)
    assert (result.exit_code, facts["findings"], facts["erased_people_in_hubspot"]) == (0, [], [])
    assert facts["orders_of_erased_people"] == 2


def test_doctor_says_when_the_key_is_lost(shop: OperatedStack) -> None:
    erased(shop, "--yes")
    assert checked(shop)["outcome"] == "ok"

    shop.stack.store("HubSpotSecretArn", {"token": DEFAULT_TOKEN})

    assert (checked(shop)["outcome"], "erasure_key" in checked(shop)["detail"]) == ("failed", True)


def test_where_the_list_was_deleted_doctor_says_so_and_nobody_else_is_erased(shop: OperatedStack) -> None:
    erased(shop, "--yes")
    shop.stack.client("s3").delete_object(Bucket=shop.stack.outputs["ConfigurationBucket"], Key=FILE)

    refused = shop.run("erase", JOE, "--yes")

    assert (checked(shop)["outcome"], "was deleted" in checked(shop)["detail"]) == ("failed", True)
    assert (refused.exit_code, "was deleted" in refused.output) == (1, True)
    assert JOE in people(shop)


def checked(shop: OperatedStack) -> dict[str, Any]:
    (check,) = [check for check in shop.json("doctor")["checks"] if check["check"] == "erasures"]
    return dict(check)


# Asking first


def test_a_dry_run_says_what_it_would_do_and_does_nothing(shop: OperatedStack) -> None:
    facts = erased(shop, "--dry-run")

    assert (len(facts["contacts"]), len(facts["deals_renamed"]), facts["erased_at"]) == (1, 2, None)
    assert people(shop) == {JANE, JOE}
    assert erased(shop, "--dry-run")["erased_before_at"] is None


def test_nothing_is_erased_without_a_yes(shop: OperatedStack) -> None:
    result = shop.run("erase", JANE)

    assert result.exit_code == 2
    assert "--yes" in result.output
    assert people(shop) == {JANE, JOE}


def test_what_is_no_address_is_wrong_usage(shop: OperatedStack) -> None:
    assert shop.run("erase", "Jane Doe", "--yes").exit_code == 2


# Again, and after a crash


def test_running_it_twice_is_harmless(shop: OperatedStack) -> None:
    first = erased(shop, "--yes")
    second = erased(shop, "--yes")

    assert (second["contacts"], second["deals_renamed"]) == ([], [])
    assert second["erased_before_at"] == first["erased_at"]
    assert len(json.loads(stored_list(shop))["erasures"]) == 1


@pytest.mark.parametrize("path", ["/deals/batch/update", "/contacts/gdpr-delete"])
def test_what_a_crash_left_is_done_by_the_next_run(shop: OperatedStack, path: str) -> None:
    shop.portal.faults.add(InjectedFault(path=path, status=503, when="before"))
    broken = shop.run("erase", JANE, "--yes")
    shop.portal.faults.clear()
    assert broken.exit_code == 1

    erased(shop, "--yes")

    assert people(shop) == {JOE}
    assert names(shop)[:2] == ["", ""]


def test_a_list_of_another_key_is_left_alone(shop: OperatedStack) -> None:
    erased(shop, "--yes", email=JOE)
    shop.stack.store("HubSpotSecretArn", shop.stack.secret("HubSpotSecretArn") | {"erasure_key": "another"})

    result = shop.run("erase", JANE, "--yes")

    assert result.exit_code == 1
    assert "erasure_key" in result.output
    assert JANE in people(shop)


def test_a_new_token_keeps_the_key(shop: OperatedStack) -> None:
    erased(shop, "--yes")
    key = shop.stack.secret("HubSpotSecretArn")["erasure_key"]
    shop.stack.store("HubSpotSecretArn", {"token": "old", "erasure_key": key})

    shop.run("setup", "--yes")

    assert shop.stack.secret("HubSpotSecretArn")["erasure_key"] == key


# What comes back


@pytest.fixture
def a_moment_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Erasures count from ten seconds before now: what a test does next is surely later."""
    monkeypatch.setattr(erasure_list, "_now_ms", lambda _: round(time.time() - 10) * 1000)


@pytest.mark.usefixtures("a_moment_ago")
def test_no_way_brings_the_person_back_and_a_new_order_is_welcome(shop: OperatedStack, consumer: StackConsumer) -> None:
    first, *_ = shop.shop.orders
    erased(shop, "--yes")

    shop.shop.change_status(first, "completed")
    consumer.deliver()  # a webhook
    shop.stack.reject(first, {"total": "1.00", "billing": {"email": JANE, "first_name": "Jane"}}, reason="x")
    shop.run("dlq", "redrive", "--all")
    consumer.work_off()
    shop.run("backfill", "--restart")
    consumer.work_off()
    shop.run("verify", "--from", "2026-01-01", "--repair")
    consumer.work_off()
    assert people(shop) == {JOE}
    assert names(shop)[:2] == ["", ""]

    place(shop, JANE)
    consumer.deliver()
    assert people(shop) == {JANE, JOE}


@pytest.mark.usefixtures("a_moment_ago")
def test_a_second_look_leaves_a_new_relationship_alone(
    shop: OperatedStack, consumer: StackConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*_: object) -> None:
        place(shop, JANE)
        consumer.deliver()

    monkeypatch.setattr(erase, "wait_until_in_force", meanwhile)
    facts = erased(shop, "--yes")

    assert len(facts["contacts"]) == 1
    assert JANE in people(shop)


# Waiting for the functions


def test_it_waits_until_the_list_is_read_and_batches_of_before_have_ended() -> None:
    clock, in_flight = Clock(), iter([3, 1, 0])

    erase.wait_until_in_force(clock.now, lambda: next(in_flight), clock.read, clock.sleep)

    assert clock.now - Clock().now == 60 + 2 * erase.POLL_S


def test_it_waits_no_longer_than_a_batch_may_take() -> None:
    clock = Clock()

    erase.wait_until_in_force(clock.now, lambda: 1, clock.read, clock.sleep)

    assert clock.now - Clock().now == 120


# By mistake


def test_an_erasure_that_is_undone_lets_the_store_bring_the_person_back(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    erased(shop, "--yes")
    report = erased(shop, "--undo", "--yes")

    assert report["undone"]
    assert report["erased_before_at"]
    assert json.loads(stored_list(shop))["erasures"] == []
    assert people(shop) == {JOE}, "nothing comes back by itself"
    shop.run("backfill", "--customers")
    consumer.work_off()
    assert people(shop) == {JANE, JOE}
    assert names(shop) == [" - Jane Doe", " - Jane Doe", " - Joe Doe"]


def test_undoing_asks_and_changes_nothing_for_whom_nobody_has_erased(shop: OperatedStack) -> None:
    assert shop.run("erase", JOE, "--undo", "--yes").exit_code == 1
    erased(shop, "--yes")

    assert shop.run("erase", JANE, "--undo").exit_code == 2
    assert not erased(shop, "--undo", "--dry-run")["undone"]
    assert len(json.loads(stored_list(shop))["erasures"]) == 1


NOTES = """
deal.woocommerce_wish = { order = "customer_note", write = "on-create" }
deal.woocommerce_gift = { order = "line_items.meta_data.Engraving" }
deal.woocommerce_link = { order = "payment_url" }

[create.deal]
woocommerce_wish = { label = "Wish", type = "string", fieldType = "text", description = "What the customer wrote." }
woocommerce_gift = { label = "Gift", type = "string", fieldType = "text", description = "What is engraved." }
woocommerce_link = { label = "Link", type = "string", fieldType = "text", description = "Where it is paid." }
"""


def test_mapped_values_with_the_persons_words_leave_the_deals(shop: OperatedStack) -> None:
    bucket = shop.stack.outputs["ConfigurationBucket"]
    shop.stack.client("s3").put_object(Bucket=bucket, Key="mapping.toml", Body=NOTES.encode())
    shop.run("setup", "--hubspot-only")
    deals = shop.portal.objects.records["0-3"]
    for deal in deals.values():
        deal.properties |= {"woocommerce_wish": "ring twice, Jane", "woocommerce_gift": "For Jane", "amount": "1"}

    report = erased(shop, "--yes")

    shop.stack.client("s3").delete_object(Bucket=bucket, Key="mapping.toml")
    left = [
        (deal.properties.get("woocommerce_wish"), deal.properties.get("woocommerce_gift")) for deal in deals.values()
    ]
    assert sorted(left, key=str) == [("ring twice, Jane", "For Jane"), (None, None), (None, None)]
    assert len(report["cleared"]["deals"]) == 2
    assert {deal.properties["amount"] for deal in deals.values()} == {"1"}
