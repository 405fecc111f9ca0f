"""What a month of woohub costs on AWS, by list prices and the deployed template.

Without options: the cases of docs/costs.md. An event is one delivery by the store; an order makes two to three.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.table import Table

from woohub_cli.rendering.output import as_json, console

from . import assumptions, cases, page, prices, stack
from .cases import Case
from .month import Month
from .prices import PRICES, REGION, InvalidFile

EXAMPLES = """\
examples:
  python -m generators.costs
  python -m generators.costs --events 12000 --order-kb 20 --region eu-west-1
  python -m generators.costs --events 1000 5000 --assume hubspot_call_ms=600 --assume pollers=2
  python -m generators.costs --prices mine.toml --region eu-central-1   # like tools/generators/costs/prices.toml
  python -m generators.costs --json | jq '.[].total_usd'
  python -m generators.costs --write

Assumptions and their names are in tools/generators/costs/assumptions.toml. Exit codes: 0 fine, 2 wrong usage.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0; wrong usage ends with 2."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.write:
        if options != parser.parse_args(["--write"]):
            parser.error("--write renews docs/costs.md with its own cases: leave the other options out")
        page.write()
        return 0
    try:
        found = _cases(options)
    except InvalidFile as error:
        parser.error(str(error))
    if options.json:
        as_json(cases.as_json(found))
    else:
        console().print(_table(found))
    return 0


def _cases(options: argparse.Namespace) -> list[Case]:
    listed = prices.load(options.prices, options.region)
    assumed = assumptions.changed(assumptions.load(), options.assume)
    if options.order_kb:
        assumed["order_kb"] = options.order_kb
    deployed = stack.deployed()
    if options.architecture:
        deployed = replace(deployed, architecture=options.architecture)
    return [Case(Month(events, deployed, assumed), listed) for events in options.events]


def _table(found: Sequence[Case]) -> Table:
    """The bill, and what is behind it."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(cases.head(found, "US dollars a month, events:")):
        drawn.add_column(name, justify="right" if number else "left")
    for row in (*cases.services(found), *cases.sums(found)):
        drawn.add_row(*row, style="bold" if row[0] == "Total" else "")
    drawn.add_row()
    for row in cases.amounts(found):
        drawn.add_row(*row)
    return drawn


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m generators.costs",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--events", type=_events, nargs="+", metavar="N", default=list(page.USUAL), help="deliveries a month")
    add("--order-kb", type=_kilobytes, metavar="KB", help="of an order, as --assume order_kb=KB")
    add("--region", default=REGION, help="whose prices (%(default)s)")
    add("--prices", type=Path, metavar="FILE", default=PRICES, help="a price file of your own")
    add("--architecture", choices=stack.ARCHITECTURES, help="of the functions (the template's)")
    add("--assume", action="append", metavar="NAME=VALUE", default=[], help="an assumption of your own; repeatable")
    add("--json", action="store_true", help="JSON, unrounded, with all quantities")
    add("--write", action="store_true", help="renew docs/costs.md")
    return parser


def _events(text: str) -> int:
    """A whole number above 0; argparse makes a sentence of the ValueError."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _kilobytes(text: str) -> float:
    """At most what Lambda receives, 6 MB."""
    value = float(text)
    if not 0 < value <= 6000:
        raise ValueError
    return value


if __name__ == "__main__":
    sys.exit(main())
