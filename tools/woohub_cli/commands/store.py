"""`woohub store`: the stores of a stack: add one, list them, remove one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from woohub.delivery.sites import site
from woohub.errors import DeadlineExceeded
from woohub.mapping.several_stores import customer_id_property, order_key_prefix
from woohub.store.client import Store
from woohub.store.connection import StoreCredentials
from woohub.store.requests import StoreRefused, StoreUnavailable
from woohub.store.webhooks import TOPICS
from woohub.stores import FIRST_SHOWN, StoreSettings
from woohub_cli import (
    connections,
    environment,
    further_stores,
    stack_configuration,
    stacks,
    store_setup,
    store_webhooks,
)
from woohub_cli.check_result import Result, Step, failed
from woohub_cli.checks import store_access
from woohub_cli.cli_errors import Trouble, WrongUsage
from woohub_cli.commands import rotate, setup
from woohub_cli.consent import YesOption, agreed
from woohub_cli.environment import STORE_VARIABLES
from woohub_cli.options import DryRunOption, StackOptions, command
from woohub_cli.provision import provision
from woohub_cli.rendering import hints, output
from woohub_cli.rendering.steps import finish, show_each
from woohub_cli.rendering.typer_help import Group
from woohub_cli.secret_store import STORE_KEY, WEBHOOK_SECRET, StackSecrets
from woohub_cli.stack_mapping import StackMapping
from woohub_cli.stacks import Stack
from woohub_cli.store_setup import Reach

app = typer.Typer(cls=Group, no_args_is_help=True)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help='The store\'s name: lower-case letters, digits and "-".')
]
NEXT = (
    "`woohub backfill --customers --store {name}` brings the orders and customers that it has already.",
    "Place an order in the store, then run `woohub doctor --store {name}`.",
)
BY_HAND = f"delete them there, in {store_webhooks.WEBHOOKS_PAGE}: they are named after the stack"


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


@dataclass(frozen=True)
class Addition:
    """A store that is to be added. `others` are the further stores that the stack has."""

    stack: Stack  # of the new store: see Stack.of_store
    access: StoreCredentials
    settings: StoreSettings
    others: Mapping[str, StoreSettings]
    env: Mapping[str, str]
    reach: Reach

    @property
    def name(self) -> str:
        """The new store's."""
        return self.stack.store

    def run(self, *, dry_run: bool) -> Iterator[Step]:
        """One step at a time; run again, it continues where it stopped. ConfigurationUnreadable for what cannot be."""
        wanted = {**self.others, self.name: self.settings}
        mappings = further_stores.with_stores(self.stack, wanted).mappings
        table, others = mappings[self.name], mappings.values()
        checks = list(self._checks())
        yield from checks
        if failed(checks):
            return
        address = connections.hubspot_address(self.stack, self.env)
        if dry_run:
            token = connections.hubspot(self.stack, self.env).caller.token.current()
            yield Step("store in the stack", Result.WOULD_CREATE, "secrets, watermark, alarms")
            yield from provision(address.connect(token), table, others, dry_run=True)
            yield Step("webhooks", Result.WOULD_CREATE, f"{self.stack.output('WebhookUrl')}: {', '.join(TOPICS)}")
            return
        yield from self._resources()
        env = {**self.env, **dict(zip(STORE_VARIABLES, self._access(), strict=True))}
        listed = self._listed()  # the consumer looks for the store's properties when it first knows the store
        yield from setup.run(self.stack, env, table, address.connect, self.reach, before_webhooks=listed, others=others)
        yield further_stores.make_alarms(self.stack, self.name)

    def _checks(self) -> Iterator[Step]:
        """Whether the store answers, with this key; before anything is changed."""
        store = self.reach.connect(self.access)
        reachable, about = store_access.reachable(store)
        yield reachable
        if about is not None:
            yield store_access.readable(store)

    def _listed(self) -> Iterator[Step]:
        if self.others.get(self.name) != self.settings:
            further_stores.put(self.stack, self.name, self.settings)
            yield Step("stores.json", Result.STORED, "the functions know the store at its first delivery")

    def _access(self) -> tuple[str, str, str]:
        return self.access.url, self.access.consumer_key, self.access.consumer_secret

    def _resources(self) -> Iterator[Step]:
        access = dict(zip(("url", "consumer_key", "consumer_secret"), self._access(), strict=True))
        secret = {"current": self.env.get("WOO_COMMERCE_WEBHOOK_SECRET") or rotate.new_secret()}
        yield further_stores.make_secret(self.stack, self.stack.output("WebhookSecretArn"), secret, WEBHOOK_SECRET)
        yield further_stores.make_secret(self.stack, self.stack.output("StoreSecretArn"), access, STORE_KEY)
        yield further_stores.make_watermark(self.stack, self.name)


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
    Ends with 1 when a step failed; each says what helps.

    Examples:

        woohub store add outlet --dry-run
        woohub store add b2b --url https://b2b.example --key ck_… --secret cs_…
    """
    if not environment.store_named(name):
        raise WrongUsage(f"{FIRST_SHOWN!r} is the stack's own store, which `woohub setup` sets up")
    first = options.target
    env = environment.read(os.environ, Path.cwd(), name)
    given = [text or env.get(variable, "") for text, variable in zip((url, key, secret), STORE_VARIABLES, strict=True)]
    if missing := [option for option, text in zip(("--url", "--key", "--secret"), given, strict=True) if not text]:
        raise WrongUsage(f"the store is not known: {', '.join(missing)}")
    access = StoreCredentials(*(text.strip() for text in given))
    others = dict(stack_configuration.current(first).stores)
    known = others.get(name)
    wanted = StoreSettings(access.url, prefix or (known.order_key_prefix if known else ""), customer_id)
    _refuse_twins(first, name, wanted, others)
    env.pop("HUBSPOT_API_KEY", None)  # the stack has its token; a store adds nothing to that
    reach = Reach.usual()
    addition = Addition(first.of_store(name), access, wanted, others, env, reach)
    steps = (_for_addition(step, name) for step in addition.run(dry_run=dry_run))
    left = [] if dry_run else [line.format(name=name) for line in NEXT]
    _report(name, steps, left, dry_run=dry_run, json=options.json)


def _for_addition(step: Step, name: str) -> Step:
    """What helps names this command, which continues where it stopped, and the store's variables."""
    return replace(step, fix=hints.for_store(step.fix.replace("woohub setup", f"woohub store add {name}"), name))


