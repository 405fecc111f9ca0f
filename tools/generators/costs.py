"""What a month of woohub costs on AWS, by list prices and the deployed template.

An event is one delivery by the store; an order makes two to three. Where something is unknown, the more expensive case
counts: deliveries come evenly, so that few share a batch, and every run of reconcile is a cold start.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generators import markdown, template
from woohub.hubspot.properties import MAX_AGE_S
from woohub.reconcile.watermark import OVERLAP

DATA: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
PRICES: dict[str, dict[str, Any]] = DATA["prices"]
METRICS: dict[str, list[str]] = DATA["metrics"]
ASSUMED: dict[str, float] = {name: value for name, (value, _) in DATA["assumptions"].items()} | {
    f"metrics_{when}": len(names) for when, names in METRICS.items()
}
PAGE = template.TEMPLATE.with_name("docs") / "costs.md"
REGION, OTHER_REGION = "us-east-1", "eu-west-1"
PAGE_DELIVERIES = (1_000, 30_000, 1_000_000)
OPTIONAL = "Web ACL"  # the service that is not in the total

HOURS = 730  # of a month, as AWS counts
SECONDS = HOURS * 3600
SQS_CHUNK_KB, SQS_BATCH = 64, 10  # one billed request holds so many KB and messages
INGEST, CONSUMER, GOVERNOR, RECONCILE = "IngestFunction", "ConsumerFunction", "GovernorFunction", "ReconcileFunction"


@dataclass(frozen=True)
class Stack:
    """What costs money in template.yaml, with its parameters' defaults and all its conditions true."""

    alarms: int  # metrics of alarms
    dashboards: int
    secrets: int
    web_acl_rules: int
    memory_gb: Mapping[str, float]  # by function
    schedules: Mapping[str, float]  # seconds between two runs, by function
    window_s: float
    retention_days: float
    architecture: str

    @classmethod
    def read(cls, source: Mapping[str, Any]) -> Stack:
        """Count the template's resources."""

        def value(setting: Any) -> Any:
            return source["Parameters"][setting["Ref"]]["Default"] if isinstance(setting, Mapping) else setting

        def properties(kind: str) -> dict[str, Any]:
            resources = source["Resources"].items()
            return {name: resource["Properties"] for name, resource in resources if resource["Type"] == f"AWS::{kind}"}

        defaults, functions = source["Globals"]["Function"], properties("Serverless::Function")
        events = [(name, event) for name in functions for event in functions[name].get("Events", {}).values()]
        windows = [event["Properties"].get("MaximumBatchingWindowInSeconds", 0) for _, event in events]
        return cls(
            alarms=sum(map(_metrics, properties("CloudWatch::Alarm").values())),
            dashboards=len(properties("CloudWatch::Dashboard")),
            secrets=len(properties("SecretsManager::Secret")),
            web_acl_rules=sum(len(acl["Rules"]) for acl in properties("WAFv2::WebACL").values()),
            memory_gb={name: value((defaults | own)["MemorySize"]) / 1024 for name, own in functions.items()},
            schedules={
                name: _seconds(event["Properties"]["Schedule"]) for name, event in events if event["Type"] == "Schedule"
            },
            window_s=max(map(float, map(value, windows))),
            retention_days=max(value(log["RetentionInDays"]) for log in properties("Logs::LogGroup").values()),
            architecture=value(defaults["Architectures"][0]),
        )


def _metrics(alarm: Mapping[str, Any]) -> int:
    """Metrics an alarm reads; an expression over them costs nothing more."""
    return sum("MetricStat" in metric for metric in alarm.get("Metrics", ())) or 1


def _seconds(schedule: str) -> float:
    count, unit = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule).groups()  # type: ignore[union-attr]
    return int(count) * {"minute": 60, "hour": 3600, "day": 86400}[unit]


