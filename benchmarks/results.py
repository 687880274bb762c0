"""Figures as JSON: what they depend on, and how two runs compare."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.suite import Plan

FOLDER = pathlib.Path(__file__).parent / "results"
_LIBRARIES = (
    "tensorflow", "keras", "numpy", "pandas", "polars", "pyarrow", "connectorx", "sklearn", "psycopg", "tensorflow_io",
    "cudf", "jax",
)  # fmt: skip


def document(plan: Plan, suites: dict[str, Any]) -> dict[str, Any]:
    """Everything that is known of a run.

    Args:
      plan: what was asked for.
      suites: suite to case to candidate to row.

    Returns:
      What `save` writes.
    """
    versions = {name: getattr(sys.modules[name], "__version__", "?") for name in _LIBRARIES if name in sys.modules}
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.system(), "gpu": gpu()},
        "versions": {"python": platform.python_version(), **versions},
        "commit": commit(),
        "seed": 0,
        "plan": {"size": plan.size, "peers": plan.peers, "rounds": plan.rounds, "device": plan.device},
        "suites": suites,
    }


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def gpu() -> str | None:
    """The name of the GPU that TensorFlow sees; None if it sees none, or where there is no TensorFlow."""
    try:
        import tensorflow as tf
    except ModuleNotFoundError:
        return None

    devices = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(devices[0]).get("device_name", "GPU") if devices else None


def commit() -> str | None:
    """The source's commit, with a + where it was changed since; None outside a clone."""
    where = pathlib.Path(__file__).parent
    try:
        describe = ["git", "-C", str(where), "describe", "--always", "--dirty=+", "--exclude=*"]
        return subprocess.run(describe, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def save(path: pathlib.Path, figures: dict[str, Any]) -> None:
    """Writes a document; whoever interrupts it finds the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def load(path: pathlib.Path) -> dict[str, Any]:
    """Reads a document.

    Raises:
      SystemExit: if the file is none.
    """
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path}: cannot be read as the JSON of a benchmark: {error}.") from None
    if not isinstance(figures, dict) or "suites" not in figures:
        raise SystemExit(f"{path}: is no JSON of a benchmark: it has no suites.")
    return figures


def rows(figures: dict[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Suite, case, candidate and row of each figure."""
    for suite, found in figures["suites"].items():
        for title, report in found.items():
            for name, row in report.items():
                yield suite, title, name, row


def absent(figures: dict[str, Any]) -> list[str]:
    """The peers that were asked for and that no candidate is called like."""
    peers = figures["plan"]["peers"]
    names = [name for _, _, name, _ in rows(figures)]
    wanted = [] if peers in ("all", "none") else [part.strip() for part in peers.split(",")]
    return [part for part in wanted if not any(part in name for name in names)]


def compared(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str, float, float, str]]:
    """What became of each figure that two documents have in common.

    Args:
      old: a document.
      new: a later one.

    Returns:
      Case, candidate, both medians and a verdict; a change counts where the two ranges from min to max do not overlap.
    """
    before = {(suite, title, name): row for suite, title, name, row in rows(old) if "median" in row}
    out = []
    for suite, title, name, row in rows(new):
        was = before.get((suite, title, name))
        if was is None or "median" not in row:
            continue
        verdict = "faster" if row["max"] < was["min"] else "slower" if row["min"] > was["max"] else "no clear change"
        out.append((title, name, was["median"], row["median"], verdict))
    return out
