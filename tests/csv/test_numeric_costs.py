"""What the numeric engine may cost, seen from outside a process of its own: compiled programs and peak memory."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import tensorflow as tf

import tf_loadops as tlo

SCHEMA = tlo.Schema([tlo.Column("a", "float32"), tlo.Column("b", "float32")])

COMPILES = """
import pathlib, sys
import tensorflow as tf
model, dump = tf.saved_model.load(sys.argv[1]), pathlib.Path(sys.argv[2])
for path in sys.argv[3:]:
    (x,) = model.signatures["path"](tf.constant([path])).values()
    print(len(x), x[-1].numpy().tolist(), len(list(dump.glob("*before_optimizations.txt"))))
"""

MEMORY = """
import pathlib, sys
import tensorflow as tf
import tf_loadops as tlo
small, large = sys.argv[1:3]
loader = tlo.CSVDataLoader(schema=tlo.infer_schema(small), engine="numeric")
load = tf.function(lambda path: loader(path), input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
load(tf.constant(small))

def kilobytes(what):
    line, = [line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith(what)]
    return int(line.split()[1])

pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
before = kilobytes("VmRSS:")
x = load(tf.constant(large))
print(kilobytes("VmHWM:") - before, x.shape[0], x.shape[1])
"""


def run(script: str, *arguments: object, **environment: str) -> list[list[str]]:
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [line.split(" ", 1) for line in done.stdout.splitlines()]


def write(path: pathlib.Path, rows: int) -> pathlib.Path:
    path.write_text("a,b\n" + "".join(f"{i}.5,-{i}\n" for i in range(rows)))
    return path


def test_fifty_sizes_compile_at_most_four_programs_in_a_saved_model(tmp_path):
    sizes = [20_000 + 1_000 * i for i in range(48)] + [300_000, 1]
    files = [write(tmp_path / f"{i}.csv", rows) for i, rows in enumerate(sizes)]
    source = tf.keras.Input(shape=(), dtype="string")
    model = tf.keras.Model(source, tlo.CSVDataLoader(schema=SCHEMA, engine="numeric")(source))
    tlo.export_saved_model(model, tmp_path / "model")
    dump = tmp_path / "dump"
    flags = f"--xla_dump_to={dump} --xla_dump_hlo_as_text"
    lines = run(COMPILES, tmp_path / "model", dump, *files, XLA_FLAGS=flags)
    assert len(lines) == 50
    for rows, (count, rest) in zip(sizes, lines, strict=True):
        last, compiled = rest.rsplit(" ", 1)
        assert (int(count), last) == (rows, f"[{rows - 0.5}, {1.0 - rows}]".replace("[0.5, 0.0]", "[0.5, -0.0]"))
        assert 1 <= int(compiled) <= 4


def test_peak_memory_is_bounded_by_file_and_result(tmp_path):
    small = write(tmp_path / "small.csv", 30_000)
    rng = np.random.default_rng(0)
    block = "".join(f"{a:.6f},{b:.6f}\n" for a, b in rng.normal(size=(20_000, 2)))
    large = tmp_path / "large.csv"
    large.write_text("a,b\n" + block * 150)
    ((peak, shape),) = run(MEMORY, small, large)
    rows, columns = map(int, shape.split())
    assert (rows, columns) == (3_000_000, 2)
    result = rows * columns * 4
    assert int(peak) * 1024 <= 2.5 * (large.stat().st_size + result)
