"""Which of two states of an order or customer is newer.

HubSpot has no conditional write, so the version of what was written is kept in a property of the record itself, in
the same request as the values: the store's date, then the time of receipt, because WooCommerce's dates have
one-second resolution.

A store's date is evidence, not truth: clocks are wrong, plugins and people type dates in the future, migrations lose
them. So two dates are compared only if both lie after their own receipts by about the same time (a store whose clock is
right, or wrong by the same amount). In any other case the later receipt is the newer state. The rule needs nothing but
what a version holds, so versions written before it was made obey it, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from woohub.dates import seconds_between, utc_from_ms
from woohub.store.payloads import TRASH, Dated

CLOCK_TOLERANCE_S = 120.0  # a minute for the store's own time-out of a delivery, and one for clocks
NO_DATE = "9999-12-31T23:59:59"  # stands for a date that the store does not know: receipt decides
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_RECEIPT = re.compile(r"[0-9]{1,13}")
_RESTORED = "restored"


class Stamp(NamedTuple):
    """A store's date (UTC text) beside the time of its receipt (epoch milliseconds)."""

    date: str
    received_ms: int

    @property
    def seconds_ahead(self) -> float:
        """How far the date lies after its receipt, in seconds; 0 for any date that may be true."""
        received = utc_from_ms(self.received_ms)
        return seconds_between(received, self.date) if self.date > received else 0.0

    @property
    def is_credible(self) -> bool:
        """Whether the date may be true, clocks being what they are."""
        return self.seconds_ahead <= CLOCK_TOLERANCE_S

    def is_comparable(self, other: Stamp) -> bool:
        """Whether the dates alone show which is newer."""
        if NO_DATE in (self.date, other.date):
            return False
        return abs(self.seconds_ahead - other.seconds_ahead) <= CLOCK_TOLERANCE_S

    def is_later(self, other: Stamp) -> bool:
        """Whether this is the later one: by date where dates can be compared, else by receipt."""
        if self.is_comparable(other):
            return (self.date, self.received_ms) > (other.date, other.received_ms)
        return self.received_ms > other.received_ms


def believable_dates(thing: Dated, received_ms: int) -> tuple[str, str]:
    """When an order or account was made and last changed, "" for a date that cannot be true.

    Nothing is changed before it is made. If a payload says so, its date of creation is false where the local one says
    otherwise; else it is the date of the change, unless the creation lies in the future.
    """
    created, modified = thing.created_at, thing.modified_at
    if not (created and modified) or created <= modified:
        return created, modified
    by_local_date = thing.created_by_local_date
    if by_local_date and by_local_date <= modified:
        return by_local_date, modified
    return (created, "") if Stamp(created, received_ms).is_credible else ("", modified)


class ContactVersion(NamedTuple):
    """`captured_at|modified_at|received_ms`.

    An order shows its customer as of its creation: its later status changes must not undo a newer address.
    """

    captured_at: str
    modified_at: str
    received_ms: int

    @classmethod
    def of(cls, captured_at: str, modified_at: str, received_ms: int) -> ContactVersion:
        """From a store's dates ("" for none): nothing was created after its own last change, least in the future."""
        modified = Stamp(modified_at or NO_DATE, received_ms)
        captured = Stamp(captured_at or NO_DATE, received_ms)
        if captured.date > modified.date and not captured.is_credible:
            captured = modified
        return cls(captured.date, modified.date, received_ms)

    @classmethod
    def parse(cls, text: str | None) -> ContactVersion | None:
        """Read the property; None when it is missing or was not written by woohub: that must not stop updates."""
        captured_at, modified_at, received = [*(text or "").split("|"), "", "", ""][:3]
        if not _DATE.fullmatch(captured_at) or not _RECEIPT.fullmatch(received):
            return None
        return cls.of(captured_at, modified_at if _DATE.fullmatch(modified_at) else "", int(received))

    def __str__(self) -> str:
        return f"{self.captured_at}|{self.modified_at}|{self.received_ms:013d}"

    def supersedes(self, other: ContactVersion | None) -> bool:
        """Whether this is the newer one: captured later, or captured alike and changed later.

        The last changes show whether one clock wrote both: a delivery comes soon after its change, but an order's
        creation may lie far back, so how far it lies after its receipt says nothing of the clock.
        """
        if other is None:
            return True
        if self._changed.is_comparable(other._changed):
            return self._order > other._order
        if self.captured_at == other.captured_at:  # the same order or account, before and after the clock was put right
            return self.received_ms > other.received_ms
        if self.captured_at < self.modified_at and self.captured_at < utc_from_ms(other.received_ms):
            return False  # a later change of an order that was made before
        return Stamp(self.captured_at, self.received_ms).is_later(Stamp(other.captured_at, other.received_ms))

    @property
    def _changed(self) -> Stamp:
        return Stamp(self.modified_at, self.received_ms)

    @property
    def _order(self) -> tuple[str, str, int]:
        return self.captured_at, self.modified_at, self.received_ms


