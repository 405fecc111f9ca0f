"""A client of a running local stack: send deliveries, read the queues and the simulated HubSpot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from .stack import Stack
from .steps import step, wait_until

COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
EMPTY_WITHIN_S = 120.0
http = urllib3.PoolManager(retries=False, timeout=30.0)


@dataclass(frozen=True)
class Contact:
    """A contact of the simulated HubSpot. `customer`: the store's customer id, "" for guests."""

    email: str
    name: str
    city: str
    country: str
    customer: str


@dataclass(frozen=True)
class Deal:
    """A deal of the simulated HubSpot. `contact`: e-mail of the contact it belongs to, "" for none."""

    order: str
    name: str
    stage: str
    amount: str
    currency: str
    contact: str


def send(stack: Stack, headers: Mapping[str, str], body: bytes) -> int:
    """Post a delivery as the store does; returns the status code."""
    return http.request("POST", stack.webhook_url, body=body, headers=dict(headers)).status


def queue_length(stack: Stack) -> int:
    """Messages in the queue, including those in flight or delayed."""
    response = stack.client("sqs").get_queue_attributes(QueueUrl=stack.queue_url, AttributeNames=list(COUNTS))
    return sum(int(response["Attributes"][name]) for name in COUNTS)


def wait_until_queue_is_empty(stack: Stack) -> None:
    """A step of its own; StepFailed if it takes more than two minutes."""
    with step("Wait until the queue is empty"):
        message = f"deliveries are still queued after {EMPTY_WITHIN_S:.0f} s; logs: {stack.log}"
        wait_until(lambda: not queue_length(stack), message, timeout_s=EMPTY_WITHIN_S)


def contacts(stack: Stack) -> list[Contact]:
    """All contacts, sorted by address."""
    records = simulator(stack, "GET", "state")["contacts"]
    return sorted((_contact(record["properties"]) for record in records), key=lambda contact: contact.email)


def deals(stack: Stack) -> list[Deal]:
    """All deals, sorted by order."""
    state = simulator(stack, "GET", "state")
    emails = {contact["id"]: contact["properties"]["email"] for contact in state["contacts"]}
    records = [_deal(deal["properties"], [emails[contact] for contact in deal["contacts"]]) for deal in state["deals"]]
    return sorted(records, key=lambda deal: int(deal.order))


def simulator(stack: Stack, method: str, path: str, json: Any = None) -> Any:
    """Call the simulated HubSpot's controls."""
    return http.request(method, f"{stack.hubspot_url}/_simulator/{path}", json=json).json()


def dead_letters(stack: Stack) -> list[dict[str, str]]:
    """The attributes of the messages in the dead-letter queue; the messages stay there."""
    response = stack.client("sqs").receive_message(
        QueueUrl=stack.dlq_url, MaxNumberOfMessages=10, VisibilityTimeout=0, MessageAttributeNames=["All"]
    )
    letters = [message.get("MessageAttributes", {}) for message in response.get("Messages", [])]
    return [{name: value["StringValue"] for name, value in attributes.items()} for attributes in letters]


def _contact(properties: Mapping[str, str | None]) -> Contact:
    email, first, last, city, country, customer = (
        properties.get(name) or ""
        for name in ("email", "firstname", "lastname", "city", "country", "woocommerce_customer_id")
    )
    return Contact(email, f"{first} {last}".strip(), city, country, customer)


def _deal(properties: Mapping[str, str], emails: Iterable[str]) -> Deal:
    return Deal(
        properties["woocommerce_order_id"],
        properties["dealname"],
        properties["dealstage"],
        properties["amount"],
        properties["currency"],
        ", ".join(sorted(emails)),
    )
