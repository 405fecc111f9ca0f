"""What doctor asks the store: address, key, clock, webhooks, and whether its events arrive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from woohub.dates import utc_from_ms
from woohub.delivery.sites import is_another
from woohub.errors import WooHubError
from woohub.store.client import Store
from woohub.store.cursors import ByDate
from woohub.store.pagination import CREATED
from woohub.store.subscriptions import find_problems
from woohub_cli import secret_store, store_webhooks
from woohub_cli.check_result import Outcome, Step
from woohub_cli.checks import store_access
from woohub_cli.checks.health_context import Patient, ago, examined
from woohub_cli.metrics import DAY
from woohub_cli.store_setup import PATIENCE, URL, VARIABLES

FIRST_ANSWER = 20.0  # seconds a store has to answer at all, tries included
WATCHED = 14 * DAY  # seconds that are looked back for the last delivery
LATENESS = 3600.0  # seconds a store may take to deliver: WooCommerce's queue needs visitors
SAMPLE = 7 * DAY  # seconds of orders whose currencies are looked at
SILENT_FIX = (
    "look at WooCommerce > Status > Scheduled Actions (group woocommerce-webhooks) and > Logs; does WP-Cron run? Until "
    "then the sweep brings every order within a quarter of an hour"
)


def examine(patient: Patient) -> Iterator[Step]:
    """All checks of the store; none without a key of it."""
    if patient.store is None:
        yield _unknown(patient)
        return
    patient.store.timer.start(FIRST_ANSWER)
    step, about = store_access.reachable(patient.store)
    patient.store.timer.start(PATIENCE)
    yield step
    yield _agreement(patient)
    if about is None:
        return
    yield from _home(patient, about.home)
    yield store_access.clock(about, patient.now)
    key = store_access.readable(patient.store)
    yield key
    yield from store_access.hosting(patient.store, about)
    if key.outcome is Outcome.OK:
        yield store_access.writable(patient.store)
        yield store_access.version(patient.store)[0]
        checks = (("webhooks", partial(_webhooks, patient.store)), ("last delivery", partial(_heard, patient.store)))
        yield from examined(checks, patient)


def _unknown(patient: Patient) -> Step:
    missing = [name for name in VARIABLES if not patient.env.get(name)]
    if URL in missing:
        return Step("store", Outcome.SKIPPED, f"{URL} is not set, and the stack has no key of a store")
    return Step("store", Outcome.FAILED, f"{' and '.join(missing)} not set", store_access.KEY_FIX)


def _agreement(patient: Patient) -> Step:
    """Whether the functions reach the same store with the same key."""
    what = "store's key in the stack"
    fix = "run `woohub setup`: it stores the one of .env"
    if patient.stored is None:
        return Step(what, Outcome.FAILED, "there is none: deliveries that get lost stay lost", fix)
    if patient.given and patient.given.url != patient.stored.url:
        detail = f"is of {patient.stored.url}, {URL} names {patient.given.url}"
        return Step(what, Outcome.WARNING, detail, f"{fix}, or name another stack with --stack")
    if patient.given and patient.given != patient.stored:
        return Step(what, Outcome.WARNING, "is another one than in .env", fix)
    return Step(what, Outcome.OK)


def _home(patient: Patient, home: str) -> Iterator[Step]:
    """Whether deliveries that name the store's own address as their source are taken."""
    recorded = secret_store.sources(patient.stack.aws.secrets, patient.stack.output("WebhookSecretArn"))
    if is_another(home, recorded):
        detail = f"the store is {home}, but deliveries are taken of {', '.join(recorded)} only, and left aside"
        yield Step(
            "store's own address", Outcome.FAILED, detail, "run `woohub setup`: it records the store's addresses"
        )


def _webhooks(store: Store, patient: Patient) -> Iterator[Step]:
    url = patient.stack.output("WebhookUrl")
    yield store_webhooks.url_step(url, store.credentials.url)
    known = store.webhooks()
    wrong = find_problems(known, stack=patient.stack.service, url=url)
    for finding in wrong:
        yield store_webhooks.finding_step(finding, Outcome.FAILED if finding.stops_events else Outcome.WARNING)
    if not any(finding.stops_events for finding in wrong):
        yield Step("webhooks", Outcome.OK, "one for each topic, active")


def _heard(store: Store, patient: Patient) -> Iterator[Step]:
    yield heard(patient, store)


def heard(patient: Patient, store: Store | None) -> Step:
    """The last delivery; with a store, whether there should have been later ones."""
    what = "last delivery"
    if patient.metrics is None:
        return Step(what, Outcome.WARNING, "not known: this AWS counts nothing", "place an order, then `woohub status`")
    last = patient.metrics.last("DeliveryAccepted", DAY) or patient.metrics.last("DeliveryAccepted", WATCHED)
    seen = f"{ago(patient.now - last)} ago" if last else f"none for {ago(WATCHED)}"
    if store is None:
        return Step(what, Outcome.OK if last else Outcome.WARNING, seen, "" if last else "place an order in the store")
    since = (last or max(patient.now - WATCHED, _made_at(store, patient))) + LATENESS
    changed = store.count("orders", modified_after=utc_from_ms(round(since * 1000)), dates_are_gmt="true", status="any")
    if not changed:
        return Step(what, Outcome.OK, f"{seen}; no order changed since")
    return Step(what, Outcome.WARNING, f"{seen}, though {changed} orders changed in the store since", SILENT_FIX)


def _made_at(store: Store, patient: Patient) -> float:
    """When the first webhook that delivers here was made: what changed before was never delivered; 0 if not known."""
    url = patient.stack.output("WebhookUrl")
    dates = [webhook.date_created_gmt for webhook in store.webhooks() if webhook.delivery_url == url]
    known = [datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() for date in dates if date]
    return min(known, default=0.0)


def currencies(patient: Patient) -> set[str]:
    """The store's currency, and those of its latest orders; empty where it does not say."""
    if patient.store is None:
        return set()
    try:
        found = {store_access.version(patient.store)[1]}
        week = ByDate(utc_from_ms(round((patient.now - SAMPLE) * 1000)))
        first = next(patient.store.orders(week, by=CREATED), None)
    except WooHubError:  # told by the checks of the store
        return set()
    return (found | {str(one.fields.get("currency") or "") for one in (first.rows if first else ())}) - {""}
