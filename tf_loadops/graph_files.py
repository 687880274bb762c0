"""Graphs of parts in files, so that the next process need not trace them again.

A file is a line with the SHA-256 of the rest, a line of JSON that names inputs and outputs, and a GraphDef: the body of
one part, and the functions that it calls. Two processes give other names to the same function, and the same name to
other ones; so here a function is called by what it holds.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
import inspect
import json
import os
import pathlib
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.python.eager import context  # nothing public tells the runtime of a function that is not traced
from tensorflow.python.framework import op_def_registry

Tensor = Any

_FORMAT = 1
_TENSOR, _TUPLE, _LIST, _DICT, _NAMED = "tensor", "tuple", "list", "dict", "named"


class _UnkeptError(Exception):
    """A graph that no file can hold."""


def place(folder: str, function: Callable[..., Any], static: tuple[Any, ...], *others: Any) -> str | None:
    """The file of a graph.

    Args:
      folder: where files are kept.
      function: what the graph is traced from.
      static: what it depends on besides its tensors.
      *others: further values that it depends on.

    Returns:
      A path that another graph, version of TensorFlow or of this package does not have; None if the graph depends on
      something that cannot be written down.
    """
    # Without eager execution there is no runtime that a function could be told to.
    if not tf.compat.v1.executing_eagerly_outside_functions() or "<" in function.__qualname__:
        return None
    try:
        words = [_spelled(value) for value in (function, static, others)]
    except _UnkeptError:
        return None
    key = hashlib.sha256("\n".join([_surroundings(), *words]).encode()).hexdigest()
    return str(pathlib.Path(folder, f"{function.__module__}.{function.__qualname__}-{key[:32]}.graph"))


def write(graph: Any, path: str) -> None:
    """Keeps a graph; where that cannot be, it says so.

    Args:
      graph: a concrete function.
      path: from `place`.
    """
    try:
        content = _packed(graph)
    except _UnkeptError:
        return
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        # Another process may read at any moment, or write the same.
        descriptor, unfinished = tempfile.mkstemp(dir=os.path.dirname(path), suffix=".unfinished")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            os.replace(unfinished, path)
        except BaseException:
            os.unlink(unfinished)
            raise
    except OSError as error:
        warnings.warn(f"{path}: a graph could not be kept here, and will be traced again: {error}", stacklevel=2)


def read(path: str) -> Callable[..., Any] | None:
    """A graph that was kept.

    Args:
      path: from `place`.

    Returns:
      A function that builds the graph into the current one, from its tensors to its results; None where there is none.
    """
    try:
        content = pathlib.Path(path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        warnings.warn(f"{path}: a graph was kept here, and is traced again: {error}", stacklevel=2)
        return None
    digest, _, rest = content.partition(b"\n")
    if digest != hashlib.sha256(rest).hexdigest().encode():
        warnings.warn(f"{path}: this file is damaged. The graph is traced again and replaces it.", stacklevel=2)
        return None
    header, _, body = rest.partition(b"\n")
    return functools.partial(_unpacked, json.loads(header), graph_pb2.GraphDef.FromString(body))


def _unpacked(header: dict[str, Any], graph: graph_pb2.GraphDef, *tensors: Tensor) -> Any:
    runtime = context.context()
    with tf.init_scope():
        for function in graph.library.function:
            if not runtime.has_function(function.signature.name):
                runtime.add_function_def(function)
    known = dict(zip(header["inputs"], tensors, strict=True))
    inner = [name for name in header["outputs"] if name not in known]
    found = tf.graph_util.import_graph_def(graph, input_map=known, return_elements=inner, name="kept")
    known |= dict(zip(inner, found, strict=True))
    outputs = [known[name] for name in header["outputs"]]
    for output, shape in zip(outputs, header["shapes"], strict=True):
        output.set_shape(shape)
    return _structure(header["structure"], iter(outputs))


def _packed(graph: Any) -> bytes:
    if graph.captured_inputs:
        raise _UnkeptError
    header = {
        "structure": _skeleton(graph.structured_outputs),
        "inputs": [tensor.name for tensor in graph.inputs],
        "outputs": [tensor.name for tensor in graph.outputs],
        "shapes": [None if t.shape.rank is None else t.shape.as_list() for t in graph.outputs],
    }
    definition = graph.graph.as_graph_def()
    inputs = {tensor.op.name for tensor in graph.inputs}
    body = [node for node in definition.node if node.name not in inputs]
    functions = {function.signature.name: function for function in definition.library.function}
    for node in _nodes(body, functions.values()):
        if ">" in node.op:  # of another package, whose library nobody would have loaded by then
            raise _UnkeptError
    names: dict[str, str] = {}
    _rename(body, functions, names)
    kept = graph_pb2.GraphDef(node=body, versions=definition.versions)
    for old in {new: old for old, new in names.items()}.values():
        kept.library.function.append(functions[old])
    rest = b"\n".join([json.dumps(header).encode(), kept.SerializeToString(deterministic=True)])
    return hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def _nodes(body: Iterable[Any], functions: Iterable[Any]) -> Iterator[Any]:
    yield from body
    for function in functions:
        yield from function.node_def


def _rename(nodes: Iterable[Any], functions: dict[str, Any], names: dict[str, str]) -> None:
    """Calls all functions that nodes refer to by what they hold, from the innermost one outwards."""
    for node in nodes:
        for attr in node.attr.values():
            for reference in [attr.func] if attr.HasField("func") else attr.list.func:
                old = reference.name
                if old not in names:
                    function = functions[old]
                    _rename(function.node_def, functions, names)
                    _slim(function)
                    function.signature.name = ""
                    digest = hashlib.sha256(function.SerializeToString(deterministic=True)).hexdigest()
                    names[old] = function.signature.name = f"tf_loadops_{digest[:32]}"
                reference.name = names[old]


def _slim(function: Any) -> None:
    """Takes out of a function what says nothing: equal constants but one, and attributes that are as by default.

    TensorFlow copies each function some twenty times before it first runs.
    """
    seen: dict[Any, str] = {}
    replaced: dict[str, str] = {}
    nodes = []
    for node in function.node_def:
        if node.op == "Const" and not node.input:
            key = (node.device, node.attr["value"].SerializeToString(deterministic=True))
            first = seen.setdefault(key, node.name)
            if first != node.name:
                replaced[node.name] = first
                continue
        _strip(node)
        nodes.append(node)

    def renamed(reference: str) -> str:
        """`node`, `node:output:index` or `^node`."""
        mark = "^" if reference.startswith("^") else ""
        name, colon, output = reference.removeprefix("^").partition(":")
        return f"{mark}{replaced.get(name, name)}{colon}{output}"

    kept = type(function)(node_def=nodes)
    for node in kept.node_def:
        node.input[:] = [renamed(reference) for reference in node.input]
    del function.node_def[:]
    function.node_def.MergeFrom(kept.node_def)
    for outputs in (function.ret, function.control_ret):
        for name in list(outputs):  # a map may not change while it is gone through
            outputs[name] = renamed(outputs[name])
    for argument in function.arg_attr.values():
        argument.attr.pop("_user_specified_name", None)


def _strip(node: Any) -> None:
    operation = op_def_registry.get(node.op)
    for attr in operation.attr if operation else ():
        if attr.HasField("default_value") and attr.name in node.attr and node.attr[attr.name] == attr.default_value:
            del node.attr[attr.name]


def _skeleton(value: Any) -> Any:
    """The structure of a result, for JSON."""
    if isinstance(value, tf.Tensor):
        return [_TENSOR]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return [_DICT, {key: _skeleton(value[key]) for key in sorted(value)}]  # the order in which they are flattened
    if isinstance(value, (tuple, list)):
        items = [_skeleton(item) for item in value]
        if hasattr(value, "_fields"):
            return [_NAMED, items, type(value).__module__, type(value).__qualname__]
        return [_LIST if isinstance(value, list) else _TUPLE, items]
    raise _UnkeptError


def _structure(skeleton: Any, tensors: Iterator[Tensor]) -> Any:
    kind, *rest = skeleton
    if kind == _TENSOR:
        return next(tensors)
    if kind == _DICT:
        return {key: _structure(item, tensors) for key, item in rest[0].items()}
    items = [_structure(item, tensors) for item in rest[0]]
    if kind == _NAMED:
        return getattr(importlib.import_module(rest[1]), rest[2])(*items)
    return items if kind == _LIST else tuple(items)


def _spelled(value: Any) -> str:
    """A value in words that no other one has."""
    if value is None or isinstance(value, (bool, int, str, bytes, tf.DType)):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, float):
        return f"float {value.hex()}"  # 0.0 and -0.0 are equal, and two
    if inspect.isfunction(value) and "<" not in value.__qualname__:
        return f"function {value.__module__}.{value.__qualname__}"
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        items = [getattr(value, field.name) for field in dataclasses.fields(value)]
        return f"{name}({', '.join(map(_spelled, items))})"
    if isinstance(value, tuple):
        return f"{name}({', '.join(map(_spelled, value))})"
    raise _UnkeptError


@functools.cache
def _surroundings() -> str:
    """What each graph depends on: the versions of all that builds it, the machine, and settings of TensorFlow."""
    code = hashlib.sha256()
    package = pathlib.Path(__file__).parent
    for file in sorted(package.rglob("*.py")):
        code.update(f"{file.relative_to(package)} {file.stat().st_size}\n".encode() + file.read_bytes())
    versions = [_FORMAT, tf.version.VERSION, tf.version.GIT_VERSION, np.__version__, sys.version, platform.machine()]
    # NumPy's rules of types change what `a + b` makes; they are seen by the methods that they give to tensors.
    settings = [os.cpu_count(), tf.compat.v1.control_flow_v2_enabled(), hasattr(tf.Tensor, "astype")]
    return f"{code.hexdigest()} {versions} {settings}"
