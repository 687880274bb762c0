"""One pass over a source for its moments, with progress, and a file to go on from after an interruption."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import tensorflow as tf

from tf_loadops.errors import LoadError, plainly
from tf_loadops.standardize.checks import refusal
from tf_loadops.standardize.moments import Moments
from tf_loadops.standardize.progress import rows_bar
from tf_loadops.standardize.sources import Source

_SECONDS_BETWEEN_SAVES = 5.0


def moments_of(
    source: Source,
    *,
    names: list[str] | None = None,
    state: str | os.PathLike[str] | None = None,
    verbose: bool | str = "auto",
) -> Moments:
    """The checked moments of everything in a source, in one pass and bounded memory.

    Args:
      source: what `open_source` found.
      names: the columns' names, for messages.
      state: a file in which the moments so far are kept during the pass. If it exists, the pass goes on from there: the
        source must yield the same batches in the same order. It is removed at the end.
      verbose: True for a progress bar, False for none, "auto" for one if stderr is a terminal.

    Returns:
      Moments of shape [columns].

    Raises:
      LoadError: if the moments cannot be used (see `check_moments`), or the state file belongs to something else.

    Example:
      >>> from tf_loadops.standardize.sources import open_source
      >>> moments_of(open_source([[1.0], [3.0]], batch_size=1)).mean.numpy().tolist()
      [2.0]
    """
    total, seen, batches = Moments.zeros(source.columns), 0, 0
    if state is not None and os.path.exists(state):
        total, seen, batches = _load(state, source)
    saved = time.monotonic()
    with plainly(), rows_bar("adapt", source.rows, verbose) as advance:
        advance(seen)
        for moments, new_rows, new_batches in source.parts(batches):
            total = total.merge(moments)
            seen, batches = seen + new_rows, batches + new_batches
            advance(new_rows)
            if state is not None and time.monotonic() - saved > _SECONDS_BETWEEN_SAVES:
                _save(state, total, seen, batches, source.unit)
                saved = time.monotonic()
    require(total, names)
    if state is not None and os.path.exists(state):
        os.remove(state)
    return total


def require(moments: Moments, names: list[str] | None) -> None:
    """Refuses at once, as the eager tools do, what `check_moments` refuses in a graph."""
    ok, message = refusal(moments, names)
    if not ok:
        raise LoadError(message().numpy().decode())


def _save(path: Any, moments: Moments, rows: int, batches: int, unit: str) -> None:
    document = {name: [value.hex() for value in field.numpy().tolist()] for name, field in moments._asdict().items()}
    partial = f"{os.fspath(path)}.partial"
    with open(partial, "w", encoding="utf-8") as file:
        json.dump({"rows": rows, "batches": batches, "unit": unit, "moments": document}, file)
    os.replace(partial, path)


def _load(path: Any, source: Source) -> tuple[Moments, int, int]:
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        fields = {name: [float.fromhex(v) for v in values] for name, values in document["moments"].items()}
        moments = Moments(**{name: tf.constant(values, tf.float64) for name, values in fields.items()})
        rows, batches = int(document["rows"]), int(document["batches"])
        unit = document["unit"]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LoadError(f"{os.fspath(path)}: is no state file of an earlier pass: {error}. Remove it.") from error
    if any(field.shape != [source.columns] for field in moments):
        raise LoadError(
            f"{os.fspath(path)}: holds the statistics of {moments.count.shape[0]} columns, but the source has "
            f"{source.columns}. Remove it, or pass the source it belongs to."
        )
    if unit != source.unit:
        raise LoadError(
            f"{os.fspath(path)}: counts {unit}, but this pass takes {source.unit}. Remove it, or go on as the pass "
            "that kept it."
        )
    return moments, rows, batches
