"""The check on signed deliveries without an order or customer: what each cause means, and what to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from woohub.aws_errors import AWS_ERRORS
from woohub.counted import counted
from woohub.metrics import LOST_EVENT
from woohub_cli.check_result import Result, Step
from woohub_cli.checks.health_context import HealthContext
from woohub_cli.stack import traces
from woohub_cli.stack.metrics import DAY

RECREATE = "delete our webhooks in the store and run `woohub setup`, which creates them again for the key's user"
OWNER = f"the user a webhook belongs to may be gone, or no longer see orders: {RECREATE}"
LOG = 'the ingest function\'s log says more ("cause")'
ADVICE = (  # the ingest function's cause, and what helps; the first that fits
    (
        re.compile("rest_no_route"),
        "the store delivers before WooCommerce's REST API is loaded, which a checkout of blocks does when deliveries "
        "are not queued: remove the plugin or code that sets the filter `woocommerce_webhook_deliver_async` to false",
    ),
    (re.compile("_cannot_"), OWNER),
    (
        re.compile("invalid_shop_order_id"),
        f"a webhook uses version 1 of the REST API, which cannot read the orders of a store with HPOS: {RECREATE}",
    ),
    (re.compile("topic_mismatch"), f"a webhook uses the legacy API, or a plugin changes what is delivered: {RECREATE}"),
    (re.compile("not_json"), "a plugin changes what is delivered: look for it among those that extend webhooks"),
    (re.compile("too_large"), "shorten the order or customer in the store: no message can hold it"),
)


def lost_events(context: HealthContext, lost: int) -> Step:
    """Return the step on the lost events of the last day; `lost` is their number."""
    causes = _causes(context)
    detail = f"{counted(lost, 'delivery')} of the last day with an error message instead of an order or customer"
    if causes:
        detail += f": {', '.join(f'{cause} ({times})' for cause, times in causes.most_common())}"
    return Step("events", Result.FAILED, detail, "; ".join(dict.fromkeys(_fixes(causes))) or f"{OWNER}; {LOG}")


def _fixes(causes: Iterable[str]) -> Iterable[str]:
    for cause in causes:
        yield next((fix for pattern, fix in ADVICE if pattern.search(cause)), f"{OWNER}; {LOG}")


def _causes(context: HealthContext) -> Counter[str]:
    """Count the causes in the ingest function's log of the last day; empty if it cannot be read."""
    since_ms = round((context.now - DAY) * 1000)
    try:
        lines = traces.log_lines(context.stack, "IngestFunction", LOST_EVENT, since_ms)
        return Counter(str(said["cause"]) for _, said in lines if LOST_EVENT in said and said.get("cause"))
    except AWS_ERRORS:
        return Counter()
