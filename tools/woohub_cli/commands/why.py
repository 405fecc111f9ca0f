"""`woohub why`: show everything known about one order, and the conclusion."""

from __future__ import annotations

from typing import Annotated

import typer

from woohub_cli.cli_errors import WrongUsage
from woohub_cli.options import StoreOptions
from woohub_cli.orders import order_names, order_reading
from woohub_cli.orders.order_conclusions import conclude
from woohub_cli.orders.order_reading import OrderReading
from woohub_cli.rendering import output
from woohub_cli.rendering.diagnosis_text import print_diagnosis
from woohub_cli.rendering.progress import bar
from woohub_cli.stack import stack_configuration


def command(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's number, or its id in the store.")],
    options: StoreOptions,
) -> None:
    """Explain the state of an order in HubSpot, or why HubSpot has no deal of it, and what to do.

    Reads the store, HubSpot, the queues, the circuit breaker and the functions' logs; changes nothing. Ends with 1
    when something has to be done. Where one order's id is another one's number, 1234 means the id, #1234 the number,
    order:1234 the id and nothing else.

    Examples:

        woohub why 1234
        woohub why RE-2026-00434
        woohub why 1234 --json | jq .conclusion
    """
    asked = order_names.reference(order)
    if not asked.text.strip("0"):
        raise WrongUsage(f"no order is numbered {asked.text}: {order_names.FORMS}")
    target = options.target
    with bar("asking") as shown:
        known = OrderReading.of(asked, target, options.env, stack_configuration.mapping(target), shown.say)
        shown.say("reading queues and logs")
        diagnosis = order_reading.diagnosis(target, asked, known)
    conclusion = conclude(diagnosis)
    output.answer(
        diagnosis.facts() | conclusion.facts(),
        lambda: print_diagnosis(diagnosis, conclusion),
        json=options.json,
        problems=not conclusion.fine,
    )
