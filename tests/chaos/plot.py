"""A plot as SVG, drawn by hand: lines over minutes, one chart below the other. Nothing to install."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 260, 70, 150, 34, 34
COLOURS = ("#0b6e99", "#c0392b", "#2e7d32", "#8e44ad", "#d68910", "#455a64", "#00897b", "#6d4c41")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]


@dataclass(frozen=True, slots=True)
class Chart:
    """A title and its lines over minutes."""

    title: str
    lines: Sequence[Line]


def draw(path: Path, charts: Sequence[Chart]) -> None:
    """Write the charts into one file."""
    body = "\n".join(_chart(chart, i * HEIGHT) for i, chart in enumerate(charts))
    height = HEIGHT * len(charts)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>\n{body}\n</svg>\n',
        encoding="utf-8",
    )


def ticks(highest: float) -> list[float]:
    """Round numbers from 0 up to and over a value, about five."""
    if highest <= 0:
        return [0.0, 1.0]
    step = 10 ** math.floor(math.log10(highest / 4))
    step *= next(f for f in (1, 2, 5, 10) if f * step * 5 >= highest)
    return [i * step for i in range(math.ceil(highest / step) + 1)]


def _chart(chart: Chart, top: float) -> str:
    across = ticks(max((x for line in chart.lines for x in line.xs), default=1.0))
    up = ticks(max((y for line in chart.lines for y in line.ys), default=1.0))
    right = max((x for line in chart.lines for x in line.xs), default=1.0) or 1.0

    def x_of(x: float) -> float:
        return LEFT + x / right * (WIDTH - LEFT - RIGHT)

    def y_of(y: float) -> float:
        return top + HEIGHT - BOTTOM - y / up[-1] * (HEIGHT - TOP - BOTTOM)

    out = [f'<text x="{LEFT}" y="{top + 20}" font-size="13" font-weight="bold">{escape(chart.title)}</text>']
    for y in up:
        out.append(f'<line x1="{LEFT}" y1="{y_of(y):.1f}" x2="{WIDTH - RIGHT}" y2="{y_of(y):.1f}" stroke="#dddddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y_of(y) + 4:.1f}" text-anchor="end" fill="#444444">{y:g}</text>')
    foot = f'y="{top + HEIGHT - 14}" text-anchor="middle" fill="#444444"'
    out += [f'<text x="{x_of(x):.1f}" {foot}>{x:g} min</text>' for x in across if x <= right]
    for i, line in enumerate(chart.lines):
        colour = COLOURS[i % len(COLOURS)]
        points = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in zip(line.xs, line.ys, strict=True))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
        y = top + TOP + 14 * i
        out.append(
            f'<line x1="{WIDTH - RIGHT + 12}" y1="{y}" x2="{WIDTH - RIGHT + 30}" y2="{y}" stroke="{colour}" stroke-width="3"/>'
        )
        out.append(f'<text x="{WIDTH - RIGHT + 36}" y="{y + 4}">{escape(line.name)}</text>')
    return "\n".join(out)
