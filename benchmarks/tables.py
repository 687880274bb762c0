"""Figures as text, and tables of them on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


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


def rate(row: Mapping[str, Any]) -> str:
    """How fast the bytes went through, where that was measured."""
    return f"{row['gigabytes_per_second']:.3g}" if "gigabytes_per_second" in row else ""


def headings(report: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What `cells` holds."""
    rates = any(map(rate, report.values()))
    return ["median", "min", "max", *(["GB/s"] if rates else []), "ratio", "first"]


def cells(row: Mapping[str, Any], headings: Sequence[str]) -> list[str]:
    """A row's figures as text, one for each heading."""
    text = {"GB/s": rate(row), "ratio": ratio(row)}
    return [text[heading] if heading in text else shown(row, heading) for heading in headings]


def show(console: Console, title: str, report: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints the rows of one case."""
    from rich.table import Table  # here, as `stablehlo` runs where there may be JAX only

    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("candidate")
    columns = headings(report)
    for heading in columns:
        table.add_column(heading, justify="right")
    skipped = []
    for name, row in report.items():
        if "skipped" in row:
            skipped.append(f"{name} skipped: {row['skipped']}")
        else:
            table.add_row(name, *cells(row, columns))
    console.print(table)
    for line in skipped:
        console.print(line, style="dim", highlight=False, soft_wrap=True)
