"""What HubSpot must contain after some deliveries: a dictionary, made without any of woohub's code.

Of an order the newest state counts, of a contact the newest capture. An empty value says nothing: where the newest
capture is empty, the newest one that is not counts, and of an order any value that the store once sent.
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
ERASED = "deleted@site.invalid"  # of an order whose customer was erased
NO_ADDRESS = ("", "nobody", "jane@shop.invalid", ERASED)  # what is no contact's

SHOWS_S = 240.0  # a clock ahead by more shows in any receipt: two minutes for clocks, and one each for two deliveries

Values = dict[str, set[str]]  # property to the values that are right; an absent one is ""
Item = tuple[str, str, str]  # name, quantity, total


@dataclass
class Reference:
    """Contacts by address, deals by order id, and per order the addresses one of which its deal belongs to."""

    contacts: dict[str, Values] = field(default_factory=dict)
    deals: dict[str, Values] = field(default_factory=dict)
    belongs: dict[str, set[str]] = field(default_factory=dict)
    items: dict[str, dict[str, Item]] = field(default_factory=dict)  # per order, by key
    doubtful: set[str] = field(default_factory=set)  # told by receipt only: ties within a second, undated trash

    def problems(self, portal: Any, *, commerce: bool = False) -> dict[str, list[str]]:
        """What is wrong in a simulated portal: entity to complaints; `commerce`: also of items, orders, metrics."""
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
            for email, complaint in wrong_metrics(portal).items():
                problems[f"metrics of {email}"] = [complaint]  # by HubSpot's own deals: never doubtful
        return problems

    def _compare_owners(
        self, contacts: Mapping[str, Collection[str]], addresses: Mapping[str, str], problems: dict[str, list[str]]
    ) -> None:
        """Each deal, or order, belongs to its contact alone."""
        for key, wanted in self.belongs.items():
            has = [addresses[contact] for contact in contacts.get(key, ())]
            if len(has) > 1 or (set(has) or {""}) - wanted:
                problems.setdefault(f"deal {key}", []).append(f"belongs to {has}, not to {sorted(wanted)}")

    def _compare_orders(self, portal: Any, addresses: Mapping[str, str], problems: dict[str, list[str]]) -> None:
        """HubSpot's order says the same as the deal, which has the net total besides."""
        rows = _by(portal.state()["orders"], "woocommerce_order_id", problems)
        sent = {key: row for key, row in rows.items() if int(key) < bad_requests.FIRST_ID}
        _compare("deal", {key: _as_order(key, deal) for key, deal in self.deals.items()}, sent, problems)
        ids = {key: portal.links.ids(("0-123", row["id"]), "0-1") for key, row in rows.items()}
        self._compare_owners(ids, addresses, problems)

    def _compare_items(self, rows: list[Any], deals: dict[str, Any], problems: dict[str, list[str]]) -> None:
        """Each deal has its order's items and no others, each once, and no item is without its deal."""
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
    """HubSpot's order beside a deal."""
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
        problems.setdefault(f"{kind} {key}", []).append("lost")
    for key in has.keys() - wanted.keys():
        problems.setdefault(f"{kind} {key}", []).append("nobody sent it")
    for key in wanted.keys() & has.keys():
        properties = has[key]["properties"]
        for name, values in wanted[key].items():
            if properties.get(name, "") not in values:
                complaint = f"{name} is {properties.get(name, '')!r}, not {sorted(values)}"
                problems.setdefault(f"{kind} {key}", []).append(complaint)


@dataclass(frozen=True)
class Capture:
    """A customer as one delivery saw him; an order dates him by its creation, and later states of it replace it."""

    entity: str
    captured: str
    modified: str
    received_ms: int
    values: Mapping[str, str]
    swept: bool
    errors_s: frozenset[float]  # how far the store's dates are ahead of the truth; infinite where one is no date


