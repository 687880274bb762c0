"""How a part of a read runs: as a function of its own in graphs, and op by op at first for eager callers."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import rewriter_config_pb2

from tf_loadops import kept
from tf_loadops.errors import LoadError

Tensor = Any

# Seconds on two cores: what a graph takes to build, and what the numeric engine of CSV saves of each byte. Only the
# order of magnitude matters, and results never depend on it.
PRICE = 2.0
A_BYTE = 1 / 45e6
# Seconds: what a call of a graph takes anyway, and what a call op by op takes at most for other reasons than its data.
# What a part on the host takes is part of such a call, and counted at a flat rate; else all graphs would be built at
# once.
_A_CALL, _LONGEST, _A_PART = 0.006, 0.25, 0.012

OPTIMISED = "optimised"
"""As TensorFlow calls functions by itself."""
AS_WRITTEN = "as written"
"""Kept from TensorFlow's optimiser, which takes longer than most reads."""
ON_HOST = "on the host"
"""As written, and all of it on the processor: cheaper to set up."""
PURE = "pure"
"""As on the host, of a function that has no effect but its result and refuses nothing, so that only data put its ops in
order: the cheapest to set up."""
SIDE_BY_SIDE = "side by side"
"""As a pure one, and in a loop several calls at once. The first tensor must be a string scalar."""

_REMOTE = (ON_HOST, PURE)  # as if called on another machine, which this one is

# Left to itself, TensorFlow would inline every function and optimise even the branches that never run; so it does that
# to a function when it first runs.
_APART = {"_noinline": True, "_tf_data_function": True}
_IN_ANY_ORDER = {"_disable_acd": True}

_AS_WRITTEN = tf.compat.v1.ConfigProto(
    graph_options=tf.compat.v1.GraphOptions(
        rewrite_options=rewriter_config_pb2.RewriterConfig(disable_meta_optimizer=True)
    )
).SerializeToString()

_NOT_EAGER = (
    "TensorFlow's eager execution is switched off for the whole process, and then tensors are compared as Python "
    "objects, not by their values. Take tf.compat.v1.disable_eager_execution() out; sessions work in "
    "tf.Graph().as_default()."
)

_building = threading.RLock()
_thread = threading.local()
_xla = os.environ.get("TF_LOADOPS_XLA", "1") != "0"
_cache: str | None = None


def use_xla(on: bool) -> bool:
    """Chooses whether graphs built from now on compile their programs; the values are the same.

    Args:
      on: True to compile (the default, unless the environment says `TF_LOADOPS_XLA=0`), False to run op by op.

    Returns:
      The setting before.

    Example:
      >>> use_xla(use_xla(False))
      False
    """
    global _xla
    before, _xla = _xla, on
    return before


def xla() -> bool:
    """The setting of `use_xla`."""
    return _xla


def use_cache(folder: str | os.PathLike[str] | None) -> str | None:
    """Chooses where graphs built from now on are kept, so that a later process reads what it would else trace.

    A file serves one version of this package, of TensorFlow, Python and numpy, and one kind of machine; others trace
    anew, and keep theirs beside it. Files may be deleted at any time. Whoever can write there decides what is computed,
    as with code.

    Args:
      folder: a folder, made when it is needed; None or nothing to keep none (the default, unless the environment names
        one: `TF_LOADOPS_CACHE=/var/cache/graphs`).

    Returns:
      The setting before.

    Example:
      >>> use_cache(use_cache(None)) is None
      True
    """
    global _cache
    before, _cache = _cache, os.path.abspath(os.path.expanduser(os.fsdecode(folder))) if folder else None
    return before


use_cache(os.environ.get("TF_LOADOPS_CACHE"))


