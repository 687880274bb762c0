"""What can be wrong with a column chunk: codes, which `messages` puts into words."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any

OK, BAD_HEADER, BAD_COMPRESSION, BAD_LEVELS, BAD_VALUES, BAD_ENCODING, BAD_COUNT, ALL_EMPTY, NO_ROOM = range(9)
UNFINISHED = -1
"""More pages than were asked for."""


def first(*checks: tuple[Tensor, int]) -> Tensor:
    """The first trouble there is.

    Args:
      *checks: a bool scalar and the code of what is wrong where it is True.

    Returns:
      int32 scalar, the code of the first that is True, or OK.
    """
    found = tf.constant(OK)
    for holds, code in reversed(checks):
        found = tf.where(holds, code, found)
    return found
