"""What goes into a running stack, and what came out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from .stack import Stack

COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
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
    """Post a delivery as the store does; the status of the answer."""
    return http.request("POST", stack.webhook_url, body=body, headers=dict(headers)).status


def waiting(stack: Stack) -> int:
    """Messages in the queue, those being worked on or put off included."""
    answer = stack.client("sqs").get_queue_attributes(QueueUrl=stack.queue_url, AttributeNames=list(COUNTS))
    return sum(int(answer["Attributes"][name]) for name in COUNTS)


def contacts(stack: Stack) -> list[Contact]:
    """All contacts, by address."""
    found = [_contact(one["properties"]) for one in simulator(stack, "GET", "state")["contacts"]]
    return sorted(found, key=lambda contact: contact.email)


def deals(stack: Stack) -> list[Deal]:
    """All deals, by order."""
    state = simulator(stack, "GET", "state")
    emails = {one["id"]: one["properties"]["email"] for one in state["contacts"]}
    found = [_deal(one["properties"], [emails[who] for who in one["contacts"]]) for one in state["deals"]]
    return sorted(found, key=lambda deal: int(deal.order))


def simulator(stack: Stack, method: str, path: str, json: Any = None) -> Any:
    """Look at or change the simulated HubSpot."""
    return http.request(method, f"{stack.hubspot_url}/_simulator/{path}", json=json).json()


def dead_letters(stack: Stack) -> list[dict[str, str]]:
    """The reasons in the dead-letter queue, by name; the messages stay there."""
    answer = stack.client("sqs").receive_message(
        QueueUrl=stack.dlq_url, MaxNumberOfMessages=10, VisibilityTimeout=0, MessageAttributeNames=["All"]
    )
    found = [message.get("MessageAttributes", {}) for message in answer.get("Messages", [])]
    return [{name: value["StringValue"] for name, value in attributes.items()} for attributes in found]


def _contact(has: Mapping[str, str | None]) -> Contact:
    email, first, last, city, country, customer = (
        has.get(name) or "" for name in ("email", "firstname", "lastname", "city", "country", "woocommerce_customer_id")
    )
    return Contact(email, f"{first} {last}".strip(), city, country, customer)


def _deal(has: Mapping[str, str], emails: Iterable[str]) -> Deal:
    contact = ", ".join(sorted(emails))
    return Deal(has["woocommerce_order_id"], has["dealname"], has["dealstage"], has["amount"], has["currency"], contact)
