"""Figures as one HTML page that needs nothing else: a chart and a table for each case."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import headlines
from benchmarks.suite import OURS, description
from benchmarks.tables import cells, headings, rate, shown

_STYLE = """
:root { color-scheme: light dark; --ours: #0b6bcb; --peer: #9aa5b1; --line: #8886; }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 60rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
.note { color: GrayText; font-size: .9rem; } .note p { margin: .2rem 0; overflow-wrap: anywhere; }
nav a { margin-right: .8rem; }
.bar { display: grid; grid-template-columns: minmax(7rem, 16rem) 1fr auto; gap: .1rem .7rem; align-items: center; }
.bar > span { overflow-wrap: anywhere; font-size: .9rem; }
.bar > .value { font-size: .85rem; white-space: nowrap; font-variant-numeric: tabular-nums; }
.track { position: relative; height: 1.35rem; }
.fill { position: absolute; inset: .1rem auto .1rem 0; background: var(--peer); border-radius: 2px; min-width: 2px; }
.ours .fill { background: var(--ours); }
.range { position: absolute; top: .6rem; height: 2px; background: CanvasText; opacity: .6; }
@media (max-width: 36rem) {
  .bar { grid-template-columns: 1fr auto; }
  .bar > span:not(.value) { grid-column: 1 / -1; margin-top: .3rem; }
}
details { margin: .4rem 0; } summary { cursor: pointer; font-size: .9rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
td, th { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
td:first-child, th:first-child, .left td:nth-child(3), .left th:nth-child(3) { text-align: left; }
.left td:first-child { white-space: normal; }
@media (max-width: 36rem) {  /* a line of its own for the work, one for our time, and one for each of the others */
  .left th, .left td:empty { display: none; }
  .left tr { display: grid; grid-template-columns: 1fr auto auto; }
  .left td { border: 0; padding: .1rem .4rem .1rem 0; }
  .left td:nth-child(-n+2) { grid-column: 1 / -1; text-align: left; }
  .left td:first-child { border-top: 1px solid var(--line); padding-top: .5rem; font-weight: 600; }
  .left td:nth-child(2)::before { content: "tf_loadops: "; }
}
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
    parts.append(_in_short(figures))
    links = [f"<a href='#{_text(suite)}'>{_text(suite)}</a>" for suite in figures["suites"]]
    parts.append(f"<nav>{' '.join(links)}</nav>")
    for suite, found in figures["suites"].items():
        parts.append(f"<h2 id='{_text(suite)}'>{_text(suite)}</h2><p class=note>{_text(_description(suite))}</p>")
        for title, report in found.items():
            parts += [f"<h3>{_text(title)}</h3>", _chart(report), _skipped(report), _table(report)]
    return "\n".join(parts) + "\n</html>\n"


def _in_short(figures: Mapping[str, Any]) -> str:
    """The README's table, where the figures are in the document."""
    lines = list(headlines.rows(figures))
    if not lines:
        return ""
    note = "A share below 1: tf_loadops is faster; the median of all rounds, and their range."
    table = _rows([[_text(text) for text in line] for line in lines], headlines.COLUMNS)
    return f"<h2>in short</h2><div class='wide left'>{table}</div><p class=note>{note}</p>"


def _chart(report: Mapping[str, Mapping[str, Any]]) -> str:
    """Bars to one scale; figures of different units have no scale in common, and no chart."""
    rows = {name: row for name, row in report.items() if "median" in row}
    if not rows or len({row.get("unit", "s") for row in rows.values()}) > 1:
        return ""
    longest = max(row["max"] for row in rows.values()) or 1.0
    bars = []
    for name, row in rows.items():
        median, least, most = (100 * row[key] / longest for key in ("median", "min", "max"))
        ours = " ours" if name.startswith(OURS) else ""
        figure = shown(row, "median") + (f", {rate(row)} GB/s" if rate(row) else "")
        bars.append(
            f"<span>{_text(name)}</span><div class='track{ours}'><div class=fill style='width:{median:.2f}%'></div>"
            f"<div class=range style='left:{least:.2f}%;width:{most - least:.2f}%'></div></div>"
            f"<span class=value>{_text(figure)}</span>"
        )
    return f"<div class=bar>{''.join(bars)}</div>"


def _skipped(report: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [f"<p>{_text(name)} skipped: {_text(row['skipped'])}" for name, row in report.items() if "skipped" in row]
    return f"<div class=note>{''.join(lines)}</div>" if lines else ""


def _table(report: Mapping[str, Mapping[str, Any]]) -> str:
    columns = headings(report)
    rows = {name: row for name, row in report.items() if "median" in row}
    if not rows:
        return ""
    texts = [[name, *cells(row, columns), row.get("rounds", "")] for name, row in rows.items()]
    lines = [[_text(text) for text in line] for line in texts]
    table = _rows(lines, ["candidate", *columns, "rounds"])
    return f"<details><summary>figures</summary><div class=wide>{table}</div></details>"


def _rows(lines: Sequence[Sequence[str]], headings: Sequence[str]) -> str:
    rows = ["".join(f"<th>{heading}" for heading in headings), *("".join(f"<td>{c}" for c in line) for line in lines)]
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _description(suite: str) -> str:
    try:
        return description(suite)
    except KeyError:  # of figures that an older or newer version took
        return ""


def _text(value: Any) -> str:
    return html.escape(str(value))
