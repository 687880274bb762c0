"""The ops of tensorflow-io, loaded when they are first needed."""

from __future__ import annotations

from typing import Any

from tf_loadops.errors import LoadError


def parquet_ops() -> Any:
    """The module with tensorflow-io's ops.

    Returns:
      The module; its `io_parquet_readable_read` is registered with TensorFlow.

    Raises:
      LoadError: where tensorflow-io is not installed, or does not load.
    """
    try:
        from tensorflow_io.python.ops import core_ops as ops

        _ = ops.io_parquet_readable_read  # it is registered when it is first looked at
    except (ImportError, NotImplementedError, AttributeError) as error:
        raise LoadError(
            'engine="tfio" takes tensorflow-io, which loads on TensorFlow 2.16 and 2.17 only: pip install '
            f"'tf-loadops[io]'. Any TensorFlow reads the same with engine=\"native\". ({type(error).__name__}.)"
        ) from None
    return ops