def _refuse_twins(first: Stack, name: str, wanted: StoreSettings, others: Mapping[str, StoreSettings]) -> None:
    """A store that is in the stack already would send every order twice; another prefix would double its deals."""
    stored = StackSecrets(first).store()
    addresses = {other: row.url for other, row in others.items() if other != name}
    addresses |= {FIRST_SHOWN: stored.url} if stored else {}
    for other, url in addresses.items():
        if site(url) == site(wanted.url):
            raise Trouble(f"{wanted.url} is the store {other} already: HubSpot would get each of its orders twice")
    known = others.get(name)
    if known and order_key_prefix(name, known) != order_key_prefix(name, wanted):
        raise Trouble(f"the store {name} has the order key prefix {order_key_prefix(name, known)!r}: it cannot change")


@command(app, "list")
def list_command(options: StackOptions) -> None:
    """List the stores of the stack.

    Each with its address, the URL of its webhooks, what tells its orders and customers apart in HubSpot, and how far it
    has been reconciled.

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
    """Each store for --json; the first has no prefix and may be without an address."""
    version = stack_configuration.current(stack)
    access = connections.access(stack, {})
    yield {
        "name": FIRST_SHOWN,
        "url": access.url if access else None,
        "order_key_prefix": version.mapping.order_key_prefix,
        "customer_id_property": "woocommerce_customer_id",
        "webhook_url": stack.output("WebhookUrl"),
        "reconciled": further_stores.reconciled(stack),
    }
    for name, row in sorted(version.stores.items()):
        own = stack.of_store(name)
        yield {
            "name": name,
            "url": row.url,
            "order_key_prefix": order_key_prefix(name, row),
            "customer_id_property": customer_id_property(name, row),
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
    env = environment.read(os.environ, Path.cwd(), name)
    target = stacks.find(options.stack, env, Path.cwd(), name)
    others = dict(stack_configuration.current(target).stores)
    if name not in others:
        raise WrongUsage(f"the stack has no store {name}: `woohub store list` names those it has")
    question = f"Remove the store {name} ({others[name].url}) from {target.name}?"
    if not dry_run and not agreed(question, yes=yes, json=options.json):
        raise Trouble(f"{name} was not removed: answer yes, or use --yes")
    access = connections.access(target, env)
    store = store_setup.connect(access) if access else None
    _report(name, removal(target, store, dry_run=dry_run), [], dry_run=dry_run, json=options.json)


def removal(stack: Stack, store: Store | None, *, dry_run: bool) -> Iterator[Step]:
    """One step at a time: deliveries end first, then the functions forget the store."""
    yield from _webhooks_removed(stack, store, dry_run=dry_run)
    if dry_run:
        yield Step("store in the stack", Result.WOULD_REMOVE, "alarms, stores.json, mapping, secrets, watermark")
        return
    yield further_stores.remove_alarms(stack, stack.store)
    further_stores.put(stack, stack.store, None)
    yield Step("stores.json", Result.REMOVED, "the functions forget the store within a minute")
    yield from _mapping_removed(stack)
    yield from further_stores.forget(stack, stack.store)


def _mapping_removed(stack: Stack) -> Iterator[Step]:
    """A store that is added later under this name begins without it."""
    pushed = StackMapping.of(stack)
    objects = pushed.objects()
    if pushed.key in objects:
        pushed.push(None, objects)
        yield Step(pushed.key, Result.REMOVED, "the bucket keeps its versions")


def _webhooks_removed(stack: Stack, store: Store | None, *, dry_run: bool) -> Iterator[Step]:
    if store is None:
        yield Step("webhooks", Result.WARNING, "the stack has no key of the store", BY_HAND)
        return
    try:
        for webhook in store_webhooks.ours(store.webhooks(), stack=stack.service, url=stack.output("WebhookUrl")):
            if not dry_run:
                store.delete_webhook(webhook.id)
            yield Step(store_webhooks.described(webhook), Result.WOULD_REMOVE if dry_run else Result.REMOVED)
    except (StoreRefused, StoreUnavailable, DeadlineExceeded) as error:  # the store may be gone for good
        yield Step("webhooks", Result.WARNING, str(error), BY_HAND)


def _report(name: str, steps: Iterator[Step], left: list[str], *, dry_run: bool, json: bool) -> None:
    """Each step as it is done, then what is left to do where none failed."""
    done = show_each(steps, json=json)
    finish(done, {"store": name, "dry_run": dry_run}, json=json, left_to_do=[] if failed(done) else left)
