"""Print the result of `woohub why` for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from woohub.counted import counted
from woohub.hubspot.answers import Record
from woohub.mapping.mapping_file import STATUS
from woohub.mapping.stages import Pipeline
from woohub_cli.dlq import dead_letters
from woohub_cli.orders.order_diagnosis import Conclusion, OrderDiagnosis
from woohub_cli.pipeline_names import stage_name
from woohub_cli.rendering import output
from woohub_cli.rendering.report_text import COLUMNS, rows_of
from woohub_cli.verify import line_items


def print_diagnosis(diagnosis: OrderDiagnosis, conclusion: Conclusion) -> None:
    """Print the facts, the log lines and the differences, and then the conclusion."""
    output.table(("", ""), list(_rows(diagnosis)))
    if diagnosis.traces.lines:
        output.say("\nLog:", style="bold")
        lines: list[Sequence[str | Text]] = [_log_row(trace.facts()) for trace in diagnosis.traces.lines]
        output.table(("When", "Where", "What", "Topic", "More"), lines)
    if diagnosis.hubspot.mismatches:
        output.say("\nDifferences:", style="bold")
        output.table(COLUMNS, rows_of(diagnosis.hubspot.mismatches))
    output.say()
    output.say(Text(conclusion.text, "green" if conclusion.fine else "bold"))
    if conclusion.next_step:
        output.say(Text(f"Next: {conclusion.next_step}", "yellow"))


def _rows(diagnosis: OrderDiagnosis) -> Iterator[tuple[str, str]]:
    if diagnosis.name.order_id:
        yield "Order", str(diagnosis.name).removeprefix("order ")
    if diagnosis.lookup.other:
        yield "Not this one", f"{diagnosis.lookup.other}: woohub why order:{diagnosis.lookup.other.order_id}"
    yield "Store", _store(diagnosis)
    yield "HubSpot", _deal(diagnosis)
    if diagnosis.hubspot.contact:
        contact = diagnosis.hubspot.contact
        yield "Contact", f"{contact.id}  {contact.properties.get('email') or ''}"
    if diagnosis.hubspot.items:
        yield "Line items", ", ".join(line_items.shown(item.properties) for item in diagnosis.hubspot.items)
    if diagnosis.hubspot.order and (orders := diagnosis.hubspot.target.table.orders):
        yield "HubSpot's order", _state(diagnosis.hubspot.order, orders.pipeline)
    if diagnosis.hubspot.metrics:
        yield "Metrics", ", ".join(f"{name} {text}" for name, text in diagnosis.hubspot.metrics.items())
    for letter in diagnosis.letters:
        yield "Dead letter", f"{letter.message_id[: dead_letters.SHOWN_ID_CHARACTERS]}  {letter.reason}"
    queue, breaker = diagnosis.stack.queue, diagnosis.stack.breaker
    yield "Queue", f"{counted(queue.total, 'message')}, of any order"
    yield "Breaker", f"open: {breaker.reason}" if breaker.is_open else "closed"
    if diagnosis.reconciled_until:
        yield "Reconciled", f"all changes until {diagnosis.reconciled_until}Z"
    if diagnosis.traces.missing:
        yield "Logs", f"could not be read: {diagnosis.traces.missing}"


def _store(diagnosis: OrderDiagnosis) -> str:
    row = diagnosis.store.row
    if row is None:
        return diagnosis.store.missing or "has no such order"
    return f"{row.status}, made {row.created_at}Z, changed {row.modified_at}Z"


def _deal(diagnosis: OrderDiagnosis) -> str:
    target = diagnosis.hubspot.target
    record = target.in_hubspot
    if not diagnosis.hubspot.deals:
        return diagnosis.hubspot.missing or f"has no {record}"
    deal, state_of = diagnosis.hubspot.deals[0], diagnosis.hubspot.state_of
    return f"{record} {_state(deal, target.table.pipeline)}" + (f", state of {state_of}" if state_of else "")


def _state(record: Record, pipeline: Pipeline) -> str:
    has = record.properties
    stage = stage_name(pipeline, has.get(pipeline.stage_property) or "none")
    return f"{record.id}  {has.get(STATUS) or 'no status'}, stage {stage}"


def _log_row(facts: dict[str, Any]) -> Sequence[str]:
    known = ("at", "where", "verdict", "topic", "message_id")
    more = ", ".join(f"{name} {value}" for name, value in facts.items() if name not in known)
    return (facts["at"], facts["where"], facts["verdict"], str(facts.get("topic", "")), more)
