"""Charts as SVG text, without external files. The page styles the classes s0, s1, grid, text, line and mark."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 14, 34
INSIDE_W, INSIDE_H = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
MOST_LABELS = 12
QUARTERS = 4
STEPS = (1, 2, 2.5, 5, 10, 20)  # the last one because logarithms are not exact


@dataclass(frozen=True)
class Series:
    """Values of one kind, one for each label of the chart."""

    name: str
    values: Sequence[float]


def bars(title: str, labels: Sequence[str], series: Sequence[Series], text: Callable[[float], str] = str) -> str:
    """Return a bar chart with the bars of all series side by side for each label; `text` formats a value."""
    top = ceiling(max((value for row in series for value in row.values), default=0))
    slot = INSIDE_W / max(1, len(labels))
    width = min(28.0, slot * 0.8 / max(1, len(series)))
    parts = [_grid(top, text)]
    for place, label in enumerate(labels):
        middle = LEFT + slot * (place + 0.5)
        for number, row in enumerate(series):
            height = INSIDE_H * row.values[place] / top
            x = middle + width * (number - len(series) / 2)
            tip = f"{label}, {row.name}: {text(row.values[place])}"
            parts.append(
                f'<rect class="s{number}" x="{x:.1f}" y="{TOP + INSIDE_H - height:.1f}" width="{width:.1f}" '
                f'height="{height:.1f}"><title>{escape(tip)}</title></rect>'
            )
    parts.append(_labels(labels, slot))
    return _svg(title, parts)


def cumulative(title: str, seconds: Sequence[float], marks: Sequence[tuple[str, float]]) -> str:
    """Return the chart of the share that took at most so many seconds, on a logarithmic scale.

    `seconds` is sorted; `marks` are vertical lines with names.
    """
    least, most = 0.5, max(60.0, *seconds, *(at for _, at in marks))
    span = math.log(most / least)

    def x(value: float) -> float:
        return LEFT + INSIDE_W * math.log(max(value, least) / least) / span

    def y(share: float) -> float:
        return TOP + INSIDE_H * (1 - share)

    points = [f"{x(least):.1f},{y(0):.1f}"]
    for number, value in enumerate(seconds, 1):
        points += [
            f"{x(value):.1f},{y((number - 1) / len(seconds)):.1f}",
            f"{x(value):.1f},{y(number / len(seconds)):.1f}",
        ]
    points.append(f"{x(most):.1f},{y(1):.1f}")
    parts = [_grid(1.0, lambda share: f"{share:.0%}"), f'<polyline class="line" points="{" ".join(points)}"/>']
    parts += [_mark(name, x(at), row) for row, (name, at) in enumerate(marks)]
    ticks = [(name, at) for name, at in TICKS if least < at <= most]
    parts += [_text(x(at), HEIGHT - 12, name, "middle") for name, at in ticks]
    return _svg(title, parts)


TICKS = (
    ("1 s", 1.0),
    ("3 s", 3.0),
    ("10 s", 10.0),
    ("30 s", 30.0),
    ("1 min", 60.0),
    ("5 min", 300.0),
    ("15 min", 900.0),
    ("1 h", 3600.0),
    ("6 h", 21_600.0),
    ("1 d", 86_400.0),
)


def ceiling(value: float) -> float:
    """Return the top of a scale, at least 4, so that its quarters are round numbers."""
    quarter = value / QUARTERS
    if quarter <= 1:
        return float(QUARTERS)
    power = 10.0 ** math.floor(math.log10(quarter))
    return QUARTERS * next(step * power for step in STEPS if step * power >= quarter)


def _grid(top: float, text: Callable[[float], str]) -> str:
    lines = []
    for quarter in range(QUARTERS + 1):
        share = quarter / QUARTERS
        y = TOP + INSIDE_H * (1 - share)
        lines.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(_text(LEFT - 8, y + 4, text(top * share), "end"))
    return "".join(lines)


def _labels(labels: Sequence[str], slot: float) -> str:
    every = max(1, math.ceil(len(labels) / MOST_LABELS))
    return "".join(
        _text(LEFT + slot * (place + 0.5), HEIGHT - 12, label, "middle")
        for place, label in enumerate(labels)
        if place % every == 0
    )


def _mark(name: str, x: float, row: int) -> str:
    line = f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TOP + INSIDE_H}"/>'
    return line + _text(x + 4, TOP + 12 + 14 * row, name, "start")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text class="text" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )
