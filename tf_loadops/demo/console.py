"""Printing for the demo: with rich where it is installed (Keras brings it), as plain lines where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

try:
    import rich.console
    import rich.padding
    import rich.progress
    import rich.table

    _rich = rich.console.Console(highlight=False, markup=False, emoji=False)
except ImportError:  # rich is Keras' dependency, not ours: without it the same words are printed plainly
    _rich = None


def heading(text: str) -> None:
    """Prints the title of a step."""
    if _rich is None:
        print(f"\n{text}", flush=True)
    else:
        _rich.print(f"\n{text}", style="bold", soft_wrap=True)


def line(text: str) -> None:
    """Prints one line below the step's title; it is never wrapped, so that paths can be copied."""
    if _rich is None:
        print(f"  {text}", flush=True)
    else:
        _rich.print(f"  {text}", soft_wrap=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows under a head, in columns."""
    if _rich is None:
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        for row in [head, *rows]:
            line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    grid = rich.table.Table(*head, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for row in rows:
        grid.add_row(*row)
    _rich.print(rich.padding.Padding(grid, (0, 0, 0, 2)))


@contextmanager
def progress(text: str, total: int) -> Iterator[Callable[[], None]]:
    """Shows how far a job of `total` parts is; the caller calls the yielded function after each part."""
    if _rich is None or not _rich.is_terminal:
        yield lambda: None  # nothing to redraw in a log file
        return
    with rich.progress.Progress(console=_rich, transient=True) as bar:
        task = bar.add_task(f"  {text}", total=total)
        yield lambda: bar.advance(task)
