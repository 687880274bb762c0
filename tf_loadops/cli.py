"""The command line: `tf-loadops demo`, `schema PATH`, `snapshot ADDRESS QUERY FILE`, `bench`, and `--version`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _tf_loadops_cli import bench
from tf_loadops.version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
      argv: the words after the program's name; None means those it was started with.

    Returns:
      The exit code: 0, or 1 where the data or a path was refused. A wrong command line exits with 2 (argparse).

    Example:
      >>> main(["schema", "missing.csv"])
      1
    """
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] == ["bench"]:  # its words, options too, are the benchmarks' own
        return bench(words[1:])
    arguments = _parser().parse_args(words)
    try:
        arguments.command(arguments)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        message = _refusal(error)
        if message is None:
            raise
        print(f"Error: {message}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tf-loadops", description="Data loading inside the TensorFlow graph.")
    parser.add_argument("--version", action="version", version=f"tf-loadops {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    demo = commands.add_parser(
        "demo",
        help="train on the Palmer penguins, export, and predict where only TensorFlow is",
        description="Trains a species classifier that takes a CSV path, exports it as a SavedModel, and predicts from "
        "a process that imports only TensorFlow and from saved_model_cli.",
    )
    demo.add_argument("--output", metavar="DIR", help="a new or empty directory (default: a new temporary one)")
    demo.add_argument("--epochs", metavar="N", type=_positive, default=30, help="passes over the data (default: 30)")
    demo.set_defaults(command=_demo)

    schema = commands.add_parser(
        "schema",
        help="print the schema of a CSV or Parquet file as JSON",
        description="Infers the columns and types of a CSV or Parquet file and prints them as the JSON that "
        "Schema.from_json reads.",
    )
    schema.add_argument("path", metavar="PATH", help="the file")
    schema.add_argument(
        "--sample-rows", metavar="N", type=_positive, help="CSV: look at the first N rows only (default: all)"
    )
    schema.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of printing")
    schema.set_defaults(command=_schema)

    snapshot = commands.add_parser(
        "snapshot",
        help="write the rows of a PostgreSQL query into a file",
        description="Streams the rows of a query into FILE, which the loaders of files read: .parquet, .db (SQLite, "
        "table `snapshot`) or .csv. The password comes from PGPASSWORD, PGPASSFILE or PGSERVICE.",
    )
    snapshot.add_argument("address", metavar="ADDRESS", help="postgresql://user@host:port/database")
    snapshot.add_argument("query", metavar="QUERY", help="one SELECT")
    snapshot.add_argument("target", metavar="FILE", help="the file to write")
    snapshot.add_argument(
        "--param", metavar="NAME=VALUE", action="append", type=_param, default=[], dest="params",
        help="a value for the query's :NAME, as JSON (3, 1.5, true, \"3\", [\"a\", \"b\"]); what is no JSON is text",
    )  # fmt: skip
    snapshot.add_argument("--overwrite", action="store_true", help="replace FILE if it is there")
    snapshot.set_defaults(command=_snapshot)

    commands.add_parser("bench", help="run the benchmarks of a clone: bench list, run, compare")
    return parser


def _demo(arguments: argparse.Namespace) -> None:
    from tf_loadops.demo.run import run

    run(arguments.output, arguments.epochs)


def _schema(arguments: argparse.Namespace) -> None:
    import tf_loadops as tlo

    text = tlo.infer_schema(arguments.path, sample_rows=arguments.sample_rows).to_json()
    if arguments.output is None:
        print(text)
    else:
        Path(arguments.output).write_text(text + "\n", encoding="utf-8")


def _snapshot(arguments: argparse.Namespace) -> None:
    import tf_loadops as tlo

    rows = tlo.snapshot(
        arguments.address, arguments.query, arguments.target, params=dict(arguments.params),
        overwrite=arguments.overwrite,
    )  # fmt: skip
    print(f"{arguments.target}: {rows} rows")


def _refusal(error: Exception) -> str | None:
    """The one line that says what was refused, or None where the program itself is at fault."""
    import tensorflow as tf

    from tf_loadops.errors import LoadError

    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}."
    if isinstance(error, (LoadError, OSError)):
        return " ".join(str(error).split())
    if isinstance(error, tf.errors.OpError):
        # From inside a graph the refusal comes with TensorFlow's trace before it and the op's name behind it.
        text = str(error.message).rpartition("could not correctly convert string: ")[2]
        return " ".join(text.partition("\n\t [[")[0].split())
    return None


def _param(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, received {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _positive(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, received {text!r}")
    return number


if __name__ == "__main__":
    sys.exit(main())
