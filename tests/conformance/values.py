"""Outputs in one plain form, whatever brought them: a name, a dtype and values; and the text of a refusal."""

from __future__ import annotations

from typing import Any

import numpy as np


def plain(result: Any) -> dict[str, tuple[str, Any]]:
    """What a layer or a signature returned, as `cases.Values`."""
    if isinstance(result, (tuple, list)):
        x, label = result
        return {**plain(x), "label": _plain(label)}
    if isinstance(result, dict):
        return {name: _plain(value) for name, value in result.items()}
    return {"output": _plain(result)}


def _plain(value: Any) -> tuple[str, Any]:
    array = np.asarray(value)
    if array.dtype.kind in "OSU":
        return "string", [_text(item) for item in array.tolist()]
    return array.dtype.name, array.tolist()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else value.decode()


def assert_same(got: Any, expected: Any, tolerance: float = 0.0) -> None:
    """Asserts names, dtypes, shapes and values; NaN equals NaN."""
    assert sorted(got) == sorted(expected)
    for name, (dtype, values) in expected.items():
        assert got[name][0] == dtype, name
        if dtype == "string":
            assert list(got[name][1]) == list(values), name
        else:
            actual, desired = np.array(got[name][1], dtype), np.array(values, dtype)
            assert actual.shape == desired.shape, name
            if tolerance and desired.dtype.kind == "f":
                np.testing.assert_allclose(actual, desired, rtol=tolerance, atol=tolerance, equal_nan=True)
            else:
                np.testing.assert_array_equal(actual, desired)


# What TensorFlow's op and Keras put before and after a message.
_WRAPPINGS = (("could not correctly convert string: ", "\n\t [["), ("\x1b[1m", "\x1b[0m"))


def said(message: str) -> str:
    """The text of a refusal, out of what TensorFlow or Keras made of it."""
    for before, after in _WRAPPINGS:
        if before in message:
            message = message.partition(before)[2].partition(after)[0]
    return message
