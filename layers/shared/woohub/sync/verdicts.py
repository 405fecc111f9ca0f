"""Decide the outcome of each message of a batch, from the results of the records that it concerns."""

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
    """The results of a batch: those of records, and those of summaries by the id of the record that shows them."""

    kinds: Kinds
    results: Results
    summaries: Mapping[Summary, Mapping[str, RecordResult]]


def outcomes(batch: Batch, written: Written, warn: Warn) -> list[Outcome]:
    """Return one outcome for each message of the batch. A record that was written without another one is logged."""
    return batch.outcomes + [outcome_of(concern, written, warn) for concern in batch.concerns]


def outcome_of(concern: Concern, written: Written, warn: Warn) -> Outcome:
    """Return the outcome of a message: the worst result of its last records and their summaries.

    The last records are those that none of the message's other records needs, such as its deal.
    """
    last = [written.results[ref] for ref in _last_refs(concern.refs, written.kinds)]
    final = _worst([*last, *_summaries_to_retry(concern, written, warn)])
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


def _last_refs(refs: Sequence[Ref], kinds: Kinds) -> list[Ref]:
    types = {ref.type for ref in refs}
    needed = {object_type for kind in kinds.records if kind.type in types for object_type in kind.needs}
    return [ref for ref in refs if ref.type not in needed]


def _summaries_to_retry(concern: Concern, written: Written, warn: Warn) -> list[RecordResult]:
    """Return the results of failed summaries that a retry may write.

    A summary that HubSpot rejects is only logged: the message's records are written, so it is not rejected.
    """
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
    """Yield the warnings about records that were written although one that they need failed."""
    types = {ref.type for ref in refs}
    for kind in written.kinds.records:
        needed = [written.results[ref] for ref in refs if ref.type in kind.needs and kind.type in types]
        yield from filter(None, (kind.goes_without(result) for result in needed if result.error))


def _record_ids(refs: Sequence[Ref], written: Written) -> dict[str, str]:
    ids = {f"{kind.type.singular}_id": "" for kind in written.kinds.records}
    return ids | {f"{ref.type.singular}_id": written.results[ref].record_id for ref in refs}


def _worst(results: Sequence[RecordResult]) -> RecordResult:
    """Return a result that needs a retry, or else a rejected one, or else one that was written."""
    return min(results, key=lambda result: (not isinstance(result.error, TransientError), result.error is None))


def _verdict(result: RecordResult) -> Verdict:
    if result.error is None:
        return Verdict.DONE
    return Verdict.REJECTED if isinstance(result.error, HubSpotRejected) else Verdict.RETRY
