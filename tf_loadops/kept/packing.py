"""A graph as bytes and back: a line of JSON that says what goes in and comes out, and a GraphDef.

Two processes give other names to the same function, and the same name to other ones; so here a function is called by
what it holds.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.python.eager import context  # nothing public tells the runtime of a function that is not traced

from tf_loadops.kept.keys import UnkeptError

Tensor = Any

_TENSOR, _TUPLE, _LIST, _DICT, _NAMED = "tensor", "tuple", "list", "dict", "named"


def packed(graph: Any) -> bytes:
    """Makes bytes of a concrete function.

    Raises:
      UnkeptError: if it is more than its definition: it captures a tensor, or holds ops of another package, whose
        library nobody would have loaded by then.
    """
    if graph.captured_inputs:
        raise UnkeptError
    header = {
        "structure": _skeleton(graph.structured_outputs),
        "inputs": [tensor.op.name for tensor in graph.inputs],
        "outputs": [tensor.name for tensor in graph.outputs],
        "shapes": [None if t.shape.rank is None else t.shape.as_list() for t in graph.outputs],
    }
    definition = graph.graph.as_graph_def()
    inputs = set(header["inputs"])
    body = [node for node in definition.node if node.name not in inputs]
    functions = {function.signature.name: function for function in definition.library.function}
    for nodes in (body, *(function.node_def for function in functions.values())):
        if any(">" in node.op or "_gradient_op_type" in node.attr for node in nodes):
            raise UnkeptError
    names: dict[str, str] = {}
    _rename(body, functions, names)
    kept = graph_pb2.GraphDef(node=body, versions=definition.versions)
    for old in {new: old for old, new in names.items()}.values():
        kept.library.function.append(functions[old])
    return b"\n".join([json.dumps(header).encode(), kept.SerializeToString(deterministic=True)])


def unpacked(content: bytes) -> Callable[..., Any]:
    """A function that builds into the current graph what was packed, from its tensors to its results."""
    line, _, rest = content.partition(b"\n")
    header, graph = json.loads(line), graph_pb2.GraphDef.FromString(rest)

    def build(*tensors: Tensor) -> Any:
        runtime = context.context()
        with tf.init_scope():
            for function in graph.library.function:
                if not runtime.has_function(function.signature.name):
                    runtime.add_function_def(function)
        known = {f"{name}:0": tensor for name, tensor in zip(header["inputs"], tensors, strict=True)}
        inner = [name for name in header["outputs"] if name not in known]
        found = tf.graph_util.import_graph_def(graph, _mapped(graph, known), inner, name="kept")
        known |= dict(zip(inner, found, strict=True))
        outputs = [known[name] for name in header["outputs"]]
        for output, shape in zip(outputs, header["shapes"], strict=True):
            output.set_shape(shape)
        return _structure(header["structure"], iter(outputs))

    return build


def _mapped(graph: graph_pb2.GraphDef, known: dict[str, Tensor]) -> dict[str, Tensor]:
    """The inputs that nodes refer to, for their value or to run after them; more may not be named."""
    used = {reference for node in graph.node for reference in node.input}
    mapped = {}
    for name, tensor in known.items():
        operation = name.removesuffix(":0")
        if {operation, name} & used:
            mapped[name] = tensor
        if f"^{operation}" in used:
            mapped[f"^{operation}"] = tensor
    return mapped


def _rename(nodes: Iterable[Any], functions: dict[str, Any], names: dict[str, str]) -> None:
    """Calls all functions that nodes refer to by what they hold, from the innermost one outwards."""
    for node in nodes:
        for attr in node.attr.values():
            for reference in [attr.func] if attr.HasField("func") else attr.list.func:
                old = reference.name
                if old not in names:
                    if old not in functions:
                        raise UnkeptError
                    function = functions[old]
                    _rename(function.node_def, functions, names)
                    _share_constants(function)
                    # What calls it has this attribute, and TensorFlow hands it down; better before it has its name.
                    function.attr["_tf_data_function"].b = True
                    function.signature.name = ""
                    digest = hashlib.sha256(function.SerializeToString(deterministic=True)).hexdigest()
                    names[old] = function.signature.name = f"tf_loadops_{digest[:32]}"
                reference.name = names[old]


def _share_constants(function: Any) -> None:
    """Leaves one of equal constants: TensorFlow copies each function some twenty times before it first runs."""
    seen: dict[Any, str] = {}
    replaced: dict[str, str] = {}
    nodes = []
    for node in function.node_def:
        if node.op == "Const" and not node.input:
            attrs = [(name, node.attr[name].SerializeToString(deterministic=True)) for name in sorted(node.attr)]
            first = seen.setdefault((node.device, *attrs), node.name)
            if first != node.name:
                replaced[node.name] = first
                continue
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
        argument.attr.pop("_user_specified_name", None)  # differs where the same part was traced for another caller


def _skeleton(value: Any) -> Any:
    """The structure of a result, for JSON."""
    if isinstance(value, tf.Tensor):
        return [_TENSOR]
    if type(value) is dict and all(type(key) is str for key in value):
        return [_DICT, {key: _skeleton(item) for key, item in value.items()}]
    if type(value) in (tuple, list):
        return [_LIST if isinstance(value, list) else _TUPLE, [_skeleton(item) for item in value]]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        kind = type(value)
        if getattr(importlib.import_module(kind.__module__), kind.__qualname__, None) is kind:
            return [_NAMED, [_skeleton(item) for item in value], kind.__module__, kind.__qualname__]
    raise UnkeptError


def _structure(skeleton: Any, tensors: Iterator[Tensor]) -> Any:
    kind, *rest = skeleton
    if kind == _TENSOR:
        return next(tensors)
    if kind == _DICT:
        items = {key: _structure(rest[0][key], tensors) for key in sorted(rest[0])}  # as they are flattened
        return {key: items[key] for key in rest[0]}
    parts = [_structure(item, tensors) for item in rest[0]]
    if kind == _NAMED:
        return getattr(importlib.import_module(rest[1]), rest[2])(*parts)
    return parts if kind == _LIST else tuple(parts)
