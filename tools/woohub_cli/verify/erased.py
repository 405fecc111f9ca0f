"""Find people whom the store has erased but HubSpot has not. woohub deletes no contact, so a person must do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from woohub.hubspot.answers import Record

NAMES = ("email", "firstname", "lastname")
PLACES = ("phone", "address", "city", "state", "zip")  # known only from the store's billing address
ANONYMISED = "the store has anonymised the order, and its {record} is still associated with this contact"
EMPTIED = "the account's billing address is empty in the store (erased, or never filled in), but not in HubSpot"
WHAT_TO_DO = (
    "if the store erased the person on request, delete the contact in HubSpot for good (on its page: Actions > Delete, "
    "with the choice to delete it permanently); the order stays in HubSpot"
)


@dataclass(frozen=True)
class ErasedPerson:
    """A contact of a person whom the store has erased."""

    entity: str  # the order or account without the person
    contact_id: str
    why: str
    deal_id: str = ""

    def __str__(self) -> str:
        return f"{self.entity}, contact {self.contact_id}: {self.why}"

    def facts(self) -> dict[str, Any]:
        """Return the facts for --json, without names."""
        return {
            "entity": self.entity,
            "contact": self.contact_id,
            "deal": self.deal_id or None,
            "why": self.why,
            "what_to_do": WHAT_TO_DO,
        }


def is_named(contact: Record) -> bool:
    """Whether the contact still has a name, an e-mail address or a place."""
    return _has_any(contact, (*NAMES, *PLACES))


def has_place(contact: Record) -> bool:
    """Whether the contact has any part of a billing address."""
    return _has_any(contact, PLACES)


def is_emptied(account: Mapping[str, Any]) -> bool:
    """Whether the billing address of an account (the store's fields) is empty, as the store's eraser leaves it.

    The account's own e-mail address and first name remain.
    """
    billing = account.get("billing")
    return isinstance(billing, dict) and not any(str(value or "").strip() for value in billing.values())


def _has_any(contact: Record, names: tuple[str, ...]) -> bool:
    return any((contact.properties.get(name) or "").strip() for name in names)
