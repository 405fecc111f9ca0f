"""What HubSpot must contain after some deliveries, computed without any of woohub's code.

An order has its newest state, a contact its newest capture. An empty value is ignored: where the newest capture is
empty, the newest one with a value counts, and for an order any value that the store once sent.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tests.model import bad_requests
from tests.model.shop import TRUTH
from tests.model.simulated_stack import Accepted
from tests.support.metrics import wrong_metrics

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
ORDER_STAGES = {  # of HubSpot's own order pipeline
    **dict.fromkeys(("pending", "on-hold"), "4b27b500-f031-4927-9811-68a0b525cbae"),
    "completed": "3725360f-519b-4b18-a593-494d60a29c9f",
    **dict.fromkeys(("cancelled", "trash", "refunded", "failed"), "3c85a297-e9ce-400b-b42e-9f16853d69d6"),
}
PROCESSED = "937ea84d-0a4f-4dcf-9028-3f9c2aafbf03"
CURRENCIES = ("USD", "EUR")  # of the simulated account
ERASED = "deleted@site.invalid"  # the email of an order whose customer was erased
NO_CONTACT_EMAILS = ("", "nobody", "jane@shop.invalid", ERASED)  # emails that make no contact

SHOWS_S = 240.0  # a clock further ahead shows in any receipt: two minutes for clocks, one each for two deliveries

Values = dict[str, set[str]]  # property to its right values; "" for an absent property
Item = tuple[str, str, str]  # name, quantity, total


@dataclass
class Reference:
    """Contacts by email, deals by order id, and the possible emails of the contact of each order's deal."""

    contacts: dict[str, Values] = field(default_factory=dict)
    deals: dict[str, Values] = field(default_factory=dict)
    owners: dict[str, set[str]] = field(default_factory=dict)
    items: dict[str, dict[str, Item]] = field(default_factory=dict)  # per order, by key
    ambiguous: set[str] = field(default_factory=set)  # decided by receipt only: ties within a second, undated trash

    def problems(self, portal: Any, *, commerce: bool = False) -> dict[str, list[str]]:
        """What is wrong in a simulated portal, by entity; with `commerce` also in items, orders and metrics."""
        state = portal.state()
        problems: dict[str, list[str]] = {}
        contacts = _by(state["contacts"], "email", problems)
        deals = _by(state["deals"], "woocommerce_order_id", problems)
        _compare("contact", self.contacts, contacts, problems)
        _compare("deal", self.deals, deals, problems)
        addresses = {row["id"]: row["properties"]["email"] for row in state["contacts"]}
        self._compare_owners({key: row["contacts"] for key, row in deals.items()}, addresses, problems)
        if commerce:
            self._compare_items(state["line_items"], deals, problems)
            self._compare_orders(portal, addresses, problems)
            for email, violation in wrong_metrics(portal).items():
                problems[f"metrics of {email}"] = [violation]  # computed from HubSpot's own deals: never ambiguous
        return problems

    def _compare_owners(
        self, contacts: Mapping[str, Collection[str]], addresses: Mapping[str, str], problems: dict[str, list[str]]
    ) -> None:
        """Each deal or HubSpot order has its own contact and no other."""
        for key, wanted in self.owners.items():
            has = [addresses[contact] for contact in contacts.get(key, ())]
            if len(has) > 1 or (set(has) or {""}) - wanted:
                problems.setdefault(f"deal {key}", []).append(f"belongs to {has}, not to {sorted(wanted)}")

    def _compare_orders(self, portal: Any, addresses: Mapping[str, str], problems: dict[str, list[str]]) -> None:
        """HubSpot's orders have the same values as the deals."""
        rows = _by(portal.state()["orders"], "woocommerce_order_id", problems)
        sent = {key: row for key, row in rows.items() if int(key) < bad_requests.FIRST_ID}
        _compare("deal", {key: _as_order(key, deal) for key, deal in self.deals.items()}, sent, problems)
        ids = {key: portal.links.ids(("0-123", row["id"]), "0-1") for key, row in rows.items()}
        self._compare_owners(ids, addresses, problems)

    def _compare_items(self, rows: list[Any], deals: dict[str, Any], problems: dict[str, list[str]]) -> None:
        """Each deal has exactly its order's items, and every item has its deal."""
        orders = {row["id"]: key for key, row in deals.items()}
        has: dict[str, list[tuple[str, Item]]] = {}
        for row in rows:
            properties, parents = row["properties"], [orders[deal] for deal in row["deals"]]
            key = properties["woocommerce_line_item_id"]
            if parents != [key.partition("-")[0]]:
                problems.setdefault(f"deal {key.partition('-')[0]}", []).append(f"item {key} belongs to {parents}")
            total = f"{Decimal(properties['amount']):.2f}"
            item = properties["name"], properties["quantity"], total
            has.setdefault(key.partition("-")[0], []).append((key, item))
        for order, wanted in self.items.items():
            if sorted(has.get(order, [])) != sorted(wanted.items()):
                problems.setdefault(f"deal {order}", []).append(f"has the items {has.get(order)}, not {wanted}")


