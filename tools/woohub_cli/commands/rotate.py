"""`woohub rotate-webhook-secret`: replace the webhook secret without a rejected delivery."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated

import typer

from woohub_cli.check_result import Result, Step, failed
from woohub_cli.cli_errors import WrongUsage
from woohub_cli.consent import YesOption, agreed
from woohub_cli.options import DryRunOption, StoreOptions
from woohub_cli.rendering.steps import finish as finish_steps
from woohub_cli.rendering.steps import show_each
from woohub_cli.set_up.rotation import BY_HAND, MIN_OVERLAP_S, Rotation
from woohub_cli.set_up.store_setup import Reach
from woohub_cli.stack import connections
from woohub_cli.stack.secret_store import StackSecrets


def left_to_do(rotation: Rotation, env: Mapping[str, str], steps: Sequence[Step], *, finished: bool) -> list[str]:
    """Return what a person has to do after these steps."""
    left = []
    if rotation.store is None and not (finished and not failed(steps)):
        left.append(f"{BY_HAND}: {StackSecrets(rotation.stack).how_to_read()}")
    given, current = env.get("WOO_COMMERCE_WEBHOOK_SECRET"), rotation.current()
    if given and given != current:
        left.append("Remove WOO_COMMERCE_WEBHOOK_SECRET from .env: it differs from the stack's, which is newer.")
    if any(step.outcome is Result.REMOVED for step in steps):
        left.append("For up to a minute the ingest function may still accept the dropped secret.")
    if not finished and failed(steps):
        left.append("Fix what failed, and run `woohub rotate-webhook-secret` again: it resumes where it stopped.")
    elif not finished:
        left.append(
            f"In {MIN_OVERLAP_S // 60} minutes or later: `woohub rotate-webhook-secret --finish` drops the old one."
        )
    return left


def command(
    options: StoreOptions,
    finish: Annotated[bool, typer.Option("--finish", help="Drop the previous secret, if nothing uses it.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --finish: do not wait a quarter of an hour, as after a leak.")
    ] = False,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Replace the secret of the store's webhooks, without a rejected delivery.

    A new secret is made and stored beside the old one, the ingest function is given the time to load it, and
    then each webhook in the store is given it. From then on both are valid until --finish drops the old one.
    Neither is ever printed. Ends with 1 when a step failed; the next run continues where it stopped.

    --finish keeps the old secret while a webhook is known to sign with it, or rejected the new one. --force only
    skips the wait; with such webhooks it asks, since their deliveries would be refused, and --yes answers.

    Examples:

        woohub rotate-webhook-secret --dry-run
        woohub rotate-webhook-secret
        woohub rotate-webhook-secret --finish
    """
    if force and not finish:
        raise WrongUsage("--force goes with --finish")
    access = connections.access(options.target, options.env)
    reach = Reach.usual()
    agree = partial(agreed, yes=yes, json=options.json)
    rotation = Rotation(options.target, reach.connect(access) if access else None, reach, time.time, dry_run, agree)
    steps = show_each(rotation.finish(force=force) if finish else rotation.begin(), json=options.json)
    left = left_to_do(rotation, options.env, steps, finished=finish)
    finish_steps(steps, {"stack": options.target.name, "dry_run": dry_run}, json=options.json, left_to_do=left)
