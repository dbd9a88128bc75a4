#!/usr/bin/env python3
"""Draws docs/images/performance.svg, from the table in docs/PERFORMANCE.md and the sizes in tools/bench/recorded.json,
docs/images/cost.svg, from tools/bench/costs.py, and docs/images/recommendations.svg, from tools/recommend-bench/recorded.json.

  tools/bench/charts.py                         draw all
  tools/bench/charts.py --check                 fail if they differ from their numbers
  tools/bench/charts.py --table FILE -o FILE    draw only the performance chart, from a table that `cold` has printed"""

import argparse
import json
import math
import sys
from html import escape
from pathlib import Path

import costs

IMAGES = costs.ROOT / "docs/images"
PERFORMANCE, RECORDED = costs.ROOT / "docs/PERFORMANCE.md", costs.ROOT / "tools/bench/recorded.json"
STYLE = """<style>
text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 } .small { font-size: 12px; fill: #59636e } .end { text-anchor: end } .middle { text-anchor: middle }
.card { fill: #ffffff } .grid { stroke: #d1d9e0 } .ours { fill: #0969da } .other { fill: #9aa4af }
.line { fill: none; stroke-width: 2.2 } .c0 { stroke: #1f2328; stroke-width: 3.2 } .c1 { stroke: #0969da } .c2 { stroke: #bc4c00 }
.c3 { stroke: #1a7f37 } .c4 { stroke: #8250df } .c5 { stroke: #7d8590; stroke-dasharray: 5 4 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .small { fill: #9198a1 } .card { fill: #0d1117 } .grid { stroke: #3d444d } .ours { fill: #4493f8 } .other { fill: #656c76 }
.c0 { stroke: #f0f6fc } .c1 { stroke: #4493f8 } .c2 { stroke: #f0883e } .c3 { stroke: #3fb950 } .c4 { stroke: #ab7df8 } .c5 { stroke: #9198a1 }
}
</style>"""
LABELS = {
    "sdk_defaults": "AWS SDK with defaults",
    "by_hand": "written by hand, no SDK",
    "floor": "empty function",
    "get_food": "GET /food/{food_id}",
    "list_food": "GET /food",
    "refresh": "POST /refresh",
    "create_food": "POST /food",
    "login": "POST /login (Argon2id)",
}
YARDSTICKS = {"sdk_defaults", "by_hand", "floor"}


def grid(x1, y1, x2, y2):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="grid"/>'


def text(x, y, content, css=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}">{escape(content)}</text>'


def svg(width, height, title, parts):
    tag = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
    card = f'<rect width="{width}" height="{height}" rx="8" class="card"/>'
    return "\n".join([tag, f"<title>{escape(title)}</title>", STYLE, card, text(24, 34, title, "title"), *parts, "</svg>"]) + "\n"


def measurements(path):
    """Returns the first Markdown table whose first column is "Program": for each program, a dictionary of cells by column."""
    rows, columns = {}, None
    for row in path.read_text().splitlines():
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        if cells[0] == "Program":
            columns = cells
        elif columns and len(cells) < len(columns):
            break
        elif columns and not cells[0].startswith("-"):
            rows[cells[0].strip("`*")] = dict(zip(columns, cells))
    return rows


def bars(rows, column, left, width, title, digits):
    values = {name: float(row[column]) for name, row in rows.items()}
    scale = width / max(values.values())
    yield text(left, 68, title)
    for number, (name, value) in enumerate(values.items()):
        y, css = 92 + 34 * number, "other" if name in YARDSTICKS else "ours"
        yield f'<rect x="{left}" y="{y}" width="{max(2, value * scale):.1f}" height="20" rx="3" class="{css}"/>'
        yield text(left + value * scale + 7, y + 15, f"{value:.{digits}f}")


def performance(path):
    measured = measurements(path)
    rows = {name: measured[name] for name in LABELS if name in measured}
    if not rows:
        sys.exit(f"{path} has no table with these programs")
    if path == PERFORMANCE:
        sizes = json.loads(RECORDED.read_text())["x86_64"]
        rows |= {name: row | {"Size, MB": sizes[name]["bytes"] / 1e6} for name, row in rows.items() if name in sizes}
    height = 92 + 34 * len(rows) + 34
    parts = [text(205, 107 + 34 * number, LABELS[name], "end") for number, name in enumerate(rows)]
    parts += bars(rows, "First response, ms", 217, 290, "Process start to first response, ms", 1)
    parts += bars(rows, "Size, MB", 577, 200, "Size of the binary, MB", 1)
    legend = {"ours": (24, "food-app"), "other": (124, "for comparison; the first two of these do the work of GET /food/{food_id}")}
    for css, (x, label) in legend.items():
        parts += [f'<rect x="{x}" y="{height - 28}" width="12" height="12" rx="2" class="{css}"/>', text(x + 19, height - 18, label, "small")]
    return svg(840, height, "Cold starts: shorter is better", parts)


