"""Which kernels a piece of work runs, and how long each takes: from the trace of TensorFlow's profiler."""

from __future__ import annotations

import collections
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import tensorflow as tf

from benchmarks import timing
from benchmarks.suite import Plan


class Kernel(NamedTuple):
    """One kernel of a device, or one fusion of a program compiled for the processor.

    Attributes:
      name: as the compiler calls it.
      launches: how often it ran.
      seconds: for how long, all launches together.
    """

    name: str
    launches: int
    seconds: float


def kernels(work: Callable[[], Any]) -> list[Kernel]:
    """Runs something once under the profiler.

    Args:
      work: what to run; it is over when it returns.

    Returns:
      The kernels, the longest first; none where the profiler does not show any, as on the processor before TensorFlow
      2.18.
    """
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        try:
            work()
        finally:
            tf.profiler.experimental.stop()
        found = [_read(path) for path in pathlib.Path(folder).rglob("*.xplane.pb")]
    launches: collections.Counter[str] = collections.Counter()
    seconds: collections.Counter[str] = collections.Counter()
    for space in found:
        for name, duration in _events(space):
            launches[name] += 1
            seconds[name] += duration
    return [Kernel(name, launches[name], total) for name, total in seconds.most_common()]


def rows(work: Callable[[], Any], plan: Plan, advance: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """The rows of a `Figures`: all kernels of one call together, and the longest."""
    advance("compiling")
    work()
    advance("tracing")
    found = kernels(work)
    if not found:
        return {"tf_loadops": {"skipped": "the profiler of this TensorFlow shows no kernels on this device"}}
    every = sum(kernel.seconds for kernel in found)
    launches = sum(kernel.launches for kernel in found)
    report = {f"tf_loadops, all {launches} kernels": timing.summary([every])}
    for kernel in found[:12]:
        name = f"{kernel.name}, {kernel.launches} x" if kernel.launches > 1 else kernel.name
        report[name] = timing.summary([kernel.seconds], [every])
    return report


def _read(path: pathlib.Path) -> Any:
    # Where TensorFlow keeps the format; it has no public name.
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    return xplane_pb2.XSpace.FromString(path.read_bytes())


def _events(space: Any) -> Iterator[tuple[str, float]]:
    """Name and seconds of each kernel."""
    devices = [plane for plane in space.planes if plane.name.startswith("/device:GPU:")]
    for plane in devices or [plane for plane in space.planes if plane.name == "/host:CPU"]:
        stats = {key: stat.name for key, stat in plane.stat_metadata.items()}
        for line in plane.lines:
            if devices and not line.name.startswith("Stream"):
                continue  # the same kernels again, summed up by module or by operation
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                # On the processor everything is traced; what XLA compiled is known by the operation it belongs to, and
                # loops and branches hold the operations inside them once more.
                compiled = any(stats.get(stat.metadata_id) == "hlo_op" for stat in event.stats)
                if devices or (compiled and not name.startswith(("while", "cond", "call"))):
                    yield name, event.duration_ps / 1e12
