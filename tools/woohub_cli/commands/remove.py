"""`woohub remove`: the last step of a removal: remove the webhooks of a deleted stack from the store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from woohub.store.client import Store
from woohub.store.connection import StoreCredentials
from woohub.store.subscriptions import name_of
from woohub.store.webhooks import TOPICS
from woohub_cli import connections, environment, stacks, store_setup
from woohub_cli.check_result import Result, Step
from woohub_cli.cli_errors import PROBLEMS, Trouble, WrongUsage
from woohub_cli.options import JsonOption, StackOption
from woohub_cli.provision import failed
from woohub_cli.rendering import output
from woohub_cli.stacks import LOCAL
from woohub_cli.store_webhooks import WEBHOOKS_PAGE, described

DEPLOYED_AS = {LOCAL: "woohub-local"}  # samconfig.toml's name of it
STOP_IT = "stop it first: Ctrl-C where `make local` runs"


def run(store: Store, name: str, *, exists: bool, dry_run: bool = False) -> Iterator[Step]:
    """One step for each webhook that has the name of the stack. Raises the store's errors."""
    if exists and not dry_run:
        delete = f"delete it first: `sam delete --stack-name {name}` (in a checkout of woohub: .venv-sam/bin/sam)"
        fix = STOP_IT if name in DEPLOYED_AS.values() else delete
        yield Step(
            "stack", Result.FAILED, "is still there, and its next reconcile run would create the webhooks again", fix
        )
        return
    names = {name_of(name, topic) for topic in TOPICS}
    webhooks = [webhook for webhook in store.webhooks() if webhook.name in names]
    for webhook in webhooks:
        if not dry_run:
            store.delete_webhook(webhook.id)
        yield Step(described(webhook), Result.WOULD_REMOVE if dry_run else Result.REMOVED)
    if not webhooks:
        yield Step("webhooks", Result.OK, f"none has a name of {name}; others are in {WEBHOOKS_PAGE}")


def is_there(name: str, env: Mapping[str, str], folder: Path) -> bool:
    """Whether there is such a stack, in AWS or on this machine."""
    try:
        stacks.find(name, env, folder)
    except Trouble:
        return False
    return True


def command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    stack: StackOption = None,
    json: JsonOption = False,
) -> None:
    """Remove the webhooks of a deleted stack from the store.

    The store is the one of WOO_COMMERCE_URL and its keys in .env, since those of the stack are gone with it. HubSpot's
    contacts, deals, properties and pipeline stay. Ends with 1 while the stack is still there.

    Examples:

        sam delete --stack-name woohub
        woohub remove --stack woohub
    """
    folder = Path.cwd()
    env = environment.read(os.environ, folder)
    asked = stacks.name_of(stack, env, folder)
    given = [env.get(name, "").strip() for name in connections.VARIABLES]
    if not asked:
        raise WrongUsage("no stack is named: use --stack")
    if not all(given):
        missing = [name for name, text in zip(connections.VARIABLES, given, strict=True) if not text]
        raise WrongUsage(f"the store is not known: put {', '.join(missing)} into .env")
    name = DEPLOYED_AS.get(asked, asked)
    steps = []
    store, exists = store_setup.connect(StoreCredentials(*given)), is_there(asked, env, folder)
    for step in run(store, name, exists=exists, dry_run=dry_run):
        steps.append(step)
        if not json:
            output.say(step.text())
    if json:
        output.as_json({"stack": name, "dry_run": dry_run, "steps": [step.facts() for step in steps]})
    if failed(steps):
        raise typer.Exit(PROBLEMS)
