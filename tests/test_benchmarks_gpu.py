"""What `--device gpu` measures, on the CPU: the programs' results, the trace, StableHLO, and no GPU at all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tf_loadops as tlo
from benchmarks import device_csv, gpu, stablehlo, trace
from benchmarks.__main__ import main
from benchmarks.csv_read import write_file

CPU = "/CPU:0"
ROOT = Path(__file__).parents[1]


def loaded(text, columns=2):
    part = device_csv.part_of(text)
    return device_csv.load(CPU, columns, [(device_csv.on_device(CPU, part), part.height)])[0], part.rows


def test_every_value_to_the_last_bit_however_fields_lie_in_words():
    rng = np.random.default_rng(0)
    cells = [f"{v:.{d}f}" for v, d in zip(rng.normal(size=900) * 100, rng.integers(0, 7, 900), strict=True)]
    cells[7], cells[-1] = "", "5"  # a missing value; fields of one byte, several of which share a word
    text = "".join(f"{a},{b}\n" for a, b in zip(cells[::2], cells[1::2], strict=True)).encode()
    part, rows = loaded(text)
    expected = np.array([float(cell or "nan") for cell in cells], np.float32).reshape(-1, 2)
    assert bool(part.ok) and rows == 450
    np.testing.assert_array_equal(part.x.numpy()[:rows], expected)
    assert part.moments.count.numpy().tolist() == [450, 449]
    np.testing.assert_allclose(part.moments.mean, np.nanmean(expected.astype(np.float64), 0), rtol=1e-12)


def test_parts_are_standardized_together():
    texts = [b"1,10\n2,20\n", b"3,30\n"]
    parts = [loaded(text)[0] for text in texts]
    first, second = device_csv.standardized(CPU, parts)
    out = np.concatenate([first.numpy()[:2], second.numpy()[:1]])
    np.testing.assert_allclose(out, np.sqrt([[1.5, 1.5], [0, 0], [1.5, 1.5]]) * [[-1], [1], [1]], rtol=1e-6)


@pytest.mark.parametrize(
    "text", [b'1,"2"\n', b"1,2\r\n", b"1,2\n3\n", b"1\n2,3,4\n", b"1,2,3\n4\n", b"1,x\n", b"1,1234567890123456789\n"]
)
def test_a_text_that_the_program_does_not_read_is_known(text):
    assert not bool(loaded(text)[0].ok)


def test_a_file_is_read_behind_its_header(tmp_path):
    path = tmp_path / "a.csv"
    write_file(path, "numeric10", 0.2)
    with path.open("rb") as file:
        file.readline()
        part = device_csv.part_of_file(file)
    whole = device_csv.part_of(path.read_bytes().partition(b"\n")[2])
    assert part.rows == whole.rows
    np.testing.assert_array_equal(part.words, whole.words)


ON_ANOTHER_DEVICE = """
import numpy as np
import tensorflow as tf

two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
from benchmarks import device_csv, gpu_tables

