"""The report of `woohub verify` as one HTML file without external resources, for screen and print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from html import escape

from woohub.counted import counted
from woohub_cli.load.latency import percentile
from woohub_cli.rendering.charts import Series, bars, cumulative
from woohub_cli.rendering.grouping import grouped
from woohub_cli.rendering.report_text import COLUMNS, cells, group_cells, remarks
from woohub_cli.verify.comparison import Mismatch, MismatchKind
from woohub_cli.verify.verification_report import VerificationReport

MAX_ROWS = 1000  # differences in the table
MAX_OPEN_ROWS = 20  # a longer table of days is collapsed

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --dim: #667085; --rule: #e3e7ee; --back: #fff; --card: #f7f8fb;
  --s0: #4361a8; --s1: #e08a3c; --good: #1f7a4d; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --dim: #98a2b3; --rule: #303846; --back: #14181f;
  --card: #1c222c; --s0: #86a3ec; --s1: #f0a860; --good: #63c796; --bad: #ff8a80; } }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem; background: var(--back); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p, figcaption { color: var(--dim); margin: .25rem 0; }
.verdict { font-size: 1.15rem; font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1rem 0; }
.card { background: var(--card); border-radius: .5rem; padding: .75rem 1rem; }
.card b { display: block; font-size: 1.4rem; } .card span { color: var(--dim); }
figure { margin: 1rem 0; } svg { width: 100%; height: auto; }
.s0 { fill: var(--s0); } .s1 { fill: var(--s1); } .grid { stroke: var(--rule); }
.text { fill: var(--dim); font-size: 11px; } .line { fill: none; stroke: var(--s0); stroke-width: 2; }
.mark { stroke: var(--s1); stroke-dasharray: 4 3; } .key { display: inline-block; width: .8rem; height: .8rem; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--rule); vertical-align: top;
  overflow-wrap: anywhere; }
th { color: var(--dim); font-weight: 500; } summary { color: var(--dim); cursor: pointer; }
.number { text-align: right; padding-right: 1.2rem; font-variant-numeric: tabular-nums; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--rule); padding-top: .75rem; }
"""


def page(report: VerificationReport, store: str, hubspot: str) -> str:
    body = "".join(
        (
            _head(report, store, hubspot),
            _cards(report),
            _days(report),
            _lags(report),
            _mismatches(report.mismatches),
            _notes(report),
            "<footer><p>Made by woohub verify. It holds personal data: handle it accordingly.</p></footer>",
        )
    )
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f"{meta}<title>woohub: store and HubSpot</title><style>{STYLE}</style>"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def _head(report: VerificationReport, store: str, hubspot: str) -> str:
    verdict = report.matches if report.equal else f"{counted(len(report.mismatches), 'difference')}."
    mood = "good" if report.equal else "bad"
    return (
        f"<h1>Store and HubSpot compared</h1><p>{escape(store)} and {escape(hubspot)}, {escape(str(report.period))}, "
        f'looked at {escape(report.began)} UTC</p><p class="verdict {mood}">{verdict}</p>'
    )


def _cards(report: VerificationReport) -> str:
    lags = report.lags.seconds(lambda lag: lag.whole)
    half, most = percentile(lags, 50), percentile(lags, 95)
    counts = [("orders", report.orders), ("accounts", report.accounts), ("contacts", report.contacts)]
    cards = [(name, str(count)) for name, count in counts]
    cards += [(kind.words, str(report.problems[kind.value])) for kind in MismatchKind if report.problems[kind.value]]
    cards += [
        (f"{name} store to HubSpot", _seconds(at)) for name, at in (("p50", half), ("p95", most)) if at is not None
    ]
    return f'<div class="cards">{"".join(_card(name, text) for name, text in cards)}</div>'


def _card(name: str, text: str) -> str:
    return f'<div class="card"><b>{escape(text)}</b><span>{escape(name)}</span></div>'


def _days(report: VerificationReport) -> str:
    if not report.days:
        return ""
    days = _every_day(sorted({day for day, _ in report.days}))
    counts = [
        Series("orders in the store", [_count(report, day, "orders") for day in days]),
        Series(f"{report.in_hubspot}s in HubSpot", [_count(report, day, "deals") for day in days]),
    ]
    title = f"Orders and {report.records} per day"
    plots = [_figure(title, bars(title, [day[5:] for day in days], counts, "{:g}".format))]
    plots += [_sums(report, days, currency) for currency in sorted({currency for _, currency in report.days})]
    return f"<h2>Per day</h2><p>{_key('s0')} store {_key('s1')} HubSpot</p>{''.join(plots)}{_day_table(report)}"


