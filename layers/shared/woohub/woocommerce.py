"""What a WooCommerce store sends: orders and customers, checked once, at the border.

Strict about ids, money, dates and the status, since a wrong one would corrupt the CRM. Tolerant about everything else,
since plugins are not: a text that is missing, null, false, a list or an object reads as "", numbers read as text.
Fields that are not declared here stay readable by their names, so that the mapping may use any of them.
Holds for the payloads of the REST API versions v1, v2 and v3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from woohub.errors import InvalidPayload
from woohub.webhooks import Delivery, whole_number

ORDER_SWEPT, CUSTOMER_SWEPT = "order.swept", "customer.swept"
TRASH = "trash"  # the status of an order in the trash, whichever it had before
DRAFTS = frozenset({"checkout-draft", "auto-draft"})  # carts left behind and empty admin forms: no orders yet
CUSTOMER = "customer"  # customer.* topics fire for every WordPress user, editors and subscribers included
UNDATED = "1970-01-01T00:00:00"  # accounts imported past WordPress may have no date at all: older than anything

MONEY = re.compile(r"-?[0-9]{1,32}(\.[0-9]{1,32})?")
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:?[0-9]{2})?")


def plain(number: float) -> str:
    """A number as people write it: 150, 7.51, never 1e+21 or 150.0; "" for NaN and infinity."""
    if isinstance(number, int):
        return str(number)
    return format(Decimal(repr(number)), "f").removesuffix(".0") if math.isfinite(number) else ""


def utc(moment: str) -> str:
    """`YYYY-MM-DDTHH:MM:SS` in UTC, from that form with or without a zone; ValueError for anything else.

    WooCommerce writes no zone: `*_gmt` fields are UTC, the others the store's local time, which is kept as it is.
    """
    if not MOMENT.fullmatch(moment):
        raise ValueError("not a date of the form YYYY-MM-DDTHH:MM:SS")
    parsed = datetime.fromisoformat(moment)
    if parsed.tzinfo is None:
        return moment
    try:
        return parsed.astimezone(UTC).replace(tzinfo=None).isoformat()
    except OverflowError:
        raise ValueError("a date before year 1 or after year 9999") from None


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return plain(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _status(value: object) -> str:
    status = value.strip().removeprefix("wc-") if isinstance(value, str) else ""
    if not status:
        raise PydanticCustomError("status", "must be a text that is not empty")
    return status


def _money(value: object) -> str:
    text = _text(value)
    if not MONEY.fullmatch(text):
        raise PydanticCustomError("money", "must be a plain decimal number such as 150.00")
    return text


def _moment(value: object) -> str:
    if value is None or value == "":
        return ""
    try:
        return utc(value if isinstance(value, str) else "")
    except ValueError:
        raise PydanticCustomError("moment", "must be a possible date of the form YYYY-MM-DDTHH:MM:SS") from None


def _number(value: object) -> int:
    number = whole_number(value)
    if number is None:
        raise PydanticCustomError("number", "must be a whole number")
    return number


def _id(value: object) -> int:
    number = _number(value)
    if number == 0:
        raise PydanticCustomError("id", "must be a whole number above 0")
    return number


def _customer_id(value: object) -> int:
    return 0 if value is None or value == "" else _number(value)


def _object(value: object) -> object:
    return value if isinstance(value, dict) else {}  # PHP writes an empty object as []


def _objects(value: object) -> list[object]:
    rows = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [row for row in rows if isinstance(row, dict)]  # PHP writes a list with gaps as an object


Text = Annotated[str, PlainValidator(_text)]
Moment = Annotated[str, PlainValidator(_moment)]
Id = Annotated[int, PlainValidator(_id)]


class Payload(BaseModel):
    """Base of what the store sends; fields in use are declared, all others are kept as they came."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def get(self, name: str) -> object:
        """The value of a field, declared or not; None when the store did not send it."""
        declared = vars(self)
        return declared[name] if name in declared else (self.__pydantic_extra__ or {}).get(name)


class Address(Payload):
    """Who is billed, and where."""

    first_name: Text = ""
    last_name: Text = ""
    email: Text = ""
    phone: Text = ""
    address_1: Text = ""
    city: Text = ""
    state: Text = ""
    postcode: Text = ""
    country: Text = ""


class LineItem(Payload):
    """One product of an order."""

    name: Text = ""