@dataclass(frozen=True)
class Workload:
    """What the functions do in a month."""

    deliveries: float
    batches: float  # invocations of the consumer for deliveries
    reconciled: float  # messages queued by reconcile
    reconciled_batches: float  # invocations of the consumer for these
    hubspot_calls: float
    invocations: Mapping[str, float]  # by function

    @classmethod
    def of(cls, deliveries: float, stack: Stack, assumed: Mapping[str, float]) -> Workload:
        """For so many deliveries."""
        a, runs = assumed, {name: SECONDS / every_s for name, every_s in stack.schedules.items()}
        batches = deliveries / (1 + deliveries / SECONDS * stack.window_s / a["pollers"])
        # Reconcile queues each change once, and again if it is younger than the overlap of two runs.
        changes = deliveries * max(a["deliveries_per_order"] - 1, 1) / a["deliveries_per_order"]
        reconciled = changes * (1 + OVERLAP.total_seconds() / stack.schedules[RECONCILE])
        reconciled_batches = min(reconciled, runs[RECONCILE]) + reconciled / SQS_BATCH
        consumed = batches + reconciled_batches
        hubspot_calls = (
            deliveries * a["calls_per_order"] / a["deliveries_per_order"]
            + reconciled_batches * a["calls_per_reconciled_batch"]
            + min(consumed, SECONDS / MAX_AGE_S) * a["definition_calls"]
        )
        invocations = {INGEST: deliveries, CONSUMER: consumed} | runs
        return cls(deliveries, batches, reconciled, reconciled_batches, hubspot_calls, invocations)

    def quantities(self, stack: Stack, assumed: Mapping[str, float]) -> dict[str, float]:
        """What AWS bills, by the name of the price."""
        a, log_gb = assumed, self._log_gb(assumed)
        written = 1 - math.exp(-(self.deliveries + self.reconciled) / HOURS)  # share of hours with a delivery
        return {
            "api_requests": self.deliveries,
            "lambda_requests": sum(self.invocations.values()),
            f"lambda_gb_seconds_{stack.architecture}": self._gb_seconds(stack, a),
            "sqs_requests": self._sqs_requests(a),
            "custom_metrics": a["metrics_every_hour"] + a["metrics_with_deliveries"] * written,
            "alarms": stack.alarms,
            "dashboards": stack.dashboards,
            "log_gb": log_gb,
            "log_gb_months": log_gb * stack.retention_days / (HOURS / 24),
            "traces": sum(traced(count, a["traced_percent"]) for count in self.invocations.values()),
            "secrets": stack.secrets,
            "secret_calls": self._secret_calls(a),
            "mails": a["alarm_mails"],
            "gb_out": (self.hubspot_calls * a["call_bytes"] + self.deliveries * a["answer_bytes"]) / 1e9,
            "web_acls": 1,
            "web_acl_rules": stack.web_acl_rules,
            "web_acl_requests": self.deliveries,
        }

    def _gb_seconds(self, stack: Stack, a: Mapping[str, float]) -> float:
        ms = {INGEST: "ingest_ms", CONSUMER: "consumer_ms", GOVERNOR: "governor_ms", RECONCILE: "reconcile_ms"}
        cold_starts = {name: min(n, SECONDS / 60 / a["warm_minutes"]) for name, n in self.invocations.items()}
        busy_ms = {name: n * a[ms[name]] + cold_starts[name] * a["init_ms"] for name, n in self.invocations.items()}
        busy_ms[CONSUMER] += self.hubspot_calls * a["hubspot_call_ms"]
        return sum(stack.memory_gb[name] * duration_ms / 1000 for name, duration_ms in busy_ms.items())

    def _sqs_requests(self, a: Mapping[str, float]) -> float:
        """Empty polls; sends and receives by size; after each batch a poll that ends its window, and a deletion."""
        one, ten = (math.ceil(messages * a["order_kb"] / SQS_CHUNK_KB) for messages in (1, SQS_BATCH))
        empty = a["pollers"] * SECONDS / a["poll_s"]
        by_reconcile = self.reconciled / SQS_BATCH + self.reconciled_batches
        return empty + 2 * self.deliveries * one + by_reconcile * ten + 2 * self.invocations[CONSUMER]

    def _log_gb(self, a: Mapping[str, float]) -> float:
        lines = {
            "ingest_log_bytes": self.deliveries,
            "delivery_log_bytes": self.deliveries + self.reconciled,
            "call_log_bytes": self.hubspot_calls,
            "batch_log_bytes": self.invocations[CONSUMER],
            "governor_log_bytes": self.invocations[GOVERNOR],
            "reconcile_log_bytes": self.invocations[RECONCILE],
            "lambda_log_bytes": sum(self.invocations.values()),
        }
        return sum(count * a[name] for name, count in lines.items()) / 1e9

    def _secret_calls(self, a: Mapping[str, float]) -> float:
        """The governor reads its secret only while the breaker is open."""
        minutes = {INGEST: "ingest_secret_minutes", CONSUMER: "secret_minutes", RECONCILE: "secret_minutes"}
        return sum(min(self.invocations[name], SECONDS / 60 / a[age]) for name, age in minutes.items())


