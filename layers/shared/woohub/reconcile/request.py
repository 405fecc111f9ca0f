"""The event of the reconcile function: what a run may be asked for."""

from __future__ import annotations

from dataclasses import dataclass

from woohub.errors import InvalidPayload
from woohub.store.cursors import valid_date
from woohub.stores import FIRST, is_name

CUSTOMERS = ("", "changed", "all")
DELETED = ("", "check", "all")


@dataclass(frozen=True)
class RunRequest:
    """What a run is asked for, besides continuing where the last one stopped.

    `since`: read everything changed since that date again. `customers`: scan all accounts now, and queue those
    "changed" or "all". `deleted`: look for orders deleted for good now, with the usual limit ("check") or without
    ("all"). `store` is the name of the store to read.
    """

    since: str = ""
    customers: str = ""
    deleted: str = ""
    store: str = FIRST

    @classmethod
    def from_event(cls, event: object) -> RunRequest:
        """Read an event; a schedule's event asks for nothing. Raises InvalidPayload, which names what is wrong."""
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
