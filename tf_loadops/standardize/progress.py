"""A progress bar for a pass over rows: on a terminal, or when asked for."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def rows_bar(label: str, total: int | None, verbose: bool | str = "auto") -> Iterator[Callable[[int], None]]:
    """Shows rows done, rows per second and, where the total is known, the time left.

    Args:
      label: what is going on.
      total: the number of rows, None if not known.
      verbose: True to show the bar, False not to, "auto" to show it if stderr is a terminal.

    Yields:
      A function to call with the number of rows just done.

    Example:
      >>> with rows_bar("adapt", 10, verbose=False) as advance:
      ...     advance(10)
    """
    if not (sys.stderr.isatty() if verbose == "auto" else verbose):
        yield lambda rows: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as TimeLeft
    from rich.text import Text

    class Rows(ProgressColumn):
        def render(self, task: Task) -> Text:
            of = "" if task.total is None else f"/{int(task.total):,}"
            speed = task.finished_speed or task.speed
            return Text(f"{int(task.completed):,}{of} rows" + (f", {speed:,.0f} rows/s" if speed else ""))

    columns = [TextColumn("{task.description}"), BarColumn(), Rows(), TimeElapsedColumn(), TextColumn("elapsed")]
    if total is not None:
        columns += [TimeLeft(), TextColumn("left")]
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda rows: bar.advance(task, rows)
