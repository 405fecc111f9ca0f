"""Decide which of two states of an order or customer is newer.

HubSpot has no conditional write. So the version of what was written is kept in a property of the record itself, in the
same request as the values: the store's date, then the time of receipt, because WooCommerce's dates are whole seconds.

A store's date may be wrong: clocks are wrong, plugins and people enter dates in the future, migrations lose dates. So
two dates are compared only if both lie after their own receipts by about the same time: then the store's clock is
right, or wrong by the same amount. In any other case the state that was received later is newer. The rule needs only
what a version holds, so it applies to versions that are older than the rule, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from woohub.dates import seconds_between, utc_from_ms
from woohub.store.payloads import TRASH, Dated

CLOCK_TOLERANCE_S = 120.0  # a minute for the store's own time-out of a delivery, and one for clocks
NO_DATE = "9999-12-31T23:59:59"  # in place of a missing date; then the receipt decides
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_RECEIPT = re.compile(r"[0-9]{1,13}")
_RESTORED = "restored"


class Stamp(NamedTuple):
    """A store's date (UTC text), and when it was received (epoch milliseconds)."""

    date: str
    received_ms: int

    @property
    def seconds_ahead(self) -> float:
        """How many seconds the date lies after its receipt; 0 if it lies before."""
        received = utc_from_ms(self.received_ms)
        return seconds_between(received, self.date) if self.date > received else 0.0

    @property
    def is_credible(self) -> bool:
        """Whether the date may be true, if clocks may be two minutes wrong."""
        return self.seconds_ahead <= CLOCK_TOLERANCE_S

    def is_comparable(self, other: Stamp) -> bool:
        """Whether the two dates may be compared."""
        if NO_DATE in (self.date, other.date):
            return False
        return abs(self.seconds_ahead - other.seconds_ahead) <= CLOCK_TOLERANCE_S

    def is_later(self, other: Stamp) -> bool:
        """Whether this stamp is later than the other: by date if the dates may be compared, else by receipt."""
        if self.is_comparable(other):
            return (self.date, self.received_ms) > (other.date, other.received_ms)
        return self.received_ms > other.received_ms


def believable_dates(thing: Dated, received_ms: int) -> tuple[str, str]:
    """Return when an order or account was created and last changed, in UTC; "" for a date that cannot be true.

    Nothing is changed before it is created. If a payload says so, its local date of creation counts if that agrees with
    the date of change. Otherwise the date of change is false, unless the creation lies in the future.
    """
    created, modified = thing.created_at, thing.modified_at
    if not (created and modified) or created <= modified:
        return created, modified
    by_local_date = thing.created_by_local_date
    if by_local_date and by_local_date <= modified:
        return by_local_date, modified
    return (created, "") if Stamp(created, received_ms).is_credible else ("", modified)


class ContactVersion(NamedTuple):
    """The version of a contact's state, as text `captured_at|modified_at|received_ms`.

    An order shows its customer as of the order's creation (`captured_at`), so a later status change of an old order
    does not undo a newer address.
    """

    captured_at: str
    modified_at: str
    received_ms: int

    @classmethod
    def of(cls, captured_at: str, modified_at: str, received_ms: int) -> ContactVersion:
        """Return the version for a store's dates, "" for none.

        A customer cannot be seen after the last change: a false date in the future becomes the date of the change.
        """
        modified = Stamp(modified_at or NO_DATE, received_ms)
        captured = Stamp(captured_at or NO_DATE, received_ms)
        if captured.date > modified.date and not captured.is_credible:
            captured = modified
        return cls(captured.date, modified.date, received_ms)

    @classmethod
    def parse(cls, text: str | None) -> ContactVersion | None:
        """Read the version; None if it is missing, or woohub did not write it. That must not stop updates."""
        captured_at, modified_at, received = [*(text or "").split("|"), "", "", ""][:3]
        if not _DATE.fullmatch(captured_at) or not _RECEIPT.fullmatch(received):
            return None
        return cls.of(captured_at, modified_at if _DATE.fullmatch(modified_at) else "", int(received))

    def __str__(self) -> str:
        return f"{self.captured_at}|{self.modified_at}|{self.received_ms:013d}"

    def supersedes(self, other: ContactVersion | None) -> bool:
        """Whether this version is newer than the other: captured later, or captured at the same time and changed later.

        Whether the dates may be compared is decided by the dates of change. A delivery comes soon after its change, so
        that date shows if the clock is wrong; an order's creation may lie far back, so it does not.
        """
        if other is None:
            return True
        if self._changed.is_comparable(other._changed):
            return self._order > other._order
        if self.captured_at == other.captured_at:  # the same order or account, before and after a clock's correction
            return self.received_ms > other.received_ms
        if self.captured_at < self.modified_at and self.captured_at < utc_from_ms(other.received_ms):
            return False  # a later change of an order that is older than the other state
        return Stamp(self.captured_at, self.received_ms).is_later(Stamp(other.captured_at, other.received_ms))

    @property
    def _changed(self) -> Stamp:
        return Stamp(self.modified_at, self.received_ms)

    @property
    def _order(self) -> tuple[str, str, int]:
        return self.captured_at, self.modified_at, self.received_ms


