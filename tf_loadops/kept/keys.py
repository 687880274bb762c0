"""Which file a graph is kept in: its name says all that the graph depends on."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import os
import pathlib
import platform
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework import config

from tf_loadops.version import __version__

_FORMAT = 1
_PACKAGE = pathlib.Path(__file__).parent.parent
_OURS = ["tf_loadops"]
"""The packages whose functions are kept: the code of others is not looked at."""


class UnkeptError(Exception):
    """A graph that no file can hold."""


def place(folder: str, function: Callable[..., Any], static: tuple[Any, ...], *others: Any) -> str | None:
    """The file of a graph.

    Args:
      folder: where files are kept.
      function: what the graph is traced from.
      static: what it depends on besides its tensors.
      *others: further values that it depends on.

    Returns:
      A path that no other graph has, nor the same one of another version of TensorFlow or of this package; None if
      nobody can tell what the graph depends on.
    """
    # Without eager execution there is no runtime that a function could be told to. The other two change what `a + b`
    # and `tf.cond` make, in more ways than a name can say; NumPy's rules are seen by the methods that tensors get.
    if not tf.compat.v1.executing_eagerly_outside_functions() or not tf.compat.v1.control_flow_v2_enabled():
        return None
    if hasattr(tf.Tensor, "astype"):
        return None
    try:
        words = [_spelled(value) for value in (function, static, others)]
        key = hashlib.sha256("\n".join([_code(), _surroundings(), *words]).encode()).hexdigest()
    except UnkeptError:
        return None
    return str(pathlib.Path(folder, f"{function.__module__}.{function.__qualname__}-{key[:32]}.graph"))


def _spelled(value: Any) -> str:
    """A value in words that no other one has."""
    if value is None or type(value) in (bool, int, str, bytes) or isinstance(value, tf.DType):
        return f"{type(value).__name__} {value!r}"
    if type(value) is float:
        return f"float {value.hex()}"  # 0.0 and -0.0 are equal, and two
    if inspect.isfunction(value):
        if "<" in value.__qualname__ or value.__module__.partition(".")[0] not in _OURS:
            raise UnkeptError
        return f"function {value.__module__}.{value.__qualname__}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        items = [getattr(value, field.name) for field in dataclasses.fields(value)]
    elif type(value) is tuple or (isinstance(value, tuple) and hasattr(value, "_fields")):
        items = list(value)
    else:
        raise UnkeptError
    return f"{type(value).__module__}.{type(value).__qualname__}({', '.join(map(_spelled, items))})"


def _surroundings() -> str:
    """Versions, the machine, and settings of TensorFlow that get into graphs."""
    versions = [_FORMAT, __version__, tf.version.VERSION, tf.version.GIT_VERSION, np.__version__, sys.version]
    machine = [platform.machine(), os.cpu_count()]
    with tf.init_scope():  # within a graph it says something else, and graphs of parts are not built within one
        calls = context.context().config.SerializeToString(deterministic=True)
    settings = [calls, config.is_op_determinism_enabled(), os.environ.get("TF_FUNCTION_JIT_COMPILE_DEFAULT")]
    return f"{versions} {machine} {settings}"


def _sources() -> tuple[tuple[str, int, int, int], ...]:
    """The files of this package, and what shows that one was changed."""
    found = []
    for file in sorted(_PACKAGE.rglob("*.py")):
        try:
            status = file.stat()
        except OSError:  # gone meanwhile, or an editor's lock, which is a link to nowhere
            continue
        found.append((str(file), status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return tuple(found)


_AT_IMPORT = _sources()


def _code() -> str:
    """A digest of this package's code, if what is on the disk is what runs."""
    sources = _sources()
    files = {file for file, *_ in sources}
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == _PACKAGE.name]
    if sources != _AT_IMPORT or not all(getattr(module, "__file__", None) in files for module in modules):
        raise UnkeptError
    try:
        return _digest(sources)
    except OSError as error:
        raise UnkeptError from error


@functools.cache
def _digest(sources: tuple[tuple[str, int, int, int], ...]) -> str:
    code = hashlib.sha256()
    for file, size, *_ in sources:
        code.update(f"{pathlib.Path(file).relative_to(_PACKAGE)} {size}\n".encode() + pathlib.Path(file).read_bytes())
    return code.hexdigest()
