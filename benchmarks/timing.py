"""Fair timing: candidates in turn, correctness before speed, ratios pair by pair.

Machines are noisy, so candidates run one after the other in every round and each round gives one ratio to the
baseline's time in the same round. The median of those ratios says more than the ratio of two medians.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def compare(
    candidates: Mapping[str, Callable[[], Any]],
    baseline: str,
    check: Callable[[str, Any], str | None],
    rounds: int = 7,
    slow: float = 8.0,
    advance: Callable[[str], None] = lambda _: None,
) -> dict[str, dict[str, Any]]:
    """Times candidates that do the same work.

    Args:
      candidates: name to a function that does the work once and returns its result, evaluated.
      baseline: the candidate that the ratios are to.
      check: gets a candidate's name and result; returns None if the result is right, else what is wrong. A candidate
        that is wrong or fails is not timed.
      rounds: how often each candidate runs.
      slow: seconds; a candidate whose first run took longer runs in the first 3 rounds only, and says so.
      advance: is told what runs next.

    Returns:
      Per candidate either `{"skipped": reason}` or seconds: `first` (compiles included), and what `summary` holds.
    """
    report: dict[str, dict[str, Any]] = {}
    times: dict[str, list[float]] = {}
    for name, work in candidates.items():
        advance(f"{name}, first run")
        try:
            first, result = timed(work)
            wrong = check(name, result)
        except Exception as error:  # a peer that is not installed, or cannot do it, is part of the result
            wrong = reason(error)
            first = 0.0
        if wrong is not None:
            report[name] = {"skipped": wrong}
            continue
        report[name] = {"first": first}
        times[name] = []
    for round_ in range(rounds):
        for name in times:
            if round_ < 3 or report[name]["first"] < slow:
                advance(f"{name}, {round_ + 1} of {rounds}")
                times[name].append(timed(candidates[name])[0])
    for name, seconds in times.items():
        report[name] |= summary(seconds, times.get(baseline))
    return report


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that one call takes, and what it returns."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def reason(error: Exception) -> str:
    """One line of an error, without TensorFlow's trace around the refusals of this package."""
    _, found, text = str(error).rpartition("could not correctly convert string: ")
    if found:
        return f"refused: {text.splitlines()[0]}"[:300]
    return f"{type(error).__name__}: {text}".splitlines()[0][:200]


def summary(values: Sequence[float], baseline: Sequence[float] | None = None) -> dict[str, Any]:
    """The row of one candidate.

    Args:
      values: what was measured, one for each round.
      baseline: the same of the baseline.

    Returns:
      `median`, `min`, `max`, `rounds` and `values`; and `ratio`, `ratio_min` and `ratio_max` of its value over the
      baseline's in the same round.

    Example:
      >>> summary([2.0, 4.0, 3.0], [1.0, 1.0, 2.0])["ratio"]
      2.0
    """
    row: dict[str, Any] = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    row |= {"rounds": len(values), "values": [float(f"{value:.6g}") for value in values]}
    if baseline:
        ratios = [own / base for own, base in zip(values, baseline, strict=False)]
        row |= {"ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios)}
    return row
