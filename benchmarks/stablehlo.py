"""The compiled programs as StableHLO: written where TensorFlow is, run where JAX is.

`python -m benchmarks.stablehlo dump FOLDER` needs TensorFlow 2.18 or later and no GPU; `… run FOLDER` needs JAX and
NumPy only, runs each program on JAX's first device, and compares what comes out with what TensorFlow computed. So a
machine that has JAX with CUDA tells what the programs do on its GPU; such figures are of XLA's programs alone, as JAX's
release of XLA compiles them, without TensorFlow around them.
"""

from __future__ import annotations

import argparse
import functools
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks import results, tables, timing
from benchmarks.page import page
from benchmarks.suite import Plan

SIZES = {"small": 1.5, "medium": 16.0, "large": 64.0}
"""Megabytes of text for the program that works on a whole part."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code, 1 where a program gave wrong values."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stablehlo", description=str(__doc__).splitlines()[0])
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    dumped = commands.add_parser("dump", help="write the programs, what goes in, and what comes out")
    dumped.add_argument("folder", type=pathlib.Path)
    dumped.add_argument("--size", choices=SIZES, default="small")
    dumped.set_defaults(command=lambda arguments: dump(arguments.folder, SIZES[arguments.size]))
    ran = commands.add_parser("run", help="compile, check and time them with JAX; figures.json goes beside them")
    ran.add_argument("folder", type=pathlib.Path)
    ran.add_argument("--rounds", type=int, default=7)
    ran.set_defaults(command=lambda arguments: run(arguments.folder, arguments.rounds))
    arguments = parser.parse_args(argv)
    return int(arguments.command(arguments))


def dump(folder: pathlib.Path, megabytes: float) -> int:
    """Writes NAME.mlir and NAME.npz for each program."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    for name, program, arguments, size in _programs(megabytes):
        text = program.experimental_get_compiler_ir(*arguments)(stage="stablehlo")
        (folder / f"{name}.mlir").write_text(text, encoding="utf-8")
        given = [tensor.numpy() for tensor in tf.nest.flatten(arguments)]
        out = [tensor.numpy() for tensor in tf.nest.flatten(program(*arguments))]
        arrays = {f"in{i}": array for i, array in enumerate(given)} | {f"out{i}": array for i, array in enumerate(out)}
        counts = {"in": len(given), "out": len(out), "size": size}
        np.savez_compressed(folder / f"{name}.npz", **arrays, **counts)
        print(f"{name}: {len(text) / 1000:.0f} kB of StableHLO, {len(given)} inputs, {len(out)} outputs")
    return 0


def _programs(megabytes: float) -> Iterator[tuple[str, Any, tuple[Any, ...], int]]:
    """Name, function, arguments, and the bytes that it goes through: the CSV engine's programs, and standardizing."""
    import tensorflow as tf

    from benchmarks import device_csv, gpu
    from tf_loadops.csv import numeric, numeric_chunks, numeric_scan
    from tf_loadops.csv.numeric_types import Group

    columns = gpu.COLUMNS
    text = gpu.block()[2] * 8
    crlf = tf.constant(False)
    chunk = numeric_chunks.window(tf.constant(text), 0, len(text), len(text), "")
    scan = numeric._program(numeric._scan_program, ord(","), True)
    yield "csv_scan", scan, (chunk.words, chunk.length, crlf), len(text)

    found = numeric_scan.Scan(*scan(chunk.words, chunk.length, crlf))
    places = numeric_scan.locate(found.markers, found.unpack()[1])
    height = numeric._BLOCK // columns
    short = numeric._program(numeric._short_program, (Group("float32", (("",),) * columns),), ord(","), height, True)
    ends = places.group[: height * columns]
    lines = places.group[columns - 1 :: columns][:height]
    operands = (chunk.words, ends, lines, places.shift, numeric_scan.row_end(crlf), tf.constant(True))
    yield "csv_short", short, operands, len(text) * height // int(found.unpack()[0])

    (part,) = gpu.parts(megabytes, megabytes)
    load = device_csv.load_program(columns, part.height)
    upload = device_csv.on_device("/CPU:0", part)
    yield "csv_part", load, upload, part.words.nbytes

    x = load(*upload).x
    yield "standardize", tf.function(gpu.fused, jit_compile=True, autograph=False), (x,), 4 * x.shape.num_elements()