def reference(accepted: Iterable[Accepted]) -> Reference:
    """What all these deliveries, in whatever order, must have led to."""
    states: dict[str, list[Accepted]] = {}
    captures: dict[str, list[Capture]] = {}
    for delivery in accepted:
        if delivery.topic.startswith("order"):
            states.setdefault(_key(delivery), []).append(delivery)
        if delivery.topic != "order.deleted" and (email := _email(delivery)) not in NO_ADDRESS:
            captures.setdefault(email, []).append(_capture(delivery))
    made = Reference()
    for key, seen in states.items():
        _deal(key, seen, made)
    for email, ones in captures.items():
        _contact(email, ones, made)
    return made


def _key(delivery: Accepted) -> str:
    """The key of an order's deal: with the store's name, but for the first store's."""
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


def _contact(email: str, captures: list[Capture], made: Reference) -> None:
    """The newest capture; of two orders made in the same second, and where no date can tell, either is right."""
    captures.sort(key=lambda capture: (capture.captured, capture.modified, capture.received_ms))
    is_clear = _is_clear(captures)
    last = {
        capture.entity: capture for capture in captures if capture.captured == captures[-1].captured or not is_clear
    }
    last |= {
        capture.entity: capture
        for capture in captures
        if capture.swept and capture.entity in last and _is_later(capture, last[capture.entity])
    }  # read from the store after all that was delivered
    right = [state for newest in last.values() for state in _unsettled(newest, captures)]
    if not is_clear and any(_is_hidden(error) for capture in captures for error in capture.errors_s):
        right = captures
    made.contacts[email] = {
        name: {text for capture in right for text in _allowed(capture, name, captures, is_clear=is_clear)}
        for name in {name: None for capture in captures for name in capture.values}
    }
    if len(last) > 1 or _tied(captures) or not is_clear:
        made.doubtful.add(f"contact {email}")


def _is_later(capture: Capture, other: Capture) -> bool:
    """By receipt, and within one millisecond by date."""
    return (capture.received_ms, capture.modified) >= (other.received_ms, other.modified)


def _is_clear(captures: list[Capture]) -> bool:
    """Whether dates tell the newest: all are of one clock, which is not ahead wherever something was read from it.

    A date that lies after its receipt shows that the clock is ahead. What is read from the store long after its change
    lies less after its receipt, as if somebody had put the clock right.
    """
    errors = {error for capture in captures for error in capture.errors_s}
    return len(errors) == 1 and not (max(errors) > 0 and any(capture.swept for capture in captures))


def _unsettled(newest: Capture, captures: list[Capture]) -> list[Capture]:
    """The newest state of an entity alone, unless there were two within a second and no reconcile run that decided it:
    once the order is somebody else's, none does, nor does one within the millisecond of their receipt. The contact's
    version tells only by receipt then, as it does of a state from before the clock was put right that is delivered
    after a newer one.
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
    """Its value; where it has none, that of the newest capture that has one, in any state of it."""
    having = [capture for capture in captures if capture.values.get(name)]
    if newest.values.get(name) or not having:
        return {newest.values.get(name, "")}
    return {capture.values[name] for capture in having if capture.captured == having[-1].captured or not is_clear}


def _version(delivery: Accepted) -> tuple[str, int]:
    """`order.deleted` carries no date: it is dated by its receipt."""
    if delivery.topic == "order.deleted":
        return _received(delivery), delivery.received_ms
    return _truth(delivery.body)["modified"], delivery.received_ms


def _truth(body: dict[str, Any]) -> dict[str, Any]:
    """When it was made and changed in truth, whatever the store's dates say."""
    truth: dict[str, Any] | None = body.get(TRUTH)
    return truth or {"created": body.get("date_created_gmt", ""), "modified": body.get("date_modified_gmt", "")}


def _received(delivery: Accepted) -> str:
    return f"{datetime.fromtimestamp(delivery.received_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}"


