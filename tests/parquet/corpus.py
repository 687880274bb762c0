"""Reads the whole corpus, column by column, beside pyarrow. As a program, `python -m tests.parquet.corpus`, a table."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import sys
import tempfile
from typing import Any

import pyarrow as pa

import tf_loadops as tlo
from tf_loadops.parquet.footer_eager import read_leaves
from tf_loadops.parquet.infer import infer_parquet

from .oracle import differs, expected, leaf
from .process import Reader

FOLDER = pathlib.Path(__file__).parents[1] / "data" / "parquet"
FILES = sorted(FOLDER.glob("*.parquet"))

NIGHTLY = os.environ.get("TLO_FUZZ") == "nightly"

LIMIT = 10.0
"""Seconds that a read may take, once there is a graph for its columns."""

_FIRST = 300.0  # seconds for the graph, too, on a busy machine


@dataclasses.dataclass
class Result:
    """What became of a column.

    Attributes:
      name: its dotted name.
      flat: whether a row holds one value of it, and pyarrow reads it.
      outcome: "equal", "different", or that of `Reader.read`; "read" where pyarrow reads nothing to compare it with.
      said: the message of a refusal or what differs.
      seconds: how long it took, all columns of the file together where they were read together.
      pyarrow: why pyarrow does not read it; "" where it does.
    """

    name: str
    flat: bool
    outcome: str
    said: str
    seconds: float
    pyarrow: str = ""


def results_of(file: pathlib.Path, reader: Reader, one_by_one: bool = True) -> list[Result]:
    """Reads the leaves of a file: first all flat ones at once, and where that is refused, one by one.

    Of those in lists and maps, all in the nightly run and the first one otherwise: each takes a graph.

    Args:
      file: the file.
      reader: what reads it.
      one_by_one: whether to do so; otherwise only the flat ones are looked at.
    """
    leaves = [(b".".join(one.path).decode(), one) for one in read_leaves(str(file))]
    inferred = {c.name: c for c in _inferred(file)}
    columns = {name: _column(name, inferred) for name, _ in leaves}
    flat = [name for name, one in leaves if not one.within]
    together: dict[str, Any] = {"outcome": "none"}
    if flat:
        together = reader.read(file, [columns[name] for name in flat], _FIRST)
    results = []
    nested = [name for name, one in leaves if one.within]
    left_out = set(nested[1:] if one_by_one else nested) if not NIGHTLY else set()
    for name, one in leaves:
        if name in left_out:
            continue
        use = together["outcome"] == "read" or not (one_by_one or NIGHTLY)
        answer = together if not one.within and use else None
        answer = answer or reader.read(file, [columns[name]], _FIRST)
        results.append(_judged(file, name, not one.within, tlo.Column(**columns[name]), answer))
    return results


def _judged(file: pathlib.Path, name: str, flat: bool, column: tlo.Column, answer: dict[str, Any]) -> Result:
    try:
        array = leaf(file, name) if flat else None
        wanted = None if array is None else expected(array, column)
        theirs = ""
    except (OSError, pa.ArrowException, ValueError) as error:
        wanted, theirs = None, f"{type(error).__name__}: {error}".split("\n")[0]
    said = answer.get("message", "").replace(str(file), file.name)
    outcome = answer["outcome"]
    if outcome == "read" and wanted is not None:
        said = differs(answer, name, wanted)
        outcome = "different" if said else "equal"
    return Result(name, flat and not theirs, outcome, said, answer["seconds"], theirs)


def _inferred(file: pathlib.Path) -> Any:
    try:
        return infer_parquet(file)
    except tlo.LoadError:
        return ()


def _column(name: str, inferred: dict[str, tlo.Column]) -> dict[str, Any]:
    if name not in inferred:
        return {"name": name, "dtype": "string"}
    column = inferred[name]
    return {"name": name, "dtype": column.dtype, "unit": column.unit, "default": -1 if column.unit else None}


def table(results: dict[str, list[Result]]) -> str:
    """A Markdown table of all files."""
    lines = ["| file | columns | equal | refused or other |", "|---|---|---|---|"]
    for file, columns in results.items():
        equal = sum(one.outcome == "equal" for one in columns)
        reasons: dict[str, int] = {}
        for one in columns:
            if one.outcome != "equal":
                theirs = " (pyarrow does not read it)" if one.pyarrow else ""
                said = one.said.removeprefix(f"{file}: ").replace(repr(one.name), "'…'")
                said = re.sub(r"[|\s]+", " ", said)[:150]
                reason = f"{one.outcome}: {said}{theirs}"
                reasons[reason] = reasons.get(reason, 0) + 1
        shown = "; ".join(f"{count} {reason}" for reason, count in reasons.items())
        lines.append(f"| {file} | {len(columns)} | {equal} | {shown} |")
    everything = [one for columns in results.values() for one in columns]
    flat = [one for one in everything if one.flat]
    equal = sum(one.outcome == "equal" for one in flat)
    lines.append(f"| {len(results)} files | {len(everything)} | {equal} | of {len(flat)} flat ones, by pyarrow |")
    return "\n".join(lines)


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(pathlib.Path(folder))
        try:
            results = {}
            for file in FILES:
                results[file.name] = results_of(file, reader)
                if "--progress" in sys.argv:
                    print(*results[file.name], sep="\n", file=sys.stderr, flush=True)
            print(table(results))
        finally:
            reader.close()


if __name__ == "__main__":
    main()
