"""docs/costs.md."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from woohub.reconcile.run import OVERLAP

from . import assumptions, prices, stack
from .bill import OPTIONAL, Prices, largest
from .cases import Case, Row, amounts, head, services, sums
from .month import HOURS, Month
from .prices import PRICES, REGION
from .stack import Stack

PAGE = Path(__file__).parents[3] / "docs" / "costs.md"
USUAL = (1_000, 30_000, 1_000_000)  # deliveries a month
OTHER_REGION = "eu-west-1"
WIDE = 120  # columns

LEVERS = {
    "API Gateway": "Nothing lowers it: an HTTP API would cost less than a third, but takes no web ACL.",
    "Lambda": "Most of it is the consumer waiting for HubSpot with one delivery in hand. Half its `MemorySize` costs "
    "about half ([benchmarks.md](benchmarks.md) says what it needs); a longer `MaximumBatchingWindowInSeconds` fills "
    "batches, but deals come later.",
    "SQS": "Nothing lowers it: Lambda asks the empty queue, too.",
    "CloudWatch metrics": "One fewer without `encoding` in `functions/ingest/app.py` (`DIMENSIONS`); "
    "`woohub rotate-webhook-secret --finish` needs `signed_with`.",
    "CloudWatch alarms": "Take out of `template.yaml` those that you would not answer.",
    "CloudWatch dashboard": "Take it and the output `DashboardUrl` out of `template.yaml`.",
    "CloudWatch Logs": "Storage is `LogRetentionDays`; the rest is the lines themselves, which `woohub why` reads.",
    "X-Ray": "Take `Tracing: Active` and `TracingEnabled: true` out of `template.yaml`; the logs still tell the way.",
    "Secrets Manager": "Nothing lowers it.",
    "SNS": "Leave `AlarmEmail` empty.",
    "Data transfer out": "Nothing lowers it.",
}

FREE_TIER = (
    "The always-free tier is one for the whole account: there are ten metrics, ten alarms and three dashboards in it."
)
METRICS = (
    "{every_hour} are written every hour, {with_deliveries} in hours with deliveries (measured: each name with each "
    "set of dimensions; CloudWatch bills a metric by the hours in which it is written)."
)

TEXT = """\
# What a month costs

On AWS, at list price, for a month of {hours} hours. An event is one delivery by the store. The page is computed
(`python -m generators.costs --write`) from [template.yaml](../template.yaml), AWS's
[prices](../tools/generators/costs/prices.toml) and the [assumptions](../tools/generators/costs/assumptions.toml) below;
what is not known is taken as the dearer case. Your own case:
`.venv/bin/python -m generators.costs --events 12000 --order-kb 20`; `--help` says more.

{bill}

{notes}

## What lowers it

{largest}

{levers}

## What is behind it

{amounts}

## Assumptions

{assumptions}

Not counted: retries, rejections and other trouble, with the metrics that only trouble writes; the nightly look through
customers and deals, about a second of reconcile for each hundred; questions to the logs, your own and the dashboard's
two, billed by what they read; a few cents for SAM's bucket; taxes and support; HubSpot and the store. Free are standard
SSM parameters, schedules, roll-outs, IAM, the encryption of queues and secrets, and AWS's own metrics.
"""


def usual(region: str = REGION) -> list[Case]:
    """The cases on the page."""
    deployed, assumed, found = stack.deployed(), assumptions.load(), prices.load(region=region)
    return [Case(Month(deliveries, deployed, assumed), found) for deliveries in USUAL]


def markdown() -> str:
    """The page."""
    cases = usual()
    bullets = [_deployed(cases[0].month.stack), *map(_group, assumptions.groups()), _metrics(assumptions.metrics())]
    return TEXT.format(
        hours=HOURS,
        bill=_bill(cases, usual(OTHER_REGION)),
        notes=_fill(f"{FREE_TIER} {_sources()}"),
        largest=_fill(f"Largest {'; '.join(map(_largest, cases))}."),
        levers="\n".join(_item(service, LEVERS[service]) for service in _lowered(cases)),
        amounts=_table([head(cases, "a month, events:"), *amounts(cases)]),
        assumptions="\n".join(bullets),
    )


def write() -> None:
    """Renew the page."""
    PAGE.write_text(markdown(), encoding="utf-8")


def _bill(cases: Sequence[Case], others: Sequence[Case]) -> str:
    listed = price_texts(cases[0])
    rows = [[*row, listed[row[0]]] for row in services(cases)]
    whole, with_free_tier, optional = sums(cases)
    elsewhere = [f"Total in {OTHER_REGION}", *sums(others)[0][1:]]
    rows += [[*_bold(whole), ""], [*with_free_tier, ""], [*elsewhere, ""], [*optional, listed[OPTIONAL]]]
    return _table([[*head(cases, f"US dollars in {REGION}, events:"), "list price"], *rows], texts=(0, 1 + len(cases)))


def price_texts(case: Case) -> dict[str, str]:
    """The prices a case takes, by service."""
    texts: dict[str, list[str]] = {}
    for name in case.month.quantities():
        price = case.prices[name]
        texts.setdefault(price.service, []).append(str(price))
    return {service: ", ".join(some) for service, some in texts.items()}


def _sources() -> str:
    looked_up = prices.read(PRICES)["looked_up"]
    regions = {region: _from_memory(prices.load(region=region)) for region in (REGION, OTHER_REGION)}
    doubtful = [f"in {region} those of {', '.join(services)}" for region, services in regions.items() if services]
    return f"Prices are of {looked_up}. Not checked against a copy of AWS's pages: {', '.join(doubtful)}."


def _from_memory(found: Prices) -> list[str]:
    return [price.service for price in found.values() if price.from_memory]


def _largest(case: Case) -> str:
    items = [f"{service} {case.bill[service]:.2f}" for service in largest(case.bill)]
    return f"at {case.month.deliveries:,}: {', '.join(items)}"


def _lowered(cases: Sequence[Case]) -> list[str]:
    return list(dict.fromkeys(service for case in cases for service in largest(case.bill)))


def _deployed(deployed: Stack) -> str:
    memory = [f"{name.removesuffix('Function')} {gb * 1024:.0f} MB" for name, gb in deployed.memory_gb.items()]
    schedules = [f"{name.removesuffix('Function')} every {s / 60:g} min" for name, s in deployed.schedules.items()]
    schedules.append(f"which queues each change once more, one of the last {OVERLAP.seconds / 60:g} min twice")
    counts = [f"{deployed.alarms} alarms", f"{deployed.dashboards} dashboard", f"{deployed.secrets} secrets"]
    rest = [f"batches of {deployed.window_s:g} s", f"logs kept {deployed.retention_days} days"]
    return _item("template.yaml", f"{', '.join(counts + memory + [deployed.architecture] + schedules + rest)}.")


def _group(group: assumptions.Group) -> str:
    said = [text.format(value=f"{group.values[name]:,}") for name, text in group.says.items()]
    return _item(group.title, f"{', '.join(said)} ({group.source}).")


def _metrics(names: Mapping[str, Sequence[str]]) -> str:
    counts = {when: len(some) for when, some in names.items()}
    return _item("Custom metrics", METRICS.format(**counts))


def _item(name: str, text: str) -> str:
    return _fill(f"* **{name}**: {text}", indent="  ")


def _fill(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDE, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _bold(row: Row) -> Row:
    return [f"**{cell}**" for cell in row]


def _table(rows: Sequence[Row], texts: Sequence[int] = (0,)) -> str:
    rules = ["---" if column in texts else "---:" for column in range(len(rows[0]))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rules, *rows[1:]))
