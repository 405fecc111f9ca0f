"""The steps of a set-up: secrets in the stack, properties in HubSpot, webhooks in the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from woohub.errors import TransientError, Unauthorized
from woohub.mapping.fields import FieldMapping
from woohub_cli import environment
from woohub_cli.check_result import Result, Step, failed
from woohub_cli.checks import scopes
from woohub_cli.checks.token import token_step
from woohub_cli.portal_check.portal_trial import Portal
from woohub_cli.set_up import store_setup
from woohub_cli.set_up.provision import provision
from woohub_cli.set_up.store_setup import Reach
from woohub_cli.stack.connections import Connect, HubSpotAddress
from woohub_cli.stack.secret_store import TOKEN, WEBHOOK_SECRET, StackSecrets
from woohub_cli.stack.stacks import Stack
from woohub_cli.targets import written

OTHER_PORTAL_FIX = (
    "put a token of the stack's portal into .env; if the stack should write to the other portal from now on: "
    "`woohub setup --yes`, and five minutes later `woohub backfill --customers`"
)
Agree = Callable[[str], bool]  # asks a person a question: whether the answer is yes


def run(
    stack: Stack | None,
    env: Mapping[str, str],
    table: FieldMapping,
    connect: Connect,
    reach: Reach,
    *,
    agree: Agree = lambda _question: False,
    store_secrets: bool = True,
    before_webhooks: Iterable[Step] = (),
    others: Collection[FieldMapping] = (),
    dry_run: bool = False,
) -> Iterator[Step]:
    """Run all steps of a set-up. Raises botocore's errors.

    `others` are the mappings of the stack's other stores: HubSpot's key must be able to write their objects, too.
    `before_webhooks` are steps of the caller, run once HubSpot has what the mapping needs.
    """
    replaced = False
    given = env.get("HUBSPOT_API_KEY", "")
    stored = StackSecrets(stack).token() if stack else ""
    kinds = written(table, *others)
    checks = list(_token_steps(given or stored, connect, kinds))
    yield from checks
    if stack and store_secrets:
        if given and not failed(checks):
            stored_step = _token_stored(stack, given, stored, connect, agree, dry_run=dry_run)
            yield stored_step
            if stored_step.outcome is Result.FAILED:
                return
        secret = _webhook_secret(stack, env, agree, dry_run=dry_run)
        replaced = secret.outcome is Result.STORED and bool(secret.detail)
        yield secret
    setup_token = env.get("HUBSPOT_SETUP_API_KEY") or given or stored
    if setup_token and not (failed(checks[:1]) and setup_token == (given or stored)):
        yield from provision(connect(setup_token), table, others, dry_run=dry_run)
    yield from before_webhooks
    if not env.get(environment.URL):
        yield Step("store", Result.SKIPPED, f"{environment.URL} is not set")
        if stack and store_secrets:
            yield from store_setup.record(stack, store_setup.named_sources(env), dry_run=dry_run)
    elif store_secrets:
        yield from store_setup.run(stack, env, reach, secret_is_new=replaced, dry_run=dry_run)


def _token_steps(token: str, connect: Connect, kinds: Sequence[str]) -> Iterator[Step]:
    """Check that HubSpot accepts the functions' token, for all that they do with it."""
    step = token_step(token, connect, kinds)
    yield step
    if step.outcome is Result.OK:
        yield scopes.step(connect(token), kinds)


def _token_stored(stack: Stack, given: str, stored: str, connect: Connect, agree: Agree, *, dry_run: bool) -> Step:
    objection = _portal_objection(given, stored, connect)
    if objection and dry_run:
        return Step(f"{TOKEN} in the stack", Result.WARNING, objection, OTHER_PORTAL_FIX)
    if objection and not agree(f"The token in .env {objection}. Write to that one from now on?"):
        return Step(f"{TOKEN} in the stack", Result.FAILED, f"unchanged: the one in .env {objection}", OTHER_PORTAL_FIX)
    return StackSecrets(stack).store_token(given, dry_run=dry_run)


def _portal_objection(given: str, stored: str, connect: Connect) -> str:
    """Return the objection to a token of another HubSpot account; "" if there is none, or HubSpot does not tell."""
    if not stored or stored == given:
        return ""
    try:
        former, new = Portal.of(connect(stored)), Portal.of(connect(given))
    except (Unauthorized, TransientError):  # the usual reason to replace a token: the former is revoked
        return ""
    is_other = former.id and new.id and former.id != new.id
    return f"belongs to {new}, the stack's to {former}" if is_other else ""


def _webhook_secret(stack: Stack, env: Mapping[str, str], agree: Agree, *, dry_run: bool) -> Step:
    secret = env.get("WOO_COMMERCE_WEBHOOK_SECRET", "")
    if secret:
        objection = secret_objection(stack, secret)
        if objection and (dry_run or not agree(f"{objection.detail}. Replace the stack's secret anyway?")):
            return objection
        return StackSecrets(stack).store_webhook_secret(secret, dry_run=dry_run)
    what = f"{WEBHOOK_SECRET} in the stack"
    if StackSecrets(stack).webhook():
        return Step(what, Result.OK, "unchanged: WOO_COMMERCE_WEBHOOK_SECRET is not set")
    fix = "put WOO_COMMERCE_WEBHOOK_SECRET into .env: 40 or more letters and digits"
    return Step(what, Result.FAILED, "there is none, so every delivery is rejected", fix)


def secret_objection(stack: Stack, secret: str) -> Step | None:
    """Return why the webhook secret of .env should not replace the stack's; None if nothing is against it."""
    secrets, what = StackSecrets(stack), f"{WEBHOOK_SECRET} in the stack"
    if secrets.webhook().get("current") == secret:
        return None
    if secrets.is_old(secret):
        detail = "unchanged: WOO_COMMERCE_WEBHOOK_SECRET is the secret before the last rotation"
        return Step(what, Result.WARNING, detail, "remove it from .env")
    if secrets.was_rotated():
        detail = "unchanged: a rotation set it, and WOO_COMMERCE_WEBHOOK_SECRET differs, perhaps because it is older"
        return Step(
            what, Result.FAILED, detail, "remove it from .env, or run `woohub setup --yes` to store it in the stack"
        )
    return None


def url_warning(stack: Stack | None, env: Mapping[str, str], address: HubSpotAddress) -> Iterator[Step]:
    """Warn if HUBSPOT_API_URL differs from the stack's: it only has an effect when the stack is deployed."""
    asked = env.get("HUBSPOT_API_URL", address.url).rstrip("/")
    if stack and asked != address.url:
        fix = "start or deploy the stack with that address (parameter HubSpotApiUrl), or unset HUBSPOT_API_URL"
        yield Step(
            "HubSpot address", Result.WARNING, f"HUBSPOT_API_URL is {asked}, but the stack calls {address.url}", fix
        )
