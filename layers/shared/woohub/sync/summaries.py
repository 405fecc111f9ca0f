"""Write summaries, such as a contact's metrics, from the associated records that HubSpot has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from woohub.clock import Timer
from woohub.errors import HubSpotProblem, TransientError
from woohub.hubspot.answers import Record
from woohub.hubspot.client import HubSpot
from woohub.hubspot.properties import PropertyCatalog, PropertySchema
from woohub.sync.batch_calls import update_records
from woohub.sync.batch_writer import write_all
from woohub.sync.lookup import associated_records, read_by_id, read_twice
from woohub.sync.record_set import Answer, Reading, RoundPlan, Write
from woohub.sync.records import RecordResult, Ref, Results, Summary


@dataclass
class SummarySet:
    """A RecordSet of the records that show a summary; their keys are HubSpot's ids.

    `known` are the properties, by id, of the records that the batch has read or written already. `_associated` are the
    records that are summed up, by the id of the record that shows the summary.
    """

    summary: Summary
    known: Mapping[str, Mapping[str, str | None]]
    hubspot: HubSpot
    catalog: PropertyCatalog
    schema: PropertySchema
    _associated: dict[str, list[Record]] = field(default_factory=dict, init=False)

    def read(self, keys: Sequence[str], _holders: Mapping[str, str]) -> Reading:
        """Read the records themselves, and the associated records that their summaries are computed from."""
        records = {key: Record(key, self.known[key]) for key in keys if key in self.known}
        records |= self._read_unknown([key for key in keys if key not in records])
        self._read_associated(list({record.id for record in records.values()}))
        return Reading(records)

    def plan(self, keys: Sequence[str], reading: Reading) -> RoundPlan:
        """Plan one write for each record. One that HubSpot no longer has needs none; merged records are one."""
        plan = RoundPlan()
        by_record: dict[str, list[str]] = {}
        for key in keys:
            if key in reading.records:
                by_record.setdefault(reading.records[key].id, []).append(key)
        for record_id, together in by_record.items():
            record = reading.records[together[0]]
            change = self.summary.plan(record, self._associated[record_id], self.schema)
            self.catalog.warn_left_out(self.summary.type, change.left_out)
            if not change.is_empty:
                plan.writes.append(Write(tuple(together), change, record_id))
        written = {key for write in plan.writes for key in write.keys}
        plan.done = dict.fromkeys((key for key in keys if key not in written), "")
        return plan

    def send(self, writes: Sequence[Write]) -> dict[str, Answer]:
        return update_records(self.hubspot, self.summary.type, writes)

    def conflict(self, _problem: HubSpotProblem) -> str | None:
        """Return None: no property of a summary is unique."""
        return None

    def adapt(self, problem: HubSpotProblem, write: Write) -> bool:
        learned = self.catalog.learn(self.summary.type, problem, write.change.properties)
        self.schema = learned or self.schema
        return learned is not None

    def _read_unknown(self, ids: Sequence[str]) -> dict[str, Record]:
        """Read records that the batch has not read: former contacts of deals, and contacts of orders in the trash.

        For the id of a record that was merged into another one, HubSpot returns the other one. Such ids are read one by
        one, because an answer does not say which input a record belongs to.
        """
        read = partial(self.hubspot.read, self.summary.type, properties=self.summary.properties, retry=False)
        by_id = read_twice(partial(read_by_id, read), ids)
        merged = [record_id for record_id in ids if record_id not in by_id] if by_id.keys() - set(ids) else []
        alone = {record_id: record for record_id in merged for record in read_by_id(read, [record_id]).values()}
        return {record_id: record for record_id, record in by_id.items() if record_id in ids} | alone

    def _read_associated(self, ids: Sequence[str]) -> None:
        summary = self.summary
        self._associated |= associated_records(self.hubspot, summary.type, summary.of, ids, summary.properties_of)


def write_summary(
    summary: Summary, results: Results, hubspot: HubSpot, catalog: PropertyCatalog, timer: Timer
) -> dict[str, RecordResult]:
    """Write the summaries that these results concern. Return how each ended, by the id of the record that shows it."""
    ids = list(dict.fromkeys(summary.touched(results)))
    if not ids:
        return {}
    try:
        schema = catalog.schema(summary.type)
    except TransientError as error:
        return dict.fromkeys(ids, RecordResult(error=error))
    records = SummarySet(summary, dict(_known(summary, results)), hubspot, catalog, schema)
    return write_all(records, ids, timer, hubspot.caller.concurrency)


def _known(summary: Summary, results: Results) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    for ref, result in results.items():
        if ref.type == summary.type and result.record_id:
            yield result.record_id, result.properties


def failures(
    summary: Summary, refs: Sequence[Ref], results: Results, written: Mapping[str, RecordResult]
) -> list[RecordResult]:
    """Return the results of those summaries of these records that could not be written."""
    ids = summary.touched({ref: results[ref] for ref in refs})
    return [written[record_id] for record_id in ids if record_id in written and written[record_id].error]
