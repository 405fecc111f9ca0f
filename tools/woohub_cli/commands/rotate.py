"""`woohub rotate-webhook-secret`: another secret, without a rejected delivery.

Between the two halves both secrets are valid: the store signs with the new one as soon as its webhooks have it, and
what was signed with the old one still counts. The next run resumes an interrupted one.
"""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from woohub.errors import DeadlineExceeded
from woohub.store.client import Store
from woohub.store.requests import StoreRefused, StoreUnavailable
from woohub.store.webhooks import Webhook
from woohub_cli import connections, metrics, store_webhooks
from woohub_cli.check_result import Result, Step, failed
from woohub_cli.checks.signers import Signer, signers
from woohub_cli.cli_errors import Trouble, WrongUsage
from woohub_cli.consent import YesOption, agreed
from woohub_cli.options import DryRunOption, StoreOptions
from woohub_cli.rendering.steps import finish as finish_steps
from woohub_cli.rendering.steps import show_each
from woohub_cli.secret_store import WEBHOOK_SECRET, StackSecrets
from woohub_cli.stacks import Stack
from woohub_cli.store_setup import SECRET_RELOAD_S, Reach

LETTERS, LENGTH = string.ascii_letters + string.digits, 48  # WordPress strips tags and decodes entities of the rest
# The previous secret stays that long: reconcile keeps a secret for five minutes and may repair a webhook with it.
MIN_OVERLAP_S = 900
UNUSED_FOR_S = 900  # seconds without a delivery signed with the previous secret before it may go
BY_HAND = "the stack has no key of the store: give every webhook the new secret by hand"
REFUSED_FIX = "run this again in a minute: it resumes where it stopped; both secrets stay valid"
NOT_KNOWN = "whether every webhook has the new secret is not known"
LOOK_THERE = "look at each webhook's Secret in the store, or wait until doctor shows deliveries and no refusals"
HAS_IT = "its deliveries are signed with the current secret already, so this does not stop anything"
BY_HAND_FIX = (
    f"give it the current secret, or delete it, in {store_webhooks.WEBHOOKS_PAGE}: it does not belong to this stack"
)
LATE_FIX = (
    "repair what failed above (does the key still have Read/Write permission?) and run this again, or give these "
    "webhooks the current secret by hand; to drop the previous one anyway: --finish --force --yes"
)
WOULD_BE_REFUSED = "Each of their deliveries would be rejected (401). Drop the previous secret anyway?"
REFUSED_LATER = (
    "give them the current secret soon, with `woohub setup` or by hand: WooCommerce disables a webhook after more than "
    "five failed deliveries in a row; meanwhile reconcile reads the orders from the store"
)
NO_WEBHOOK = "none of the store's webhooks delivers to this stack"