def _as_order(key: str, deal: Values) -> Values:
    """The HubSpot order that belongs to a deal."""
    return {
        "woocommerce_order_status": deal["woocommerce_order_status"],
        "hs_order_name": {f"#{key}"},
        "hs_total_price": deal["amount"],
        "woocommerce_currency": deal["currency"],
        "hs_external_created_date": deal["closedate"],
        "hs_pipeline_stage": {ORDER_STAGES.get(status, PROCESSED) for status in deal["woocommerce_order_status"]},
    }


def _by(rows: list[Any], name: str, problems: dict[str, list[str]]) -> dict[str, Any]:
    by: dict[str, Any] = {}
    for row in rows:
        key = row["properties"].get(name, "")
        if key in by:
            problems.setdefault(f"{name} {key}", []).append("duplicated")
        by[key] = row
    return by


def _compare(kind: str, wanted: Mapping[str, Values], has: Mapping[str, Any], problems: dict[str, list[str]]) -> None:
    for key in wanted.keys() - has.keys():
        problems.setdefault(f"{kind} {key}", []).append("missing")
    for key in has.keys() - wanted.keys():
        problems.setdefault(f"{kind} {key}", []).append("was never sent")
    for key in wanted.keys() & has.keys():
        properties = has[key]["properties"]
        for name, values in wanted[key].items():
            if properties.get(name, "") not in values:
                violation = f"{name} is {properties.get(name, '')!r}, not {sorted(values)}"
                problems.setdefault(f"{kind} {key}", []).append(violation)


@dataclass(frozen=True)
class Capture:
    """A customer's data in one delivery; an order's is dated by its creation, and its later states replace it."""

    entity: str
    captured: str
    modified: str
    received_ms: int
    values: Mapping[str, str]
    swept: bool
    errors_s: frozenset[float]  # how far the store's dates are ahead; infinite where one is no date


def reference(accepted: Iterable[Accepted]) -> Reference:
    """What HubSpot must contain after all these deliveries, in any order."""
    states: dict[str, list[Accepted]] = {}
    captures: dict[str, list[Capture]] = {}
    for delivery in accepted:
        if delivery.topic.startswith("order"):
            states.setdefault(_key(delivery), []).append(delivery)
        if delivery.topic != "order.deleted" and (email := _email(delivery)) not in NO_CONTACT_EMAILS:
            captures.setdefault(email, []).append(_capture(delivery))
    result = Reference()
    for key, seen in states.items():
        _add_deal(key, seen, result)
    for email, ones in captures.items():
        _add_contact(email, ones, result)
    return result


def _key(delivery: Accepted) -> str:
    """The key of an order's deal, prefixed with the store's name except for the first store."""
    return f"{delivery.store}-{delivery.body['id']}" if delivery.store else str(delivery.body["id"])


def _email(delivery: Accepted) -> str:
    address = delivery.body["billing"]["email"] if delivery.topic.startswith("order") else delivery.body["email"]
    return str(address).lower()


def _capture(delivery: Accepted) -> Capture:
    body, is_order = delivery.body, delivery.topic.startswith("order")
    number = body["customer_id"] if is_order else body["id"]
    values = {name: body["billing"][source] for name, source in CONTACT.items()}
    return Capture(
        entity=f"{delivery.store} {'order' if is_order else 'customer'}:{body['id']}",
        captured=_captured(delivery) if is_order else _changed(delivery),
        modified=_changed(delivery),
        received_ms=delivery.received_ms,
        values={**values, _customer_id(delivery.store): str(number or "")},
        swept=delivery.topic.endswith(".swept"),
        errors_s=frozenset(_error(body, name) for name in (("created", "modified") if is_order else ("modified",))),
    )


def _customer_id(store: str) -> str:
    return f"woocommerce_customer_id_{store}" if store else "woocommerce_customer_id"