part = device_csv.part_of(b"1,2\\n3,4\\n")
upload = device_csv.on_device("/CPU:1", part)
loaded = device_csv.load("/CPU:1", 2, [(upload, part.height)])
out = device_csv.standardized("/CPU:1", loaded)[0]
pages = gpu_tables.plain("/CPU:1", np.ones([10, 8])).candidates["tf_loadops, upload included"]()
print(*{tensor.device[-5:] for tensor in (upload[0], loaded[0].x, loaded[0].moments.mean, out, pages)})
"""


def test_everything_is_computed_where_it_was_asked_for():
    """A second logical CPU stands for the GPU: where nothing is said, TensorFlow takes the first."""
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = [sys.executable, "-c", ON_ANOTHER_DEVICE]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (0, "CPU:1\n"), done.stderr[-2000:]


def test_wrong_results_are_found():
    judge = gpu.check(gpu.ROWS)
    x = tf.constant(gpu.block()[0])
    part = device_csv.Loaded(x, tlo.Moments.of(x), tf.constant(True))
    scaled = gpu.fused(x)
    assert judge("tf_loadops", ([part], [scaled])) is None
    assert judge("tf_loadops", ([part], [scaled * (1 + 1e-6)])).startswith("off by ")
    assert judge("tf_loadops", ([part._replace(x=x + 1e-4)], [scaled])).startswith("off by ")
    unread = part._replace(ok=tf.constant(False))
    assert judge("tf_loadops", ([unread], [scaled])) == "the program could not read the text"
    assert judge("cuDF", np.zeros([3, 10])) == f"3 rows, expected {gpu.ROWS}"


def test_without_a_gpu_one_line_says_so_and_the_json_holds_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    for words in (["gpu"], ["--device", "gpu"]):
        output = tmp_path / "f.json"
        assert main(["run", *words, "--size", "smoke", "-o", str(output)]) == 0
        assert capsys.readouterr().out.splitlines()[0] == "gpu skipped: TensorFlow sees no GPU on this machine."
        figures = json.loads(output.read_text())
        assert figures["suites"]["gpu"] == {"not run": {"all": {"skipped": "TensorFlow sees no GPU on this machine."}}}
        assert (figures["plan"]["device"], figures["machine"]["gpu"]) == ("gpu", None)


def test_kernels_of_a_gpu_are_counted_in_its_streams_only(monkeypatch):
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    for plane_name, lines in (("/device:GPU:0", ("Stream #7(Compute)", "XLA Ops")), ("/host:CPU", ("python",))):
        plane = space.planes.add(name=plane_name)
        for key, name in ((1, "fusion"), (2, "scatter")):
            plane.event_metadata[key].id, plane.event_metadata[key].name = key, name
        for line in lines:
            events = plane.lines.add(name=line).events
            for key, milliseconds in ((1, 2), (2, 5), (1, 2)):
                events.add(metadata_id=key, duration_ps=milliseconds * 10**9)
    monkeypatch.setattr(trace, "_read", lambda path: space)
    found = trace.kernels(lambda: tf.zeros([]) + 1)
    assert [(kernel.name, kernel.launches, round(kernel.seconds, 6)) for kernel in found] == [
        ("scatter", 1, 0.005), ("fusion", 2, 0.004),
    ]


@pytest.mark.skipif(tuple(map(int, tf.__version__.split(".")[:2])) < (2, 18), reason="writes no StableHLO")
def test_programs_are_written_as_stablehlo_without_anything_of_the_cpu(tmp_path, capsys):
    assert stablehlo.dump(tmp_path, 0.2) == 0
    names = ["csv_part", "csv_scan", "csv_short", "standardize"]
    assert sorted(path.stem for path in tmp_path.glob("*.mlir")) == names
    assert sorted(line.split(":")[0] for line in capsys.readouterr().out.splitlines()) == names
    for name in names:
        text = (tmp_path / f"{name}.mlir").read_text()
        assert "stablehlo." in text and "custom_call" not in text
        assert len(text) < 500_000  # no numbers are written out
        with np.load(tmp_path / f"{name}.npz") as file:
            assert {f"in{i}" for i in range(file["in"])} | {f"out{i}" for i in range(file["out"])} < set(file)


def test_outputs_may_differ_in_the_order_of_sums_only():
    one = [np.float32([1, np.nan]), np.float64([1 / 3]), np.int64([7])]
    assert stablehlo.difference(one, one) is None
    near = [np.nextafter(one[0], np.float32(2)), one[1] * (1 + 2e-16), one[2]]
    assert stablehlo.difference(near, one) is None
    for i, value in enumerate((np.float32([1.001, np.nan]), np.float64([0.34]), np.int64([8]))):
        other = [*one[:i], value, *one[i + 1 :]]
        assert stablehlo.difference(other, one) == f"output {i} differs from TensorFlow's"
    assert stablehlo.difference([one[0][:1], *one[1:]], one) == "output 0 is float32[1], expected float32[2]"


def test_a_folder_without_programs_is_refused_before_anything_is_done(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jax", None)
    assert stablehlo.main(["run", str(tmp_path)]) == 2
    fix = f"`python -m benchmarks.stablehlo dump {tmp_path}` writes some."
    assert capsys.readouterr().err == f"Error: {tmp_path} holds no *.mlir. {fix}\n"
