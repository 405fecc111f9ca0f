"""`woohub setup`: store the secrets, create what the mapping needs in HubSpot, register webhooks in the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated

import typer

from woohub.counted import counted
from woohub.mapping.fields import FieldMapping
from woohub.store.connection import StoreCredentials
from woohub.store.webhooks import TOPICS
from woohub_cli import environment
from woohub_cli.check_result import Result, Step, failed
from woohub_cli.cli_errors import EXPECTED, explain
from woohub_cli.consent import YesOption, agreed
from woohub_cli.options import DryRunOption, StoreOptions
from woohub_cli.rendering.steps import finish, show_each
from woohub_cli.set_up import stack_setup, store_change, store_setup
from woohub_cli.set_up.stack_setup import Agree
from woohub_cli.set_up.store_change import Change, StoreRelation
from woohub_cli.set_up.store_setup import Reach
from woohub_cli.stack import stack_configuration
from woohub_cli.stack.connections import HubSpotAddress, hubspot_address
from woohub_cli.stack.secret_store import StackSecrets
from woohub_cli.stack.stacks import Stack
from woohub_cli.verify.hubspot_records import Crm

COMPARISON_TIMEOUT_S = 45.0  # for the store to return its orders
NOTHING_CHANGED = "Nothing was changed: neither in the stack, nor in HubSpot, nor in the store."


def before_all(steps: Sequence[Step], *, dry_run: bool) -> list[str]:
    """Return what to do first: repair what failed, or run without --dry-run."""
    if failed(steps):
        return ["Fix what failed, then run `woohub setup` again."]
    return ["Run `woohub setup` without --dry-run."] if dry_run else []


def left_to_do(stack: Stack | None, change: Change | None = None, *, has_store: bool = False) -> list[str]:
    """Return what a person has to do. `has_store`: setup does the store's part by itself."""
    if stack is None:
        return [
            "Deploy the stack, then run `woohub setup --stack NAME`: it stores the secrets and names the webhook URL."
        ]
    if has_store:
        look = f"Place an order in the store, then run `woohub doctor --stack {stack.name}`."
        return [*_store_steps(stack, change), look]
    return [
        "In the store (WooCommerce > Settings > Advanced > Webhooks) add an active webhook for each topic: "
        + ", ".join(TOPICS),
        f"Delivery URL of all of them: {stack.output('WebhookUrl')}",
        f"Secret of all of them: {StackSecrets(stack).how_to_read()}",
    ]


def _store_steps(stack: Stack, change: Change | None) -> Iterator[str]:
    """Yield what to do about the store's older orders, and about the store that was used before."""
    if change and change.other_address and change.kind is not StoreRelation.MOVED:
        yield (
            f'Remove the webhooks "woohub {stack.service}: …" from {change.stored_url} (WooCommerce > Settings > '
            "Advanced > Webhooks): they still deliver to this stack. Drop its dead letters (`woohub dlq list`): "
            "redriven, they would be treated as this store's."
        )
        if change.overlap is None:
            yield (
                "Reconcile reads this store from now on, with what changed since the store before was last read. "
                f"`woohub backfill --customers --stack {stack.name}` brings the orders and accounts from before."
            )
    overlap = change.overlap if change else None
    if overlap and overlap.lacks_history:
        of = "them" if overlap.looked_up == overlap.orders else f"the {overlap.looked_up} oldest"
        yield (
            f"The store has {counted(overlap.orders, 'order')}, and HubSpot has {overlap.records} for "
            f"{overlap.with_deal} of {of}: `woohub backfill --customers --stack {stack.name}` brings the others."
        )