def _every_day(days: Sequence[str]) -> list[str]:
    """Return all days from the first to the last of `days`, including those without an order."""
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    return [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]


def _count(report: VerificationReport, day: str, name: str) -> float:
    return float(sum(getattr(totals, name) for (of, _), totals in report.days.items() if of == day))


def _sums(report: VerificationReport, days: Sequence[str], currency: str) -> str:
    day_totals = [report.days.get((day, currency)) for day in days]
    series = [
        Series("store", [float(totals.orders_sum) if totals else 0.0 for totals in day_totals]),
        Series("HubSpot", [float(totals.deals_sum) if totals else 0.0 for totals in day_totals]),
    ]
    title = f"Sum per day, {currency or 'no currency'}"
    return _figure(
        title, bars(title, [day[5:] for day in days], series, lambda value: f"{value:,.2f}".removesuffix(".00"))
    )


def _day_table(report: VerificationReport) -> str:
    rows = [
        (
            *(day, currency, str(totals.orders), str(totals.deals)),
            *(f"{totals.orders_sum:,.2f}", f"{totals.deals_sum:,.2f}", "" if totals.equal else "differs"),
        )
        for (day, currency), totals in sorted(report.days.items())
    ]
    records = f"{report.record[0].upper()}{report.record[1:]}s"
    table = _table(("Day", "Currency", "Orders", records, "Store", "HubSpot", ""), rows, numbers=(2, 3, 4, 5))
    return f"<details{_open(rows)}><summary>The figures</summary>{table}</details>"


def _open(rows: Sequence[object]) -> str:
    return " open" if len(rows) <= MAX_OPEN_ROWS else ""


def _lags(report: VerificationReport) -> str:
    seconds = report.lags.seconds(lambda lag: lag.whole)
    if not seconds:
        return ""
    marks = [(f"p{share}", at) for share in (50, 95) if (at := percentile(seconds, share)) is not None]
    plot = cumulative("Time from the store to HubSpot", seconds, marks)
    words = ", ".join(f"{name} {_seconds(at)}" for name, at in marks)
    caption = f"{words}: from the order's last change to the {report.record}'s, of {report.lags.means}."
    return f"<h2>Time from the store to HubSpot</h2>{_figure(caption, plot)}"


def _mismatches(mismatches: Sequence[Mismatch]) -> str:
    if not mismatches:
        return ""
    many, _ = grouped(mismatches)
    rows = [(*group_cells(group), _todo(group.fix)) for group in many]
    for mismatch in mismatches[:MAX_ROWS]:
        first, *others = cells(mismatch)
        rows += [(*first, _todo(mismatch.fix)), *((*row, "") for row in others)]
    more = f"<p>and {len(mismatches) - MAX_ROWS} more</p>" if len(mismatches) > MAX_ROWS else ""
    return f"<h2>Differences</h2>{_table((*COLUMNS, 'What to do'), rows)}{more}"


def _todo(fix: str) -> str:
    return fix or "woohub verify --repair"


def _notes(report: VerificationReport) -> str:
    items = "".join(f"<li>{escape(remark.plain)}</li>" for remark in remarks(report))
    return f"<h2>Notes</h2><ul>{items}</ul>" if items else ""


def _figure(caption: str, plot: str) -> str:
    return f"<figure><figcaption>{escape(caption)}</figcaption>{plot}</figure>"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    head = "".join(_cell(name, place in numbers, "th") for place, name in enumerate(columns))
    body = "".join(
        f"<tr>{''.join(_cell(text, place in numbers) for place, text in enumerate(row))}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str, number: bool, tag: str = "td") -> str:
    kind = ' class="number"' if number else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"


def _key(name: str) -> str:
    return (
        f'<svg class="key" viewBox="0 0 10 10" aria-hidden="true"><rect class="{name}" width="10" height="10"/></svg>'
    )


def _seconds(value: float) -> str:
    if value < 120:
        return f"{value:g} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"
