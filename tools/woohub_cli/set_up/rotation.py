"""Replace the webhook secret without a rejected delivery.

Between the two halves both secrets are valid: the store signs with the new one as soon as its webhooks have it, and
deliveries signed with the old one are still accepted. An interrupted rotation is resumed by the next run.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from woohub.aws_errors import AWS_ERRORS
from woohub.counted import counted
from woohub.delivery.topics import TEST_TOPIC
from woohub.store.client import Store
from woohub.store.webhooks import Webhook
from woohub_cli.check_result import Result, Step, failed
from woohub_cli.cli_errors import STORE_FAILS, Trouble
from woohub_cli.set_up import store_webhooks
from woohub_cli.set_up.store_setup import SECRET_RELOAD_S, Reach
from woohub_cli.stack import metrics, traces
from woohub_cli.stack.secret_store import WEBHOOK_SECRET, StackSecrets
from woohub_cli.stack.stacks import Stack

LETTERS, LENGTH = string.ascii_letters + string.digits, 48  # WordPress changes some other characters
# The previous secret stays valid so long: reconcile keeps a secret for five minutes and may repair a webhook with it.
MIN_OVERLAP_S = 900
UNUSED_FOR_S = 900  # without a delivery signed with the previous secret for so long, it may be dropped
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
    """Return 48 letters and digits, about 285 bits, without a character that WordPress would change."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


@dataclass(frozen=True)
class Signer:
    """A webhook, and the secret that signed its latest delivery."""

    webhook_id: int
    topic: str
    signed_with: str  # current or previous

    @property
    def text(self) -> str:
        """The webhook for people, with the number by which the store lists it."""
        return f"webhook {self.topic} (#{self.webhook_id})"


def signers(stack: Stack, since_ms: int) -> dict[int, Signer]:
    """Return the webhooks that delivered since a moment (epoch ms), by id. Raises botocore's errors."""
    latest: dict[int, Signer] = {}
    lines = traces.log_lines(stack, "IngestFunction", '"signed_with"', since_ms)
    for _at_ms, said in sorted(lines, key=lambda line: line[0]):
        number = str(said.get("webhook_id") or "")
        if said.get("topic") != TEST_TOPIC and number.isascii() and number.isdigit():
            latest[int(number)] = Signer(int(number), str(said.get("topic") or ""), str(said.get("signed_with") or ""))
    return latest


@dataclass(frozen=True)
class Rotation:
    """A rotation of the webhook secret. `store` is None if the stack has no key of the store."""

    stack: Stack
    store: Store | None
    reach: Reach
    now: Callable[[], float]
    dry_run: bool = False
    agree: Callable[[str], bool] = lambda _question: False

    def begin(self) -> Iterator[Step]:
        """Store a new secret in the stack, then give it to the webhooks. The previous secret stays valid."""
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
        """Drop the previous secret, unless a webhook may still sign with it."""
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
        handed = list(self._hand_to_all(stored["current"]))  # again: reconcile may have used the old one meanwhile
        yield from handed
        late = [step.what for step in handed if step.outcome is Result.FAILED]
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
        """Give the secret to every webhook of this stack.

        A failed step is a webhook that may still sign with the old one.
        """
        signers = self._signers()
        webhooks, problem = self._webhooks()
        if problem:
            unknown = Step("webhooks", Result.WARNING, f"{NOT_KNOWN}: the stack has no key of the store", LOOK_THERE)
            yield problem if self.store else unknown
        for webhook, step in zip(webhooks, self._given(webhooks, secret), strict=True):
            signer = signers.get(webhook.id)
            has_it = step.outcome is Result.FAILED and signer is not None and signer.signed_with == "current"
            yield replace(step, outcome=Result.WARNING, fix=HAS_IT) if has_it else step
        for signer in signers.values():
            if signer.signed_with == "previous" and signer.webhook_id not in {webhook.id for webhook in webhooks}:
                detail = "its latest delivery is signed with the previous secret"
                yield Step(signer.text, Result.FAILED, detail, BY_HAND_FIX)

    def _signers(self) -> dict[int, Signer]:
        """Return the webhooks by the secret that signed their latest delivery; empty if the log cannot be read."""
        with suppress(*AWS_ERRORS):
            return signers(self.stack, round(self._secrets.webhook_changed_at() * 1000))
        return {}

    def _obstacles(self, what: str) -> Iterator[Step]:
        age = self.now() - self._secrets.webhook_changed_at()
        if age < MIN_OVERLAP_S:
            detail = f"replaced {counted(round(age / 60), 'minute')} ago: deliveries on their way may still carry it"
            left = (MIN_OVERLAP_S - age) / 60
            yield Step(
                what, Result.FAILED, detail, f"run this again in {counted(round(left), 'minute')}, or now with --force"
            )
            return
        numbers = metrics.of(self.stack, self.now())
        if used := numbers.total("DeliveryAccepted", UNUSED_FOR_S, signed_with="previous"):
            by = ", ".join(signer.text for signer in self._signers().values() if signer.signed_with == "previous")
            detail = f"in the last {UNUSED_FOR_S // 60} minutes {counted(used, 'delivery')} came signed with it"
            detail += f", by {by}" if by else ""
            fix = (
                "run `woohub rotate-webhook-secret` again: it gives the new secret to all webhooks of this stack. If "
                'that does not help, the ingest function\'s log names the webhook_id beside "signed_with": "previous"'
            )
            yield Step(what, Result.FAILED, detail, fix)
        else:
            yield Step(what, Result.OK, f"not used for {UNUSED_FOR_S // 60} minutes")

    def _give(self, secret: str) -> Iterator[Step]:
        webhooks, problem = self._webhooks()
        if problem:
            yield problem
        elif not webhooks:
            yield Step("webhooks", Result.WARNING, NO_WEBHOOK, "run `woohub setup`: it creates them")
        yield from self._given(webhooks, secret)

    def _given(self, webhooks: Sequence[Webhook], secret: str) -> Iterator[Step]:
        return store_webhooks.give_secret(self.store, webhooks, secret) if self.store else iter(())

    def _would_give(self) -> Iterator[Step]:
        webhooks, problem = self._webhooks()
        if problem:
            yield problem
        for webhook in webhooks:
            yield Step(store_webhooks.described(webhook), Result.WOULD_STORE)

    def _webhooks(self) -> tuple[list[Webhook], Step | None]:
        """Return this stack's webhooks in the store. If they cannot be listed, return none and a step that says why."""
        if self.store is None:
            return [], Step("webhooks", Result.SKIPPED, BY_HAND)
        try:
            url = self.stack.output("WebhookUrl")
            return store_webhooks.ours(self.store.webhooks(), stack=self.stack.service, url=url), None
        except STORE_FAILS as error:
            return [], Step("webhooks", Result.FAILED, str(error), store_webhooks.AGAIN)

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
