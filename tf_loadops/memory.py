"""How much memory the process can still get, as the system says."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.compiled import PURE, call
from tf_loadops.paths import attempt, fresh

Tensor = Any

ENOUGH = 2**60
"""Bytes, where nothing says how many there are."""

# Of the machine; of the process; of its container, by the second version of control groups and by the first.
_FILES = (
    "/proc/meminfo",
    "/proc/self/limits",
    "/proc/self/status",
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory.current",
    "/sys/fs/cgroup/memory.stat",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    "/sys/fs/cgroup/memory/memory.stat",
)


def available() -> Tensor:
    """How much memory the process can get before the system refuses it, or ends the process.

    It is the least of what the machine has left, what `ulimit -v` leaves and what the container does. Memory that holds
    the contents of files counts as free, for the system gives it away.

    Returns:
      Bytes, an int64 scalar, looked up on every call; ENOUGH where nothing says, as on systems other than Linux.

    Example:
      >>> bool(available() > 2**20)
      True

    Source: the manual pages proc_meminfo(5), proc_pid_limits(5) and proc_pid_status(5); the documents cgroup-v2 and
    cgroup-v1/memory of the Linux kernel.
    """
    return call(_least, fresh(tf.constant(_FILES)), how=PURE)


def _least(files: Tensor) -> Tensor:
    texts = tf.map_fn(lambda file: attempt(tf.io.read_file, file)[0], files, parallel_iterations=1)
    machine, limits, status, *containers = tf.unstack(texts, num=len(_FILES))
    free = _number(machine, r"MemAvailable: +(\d{1,18}) kB", ENOUGH // 1024)
    found = [1024 * (free + _number(machine, r"SwapFree: +(\d{1,18}) kB", 0))]
    # The greatest number is not taken: the first control groups say so where there is no limit.
    limit = _number(limits, r"Max address space +(\d{1,18}) .*", ENOUGH)
    found.append(limit - 1024 * _number(status, r"VmSize:\s+(\d{1,18}) kB", 0))
    for limit, used, details in (containers[:3], containers[3:]):
        kinds = ("active_file", "inactive_file")
        cached = [_number(details, rf"(?:total_)?{kind} (\d{{1,18}})", 0) for kind in kinds]
        taken = _number(used, r"(\d{1,18})", 0) - tf.add_n(cached)
        found.append(_number(limit, r"(\d{1,18})", ENOUGH) - tf.maximum(taken, 0))
    return tf.maximum(tf.reduce_min(tf.stack(found)), 0)


def _number(text: Tensor, line: str, otherwise: int) -> Tensor:
    """The number in the last line like this: int64 scalar."""
    whole = rf"(?s)(?:.*\n)?{line}(?:\n.*)?"
    there = tf.strings.regex_full_match(text, whole)
    found = tf.strings.regex_replace(text, f"^{whole}$", r"\1")
    return tf.strings.to_number(tf.where(there, found, str(otherwise)), tf.int64)
