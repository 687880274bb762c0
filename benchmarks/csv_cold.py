"""What a fresh process pays for CSV: the first call, compiles included, and the peak of memory.

Run from the repository's root: `python -m benchmarks.csv_cold --megabytes 1000`.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from typing import Any

from benchmarks import timing
from benchmarks.csv_read import write_file

# Each prints one JSON value. TensorFlow itself is started before the clock is.
_BEGIN = """
import json, pathlib, sys, time
import tensorflow as tf
import tf_loadops as tlo
path, small = sys.argv[1:3]
schema = tlo.Schema([tlo.Column(f"f{i}", "float32") for i in range(10)])
signature = [tf.TensorSpec([], tf.string)]
graph = tf.function(
    lambda path: tlo.CSVDataLoader(schema=schema)(path), input_signature=signature, autograph=False
)
tf.strings.length(tf.constant("")) + 1

def begin_memory():
    def status(what):
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))

    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    return status, status("VmRSS:")
"""
_EAGER = """
start = time.perf_counter()
tlo.read_csv(path, schema)
print(json.dumps(time.perf_counter() - start))
"""
_GRAPH = """
start = time.perf_counter()
graph(tf.constant(path))
print(json.dumps(time.perf_counter() - start))
"""
_MEMORY = """
graph(tf.constant(small))  # compiled
status, before = begin_memory()
x = graph(tf.constant(path))
size = pathlib.Path(path).stat().st_size
print(json.dumps({"peak": status("VmHWM:") - before, "file": size, "result": int(tf.size(x)) * 4}))
"""


def fresh(script: str, path: pathlib.Path, small: pathlib.Path) -> Any:
    """Runs a script in a process of its own and returns what it printed."""
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", _BEGIN + script, str(path), str(small)]
    return json.loads(subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=1000, help="size of the file that memory is measured with")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {size: pathlib.Path(folder) / f"{size:g}.csv" for size in (0.01, 1, options.megabytes)}
        for size, path in files.items():
            write_file(path, "numeric10", size)
        files[0.01].write_bytes(b"".join(files[0.01].read_bytes().splitlines(keepends=True)[:110]))
        for mode, script in (("eager", _EAGER), ("tf.function", _GRAPH)):
            for size in (0.01, 1):
                times = [fresh(script, files[size], files[1]) for _ in range(options.rounds)]
                median = statistics.median(times)
                name = f"first call, {mode}, {size * 1000:g} kB"
                report[name] = {"median": median, "min": min(times), "max": max(times)}
                print(f"{name:34s} {median:6.2f} s ({min(times):.2f}-{max(times):.2f})", flush=True)
        memory = fresh(_MEMORY, files[options.megabytes], files[1])
    memory["ratio"] = memory["peak"] / (memory["file"] + memory["result"])
    report["memory"] = memory
    print(f"peak memory, {memory['file'] / 1e6:.0f} MB: {memory['ratio']:.2f} times file and result")
    print(f"Figures: {timing.save('csv_cold', report)}")


if __name__ == "__main__":
    main()