class ContactVersions(NamedTuple):
    """The version of a contact's newest state, and those of properties whose value is from an older state.

    The newest state leaves such a property empty. As text this is the newest version, then `|properties=version` for
    each older one, with `/` in place of `|`; releases that know only a single version ignore these.
    """

    newest: ContactVersion
    older: Mapping[str, ContactVersion]

    @classmethod
    def parse(cls, text: str | None) -> ContactVersions | None:
        """Read the versions; None if they are missing, or woohub did not write them."""
        newest = ContactVersion.parse(text)
        return cls(newest, _older((text or "").split("|")[3:])) if newest else None

    def __str__(self) -> str:
        names: dict[ContactVersion, list[str]] = {}
        for name, version in self.older.items():
            names.setdefault(version, []).append(name)
        older = (f"{','.join(some)}={str(version).replace('|', '/')}" for version, some in names.items())
        return "|".join((str(self.newest), *older))

    def of_each(self, names: Iterable[str]) -> dict[str, ContactVersion]:
        """Return the version of the state that the value of each of these properties is from."""
        versions = dict.fromkeys(names, self.newest)
        return versions | {name: version for name, version in self.older.items() if name in versions}

    @property
    def captured_at(self) -> tuple[str, Mapping[str, str]]:
        """When the customer was captured by the newest state, and by the states of the older properties."""
        return self.newest.captured_at, {name: version.captured_at for name, version in self.older.items()}


def _older(parts: Iterable[str]) -> dict[str, ContactVersion]:
    versions: dict[str, ContactVersion] = {}
    for part in parts:
        names, _, text = part.partition("=")
        if version := ContactVersion.parse(text.replace("/", "|")):
            versions |= dict.fromkeys(names.split(","), version)
    return versions


class DealVersion(NamedTuple):
    """The version of a deal, as text `modified_at|received_ms|contact ids|former contact ids|restored`.

    The third part is the id of the deal's contact, or empty, so that no call is needed to check the association. While
    the contact is being changed, it lists all contacts that may be associated, so that a retry after a crash knows
    which to disassociate. None: unknown. The fourth part lists contacts that the deal belonged to before: their metrics
    change as well. The last part says that the order was restored from the trash: an older `order.deleted` may still
    come.
    """

    modified_at: str
    received_ms: int
    contacts: tuple[str, ...] | None = None
    former: tuple[str, ...] = ()
    restored: bool = False

    @classmethod
    def parse(cls, text: str | None) -> DealVersion | None:
        """Read the version; None if it is missing, or woohub did not write it."""
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
    """What decides which of two states of an order is newer.

    `restored`: the order was restored from the trash, in this state or an earlier one. `read`: woohub read the order
    from the store itself instead of receiving a delivery; the read began at `received_ms`.
    """

    modified_at: str
    received_ms: int
    status: str
    restored: bool = False
    read: bool = False

    def supersedes(self, other: OrderState | None) -> bool:
        """Whether this state is newer than the other.

        A state that woohub read after the other was received is newer, whatever their dates. `order.deleted` has no
        date and is dated by its receipt. That may be later than the restore that undid it ("Undo" right after "Trash"),
        or earlier than the dates of a store whose clock is ahead. So a state is newer than an `order.deleted` only if
        it was received later, and is a restore, a trashed order's full body, or dated later.
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
        """The date of the last change, and when it was received."""
        return Stamp(self.modified_at, self.received_ms)

    @property
    def is_dated_by_receipt(self) -> bool:
        """Whether this state is from an `order.deleted`, which has no date."""
        return self.status == TRASH and not self.restored and self.modified_at == utc_from_ms(self.received_ms)

    def after(self, other: OrderState | None) -> OrderState:
        """Return this state as the successor of the other: an order stays `restored` until it is trashed again."""
        return self._replace(restored=True) if other and other.restored and self.status != TRASH else self

    def deserves_a_version(self, stored: OrderState | None) -> bool:
        """Whether HubSpot's version should change to this state, although none of the deal's values changes."""
        if stored is None or self == stored:
            return stored is None
        if self.restored and not (self.read or stored.restored):  # not for reads, of which most change nothing
            return True
        if not (self.read or (self.stamp.is_credible and stored.stamp.is_credible)):
            return self.received_ms > stored.received_ms  # receipts decide from here on, so the latest must be known
        return self.modified_at > stored.modified_at or (self.stamp.is_credible and not stored.stamp.is_credible)