def call(
    function: Callable[..., Any], *tensors: Tensor, static: tuple[Hashable, ...] = (), now: bool = False,
    how: str = AS_WRITTEN,
) -> Any:
    """Calls a graph function, traced once in a process; eagerly, op by op until a graph has become worth its price.

    Args:
      function: a module-level function of the tensors, followed by `static`.
      *tensors: tensors of known rank.
      static: what the graph depends on besides.
      now: whether there is so much to do that an eager caller wants the graph at once.
      how: OPTIMISED, AS_WRITTEN, ON_HOST, PURE or SIDE_BY_SIDE.

    Returns:
      What the function returns.
    """
    flat = _A_PART if how in _REMOTE else 0.0
    if tf.executing_eagerly() and not (now or due(function, static, flat)):
        start = time.perf_counter()
        try:
            with _place(how):
                return function(*tensors, *static)
        finally:
            if not flat:
                due(function, static, min(max(time.perf_counter() - start - _A_CALL, 0.0), _LONGEST))
    kinds = tuple((tensor.shape.rank, tensor.dtype) for tensor in tensors)
    pure = how in (PURE, SIDE_BY_SIDE)
    with _alone():
        graph = _graph(function, kinds, static, repr(static), pure, _xla)  # repr: defaults 0.0 and -0.0 are equal
    return graph(*tensors) if how == OPTIMISED else _called(graph, tensors, how)


def program(function: Callable[..., Any], *tensors: Tensor, static: tuple[Hashable, ...] = ()) -> Any:
    """Calls a function that XLA compiles, once in a process for each shape of its tensors.

    Args:
      function: a module-level function of the tensors, followed by `static`.
      *tensors: tensors of static shapes.
      static: what the program depends on besides.

    Returns:
      What the function returns.
    """
    with _alone():
        return _program(function, static, repr(static), _xla)(*tensors)  # repr: 0.0 and -0.0 are equal


def always_graph(function: Any) -> Any:
    """Keeps `tf.config.run_functions_eagerly` from turning a `tf.function` into Python, whose loops take for ever."""

    def run(*tensors: Tensor) -> Any:
        if tf.config.functions_run_eagerly():
            return function.get_concrete_function(*tensors)(*tensors)
        return function(*tensors)

    return run


def due(function: Callable[..., Any], static: tuple[Hashable, ...], cost: float) -> bool:
    """Notes what doing without a graph of `function` costs once more, and whether that now exceeds the graph's price.

    Args:
      function: as in `call`.
      static: as in `call`.
      cost: seconds.

    Returns:
      True from the moment on when all costs together reach the price.
    """
    spent = _spent(function, static, repr(static))
    spent[0] += cost
    return spent[0] >= PRICE


def apart(function: Callable[[], Any]) -> Any:
    """Calls a graph function that seldom runs, so that it costs nothing until it does.

    A branch of a `tf.cond` in a loop is part of the loop's graph, where each of its nodes takes its time in each round,
    run or not; one that is called this way is a single node.

    Args:
      function: a function of nothing; it may use tensors of the graph around it.

    Returns:
      What the function returns.
    """
    if tf.executing_eagerly():
        return function()
    graph = tf.function(function, autograph=False, experimental_attributes=_APART).get_concrete_function()
    return _called(graph, (), AS_WRITTEN)


def _called(graph: Any, tensors: tuple[Tensor, ...], how: str) -> Any:
    """A call of a concrete function that TensorFlow runs as it is written.

    Its optimiser takes longer than most reads, again in every iterator of a dataset, and finds little here to improve.
    For each call of the common kind TensorFlow looks through all functions that might be called in turn, again and
    again, to find devices for them. It does not for a call to a named device, which may as well be the one where the
    call stands, nor for the branches of a case, which it copies into their callers instead while it optimises them.
    """
    given = [*tensors, *graph.captured_inputs]
    # Not `graph.outputs`, which a gradient adds to.
    promised = tf.nest.flatten(graph.structured_outputs, expand_composites=True)
    kinds = [tensor.dtype for tensor in promised]
    with _place(how):
        if tf.executing_eagerly() or how == AS_WRITTEN:
            outputs = tf.raw_ops.StatefulPartitionedCall(args=given, Tout=kinds, f=graph, config_proto=_AS_WRITTEN)
        elif how in _REMOTE:
            outputs = tf.raw_ops.RemoteCall(target="/device:CPU:0", args=given, Tout=kinds, f=graph)
        else:
            # Any index beyond the last branch means that one. Were it known, the optimiser would put the branch in
            # place of the case, and what needs no input there would run even where the case stands in a branch that is
            # not taken.
            index = tf.strings.length(given[0])
            outputs = tf.raw_ops.StatelessCase(branch_index=index, input=given, Tout=kinds, branches=[graph])
    if not tf.executing_eagerly():
        for output, known in zip(outputs, promised, strict=True):
            output.set_shape(known.shape)
    return tf.nest.pack_sequence_as(graph.structured_outputs, outputs, expand_composites=True)


def _place(how: str) -> Any:
    """Where it runs."""
    return tf.device("CPU:0") if how in (*_REMOTE, SIDE_BY_SIDE) else contextlib.nullcontext()


def looked_at(*arrays: Any) -> None:
    """Says that TensorArrays are used: TensorFlow warns of eager ones that are not, as where something is refused."""
    for array in arrays:
        array.dtype  # noqa: B018


def in_flight() -> int:
    """How many rounds of a loop run at once: twice the processors, so that one computes where another waits."""
    return 2 * max(2, os.cpu_count() or 2)


@functools.lru_cache(maxsize=256)
def _program(function: Callable[..., Any], static: tuple[Hashable, ...], shown: str, compiled: bool) -> Any:
    del shown
    return always_graph(
        tf.function(lambda *tensors: function(*tensors, *static), jit_compile=compiled or None, autograph=False)
    )


@functools.lru_cache(maxsize=256)
def _spent(function: Callable[..., Any], static: tuple[Hashable, ...], shown: str) -> list[float]:
    del function, static, shown
    return [0.0]


@functools.lru_cache(maxsize=256)
def _graph(
    function: Callable[..., Any],
    kinds: tuple[tuple[int, Any], ...],
    static: tuple[Hashable, ...],
    shown: str,
    pure: bool,
    compiled: bool,
) -> Any:
    del shown  # it tells apart what is equal
    specs = [tf.TensorSpec([None] * rank, dtype) for rank, dtype in kinds]
    attributes = _APART | (_IN_ANY_ORDER if pure else {})
    file = kept.place(_cache, function, static, kinds, pure, compiled) if _cache else None

    def trace(body: Callable[..., Any]) -> Any:
        graph = tf.function(body, input_signature=specs, autograph=False, experimental_attributes=attributes)
        # The concrete function: TensorFlow would warn of retracing where callers just have several schemas.
        return graph.get_concrete_function()

    def body(*tensors: Tensor) -> Any:
        return function(*tensors, *static)

    return _from_the_bottom(lambda: kept.graph(file, trace, body) if file else trace(body))


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One thread at a time builds graphs, with those that it starts for that: else all would build the same ones."""
    if getattr(_thread, "is_building", False):
        yield
        return
    with _building:
        yield


def _from_the_bottom(build: Callable[[], Any]) -> Any:
    """Calls a function in a thread of its own, and waits for it.

    TensorFlow notes for each op which lines of Python led to it, from the first one on. Of a graph that is built within
    others these are hundreds, which takes as long as to make the op; and it would be for its first caller's device.
    """
    result: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        _thread.is_building = True
        try:
            if not tf.executing_eagerly():  # in a new thread: for the whole process
                raise LoadError(_NOT_EAGER)
            result.append(build())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, name="tf_loadops builds a graph")
    thread.start()
    thread.join()
    if failure:
        raise failure.pop()  # nothing else holds it, and the graph that it comes from
    return result[0]
