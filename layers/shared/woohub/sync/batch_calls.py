"""Create and update records in batch calls. Each input has a trace id, by which answers are matched to inputs."""

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
    """Create at most 100 records with their associations. Return the answers by `Write.key`.

    Raises the errors of HubSpot's client.
    """
    inputs = traced(writes, partial(inline_associations, kind))
    return answers_by_key(writes, hubspot.create(kind, inputs), kind.key)


def update_records(hubspot: HubSpot, kind: ObjectType, writes: Sequence[Write]) -> dict[str, Answer]:
    """Write the properties of at most 100 records, by id. Without records there is no call.

    Return the answers by `Write.key`. Raises the errors of HubSpot's client.
    """
    if not writes:
        return {}
    inputs = traced(writes, lambda write: {"id": write.record_id})
    return answers_by_key(writes, hubspot.update(kind, inputs), kind.key)


def inline_associations(kind: ObjectType, write: Write) -> dict[str, object]:
    """Return the associations of a new record, as the input of a create names them."""
    links = write.change.associate
    return {
        "associations": [{"to": {"id": link.record_id}, "types": [kind.association_to(link.type)]} for link in links]
    }


def traced(writes: Sequence[Write], extra: Callable[[Write], Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the inputs of a batch call, each with its own trace id.

    With trace ids, HubSpot writes the good inputs, answers 207, and names each input that it rejects.
    """
    return [
        {"objectWriteTraceId": f"write-{number}", "properties": dict(write.change.properties), **extra(write)}
        for number, write in enumerate(writes)
    ]


def answers_by_key(writes: Sequence[Write], answer: BatchAnswer, key_property: str) -> dict[str, Answer]:
    """Match an answer to its inputs by trace id, record id or unique value. Return the answers by `Write.key`.

    HubSpot returns results in any order, and e-mail addresses in lower case. An input without an answer is left out.
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
    return answers | _match_unnamed(writes, answers, unnamed)


def _match_unnamed(
    writes: Sequence[Write], answers: Mapping[str, Answer], unnamed: Sequence[HubSpotProblem]
) -> dict[str, Answer]:
    """Match a failure that names no input to the input without an answer, if there is exactly one such input."""
    unanswered = [write.key for write in writes if write.key not in answers]
    return {unanswered[0]: unnamed[0]} if unnamed and len(unanswered) == 1 else {}