def run(folder: pathlib.Path, rounds: int) -> int:
    """Runs what `dump` has written."""
    paths = sorted(folder.glob("*.mlir"))
    if not paths:
        fix = f"`python -m benchmarks.stablehlo dump {folder}` writes some."
        print(f"Error: {folder} holds no *.mlir. {fix}", file=sys.stderr)
        return 2
    import jax

    jax.config.update("jax_enable_x64", True)
    device = jax.devices()[0]
    rows = {}
    for path in paths:
        row = rows[f"tf_loadops, {path.stem}"] = _measured(path, device, rounds)
        shown = f"{tables.shown(row, 'median')}, {tables.rate(row)} GB/s" if "median" in row else row["skipped"]
        print(f"{path.stem}: {shown}", flush=True)
    title = f"programs as StableHLO, run by JAX {jax.__version__} on {device.device_kind}"
    document = results.document(Plan(rounds=rounds, device=device.platform), {"stablehlo": {title: rows}})
    results.save(folder / "figures.json", document)
    (folder / "figures.html").write_text(page(document), encoding="utf-8")
    print(f"Figures: {folder / 'figures.json'}\nPage:    {folder / 'figures.html'}")
    return int(any("skipped" in row for row in rows.values()))


def _measured(path: pathlib.Path, device: Any, rounds: int) -> dict[str, Any]:
    """One program: its row, or what is wrong with its values."""
    import jax

    with np.load(path.with_suffix(".npz")) as file:
        saved = dict(file)
    given, expected = ([saved[f"{kind}{i}"] for i in range(int(saved[kind]))] for kind in ("in", "out"))
    program = _compiled(path.read_text(encoding="utf-8"), device)
    call = functools.partial(_call, program, [jax.device_put(array, device) for array in given])
    first, out = timing.timed(call)
    problem = difference([np.asarray(array) for array in out], expected)
    if problem:
        return {"skipped": problem}
    row = timing.summary([timing.timed(call)[0] for _ in range(rounds)])
    return row | {"first": first, "gigabytes_per_second": int(saved["size"]) / 1e9 / row["median"]}


def difference(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> str | None:
    """What is wrong: everything but sums of floats is equal to the last bit, and those to 13 digits.

    Sums in float64 may be taken in another order, so that a float32 standardized with them may be the neighbour.
    """
    if len(found) != len(expected):
        return f"{len(found)} outputs, expected {len(expected)}"
    for i, (one, other) in enumerate(zip(found, expected, strict=True)):
        if one.shape != other.shape or one.dtype != other.dtype:
            return f"output {i} is {one.dtype}{list(one.shape)}, expected {other.dtype}{list(other.shape)}"
        if one.dtype == np.float64:
            equal = np.allclose(one, other, rtol=1e-13, atol=1e-13, equal_nan=True)
        elif one.dtype == np.float32:
            equal = bool(np.all((np.abs(one - other) <= np.spacing(np.abs(other))) | (np.isnan(one) & np.isnan(other))))
        else:
            equal = np.array_equal(one, other)
        if not equal:
            return f"output {i} differs from TensorFlow's"
    return None


def _compiled(text: str, device: Any) -> Any:
    """The program as an executable of JAX's client, of which JAX has no public form for foreign StableHLO."""
    from jax._src.interpreters import mlir
    from jax.extend import backend
    from jaxlib import xla_client
    from jaxlib.mlir import ir

    client = backend.get_backend()
    with mlir.make_ir_context():
        module = ir.Module.parse(text)
        return client.compile_and_load(module, xla_client.DeviceList((device,)), xla_client.CompileOptions())


def _call(program: Any, arguments: Sequence[Any]) -> list[Any]:
    """One call; returns when its results are there."""
    out = [parts[0] for parts in program.execute_sharded(arguments).disassemble_into_single_device_arrays()]
    for array in out:
        array.block_until_ready()
    return out


if __name__ == "__main__":
    sys.exit(main())