def _changed(delivery: Accepted) -> str:
    """When it was changed, as far as dates tell: what has a false delivery counts from its receipt."""
    truth = _truth(delivery.body)
    return _received(delivery) if truth.get("undated") else str(truth["modified"])


def _captured(delivery: Accepted) -> str:
    """When an order's customer gave the address: as of its creation; where that date is false, as of its change."""
    return _truth(delivery.body)["created"] or _changed(delivery)


def _deal(key: str, seen: list[Accepted], made: Reference) -> None:
    """The newest state; a restore undoes whatever trash was received before it."""
    restored = max((state.received_ms for state in seen if _alive(state)), default=0)
    counted = [state for state in seen if state.topic != "order.deleted" or state.received_ms > restored]
    counted.sort(key=_version)
    bodies = [state.body for state in counted if state.topic != "order.deleted"]
    if not bodies:
        return
    status = "trash" if counted[-1].topic == "order.deleted" else bodies[-1]["status"]
    made.deals[key] = _properties(bodies[-1]) | {
        "woocommerce_order_status": {status},
        "dealstage": {STAGES.get(status, "newly_created_order")},
    }
    made.items[key] = {
        f"{key}-{item.get('id')}": (item["name"], str(item.get("quantity")), item.get("total", ""))
        for item in bodies[-1]["line_items"]
    }
    made.belongs[key] = _belongs([body["billing"]["email"].lower() for body in bodies])
    made.deals[key]["closedate"] = _close_dates(bodies)
    deleted = any(state.topic == "order.deleted" for state in seen)
    if deleted or _same_date(bodies) or (_misled(counted) and (_overtaken(counted) or _hardly_ahead(counted))):
        made.doubtful.add(f"deal {key}")


def _same_date(bodies: list[dict[str, Any]]) -> bool:
    """Whether two different states, in the order of their dates, carry the same one."""
    return any(
        _truth(earlier)["modified"] == _truth(later)["modified"] and earlier != later
        for earlier, later in pairwise(bodies)
    )


def _misled(states: list[Accepted]) -> bool:
    """Whether dates do not tell the order of these, which come in their true order."""
    shown = [state.body["date_modified_gmt"] for state in states if state.topic != "order.deleted"]
    return any(_truth(state.body).get("undated") for state in states) or shown != sorted(shown)


def _overtaken(states: list[Accepted]) -> bool:
    """Whether an older state came after the newest, at least after this came for the first time: only that is noted."""
    newest, received = states[-1].body, [state for state in states if state.received_ms]
    first = min((delivery.received_ms for delivery in received if delivery.body == newest), default=0)
    return any(delivery.received_ms > first for delivery in received if delivery.body != newest)


def _hardly_ahead(states: list[Accepted]) -> bool:
    """Whether a clock was ahead by so little that no receipt shows it."""
    errors = [_error(state.body, "modified") for state in states if state.topic != "order.deleted"]
    return any(map(_is_hidden, errors))


def _is_hidden(error_s: float) -> bool:
    return 0 < error_s <= SHOWS_S


def _close_dates(bodies: list[dict[str, Any]]) -> set[str]:
    """The date of the creation; where it is none, whichever the deal had before."""
    dates = [_as_utc(body["date_created_gmt"]) for body in bodies]
    return {dates[-1]} if dates[-1] else set(dates)


def _as_utc(value: object) -> str:
    text = str(value)
    return f"{text}Z" if text[:1] in ("1", "2") and text > "1971" else ""


def _alive(delivery: Accepted) -> bool:
    """Whether it proves that the order was not in the trash, whatever was said before."""
    return delivery.topic == "order.restored" or (
        delivery.topic == "order.swept" and delivery.body["status"] != "trash"
    )


def _belongs(emails: list[str]) -> set[str]:
    """The last address; without one, the deal stays with whomever it had, or with nobody."""
    usable = [email for email in emails if email not in NO_ADDRESS]
    return {emails[-1]} if emails[-1] not in NO_ADDRESS else set(usable) or {""}


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
