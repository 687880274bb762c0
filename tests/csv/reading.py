"""What the tests of the CSV reader share: short ways to ask for values, and for the text of a refusal."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf

import tf_loadops as tlo


def columns(table: tlo.Table) -> dict[str, list[Any]]:
    """The columns as Python lists, None where a value is missing, text decoded."""
    found = {}
    for name, values in table.columns.items():
        cells = [cell.decode() if isinstance(cell, bytes) else cell for cell in values.numpy().tolist()]
        found[name] = [c if ok else None for c, ok in zip(cells, table.validity[name].numpy().tolist(), strict=True)]
    return found


def rows(table: tlo.Table) -> list[list[Any]]:
    """The same, row by row."""
    return [list(row) for row in zip(*columns(table).values(), strict=True)]


def counts(table: tlo.Table) -> dict[str, int]:
    """The counts as a dict of int."""
    return {name: int(count) for name, count in table.counts.items()}


def refusal(call: Callable[[], Any]) -> str:
    """The message with which `call`, which must fail, refuses; eager calls give it and nothing else."""
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        call()
    return caught.value.message


def refusal_in_graph(call: Callable[[], Any]) -> str:
    """The same from inside a `tf.function`, where TensorFlow writes the op's name before it and its node behind it."""
    message = refusal(call)
    found = re.fullmatch(
        r".*?StringToNumberOp could not correctly convert string: (.*?)\n\t \[\[\{\{.*", message, re.DOTALL
    )
    assert found is not None, message
    return found[1]


def by_csv(text: str, **dialect: Any) -> list[list[str]]:
    """The records of a text as Python's csv module reads them, without the blank lines."""
    return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True, **dialect) if row]
