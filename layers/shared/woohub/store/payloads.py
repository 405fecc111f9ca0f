"""Read the orders and customers that a WooCommerce store sends; nothing else checks them.

Ids, money and the status are checked strictly, since a wrong one would corrupt the CRM; all other fields tolerantly.
Fields that are not declared here stay readable by their names, so that the mapping may use any of them.
The payloads may be those of the REST API versions v1, v2 and v3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from woohub import dates
from woohub.delivery.delivery import Delivery
from woohub.errors import InvalidPayload
from woohub.json_values import objects
from woohub.pydantic_json import mistakes, read_sent
from woohub.store import impersonal
from woohub.store.payload_types import (
    AnyObject,
    Currency,
    CustomerId,
    Date,
    Id,
    Items,
    Money,
    Status,
    Text,
)
from woohub.stores import FIRST

ORDER_SWEPT, CUSTOMER_SWEPT = "order.swept", "customer.swept"
TRASH = "trash"  # the status of every order in the trash
# WooCommerce's own statuses of what is no order yet: abandoned carts, empty admin forms, orders still being entered.
DRAFTS = frozenset({"checkout-draft", "auto-draft", "draft", "new"})
CUSTOMER = "customer"  # customer.* topics fire for every WordPress user, editors and subscribers included
UNDATED = "1970-01-01T00:00:00"  # older than any date
CLOCKS_CHANGE_S = 2 * 3600  # the largest difference that summer time may make
LARGEST_OFFSET_S = 14 * 3600  # the largest difference of a time zone to UTC
LOCAL_DATES = frozenset({"date_created", "date_modified", "date_paid", "date_completed"})  # each has a `…_gmt`, too
ERASED_EMAIL = "deleted@site.invalid"  # what WordPress writes for an address it erases, in every language


class Payload(BaseModel):
    """Base of what the store sends. Fields that woohub itself uses are declared; all others are kept unchanged."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def get(self, name: str) -> object:
        """Return the value of a field, declared or not; None if the store did not send it."""
        declared = self.__dict__
        if name in declared:
            return declared[name]
        others = self.__pydantic_extra__
        return others.get(name) if others else None

    def fields(self) -> dict[str, object]:
        """Return all fields by name, declared or not."""
        return {**self.__dict__, **(self.__pydantic_extra__ or {})}


def value_of(thing: object, name: str) -> object:
    """Return a field of a payload or JSON object; None if `thing` is neither, or lacks the field."""
    return thing.get(name) if isinstance(thing, (dict, Payload)) else None


class Address(Payload):
    """The billing address of an order or account."""

    first_name: Text = ""
    last_name: Text = ""
    email: Text = ""
    phone: Text = ""
    address_1: Text = ""
    city: Text = ""
    state: Text = ""
    postcode: Text = ""
    country: Text = ""


@lru_cache(maxsize=1024)  # an order's dates are converted several times
def _by_offset(local: str, modified: str, modified_gmt: str) -> str:
    """Convert a local date to UTC by the offset between the two forms of the date of change.

    Return "" if one of the dates is missing, or the offset is larger than any time zone's.
    """
    if not (local and modified and modified_gmt):
        return ""
    offset = dates.seconds_between(modified, modified_gmt)
    try:
        return dates.moved(local, offset) if abs(offset) <= LARGEST_OFFSET_S else ""
    except OverflowError:  # beyond the calendar
        return ""


class Dated(Payload):
    """A payload with dates: `*_gmt` in UTC, the others in the store's local time. Any may be missing or wrong."""

    date_created: Date = None
    date_created_gmt: Date = None
    date_modified: Date = None
    date_modified_gmt: Date = None

    @property
    def created_at(self) -> str:
        """When the order or account was created, in UTC; "" if it has no date.

        Without a GMT date (API v1) the local date counts, converted to UTC if possible. If the two contradict each
        other, the earlier one counts: the store wrote it with the order, and somebody changed the other one later.
        """
        return self._utc(self.date_created_gmt or "", self.date_created or "")

    @property
    def created_by_local_date(self) -> str:
        """When the order or account was created, in UTC, by its local date alone; "" if that cannot be converted."""
        return self._from_local(self.date_created or "")

    def in_utc(self, name: str) -> str:
        """Return one of LOCAL_DATES in UTC, found in the same way as `created_at`."""
        if name == "date_created":
            return self.created_at
        return self._utc(dates.usable(self.get(f"{name}_gmt")), dates.usable(self.get(name)))

    def _from_local(self, local: str) -> str:
        return _by_offset(local, self.date_modified or "", self.date_modified_gmt or "")

    def _utc(self, stated: str, local: str) -> str:
        by_local_date = self._from_local(local)
        if stated > by_local_date > "" and dates.seconds_between(by_local_date, stated) > CLOCKS_CHANGE_S:
            return by_local_date
        return stated or by_local_date or local

    @property
    def modified_at(self) -> str:
        """When the order or account was last changed, in UTC; "" if it has no date.

        The local date counts only if the payload has no GMT field at all (API v1). Otherwise it is not used: it may be
        hours off, and an hour more when the clocks change.
        """
        if "date_modified_gmt" in self.model_fields_set:
            return self.date_modified_gmt or ""
        return self.date_modified or ""


