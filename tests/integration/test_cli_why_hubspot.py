"""`woohub why` names what differs in HubSpot or in the store's order."""

from __future__ import annotations

import boto3
import pytest

from simulators.hubspot.definitions import CONTACTS, DEALS
from tests.support.operated_stack import OperatedStack
from tests.support.stack_consumer import StackConsumer
from tests.support.why_command import edit, why, without_delivery


def test_why_reports_a_trashed_order_with_a_deal_in_the_lost_stage(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    number = shop.shop.place()
    consumer.deliver()
    shop.shop.trash(number)
    consumer.deliver()

    assert "in the store's trash, and its deal is in the lost stage" in why(shop, number, code=0)["conclusion"]


def test_why_reports_a_trashed_order_that_hubspot_never_had(shop: OperatedStack) -> None:
    number = without_delivery(shop, shop.shop.place)
    without_delivery(shop, shop.shop.trash, number)

    assert "HubSpot never had it" in why(shop, number, code=0)["conclusion"]


def test_why_reports_that_a_cart_is_not_an_order(shop: OperatedStack) -> None:
    assert "a cart, not an order" in why(shop, shop.shop.abandon(), code=0)["conclusion"]


def test_why_names_reconcile_for_a_permanently_deleted_order(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    shop.shop.delete(number)

    assert "woohub reconcile --deleted check" in why(shop, number)["next_step"]


def test_why_names_the_field_that_makes_an_order_unreadable(shop: OperatedStack) -> None:
    number = shop.shop.place()
    order = shop.shop.orders[number]
    order.text = shop.shop.order_text(order).replace('"total":"', '"total":"EUR ')

    assert "cannot be read: total: must be a plain decimal number" in why(shop, number)["conclusion"]


def test_why_reports_a_stage_that_was_moved_in_hubspot(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    edit(shop, number, dealstage="on_hold")

    facts = why(shop, number, code=0)

    assert "moved in HubSpot to on_hold" in facts["conclusion"]
    assert facts["hubspot"]["stage_moved"]


def test_why_names_a_value_that_was_changed_in_hubspot(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    edit(shop, number, amount="1.00")

    facts = why(shop, number)

    assert "but amount was changed there afterwards" in facts["conclusion"]
    assert "woohub verify --repair" in facts["next_step"]


def test_why_reports_a_value_missing_because_its_row_was_added_to_the_mapping_later(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    number = shop.shop.place()
    consumer.deliver()
    bucket = shop.stack.outputs["ConfigurationBucket"]
    row = b'deal.description = { order = "payment_method_title" }'
    boto3.client("s3").put_object(Bucket=bucket, Key="mapping.toml", Body=row)

    facts = why(shop, number)

    assert "but nothing in description: the mapping got it later" in facts["conclusion"]
    assert facts["next_step"] == "woohub verify --repair writes it"


def test_why_reports_an_association_that_was_removed_in_hubspot(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    (link,) = shop.portal.state()["associations"]
    shop.portal.links.forget((DEALS.id, link["deal"]))

    facts = why(shop, number)

    assert "somebody removed the association" in facts["conclusion"]


@pytest.mark.parametrize(
    ("email", "cause"),
    [
        ("somebody@shop.invalid", "HubSpot rejects the order's e-mail address"),
        ("nobody", "HubSpot could not accept the order's e-mail address"),
    ],
)
def test_why_reports_an_email_address_for_which_hubspot_has_no_contact(
    shop: OperatedStack, consumer: StackConsumer, email: str, cause: str
) -> None:
    number = shop.shop.place(billing={"email": email})
    consumer.deliver()

    assert cause in why(shop, number, code=0)["conclusion"]


def test_why_reports_an_order_without_an_email_address(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(billing={"email": ""})
    consumer.deliver()

    conclusion = why(shop, number, code=0)["conclusion"]

    assert conclusion == "HubSpot matches the store. It has no contact: the order has no e-mail address."


def test_why_reports_an_anonymised_order_whose_contact_hubspot_still_has(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    number = shop.shop.place()
    consumer.deliver()
    shop.shop.edit_address(number, email="deleted@site.invalid", first_name="[deleted]", last_name="[deleted]")
    consumer.deliver()

    facts = why(shop, number)

    assert "The store has anonymised it" in facts["conclusion"]
    assert f"HubSpot still has the person as contact {facts['hubspot']['contact']}" in facts["conclusion"]
    assert "delete the contact in HubSpot" in facts["next_step"]


def test_why_reports_an_anonymised_order_without_a_contact(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(billing={"email": "deleted@site.invalid"})
    consumer.deliver()

    facts = why(shop, number, code=0)

    assert facts["store"]["anonymised"]
    assert facts["conclusion"].endswith("It has no contact: the store has erased the person.")


def test_why_reports_a_missing_contact(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    (contact,) = shop.portal.state()["contacts"]
    shop.portal.objects.archive(CONTACTS, contact["id"])

    facts = why(shop, number)

    assert facts["conclusion"].startswith("HubSpot differs: contact missing")
    assert facts["next_step"].startswith("woohub reconcile --since")
