"""Orders and customers as the store lists them: the bytes it wrote, and the fields read from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from woohub.dates import usable


@dataclass(frozen=True)
class StoreRow:
    """An order or customer as the store has it; `body` are the very bytes the store wrote for it."""

    body: bytes = field(repr=False)  # personal data, so never printed
    fields: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def id(self) -> int:
        return int(self.fields["id"])

    @property
    def status(self) -> str:
        """Of an order; "" for customers."""
        return str(self.fields.get("status") or "")

    @property
    def created_at(self) -> str:
        """UTC, `YYYY-MM-DDTHH:MM:SS`; "" where the store has no date that can be true."""
        return usable(self.fields.get("date_created_gmt")) or usable(self.fields.get("date_created"))

    @property
    def modified_at(self) -> str:
        """UTC; of a customer never changed, the date of the account. "" where no date can be true."""
        changed = usable(self.fields.get("date_modified_gmt")) or usable(self.fields.get("date_modified"))
        return changed or self.created_at


@dataclass(frozen=True)
class Listing:
    """The store's answer for a list: its rows, how many there are in all (None: not known), how many were asked for."""

    rows: list[StoreRow]
    total: int | None
    limit: int

    @property
    def places(self) -> int:
        """How far in the list the next page begins: some stores give fewer than asked for, whatever the limit."""
        return len(self.rows) or self.limit

    def ends_at(self, seen: int) -> bool:
        """Whether nothing is left: a page may come short, also of what the key's user may not see."""
        return not self.rows if self.total is None else self.total <= seen
