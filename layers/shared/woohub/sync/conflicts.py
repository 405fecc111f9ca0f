"""What happens on a conflict (409): HubSpot refuses a key because another record has it.

That record was made a moment ago, or has the key as an alias that it does not show. The batch writer takes the key into
its next round, without a pause. There the record is read, by its id where HubSpot named it, and the create becomes an
update. A key that is refused three times is rejected (`MAX_ATTEMPTS`); a 409 for a whole batch is halved until the
record is alone (`isolation.py`). A part of a record, such as a line item, gets another key instead (`parts.py`).
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
    """The id of the record that already holds the key, "" when HubSpot does not say; None: no conflict over a key."""
    property_named = UNIQUE_PROPERTY.search(problem.message)
    if property_named and property_named[1] not in key_properties:
        return None
    existing = problem.context.get("existingId", ())
    holder = existing[0] if existing else _holder_in(problem.message)
    is_conflict = bool(_HOLDER.search(problem.message)) or problem.status == 409 or "already exists" in problem.message
    return holder if is_conflict else None


def _holder_in(message: str) -> str:
    """409 `Contact already exists. Existing ID: 6001`; or 400 `Cannot set PropertyValueCoordinates{…, propertyName=…}
    on <new>. <existing> already has that value.`: first an unfinished record, then the holder.
    """
    match = _HOLDER.search(message)
    return (match[1] or match[2]) if match else ""


def read_holders(
    read: Callable[[Sequence[str]], list[Record]], kind: ObjectType, holders: Mapping[str, str], keys: Sequence[str]
) -> dict[str, Record]:
    """The records that conflicts named, by key; `holders` are their ids, by key, of some of `keys`."""
    keys_of: dict[str, list[str]] = {}  # of one record there may be several
    for key, record_id in holders.items():
        keys_of.setdefault(record_id, []).append(key)
    records = read_known(read, list(keys_of))
    by_id = {key: record for record in records for key in keys_of.get(record.id, ())}
    return (by_id if kind.aliases else {}) | by_key(kind, records, keys)
