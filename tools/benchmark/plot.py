"""The main figures as a picture: SVG by hand, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .figures import CALLS, CHAOS, SPEED, Figure, Report
from .report import number
from .runs import NAIVE_5, WOOHUB

WIDTH, LABELS, BARS, ROW, THICK = 860, 340, 440, 40, 13  # pixels
SERIES = ((NAIVE_5.name, "naive"), (WOOHUB.name, "woohub"))
STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .title { font-weight: 600; font-size: 14px }
    .value { font-variant-numeric: tabular-nums }
    .naive { fill: #9aa4ae } .woohub { fill: #1f77c9 } .axis { stroke: #d0d7de }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .naive { fill: #6e7781 } .woohub { fill: #58a6ff } .axis { stroke: #3d444d }
    }
"""


@dataclass(frozen=True)
class Panel:
    """Bars on a scale of their own."""

    title: str
    figures: Sequence[Figure]

    @property
    def height(self) -> int:
        """With the title, in pixels."""
        return 34 + ROW * len(self.figures) + 12


def svg(report: Report) -> str:
    """The picture."""
    panels = _panels(report)
    height = 40 + sum(panel.height for panel in panels)
    parts, top = [_legend()], 40
    for panel in panels:
        parts += _drawn(panel, top)
        top += panel.height
    body = "\n".join(f"  {part}" for part in parts)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    return f"{head}\n  <title>woohub beside the naive flow</title>\n  <style>{STYLE}  </style>\n{body}\n</svg>\n"


def _panels(report: Report) -> list[Panel]:
    """What the picture shows of the report."""
    return [
        Panel(CALLS, report.section(CALLS).figures[:4]),
        Panel(SPEED, report.section(SPEED).figures[:1]),
        Panel("Orders wrong in HubSpot, of 200, while 8 % of the calls go wrong", report.section(CHAOS).figures[:4]),
    ]


def _legend() -> str:
    marks = [
        f'<rect class="{kind}" x="{x}" y="12" width="12" height="12" rx="2"/>{_text(x + 18, 22, name)}'
        for (name, kind), x in zip(SERIES, (LABELS, LABELS + 150), strict=True)
    ]
    return "".join(marks)


def _drawn(panel: Panel, top: int) -> list[str]:
    longest = max(figure.values[name] for figure in panel.figures for name, _ in SERIES) or 1.0
    rows = top + 34
    axis = (
        f'<line class="axis" x1="{LABELS}" x2="{LABELS}" y1="{rows - 4}" y2="{rows + ROW * len(panel.figures) - 4}"/>'
    )
    parts = [_text(0, top + 18, panel.title, "title"), axis]
    for place, figure in enumerate(panel.figures):
        y = rows + ROW * place
        parts.append(_text(LABELS - 10, y + THICK + 5, figure.name, "", "end"))
        for line, (name, kind) in enumerate(SERIES):
            parts.append(_bar(y + line * (THICK + 2), figure.values[name], longest, kind))
    return parts


def _bar(y: int, value: float, longest: float, kind: str) -> str:
    width = max(BARS * value / longest, 1.5 if value else 0.0)
    bar = f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{width:.1f}" height="{THICK}" rx="2"/>'
    return bar + _text(LABELS + width + 6, y + 11, number(value), "value")


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