def traced(count: float, percent: float) -> float:
    """Of so many requests a month at random times: the first of each second, and a share of the others."""
    rate = count / SECONDS
    first = 1 - math.exp(-rate)
    return SECONDS * (first + (rate - first) * percent / 100)


def bill(quantities: Mapping[str, float], region: str = REGION, *, free_tier: bool = False) -> dict[str, float]:
    """US dollars by service."""
    dollars: dict[str, float] = {}
    for name, quantity in quantities.items():
        price = PRICES[name]
        paid = max(quantity - price.get("free", 0), 0) if free_tier else quantity
        dollars[price["service"]] = dollars.get(price["service"], 0.0) + paid / price["per"] * price[region]
    return dollars


def total(dollars: Mapping[str, float]) -> float:
    """The sum without the optional web ACL."""
    return sum(usd for service, usd in dollars.items() if service != OPTIONAL)


def month(
    deliveries: float,
    assumed: Mapping[str, float] = ASSUMED,
    *,
    region: str = REGION,
    stack: Stack | None = None,
) -> dict[str, Any]:
    """One month's costs in US dollars and everything behind them."""
    stack = stack or Stack.read(template.load())
    workload = Workload.of(deliveries, stack, assumed)
    quantities = workload.quantities(stack, assumed)
    return {
        "deliveries": deliveries,
        "usd": bill(quantities, region),
        "total_usd": total(bill(quantities, region)),
        "total_usd_with_free_tier": total(bill(quantities, region, free_tier=True)),
        "quantities": quantities,
        "hubspot_calls_a_day": workload.hubspot_calls / (HOURS / 24),
        "deliveries_in_a_batch": deliveries / workload.batches,
        "messages_of_reconcile": workload.reconciled,
        "assumptions": dict(assumed),
    }


Row = list[str]


def costs_table(months: Sequence[Mapping[str, Any]], elsewhere: Sequence[Mapping[str, Any]] = ()) -> list[Row]:
    """Dollars by service, and the totals; a column for each month."""
    rows = {service: [month["usd"][service] for month in months] for service in months[0]["usd"]}
    optional = rows.pop(OPTIONAL)
    rows["Total"] = [month["total_usd"] for month in months]
    rows["Total with the always-free tier"] = [month["total_usd_with_free_tier"] for month in months]
    if elsewhere:
        rows[f"Total in {OTHER_REGION}"] = [month["total_usd"] for month in elsewhere]
    rows["Optional web ACL, additional"] = optional
    return [_head("US dollars, events:", months), *([name, *map("{:,.2f}".format, row)] for name, row in rows.items())]


