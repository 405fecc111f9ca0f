"""People whom the store has erased and HubSpot still names: woohub deletes no contact, so a person has to."""

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
    """A contact of somebody the store has erased."""

    entity: str  # the order or account that shows it
    contact_id: str
    why: str
    deal_id: str = ""

    def __str__(self) -> str:
        return f"{self.entity}, contact {self.contact_id}: {self.why}"

    def facts(self) -> dict[str, Any]:
        """For --json; no names."""
        return {
            "entity": self.entity,
            "contact": self.contact_id,
            "deal": self.deal_id or None,
            "why": self.why,
            "what_to_do": WHAT_TO_DO,
        }


def is_named(contact: Record) -> bool:
    """Whether a contact still says who it is, or where the person lives."""
    return _has_any(contact, (*NAMES, *PLACES))


def has_place(contact: Record) -> bool:
    """Whether a contact has anything of a billing address."""
    return _has_any(contact, PLACES)


def is_emptied(account: Mapping[str, Any]) -> bool:
    """Whether an account, as the store writes it, has nothing in its billing address: so the customer eraser leaves it.

    The account's own e-mail address and first name stay.
    """
    billing = account.get("billing")
    return isinstance(billing, dict) and not any(str(value or "").strip() for value in billing.values())


def _has_any(contact: Record, names: tuple[str, ...]) -> bool:
    return any((contact.properties.get(name) or "").strip() for name in names)
