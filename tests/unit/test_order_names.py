from woohub_cli.orders.order_names import of_order


def test_a_name_is_shown_as_people_write_it_and_not_as_the_store_escapes_it() -> None:
    order = {"id": 7, "billing": {"first_name": "Ana &amp; Tom", "last_name": " O&#039;Neil "}}

    assert of_order(order).customer == "Ana & Tom O'Neil"