def amounts_table(months: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The amounts behind the dollars."""
    rows = {
        "deliveries in a batch": [f"{month['deliveries_in_a_batch']:.1f}" for month in months],
        "messages queued by reconcile": [f"{month['messages_of_reconcile']:,.0f}" for month in months],
        "invocations of functions": [f"{month['quantities']['lambda_requests']:,.0f}" for month in months],
        "SQS requests": [f"{month['quantities']['sqs_requests']:,.0f}" for month in months],
        "GB of logs": [f"{month['quantities']['log_gb']:.2f}" for month in months],
        "HubSpot calls a day, of 250,000 or more": [f"{month['hubspot_calls_a_day']:,.0f}" for month in months],
    }
    return [_head("a month, events:", months), *([name, *row] for name, row in rows.items())]


def _head(name: str, months: Sequence[Mapping[str, Any]]) -> Row:
    return [name, *(f"{month['deliveries']:,}" for month in months)]


def page() -> str:
    """docs/costs.md."""
    months, elsewhere = ([month(n, region=region) for n in PAGE_DELIVERIES] for region in (REGION, OTHER_REGION))
    head, *rows = costs_table(months, elsewhere)
    prices = _prices_by_service()
    assumptions = [[f"`{name}`", f"{value:,}", meaning] for name, (value, meaning) in DATA["assumptions"].items()]
    return markdown.render(
        Path(__file__).with_name("costs.md.j2"),
        hours=HOURS,
        costs=[[*head, f"list price in {REGION}"], *([*row, prices.get(row[0].partition(",")[0], "")] for row in rows)],
        amounts=amounts_table(months),
        stack=Stack.read(template.load()),
        overlap_min=OVERLAP.seconds // 60,
        metrics=METRICS,
        assumptions=[["assumption", "value", "meaning"], *assumptions],
    )


def _prices_by_service() -> dict[str, str]:
    texts: dict[str, Row] = {}
    for name in month(1)["quantities"]:
        price = PRICES[name]
        usd = f"{price[REGION]:.2f}" if price[REGION] >= 0.01 else f"{price[REGION]:.10f}".rstrip("0")
        texts.setdefault(price["service"], []).append(f"${usd} per {price['unit']}")
    return {service.replace(OPTIONAL, "Optional web ACL"): ", ".join(prices) for service, prices in texts.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a month's costs, or write docs/costs.md. Exit code 0; wrong usage ends with 2."""
    parser = argparse.ArgumentParser(prog="python -m generators.costs", description=__doc__)
    parser.add_argument(
        "--events", type=int, nargs="+", metavar="N", default=PAGE_DELIVERIES, help="deliveries a month"
    )
    parser.add_argument("--order-kb", metavar="KB", help="size of a delivery, short for --assume order_kb=KB")
    parser.add_argument("--region", choices=(REGION, OTHER_REGION), default=REGION)
    parser.add_argument(
        "--assume", action="append", metavar="NAME=VALUE", default=[], help="see costs.toml; repeatable"
    )
    parser.add_argument("--json", action="store_true", help="JSON, unrounded, with all quantities")
    parser.add_argument("--write", action="store_true", help="renew docs/costs.md (ignores the other options)")
    options = parser.parse_args(arguments)
    if options.write:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    try:
        given = [*options.assume, *([f"order_kb={options.order_kb}"] if options.order_kb else [])]
        assumed = ASSUMED | dict(map(_assumption, given))
        months = [month(int(_positive(events)), assumed, region=options.region) for events in options.events]
    except ValueError as error:
        parser.error(str(error))
    rows = [*costs_table(months), [], *amounts_table(months)]
    lines = (f"{' '.join(row[:1]):<42}" + "".join(f"{cell:>16}" for cell in row[1:]) for row in rows)
    print(json.dumps(months, indent=2) if options.json else "\n".join(lines))
    return 0


def _assumption(given: str) -> tuple[str, float]:
    name, _, text = given.partition("=")
    if name not in ASSUMED:
        raise ValueError(f"no assumption is called {name!r}: tools/generators/costs.toml lists them")
    return name, _positive(text)


def _positive(number: float | str) -> float:
    """ValueError unless it is a finite number above 0."""
    if not 0 < float(number) < math.inf:
        raise ValueError(f"{number}: a number above 0 is needed")
    return float(number)


if __name__ == "__main__":
    sys.exit(main())
