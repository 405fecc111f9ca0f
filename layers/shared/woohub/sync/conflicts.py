"""Resolve conflicts (409): HubSpot refuses a key because another record has it.

That record was created a moment ago, or has the key as an alias that its properties do not show. The batch writer tries
the key again in its next round, without a pause. There the record is read, by its id if HubSpot named it, and the
create becomes an update. A key that is refused three times is rejected (`MAX_ATTEMPTS`). A batch that gets a 409 as a
whole is halved until the record is alone (`isolation.py`). A part of a record, such as a line item, gets another key
instead (`parts.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from woohub.errors import HubSpotProblem
from woohub.hubspot.answers import Record
from woohub.hubspot.objects import ObjectType
from woohub.sync.isolation import read_known
from woohub.sync.lookup import by_key

_HOLDER = re.compile(r"Existing ID: (\d+)|(\d+)>? already has that value")
UNIQUE_PROPERTY = re.compile(r"propertyName=(\w+)")


def holder_of(problem: HubSpotProblem, key_properties: Sequence[str]) -> str | None:
    """Return the id of the record that holds the key, "" if HubSpot does not name it; None if it is no conflict."""
    property_named = UNIQUE_PROPERTY.search(problem.message)
    if property_named and property_named[1] not in key_properties:
        return None
    existing = problem.context.get("existingId", ())
    holder = existing[0] if existing else _holder_in(problem.message)
    is_conflict = bool(_HOLDER.search(problem.message)) or problem.status == 409 or "already exists" in problem.message
    return holder if is_conflict else None


def _holder_in(message: str) -> str:
    """Return the id of the record that holds the key, as HubSpot's message names it; "" if it does not.

    The message is that of a 409, `Contact already exists. Existing ID: 6001`, or of a 400, `Cannot set
    PropertyValueCoordinates{…, propertyName=…} on <new>. <existing> already has that value.`
    """
    match = _HOLDER.search(message)
    return (match[1] or match[2]) if match else ""


def read_holders(
    read: Callable[[Sequence[str]], list[Record]], kind: ObjectType, holders: Mapping[str, str], keys: Sequence[str]
) -> dict[str, Record]:
    """Read the records that conflicts named, by key. `holders` are their ids, by those keys that had conflicts."""
    keys_of: dict[str, list[str]] = {}  # one record may hold several keys
    for key, record_id in holders.items():
        keys_of.setdefault(record_id, []).append(key)
    records = read_known(read, list(keys_of))
    by_id = {key: record for record in records for key in keys_of.get(record.id, ())}
    return (by_id if kind.aliases else {}) | by_key(kind, records, keys)