def command(
    options: StoreOptions,
    dry_run: DryRunOption = False,
    hubspot_only: Annotated[
        bool, typer.Option("--hubspot-only", help="Set up HubSpot only; needs no stack, only HUBSPOT_API_KEY.")
    ] = False,
    yes: YesOption = False,
) -> None:
    """Store the secrets, give HubSpot its properties and pipeline, and the store its webhooks.

    Reads .env and the environment. What exists already stays as it is, so this can be run again at any time.
    Before anything is changed it asks, or ends with 1 where it cannot ask, if the store is another one than
    before, by its address or its orders; --yes answers. Ends with 1 when a step failed, and says what to do about it.

        HUBSPOT_API_KEY              the functions' token, to be stored
        HUBSPOT_SETUP_API_KEY        token with schema scopes, used here only
        WOO_COMMERCE_URL             the store; not set: its part is left to you
        WOO_COMMERCE_CONSUMER_KEY, WOO_COMMERCE_CONSUMER_SECRET
                                     a Read/Write key of it, to be stored
        WOO_COMMERCE_WEBHOOK_SECRET  the secret of its webhooks, to be stored; not
                                     set: the stack's own is used
        WOO_COMMERCE_SOURCES         further addresses of the store; deliveries of
                                     all other sites are ignored
        HUBSPOT_API_URL              HubSpot's address, without a stack

    Examples:

        woohub setup --dry-run
        woohub setup --stack shop-to-crm
        woohub setup --hubspot-only
    """
    # With --hubspot-only no stack is needed, and one is used only if --stack names it.
    target = None if hubspot_only and options.stack is None else options.target_if_named
    env = options.env if hubspot_only else store_setup.known(target, options.env)
    address = hubspot_address(target, env)
    agree = partial(agreed, yes=yes, json=options.json)
    change = change_of(target, env, address) if target and not hubspot_only else None
    all_steps = _all_steps(target, env, address, change, agree, store_secrets=not hubspot_only, dry_run=dry_run)
    steps = show_each(all_steps, json=options.json)
    if change and change.step(Result.FAILED) in steps:
        left = [NOTHING_CHANGED]
    else:
        shown, has_store = None if failed(steps) else change, environment.URL in env and not hubspot_only
        left = [*before_all(steps, dry_run=dry_run), *left_to_do(target, shown, has_store=has_store)]
    facts: dict[str, object] = {
        "stack": target.name if target else None,
        "hubspot_url": address.url,
        "dry_run": dry_run,
        "overlap": change.overlap.facts() if change and change.overlap else None,
    }
    finish(steps, facts, json=options.json, left_to_do=left)


def change_of(stack: Stack, env: Mapping[str, str], address: HubSpotAddress) -> Change | None:
    """Compare the environment's store with the stack's and HubSpot's; None if the environment names no store."""
    access = environment.store_credentials(env)
    if access is None:
        return None
    secrets = StackSecrets(stack)
    stored, token = secrets.store(), env.get("HUBSPOT_API_KEY") or secrets.token()
    known = stored.url if stored else ""
    try:
        return Change(known, access.url, _overlap(access, token, address, stack_configuration.mapping(stack)))
    except EXPECTED as error:
        return Change(known, access.url, None, explain(error))


def _overlap(
    access: StoreCredentials, token: str, address: HubSpotAddress, table: FieldMapping
) -> store_change.Overlap:
    store = store_setup.connect(access)
    store.timer.start(COMPARISON_TIMEOUT_S)
    return store_change.look(store, Crm(address.connect(token), table, lambda *_, **__: None))


def _all_steps(
    stack: Stack | None,
    env: Mapping[str, str],
    address: HubSpotAddress,
    change: Change | None,
    agree: Agree,
    *,
    store_secrets: bool,
    dry_run: bool,
) -> Iterator[Step]:
    if change and change.kind is not StoreRelation.SAME:
        if dry_run:
            yield change.step(Result.WARNING)
        elif not agree(change.question):
            yield change.step(Result.FAILED)
            return
    yield from stack_setup.url_warning(stack, env, address)
    if stack is None and store_secrets:
        yield Step("secrets", Result.SKIPPED, "no stack is named: name it with --stack, or start it with `make local`")
    if stack is None:
        yield Step("mapping", Result.SKIPPED, "woohub's own is used: no stack is named, whose mapping may differ")
    reach = Reach.usual()
    configuration = stack_configuration.current(stack)
    table, others = stack_configuration.mapping_in(configuration, stack), configuration.mappings.values()
    yield from stack_setup.run(
        *(stack, env, table, address.connect, reach),
        agree=agree,
        store_secrets=store_secrets,
        others=others,
        dry_run=dry_run,
    )
