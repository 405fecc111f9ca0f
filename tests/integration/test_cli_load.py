"""`woohub load`: a load test of a stack, its report, and the removal of its records."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from simulators.hubspot import InjectedFault, provision_definitions
from simulators.hubspot.definitions import CONTACTS, DEALS
from tests.support.cli_stack import NAME
from tests.support.clock import Clock
from tests.support.operated_stack import OperatedStack
from tests.support.stack_consumer import StackConsumer
from tests.support.targets import BESIDE, INSTEAD, mapping_with
from woohub.configuration import MAPPING_KEY
from woohub.consumer.breaker import State
from woohub.delivery import topics
from woohub.delivery.delivery import Delivery
from woohub.store.webhooks import TOPICS as KNOWN_TOPICS
from woohub_cli.cli_errors import WrongUsage
from woohub_cli.commands import load
from woohub_cli.load.live_test import Placed, drained, place
from woohub_cli.load.synthetic import DOMAIN, FIRST_ID, LAST_ID, MAX_ORDERS, TOPICS, Run

STARTED_S = 1_795_473_600.9


@pytest.fixture
def shop(new_stack: OperatedStack) -> OperatedStack:
    return new_stack.ready()


@pytest.fixture
def consumer(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> StackConsumer:
    """A consumer that processes the queue whenever the command waits."""
    return consume_while_waiting(StackConsumer(shop), monkeypatch)


def consume_while_waiting(consumer: StackConsumer, monkeypatch: pytest.MonkeyPatch) -> StackConsumer:
    monkeypatch.setattr(load, "REQUESTS_PER_10_S", 1000)  # no other caller shares the limit
    create: Callable[..., load.Tester] = load.tester
    monkeypatch.setattr(
        load, "tester", lambda *known: replace(create(*known), pause=lambda _seconds: consumer.process_queue())
    )
    return consumer


def report(shop: OperatedStack, *arguments: str) -> Any:
    return shop.json("load", "--rate", "1000", *arguments)


def record_counts(shop: OperatedStack) -> tuple[int, int]:
    state = shop.portal.state()
    return len(state["deals"]), len(state["contacts"])


def test_load_orders_are_deliveries_with_known_topics() -> None:
    run = Run.begin(3, STARTED_S)

    for order_id in run.order_ids:
        samples = run.deliveries(order_id)
        assert [sample.topic for sample in samples] == list(TOPICS)
        assert set(TOPICS) <= set(KNOWN_TOPICS)
        assert {topics.identify(Delivery(sample.topic, sample.body, 0)).entity for sample in samples} == {
            f"order:{order_id}"
        }


def test_load_orders_have_reserved_ids_and_addresses() -> None:
    run = Run.begin(5, STARTED_S)

    assert run.order_ids.start >= FIRST_ID
    assert run.order_ids.stop <= LAST_ID < 2**53
    assert all(email.endswith(f"@{DOMAIN}") for email in run.emails)
    assert {run.email(order_id) for order_id in run.order_ids} == set(run.emails)


def test_two_runs_share_no_ids_and_no_addresses() -> None:
    first, other = Run.begin(MAX_ORDERS, STARTED_S), Run.begin(MAX_ORDERS, STARTED_S + 1)

    assert not set(first.order_ids[::1000]) & set(other.order_ids[::1000])
    assert first.order_ids.stop <= other.order_ids.start
    assert not set(first.emails[:10]) & set(other.emails[:10])


def test_a_run_is_restored_from_its_name() -> None:
    run = Run.begin(200, STARTED_S)

    assert Run.named(run.name) == run
    assert [run.body(order_id) for order_id in run.order_ids[:3]] == [
        Run.named(run.name).body(order_id) for order_id in run.order_ids[:3]
    ]


@pytest.mark.parametrize("name", ["", "yesterday", "1795473600", "1795473600-0", "1795473600-99999999", "1-1"])
def test_an_invalid_run_name_is_rejected(name: str) -> None:
    with pytest.raises(WrongUsage):
        Run.named(name)


def test_place_keeps_the_requested_rate() -> None:
    clock = Clock()
    placed = place(
        range(20),
        4.0,
        lambda order_id: Placed(order_id, clock.now, (200,)),
        lambda _: None,
        clock=clock.read,
        pause=clock.sleep,
    )

    assert [order.order_id for order in placed] == list(range(20))
    assert clock.now - Clock().now == pytest.approx(19 / 4)


@pytest.mark.usefixtures("consumer")
def test_load_reports_each_order_once_with_latency_and_calls(shop: OperatedStack) -> None:
    loaded = report(shop, "--orders", "25")

    assert loaded["stack"] == NAME
    assert (loaded["orders"], loaded["deliveries"], loaded["arrived"], loaded["refused"]) == (25, 50, 25, {})
    assert (loaded["missing"], loaded["duplicate"], loaded["differing"], loaded["unassociated"]) == (0, 0, 0, 0)
    latency = loaded["latency"]
    assert 0 <= latency["p50_s"] <= latency["p95_s"] <= latency["p99_s"] <= latency["max_s"]
    assert loaded["orders_per_s"] > 0
    assert record_counts(shop) == (25, 16)
    created = [call for call in loaded["calls"] if call["path"].endswith("/deals/batch/create")]
    assert created
    assert all(call["p50_ms"] <= call["p95_ms"] and 0 < call["records_up_to"] <= 40 for call in created)
    assert loaded["calls_not_read"] is None


@pytest.mark.usefixtures("consumer")
def test_load_prints_throughput_latency_and_how_to_clean_up(shop: OperatedStack) -> None:
    result = shop.run("load", "--orders", "6", "--rate", "1000")

    assert result.exit_code == 0, result.output
    for word in ("orders per second", "p50", "p95", "p99", "0 missing", "woohub load --remove"):
        assert word in result.stdout


def test_load_with_clean_removes_only_its_own_records(shop: OperatedStack, consumer: StackConsumer) -> None:
    shop.shop.place()
    consumer.deliver()
    before = record_counts(shop)

    loaded = report(shop, "--orders", "7", "--clean")

    assert loaded["cleaned"] == {"deals": 7, "contacts": 4, "left": 0}
    assert record_counts(shop) == before == (1, 1)


ITEMS = "[line_item]\nenabled = true\n"


@pytest.mark.parametrize(
    ("mapping", "records"),
    [(INSTEAD, "HubSpot orders"), (INSTEAD + ITEMS, "HubSpot orders"), (BESIDE, "deals"), (ITEMS, "deals")],
    ids=["orders", "orders with items", "both", "deals with items"],
)
def test_load_removes_its_records_of_each_mapping_and_no_other_deals(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch, mapping: str, records: str
) -> None:
    """Ids are unique only within an object: a deal may have the id of an order."""
    written = mapping_with(mapping)
    bucket = shop.stack.outputs["ConfigurationBucket"]
    shop.stack.client("s3").put_object(Bucket=bucket, Key=MAPPING_KEY, Body=mapping.encode())
    provision_definitions(shop.portal, written.definitions)
    others = [shop.portal.objects.create(DEALS, {"properties": {"dealname": "Another deal"}}) for _ in range(5)]
    consume_while_waiting(StackConsumer(shop, mapping=written), monkeypatch)

    loaded = report(shop, "--orders", "3", "--clean")

    state = shop.portal.state()
    assert loaded["cleaned"] == {"deals": 3, "contacts": 2, "left": 0}
    assert (len(state["deals"]), state["orders"], state["line_items"], state["contacts"]) == (len(others), [], [], [])
    assert any(call["path"].endswith("line_items/batch/create") for call in loaded["calls"]) is (ITEMS in mapping)
    assert f"0 {records} and 0 contacts archived" in shop.run("load", "--remove", loaded["run"]).stdout


@pytest.mark.usefixtures("consumer")
def test_load_remove_deletes_the_records_of_an_earlier_run(shop: OperatedStack) -> None:
    run = report(shop, "--orders", "7")["run"]
    assert record_counts(shop) == (7, 4)

    result = shop.run("load", "--remove", run)

    assert result.exit_code == 0, result.output
    assert "7 deals and 4 contacts archived" in result.stdout
    assert record_counts(shop) == (0, 0)


@pytest.mark.usefixtures("consumer")
def test_load_remove_keeps_a_contact_with_the_test_address_as_an_additional_one(shop: OperatedStack) -> None:
    """As after a merge of a test contact into a real one."""
    run = report(shop, "--orders", "1")["run"]
    (record,) = shop.portal.objects.records[CONTACTS.id].values()
    record.properties["hs_additional_emails"] = record.properties["email"]
    record.properties["email"] = "real@shop.example"

    shop.run("load", "--remove", run)

    assert record_counts(shop) == (0, 1)


@pytest.mark.usefixtures("consumer")
def test_load_remove_continues_after_a_lost_response(shop: OperatedStack) -> None:
    run = report(shop, "--orders", "3")["run"]
    shop.portal.faults.add(InjectedFault("reset", when="before", path="batch/archive", count=1))

    assert report(shop, "--remove", run)["cleaned"] == {"deals": 3, "contacts": 2, "left": 0}


@pytest.mark.usefixtures("consumer")
def test_load_remove_reports_what_could_not_be_removed(shop: OperatedStack) -> None:
    run = report(shop, "--orders", "3")["run"]
    shop.portal.faults.add(InjectedFault("reset", when="before", path="deals/batch/archive"))

    result = shop.run("load", "--remove", run)

    assert result.exit_code == 1
    assert "still there: 3" in result.stdout


@pytest.mark.usefixtures("consumer")
def test_load_reports_an_order_that_never_arrives_as_missing(shop: OperatedStack) -> None:
    """HubSpot rejects the deals, so their messages become dead letters."""
    shop.portal.faults.add(InjectedFault("status", status=400, path="deals/batch/create"))

    result = shop.run("load", "--json", "--orders", "2", "--rate", "1000", "--within", "1")

    loaded = json.loads(result.stdout)
    assert (result.exit_code, loaded["arrived"], loaded["missing"]) == (1, 0, 2)
    assert loaded["latency"]["p50_s"] is None


@pytest.mark.usefixtures("consumer")
def test_load_counts_refused_deliveries_by_status(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("woohub_cli.deliveries.sending.signing_secret", lambda _stack: "forged")

    result = shop.run("load", "--json", "--orders", "2", "--rate", "1000", "--within", "1")

    loaded = json.loads(result.stdout)
    assert (result.exit_code, loaded["refused"], loaded["missing"]) == (1, {"401": 4}, 2)


def test_load_reports_deals_with_wrong_values_as_differing(shop: OperatedStack, consumer: StackConsumer) -> None:
    def change_amounts(_seconds: float) -> None:
        consumer.process_queue()
        for row in shop.portal.objects.records["0-3"].values():
            row.properties["amount"] = "1.00"

    create = load.tester
    tester = replace(create(shop.stack.stack, {}), pause=change_amounts)

    loaded = tester.test(Run.begin(2, STARTED_S), 1000.0, 30.0)

    assert [mismatch.kind.value for mismatch in loaded.mismatches] == ["differing", "differing"]
    assert loaded.failed


@pytest.mark.usefixtures("consumer")
def test_load_sends_nothing_while_the_breaker_is_open(shop: OperatedStack) -> None:
    shop.stack.breaker(State("open", "auth", "HubSpot refuses the token"))

    result = shop.run("load")

    assert result.exit_code == 1
    assert "breaker is open" in result.stderr
    assert shop.outcomes() == []


@pytest.mark.usefixtures("consumer")
def test_load_sends_nothing_to_a_portal_without_setup(shop: OperatedStack) -> None:
    shop.portal.reset()

    result = shop.run("load", "--orders", "1")

    assert (result.exit_code, "woohub setup" in result.stderr) == (1, True)
    assert shop.outcomes() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--orders", "30", "--rate", "3"], "30 orders of 20 customers"), (["--remove", "1795473600-30"], "30 deals")],
    ids=["place", "remove"],
)
def test_load_dry_run_prints_its_plan_and_sends_nothing(shop: OperatedStack, arguments: list[str], words: str) -> None:
    result = shop.run("load", "--dry-run", *arguments)

    assert (result.exit_code, words in result.stdout) == (0, True)
    assert shop.outcomes() == []
    assert sum(shop.portal.calls.values()) == 0


@pytest.mark.parametrize("arguments", [["--remove", "1795473600-3", "--clean"], ["--orders", "0"], ["--rate", "0"]])
def test_load_rejects_invalid_options_with_exit_code_2(shop: OperatedStack, arguments: list[str]) -> None:
    assert shop.run("load", *arguments).exit_code == 2


def test_load_sends_nothing_to_the_real_hubspot_without_confirmation(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "REAL_HUBSPOT", shop.stack.outputs["HubSpotApiUrl"])

    result = shop.run("load", "--orders", "1")

    assert result.exit_code in (1, 2)
    assert shop.outcomes() == []


def test_drained_waits_until_the_queue_stays_empty() -> None:
    clock, depths = Clock(), iter([3, 0, 1, 0, 0, 0])

    assert drained(lambda: next(depths), 60, clock=clock.read, pause=clock.sleep)
    assert next(depths) == 0


def test_drained_gives_up_on_a_queue_that_never_empties() -> None:
    clock = Clock()

    assert not drained(lambda: 1, 60, clock=clock.read, pause=clock.sleep)
