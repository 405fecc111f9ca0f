"""Remove a store from a stack: first its webhooks, then all that the functions know about it."""

from __future__ import annotations

from collections.abc import Iterator

from woohub.store.client import Store
from woohub_cli.check_result import Result, Step
from woohub_cli.cli_errors import STORE_FAILS
from woohub_cli.set_up import further_stores, store_webhooks
from woohub_cli.stack.stack_mapping import StackMapping
from woohub_cli.stack.stacks import Stack

BY_HAND = f"delete them there, in {store_webhooks.WEBHOOKS_PAGE}: they are named after the stack"


def removal(stack: Stack, store: Store | None, *, dry_run: bool) -> Iterator[Step]:
    """Yield the steps: deliveries end first, then the functions forget the store."""
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
    """Remove the store's mapping, so that a store added later under this name starts without it."""
    mapping = StackMapping.of(stack)
    if mapping.stored:
        mapping.push(None)
        yield Step(mapping.key, Result.REMOVED, "the bucket keeps its versions")


def _webhooks_removed(stack: Stack, store: Store | None, *, dry_run: bool) -> Iterator[Step]:
    if store is None:
        yield Step("webhooks", Result.WARNING, "the stack has no key of the store", BY_HAND)
        return
    try:
        webhooks = store_webhooks.ours(store.webhooks(), stack=stack.service, url=stack.output("WebhookUrl"))
        yield from store_webhooks.removed(store, webhooks, dry_run=dry_run)
    except STORE_FAILS as error:  # the store may be gone for good
        yield Step("webhooks", Result.WARNING, str(error), BY_HAND)
