"""What a month of woohub costs on AWS, by list prices and the deployed template.

An event is one delivery by a store; an order makes two to three. If something is unknown, the more expensive case
counts: deliveries come evenly, so that few share a batch, and every run of reconcile is a cold start.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from generators import markdown, template
from woohub.hubspot.properties import MAX_AGE_S
from woohub.reconcile.watermark import OVERLAP

DATA: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
PRICES: dict[str, dict[str, Any]] = DATA["prices"]
METRICS: dict[str, list[str]] = DATA["metrics"]
PAGE = template.TEMPLATE.with_name("docs") / "costs.md"
PAGE_DELIVERIES = (1_000, 30_000, 1_000_000)
STORES = 20  # in the page's comparison of one stack with many
HOURS = 730  # in a month, as AWS counts
MINUTES, SECONDS = HOURS * 60, HOURS * 3600
SQS_CHUNK_KB, SQS_BATCH = 64, 10  # one billed request holds so many KB and messages
FUNCTIONS = ("ingest", "consumer", "governor", "reconcile")
OPTIONS = {"CreateDashboard": "dashboards", "TraceRequests": "traced", "DetailedMetrics": "detailed"}


def of_template(source: Mapping[str, Any]) -> dict[str, float]:
    """Return what costs money in the template, with its parameters' defaults."""
    parameters, functions = source["Parameters"], properties(source, "Serverless::Function")
    usual_mb = source["Globals"]["Function"]["MemorySize"]
    window = functions["ConsumerFunction"]["Events"]["Deliveries"]["Properties"]["MaximumBatchingWindowInSeconds"]
    return {
        "alarms": sum(map(_metrics, properties(source, "CloudWatch::Alarm").values())),
        "secrets": len(properties(source, "SecretsManager::Secret")),
        "window_s": float(parameters[window["Ref"]]["Default"] if isinstance(window, Mapping) else window),
        "retention_days": parameters["LogRetentionDays"]["Default"],
        **{f"{name}_mb": functions[f"{name.title()}Function"].get("MemorySize", usual_mb) for name in FUNCTIONS},
        **{f"{name}_every_min": _minutes(functions[f"{name.title()}Function"]) for name in ("governor", "reconcile")},
        **{name: parameters[parameter]["Default"] == "true" for parameter, name in OPTIONS.items()},
    }


