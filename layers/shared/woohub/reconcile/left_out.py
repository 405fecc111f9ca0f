"""Retry and report the records that the store could not show."""

from __future__ import annotations

from dataclasses import replace

from woohub.metrics import STORE_RECORD_UNREADABLE
from woohub.reconcile.context import TOPICS_OF_ROWS, Run
from woohub.store.requests import StoreUnavailable

MAX_RETRIES_PER_RUN = 3  # so few, because each of them may take until its time-out
NOT_ASKED_AGAIN = "not asked for again in this run"


def retry_unreadable(run: Run) -> None:
    """Ask again for some records that could not be read: the watermark has passed them, so nothing else reads them."""
    for name in run.mark.unreadable[:MAX_RETRIES_PER_RUN]:
        received_ms, others = run.now_ms(), tuple(other for other in run.mark.unreadable if other != name)
        try:
            row = run.store.read_once_more(name)
        except StoreUnavailable as error:
            if error.retry_after:
                raise
            run.report.unreadable[name] = str(error)
            run.keep(replace(run.mark, unreadable=(*others, name)))  # the next run asks for others first
            continue
        kind = name.partition(":")[0]
        if row is not None and kind in TOPICS_OF_ROWS:
            run.enqueue_rows(f"{kind}s", kind, [row], received_ms)
        run.keep(replace(run.mark, unreadable=others))


def report_unreadable(run: Run) -> None:
    """Report the records that were left out, and keep their names: they may become readable without a new date."""
    run.keep(replace(run.mark, unreadable=run.left_out()))
    reasons = run.store.unreadable | run.report.unreadable
    run.report.unreadable = {name: reasons.get(name, NOT_ASKED_AGAIN) for name in run.mark.unreadable}
    if run.report.unreadable:
        run.count(STORE_RECORD_UNREADABLE, len(run.report.unreadable))
        run.log("records_left_out", records=run.report.unreadable)
