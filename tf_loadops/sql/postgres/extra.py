"""The ops of tensorflow-io, loaded when they are first needed."""

from __future__ import annotations

from typing import Any

from tf_loadops.errors import LoadError


def core_ops() -> Any:
    """The module with tensorflow-io's ops.

    Returns:
      The module; its `io_sql_iterable_init` and `io_sql_iterable_read` are registered with TensorFlow.

    Raises:
      LoadError: where tensorflow-io is not installed, or does not load.
    """
    try:
        from tensorflow_io.python.ops import core_ops as ops

        # They are registered when one of them is first looked at.
        _ = ops.io_sql_iterable_init, ops.io_sql_iterable_read
    except (ImportError, NotImplementedError, AttributeError) as error:
        raise LoadError(
            "Reading PostgreSQL in the graph takes tensorflow-io, which loads on TensorFlow 2.16 and 2.17 only: pip "
            "install 'tf-loadops[io]'. On any TensorFlow, tlo.snapshot writes the query's rows into a file that the "
            f"loaders of files read. ({type(error).__name__}.)"
        ) from None
    return ops
