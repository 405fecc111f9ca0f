"""The store's part of a set-up: its key in the stack, and the stack's webhooks in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from woohub.clock import Timer
from woohub.http import Http
from woohub.pool import Pool
from woohub.store.client import Store
from woohub.store.connection import StoreCredentials
from woohub_cli import environment
from woohub_cli.check_result import Result, Step, failed
from woohub_cli.checks import store_access
from woohub_cli.environment import STORE_VARIABLES
from woohub_cli.rendering import output
from woohub_cli.set_up import store_webhooks
from woohub_cli.stack.secret_store import StackSecrets
from woohub_cli.stack.stacks import Stack

SOURCES = "WOO_COMMERCE_SOURCES"
STORE_TIMEOUT_S = 300.0  # for all calls to the store together
# After this time every copy of the ingest function uses a changed secret: it reads the secret again when a signature
# does not match, but at most every 30 s (woohub.settings.Secret), so that a flood of forgeries costs little.
SECRET_RELOAD_S = 35.0
REFUSED_FIX = "the functions have another secret than the stack: run this again in a minute"


@dataclass(frozen=True)
class Reach:
    """How to call the store and the stack's URL, and how to wait; tests pass their own."""

    connect: Callable[[StoreCredentials], Store]
    http: Http
    pause: Callable[[float], None]

    @classmethod
    def usual(cls) -> Reach:
        """Return the clients that commands use."""
        return cls(connect, Pool(), wait)


def connect(access: StoreCredentials) -> Store:
    timer = Timer()
    timer.start(STORE_TIMEOUT_S)
    return Store(Pool(), access, timer, on_wait=waiting)


def waiting(seconds: float, reason: str) -> None:
    """Print why a command waits before it tries again."""
    output.note(f"waiting {seconds:.0f} s, then trying again: {reason}")


def wait(seconds: float) -> None:
    """Wait until every copy of the ingest function has read the new secret, and say so."""
    output.note(f"waiting {seconds:.0f} s, until every copy of the ingest function uses the new secret")
    time.sleep(seconds)


def known(stack: Stack | None, env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the stack's store address and key, if it names no store itself."""
    if not stack or any(env.get(name) for name in STORE_VARIABLES):
        return dict(env)
    access = StackSecrets(stack).store()
    return {**env, **(dict(zip(STORE_VARIABLES, asdict(access).values(), strict=True)) if access else {})}


def named_sources(env: Mapping[str, str]) -> list[str]:
    """Return the store's further addresses from WOO_COMMERCE_SOURCES, separated by spaces or commas."""
    return env.get(SOURCES, "").replace(",", " ").split()


def record(stack: Stack, sources: Sequence[str], *, dry_run: bool) -> Iterator[Step]:
    """Let the ingest function accept only deliveries of these addresses; without any, nothing changes."""
    if sources:
        yield StackSecrets(stack).store_sources(sources, dry_run=dry_run)


def run(
    stack: Stack | None, env: Mapping[str, str], reach: Reach, *, secret_is_new: bool = False, dry_run: bool = False
) -> Iterator[Step]:
    """Run all steps of a set-up in the store. `secret_is_new`: another secret was replaced just now."""
    access = environment.store_credentials(env)
    if access is None:
        missing = " and ".join(environment.missing(env))
        yield Step("store", Result.FAILED, f"{missing} not set", store_access.KEY_FIX)
        return
    store = reach.connect(access)
    checked = []
    for step in _checked(store, dry_run=dry_run):
        checked.append(step)
        yield step
    if failed(checked):
        return
    if stack is None:
        yield Step("webhooks", Result.SKIPPED, "no stack is named: it has the URL and the secret")
        return
    yield StackSecrets(stack).store_access(access, dry_run=dry_run)
    yield from record(stack, [*store_access.addresses(store), *named_sources(env)], dry_run=dry_run)
    yield from _webhooks(stack, store, reach, secret_is_new=secret_is_new, dry_run=dry_run)


def _checked(store: Store, *, dry_run: bool) -> Iterator[Step]:
    step, about = store_access.reachable(store)
    yield step
    if about is None:
        return
    key = store_access.readable(store)
    yield key
    yield from store_access.hosting(store, about)
    if key.outcome is Result.OK and not dry_run:
        yield store_access.writable(store)


def _webhooks(stack: Stack, store: Store, reach: Reach, *, secret_is_new: bool, dry_run: bool) -> Iterator[Step]:
    url = stack.output("WebhookUrl")
    yield store_webhooks.url_step(url, store.credentials.url)
    secret = StackSecrets(stack).webhook().get("current", "")
    if not secret:
        yield Step("webhooks", Result.SKIPPED, "the stack has no secret for them yet")
        return
    if secret_is_new and not dry_run:
        reach.pause(SECRET_RELOAD_S)
    if not dry_run:
        probe = store_webhooks.send_probe(reach.http, url, secret, REFUSED_FIX)
        yield probe
        if probe.outcome is Result.FAILED:  # the webhooks' deliveries would fail, and the store would disable them
            yield Step("webhooks", Result.SKIPPED, "unchanged, since the stack accepts no deliveries")
            return
    yield from store_webhooks.register(store, stack=stack.service, url=url, secret=secret, dry_run=dry_run)
