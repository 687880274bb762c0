"""Runs benchmarks and compares their figures.

`python -m benchmarks list`, `run csv sqlite --size small`, `run gpu`, `compare old.json new.json`, `readme new.json`;
`tf-loadops bench` is the same.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from _tf_loadops_cli import start_tensorflow
from benchmarks import headlines, results, tables
from benchmarks.page import page
from benchmarks.suite import CACHE, DEVICES, SIZES, SUITES, Plan, SkippedError, cases, description

README = pathlib.Path(__file__).parent.parent / "README.md"


def main(argv: Sequence[str] | None = None, prog: str = "python -m benchmarks") -> int:
    """Runs one command; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    # Wide where nobody looks, so that a table in a file is not cut at 80 characters.
    console = Console(width=None if sys.stdout.isatty() else 130)
    try:
        return int(arguments.command(arguments, console))
    except KeyboardInterrupt:
        return 130


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description="Benchmarks of tf_loadops and its peers.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    listed = commands.add_parser("list", help="the suites, a line each")
    listed.set_defaults(command=_list)

    run = commands.add_parser("run", help="run suites; without a name, all but gpu")
    run.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    run.add_argument("--size", choices=SIZES, default="small", help="how much data (default: small, some minutes)")
    run.add_argument(
        "--device", choices=DEVICES, help="what to compute on (default: cpu; gpu for the suite of this name)"
    )
    run.add_argument("--peers", default="all", metavar="all|none|NAME,…", help="whom to run beside (default: all)")
    run.add_argument("--rounds", type=int, default=7, metavar="N", help="how often each candidate runs (default: 7)")
    run.add_argument("--data", type=pathlib.Path, default=CACHE, metavar="DIR", help="where data files are kept")
    run.add_argument("-o", "--output", type=pathlib.Path, metavar="FILE", help="the JSON; the page goes beside it")
    run.set_defaults(command=_run)

    compare = commands.add_parser("compare", help="what changed from one JSON to another")
    compare.add_argument("old", type=pathlib.Path)
    compare.add_argument("new", type=pathlib.Path)
    compare.set_defaults(command=_compare)

    readme = commands.add_parser("readme", help="put a JSON's headline figures into README.md")
    readme.add_argument("figures", type=pathlib.Path)
    readme.add_argument("--readme", type=pathlib.Path, default=README)
    readme.set_defaults(command=_readme)
    return parser


def _list(arguments: argparse.Namespace, console: Console) -> int:
    for suite in SUITES:
        console.print(f"{suite:14s} {description(suite)}", highlight=False, soft_wrap=True)
    return 0


def _run(arguments: argparse.Namespace, console: Console) -> int:
    unknown = [suite for suite in arguments.suites if suite not in SUITES]
    if unknown or arguments.rounds < 1:
        problem = f"--rounds is at least 1. Received: {arguments.rounds}."
        if unknown:
            problem = f"there is no suite {', '.join(unknown)}. There are {', '.join(SUITES)}."
        print(f"Error: {problem}", file=sys.stderr)
        return 2
    device = arguments.device or ("gpu" if arguments.suites == ["gpu"] else "cpu")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # read when TensorFlow starts, here and in processes of their own
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # or it would take the memory that peers need, too
    start_tensorflow()
    chosen = arguments.suites or (["gpu"] if device == "gpu" else [suite for suite in SUITES if suite != "gpu"])
    plan = Plan(arguments.size, arguments.peers, arguments.rounds, arguments.data, device)
    output = arguments.output or results.FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}-{plan.size}.json"
    found: dict[str, Any] = {suite: {} for suite in chosen}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("")
        for suite in chosen:
            progress.update(task, description=f"{suite}: data")
            try:
                for case in cases(suite, plan):
                    title = case.title

                    def advance(what: str, suite: str = suite, title: str = title) -> None:
                        progress.update(task, description=f"{suite}: {title}: {what}")

                    found[suite][title] = case.report(plan, advance)
                    tables.show(console, title, found[suite][title])
                    results.save(output, results.document(plan, found))  # what is done stays, whatever happens next
                    progress.update(task, description=f"{suite}: data")
            except SkippedError as skipped:
                found[suite]["not run"] = {"all": {"skipped": str(skipped)}}
                console.print(f"{suite} skipped: {skipped}", highlight=False, soft_wrap=True)
    figures = results.document(plan, found)
    results.save(output, figures)
    output.with_suffix(".html").write_text(page(figures), encoding="utf-8")
    for peer in results.absent(figures):
        console.print(f"No candidate of these suites is called {peer}.", highlight=False, soft_wrap=True)
    console.print(f"Figures: {output}\nPage:    {output.with_suffix('.html')}", highlight=False, soft_wrap=True)
    return 0


def _compare(arguments: argparse.Namespace, console: Console) -> int:
    changes = results.compared(results.load(arguments.old), results.load(arguments.new))
    if not changes:
        console.print(f"{arguments.old} and {arguments.new} have no figure in common.", highlight=False, soft_wrap=True)
        return 1
    table = Table("case", "candidate", "old", "new", "new/old", "verdict")
    for title, name, old, new, verdict in changes:
        table.add_row(title, name, tables.seconds(old), tables.seconds(new), f"{new / old:.2f}", verdict)
    console.print(table)
    return 0


def _readme(arguments: argparse.Namespace, console: Console) -> int:
    headlines.into_readme(arguments.readme, headlines.markdown(results.load(arguments.figures)))
    console.print(f"Table of {arguments.figures} put into {arguments.readme}.", highlight=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
