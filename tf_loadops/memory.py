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

    It is the least of what the machine has left, what `ulimit -v` leaves and what the container does. Swap counts, and
    memory that holds the contents of files, which the system gives away.

    Returns:
      Bytes, an int64 scalar, looked up on every call; ENOUGH where nothing says, as on systems other than Linux.

    Example:
      >>> bool(available() > 2**20)
      True

    Source: the manual pages proc_meminfo(5), proc_pid_limits(5) and proc_pid_status(5); the documents cgroup-v2 and
    cgroup-v1/memory of the Linux kernel.
    """
    return _looked_up()[0]


def reachable() -> Tensor:
    """How much memory the process can have in all, but for its programs: what it has, and what it can still get.

    Small pieces of memory, as of texts, are often kept for the next use after they are freed, so that this is the most
    that they can have; large ones go back to the system.

    Returns:
      Bytes, an int64 scalar, as `available`.

    Example:
      >>> bool(reachable() > 2**20)
      True
    """
    free, held = _looked_up()
    return free + held


def _looked_up() -> tuple[Tensor, Tensor]:
    return call(_least, fresh(tf.constant(_FILES)), how=PURE)


def _least(files: Tensor) -> tuple[Tensor, Tensor]:
    """What is available, and what the process has."""
    texts = tf.map_fn(lambda file: attempt(tf.io.read_file, file)[0], files, parallel_iterations=1)
    machine, limits, status, *containers = tf.unstack(texts, num=len(_FILES))
    free = _number(machine, r"MemAvailable: +(\d{1,18}) kB", ENOUGH // 1024)
    swap = _number(machine, r"SwapFree: +(\d{1,18}) kB", 0)
    found = [1024 * (free + swap)]
    # The greatest number is not taken: the first control groups say so where there is no limit.
    limit = _number(limits, r"Max address space +(\d{1,18}) .*", ENOUGH)
    found.append(limit - 1024 * _number(status, r"VmSize:\s+(\d{1,18}) kB", 0))
    for limit, used, details in (containers[:3], containers[3:]):
        kinds = ("active_file", "inactive_file", "slab_reclaimable")
        cached = [_number(details, rf"(?:total_)?{kind} (\d{{1,18}})", 0) for kind in kinds]
        taken = _number(used, r"(\d{1,18})", 0) - tf.add_n(cached)
        found.append(_number(limit, r"(\d{1,18})", ENOUGH) - tf.maximum(taken, 0) + 1024 * swap)
    return tf.maximum(tf.reduce_min(tf.stack(found)), 0), 1024 * _number(status, r"RssAnon:\s+(\d{1,18}) kB", 0)


def _number(text: Tensor, line: str, otherwise: int) -> Tensor:
    """The number in the last line like this: int64 scalar."""
    whole = rf"(?:\C*\n)?{line}(?:\n\C*)?"  # bytes: the name of a process may be cut within a letter
    there = tf.strings.regex_full_match(text, whole)
    found = tf.strings.regex_replace(text, f"^{whole}$", r"\1")
    return tf.strings.to_number(tf.where(there, found, str(otherwise)), tf.int64)