def _error(body: dict[str, Any], name: str) -> float:
    truth = _truth(body)
    if not truth[name] or truth.get("undated"):
        return math.inf
    return (datetime.fromisoformat(body[f"date_{name}_gmt"]) - datetime.fromisoformat(truth[name])).total_seconds()


def _add_contact(email: str, captures: list[Capture], result: Reference) -> None:
    """The newest capture; of two orders created in the same second, and where no date decides, either is right."""
    captures.sort(key=lambda capture: (capture.captured, capture.modified, capture.received_ms))
    is_clear = _is_clear(captures)
    last = {
        capture.entity: capture for capture in captures if capture.captured == captures[-1].captured or not is_clear
    }
    last |= {
        capture.entity: capture
        for capture in captures
        if capture.swept and capture.entity in last and _is_later(capture, last[capture.entity])
    }  # read from the store after all deliveries
    right = [state for newest in last.values() for state in _right_states(newest, captures)]
    if not is_clear and any(_is_hidden(error) for capture in captures for error in capture.errors_s):
        right = captures
    result.contacts[email] = {
        name: {text for capture in right for text in _allowed(capture, name, captures, is_clear=is_clear)}
        for name in {name: None for capture in captures for name in capture.values}
    }
    if len(last) > 1 or _tied(captures) or not is_clear:
        result.ambiguous.add(f"contact {email}")


def _is_later(capture: Capture, other: Capture) -> bool:
    """Later by receipt, and within one millisecond by date."""
    return (capture.received_ms, capture.modified) >= (other.received_ms, other.modified)


def _is_clear(captures: list[Capture]) -> bool:
    """Whether dates decide which capture is newest: all are of one clock, which is not ahead if a capture was swept.

    A date after its receipt shows that the clock is ahead. A state that is read from the store long after its change
    is less far ahead of its receipt, as if the clock had been corrected.
    """
    errors = {error for capture in captures for error in capture.errors_s}
    return len(errors) == 1 and not (max(errors) > 0 and any(capture.swept for capture in captures))


def _right_states(newest: Capture, captures: list[Capture]) -> list[Capture]:
    """The right states of an entity: the newest, unless two lie within a second and no reconcile run decides.

    No run decides once the order has moved to another customer, nor within the millisecond of their receipt. Then only
    the receipt decides, as for a state from before the clock was corrected that is delivered after a newer one.
    """
    states = [capture for capture in captures if (capture.entity, capture.captured) == (newest.entity, newest.captured)]
    late = [
        capture
        for capture in captures
        if (capture.entity, capture.swept, newest.swept) == (newest.entity, False, False)
        and capture.errors_s != newest.errors_s
        and capture.received_ms > newest.received_ms
    ]
    is_settled = newest.swept and all(state.swept or state.received_ms < newest.received_ms for state in states)
    return [*(states if _tied(states) and not is_settled else [newest]), *late]


def _tied(captures: list[Capture]) -> bool:
    """Whether two different states carry the same dates."""
    dates = {(capture.entity, capture.captured, capture.modified) for capture in captures}
    return len(
        {(capture.entity, capture.captured, capture.modified, str(capture.values)) for capture in captures}
    ) > len(dates)


def _allowed(newest: Capture, name: str, captures: list[Capture], *, is_clear: bool) -> set[str]:
    """The capture's value; without one, that of the newest capture that has one, in any of its states."""
    having = [capture for capture in captures if capture.values.get(name)]
    if newest.values.get(name) or not having:
        return {newest.values.get(name, "")}
    return {capture.values[name] for capture in having if capture.captured == having[-1].captured or not is_clear}


def _version(delivery: Accepted) -> tuple[str, int]:
    """`order.deleted` has no date, so it is dated by its receipt."""
    if delivery.topic == "order.deleted":
        return _received(delivery), delivery.received_ms
    return _truth(delivery.body)["modified"], delivery.received_ms


def _truth(body: dict[str, Any]) -> dict[str, Any]:
    """When the order or account was really created and changed, whatever the store's dates are."""
    truth: dict[str, Any] | None = body.get(TRUTH)
    return truth or {"created": body.get("date_created_gmt", ""), "modified": body.get("date_modified_gmt", "")}


def _received(delivery: Accepted) -> str:
    return f"{datetime.fromtimestamp(delivery.received_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}"


def _changed(delivery: Accepted) -> str:
    """When it was changed; a state with a false date counts from its receipt."""
    truth = _truth(delivery.body)
    return _received(delivery) if truth.get("undated") else str(truth["modified"])


