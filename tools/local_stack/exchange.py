"""What goes into a running stack, and what came out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from .settings import Settings
from .stack import Stack

COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
API = "2026-09"
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
    return sorted(_contacts(stack).values(), key=lambda contact: contact.email)


def deals(stack: Stack) -> list[Deal]:
    """All deals, by order."""
    people = _contacts(stack)
    found = _objects(stack, "deals", "dealname,dealstage,amount,currency,woocommerce_order_id")
    linked = _linked(stack, [one["id"] for one in found])
    made = [_deal(one["properties"], [people[who].email for who in linked.get(one["id"], ())]) for one in found]
    return sorted(made, key=lambda deal: int(deal.order))


def dead_letters(stack: Stack) -> list[dict[str, str]]:
    """The reasons in the dead-letter queue, by name; the messages stay there."""
    answer = stack.client("sqs").receive_message(
        QueueUrl=stack.dlq_url, MaxNumberOfMessages=10, VisibilityTimeout=0, MessageAttributeNames=["All"]
    )
    found = [message.get("MessageAttributes", {}) for message in answer.get("Messages", [])]
    return [{name: value["StringValue"] for name, value in attributes.items()} for attributes in found]


def _contacts(stack: Stack) -> dict[str, Contact]:
    found = _objects(stack, "contacts", "email,firstname,lastname,city,country,woocommerce_customer_id")
    return {one["id"]: _contact({name: value or "" for name, value in one["properties"].items()}) for one in found}


def _contact(it: Mapping[str, str]) -> Contact:
    name = f"{it.get('firstname', '')} {it.get('lastname', '')}".strip()
    customer = it.get("woocommerce_customer_id", "")
    return Contact(it["email"], name, it.get("city", ""), it.get("country", ""), customer)


def _deal(it: Mapping[str, str], emails: Iterable[str]) -> Deal:
    contact = ", ".join(sorted(emails))
    return Deal(it["woocommerce_order_id"], it["dealname"], it["dealstage"], it["amount"], it["currency"], contact)


def _objects(stack: Stack, kind: str, properties: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _call(stack, "GET", f"/crm/objects/{API}/{kind}?limit=100&properties={properties}")
    return found


def _linked(stack: Stack, deal_ids: list[str]) -> dict[str, list[str]]:
    asked = {"inputs": [{"id": one} for one in deal_ids]}
    found = _call(stack, "POST", f"/crm/associations/{API}/deals/contacts/batch/read", json=asked)
    return {one["from"]["id"]: [str(to["toObjectId"]) for to in one["to"]] for one in found}


def _call(stack: Stack, method: str, path: str, **arguments: Any) -> Any:
    headers = {"Authorization": f"Bearer {Settings.hubspot_token}"}
    return http.request(method, stack.hubspot_url + path, headers=headers, **arguments).json()["results"]
