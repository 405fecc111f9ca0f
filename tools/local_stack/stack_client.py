"""A client of a running local stack: send deliveries, read the queues and the simulated HubSpot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import boto3
import urllib3

from woohub_cli.stack import stack_status
from woohub_cli.stack import stacks as operators

from . import environment
from .stack import Stack
from .steps import step, wait_until

COUNTS = list(stack_status.COUNTS.values())
CONTACT = ("email", "firstname", "lastname", "city", "country", "woocommerce_customer_id")
METRICS = (
    "woocommerce_orders",
    "woocommerce_total_paid",
    "woocommerce_last_order_date",
    "woocommerce_last_order_status",
)  # in the order of Metrics
EMPTY_WITHIN_S = 120.0
http = urllib3.PoolManager(retries=False, timeout=30.0)


@dataclass(frozen=True)
class Metrics:
    """A contact's customer metrics; "" if the mapping has none."""

    orders: str = ""
    total_paid: str = ""
    last_order: str = ""  # when it was placed
    last_status: str = ""


@dataclass(frozen=True)
class Contact:
    """A contact of the simulated HubSpot. `customer` is the store's customer id, "" for guests."""

    email: str
    name: str
    city: str
    country: str
    customer: str
    metrics: Metrics = Metrics()


@dataclass(frozen=True)
class Item:
    """A line item of a deal. `price` is for one piece, after coupons."""

    name: str
    quantity: str
    price: Decimal

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name} at {self.price}"


@dataclass(frozen=True)
class Deal:
    """A deal of the simulated HubSpot. `contact` is the e-mail address of its contact, "" for none."""

    order: str
    name: str
    stage: str
    amount: str
    currency: str
    contact: str
    items: tuple[Item, ...] = ()

    @property
    def sum_of_items(self) -> Decimal:
        """The sum of the line items."""
        return sum((Decimal(item.quantity) * item.price for item in self.items), Decimal(0))


def as_operators_see(stack: Stack) -> operators.Stack:
    """Return the stack in the form that the `woohub` command uses."""
    session = boto3.Session(environment.KEY, environment.KEY, region_name=stack.region)
    aws = operators.Aws(session, stack.aws_endpoint_url, operators.LOCAL_CALLS)
    return operators.Stack(operators.LOCAL, stack.outputs, aws, deployed_as=stack.stack_name)


def send(stack: Stack, headers: Mapping[str, str], body: bytes) -> int:
    """Post a delivery as the store does. Return the status code."""
    return http.request("POST", stack.webhook_url, body=body, headers=dict(headers)).status


def queue_length(stack: Stack) -> int:
    """Return the number of messages in the queue, including those in flight or delayed."""
    response = stack.client("sqs").get_queue_attributes(QueueUrl=stack.queue_url, AttributeNames=COUNTS)
    return sum(int(response["Attributes"][name]) for name in COUNTS)


def wait_until_queue_is_empty(stack: Stack) -> None:
    """Wait, as a step of its own. Raises StepFailed after two minutes."""
    with step("Wait until the queue is empty"):
        message = f"deliveries are still queued after {EMPTY_WITHIN_S:.0f} s; logs: {stack.log}"
        wait_until(lambda: not queue_length(stack), message, timeout_s=EMPTY_WITHIN_S)


def contacts(stack: Stack) -> list[Contact]:
    """Return all contacts, sorted by e-mail address."""
    records = simulator(stack, "GET", "state")["contacts"]
    return sorted((_contact(record["properties"]) for record in records), key=lambda contact: contact.email)


def deals(stack: Stack) -> list[Deal]:
    """Return all deals, sorted by order."""
    state = simulator(stack, "GET", "state")
    emails = {contact["id"]: contact["properties"]["email"] for contact in state["contacts"]}
    items = {item["id"]: _item(item["properties"]) for item in state["line_items"]}
    records = [
        _deal(
            deal["properties"],
            [emails[key] for key in deal["contacts"]],
            [items[key] for key in sorted(deal["line_items"], key=int)],
        )
        for deal in state["deals"]
    ]
    return sorted(records, key=lambda deal: int(deal.order))


def simulator(stack: Stack, method: str, path: str, json: Any = None) -> Any:
    return http.request(method, f"{stack.hubspot_url}/_simulator/{path}", json=json).json()


def dead_letters(stack: Stack) -> list[dict[str, str]]:
    """Return the attributes of the messages in the dead-letter queue. The messages stay there."""
    response = stack.client("sqs").receive_message(
        QueueUrl=stack.dlq_url, MaxNumberOfMessages=10, VisibilityTimeout=0, MessageAttributeNames=["All"]
    )
    letters = [message.get("MessageAttributes", {}) for message in response.get("Messages", [])]
    return [{name: value["StringValue"] for name, value in attributes.items()} for attributes in letters]


def _contact(properties: Mapping[str, str | None]) -> Contact:
    email, first, last, city, country, customer = _values(properties, CONTACT)
    return Contact(email, f"{first} {last}".strip(), city, country, customer, Metrics(*_values(properties, METRICS)))


def _values(properties: Mapping[str, str | None], names: Sequence[str]) -> Iterator[str]:
    return (properties.get(name) or "" for name in names)


def _item(properties: Mapping[str, str]) -> Item:
    price = Decimal(properties["price"]) - Decimal(properties.get("discount") or 0)
    return Item(properties["name"], properties["quantity"], price)


def _deal(properties: Mapping[str, str], emails: Iterable[str], items: Iterable[Item]) -> Deal:
    return Deal(
        properties["woocommerce_order_id"],
        properties["dealname"],
        properties["dealstage"],
        properties["amount"],
        properties["currency"],
        ", ".join(sorted(emails)),
        tuple(items),
    )
