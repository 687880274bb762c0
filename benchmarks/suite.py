"""What a suite is made of: plans, and cases that compare candidates or just take figures."""

from __future__ import annotations

import ast
import importlib
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from benchmarks import timing

OURS = "tf_loadops"
SIZES = ("smoke", "small", "medium", "large")
CACHE = pathlib.Path(__file__).parent / ".cache"

DEVICES = ("cpu", "gpu")

SUITES = {
    "csv": "csv_read",
    "first-call": "first_call",
    "parquet": "parquet_read",
    "postgres": "postgres_read",
    "sqlite": "sqlite_read",
    "standardize": "standardize",
    "end-to-end": "end_to_end",
    "gpu": "gpu",
}
"""Names of suites and the modules that hold them: a docstring, and a function `cases` of a Plan."""


class SkippedError(Exception):
    """Raised by a suite that can't run here; its text is one line that says why."""


class Plan(NamedTuple):
    """What was asked for.

    Attributes:
      size: one of SIZES; "smoke" only shows that everything runs.
      peers: "all", "none", or names, or parts of names, of the peers to run beside.
      rounds: how often a candidate is timed.
      folder: where data files are kept.
      device: one of DEVICES: what the suite `gpu` computes on.
    """

    size: str = "small"
    peers: str = "all"
    rounds: int = 7
    folder: pathlib.Path = CACHE
    device: str = "cpu"

    def pick(self, smoke: Any, small: Any, medium: Any, large: Any) -> Any:
        """The value for this size."""
        return dict(zip(SIZES, (smoke, small, medium, large), strict=True))[self.size]

    def wants(self, candidate: str) -> bool:
        """Whether a candidate takes part: everything of this package, and the peers that were asked for."""
        if candidate.startswith(OURS) or self.peers == "all":
            return True
        return self.peers != "none" and any(part.strip() in candidate for part in self.peers.split(","))

    def file(self, name: str, write: Callable[[pathlib.Path], Any]) -> pathlib.Path:
        """A data file, written once: what makes it must be in its name, and give the same bytes on every run."""
        path = self.folder / name
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            partial.unlink(missing_ok=True)
            write(partial)
            partial.replace(path)
        return path


class Case(NamedTuple):
    """Candidates that do the same work.

    Attributes:
      title: what the work is, and on how much.
      candidates: name to a function that does it once and returns the result, evaluated.
      baseline: the candidate that ratios are to; the first of this package's where it does not take part.
      check: as for `timing.compare`.
      slow: as for `timing.compare`.
      size: how many bytes the work goes through, for a column of GB/s; None where that says nothing.
    """

    title: str
    candidates: Mapping[str, Callable[[], Any]]
    baseline: str
    check: Callable[[str, Any], str | None]
    slow: float = 8.0
    size: int | None = None

    def report(self, plan: Plan, advance: Callable[[str], None]) -> dict[str, dict[str, Any]]:
        """Times the candidates that the plan wants."""
        work = {name: function for name, function in self.candidates.items() if plan.wants(name)}
        baseline = self.baseline if self.baseline in work else next(iter(work))
        report = timing.compare(work, baseline, self.check, plan.rounds, self.slow, advance)
        for row in report.values():
            if self.size is not None and "median" in row:
                row["gigabytes_per_second"] = self.size / 1e9 / row["median"]
        return report


class Figures(NamedTuple):
    """Figures that are no comparison in one process: first calls, and memory.

    Attributes:
      title: what was measured.
      measure: returns a row for each name, as `timing.compare` does; it gets a function to tell what it is at.
    """

    title: str
    measure: Callable[[Plan, Callable[[str], None]], dict[str, dict[str, Any]]]

    def report(self, plan: Plan, advance: Callable[[str], None]) -> dict[str, dict[str, Any]]:
        """Takes the figures."""
        return self.measure(plan, advance)


def description(suite: str) -> str:
    """The first line of a suite's docstring; the module, and with it TensorFlow, is not imported for that."""
    source = (pathlib.Path(__file__).parent / f"{SUITES[suite]}.py").read_text(encoding="utf-8")
    return str(ast.get_docstring(ast.parse(source))).splitlines()[0]


def cases(suite: str, plan: Plan) -> Iterator[Case | Figures]:
    """A suite's cases, each made when the one before it is through.

    Raises:
      SkippedError: if the suite can't run here.
    """
    try:
        yield from importlib.import_module(f"benchmarks.{SUITES[suite]}").cases(plan)
    except ModuleNotFoundError as error:
        raise SkippedError(f"needs the package {error.name}, which is not installed.") from error
