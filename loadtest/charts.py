"""Bars as SVG, written by hand: CPU and throughput as ratios per row, latency percentiles of the fixed-rate rows.

Pure: a summary in, texts out. Called by run.py.
"""

import math
from html import escape

COLOURS = {"ringx": "#2563eb", "haproxy": "#9ca3af", "floor": "#d1d5db", "nginx": "#16a34a"}
LABEL_WIDTH = 330
BAR_WIDTH = 420
BAR_HEIGHT = 12
VALUE_WIDTH = 60


def all_charts(summary):
    """File name to SVG; a chart without any bar is left out."""
    charts = {
        "cpu.svg": ratio_chart(summary, "closed.cpu", "CPU per request, nginx = 1 (shorter is better)"),
        "throughput.svg": ratio_chart(summary, "closed.rps", "Requests per second, nginx = 1 (longer is better)"),
        "latency.svg": latency_chart(summary),
    }
    return {name: svg for name, svg in charts.items() if svg}


def ratio_chart(summary, metric, title):
    """For each row, each program's median ratio to nginx; the thin line is least to most."""
    groups = []
    for row in summary["rows"].values():
        bars = []
        for pair, metrics in row["ratios"].items():
            who, base = pair.split("/")
            if base.split("-")[0] == "nginx" and "+" not in who and metric in metrics:
                bars.append((who.split("-")[0], metrics[metric], f"{metrics[metric]['median']:.2f}"))
        if bars:
            groups.append((row["title"], bars))
    return _bars(title, groups, 1.0)


def latency_chart(summary):
    """Microseconds at one fixed rate, a group for each percentile; the scale is logarithmic."""
    groups = []
    for name in ("fixed-rate-41b-c64", "downloads-41b-c64"):
        row = summary["rows"].get(name)
        for metric, shown in (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p999", "p99.9")):
            bars = []
            for who, values in (row or {"subjects": {}})["subjects"].items():
                spread = values.get(f"open.{metric}")
                if spread:
                    bars.append((who, spread, f"{spread['median']:,.0f}"))
            if bars:
                groups.append((f"{shown}, {row['title']}", bars))
    return _bars("Latency at a fixed rate, microseconds, logarithmic (shorter is better)", groups, None)


def _bars(title, groups, mark):
    """Horizontal bars; with `mark` a linear scale and a line at it, without it a logarithmic one."""
    if not groups:
        return None
    most = max(spread["max"] for _, bars in groups for _, spread, _ in bars)
    least = min(spread["min"] for _, bars in groups for _, spread, _ in bars)
    scale = _linear(max(most, mark)) if mark else _logarithmic(least, most)
    drawn, y = [], 64
    for label, bars in groups:
        middle = y + len(bars) * BAR_HEIGHT / 2 + 4
        drawn.append(f'<text x="{LABEL_WIDTH - 8}" y="{middle:.0f}" text-anchor="end">{escape(label)}</text>')
        for who, spread, text in bars:
            drawn += _bar(y, who, spread, text, scale)
            y += BAR_HEIGHT
        y += 8
    if mark:
        x = LABEL_WIDTH + scale(mark)
        drawn.append(f'<line x1="{x:.1f}" y1="56" x2="{x:.1f}" y2="{y}" stroke="{COLOURS["nginx"]}" stroke-dasharray="4 3"/>')
    width, height = LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH, y + 8
    names = list(dict.fromkeys(who for _, bars in groups for who, _, _ in bars))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
            ' font-family="sans-serif" font-size="12">',
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            f'<text x="8" y="20" font-size="15" font-weight="bold">{escape(title)}</text>',
            *_legend(names),
            *drawn,
            "</svg>\n",
        ]
    )


def _bar(y, who, spread, text, scale):
    at, low, high = scale(spread["median"]), scale(spread["min"]), scale(spread["max"])
    middle = y + BAR_HEIGHT / 2
    return [
        f'<rect x="{LABEL_WIDTH}" y="{y}" width="{at:.1f}" height="{BAR_HEIGHT - 2}" fill="{COLOURS[who]}"/>',
        f'<line x1="{LABEL_WIDTH + low:.1f}" y1="{middle - 1:.1f}" x2="{LABEL_WIDTH + high:.1f}" y2="{middle - 1:.1f}" stroke="#111827"/>',
        f'<text x="{LABEL_WIDTH + max(at, high) + 4:.1f}" y="{y + BAR_HEIGHT - 2}" font-size="10">{text}</text>',
    ]


def _legend(names):
    drawn, x = [], 8
    for name in names:
        drawn.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{COLOURS[name]}"/>')
        drawn.append(f'<text x="{x + 16}" y="44">{name}</text>')
        x += 90
    return drawn


def _linear(most):
    return lambda value: value / most * BAR_WIDTH


def _logarithmic(least, most):
    """Bars begin at half of the least value, so that the shortest is still a bar."""
    low = math.log(least / 2)
    span = math.log(most) - low
    return lambda value: (math.log(value) - low) / span * BAR_WIDTH