def new_secret() -> str:
    """48 letters and digits: about 285 bits, and nothing WordPress would change."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


@dataclass(frozen=True)
class Rotation:
    """What a rotation needs. `store` is None where the stack has no key of it."""

    stack: Stack
    store: Store | None
    reach: Reach
    now: Callable[[], float]
    dry_run: bool = False
    agree: Callable[[str], bool] = lambda _question: False

    def begin(self) -> Iterator[Step]:
        """The new secret into the stack, then into the webhooks; the previous one stays valid."""
        stored = self._stored()
        if "previous" in stored:
            yield Step(f"{WEBHOOK_SECRET} in the stack", Result.OK, "changed by an earlier run: resuming that rotation")
        elif self.dry_run:
            yield Step(f"{WEBHOOK_SECRET} in the stack", Result.WOULD_STORE, "the previous one stays valid")
        else:
            yield self._secrets.store_webhook_secret(new_secret(), dry_run=False)
        if self.dry_run:
            yield from self._would_give()
            return
        self.reach.pause(SECRET_RELOAD_S)
        yield from self._hand_over(self._stored()["current"])

    def _hand_over(self, secret: str) -> Iterator[Step]:
        before = self._send_probe(secret)
        yield before
        if before.outcome is Result.FAILED:
            yield Step("webhooks", Result.SKIPPED, "the store continues with the previous secret")
            return
        given = list(self._give(secret))
        yield from given
        if any(step.outcome is Result.STORED for step in given):
            yield self._send_probe(secret)

    def finish(self, *, force: bool = False) -> Iterator[Step]:
        """Drop the previous secret, unless something may still sign with it."""
        stored = self._stored()
        what = "previous webhook secret"
        if "previous" not in stored:
            yield Step(what, Result.OK, "there is none: no rotation is under way, so there is nothing to finish")
            return
        if not force:
            obstacles = list(self._obstacles(what))
            yield from obstacles
            if failed(obstacles):
                return
        if self.dry_run:
            yield Step(what, Result.WOULD_REMOVE)
            return
        holders = list(self._hand_to_all(stored["current"]))  # once more: reconcile may have used the old one
        yield from holders
        late = [step.what for step in holders if step.outcome is Result.FAILED]
        if late:
            detail = f"stays valid: not known to sign with the new one: {', '.join(late)}"
            if not (force and self.agree(f"{detail}. {WOULD_BE_REFUSED}")):
                yield Step(what, Result.FAILED, detail, LATE_FIX)
                return
            yield Step(
                "deliveries", Result.WARNING, f"rejected from now on (401), from: {', '.join(late)}", REFUSED_LATER
            )
        yield self._secrets.drop_previous(what)

    def _hand_to_all(self, secret: str) -> Iterator[Step]:
        """Give every webhook of this stack the secret; failed are those that may still sign with the previous one."""
        signers = self._signers()
        webhooks: list[Webhook] = []
        if self.store is None:
            yield Step("webhooks", Result.WARNING, f"{NOT_KNOWN}: the stack has no key of the store", LOOK_THERE)
        else:
            try:
                webhooks = self._ours(self.store)
            except (StoreRefused, StoreUnavailable, DeadlineExceeded) as error:
                yield Step("webhooks", Result.FAILED, str(error), store_webhooks.AGAIN)
            for webhook, step in zip(webhooks, store_webhooks.give_secret(self.store, webhooks, secret), strict=True):
                signer = signers.get(webhook.id)
                has_it = step.outcome is Result.FAILED and signer is not None and signer.signed_with == "current"
                yield replace(step, outcome=Result.WARNING, fix=HAS_IT) if has_it else step
        handed = {webhook.id for webhook in webhooks}
        for signer in signers.values():
            if signer.signed_with == "previous" and signer.webhook_id not in handed:
                yield Step(
                    signer.text, Result.FAILED, "its latest delivery is signed with the previous secret", BY_HAND_FIX
                )

    def _signers(self) -> dict[int, Signer]:
        """Which secret the latest delivery of each webhook was signed with; none where the log cannot be read."""
        with suppress(ClientError, BotoCoreError):
            return signers(self.stack, round(self._secrets.webhook_changed_at() * 1000))
        return {}

    def _obstacles(self, what: str) -> Iterator[Step]:
        age = self.now() - self._secrets.webhook_changed_at()
        if age < MIN_OVERLAP_S:
            detail = f"replaced {age / 60:.0f} minutes ago: deliveries on their way may still carry it"
            left = (MIN_OVERLAP_S - age) / 60
            yield Step(what, Result.FAILED, detail, f"run this again in {left:.0f} minutes, or now with --force")
            return
        counted = metrics.of(self.stack, self.now())
        if used := counted.total("DeliveryAccepted", UNUSED_FOR_S, signed_with="previous"):
            by = ", ".join(signer.text for signer in self._signers().values() if signer.signed_with == "previous")
            detail = f"{used} deliveries of the last {UNUSED_FOR_S // 60} minutes are signed with it"
            detail += f", by {by}" if by else ""
            fix = (
                "run `woohub rotate-webhook-secret` again: it gives the new secret to all webhooks of this stack. If "
                'that does not help, the ingest function\'s log names the webhook_id beside "signed_with": "previous"'
            )
            yield Step(what, Result.FAILED, detail, fix)
        else:
            yield Step(what, Result.OK, f"not used for {UNUSED_FOR_S // 60} minutes")

    def _give(self, secret: str) -> Iterator[Step]:
        if self.store is None:
            yield Step("webhooks", Result.SKIPPED, BY_HAND)
            return
        try:
            webhooks = self._ours(self.store)
        except (StoreRefused, StoreUnavailable, DeadlineExceeded) as error:
            yield Step("webhooks", Result.FAILED, str(error), store_webhooks.AGAIN)
            return
        if not webhooks:
            yield Step("webhooks", Result.WARNING, NO_WEBHOOK, "run `woohub setup`: it makes them")
        yield from store_webhooks.give_secret(self.store, webhooks, secret)

    def _would_give(self) -> Iterator[Step]:
        if self.store is None:
            yield Step("webhooks", Result.SKIPPED, BY_HAND)
            return
        for webhook in self._ours(self.store):
            yield Step(store_webhooks.described(webhook), Result.WOULD_STORE)

    def _ours(self, store: Store) -> list[Webhook]:
        return store_webhooks.ours(store.webhooks(), stack=self.stack.service, url=self.stack.output("WebhookUrl"))

    def _send_probe(self, secret: str) -> Step:
        return store_webhooks.send_probe(self.reach.http, self.stack.output("WebhookUrl"), secret, REFUSED_FIX)

    def current(self) -> str:
        return self._stored()["current"]

    def _stored(self) -> dict[str, str]:
        stored = self._secrets.webhook()
        if "current" not in stored:
            raise Trouble("the stack has no webhook secret yet: run `woohub setup`")
        return stored

    @property
    def _secrets(self) -> StackSecrets:
        return StackSecrets(self.stack)


def left_to_do(rotation: Rotation, env: Mapping[str, str], steps: Sequence[Step], *, finished: bool) -> list[str]:
    """What a person has to do after these steps."""
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
    Nothing is ever printed of either. Ends with 1 when a step failed; run again, it continues where it stopped.

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