class Order(Dated):
    """An order in its state at the time of delivery."""

    id: Id
    status: Status
    total: Money  # refunds do not reduce it
    currency: Currency = ""
    customer_id: CustomerId = 0
    billing: Annotated[Address, AnyObject] = Address()
    line_items: Items = None  # None: the store does not say which it has

    def __hash__(self) -> int:
        """Return the id's hash. Pydantic's own hash would read every field of every item."""
        return hash(self.id)

    @cached_property
    def is_anonymised(self) -> bool:
        """Whether WooCommerce's eraser or retention job has removed the person from the order.

        Both leave the meta field `_anonymized` and the address ERASED_EMAIL. What they write into other fields depends
        on the store's language.
        """
        if self.billing.email.strip().lower() == ERASED_EMAIL:
            return True
        rows = objects(self.get("meta_data"))
        return any(row.get("key") == "_anonymized" and row.get("value") == "yes" for row in rows)

    def without_person(self) -> Order:
        """Return the order as if an eraser had removed the person, with only the fields that `impersonal` keeps."""
        kept: dict[str, Any] = {
            name: stays
            for name, value in self.fields().items()
            if name in self.model_fields_set and (stays := impersonal.stays(name, value)) is not None
        }
        return Order.model_construct(**kept, billing=Address(email=ERASED_EMAIL))


class Customer(Dated):
    """A customer's account in the store."""

    id: Id
    email: Text = ""  # the account's own, not the one on its invoices
    first_name: Text = ""
    last_name: Text = ""
    role: Text = ""
    billing: Annotated[Address, AnyObject] = Address()


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """An order was created, changed, or restored from the trash (`restored`)."""

    order: Order
    restored: bool
    received_ms: int
    read: bool = False  # whether woohub read the order from the store itself; the read began at `received_ms`
    store: str = FIRST
    ahead_s: int = 0  # see Delivery


@dataclass(frozen=True, slots=True)
class OrderTrashed:
    """An order was moved to the trash. The store sends only its id."""

    order_id: int
    received_ms: int
    store: str = FIRST


@dataclass(frozen=True, slots=True)
class CustomerEvent:
    """A customer's account was created or changed."""

    customer: Customer
    received_ms: int
    is_change: bool = False  # whether the store says that the account was changed just now
    store: str = FIRST
    ahead_s: int = 0  # see Delivery


@dataclass(frozen=True, slots=True)
class Ignored:
    """A delivery that changes nothing in HubSpot. `reason` is a short code for logs and metrics."""

    reason: str


Event = OrderEvent | OrderTrashed | CustomerEvent | Ignored


class _Trashed(BaseModel):
    id: Id


def parse(delivery: Delivery) -> Event:
    """Read a verified delivery. Raises InvalidPayload, which names fields and rules but never a value."""
    reader = READERS.get(delivery.topic)
    event = reader(delivery) if reader else Ignored("other_topic")
    return event if delivery.store == FIRST or isinstance(event, Ignored) else replace(event, store=delivery.store)


def _order(delivery: Delivery) -> OrderEvent | Ignored:
    order = _read(Order, delivery.body)
    if order.status in DRAFTS:
        return Ignored("draft")
    order = order.without_person() if order.is_anonymised else order  # plugins' fields still have the person's words
    return OrderEvent(order, delivery.topic == "order.restored", delivery.received_ms, ahead_s=delivery.ahead_s)


def _order_from_store(delivery: Delivery) -> OrderEvent | Ignored:
    """Read an order that woohub read from the store. A status other than `trash` proves that it is not in the trash."""
    event = _order(delivery)
    if isinstance(event, Ignored):
        return event
    return replace(event, restored=event.order.status != TRASH, read=True)


def _trashed(delivery: Delivery) -> OrderTrashed:
    return OrderTrashed(_read(_Trashed, delivery.body).id, delivery.received_ms)


def _customer(delivery: Delivery) -> CustomerEvent | Ignored:
    customer = _read(Customer, delivery.body)
    if customer.role not in ("", CUSTOMER):  # API v1 has no role
        return Ignored("other_role")
    is_change = delivery.topic == "customer.updated"
    return CustomerEvent(customer, delivery.received_ms, is_change=is_change, ahead_s=delivery.ahead_s)


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
    # woohub's own topics, for what it reads from the store. Ingest accepts neither, because nobody signs them.
    ORDER_SWEPT: _order_from_store,
    CUSTOMER_SWEPT: _customer,
}

Model = TypeVar("Model", bound=BaseModel)
RULES = {"missing": "is missing", "model_type": "is not a JSON object"}  # in place of pydantic's words


def _read(model: type[Model], body: bytes) -> Model:
    try:
        content = read_sent(body)
    except ValueError:
        raise InvalidPayload("body: is not valid JSON") from None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InvalidPayload(mistakes(error, "body", RULES)) from None  # the original error holds personal data
