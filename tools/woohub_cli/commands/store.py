"""`woohub store`: add, list and remove the stores of a stack."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from woohub.mapping.several_stores import customer_id_property, order_key_prefix
from woohub.store.connection import StoreCredentials
from woohub.stores import FIRST_SHOWN, StoreSettings
from woohub_cli import environment
from woohub_cli.check_result import Step, failed
from woohub_cli.cli_errors import WrongUsage
from woohub_cli.consent import YesOption, confirm
from woohub_cli.environment import STORE_VARIABLES
from woohub_cli.options import DryRunOption, StackOptions, command
from woohub_cli.rendering import output
from woohub_cli.rendering.steps import finish, show_each
from woohub_cli.rendering.typer_help import Group
from woohub_cli.set_up import further_stores, store_setup
from woohub_cli.set_up.store_addition import Addition, refuse_twins
from woohub_cli.set_up.store_removal import removal
from woohub_cli.set_up.store_setup import Reach
from woohub_cli.stack import connections, stack_configuration, stacks
from woohub_cli.stack.stacks import Stack

app = typer.Typer(cls=Group, no_args_is_help=True)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help='The store\'s name: lower-case letters, digits and "-".')
]
NEXT = (
    "`woohub backfill --customers --store {name}` brings the orders and customers that it has already.",
    "Place an order in the store, then run `woohub doctor --store {name}`.",
)


@app.callback()
def main() -> None:
    """Add a store to the stack, list its stores, remove one.

    All stores share one queue, one writer and HubSpot's limit, and a person who buys in several is one contact. Each
    has a webhook URL, secrets, order keys, a customer-id property and reconcile runs of its own.

    Examples:

        woohub store add outlet --dry-run
        woohub store list
        woohub doctor --store outlet
        woohub store remove outlet
    """


@command(app)
def add(
    name: NameArgument,
    url: Annotated[str, typer.Option(metavar="URL", help="The store's address.")] = "",
    key: Annotated[str, typer.Option(metavar="CK", help="Consumer key of its REST API, Read/Write.")] = "",
    secret: Annotated[str, typer.Option(metavar="CS", help="Consumer secret of that key.")] = "",
    prefix: Annotated[
        str, typer.Option(metavar="TEXT", help='What its order keys begin with. Default: "NAME-". Never change it.')
    ] = "",
    customer_id: Annotated[
        str, typer.Option(metavar="PROPERTY", help="HubSpot property of its customers' numbers.")
    ] = "",
    dry_run: DryRunOption = False,
    *,
    options: StackOptions,
) -> None:
    """Add a store: secrets and webhooks, HubSpot's properties, reconcile. No deployment is needed.

    Without --url, --key and --secret (which other users of the machine may see) it reads WOO_COMMERCE_URL_NAME,
    WOO_COMMERCE_CONSUMER_KEY_NAME and WOO_COMMERCE_CONSUMER_SECRET_NAME from .env or the environment, with the store's
    name in capitals and "_" for "-". What is there already stays; run again, it continues where it stopped.
    Ends with 1 when a step failed, and says what to do about it.

    Examples:

        woohub store add outlet --dry-run
        woohub store add b2b --url https://b2b.example --key ck_… --secret cs_…
    """
    if not environment.store_named(name):
        raise WrongUsage(f"{FIRST_SHOWN!r} is the stack's own store, which `woohub setup` sets up")
    output.about_store(name)
    first = options.target
    env = environment.read(os.environ, Path.cwd(), name)
    given = [text or env.get(variable, "") for text, variable in zip((url, key, secret), STORE_VARIABLES, strict=True)]
    if missing := [option for option, text in zip(("--url", "--key", "--secret"), given, strict=True) if not text]:
        ways = f"give {', '.join(missing)}, or put {', '.join(STORE_VARIABLES)} into .env"
        raise WrongUsage(f"the store's address or key is missing: {ways}")
    access = StoreCredentials(*(text.strip() for text in given))
    others = dict(stack_configuration.current(first).stores)
    known = others.get(name, StoreSettings())
    wanted = StoreSettings(access.url, prefix or known.order_key_prefix, customer_id or known.customer_id_property)
    refuse_twins(first, name, wanted, others)
    env.pop("HUBSPOT_API_KEY", None)  # a further store uses the stack's token
    reach = Reach.usual()
    addition = Addition(first.of_store(name), access, wanted, others, env, reach)
    steps = (_named_for_addition(step, name) for step in addition.run(dry_run=dry_run))
    left = [] if dry_run else [line.format(name=name) for line in NEXT]
    _report(name, steps, left, dry_run=dry_run, json=options.json)


def _named_for_addition(step: Step, name: str) -> Step:
    """Return the step with `woohub store add` in its texts: it is the command that continues where it stopped."""
    fix, detail = (text.replace("woohub setup", f"woohub store add {name}") for text in (step.fix, step.detail))
    return replace(step, fix=fix, detail=detail)


@command(app, "list")
def list_command(options: StackOptions) -> None:
    """List the stores of the stack.

    Shows each store's address, what distinguishes its orders and customers in HubSpot, and when it was last
    reconciled. --json has the URL of its webhooks, too.

    Examples:

        woohub store list
        woohub store list --json | jq -r '.[].name'
    """
    rows = list(described(options.target))
    shown = [[str(row[name] or "") for name in COLUMNS] for row in rows]
    output.answer(rows, lambda: output.table(list(COLUMNS.values()), shown), json=options.json)


COLUMNS = {
    "name": "Store",
    "url": "Address",
    "order_key_prefix": "Order keys",
    "customer_id_property": "Customer ids",
    "reconciled": "Reconciled (UTC)",
}


def described(stack: Stack) -> Iterator[dict[str, Any]]:
    """Yield the facts of each store for --json. The first has no prefix and may have no address."""
    version, access = stack_configuration.current(stack), connections.access(stack, {})
    url = access.url if access else None
    yield _described(FIRST_SHOWN, stack, url, version.mapping.order_key_prefix, "woocommerce_customer_id")
    for name, row in sorted(version.stores.items()):
        names = order_key_prefix(name, row), customer_id_property(name, row)
        yield _described(name, stack.of_store(name), row.url, *names)


def _described(name: str, own: Stack, url: str | None, prefix: str, customer_id: str) -> dict[str, Any]:
    return {
        "name": name,
        "url": url,
        "order_key_prefix": prefix,
        "customer_id_property": customer_id,
        "webhook_url": own.output("WebhookUrl"),
        "reconciled": further_stores.reconciled(own),
    }


@command(app)
def remove(
    name: NameArgument,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    *,
    options: StackOptions,
) -> None:
    """Remove a store from the stack: its webhooks, mapping, secrets, watermark and alarms.

    HubSpot keeps its deals and contacts. Its messages that still wait in the queue become dead letters
    (STORE_UNKNOWN), so let the queue run empty first (`woohub status`). On a terminal it asks first.

    Examples:

        woohub store remove outlet --dry-run
        woohub store remove outlet --yes
    """
    if not environment.store_named(name):
        raise WrongUsage(f"{FIRST_SHOWN!r} is the stack's own store: `woohub remove` is for the whole stack")
    output.about_store(name)
    env = environment.read(os.environ, Path.cwd(), name)
    target = stacks.find(options.stack, env, Path.cwd(), name)
    others = dict(stack_configuration.current(target).stores)
    if name not in others:
        raise WrongUsage(f"the stack has no store {name}: `woohub store list` names those it has")
    question = f"Remove the store {name} ({others[name].url}) from {target.name}?"
    if not dry_run:
        confirm(question, yes=yes, json=options.json, otherwise=f"{name} was not removed")
    access = connections.access(target, env)
    store = store_setup.connect(access) if access else None
    _report(name, removal(target, store, dry_run=dry_run), [], dry_run=dry_run, json=options.json)


def _report(name: str, steps: Iterator[Step], left: list[str], *, dry_run: bool, json: bool) -> None:
    """Report each step as it is done and then, if none failed, what is left to do."""
    done = show_each(steps, json=json)
    finish(done, {"store": name, "dry_run": dry_run}, json=json, left_to_do=[] if failed(done) else left)