def cost():
    left, right, top, bottom = 88, 600, 66, 420
    low, high, floor, ceiling = 4, 8, -2, 4  # powers of ten of requests and of dollars

    def x(exponent):
        return left + (right - left) * (exponent - low) / (high - low)

    def y(dollars):
        return bottom - (bottom - top) * (math.log10(dollars) - floor) / (ceiling - floor)

    parts = []
    for power, label in zip(range(low, high + 1), ("10 k", "100 k", "1 M", "10 M", "100 M")):
        parts += [grid(x(power), top, x(power), bottom), text(x(power), bottom + 20, label, "small middle")]
    for power in range(floor, ceiling + 1):
        price = 10.0**power
        parts += [grid(left, y(price), right, y(price)), text(left - 8, y(price) + 4, f"${price:,.{2 if power < 0 else 0}f}", "small end")]
    parts.append(text((left + right) / 2, bottom + 44, "requests a month (logarithmic)", "middle"))
    parts.append(f'<text transform="translate(26 {(top + bottom) / 2}) rotate(-90)" class="middle">US dollars a month (logarithmic)</text>')
    steps = [low + step / 10 for step in range(10 * (high - low) + 1)]
    series = {"Total": [sum(costs.monthly(10**step).values()) for step in steps]}
    series |= {name: [costs.monthly(10**step)[name] for step in steps] for name in costs.monthly(0)}
    label_y = 0
    for css, (name, values) in sorted(enumerate(series.items()), key=lambda item: -item[1][1][-1]):
        points = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in zip(steps, values) if value >= 10**floor)
        parts.append(f'<polyline points="{points}" class="line c{css}"/>')
        label_y = max(y(values[-1]), label_y + 19)
        parts.append(f'<polyline points="{right},{y(values[-1]):.1f} {right + 10},{label_y:.1f} {right + 18},{label_y:.1f}" class="line c{css}"/>')
        parts.append(text(right + 25, label_y + 4, f"{name} ${values[-1]:,.0f}"))
    return svg(840, 484, "Monthly cost of the typical mix, at list prices", parts)


# Read units of a page that was computed in advance for its user: the session, the page, and 20 foods of 4 KB.
PAGE_IN_ADVANCE = 2 + 0.5 + 10


def recommendations():
    """Recall@20 over the mean read units of a request. Lists of `implicit` need the same reads as those of food-app."""
    requests = json.loads(costs.RECORDED_RECOMMENDATIONS.read_text())["requests"]
    left, right, top, bottom, low, high = 88, 600, 66, 420, 0.1, 0.4

    def found(method):
        return requests[f"ml-100k at random: {method}"]

    def x(units):
        return left + (right - left) * units / 60

    def y(recall):
        return bottom - (bottom - top) * (recall - low) / (high - low)

    def point(units, recall, css, label, side=1):
        yield f'<circle cx="{x(units):.1f}" cy="{y(recall):.1f}" r="5" class="{css}"/>'
        yield text(x(units) + 10 * side, y(recall) + 4, label, "small" if side > 0 else "small end")

    parts = []
    for units in range(0, 61, 10):
        parts += [grid(x(units), top, x(units), bottom), text(x(units), bottom + 20, str(units), "small middle")]
    for tenth in range(1, 5):
        parts += [grid(left, y(tenth / 10), right, y(tenth / 10)), text(left - 8, y(tenth / 10) + 4, f".{tenth}0", "small end")]
    parts.append(text((left + right) / 2, bottom + 44, "read units of a request, mean", "middle"))
    parts.append(f'<text transform="translate(38 {(top + bottom) / 2}) rotate(-90)" class="middle">Recall@20</text>')
    for css, lists, offset in (("c1", "trained lists", 0), ("c2", "online lists", 8)):
        methods = [f"{lists}, {likes} likes" for likes in (5, 10, 25, 50)] + [lists]
        points = [(x(found(method)["read_units"]["mean"]), y(found(method)["recall"])) for method in methods]
        parts.append(f'<polyline points="{" ".join(f"{at:.1f},{height:.1f}" for at, height in points)}" class="line {css}"/>')
        parts.append(text(points[-1][0] + 12, points[-1][1] + offset, f"food-app, {lists} {found(lists)['recall']:.3f}"))
    for likes in (5, 10, 25, 50):
        method = found(f"trained lists, {likes} likes")
        parts.append(text(x(method["read_units"]["mean"]) - 8, y(method["recall"]) - 8, f"{likes} likes", "small end"))
    units = found("online lists")["read_units"]["mean"]
    for method in ("BM25", "cosine"):
        parts += point(units, found(f"implicit {method}")["recall"], "other", f"implicit {method}, read as lists")
    parts += point(PAGE_IN_ADVANCE, found("ease")["recall"], "other", "EASE *")
    parts += point(PAGE_IN_ADVANCE, found("implicit ALS")["recall"], "other", "implicit ALS *", -1)
    popular = requests["ml-100k by time, new users: learned"]["read_units"]["mean"]
    parts += point(popular, found("popular")["recall"], "other", "popular foods")
    parts.append(text(left, bottom + 72, "MovieLens 100K at random, mean of 3 seeds. * Computed in advance for each user: a like counts after the next run.", "small"))
    return svg(840, 512, "Recommendations: quality over cost of a request", parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare, draw nothing")
    parser.add_argument("--table", type=Path, metavar="FILE", help="take measurements from this table")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the performance chart of --table")
    arguments = parser.parse_args()
    if arguments.table:
        charts = {arguments.output or arguments.table.with_suffix(".svg"): performance(arguments.table)}
    else:
        charts = {IMAGES / "performance.svg": performance(PERFORMANCE), IMAGES / "cost.svg": cost(), IMAGES / "recommendations.svg": recommendations()}
    if not arguments.check:
        for path, content in charts.items():
            path.write_text(content)
        return 0
    stale = [path for path, content in charts.items() if not path.exists() or path.read_text() != content]
    return f"make charts: {', '.join(map(str, stale))} differ from their numbers" if stale else 0


if __name__ == "__main__":
    sys.exit(main())
