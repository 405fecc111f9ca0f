"""What a reconcile run may be asked for: the event of the function."""

from __future__ import annotations

from dataclasses import dataclass

from woohub.errors import InvalidPayload
from woohub.store.cursors import valid_date
from woohub.stores import FIRST, is_name

CUSTOMERS = ("", "changed", "all")
DELETED = ("", "check", "all")


@dataclass(frozen=True)
class RunRequest:
    """What a run is asked for beyond continuing where the last one stopped.

    `since`: read everything changed since that moment once more. `customers`: "changed" or "all" scans all accounts
    now. `deleted`: "check" looks for orders deleted for good now, "all" even if they are many. `store` is the one
    to read.
    """

    since: str = ""
    customers: str = ""
    deleted: str = ""
    store: str = FIRST

    @classmethod
    def from_event(cls, event: object) -> RunRequest:
        """From an event; a schedule's asks for nothing. InvalidPayload names what is wrong."""
        asked = event if isinstance(event, dict) else {}
        since, customers, deleted = (str(asked.get(name) or "") for name in ("since", "customers", "deleted"))
        if customers not in CUSTOMERS or deleted not in DELETED:
            raise InvalidPayload('customers is "changed" or "all", deleted is "check" or "all"')
        store = str(asked.get("store") or FIRST)
        if store != FIRST and not is_name(store):
            raise InvalidPayload("store is not the name of a store")
        try:
            return cls(valid_date(since) if since else "", customers, deleted, store)
        except ValueError:
            raise InvalidPayload("since is no date such as 2026-11-23T08:00:00Z") from None


ROUTINE = RunRequest()
