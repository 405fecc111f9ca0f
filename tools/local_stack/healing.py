"""The demo's second act: a store loses deliveries and disables a webhook, and the stack finds and mends all of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import boto3
import urllib3
from rich.console import Console
from rich.table import Table

from simulators.woocommerce import KEY, SECRET, SimulatedShop
from simulators.woocommerce import running as serving
from woohub.errors import WooHubError
from woohub.mapping.fields import load_mapping
from woohub.store.client import Store, Webhook
from woohub_cli import connections, store_setup
from woohub_cli import stacks as operators
from woohub_cli.cli_errors import Trouble
from woohub_cli.commands import reconcile
from woohub_cli.comparison import Kind
from woohub_cli.hubspot_records import Crm
from woohub_cli.period import FORM, Period
from woohub_cli.provision import failed
from woohub_cli.verification import Report, Verification

from . import environment, exchange
from .progress import StepFailed, step, wait_until
from .stack import Stack

ORDERS, UNTROUBLED, EDITED = 20, 6, 3
LOST = 0.4  # of the deliveries after the first orders
BROKEN = "order.updated"
REFUSED = 401
SEED = 11
LAST_ID = 5000  # far from the orders of the first act
DRAINED_WITHIN = 120.0  # seconds


@dataclass(frozen=True)
class Seen:
    """How far the store and HubSpot agree. `webhook`: status of the one that breaks."""

    report: Report
    webhook: str

    @property
    def up_to_date(self) -> int:
        """Orders that HubSpot has, equal in every field, contact and association included."""
        wrong = {one.entity for one in self.report.findings if one.entity.startswith("order:")}
        return self.report.orders - len(wrong | set(self.report.on_their_way))

    def of_kind(self, kind: Kind) -> int:
        """Orders with this kind of trouble."""
        return len({one.entity for one in self.report.findings if one.kind is kind})


@dataclass(frozen=True)
class Healing:
    """What happened: before and after the run of reconcile, and how the store's deliveries after it were answered."""

    before: Seen
    sweep: reconcile.Sweep
    after: Seen
    answers: list[int | None]


def show(stack: Stack) -> None:
    """Play it against a running stack; StepFailed unless everything is healed."""
    print("\nThe second act: deliveries get lost and a webhook breaks, and nobody is told\n")
    try:
        healing = play(stack)
    except (Trouble, WooHubError) as error:
        raise StepFailed(f"{error}; logs: {stack.log}") from error
    _show(healing)
    if problems := list(differences(healing)):
        raise StepFailed("Not as expected:\n  " + "\n  ".join(problems) + f"\nLogs: {stack.log}")


def play(stack: Stack) -> Healing:
    """A store of its own for the stack, trouble with it, and one run of reconcile."""
    shop = SimulatedShop(seed=SEED, last_id=LAST_ID)
    period = Period(datetime.now(UTC).strftime(FORM))
    with serving(shop, cron=False) as url:
        known = operated(stack)
        with step("Start a store, register the webhooks"):
            _set_up(known, url)
        store = connections.store(known, {})
        with step(f"Place {ORDERS} orders, with trouble"):
            _make_trouble(shop, store)
        before = _seen(stack, known, store, period)
        _tell_trouble(shop, before)
        with step("Reconcile (every quarter of an hour in AWS)"):
            sweep = reconcile.sweep(reconcile.invoked(known.aws, known.output("ReconcileFunction")), {})
        with step("Complete one more order"):
            answers = _complete(shop, max(shop.orders))
        return Healing(before, sweep, _seen(stack, known, store, period), answers)


def operated(stack: Stack) -> operators.Stack:
    """The same stack as the operators' commands see it."""
    names = {
        "WebhookUrl": stack.webhook_url,
        "QueueUrl": stack.queue_url,
        "HubSpotApiUrl": stack.hubspot_url,
        "WebhookSecretArn": stack.webhook_secret_arn,
        "HubSpotSecretArn": stack.hubspot_secret_arn,
        "StoreSecretArn": stack.store_secret_arn,
        "ReconcileFunction": stack.reconcile_function,
    }
    session = boto3.Session(environment.KEY, environment.KEY, region_name=stack.region)
    aws = operators.Aws(session, stack.aws_endpoint_url, operators.LOCAL_CALLS)
    return operators.Stack(operators.LOCAL, names, aws, deployed_as=stack.stack_name)


