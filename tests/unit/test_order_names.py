"""The names of an order and its customer in the output of commands."""

from woohub_cli.orders.order_names import of_order


def test_html_entities_in_a_customers_name_are_decoded() -> None:
    order = {"id": 7, "billing": {"first_name": "Ana &amp; Tom", "last_name": " O&#039;Neil "}}

    assert of_order(order).customer == "Ana & Tom O'Neil"
