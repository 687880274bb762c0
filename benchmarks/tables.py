"""Figures as text: tables on a terminal, and the README's table."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def seconds(value: float) -> str:
    """A time with three digits and its unit.

    Example:
      >>> seconds(0.01234), seconds(12.345), seconds(0.0000567)
      ('12.3 ms', '12.3 s', '56.7 µs')
    """
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def shown(row: Mapping[str, Any], key: str) -> str:
    """One figure of a row, in the row's unit."""
    if key not in row:
        return ""
    unit = row.get("unit", "s")
    return seconds(row[key]) if unit == "s" else f"{row[key]:.3g} {unit}"


def ratio(row: Mapping[str, Any]) -> str:
    """The ratio to the baseline, with its range."""
    if "ratio" not in row:
        return ""
    return f"{row['ratio']:.2f} ({row['ratio_min']:.2f}-{row['ratio_max']:.2f})"


def show(console: Console, title: str, report: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints the rows of one case."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("candidate")
    for heading in ("median", "min", "max", "ratio", "first"):
        table.add_column(heading, justify="right")
    skipped = []
    for name, row in report.items():
        if "skipped" in row:
            skipped.append(f"{name} skipped: {row['skipped']}")
        else:
            figures = [shown(row, key) for key in ("median", "min", "max")]
            table.add_row(name, *figures, ratio(row), shown(row, "first"))
    console.print(table)
    for line in skipped:
        console.print(line, style="dim", highlight=False, soft_wrap=True)


def markdown(figures: Mapping[str, Any], headlines: Mapping[str, str]) -> str:
    """The README's table.

    Args:
      figures: a document of `results`.
      headlines: part of a case's title to how the table calls it.

    Returns:
      A Markdown table with one line for each candidate of those cases.
    """
    machine, versions = figures["machine"], figures["versions"]
    lines = ["| work | candidate | median | range | ratio |", "|---|---|---|---|---|"]
    for found in figures["suites"].values():
        for title, report in found.items():
            label = next((label for part, label in headlines.items() if part in title), None)
            for name, row in report.items() if label else ():
                if "median" in row:
                    spread = f"{shown(row, 'min')} - {shown(row, 'max')}"
                    lines.append(f"| {label} | {name} | {shown(row, 'median')} | {spread} | {ratio(row)} |")
                    label = ""
    lines.append("")
    lines.append(
        f"{figures['date']}, {machine['processor']}, {machine['cores']} cores, TensorFlow {versions['tensorflow']}, "
        f"size {figures['plan']['size']}, medians of {figures['plan']['rounds']} rounds in turn; the ratio is to the "
        "candidate with ratio 1, in the same round."
    )
    return "\n".join(lines)


def into_readme(readme: pathlib.Path, table: str) -> None:
    """Puts a table between the README's two marks.

    Raises:
      SystemExit: if they are not there.
    """
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{readme}: has no marks {BEGIN} and {END} for the table to go between.")
    readme.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")
