"""Checks of `woohub doctor` in the store: address, key, clock, webhooks, and whether its deliveries arrive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from woohub.counted import counted
from woohub.dates import utc_from_ms
from woohub.delivery.sites import is_another
from woohub.errors import WooHubError
from woohub.store.client import Store
from woohub.store.cursors import ByDate
from woohub.store.pagination import CREATED
from woohub.store.subscriptions import find_problems
from woohub_cli import environment
from woohub_cli.check_result import Result, Step
from woohub_cli.checks import store_access
from woohub_cli.checks.health_context import HealthContext, ago, run_checks
from woohub_cli.environment import URL
from woohub_cli.set_up import store_webhooks
from woohub_cli.set_up.store_setup import STORE_TIMEOUT_S
from woohub_cli.stack.metrics import DAY
from woohub_cli.stack.secret_store import StackSecrets

FIRST_ANSWER_TIMEOUT_S = 20.0  # for the first call, with its retries
DELIVERY_LOOKBACK_S = 14 * DAY  # an older last delivery is not looked for
MAX_DELIVERY_DELAY_S = 3600.0  # a store may deliver that late: WooCommerce's queue needs visitors
CURRENCY_LOOKBACK_S = 7 * DAY  # currencies are taken from orders created since then
SILENT_FIX = (
    "look at WooCommerce > Status > Scheduled Actions (group woocommerce-webhooks) and > Logs; does WP-Cron run? Until "
    "then reconcile reads every order within 15 minutes"
)


def examine(context: HealthContext) -> Iterator[Step]:
    """Yield all checks of the store; without a key of it, one step that says so."""
    if context.store is None:
        yield _unknown(context)
        return
    context.store.timer.start(FIRST_ANSWER_TIMEOUT_S)
    step, about = store_access.reachable(context.store)
    context.store.timer.start(STORE_TIMEOUT_S)
    yield step
    yield _same_key(context)
    if about is None:
        return
    yield from _home_address(context, about.home)
    yield store_access.clock(about, context.now)
    key = store_access.readable(context.store)
    yield key
    yield from store_access.hosting(context.store, about)
    if key.outcome is Result.OK:
        yield store_access.writable(context.store)
        yield store_access.version(context.store)[0]
        checks = (
            ("webhooks", partial(_webhooks, context.store)),
            ("last delivery", partial(last_delivery, context.store)),
        )
        yield from run_checks(checks, context)


def _unknown(context: HealthContext) -> Step:
    missing = environment.missing(context.env)
    if URL in missing:
        return Step("store", Result.SKIPPED, f"{URL} is not set, and the stack has no key of a store")
    return Step("store", Result.FAILED, f"{' and '.join(missing)} not set", store_access.KEY_FIX)


def _same_key(context: HealthContext) -> Step:
    """Check that the functions call the same store with the same key."""
    what = "store's key in the stack"
    fix = "run `woohub setup`: it stores the key of .env"
    if context.stored is None:
        return Step(what, Result.FAILED, "there is none: lost deliveries cannot be recovered", fix)
    if context.given and context.given.url != context.stored.url:
        detail = f"is for {context.stored.url}, but {URL} names {context.given.url}"
        return Step(what, Result.WARNING, detail, f"{fix}, or name another stack with --stack")
    if context.given and context.given != context.stored:
        return Step(what, Result.WARNING, "differs from the key in .env", fix)
    return Step(what, Result.OK)


def _home_address(context: HealthContext, home: str) -> Iterator[Step]:
    """Check that deliveries that name the store's own address as their source are accepted."""
    recorded = StackSecrets(context.stack).sources()
    if is_another(home, recorded):
        detail = f"the store is {home}, but only deliveries of {', '.join(recorded)} are accepted; its own are ignored"
        yield Step("store's own address", Result.FAILED, detail, "run `woohub setup`: it records the store's addresses")


def _webhooks(store: Store, context: HealthContext) -> Iterator[Step]:
    url = context.stack.output("WebhookUrl")
    yield store_webhooks.url_step(url, store.credentials.url)
    known = store.webhooks()
    wrong = find_problems(known, stack=context.stack.service, url=url)
    for finding in wrong:
        yield store_webhooks.finding_step(finding, Result.FAILED if finding.stops_events else Result.WARNING)
    if not any(finding.stops_events for finding in wrong):
        yield Step("webhooks", Result.OK, "each topic has an active one")


def last_delivery(store: Store | None, context: HealthContext) -> Iterator[Step]:
    """Report the last delivery and, if there is a store, orders that changed since without a delivery."""
    what = "last delivery"
    if context.metrics is None:
        yield Step(what, Result.WARNING, "not known: this AWS has no metrics", "place an order, then `woohub status`")
        return
    accepted = partial(context.metrics.last, "DeliveryAccepted")
    last = accepted(DAY) or accepted(DELIVERY_LOOKBACK_S)
    start = context.now - DELIVERY_LOOKBACK_S
    made = _webhooks_created_at(store, context) if store and not last else 0.0
    never = "none since the webhooks were created" if made > start else f"none for {ago(DELIVERY_LOOKBACK_S)}"
    seen = f"{ago(context.now - last)} ago" if last else never
    if store is None:
        yield Step(what, Result.OK if last else Result.WARNING, seen, "" if last else "place an order in the store")
        return
    since = (last or max(start, made)) + MAX_DELIVERY_DELAY_S
    changed = store.count("orders", modified_after=utc_from_ms(round(since * 1000)), dates_are_gmt="true", status="any")
    if not changed:
        yield Step(what, Result.OK, f"{seen}; no order changed since")
    else:
        detail = f"{seen}, though {counted(changed, 'order')} changed in the store since"
        yield Step(what, Result.WARNING, detail, SILENT_FIX)


def _webhooks_created_at(store: Store, context: HealthContext) -> float:
    """Return when the first webhook for this stack was created (epoch seconds); 0 if not known.

    What changed before was never delivered.
    """
    url = context.stack.output("WebhookUrl")
    dates = [webhook.date_created_gmt for webhook in store.webhooks() if webhook.delivery_url == url]
    known = [datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() for date in dates if date]
    return min(known, default=0.0)


def currencies(context: HealthContext) -> set[str]:
    """Return the store's currency and those of its latest orders; empty if the store cannot be read."""
    if context.store is None:
        return set()
    try:
        codes = {store_access.version(context.store)[1]}
        week = ByDate(utc_from_ms(round((context.now - CURRENCY_LOOKBACK_S) * 1000)))
        first = next(context.store.orders(week, by=CREATED), None)
    except WooHubError:  # the checks of the store report it
        return set()
    return (codes | {str(row.fields.get("currency") or "") for row in (first.rows if first else ())}) - {""}
