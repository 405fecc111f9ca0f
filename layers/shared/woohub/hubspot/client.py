"""The client of HubSpot's CRM API: read, create, update, associate, search …, in any version of the API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from woohub.errors import HubSpotRejected, HubSpotUnavailable, UnknownOutcome
from woohub.hubspot import answers
from woohub.hubspot.answers import BatchAnswer, Record
from woohub.hubspot.call_stats import CallStats
from woohub.hubspot.objects import ObjectType
from woohub.hubspot.paths import Paths, paths
from woohub.hubspot.rate_limit import SEARCHES_PER_SECOND, Budget
from woohub.hubspot.retries import Caller
from woohub.json_values import whole_number

BATCH = 100  # HubSpot: records in one batch call
MAX_ASSOCIATION_READS = 1000  # HubSpot: records in one batch read of associations
MAX_SEARCH_BODY_CHARS = 3000  # HubSpot answers a longer search body with 400
SEARCH_PAGE_RECORDS = 200  # HubSpot: records in one page of a search
CURSOR_CHARS = 40  # kept for the paging cursor in a search body

T = TypeVar("T")


@dataclass
class HubSpot:
    """The client. `caller` makes its calls, with retries.

    Each method raises HubSpotRejected, HubSpotUnavailable, DeadlineExceeded or a Suspended. A write also raises
    UnknownOutcome: then read the records again by their unique keys to see whether it happened. `stats` counts how
    batch calls ended since the client was made.
    """

    caller: Caller
    version: str = "2026-09"
    paths: Paths = field(init=False)
    searches: Budget = field(init=False)
    stats: CallStats = field(init=False, default_factory=CallStats)

    def __post_init__(self) -> None:
        self.paths = paths(self.version)
        self.searches = Budget(SEARCHES_PER_SECOND, 1.0, self.caller.timer)

    def read(
        self,
        object_type: ObjectType,
        ids: Sequence[str],
        properties: Sequence[str],
        *,
        id_property: str | None = None,
        retry: bool = True,
    ) -> list[Record]:
        """Read at most 100 records by id, or by a unique property. Records that HubSpot does not have are left out.

        HubSpot reads its database here, not the lagging search index. An e-mail address also matches a contact's
        additional addresses. `retry=False` is for callers that retry themselves, with fewer ids.
        """
        body: dict[str, Any] = {
            "inputs": [{"id": record_id} for record_id in ids],
            "properties": list(properties),
            "propertiesWithHistory": [],
        }
        if id_property:
            body["idProperty"] = id_property
        path = f"{self.paths.objects}/{object_type.name}/batch/read"
        answer = answers.batch(self._read_results(path, body, retry=retry))
        if answer.trouble:  # a record that is left out for this may be there
            raise HubSpotUnavailable(answer.trouble, call=path)
        unknown_id = ("OBJECT_NOT_FOUND", "")  # "": HubSpot says to "treat every field of the error as optional"
        rejected = [failure.problem for failure in answer.failures if failure.problem.category not in unknown_id]
        if rejected:
            raise HubSpotRejected(rejected[0])
        return list(answer.records)

    def create(self, object_type: ObjectType, inputs: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        """Create at most 100 records, each `{objectWriteTraceId, properties, associations}`."""
        return self._write_batch(f"{self.paths.objects}/{object_type.name}/batch/create", inputs)

    def update(self, object_type: ObjectType, inputs: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        """Update at most 100 records by id, each `{id, objectWriteTraceId, properties}`."""
        return self._write_batch(f"{self.paths.objects}/{object_type.name}/batch/update", inputs)

    def archive(self, object_type: ObjectType, ids: Sequence[str]) -> None:
        """Archive at most 100 records. One that is archived already stays archived."""
        path = f"{self.paths.objects}/{object_type.name}/batch/archive"
        with self.stats.counting(path):
            self.caller.write(path, {"inputs": [{"id": record_id} for record_id in ids]})

    def erase(self, object_type: ObjectType, record_id: str) -> None:
        """Delete a record for good, as the GDPR demands. Raises HubSpotRejected (404) if HubSpot has none with this id.

        The record is never named by its address: HubSpot would block an address that it does not know for ever.
        """
        self.caller.write(f"{self.paths.objects}/{object_type.name}/gdpr-delete", {"objectId": record_id})

    def associate(self, start: ObjectType, end: ObjectType, pairs: Iterable[tuple[str, str]]) -> None:
        """Associate pairs of records, `(id of start, id of end)`. A pair that is associated already stays so."""
        types = [start.association_to(end)]
        self._associations(
            start,
            end,
            "create",
            [{"from": {"id": record}, "to": {"id": other}, "types": types} for record, other in pairs],
        )

    def disassociate(self, start: ObjectType, end: ObjectType, pairs: Iterable[tuple[str, str]]) -> None:
        """Remove the associations of pairs of records, `(id of start, id of end)`."""
        inputs = [{"from": {"id": record}, "to": [{"id": other}]} for record, other in pairs]
        self._associations(start, end, "archive", inputs)

    def associated(
        self, start: ObjectType, end: ObjectType, ids: Sequence[str], *, retry: bool = True
    ) -> dict[str, set[str]]:
        """Return the ids of the records associated with each of `ids`, by id; without ids that have no associations.

        `retry` is explained at `read`.
        """
        ends: dict[str, set[str]] = {}
        path = f"{self._association_path(start, end)}/read"
        inputs: list[dict[str, str]] = [{"id": record_id} for record_id in ids]
        while inputs:
            chunk, inputs = inputs[:MAX_ASSOCIATION_READS], inputs[MAX_ASSOCIATION_READS:]
            answer = self._read_results(path, {"inputs": chunk}, retry=retry)
            for row in answers.rows(answer, "results"):
                record_id, some = answers.ends(row, path)
                ends.setdefault(record_id, set()).update(some)
                if after := answers.next_page(row):  # the record has more associations than one answer shows
                    inputs.append({"id": record_id, "after": after})
        return ends

    def _association_path(self, start: ObjectType, end: ObjectType) -> str:
        return f"{self.paths.associations}/{start.name}/{end.name}/batch"

    def search(self, object_type: ObjectType, name: str, values: Sequence[str], *, retry: bool = True) -> list[Record]:
        """Find records whose property `name` is one of `values`, among those that HubSpot has indexed so far.

        If HubSpot counts more records than it shows, the search is repeated once; a record may then be there twice.
        """
        records: list[Record] = []
        for chunk in _chunks_that_fit(name, [value.lower() for value in values]):
            some, total = self._search_pages(object_type, name, chunk, retry=retry)
            if len(some) < total:
                some += self._search_pages(object_type, name, chunk, retry=retry)[0]
            records += some
        return records

    def _search_pages(
        self, object_type: ObjectType, name: str, values: Sequence[str], *, retry: bool
    ) -> tuple[list[Record], int]:
        """Return the records of all pages, and how many records HubSpot says there are."""
        records, total = list[Record](), 0
        after: str | None = "0"
        while after is not None:
            body = _search_body(name, values) | {"after": after}
            path = f"{self.paths.objects}/{object_type.name}/search"
            answer = self._read_results(path, body, self.searches, retry=retry)
            records += answers.records(answer)
            after, total = answers.next_page(answer), whole_number(answer.get("total")) or 0
        return records, total

    def property_definitions(self, object_type: ObjectType, *, retry: bool = True) -> list[dict[str, Any]]:
        """Return all properties of an object, each with name, type, options, hasUniqueValue … in HubSpot's form."""
        path = f"{self.paths.properties}/{object_type.name}"
        rows = answers.rows(answers.with_results(self.caller.read("GET", path, retry=retry), path), "results")
        return [row for row in rows if isinstance(row.get("name"), str)]

    def probe(self) -> None:
        """Make one cheap read that needs a valid token, without retries. Raises the errors of any other call."""
        self.caller.read("GET", f"{self.paths.objects}/contacts?limit=1", retry=False)

    def get(self, path: str) -> dict[str, Any]:
        """Read any path, for set-up and diagnosis."""

        return self.caller.read("GET", path)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create something other than a record, for set-up. The call is not retried."""
        return self.caller.write(path, body)

    def _read_results(
        self, path: str, body: Mapping[str, Any], budget: Budget | None = None, *, retry: bool
    ) -> dict[str, Any]:
        with self.stats.counting(path):
            return answers.with_results(self.caller.read("POST", path, body, budget, retry=retry), path)

    def _associations(
        self, start: ObjectType, end: ObjectType, action: str, inputs: Sequence[Mapping[str, Any]]
    ) -> None:
        path = f"{self._association_path(start, end)}/{action}"
        for chunk in chunks(inputs, BATCH):
            with self.stats.counting(path):
                answer = self.caller.write(path, {"inputs": list(chunk)})
                outcome = answers.batch(answer)
                if outcome.failures:
                    raise HubSpotRejected(outcome.failures[0].problem)
                is_done = action != "create" or answers.is_complete(answer)  # the answer to "archive" has no body
                if outcome.trouble or not is_done:
                    raise UnknownOutcome(outcome.trouble or answers.EMPTY_RESPONSE, call=path)

    def _write_batch(self, path: str, inputs: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        """Write a batch. Raises UnknownOutcome if the answer names no record, neither written nor rejected."""
        with self.stats.counting(path):
            answer = answers.batch(self.caller.write(path, {"inputs": list(inputs)}))
            if not answer.records and not answer.failures:
                raise UnknownOutcome(answer.trouble or answers.EMPTY_RESPONSE, call=path)
        return answer


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Split the items, in order, into pieces of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _search_body(name: str, values: Sequence[str]) -> dict[str, Any]:
    condition = {"propertyName": name, "operator": "IN", "values": list(values)}
    return {"filterGroups": [{"filters": [condition]}], "properties": [name], "sorts": [], "limit": SEARCH_PAGE_RECORDS}


def _chunks_that_fit(name: str, values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split the values so that each search body keeps HubSpot's limit."""
    room = MAX_SEARCH_BODY_CHARS - len(json.dumps(_search_body(name, []))) - CURSOR_CHARS
    start, used = 0, 0
    for end, value in enumerate(values):
        used += len(json.dumps(value)) + 2
        if used > room:
            yield values[start:end]
            start, used = end, len(json.dumps(value)) + 2
    if values[start:]:
        yield values[start:]
