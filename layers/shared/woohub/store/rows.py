"""Records as a store lists them: the bytes that it wrote, and the fields read from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from woohub.dates import usable


@dataclass(frozen=True)
class StoreRow:
    """An order, customer or webhook as the store has it. `body` has exactly the bytes that the store wrote."""

    body: bytes = field(repr=False)  # personal data, so never printed
    fields: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def id(self) -> int:
        return int(self.fields["id"])

    @property
    def status(self) -> str:
        """The order's status; "" for customers."""
        return str(self.fields.get("status") or "")

    @property
    def created_at(self) -> str:
        """When the record was created, `YYYY-MM-DDTHH:MM:SS` in UTC; "" if it has no usable date."""
        return usable(self.fields.get("date_created_gmt")) or usable(self.fields.get("date_created"))

    @property
    def modified_at(self) -> str:
        """When the record was last changed, or else created, in UTC; "" if it has no usable date."""
        changed = usable(self.fields.get("date_modified_gmt")) or usable(self.fields.get("date_modified"))
        return changed or self.created_at


@dataclass(frozen=True)
class Listing:
    """One page of a store's list."""

    rows: list[StoreRow]
    total: int | None  # how many rows the whole list has; None: not known
    limit: int  # how many rows were asked for

    @property
    def places(self) -> int:
        """How many places of the list the page takes up. Some stores give fewer rows than asked for."""
        return len(self.rows) or self.limit

    def ends_at(self, seen: int) -> bool:
        """Whether the list ends after `seen` rows. A short page is no proof: the key's user may not see all rows."""
        return not self.rows if self.total is None else self.total <= seen
