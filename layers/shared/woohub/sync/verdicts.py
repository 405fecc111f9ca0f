"""What becomes of each message of a batch, by how the records it concerns ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from woohub.errors import REJECTIONS, HubSpotRejected, TransientError
from woohub.hubspot.properties import Warn
from woohub.sync.grouping import Batch, Concern
from woohub.sync.outcome import Outcome, Verdict
from woohub.sync.records import Kinds, RecordResult, Ref, Results, Summary
from woohub.sync.summaries import failures

SUMMARY_REFUSED = "summary_refused_by_hubspot"


@dataclass(frozen=True)
class Written:
    """How everything ended that a batch concerns: records, and summaries by the id of the record that shows them."""

    kinds: Kinds
    results: Results
    summaries: Mapping[Summary, Mapping[str, RecordResult]]


def outcomes(batch: Batch, written: Written, warn: Warn) -> list[Outcome]:
    """One outcome for each message of the batch; what a message was written without is logged."""
    return batch.outcomes + [outcome_of(concern, written, warn) for concern in batch.concerns]


def outcome_of(concern: Concern, written: Written, warn: Warn) -> Outcome:
    """A message ends as the records that no other of its records needs, and the summaries it concerns."""
    last = [written.results[ref] for ref in _last(concern.refs, written.kinds)]
    final = _worst([*last, *_waiting_summaries(concern, written, warn)])
    for name in dict.fromkeys(_written_without(concern.refs, written)):
        warn(name, **concern.message.names)
    return Outcome(
        concern.message,
        _verdict(final),
        final.error,
        final.attempts,
        concern.note,
        broken_call=final.broken_call,
        record_ids=_record_ids(concern.refs, written),
    )


def _last(refs: Sequence[Ref], kinds: Kinds) -> list[Ref]:
    types = {ref.type for ref in refs}
    needed = {object_type for kind in kinds.records if kind.type in types for object_type in kind.needs}
    return [ref for ref in refs if ref.type not in needed]


def _waiting_summaries(concern: Concern, written: Written, warn: Warn) -> list[RecordResult]:
    """Those to be tried again. One that HubSpot refuses is no reason to reject the message: its records are written."""
    failed = [
        result
        for summary, results in written.summaries.items()
        for result in failures(summary, concern.refs, written.results, results)
    ]
    refused = [result.error.problem for result in failed if isinstance(result.error, REJECTIONS)]
    for problem in refused[:1]:
        warn(SUMMARY_REFUSED, entity=concern.message.entity, property=", ".join(problem.properties))
    return [result for result in failed if not isinstance(result.error, REJECTIONS)]


def _written_without(refs: Sequence[Ref], written: Written) -> Iterator[str]:
    """The warnings of records that were written although one they need failed."""
    types = {ref.type for ref in refs}
    for kind in written.kinds.records:
        needed = [written.results[ref] for ref in refs if ref.type in kind.needs and kind.type in types]
        yield from filter(None, (kind.goes_without(result) for result in needed if result.error))


def _record_ids(refs: Sequence[Ref], written: Written) -> dict[str, str]:
    ids = {f"{kind.type.singular}_id": "" for kind in written.kinds.records}
    return ids | {f"{ref.type.singular}_id": written.results[ref].record_id for ref in refs}


def _worst(results: Sequence[RecordResult]) -> RecordResult:
    """What has to be tried again counts before what was rejected, and that before what was written."""
    return min(results, key=lambda result: (not isinstance(result.error, TransientError), result.error is None))


def _verdict(result: RecordResult) -> Verdict:
    if result.error is None:
        return Verdict.DONE
    return Verdict.REJECTED if isinstance(result.error, HubSpotRejected) else Verdict.RETRY