def properties(source: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the properties of all resources of a type, by logical id."""
    resources = source["Resources"].items()
    return {name: resource["Properties"] for name, resource in resources if resource["Type"] == f"AWS::{kind}"}


def _metrics(alarm: Mapping[str, Any]) -> int:
    """Return the number of metrics that an alarm reads. An expression over them costs nothing more."""
    return sum("MetricStat" in metric for metric in alarm.get("Metrics", ())) or 1


def _minutes(function: Mapping[str, Any]) -> int:
    (event,) = function["Events"].values()
    return int(re.fullmatch(r"rate\((\d+) minutes?\)", event["Properties"]["Schedule"]).group(1))  # type: ignore[union-attr]


ASSUMED: dict[str, float] = (
    {name: value for name, (value, _) in DATA["assumptions"].items()}
    | {f"metrics_{when}": len(names) for when, names in METRICS.items()}
    | of_template(template.load())
)


class Month:
    """A month with this many deliveries of all stores together. `changes` override assumptions by name."""

    assumed: dict[str, float]

    def __init__(self, deliveries: float, changes: Mapping[str, float] = {}) -> None:
        self.deliveries = deliveries
        self.assumed = a = ASSUMED | dict(changes)
        self.batches = deliveries / (1 + deliveries / SECONDS * a["window_s"] / a["pollers"])
        # Reconcile queues each change once, and again if it is younger than the overlap of two runs.
        queued = deliveries * max(a["deliveries_per_order"] - 1, 1) / a["deliveries_per_order"]
        self.reconciled = queued * (1 + OVERLAP.total_seconds() / 60 / a["reconcile_every_min"])
        reconcile_runs = MINUTES / a["reconcile_every_min"]
        self.reconciled_batches = min(self.reconciled, reconcile_runs * a["stores"]) + self.reconciled / SQS_BATCH
        self.runs = {  # invocations
            "ingest": deliveries,
            "consumer": self.batches + self.reconciled_batches,
            "governor": MINUTES / a["governor_every_min"],
            "reconcile": reconcile_runs,
        }
        self.hubspot_calls = (
            deliveries * a["calls_per_order"] / a["deliveries_per_order"]
            + self.reconciled_batches * a["calls_per_reconciled_batch"]
            + min(self.runs["consumer"], SECONDS / MAX_AGE_S) * a["definition_calls"]
        )

    @cached_property
    def quantities(self) -> dict[str, float]:
        """The quantities that AWS bills, by the name of the price."""
        a, log_gb = self.assumed, self._log_gb()
        return {
            "api_requests": self.deliveries,
            "lambda_requests": sum(self.runs.values()),
            "lambda_gb_seconds": self._gb_seconds(),
            "sqs_requests": self._sqs_requests(),
            "s3_requests": self._configuration_reads(),
            "custom_metrics": self._custom_metrics(),
            "alarms": a["alarms"],
            "dashboards": a["dashboards"],
            "log_gb": log_gb,
            "log_gb_months": log_gb * a["retention_days"] / (HOURS / 24),
            "traces": sum(traced(runs, a["traced_percent"]) for runs in self.runs.values()) * a["traced"],
            "secrets": a["secrets"] + a["secrets_per_further_store"] * (a["stores"] - 1),
            "secret_calls": self._secret_calls(),
            "mails": a["alarm_mails"],
            "gb_out": (self.hubspot_calls * a["call_bytes"] + self.deliveries * a["answer_bytes"]) / 1e9,
        }

    def _gb_seconds(self) -> float:
        a = self.assumed
        ms = {name: runs * a[f"{name}_ms"] for name, runs in self.runs.items()}
        ms["consumer"] += self.hubspot_calls * a["hubspot_call_ms"]
        ms["reconcile"] *= a["stores"]
        starts = {name: min(runs, MINUTES / a["warm_minutes"]) for name, runs in self.runs.items()}
        return sum(a[f"{name}_mb"] / 1024 * (ms[name] + starts[name] * a["init_ms"]) / 1000 for name in FUNCTIONS)

    def _sqs_requests(self) -> float:
        """Return the requests to SQS.

        These are empty polls, sends and receives by size and, for each batch, the poll that ends its window and a
        deletion.
        """
        single, ten = (math.ceil(messages * self.assumed["order_kb"] / SQS_CHUNK_KB) for messages in (1, SQS_BATCH))
        empty = self.assumed["pollers"] * SECONDS / self.assumed["poll_s"]
        by_reconcile = self.reconciled / SQS_BATCH + self.reconciled_batches
        return empty + 2 * self.deliveries * single + by_reconcile * ten + 2 * self.runs["consumer"]

    def _configuration_reads(self) -> float:
        """Return the number of bucket listings: one a minute per function at most.

        Objects are read only after they changed, which is rare.
        """
        return sum(min(self.runs[name], MINUTES) for name in ("consumer", "reconcile"))

    def _custom_metrics(self) -> float:
        a, hours_with = self.assumed, 1 - math.exp(-(self.deliveries + self.reconciled) / HOURS)  # a share of them
        every_hour = a["metrics_every_hour"] + a["metrics_of_a_further_store"] * (a["stores"] - 1)
        return every_hour + hours_with * (a["metrics_with_deliveries"] + a["metrics_detailed"] * a["detailed"])

    def _log_gb(self) -> float:
        times = self.runs | {
            "reconcile": self.runs["reconcile"] * self.assumed["stores"],
            "delivery": self.deliveries + self.reconciled,
            "call": self.hubspot_calls,
            "lambda": sum(self.runs.values()),
        }
        return sum(count * self.assumed[f"{name}_log_bytes"] for name, count in times.items()) / 1e9

    def _secret_calls(self) -> float:
        """Return the reads of secrets by caches that expire.

        Each store has its own secrets. The governor reads one only while the breaker is open.
        """
        a, stores = self.assumed, self.assumed["stores"]
        return (
            min(self.runs["ingest"], MINUTES / a["ingest_secret_minutes"] * stores)
            + min(self.runs["consumer"], MINUTES / a["secret_minutes"])
            + min(self.runs["reconcile"], MINUTES / a["secret_minutes"]) * stores
        )


def traced(count: float, percent: float) -> float:
    """Return how many of `count` requests a month are traced: the first of each second, and a share of the rest."""
    rate = count / SECONDS
    first = 1 - math.exp(-rate)
    return SECONDS * (first + (rate - first) * percent / 100)


def bill(quantities: Mapping[str, float], *, free_tier: bool = False) -> dict[str, float]:
    """Return US dollars by service, at list price."""
    dollars: dict[str, float] = {}
    for name, quantity in quantities.items():
        price = PRICES[name]
        paid = max(quantity - price.get("free", 0) * free_tier, 0)
        dollars[price["service"]] = dollars.get(price["service"], 0.0) + paid / price["per"] * price["usd"]
    return dollars


def total(deliveries: float, changes: Mapping[str, float] = {}, *, free_tier: bool = False) -> float:
    """Return the US dollars of a month."""
    return sum(bill(Month(deliveries, changes).quantities, free_tier=free_tier).values())


def by_service(deliveries: Sequence[float], changes: Mapping[str, float] = {}) -> list[list[str]]:
    """Return a table of US dollars by service, with a column for each month and one for the prices."""
    bills = [bill(Month(count, changes).quantities) for count in deliveries]
    rows = {service: [dollars[service] for dollars in bills] for service in bills[0]}
    rows["Total"] = [sum(dollars.values()) for dollars in bills]
    rows["Total with the always-free tier"] = [total(count, changes, free_tier=True) for count in deliveries]
    prices = {name: ", ".join(_price(row) for row in PRICES.values() if row["service"] == name) for name in rows}
    table = [[name, *map("{:,.2f}".format, row), prices[name]] for name, row in rows.items() if any(row)]
    return [["US dollars, events:", *map("{:,}".format, deliveries), "list price in us-east-1"], *table]


def _price(row: Mapping[str, Any]) -> str:
    usd = f"{row['usd']:.2f}" if row["usd"] >= 0.01 else f"{row['usd']:.10f}".rstrip("0")
    return f"${usd} per {row['unit']}"


def page() -> str:
    """Return the text of docs/costs.md."""
    options = {
        f"`{parameter}`": [total(count, {name: 1}) - total(count) for count in PAGE_DELIVERIES]
        for parameter, name in OPTIONS.items()
    }
    many_stores = {
        "one stack": [total(count, {"stores": STORES}) for count in PAGE_DELIVERIES],
        f"{STORES} stacks": [STORES * total(count / STORES) for count in PAGE_DELIVERIES],
    }
    assumptions = [[f"`{name}`", f"{value:,}", meaning] for name, (value, meaning) in DATA["assumptions"].items()]
    return markdown.render(
        Path(__file__).with_name("costs.md.j2"),
        costs=by_service(PAGE_DELIVERIES),
        options=_table("US dollars more, events:", options),
        many_stores=_table(f"US dollars, events of {STORES} stores together:", many_stores),
        months=[Month(count) for count in PAGE_DELIVERIES],
        a=ASSUMED,
        overlap_min=OVERLAP.seconds // 60,
        assumptions=[["assumption", "value", "meaning"], *assumptions],
    )


def _table(name: str, rows: Mapping[str, Sequence[float]]) -> list[list[str]]:
    head = [name, *map("{:,}".format, PAGE_DELIVERIES)]
    return [head, *([name, *map("{:,.2f}".format, row)] for name, row in rows.items())]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a month's costs, or write docs/costs.md. Exit code 0; wrong usage ends with 2."""
    parser = argparse.ArgumentParser(prog="python -m generators.costs", description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=PAGE_DELIVERIES, help="deliveries a month")
    parser.add_argument(
        "--assume",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="change an assumption, such as: stores 3; costs.toml lists them",
    )
    parser.add_argument("--write", action="store_true", help="renew docs/costs.md (ignores the other options)")
    given = parser.parse_args(arguments)
    if wrong := [name for name, value in given.assume if name not in ASSUMED or not re.fullmatch(r"[\d.]+", value)]:
        parser.error(f"no assumption, or no number: {', '.join(wrong)}; tools/generators/costs.toml lists them")
    if given.write:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(markdown.table(by_service(given.events, {name: float(value) for name, value in given.assume})))
    return 0


if __name__ == "__main__":
    sys.exit(main())
