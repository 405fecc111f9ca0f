"""The names of an order: its id, its number, which a plugin may make different, and the customer's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from woohub.mapping.values import as_text
from woohub_cli.cli_errors import WrongUsage

ID_PREFIXES = ("order:", "id:")  # what follows is an id, never a number: the form of logs and reports, and a short one
FORMS = "an order is named by its id or number: 26, #26, RE-2026-00434, or order:26 for the id alone"
ID = re.compile(r"[1-9][0-9]{0,19}")  # 00434 is a number, not an id
MAX_ID = 2**64 - 1  # WordPress's ids are BIGINT UNSIGNED
TOO_LARGE = f"WordPress's ids end at {MAX_ID}"


@dataclass(frozen=True)
class OrderName:
    """The names of an order; "" for those not known. `customer` is personal data: for terminals, not for logs."""

    order_id: int
    number: str = ""
    customer: str = ""

    @property
    def differs(self) -> bool:
        """Whether the order's number differs from its id."""
        return self.number not in ("", str(self.order_id))

    @property
    def more(self) -> str:
        """The number, if it differs from the id, and the customer: "number RE-2026-00434, Jane Doe"."""
        parts = [f"number {self.number}" if self.differs else "", self.customer]
        return ", ".join(part for part in parts if part)

    def __str__(self) -> str:
        return f"order {self.order_id} ({self.more})" if self.more else f"order {self.order_id}"

    def facts(self) -> dict[str, Any]:
        return {"id": self.order_id, "number": self.number, "name": self.customer}


@dataclass(frozen=True)
class Reference:
    """An order as named on the command line."""

    text: str  # without prefix and #
    number_first: bool = False  # people and shops write "#" before a number, so "#26" is looked up as a number first
    id_only: bool = False

    @property
    def order_id(self) -> int:
        """The text as an id; 0 if it cannot be one."""
        return int(self.text) if ID.fullmatch(self.text) and int(self.text) <= MAX_ID else 0

    @property
    def is_too_large(self) -> bool:
        """Whether the text is a number larger than any id."""
        return not self.order_id and re.fullmatch("[1-9][0-9]*", self.text) is not None

    @property
    def number(self) -> str:
        """The text as an order number; "" if it can only be an id."""
        return "" if self.id_only else self.text

    def names(self, number: str) -> bool:
        """Whether this is the order's number; upper and lower case do not matter."""
        return bool(self.number) and plain_number(number) == plain_number(self.number)


def reference(text: str) -> Reference:
    """Parse an argument that names an order. Raises WrongUsage if it cannot name one."""
    stripped = text.strip()
    bare = next((stripped[len(start) :] for start in ID_PREFIXES if stripped.lower().startswith(start)), None)
    named = Reference(stripped.lstrip("# ").strip(), number_first=stripped.startswith("#"))
    if bare is not None:
        named = Reference(bare.strip(), id_only=True)
    if named.id_only and named.is_too_large:
        raise WrongUsage(f"“{text}” names no order: {TOO_LARGE}")
    if not named.text or (named.id_only and not named.order_id):
        raise WrongUsage(f"“{text}” names no order: {FORMS}")
    return named


def plain_number(number: str) -> str:
    """Return an order number in the form in which numbers are compared."""
    return number.strip().lstrip("# ").casefold()


def of_order(fields: Mapping[str, Any]) -> OrderName:
    """Return the names of an order, from the fields the store sends. A value that is no text or number is ignored."""
    billing = fields.get("billing")
    order_id, customer = _text(fields.get("id")), _person(billing if isinstance(billing, dict) else {})
    return OrderName(int(order_id) if order_id.isdigit() else 0, _text(fields.get("number")), customer)


def account_name(fields: Mapping[str, Any]) -> str:
    """Return an account's name, or its e-mail address if it has no name."""
    return _person(fields) or _text(fields.get("email"))


def _person(fields: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (_text(fields.get(part)) for part in ("first_name", "last_name"))))


def digits_at_the_end(number: str) -> int:
    """Return the id at the end of a number such as `WC-1026`; 0 if it does not end in digits."""
    digits = number[len(number.rstrip("0123456789")) :]
    return Reference(digits.lstrip("0")).order_id


def _text(value: object) -> str:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return " ".join(as_text(value).split()) if isinstance(value, str) or is_number else ""