class Order(Payload):
    """An order in its state at the time of delivery."""

    id: Id
    status: Annotated[str, PlainValidator(_status)]  # without the prefix `wc-`
    total: Annotated[str, PlainValidator(_money)]  # the store's own text; refunds do not reduce it
    currency: Text = ""
    customer_id: Annotated[int, PlainValidator(_customer_id)] = 0  # 0: a guest
    date_created: Moment = ""
    date_created_gmt: Moment = ""
    date_modified: Moment = ""
    date_modified_gmt: Moment = ""
    billing: Annotated[Address, BeforeValidator(_object)] = Address()
    line_items: Annotated[tuple[LineItem, ...], BeforeValidator(_objects)] = ()

    @model_validator(mode="after")
    def _is_dated(self) -> Order:
        if not self.created_at:
            raise PydanticCustomError("undated", "date_created is missing")
        return self

    @property
    def created_at(self) -> str:
        """When the order was made, UTC; the store's local time where the payload has no gmt field (API v1)."""
        return self.date_created_gmt or self.date_created

    @property
    def modified_at(self) -> str:
        """When it was last changed, UTC, as `created_at`; an order without such a date counts as never changed."""
        return self.date_modified_gmt or self.date_modified or self.created_at


class Customer(Payload):
    """An account of the store."""

    id: Id
    email: Text = ""  # the account's own, not the one on its invoices
    first_name: Text = ""
    last_name: Text = ""
    role: Text = ""
    date_created: Moment = ""
    date_created_gmt: Moment = ""
    date_modified: Moment = ""
    date_modified_gmt: Moment = ""
    billing: Annotated[Address, BeforeValidator(_object)] = Address()

    @property
    def created_at(self) -> str:
        """When the account was made, UTC (local time without a gmt field); UNDATED where the store does not know."""
        return self.date_created_gmt or self.date_created or UNDATED

    @property
    def modified_at(self) -> str:
        """When it was last changed, UTC, as `created_at`; null for accounts never changed since, so `created_at`."""
        return self.date_modified_gmt or self.date_modified or self.created_at


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """An order was made, changed, or taken out of the trash (`restored`)."""

    order: Order
    restored: bool
    received_ms: int


@dataclass(frozen=True, slots=True)
class OrderTrashed:
    """An order was moved to the trash; the store tells no more than its id."""

    order_id: int
    received_ms: int


@dataclass(frozen=True, slots=True)
class CustomerEvent:
    """A customer's account was made or changed."""

    customer: Customer
    received_ms: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing HubSpot needs to know; `reason` is a short code for logs and metrics."""

    reason: str


Event = OrderEvent | OrderTrashed | CustomerEvent | Ignored


class _Trashed(BaseModel):
    id: Id


def parse(delivery: Delivery) -> Event:
    """Read a verified delivery; raises InvalidPayload, which names fields and rules but never a value."""
    read = READERS.get(delivery.topic)
    return read(delivery) if read else Ignored("other_topic")


def _order(delivery: Delivery) -> OrderEvent | Ignored:
    order = _read(Order, delivery.body)
    if order.status in DRAFTS:
        return Ignored("draft")
    return OrderEvent(order, delivery.topic == "order.restored", delivery.received_ms)


def _swept(delivery: Delivery) -> OrderEvent | Ignored:
    """An order read from the store: in any status but `trash` it proves that the order is not in the trash."""
    event = _order(delivery)
    return replace(event, restored=event.order.status != TRASH) if isinstance(event, OrderEvent) else event


def _trashed(delivery: Delivery) -> OrderTrashed:
    return OrderTrashed(_read(_Trashed, delivery.body).id, delivery.received_ms)


def _customer(delivery: Delivery) -> CustomerEvent | Ignored:
    customer = _read(Customer, delivery.body)
    if customer.role not in ("", CUSTOMER):  # API v1 has no role
        return Ignored("other_role")
    return CustomerEvent(customer, delivery.received_ms)


def _customer_deleted(_delivery: Delivery) -> Ignored:
    return Ignored("customer_deleted")  # nothing is ever deleted in HubSpot


READERS: Mapping[str, Callable[[Delivery], Event]] = {
    "order.created": _order,
    "order.updated": _order,
    "order.restored": _order,
    "order.deleted": _trashed,
    "customer.created": _customer,
    "customer.updated": _customer,
    "customer.deleted": _customer_deleted,
    # Not the store's: what reconcile reads from it. Ingest takes neither, since nobody signs them.
    ORDER_SWEPT: _swept,
    CUSTOMER_SWEPT: _customer,
}

Model = TypeVar("Model", bound=BaseModel)


def _read(model: type[Model], body: bytes) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise InvalidPayload(_explain(error)) from None  # the original error holds personal data


RULES = {"missing": "is missing", "json_invalid": "is not valid JSON", "model_type": "is not a JSON object"}


def _explain(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    places = (".".join(map(str, problem["loc"])) or "body" for problem in problems)
    rules = (RULES.get(problem["type"], problem["msg"]) for problem in problems)
    return "; ".join(f"{place}: {rule}" for place, rule in zip(places, rules, strict=True))
