"""Fair timing: candidates in turn, correctness before speed, ratios pair by pair.

Machines are noisy, so candidates run one after the other in every round and each round gives one ratio to the
baseline's time in the same round. The median of those ratios says more than the ratio of two medians.
"""

from __future__ import annotations

import json
import pathlib
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

RESULTS = pathlib.Path(__file__).parent / "results"


def compare(
    candidates: Mapping[str, Callable[[], Any]],
    baseline: str,
    check: Callable[[str, Any], str | None],
    rounds: int = 7,
    slow: float = 8.0,
) -> dict[str, dict[str, Any]]:
    """Times candidates that do the same work.

    Args:
      candidates: name to a function that does the work once and returns its result, evaluated.
      baseline: the candidate that the ratios are to.
      check: gets a candidate's name and result; returns None if the result is right, else what is wrong. A candidate
        that is wrong or fails is not timed.
      rounds: how often each candidate runs; at least 7.
      slow: seconds; a candidate whose first run took longer runs in the first 3 rounds only, and says so.

    Returns:
      Per candidate either `{"skipped": reason}` or seconds: `first` (compiles included), `median`, `min`, `max`,
      `ratio` (median of its time over the baseline's in the same round), `ratio_min`, `ratio_max` and `rounds`.
    """
    if rounds < 7:
        raise ValueError(f"A comparison takes at least 7 rounds. Received: rounds={rounds}.")
    report: dict[str, dict[str, Any]] = {}
    times: dict[str, list[float]] = {}
    for name, work in candidates.items():
        try:
            first, result = _timed(work)
            wrong = check(name, result)
        except Exception as error:  # a peer that is not installed, or cannot do it, is part of the result
            wrong = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]
            first = 0.0
        if wrong is not None:
            report[name] = {"skipped": wrong}
            continue
        report[name] = {"first": first}
        times[name] = []
    for round_ in range(rounds):
        for name in times:
            if round_ < 3 or report[name]["first"] < slow:
                times[name].append(_timed(candidates[name])[0])
    for name, seconds in times.items():
        report[name] |= {
            "median": statistics.median(seconds),
            "min": min(seconds),
            "max": max(seconds),
            "rounds": len(seconds),
        }
        if baseline in times:
            ratios = [own / base for own, base in zip(seconds, times[baseline], strict=False)]
            report[name] |= {"ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios)}
    return report


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def machine() -> dict[str, Any]:
    """What the figures depend on: processor count, Python and the versions of the libraries that are loaded."""
    import os
    import sys

    names = ("tensorflow", "numpy", "pandas", "polars", "pyarrow")
    versions = {name: getattr(sys.modules[name], "__version__", "?") for name in names if name in sys.modules}
    return {"cpus": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine(), **versions}


def show(title: str, report: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints a report as a table."""
    print(f"\n{title}")
    print(f"{'candidate':28s} {'median':>8s} {'min':>8s} {'max':>8s} {'ratio':>7s} {'first':>8s}")
    for name, row in report.items():
        if "skipped" in row:
            print(f"{name:28s} skipped: {row['skipped']}")
            continue
        print(
            f"{name:28s} {row['median']:8.3f} {row['min']:8.3f} {row['max']:8.3f} "
            f"{row.get('ratio', float('nan')):7.2f} {row['first']:8.3f}",
            flush=True,
        )


def save(name: str, reports: Mapping[str, Any]) -> pathlib.Path:
    """Writes reports as JSON under `benchmarks/results` and returns the file's path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine(), "reports": reports}, indent=2))
    return path