class ContactVersions(NamedTuple):
    """The version of a contact's newest state, and of each property that this state left empty: its value is older.

    As text, the newest, then `|properties=version` for each older one, with `/` in it, which readers of a single
    version pass over.
    """

    newest: ContactVersion
    older: Mapping[str, ContactVersion]

    @classmethod
    def parse(cls, text: str | None) -> ContactVersions | None:
        """Read the property; None as for a single version."""
        newest = ContactVersion.parse(text)
        return cls(newest, _older((text or "").split("|")[3:])) if newest else None

    def __str__(self) -> str:
        names: dict[ContactVersion, list[str]] = {}
        for name, version in self.older.items():
            names.setdefault(version, []).append(name)
        older = (f"{','.join(some)}={str(version).replace('|', '/')}" for version, some in names.items())
        return "|".join((str(self.newest), *older))

    def of(self, name: str) -> ContactVersion:
        """Which state a property's value is from."""
        return self.older.get(name, self.newest)

    @property
    def captured_at(self) -> tuple[str, Mapping[str, str]]:
        """When the customer was seen, and when with the properties that are older."""
        return self.newest.captured_at, {name: version.captured_at for name, version in self.older.items()}


def _older(parts: Iterable[str]) -> dict[str, ContactVersion]:
    versions: dict[str, ContactVersion] = {}
    for part in parts:
        names, _, text = part.partition("=")
        if version := ContactVersion.parse(text.replace("/", "|")):
            versions |= dict.fromkeys(names.split(","), version)
    return versions


class DealVersion(NamedTuple):
    """`modified_at|received_ms|contact ids|former contact ids|restored`.

    The third part shows without another call whether the association is in place: the id of the deal's contact, or
    none. While the contact is changed it lists all that may be associated just then, so a retry after a crash knows
    which contacts to disassociate. None: not known. The fourth part is there where the deal was somebody else's before:
    their metrics change, too, also in a retry after a crash. The last part is there once the order is known to have
    been taken out of the trash: an `order.deleted` from before may come again.
    """

    modified_at: str
    received_ms: int
    contacts: tuple[str, ...] | None = None
    former: tuple[str, ...] = ()
    restored: bool = False

    @classmethod
    def parse(cls, text: str | None) -> DealVersion | None:
        """Read the property; None when it is missing or was not written by woohub."""
        modified_at, received, contacts, former, restored = [*(text or "").split("|"), None, None, None, None][:5]
        if not _DATE.fullmatch(modified_at or "") or not _RECEIPT.fullmatch(received or ""):
            return None
        return cls(
            modified_at or "",
            int(received or 0),
            None if contacts is None else _ids(contacts),
            _ids(former or ""),
            restored == _RESTORED,
        )

    def __str__(self) -> str:
        parts = [self.modified_at, f"{self.received_ms:013d}"]
        if self.contacts is not None:
            parts.append(",".join(self.contacts))
            parts += [",".join(self.former)] if self.former or self.restored else []
            parts += [_RESTORED] if self.restored else []
        return "|".join(parts)


def _ids(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


class OrderState(NamedTuple):
    """What decides between two states of one order.

    `restored`: the order was taken out of the trash, in this state or before. `read`: woohub read it from the store
    itself, beginning at `received_ms`, instead of receiving a delivery.
    """

    modified_at: str
    received_ms: int
    status: str
    restored: bool = False
    read: bool = False

    def supersedes(self, other: OrderState | None) -> bool:
        """Whether this state is the newer one.

        What was read from the store after the other was received is newer, whatever the dates say. `order.deleted`
        carries no date, so a trashed state may be dated by its receipt, later than the restore that undid it ("Undo"
        right after "Trash"), or earlier than dates of a store whose clock is ahead. Against such a state receipt
        decides, and what is newer than it must be a restore, a trashed order's full body, or dated later.
        """
        if other is None or (self.read and self.received_ms > other.received_ms):
            return True
        if other.read and other.received_ms > self.received_ms:
            return False
        if other.is_dated_by_receipt and self.restored:
            return self.received_ms >= other.received_ms
        if other.is_dated_by_receipt:
            dated_later = self.status == TRASH or self.modified_at > other.modified_at
            return dated_later and self.received_ms > other.received_ms
        if self.is_dated_by_receipt:
            return not other.supersedes(self)
        return self.stamp.is_later(other.stamp)

    @property
    def stamp(self) -> Stamp:
        """When it was last changed, as the store says, and when that was received."""
        return Stamp(self.modified_at, self.received_ms)

    @property
    def is_dated_by_receipt(self) -> bool:
        """Whether this is the state that `order.deleted` reports."""
        return self.status == TRASH and not self.restored and self.modified_at == utc_from_ms(self.received_ms)

    def after(self, other: OrderState | None) -> OrderState:
        """This state, which is newer than the other: a restored order stays out of the trash until it is trashed."""
        return self._replace(restored=True) if other and other.restored and self.status != TRASH else self

    def deserves_a_version(self, stored: OrderState | None) -> bool:
        """Whether HubSpot should note this state though none of the deal's values changed."""
        if stored is None or self == stored:
            return stored is None
        if self.restored and not (self.read or stored.restored):  # reads are many, and most of what they find is known
            return True
        if not (self.read or (self.stamp.is_credible and stored.stamp.is_credible)):
            return self.received_ms > stored.received_ms  # receipts decide from here on: the latest must be known
        return self.modified_at > stored.modified_at or (self.stamp.is_credible and not stored.stamp.is_credible)
