"""`woohub remove`: remove the webhooks of a deleted stack from the store, the last step of a removal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from woohub.store.client import Store
from woohub.store.subscriptions import name_of
from woohub.store.webhooks import TOPICS
from woohub_cli import environment
from woohub_cli.check_result import Result, Step
from woohub_cli.cli_errors import Trouble, WrongUsage
from woohub_cli.options import DryRunOption, StoreOptions
from woohub_cli.rendering.steps import finish, show_each
from woohub_cli.set_up import store_setup
from woohub_cli.set_up.store_webhooks import WEBHOOKS_PAGE, removed
from woohub_cli.stack.stacks import LOCAL

DEPLOYED_AS = {LOCAL: "woohub-local"}  # samconfig.toml's name of it
STOP_IT = "stop it first: Ctrl-C where `make local` runs"


def run(store: Store, name: str, *, exists: bool, dry_run: bool = False) -> Iterator[Step]:
    """Remove the webhooks named after the stack, with one step for each. Raises the store's errors."""
    if exists and not dry_run:
        delete = f"delete it first: `sam delete --stack-name {name}` (in a checkout of woohub: .venv-sam/bin/sam)"
        fix = STOP_IT if name in DEPLOYED_AS.values() else delete
        yield Step(
            "stack", Result.FAILED, "is still there, and its next reconcile run would create the webhooks again", fix
        )
        return
    names = {name_of(name, topic) for topic in TOPICS}
    webhooks = [webhook for webhook in store.webhooks() if webhook.name in names]
    yield from removed(store, webhooks, dry_run=dry_run)
    if not webhooks:
        yield Step("webhooks", Result.OK, f"none has a name of {name}; others are in {WEBHOOKS_PAGE}")


def is_there(options: StoreOptions) -> bool:
    """Whether the stack still exists, in AWS or on this machine."""
    with suppress(Trouble):
        return bool(options.target_if_named)
    return False


def command(options: StoreOptions, dry_run: DryRunOption = False) -> None:
    """Remove the webhooks of a deleted stack from the store.

    The store is the one of WOO_COMMERCE_URL and its keys in .env, since those of the stack are gone with it. HubSpot's
    contacts, deals, properties and pipeline stay. Ends with 1 while the stack is still there.

    Examples:

        sam delete --stack-name woohub
        woohub remove --stack woohub
    """
    if not options.name:
        raise WrongUsage("no stack is named: use --stack")
    access = environment.store_credentials(options.env)
    if access is None:
        raise WrongUsage(f"the store is not known: put {', '.join(environment.missing(options.env))} into .env")
    name = DEPLOYED_AS.get(options.name, options.name)
    store, exists = store_setup.connect(access), is_there(options)
    steps = show_each(run(store, name, exists=exists, dry_run=dry_run), json=options.json)
    finish(steps, {"stack": name, "dry_run": dry_run}, json=options.json)
