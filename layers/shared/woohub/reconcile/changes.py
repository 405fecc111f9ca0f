"""Queue what has changed in the store since the last run: orders, orders in the trash, accounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from woohub.dates import shifted, utc_from_ms
from woohub.reconcile.context import Run
from woohub.reconcile.watermark import OVERLAP, OrderList, OrderProgress
from woohub.store.cursors import Cursor, Page
from woohub.store.rows import StoreRow

SURELY_BEHIND_S = 60  # the time that an answer takes may explain a smaller difference of two clocks
MAX_PAGES_OF_NEW_ACCOUNTS = 10  # in one run; so many new accounts are an import, for which all accounts are scanned
STATUSES: dict[OrderList, str] = {"orders": "any", "trash": "trash"}


def behind_s(run: Run) -> int:
    """Return the seconds by which the store's clock is behind woohub's; 0 if it is less than a minute."""
    return int(run.store.behind_s) if run.store.behind_s >= SURELY_BEHIND_S else 0


def queue_orders(run: Run, name: OrderList) -> None:
    """Queue the changed orders of this list, and move the watermark past each page."""
    before = run.mark.progress(name)
    began = before.began or run.now()
    pages = run.store.orders(run.mark.start(name, behind_s(run)), status=STATUSES[name])
    for received_ms, page in run.timed(pages):
        run.enqueue_rows(name, "order", page.rows, received_ms)
        moment = _newest_moment(run.mark.progress(name), page, received_ms)
        settled = shifted(began, -OVERLAP - timedelta(seconds=run.store.behind_s))
        reading = OrderProgress(moment, before.settled, page.next, began)
        run.keep(run.mark.with_progress(name, OrderProgress(moment, settled) if page.last else reading))


def _newest_moment(progress: OrderProgress, page: Page[Cursor], received_ms: int) -> str:
    """Return the newest date read so far, but none in the future, which would hide all changes until then."""
    newest = max((row.modified_at for row in page.rows), default="")
    return max(progress.moment, min(newest, utc_from_ms(received_ms)))


def queue_new_accounts(run: Run) -> None:
    """Queue the accounts created since the last run. Changed ones need a scan: a store cannot list them."""
    known = run.mark.accounts
    highest = run.store.newest_customer_id() if known is None else known
    for number, (received_ms, rows) in enumerate(run.timed(run.store.newest_customers(known or 0)), 1):
        new = rows if known is not None else _created_since(rows, shifted(run.mark.since, -OVERLAP))
        run.enqueue_rows("customers", "customer", new, received_ms)
        highest = max([highest, *(row.id for row in new)])
        if len(new) < len(rows):
            break
        if number == MAX_PAGES_OF_NEW_ACCOUNTS:  # an import, perhaps with old dates, so scan all accounts
            run.keep(run.mark.with_scan(""))
            break
    run.keep(replace(run.mark, accounts=highest))


def _created_since(rows: tuple[StoreRow, ...], since: str) -> tuple[StoreRow, ...]:
    return tuple(row for row in rows if not row.created_at or row.created_at >= since)


def scan_accounts(run: Run) -> None:
    """Read all accounts and queue the changed ones. A scan that is too long for one run continues in the next."""
    scan = run.mark.scan
    if scan is None:
        return
    began = scan.began or run.now()
    for received_ms, page in run.timed(run.store.customers(scan.position)):
        changed = [row for row in page.rows if not row.modified_at or row.modified_at >= scan.changed_since]
        run.enqueue_rows("customers", "customer", changed, received_ms)
        run.keep(replace(run.mark, scan=replace(scan, position=page.next, began=began)))
    run.keep(replace(run.mark, scan=None, scanned=began))
