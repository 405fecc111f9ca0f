"""Create and update records in batch calls: each input has a trace id, by which the answer is matched to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from woohub.errors import HubSpotProblem
from woohub.hubspot.answers import BatchAnswer
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import ObjectType
from woohub.sync.record_set import Answer, Write


def create_records(hubspot: HubSpot, kind: ObjectType, writes: Sequence[Write]) -> dict[str, Answer]:
    """Make at most 100 records with their associations; answers by `Write.key`. Raises as HubSpot's client."""
    inputs = traced(writes, partial(inline_associations, kind))
    return answers_by_key(writes, hubspot.create(kind, inputs), kind.key)


def update_records(hubspot: HubSpot, kind: ObjectType, writes: Sequence[Write]) -> dict[str, Answer]:
    """Write the properties of at most 100 records, by id; no call for none. As create_records otherwise."""
    if not writes:
        return {}
    inputs = traced(writes, lambda write: {"id": write.record_id})
    return answers_by_key(writes, hubspot.update(kind, inputs), kind.key)


def inline_associations(kind: ObjectType, write: Write) -> dict[str, object]:
    """What the input of a create says of the record's associations."""
    links = write.change.associate
    return {
        "associations": [{"to": {"id": link.record_id}, "types": [kind.association_to(link.type)]} for link in links]
    }


def traced(writes: Sequence[Write], extra: Callable[[Write], Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The inputs of a batch call, each with its own trace id: then HubSpot answers 207 and names the one at fault."""
    return [
        {"objectWriteTraceId": f"write-{number}", "properties": dict(write.change.properties), **extra(write)}
        for number, write in enumerate(writes)
    ]


def answers_by_key(writes: Sequence[Write], answer: BatchAnswer, key_property: str) -> dict[str, Answer]:
    """Match an answer to its inputs: by trace id, record id or unique value, never by position.

    HubSpot's results come in any order and with lower-cased e-mail addresses.
    """
    by_trace = {f"write-{number}": write.key for number, write in enumerate(writes)}
    by_id = {write.record_id: write.key for write in writes if write.record_id}
    by_value = {key.lower(): write.key for write in writes if not write.record_id for key in write.keys}
    answers: dict[str, Answer] = {}
    unnamed: list[HubSpotProblem] = []
    for failure in answer.failures:
        named = [by_trace[trace] for trace in failure.trace_ids if trace in by_trace]
        named += [by_id[record_id] for record_id in failure.ids if record_id in by_id]
        answers |= dict.fromkeys(named, failure.problem)
        if not named:
            unnamed.append(failure.problem)
    for record in answer.records:
        key = by_trace.get(record.trace_id) or by_id.get(record.id)
        key = key or by_value.get((record.properties.get(key_property) or "").lower())
        if key:
            answers[key] = record.id
    return answers | _only_one_left(writes, answers, unnamed)


def _only_one_left(
    writes: Sequence[Write], answers: Mapping[str, Answer], unnamed: Sequence[HubSpotProblem]
) -> dict[str, Answer]:
    """A failure that names no input can only mean the one input without an answer, if there is just one."""
    unanswered = [write.key for write in writes if write.key not in answers]
    return {unanswered[0]: unnamed[0]} if unnamed and len(unanswered) == 1 else {}
