"""The second part of the demo: a store loses deliveries and disables a webhook; reconcile recovers all of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

import urllib3
from rich.table import Table

from simulators.woocommerce import KEY, SECRET, SimulatedShop
from simulators.woocommerce import running as serving
from woohub.errors import WooHubError
from woohub.store.client import Store
from woohub.store.webhooks import Webhook
from woohub_cli.check_result import failed
from woohub_cli.cli_errors import Trouble
from woohub_cli.commands import reconcile
from woohub_cli.deliveries import reconcile_runs
from woohub_cli.environment import STORE_VARIABLES
from woohub_cli.period import DATE_FORMAT, Period
from woohub_cli.set_up import store_setup
from woohub_cli.stack import connections, stack_configuration
from woohub_cli.stack import stacks as operators
from woohub_cli.verify.comparison import MismatchKind
from woohub_cli.verify.hubspot_records import Crm
from woohub_cli.verify.verification import verify
from woohub_cli.verify.verification_report import VerificationReport
from woohub_cli.verify.verification_run import VerificationRun

from . import stack_client
from .stack import Stack
from .stack_client import as_operators_see
from .steps import StepFailed, console, fail_if, step

ORDERS, UNDISTURBED_ORDERS, COMPLETED_ORDERS = 20, 6, 3
LOST_SHARE = 0.4  # of the deliveries after the undisturbed orders are lost
BROKEN_TOPIC = "order.updated"
SEED = 11
SHOWN = (
    ("orders missing in HubSpot", MismatchKind.MISSING),
    ("orders outdated in HubSpot", MismatchKind.DIFFERING),
)
LAST_ID = 5000  # so that no id is one of the first part's orders


@dataclass(frozen=True)
class Comparison:
    """A comparison of store and HubSpot. `webhook` is the status of the webhook that breaks."""

    report: VerificationReport
    webhook: str

    @property
    def up_to_date(self) -> int:
        """The number of orders that are equal in every field, with contact and association."""
        wrong = {mismatch.entity for mismatch in self.report.mismatches if mismatch.entity.startswith("order:")}
        return self.report.orders - len(wrong | set(self.report.on_their_way))

    def count(self, kind: MismatchKind) -> int:
        """Return the number of orders with this kind of mismatch."""
        return len({mismatch.entity for mismatch in self.report.mismatches if mismatch.kind is kind})


@dataclass(frozen=True)
class Recovery:
    """The comparisons before and after the reconcile run, and the status codes of the store's deliveries after it."""

    before: Comparison
    reconciled: reconcile_runs.ReconcileResult
    after: Comparison
    status_codes: list[int | None]


def show(stack: Stack) -> None:
    """Run and print the recovery on a running stack. Raises StepFailed unless everything is recovered."""
    print("\nPart 2: deliveries are lost and a webhook is disabled, silently\n")
    try:
        recovery = run(stack)
    except (Trouble, WooHubError) as error:
        raise StepFailed(f"{error}; logs: {stack.log}") from error
    _print_recovery(recovery)
    fail_if(problems(recovery), stack)


def run(stack: Stack) -> Recovery:
    """Give the stack a store, break its deliveries, and run reconcile once."""
    shop = SimulatedShop(seed=SEED, last_id=LAST_ID)
    period = Period(datetime.now(UTC).strftime(DATE_FORMAT))
    with serving(shop, cron=False) as url:
        operated = as_operators_see(stack)
        with step("Start a store, register the webhooks"):
            _set_up(operated, url)
        store = connections.store(operated, {})
        with step(f"Place {ORDERS} orders, lose deliveries"):
            _disturb(shop, store)
        before = _compare(stack, operated, store, period)
        _print_damage(shop, before)
        with step("Reconcile (in AWS: every 15 minutes)"):
            invoke = reconcile_runs.invoked(operated.aws, operated.output("ReconcileFunction"))
            reconciled = reconcile_runs.run_until_complete(invoke, {})
        with step("Complete another order"):
            status_codes = _complete(shop, max(shop.orders))
        return Recovery(before, reconciled, _compare(stack, operated, store, period), status_codes)


