"""The conclusions of `woohub why`, which name the record of an order: a deal, or a HubSpot order."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.support.orders import order
from tests.support.targets import INSTEAD, mapping_with
from woohub.consumer.breaker import State
from woohub.hubspot.answers import Record
from woohub.mapping.fields import load_mapping
from woohub.store.rows import StoreRow
from woohub.sync.versions import NO_DATE
from woohub_cli.dlq.dead_letters import DeadLetter
from woohub_cli.orders.order_conclusions import RULES, conclude
from woohub_cli.orders.order_diagnosis import Address, InHubSpot, InStore, OrderDiagnosis
from woohub_cli.orders.order_lookup import Lookup
from woohub_cli.orders.order_names import OrderName
from woohub_cli.orders.store_deliveries import order_event
from woohub_cli.stack.stack_status import Depth, Status
from woohub_cli.stack.traces import Trace, Traces
from woohub_cli.targets import Target
from woohub_cli.verify.comparison import MERGE, NEWER_VERSION, Mismatch, MismatchKind

RECEIVED_MS = 1_795_473_600_000
TARGETS = {"deal": Target.of(load_mapping()), "HubSpot order": Target.of(mapping_with(INSTEAD))}
EMPTY = Depth(0, 0, 0)
LETTER = DeadLetter("3f2a", "receipt", "{}", {"entity": "order:1234"}, 1, RECEIVED_MS, None)
QUEUED = Trace(RECEIVED_MS, "ingest", {"message": "queued", "message_id": "m"})
ERASED = {"email": "deleted@site.invalid", "first_name": "[deleted]", "last_name": "[deleted]"}
ANA = Record("7", {"email": "ana@shop.example", "firstname": "Ana"})


def in_store(**changes: Any) -> InStore:
    fields = order(1234, **changes)
    row = StoreRow(json.dumps(fields).encode(), fields)
    return InStore(row, order_event(row, RECEIVED_MS))


def of_status(status: str) -> Record:
    version = "2026-11-23T22:40:00|1795473600000|"
    return Record("9", {"woocommerce_order_status": status, "woocommerce_order_version": version})


def cases(target: Target) -> Mapping[str, OrderDiagnosis]:
    """At least one diagnosis for each conclusion."""
    hubspot = InHubSpot(target, deals=(of_status("processing"),))
    stack = Status("shop", EMPTY, EMPTY, State(), consumer_enabled=True)
    known = Lookup(name=OrderName(1234), tried=("its id",))
    in_sync = OrderDiagnosis("1234", known, in_store(), hubspot, stack, (), Traces(lines=(QUEUED,)))

    def wrong(kind: MismatchKind, **more: Any) -> OrderDiagnosis:
        mismatch = Mismatch.of_order(kind, 1234, target, "9", **more)
        return replace(in_sync, hubspot=replace(hubspot, mismatches=(mismatch,)), traces=Traces())

    missing, gone = wrong(MismatchKind.MISSING), replace(in_sync, store=InStore())
    newer = NEWER_VERSION.format(version="2999-01-01T00:00:00|1|", record=target.record)
    trashed, erased = in_store(status="trash"), in_store(billing=ERASED)
    duplicate = wrong(MismatchKind.DUPLICATE, fix=MERGE)
    return {
        "store unavailable": replace(in_sync, store=InStore(missing="it timed out"), letters=(LETTER,)),
        "breaker open": replace(missing, stack=replace(stack, breaker=State("open", "auth", "no token"))),
        "HubSpot unavailable": replace(in_sync, hubspot=InHubSpot(target, missing="it timed out")),
        "unknown": replace(gone, hubspot=InHubSpot(target)),
        "unknown, rejected": replace(gone, hubspot=InHubSpot(target), letters=(LETTER,)),
        "deleted": gone,
        "deleted, in the lost stage": replace(gone, hubspot=replace(hubspot, deals=(of_status("trash"),))),
        "cart": replace(in_sync, store=replace(in_store(), event=None)),
        "unreadable": replace(in_sync, store=replace(in_store(), event=None, unreadable="total: no number")),
        "trashed before HubSpot had it": replace(in_sync, store=trashed, hubspot=InHubSpot(target)),
        "in sync": in_sync,
        "in sync, without a contact": replace(in_sync, hubspot=replace(hubspot, address=Address.NONE)),
        "trashed": replace(in_sync, store=trashed),
        "anonymised": replace(in_sync, store=erased),
        "anonymised, contact still named": replace(in_sync, store=erased, hubspot=replace(hubspot, contact=ANA)),
        "erased": replace(in_sync, store=replace(erased, erased_at_ms=RECEIVED_MS)),
        "rejected": replace(missing, letters=(LETTER,)),
        "consumer disabled": replace(missing, stack=replace(stack, consumer_enabled=False)),
        "stale": wrong(MismatchKind.DIFFERING, fix=newer),
        "queued": replace(missing, traces=Traces(lines=(QUEUED,))),
        "edited": wrong(MismatchKind.DIFFERING),
        "contact removed": wrong(MismatchKind.UNASSOCIATED, attach="7"),
        "duplicate": replace(duplicate, hubspot=replace(duplicate.hubspot, deals=(*hubspot.deals, of_status("trash")))),
        "undelivered": missing,
        "refused": replace(missing, traces=Traces(refused=2)),
        "passed by reconcile": replace(missing, reconciled_until="2026-11-24T00:00:00"),
        "unexplained": replace(missing, traces=Traces(missing="no permission")),
    }


def rule_of(diagnosis: OrderDiagnosis) -> int:
    return next(number for number, (fits, _) in enumerate(RULES) if fits(diagnosis))


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_every_rule_has_a_case(target: Target) -> None:
    assert {rule_of(diagnosis) for diagnosis in cases(target).values()} == set(range(len(RULES)))


@pytest.mark.parametrize("name", cases(TARGETS["deal"]))
def test_no_conclusion_mentions_deals_if_the_mapping_writes_only_orders(name: str) -> None:
    conclusion = conclude(cases(TARGETS["HubSpot order"])[name])

    assert not re.search(r"\bdeals?\b", f"{conclusion.text} {conclusion.next_step}")


@pytest.mark.parametrize(("record", "words"), [("deal", "2 deals of it"), ("HubSpot order", "2 orders of it")])
def test_duplicates_are_counted_as_deals_or_orders_according_to_the_mapping(record: str, words: str) -> None:
    assert f"HubSpot has {words}" in conclude(cases(TARGETS[record])["duplicate"]).text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unknown, rejected", "it would make a {record} of an order"),
        ("deleted", "its {record} still exists"),
        ("deleted, in the lost stage", "its {record} is in the lost stage"),
        ("cart", "it becomes a {record} when"),
        ("trashed", "its {record} is in the lost stage"),
        ("anonymised", "the {record} keeps amount"),
        ("erased", "the {record} keeps amount"),
        ("stale", "woocommerce_order_version of the {record}"),
        ("contact removed", "The {record} was associated"),
        ("unexplained", "{record} missing"),
    ],
)
@pytest.mark.parametrize("record", TARGETS)
def test_conclusions_name_the_record_type_of_the_mapping(name: str, words: str, record: str) -> None:
    conclusion = conclude(cases(TARGETS[record])[name])

    assert words.format(record=record) in f"{conclusion.text} {conclusion.next_step}"


@pytest.mark.parametrize(
    ("date", "state_of"), [("2026-11-23T22:40:00", "2026-11-23T22:40:00Z"), (NO_DATE, None)], ids=["date", "no date"]
)
def test_the_state_of_a_deal_is_none_if_its_version_has_no_date(date: str, state_of: str | None) -> None:
    deal = Record("9", {"woocommerce_order_version": f"{date}|{RECEIVED_MS}|"})

    assert InHubSpot(TARGETS["deal"], deals=(deal,)).state_of == state_of