def _set_up(known: operators.Stack, url: str) -> None:
    """What `woohub setup` does about a store."""
    given = dict(zip(store_setup.VARIABLES, (url, KEY, SECRET), strict=True))
    reach = store_setup.Reach(store_setup.connect, urllib3.PoolManager(), time.sleep)
    steps = list(store_setup.run(known, given, reach))
    if failed(steps):
        raise StepFailed("\n".join(str(one.text()) for one in steps))


def _make_trouble(shop: SimulatedShop, store: Store) -> None:
    """First all is well. Then deliveries get lost, and somebody gives one webhook another secret."""
    for number in range(ORDERS):
        if number == UNTROUBLED:
            shop.hooks.lose = LOST
            store.update_webhook(_webhook(store).id, secret="typed in wrong")  # noqa: S106
        shop.checkout(billing={"email": f"buyer{number + 1}@shop.example"})
        shop.run_webhooks()
    shop.hooks.lose = 0.0
    for order in sorted(shop.orders)[:EDITED]:  # by now nobody is told
        _complete(shop, order)


def _complete(shop: SimulatedShop, order: int) -> list[int | None]:
    """The answers to what the store sends about it."""
    before = len(shop.hooks.attempts)
    shop.change_status(order, "completed")
    shop.run_webhooks()
    return [one.status for one in shop.hooks.attempts[before:]]


def _webhook(store: Store) -> Webhook:
    return next(one for one in store.webhooks() if one.topic == BROKEN)


def _seen(stack: Stack, known: operators.Stack, store: Store, period: Period) -> Seen:
    with step("Wait until the queue is empty"):
        late = f"deliveries still wait after {DRAINED_WITHIN:.0f} s; logs: {stack.log}"
        wait_until(lambda: not exchange.waiting(stack), late, timeout=DRAINED_WITHIN)
    with step("Compare the store with HubSpot"):
        table = load_mapping()
        crm = Crm(connections.hubspot(known, {}), table, connections.warn)
        report = Verification(store, crm, table, time.time, lambda: exchange.waiting(stack)).run(period)
        return Seen(report, _webhook(store).status)


def differences(healing: Healing) -> Iterator[str]:
    """What is not as it must be, in words."""
    before, after = healing.before, healing.after
    if before.webhook != "disabled" or not (before.of_kind(Kind.MISSING) and before.of_kind(Kind.DIFFERING)):
        yield "there was nothing to heal"
    if not healing.sweep.complete:
        yield f"reconcile did not get through: {healing.sweep.stopped}"
    if healing.answers != [200]:
        yield f"deliveries after it were answered {healing.answers} instead of [200]"
    if after.webhook != "active":
        yield f"webhook {BROKEN}: {after.webhook} instead of active"
    if after.up_to_date != ORDERS:
        yield f"HubSpot has {after.up_to_date} of {ORDERS} orders up to date"
    yield from (f"{one.entity}: {one.record} {one.kind.words}" for one in after.report.findings)


def _tell_trouble(shop: SimulatedShop, seen: Seen) -> None:
    lost = sum(one.status is None for one in shop.hooks.attempts)
    refused = sum(one.status == REFUSED for one in shop.hooks.attempts)
    print(
        f"\n{ORDERS} orders placed: {lost} deliveries were lost on the way, and after {refused} that were refused\n"
        f"the store disabled its webhook {BROKEN}: of {EDITED} orders completed since, it told nobody.\n"
        f"HubSpot has {seen.up_to_date} of {ORDERS} orders up to date.\n"
    )


def _show(healing: Healing) -> None:
    before, after = healing.before, healing.after
    table = Table("the store and HubSpot", "before", "after", title="Healed", title_justify="left", title_style="bold")
    table.add_row(f"webhook {BROKEN}", before.webhook, after.webhook)
    for what, kind in (("orders missing in HubSpot", Kind.MISSING), ("orders out of date there", Kind.DIFFERING)):
        table.add_row(what, str(before.of_kind(kind)), str(after.of_kind(kind)))
    table.add_row("orders equal in every field", f"{before.up_to_date} of {ORDERS}", f"{after.up_to_date} of {ORDERS}")
    print("", *reconcile.lines(healing.sweep), "", sep="\n")
    (Console() if sys.stdout.isatty() else Console(width=120)).print(table)
