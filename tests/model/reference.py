"""What HubSpot must contain after some deliveries: a dictionary, made without any of woohub's code.

Of an order the newest state counts, of a contact the newest capture. An empty value says nothing, so where the newest
one is empty, any value the store once sent is as good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.model.plant import Accepted

CONTACT = {
    "firstname": "first_name",
    "lastname": "last_name",
    "phone": "phone",
    "address": "address_1",
    "city": "city",
    "state": "state",
    "zip": "postcode",
    "country": "country",
}
STAGES = {
    "pending": "awaiting_payment",
    "on-hold": "on_hold",
    "processing": "newly_created_order",
    "completed": "completed",
    "cancelled": "cancelled",
    "trash": "cancelled",
    "refunded": "refunded",
    "failed": "failed",
}
CURRENCIES = ("USD", "EUR")  # of the simulated account
NO_ADDRESS = ("", "nobody", "jane@shop.invalid")  # what the model uses for addresses that HubSpot cannot take

Values = dict[str, set[str]]  # property to the values that are right; an absent one is ""


@dataclass
class Reference:
    """Contacts by address, deals by order id, and per order the addresses one of which its deal belongs to."""

    contacts: dict[str, Values] = field(default_factory=dict)
    deals: dict[str, Values] = field(default_factory=dict)
    belongs: dict[str, set[str]] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)  # told by receipt only: ties within a second, undated trash

    def problems(self, portal: Any) -> dict[str, list[str]]:
        """What is wrong in a simulated portal: entity to complaints."""
        state = portal.state()
        found: dict[str, list[str]] = {}
        contacts = _by(state["contacts"], "email", found)
        deals = _by(state["deals"], "woocommerce_order_id", found)
        _compare("contact", self.contacts, contacts, found)
        _compare("deal", self.deals, deals, found)
        addresses = {row["id"]: row["properties"]["email"] for row in state["contacts"]}
        for key, wanted in self.belongs.items():
            has = [addresses[one] for one in deals[key]["contacts"]] if key in deals else []
            if len(has) > 1 or (set(has) or {""}) - wanted:
                found.setdefault(f"deal {key}", []).append(f"belongs to {has}, not to {sorted(wanted)}")
        return found


def _by(rows: list[Any], name: str, found: dict[str, list[str]]) -> dict[str, Any]:
    by: dict[str, Any] = {}
    for row in rows:
        key = row["properties"].get(name, "")
        if key in by:
            found.setdefault(f"{name} {key}", []).append("duplicated")
        by[key] = row
    return by


def _compare(kind: str, wanted: Mapping[str, Values], has: Mapping[str, Any], found: dict[str, list[str]]) -> None:
    for key in wanted.keys() - has.keys():
        found.setdefault(f"{kind} {key}", []).append("lost")
    for key in has.keys() - wanted.keys():
        found.setdefault(f"{kind} {key}", []).append("nobody sent it")
    for key in wanted.keys() & has.keys():
        properties = has[key]["properties"]
        for name, values in wanted[key].items():
            if properties.get(name, "") not in values:
                complaint = f"{name} is {properties.get(name, '')!r}, not {sorted(values)}"
                found.setdefault(f"{kind} {key}", []).append(complaint)


@dataclass(frozen=True)
class Capture:
    """A customer as one delivery saw him; an order dates him by its creation, and later states of it replace it."""

    entity: str
    captured: str
    modified: str
    received_ms: int
    values: Mapping[str, str]
    swept: bool


def reference(accepted: Iterable[Accepted]) -> Reference:
    """What all these deliveries, in whatever order, must have led to."""
    states: dict[str, list[Accepted]] = {}
    captures: dict[str, list[Capture]] = {}
    for one in accepted:
        if one.topic.startswith("order"):
            states.setdefault(str(one.body["id"]), []).append(one)
        if one.topic != "order.deleted" and (email := _email(one)) not in NO_ADDRESS:
            captures.setdefault(email, []).append(_capture(one))
    made = Reference()
    for key, seen in states.items():
        _deal(key, seen, made)
    for email, ones in captures.items():
        _contact(email, ones, made)
    return made


def _email(one: Accepted) -> str:
    address = one.body["billing"]["email"] if one.topic.startswith("order") else one.body["email"]
    return str(address).lower()


def _capture(one: Accepted) -> Capture:
    body, is_order = one.body, one.topic.startswith("order")
    number = body["customer_id"] if is_order else body["id"]
    values = {name: body["billing"][source] for name, source in CONTACT.items()}
    return Capture(
        entity=f"{'order' if is_order else 'customer'}:{body['id']}",
        captured=body["date_created_gmt"] if is_order else body["date_modified_gmt"],
        modified=body["date_modified_gmt"],
        received_ms=one.received_ms,
        values={**values, "woocommerce_customer_id": str(number or "")},
        swept=one.topic.endswith(".swept"),
    )


def _contact(email: str, captures: list[Capture], made: Reference) -> None:
    """The newest capture; of two orders made in the same second either is right."""
    captures.sort(key=lambda one: (one.captured, one.modified, one.received_ms))
    last = {one.entity: one for one in captures if one.captured == captures[-1].captured}
    right = [state for newest in last.values() for state in _unsettled(newest, captures)]
    made.contacts[email] = {
        name: {text for one in right for text in _allowed(one, name, captures)} for name in captures[-1].values
    }
    if len(last) > 1 or _tied(captures):
        made.doubtful.add(f"contact {email}")


def _unsettled(newest: Capture, captures: list[Capture]) -> list[Capture]:
    """The newest state of an entity alone, unless there were two within a second and no sweep that settled it: once
    the order is somebody else's, none does. The contact's version tells only by receipt then.
    """
    states = [one for one in captures if (one.entity, one.captured) == (newest.entity, newest.captured)]
    return states if _tied(states) and not newest.swept else [newest]


def _tied(captures: list[Capture]) -> bool:
    """Whether two different states carry the same dates."""
    dates = {(one.entity, one.captured, one.modified) for one in captures}
    return len({(one.entity, one.captured, one.modified, str(one.values)) for one in captures}) > len(dates)


def _allowed(newest: Capture, name: str, captures: list[Capture]) -> set[str]:
    """Its value; where it has none, whatever was there before."""
    return {newest.values[name]} if newest.values[name] else {one.values[name] for one in captures}


def _version(one: Accepted) -> tuple[str, int]:
    """`order.deleted` carries no date: it is dated by its receipt."""
    if one.topic == "order.deleted":
        return f"{datetime.fromtimestamp(one.received_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}", one.received_ms
    return one.body["date_modified_gmt"], one.received_ms


def _deal(key: str, seen: list[Accepted], made: Reference) -> None:
    """The newest state; a restore undoes whatever trash was received before it."""
    restored = max((one.received_ms for one in seen if _alive(one)), default=0)
    counted = [one for one in seen if one.topic != "order.deleted" or one.received_ms > restored]
    counted.sort(key=_version)
    bodies = [one.body for one in counted if one.topic != "order.deleted"]
    if not bodies:
        return
    status = "trash" if counted[-1].topic == "order.deleted" else bodies[-1]["status"]
    made.deals[key] = _properties(bodies[-1]) | {
        "woocommerce_order_status": {status},
        "dealstage": {STAGES.get(status, "newly_created_order")},
    }
    made.belongs[key] = _belongs([body["billing"]["email"].lower() for body in bodies])
    states = {(body["date_modified_gmt"], str(body)) for body in bodies}
    if len(states) > len({modified for modified, _ in states}) or any(one.topic == "order.deleted" for one in seen):
        made.doubtful.add(f"deal {key}")


def _alive(one: Accepted) -> bool:
    """Whether it proves that the order was not in the trash, whatever was said before."""
    return one.topic == "order.restored" or (one.topic == "order.swept" and one.body["status"] != "trash")


def _belongs(emails: list[str]) -> set[str]:
    """The last address; without one, the deal stays with whomever it had, or with nobody."""
    usable = [email for email in emails if email not in NO_ADDRESS]
    return {emails[-1]} if emails[-1] not in NO_ADDRESS else set(usable) or {""}


def _properties(body: dict[str, Any]) -> Values:
    name = f"{body['billing']['first_name']} {body['billing']['last_name']}".strip()
    values = {
        "dealname": f"WooCommerce Order #{body['id']} - {name}",
        "amount": body["total"],
        "closedate": body["date_created_gmt"] + "Z",
        "currency": body["currency"],
        "associated_products": ", ".join(item["name"] for item in body["line_items"]),
        "pipeline": "ecommerce_sales",
    }
    if body["currency"] in CURRENCIES:
        values["deal_currency_code"] = body["currency"]
    return {name: {value} for name, value in values.items()}