def _set_up(stack: operators.Stack, url: str) -> None:
    """Register the store and its webhooks as `woohub setup` does."""
    given = dict(zip(STORE_VARIABLES, (url, KEY, SECRET), strict=True))
    reach = store_setup.Reach(store_setup.connect, urllib3.PoolManager(), time.sleep)
    steps = list(store_setup.run(stack, given, reach))
    if failed(steps):
        raise StepFailed("\n".join(str(result.text()) for result in steps))


def _disturb(shop: SimulatedShop, store: Store) -> None:
    """Place orders. After the first ones, lose deliveries and give a webhook a wrong secret, which disables it."""
    for number in range(ORDERS):
        if number == UNDISTURBED_ORDERS:
            shop.hooks.lose = LOST_SHARE
            store.update_webhook(_webhook(store).id, secret="typed in wrong")  # noqa: S106
        shop.checkout(billing={"email": f"buyer{number + 1}@shop.example"})
        shop.run_webhooks()
    shop.hooks.lose = 0.0
    for order in sorted(shop.orders)[:COMPLETED_ORDERS]:  # the webhook is disabled: no delivery
        _complete(shop, order)


def _complete(shop: SimulatedShop, order: int) -> list[int | None]:
    """Complete an order. Return the status codes of the store's deliveries; None is a lost one."""
    before = len(shop.hooks.attempts)
    shop.change_status(order, "completed")
    shop.run_webhooks()
    return shop.hooks.attempts[before:]


def _webhook(store: Store) -> Webhook:
    return next(webhook for webhook in store.webhooks() if webhook.topic == BROKEN_TOPIC)


def _compare(stack: Stack, operated: operators.Stack, store: Store, period: Period) -> Comparison:
    stack_client.wait_until_queue_is_empty(stack)
    with step("Compare the store with HubSpot"):
        table = stack_configuration.mapping(operated)
        crm = Crm(connections.hubspot(operated, {}), table, connections.warn)
        run = VerificationRun(store, crm, period, time.time, lambda: stack_client.queue_length(stack))
        return Comparison(verify(run), _webhook(store).status)


def problems(recovery: Recovery) -> Iterator[str]:
    """Yield the differences from the expected result, as sentences."""
    before, after = recovery.before, recovery.after
    damaged = all(before.count(kind) for _, kind in SHOWN)
    if before.webhook != "disabled" or not damaged:
        yield "nothing was lost or disabled, so nothing was recovered"
    if not recovery.reconciled.complete:
        yield f"the reconcile run did not complete: {recovery.reconciled.stopped}"
    if recovery.status_codes != [200]:
        yield f"deliveries after it were answered {recovery.status_codes} instead of [200]"
    if after.webhook != "active":
        yield f"webhook {BROKEN_TOPIC}: {after.webhook} instead of active"
    if after.up_to_date != ORDERS:
        yield f"HubSpot has {after.up_to_date} of {ORDERS} orders up to date"
    yield from (f"{mismatch.entity}: {mismatch.record} {mismatch.kind.words}" for mismatch in after.report.mismatches)


def _print_damage(shop: SimulatedShop, comparison: Comparison) -> None:
    lost, rejected = shop.hooks.attempts.count(None), shop.hooks.attempts.count(HTTPStatus.UNAUTHORIZED)
    print(
        f"\n{ORDERS} orders placed, {lost} deliveries lost. After {rejected} rejected deliveries the store disabled\n"
        f"its webhook {BROKEN_TOPIC}; the {COMPLETED_ORDERS} orders completed since then were never delivered.\n"
        f"HubSpot has {comparison.up_to_date} of {ORDERS} orders up to date.\n"
    )


def _print_recovery(recovery: Recovery) -> None:
    before, after = recovery.before, recovery.after
    table = Table("store and HubSpot", "before", "after", title="Recovered", title_justify="left", title_style="bold")
    table.add_row(f"webhook {BROKEN_TOPIC}", before.webhook, after.webhook)
    for text, kind in SHOWN:
        table.add_row(text, str(before.count(kind)), str(after.count(kind)))
    table.add_row("orders equal in every field", f"{before.up_to_date} of {ORDERS}", f"{after.up_to_date} of {ORDERS}")
    print("", *reconcile.lines(recovery.reconciled), "", sep="\n")
    console().print(table)