def _captured(delivery: Accepted) -> str:
    """The date of an order's customer data: the order's creation, or its change if that date is false."""
    return _truth(delivery.body)["created"] or _changed(delivery)


def _add_deal(key: str, seen: list[Accepted], result: Reference) -> None:
    """The newest state; a restore undoes every trashing received before it."""
    restored = max((state.received_ms for state in seen if _is_out_of_trash(state)), default=0)
    counted = [state for state in seen if state.topic != "order.deleted" or state.received_ms > restored]
    counted.sort(key=_version)
    bodies = [state.body for state in counted if state.topic != "order.deleted"]
    if not bodies:
        return
    status = "trash" if counted[-1].topic == "order.deleted" else bodies[-1]["status"]
    result.deals[key] = _properties(bodies[-1]) | {
        "woocommerce_order_status": {status},
        "dealstage": {STAGES.get(status, "newly_created_order")},
    }
    result.items[key] = {
        f"{key}-{item.get('id')}": (item["name"], str(item.get("quantity")), item.get("total", ""))
        for item in bodies[-1]["line_items"]
    }
    result.owners[key] = _owners([body["billing"]["email"].lower() for body in bodies])
    result.deals[key]["closedate"] = _close_dates(bodies)
    deleted = any(state.topic == "order.deleted" for state in seen)
    if (
        deleted
        or _has_equal_dates(bodies)
        or (_has_misleading_dates(counted) and (_was_overtaken(counted) or _is_hidden_clock_error(counted)))
    ):
        result.ambiguous.add(f"deal {key}")


def _has_equal_dates(bodies: list[dict[str, Any]]) -> bool:
    """Whether two consecutive, different states have the same date."""
    return any(
        _truth(earlier)["modified"] == _truth(later)["modified"] and earlier != later
        for earlier, later in pairwise(bodies)
    )


def _has_misleading_dates(states: list[Accepted]) -> bool:
    """Whether the dates of these states, given in their true order, are not in that order."""
    shown = [state.body["date_modified_gmt"] for state in states if state.topic != "order.deleted"]
    return any(_truth(state.body).get("undated") for state in states) or shown != sorted(shown)


def _was_overtaken(states: list[Accepted]) -> bool:
    """Whether an older state was received after the first receipt of the newest."""
    newest, received = states[-1].body, [state for state in states if state.received_ms]
    first = min((delivery.received_ms for delivery in received if delivery.body == newest), default=0)
    return any(delivery.received_ms > first for delivery in received if delivery.body != newest)


def _is_hidden_clock_error(states: list[Accepted]) -> bool:
    """Whether a clock was so little ahead that no receipt shows it."""
    errors = [_error(state.body, "modified") for state in states if state.topic != "order.deleted"]
    return any(map(_is_hidden, errors))


def _is_hidden(error_s: float) -> bool:
    return 0 < error_s <= SHOWS_S


def _close_dates(bodies: list[dict[str, Any]]) -> set[str]:
    """The creation date; without one, any that the deal had before."""
    dates = [_as_utc(body["date_created_gmt"]) for body in bodies]
    return {dates[-1]} if dates[-1] else set(dates)


def _as_utc(value: object) -> str:
    text = str(value)
    return f"{text}Z" if text[:1] in ("1", "2") and text > "1971" else ""


def _is_out_of_trash(delivery: Accepted) -> bool:
    """Whether the delivery shows that the order was not in the trash."""
    return delivery.topic == "order.restored" or (
        delivery.topic == "order.swept" and delivery.body["status"] != "trash"
    )


def _owners(emails: list[str]) -> set[str]:
    """The last email; without one, any that the deal had before, or none."""
    usable = [email for email in emails if email not in NO_CONTACT_EMAILS]
    return {emails[-1]} if emails[-1] not in NO_CONTACT_EMAILS else set(usable) or {""}


def _properties(body: dict[str, Any]) -> Values:
    name = f"{body['billing']['first_name']} {body['billing']['last_name']}".strip()
    is_erased = body["billing"]["email"] == ERASED
    values = {
        "dealname": f"WooCommerce Order #{body['id']}" + ("" if is_erased else f" - {name}"),
        "amount": body["total"],
        "currency": body["currency"],
        "associated_products": ", ".join(item["name"] for item in body["line_items"]),
        "pipeline": "ecommerce_sales",
    }
    if body["currency"] in CURRENCIES:
        values["deal_currency_code"] = body["currency"]
    return {name: {value} for name, value in values.items()}
