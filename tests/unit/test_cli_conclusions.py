"""The conclusions of `woohub why` call what HubSpot has of an order by its name: a deal, or a HubSpot order."""

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
    """One for each conclusion that there is."""
    hubspot, made = InHubSpot(target, deals=(of_status("processing"),)), MismatchKind
    stack = Status("shop", EMPTY, EMPTY, State(), consumer_enabled=True)
    known = Lookup(name=OrderName(1234), tried=("its id",))
    fine = OrderDiagnosis("1234", known, in_store(), hubspot, stack, (), Traces(lines=(QUEUED,)))

    def wrong(kind: MismatchKind, **more: Any) -> OrderDiagnosis:
        mismatch = Mismatch.of_order(kind, 1234, target, "9", **more)
        return replace(fine, hubspot=replace(hubspot, mismatches=(mismatch,)), traces=Traces())

    missing, gone = wrong(made.MISSING), replace(fine, store=InStore())
    newer = NEWER_VERSION.format(version="2999-01-01T00:00:00|1|", record=target.record)
    trashed, erased = in_store(status="trash"), in_store(billing=ERASED)
    return {
        "store unread": replace(fine, store=InStore(missing="it timed out"), letters=(LETTER,)),
        "breaker open": replace(missing, stack=replace(stack, breaker=State("open", "auth", "no token"))),
        "HubSpot unread": replace(fine, hubspot=InHubSpot(target, missing="it timed out")),
        "unknown": replace(gone, hubspot=InHubSpot(target)),
        "unknown, rejected": replace(gone, hubspot=InHubSpot(target), letters=(LETTER,)),
        "deleted": gone,
        "deleted, in the lost stage": replace(gone, hubspot=replace(hubspot, deals=(of_status("trash"),))),
        "a cart": replace(fine, store=replace(in_store(), event=None)),
        "unreadable": replace(fine, store=replace(in_store(), event=None, unreadable="total: no number")),
        "trashed before HubSpot had it": replace(fine, store=trashed, hubspot=InHubSpot(target)),
        "fine": fine,
        "fine, without a contact": replace(fine, hubspot=replace(hubspot, address=Address.NONE)),
        "trashed": replace(fine, store=trashed),
        "anonymised": replace(fine, store=erased),
        "anonymised, and named": replace(fine, store=erased, hubspot=replace(hubspot, contact=ANA)),
        "erased": replace(fine, store=replace(erased, erased_at_ms=RECEIVED_MS)),
        "rejected": replace(missing, letters=(LETTER,)),
        "consumer disabled": replace(missing, stack=replace(stack, consumer_enabled=False)),
        "stale": wrong(made.DIFFERING, fix=newer),
        "on its way": replace(missing, traces=Traces(lines=(QUEUED,))),
        "edited": wrong(made.DIFFERING),
        "contact removed": wrong(made.UNASSOCIATED, attach="7"),
        "twice": wrong(made.DUPLICATE, fix=MERGE),
        "undelivered": missing,
        "refused": replace(missing, traces=Traces(refused=2)),
        "passed by reconcile": replace(missing, reconciled_until="2026-11-24T00:00:00"),
        "unexplained": replace(missing, traces=Traces(missing="no permission")),
    }


def rule_of(diagnosis: OrderDiagnosis) -> int:
    return next(number for number, (fits, _) in enumerate(RULES) if fits(diagnosis))


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_every_rule_has_a_case_here(target: Target) -> None:
    assert {rule_of(diagnosis) for diagnosis in cases(target).values()} == set(range(len(RULES)))


@pytest.mark.parametrize("name", cases(TARGETS["deal"]))
def test_where_only_orders_are_made_in_hubspot_no_conclusion_says_deal(name: str) -> None:
    conclusion = conclude(cases(TARGETS["HubSpot order"])[name])

    assert not re.search(r"\bdeals?\b", f"{conclusion.text} {conclusion.next_step}")


@pytest.mark.parametrize(("record", "words"), [("deal", "1 deals of it"), ("HubSpot order", "1 orders of it")])
def test_two_records_of_an_order_are_counted_in_hubspots_own_word(record: str, words: str) -> None:
    assert f"HubSpot has {words}" in conclude(cases(TARGETS[record])["twice"]).text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unknown, rejected", "it would make a {record} of an order"),
        ("deleted", "its {record} still exists"),
        ("deleted, in the lost stage", "its {record} is in the lost stage"),
        ("a cart", "it becomes a {record} when"),
        ("trashed", "its {record} is in the lost stage"),
        ("anonymised", "the {record} keeps amount"),
        ("erased", "the {record} keeps amount"),
        ("stale", "woocommerce_order_version of the {record}"),
        ("contact removed", "The {record} was associated"),
        ("unexplained", "{record} missing"),
    ],
)
@pytest.mark.parametrize("record", TARGETS)
def test_conclusions_name_the_record_that_the_mapping_makes(name: str, words: str, record: str) -> None:
    conclusion = conclude(cases(TARGETS[record])[name])

    assert words.format(record=record) in f"{conclusion.text} {conclusion.next_step}"


@pytest.mark.parametrize(
    ("date", "state_of"), [("2026-11-23T22:40:00", "2026-11-23T22:40:00Z"), (NO_DATE, None)], ids=["a date", "no date"]
)
def test_a_state_without_a_date_of_the_store_is_shown_without_one(date: str, state_of: str | None) -> None:
    deal = Record("9", {"woocommerce_order_version": f"{date}|{RECEIVED_MS}|"})

    assert InHubSpot(TARGETS["deal"], deals=(deal,)).state_of == state_of
