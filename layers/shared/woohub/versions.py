"""Which of two states of an order or customer is newer.

HubSpot has no conditional write, so the version of what was written is kept in a property of the record itself, in
the same request as the values. Versions are text that sorts: UTC seconds first, then the time of receipt, because
WooCommerce's dates have one-second resolution.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from woohub.woocommerce import TRASH

_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")


def utc(epoch_ms: int) -> str:
    """Epoch milliseconds as WooCommerce writes UTC: `YYYY-MM-DDTHH:MM:SS`."""
    return datetime.fromtimestamp(epoch_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def contact_version(captured_at: str, modified_at: str, received_ms: int) -> str:
    """`captured_at|modified_at|received_ms`.

    An order captures its customer when it is created: its later status changes must not undo a newer address.
    """
    return f"{captured_at}|{modified_at}|{received_ms:013d}"


def known_contact_version(text: str | None) -> str:
    """The property as it was read; "" when it is missing or was not written by woohub: that must not stop updates."""
    return text if text and _STAMP.match(text) else ""


@dataclass(frozen=True, slots=True)
class DealVersion:
    """`modified_at|received_ms|contact ids`.

    The last part tells without another call whether the association is in place: the id of the deal's contact, or
    none. While the contact is changed it lists all that may be associated just then, so whoever goes on after a crash
    knows whom to take off. None: not known.
    """

    modified_at: str
    received_ms: int
    contacts: tuple[str, ...] | None = None

    @classmethod
    def parse(cls, text: str | None) -> DealVersion | None:
        """Read the property; None when it is missing or was not written by woohub."""
        modified_at, _, rest = (text or "").partition("|")
        received, separator, contacts = rest.partition("|")
        if not _STAMP.fullmatch(modified_at) or not re.fullmatch(r"[0-9]{1,13}", received):
            return None
        return cls(modified_at, int(received), _ids(contacts) if separator else None)

    def __str__(self) -> str:
        known = f"|{','.join(self.contacts)}" if self.contacts is not None else ""
        return f"{self.modified_at}|{self.received_ms:013d}{known}"


def _ids(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


@dataclass(frozen=True, slots=True)
class OrderState:
    """What decides between two states of one order."""

    modified_at: str
    received_ms: int
    status: str
    restored: bool = False

    def supersedes(self, other: OrderState | None) -> bool:
        """Whether this state is the newer one; equal seconds are decided by receipt.

        `order.deleted` carries no date, so a trashed state may be dated by its receipt, later than the restore that
        undid it ("Undo" right after "Trash"), or earlier than dates of a store whose clock is ahead. Against such a
        state receipt decides, and what is newer than it must be a restore, a trashed order's full body, or dated later.
        """
        if other is None:
            return True
        if other.is_dated_by_receipt and self.restored:
            return self.received_ms >= other.received_ms
        if other.is_dated_by_receipt:
            dated_later = self.status == TRASH or self.modified_at > other.modified_at
            return dated_later and self.received_ms > other.received_ms
        if self.is_dated_by_receipt:
            return not other.supersedes(self)
        return (self.modified_at, self.received_ms) > (other.modified_at, other.received_ms)

    @property
    def is_dated_by_receipt(self) -> bool:
        """Whether this is what `order.deleted` tells."""
        return self.status == TRASH and not self.restored and self.modified_at == utc(self.received_ms)
