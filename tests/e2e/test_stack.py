"""From a store's request to HubSpot's records, through the deployed template."""

from __future__ import annotations

import json

import pytest

from local_stack import stack_client
from local_stack.stack import Stack
from local_stack.stack_client import Contact, Deal
from local_stack.steps import wait_until
from tests.support.deliveries import Captured, delivery, signed_again

ORDER = delivery(93)
DEAL = Deal(
    "46", "WooCommerce Order #46 - New Account", "newly_created_order", "39.98", "USD", "acc1795473865@shop.example"
)
CONTACT = Contact("acc1795473865@shop.example", "New Account", "New York", "US", "6")


def send(stack: Stack, sent: Captured) -> int:
    return stack_client.send(stack, sent.headers, sent.body)


def drain(stack: Stack) -> None:
    wait_until(lambda: stack_client.queue_length(stack) == 0, f"deliveries still wait; log: {stack.log}", timeout_s=90)


def breaker(stack: Stack) -> str:
    value = stack.client("ssm").get_parameter(Name=stack.breaker_parameter)["Parameter"]["Value"]
    return str(json.loads(value)["state"])


def consumer_state(stack: Stack) -> str:
    return str(stack.client("lambda").get_event_source_mapping(UUID=stack.event_source_mapping_id)["State"])


def test_an_order_makes_a_deal_with_its_contact_and_its_repeated_delivery_no_other(stack: Stack) -> None:
    assert send(stack, ORDER) == 200
    drain(stack)
    assert (stack_client.contacts(stack), stack_client.deals(stack)) == ([CONTACT], [DEAL])
    send(stack, ORDER)
    send(stack, ORDER)

    drain(stack)
    assert stack_client.contacts(stack) == [CONTACT]
    assert stack_client.deals(stack) == [DEAL]


def test_an_updated_delivery_before_the_created_one_makes_one_deal_with_its_contact(stack: Stack) -> None:
    updated, created = delivery(83), delivery(84)
    send(stack, updated)
    drain(stack)
    send(stack, created)

    drain(stack)
    assert [(deal.order, deal.contact) for deal in stack_client.deals(stack)] == [("43", "guest.checkout@shop.example")]


def test_a_forged_delivery_gets_401_and_is_not_queued(stack: Stack) -> None:
    forged = ORDER.body.replace(b'"total":"39.98"', b'"total":"00.01"')
    assert forged != ORDER.body

    assert stack_client.send(stack, ORDER.headers, forged) == 401

    assert stack_client.queue_length(stack) == 0


def test_a_ping_gets_200_and_is_not_queued(stack: Stack) -> None:
    assert send(stack, delivery(1)) == 200

    assert stack_client.queue_length(stack) == 0


def test_an_invalid_order_becomes_a_dead_letter_with_its_reason_and_the_other_is_written(stack: Stack) -> None:
    stack_client.send(stack, *signed_again(ORDER, id=47, total="39,98 €"))
    send(stack, ORDER)

    drain(stack)
    assert stack_client.deals(stack) == [DEAL]
    (letter,) = stack_client.dead_letters(stack)
    assert letter["entity"] == "order:47"
    assert letter["reason"].startswith("total: ")


def test_an_order_larger_than_a_message_makes_its_deal(stack: Stack) -> None:
    plugin_data = [{"id": 1, "key": "lines", "value": "a line of a plugin\n" * 150_000}]

    assert stack_client.send(stack, *signed_again(ORDER, meta_data=plugin_data)) == 200

    drain(stack)
    assert stack_client.deals(stack) == [DEAL]


def test_40_orders_at_once_take_at_most_12_requests(stack: Stack) -> None:
    for number in range(1000, 1040):
        stack_client.send(stack, *signed_again(ORDER, id=number))

    drain(stack)
    assert len(stack_client.deals(stack)) == 40
    assert stack_client.simulator(stack, "GET", "state")["requests"]["total"] <= 12


def test_the_consumers_reserved_concurrency_applies_to_its_alias(stack: Stack) -> None:
    functions = stack.client("lambda")
    functions.put_function_concurrency(FunctionName=stack.consumer_function, ReservedConcurrentExecutions=0)

    try:
        with pytest.raises(functions.exceptions.TooManyRequestsException):
            functions.invoke(FunctionName=f"{stack.consumer_function}:live", Payload='{"Records": []}')
    finally:
        functions.put_function_concurrency(FunctionName=stack.consumer_function, ReservedConcurrentExecutions=1)


def test_a_rejected_token_disables_the_consumer_and_the_governor_enables_it_again(stack: Stack) -> None:
    stack_client.simulator(stack, "POST", "faults", {"status": 401})
    send(stack, ORDER)
    wait_until(lambda: consumer_state(stack) == "Disabled", "the breaker does not open", timeout_s=30)
    assert breaker(stack) == "open"

    stack_client.simulator(stack, "DELETE", "faults")
    stack.client("lambda").invoke(FunctionName=stack.governor_function)  # as the schedule does every minute

    assert (breaker(stack), consumer_state(stack)) == ("closed", "Enabled")
    drain(stack)
    assert stack_client.deals(stack) == [DEAL]
    assert stack_client.dead_letters(stack) == []
