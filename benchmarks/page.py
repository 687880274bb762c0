"""Figures as one HTML page that needs nothing else: a chart and a table for each case."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from benchmarks.suite import OURS, description
from benchmarks.tables import cells, headings, shown

_STYLE = """
:root { color-scheme: light dark; --ours: #0b6bcb; --peer: #9aa5b1; --line: #8886; }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 60rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
.note { color: GrayText; font-size: .9rem; }
.bar { display: grid; grid-template-columns: minmax(7rem, 14rem) 1fr; gap: .1rem .6rem; align-items: center; }
.bar > span { overflow-wrap: anywhere; font-size: .9rem; }
.track { position: relative; height: 1.35rem; }
.fill { position: absolute; inset: .1rem auto .1rem 0; background: var(--peer); border-radius: 2px; min-width: 2px; }
.ours .fill { background: var(--ours); }
.range { position: absolute; top: .6rem; height: 2px; background: CanvasText; opacity: .6; }
.value { position: absolute; top: 0; padding-left: .4rem; font-size: .85rem; white-space: nowrap; }
details { margin: .4rem 0; } summary { cursor: pointer; font-size: .9rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
td, th { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
td:first-child, th:first-child, .why { text-align: left; }
"""


def page(figures: Mapping[str, Any]) -> str:
    """The page of a document of `results`."""
    machine, plan = figures["machine"], figures["plan"]
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width, initial-scale=1'>",
        f"<title>tf_loadops benchmarks, {_text(figures['date'])}</title><style>{_STYLE}</style>",
        "<h1>tf_loadops benchmarks</h1>",
        f"<p class=note>{_text(figures['date'])}; {_text(machine['processor'])}, {machine['cores']} cores; GPU: "
        f"{_text(machine['gpu'] or 'none')}; size {_text(plan['size'])}; commit "
        f"{_text(figures['commit'] or 'unknown')}; seed {figures['seed']}.<br>{_text(versions)}.</p>",
        "<p class=note>A bar is a median; the thin line on it goes from the shortest to the longest run. Candidates "
        "run in turn, and a result is checked before it is timed. The ratio is to the baseline's time in the same "
        "round.</p>",
    ]
    for suite, found in figures["suites"].items():
        parts.append(f"<h2>{_text(suite)}</h2><p class=note>{_text(_description(suite))}</p>")
        for title, report in found.items():
            parts += [f"<h3>{_text(title)}</h3>", _chart(report), _table(report)]
    return "\n".join(parts) + "\n</html>\n"


def _chart(report: Mapping[str, Mapping[str, Any]]) -> str:
    """Bars to one scale; figures of different units have no scale in common, and no chart."""
    rows = {name: row for name, row in report.items() if "median" in row}
    if not rows or len({row.get("unit", "s") for row in rows.values()}) > 1:
        return ""
    longest = max(row["max"] for row in rows.values()) or 1.0
    bars = []
    for name, row in rows.items():
        median, least, most = (80 * row[key] / longest for key in ("median", "min", "max"))  # room for the value
        ours = " ours" if name.startswith(OURS) else ""
        bars.append(
            f"<span>{_text(name)}</span><div class='track{ours}'><div class=fill style='width:{median:.2f}%'></div>"
            f"<div class=range style='left:{least:.2f}%;width:{most - least:.2f}%'></div>"
            f"<div class=value style='left:{max(median, most):.2f}%'>{_text(shown(row, 'median'))}</div></div>"
        )
    return f"<div class=bar>{''.join(bars)}</div>"


def _table(report: Mapping[str, Mapping[str, Any]]) -> str:
    columns = headings(report)
    lines = ["".join(f"<th>{heading}" for heading in ["candidate", *columns, "rounds"])]
    for name, row in report.items():
        if "skipped" in row:
            lines.append(f"<td>{_text(name)}<td class=why colspan={len(columns) + 1}>skipped: {_text(row['skipped'])}")
        else:
            texts = [name, *cells(row, columns), row.get("rounds", "")]
            lines.append("".join(f"<td>{_text(text)}" for text in texts))
    rows = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<details><summary>figures</summary><div class=wide><table>{rows}</table></div></details>"


def _description(suite: str) -> str:
    try:
        return description(suite)
    except KeyError:  # of figures that an older or newer version took
        return ""


def _text(value: Any) -> str:
    return html.escape(str(value))
