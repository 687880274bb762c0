"""Graphs kept in files: a later process gets the same results from them, and none where anything differs."""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import subprocess
import sys
from typing import Any, NamedTuple

import pytest
import tensorflow as tf

from tf_loadops import compiled, graph_files
from tf_loadops.compiled import AS_WRITTEN, ON_HOST, OPTIMISED, PURE, call, program
from tf_loadops.errors import gate

traced: list[str] = []
"""The parts that were traced, not read from a file."""


class Pair(NamedTuple):
    text: Any
    count: Any


class Unknown:
    """Nothing that a file's name could tell apart."""


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path):
    """Where graphs are kept; each test starts as a process does."""
    place = tmp_path / "graphs"
    before = compiled.use_cache(place)
    new_process()
    yield place
    assert compiled.use_cache(before) == str(place)
    compiled._graph.cache_clear()


def new_process():
    compiled._graph.cache_clear()
    traced.clear()


def files(folder):
    return sorted(path.name.partition("-")[0] for path in folder.iterdir())


def _scaled(numbers, factor):
    traced.append("scaled")
    return program(_times, numbers, static=(factor,))


def _times(numbers, factor):
    return numbers * factor


def _structures(text, numbers):
    """All kinds of results, of a part within a part, a loop, a branch and a compiled program."""
    traced.append("structures")
    numbers = tf.reshape(numbers, [3])
    _, total = tf.while_loop(lambda i, _: i < 3, lambda i, t: (i + 1, t + numbers[i]), (0, 0.0))
    sign = tf.cond(total > 0, lambda: tf.constant(1), lambda: tf.constant(-1))
    scaled = call(_scaled, numbers, static=(2.0,), now=True, how=PURE)
    return {
        "pair": Pair(tf.strings.join([text, "!"]), tf.size(numbers)),
        "list": [total, (sign,)],
        "as given": text,
        "scaled": scaled,
    }


def _small(number, most):
    traced.append("small")
    return gate(number <= most, lambda: tf.strings.as_string(number) + " is too much.", number)


def _checked(number):
    """Refuses by an op that no result depends on."""
    tf.debugging.Assert(number > 0, ["not positive"])
    return number + 1


def _captures(number):
    return number + _CAPTURED


_CAPTURED = tf.constant(1)


@pytest.mark.parametrize("how", [OPTIMISED, AS_WRITTEN, ON_HOST])
@pytest.mark.parametrize("eager", [True, False])
def test_results_are_the_same(folder, how, eager):
    def read(text, numbers):
        return call(_structures, text, numbers, now=True, how=how)

    for process in range(3):
        new_process()
        function = read if eager else tf.function(read, autograph=False)
        result = function(tf.constant("a"), tf.constant([1.0, 2.0, 4.5]))
        assert isinstance(result["pair"], Pair) and isinstance(result["list"], list)
        assert [int(result["pair"].count), result["pair"].text.numpy()] == [3, b"a!"]
        total, signs = result["list"]
        assert total.numpy() == 7.5 and isinstance(signs, tuple) and signs[0].numpy() == 1
        assert result["as given"].numpy() == b"a"
        assert result["scaled"].numpy().tolist() == [2.0, 4.0, 9.0]
        assert traced == ([] if process else ["structures", "scaled"])
        assert files(folder) == [f"{__name__}._scaled", f"{__name__}._structures"]


def test_shapes_are_known_as_in_the_traced_graph():
    shapes = []
    for _ in range(2):
        new_process()

        def read(text, numbers):
            result = call(_structures, text, numbers, now=True, how=PURE)
            shapes.append([tensor.shape.as_list() for tensor in tf.nest.flatten(result)])
            return result

        tf.function(read, autograph=False).get_concrete_function(tf.constant(""), tf.zeros([3]))
    # as given, list (total, sign), pair (text, count), scaled
    assert shapes == [[[], [], [], [], [], [None]]] * 2


def test_a_part_read_within_a_traced_one():
    def outer(text, numbers):
        return call(_structures, text, numbers, now=True)

    assert call(_scaled, tf.constant([1.0]), static=(2.0,), now=True, how=PURE).numpy().tolist() == [2.0]
    new_process()
    result = outer(tf.constant("a"), tf.constant([1.0, 2.0, 3.0]))
    assert traced == ["structures"] and result["scaled"].numpy().tolist() == [2.0, 4.0, 6.0]


def test_refusals_are_the_same():
    for process in range(2):
        new_process()
        assert int(call(_small, tf.constant(3), static=(5,), now=True)) == 3
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            call(_small, tf.constant(6), static=(5,), now=True)
        assert ": 6 is too much." in caught.value.message
        assert traced == ["small"] * (not process)
        for how in (AS_WRITTEN, ON_HOST, OPTIMISED):
            assert int(call(_checked, tf.constant(1), now=True, how=how)) == 2
            with pytest.raises(tf.errors.InvalidArgumentError, match="not positive"):
                call(_checked, tf.constant(0), now=True, how=how)


def test_what_differs_has_a_file_of_its_own(folder):
    for factor in (0.0, -0.0, 2.0):
        call(_scaled, tf.constant([1.0]), static=(factor,), now=True)
    for number in (tf.constant(1), tf.constant(1, tf.int64)):
        call(_small, number, static=(5,), now=True)
    assert files(folder) == [f"{__name__}._scaled"] * 3 + [f"{__name__}._small"] * 2
    before = compiled.use_xla(False)
    try:
        call(_scaled, tf.constant([1.0]), static=(2.0,), now=True)
    finally:
        compiled.use_xla(before)
    assert len(files(folder)) == 6
    traced.clear()
    compiled._graph.cache_clear()
    assert str(call(_scaled, tf.constant([1.0]), static=(-0.0,), now=True).numpy()[0]) == "-0.0"
    assert traced == []


@pytest.mark.parametrize(
    ("function", "static"),
    [(lambda number: number + 1, ()), (_captures, ()), (_small, (Unknown(),))],
    ids=["without a name", "captures a tensor", "depends on a thing without a name"],
)
def test_what_no_file_can_hold_is_traced(folder, function, static):
    if static:
        assert graph_files.place(str(folder), function, static) is None
        return
    for _ in range(2):
        new_process()
        assert int(call(function, tf.constant(2), static=static, now=True)) == 3
        assert not folder.exists()


def test_a_changed_setting_of_numpy_is_told_apart(folder, monkeypatch):
    before = graph_files.place(str(folder), _small, (5,))
    graph_files._surroundings.cache_clear()
    monkeypatch.setattr(tf.Tensor, "astype", None, raising=False)
    after = graph_files.place(str(folder), _small, (5,))
    graph_files._surroundings.cache_clear()
    monkeypatch.undo()
    assert before != after and graph_files.place(str(folder), _small, (5,)) == before


@pytest.mark.parametrize("harm", ["flipped", "cut", "empty"])
def test_a_damaged_file_is_replaced(folder, harm):
    assert int(call(_small, tf.constant(3), static=(5,), now=True)) == 3
    (path,) = folder.iterdir()
    good = path.read_bytes()
    middle = len(good) // 2
    bad = {"flipped": good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :], "cut": good[:-1], "empty": b""}
    path.write_bytes(bad[harm])
    new_process()
    with pytest.warns(UserWarning) as caught:
        assert int(call(_small, tf.constant(3), static=(5,), now=True)) == 3
    assert [str(warning.message) for warning in caught] == [
        f"{path}: this file is damaged. The graph is traced again and replaces it."
    ]
    assert traced == ["small"]
    new_process()
    assert int(call(_small, tf.constant(3), static=(5,), now=True)) == 3 and traced == []


def test_where_nothing_can_be_kept_graphs_are_traced(folder):
    folder.write_text("a file, not a folder")
    for _ in range(2):
        new_process()
        with pytest.warns(UserWarning, match=r"_small-[0-9a-f]{32}\.graph: a graph ") as caught:
            assert int(call(_small, tf.constant(3), static=(5,), now=True)) == 3
        assert traced == ["small"]
        assert "could not be kept here, and will be traced again: " in str(caught[-1].message)
    assert folder.read_text() == "a file, not a folder"


CHILD = """
import json, sys
import tensorflow as tf
import tf_loadops as tlo
from tf_loadops import graph_files

counts = {"read": 0, "written": 0}
read, write = graph_files.read, graph_files.write

def counted_read(path):
    graph = read(path)
    counts["read"] += graph is not None
    return graph

def counted_write(*arguments):
    counts["written"] += 1
    write(*arguments)

graph_files.read, graph_files.write = counted_read, counted_write
path, folder = sys.argv[1:]
schema = tlo.Schema([tlo.Column("a", "float32"), tlo.Column("b", "int64"), tlo.Column("c", "string")])

class Model(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def read(self, path):
        table = tlo.read_parquet(path, schema)
        return {**table.columns, "valid": table.validity["a"], "rows": table.counts["rows"]}

model = Model()
result = model.read(tf.constant(path))
shown = {name: tensor.numpy().tolist() for name, tensor in result.items()}
print(json.dumps({**shown, "c": [text.decode() for text in shown["c"]]}))
try:
    model.read(tf.constant(path + ".missing"))
except tf.errors.OpError as error:
    print(json.dumps(error.message))
if folder:
    tf.saved_model.save(model, folder)
print(json.dumps(counts))
"""

ONLY_TENSORFLOW = """
import sys
sys.modules["tf_loadops"] = None
import tensorflow as tf
columns = tf.saved_model.load(sys.argv[2]).read(tf.constant(sys.argv[1]))
print([columns["a"].numpy().tolist(), columns["b"].numpy().tolist(), columns["c"].numpy().tolist()])
"""


def said_by(code, folder, *arguments):
    environment = {**os.environ, "TF_LOADOPS_CACHE": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-W", "error::UserWarning", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_processes_share_the_graphs_of_a_whole_reader(folder, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    path, model = tmp_path / "t.parquet", tmp_path / "model"
    importlib.import_module("pyarrow.parquet").write_table(
        pyarrow.table({"a": [1.5, None], "b": [2, 3], "c": ["x, y", "z"]}), path
    )
    for process, exported in enumerate(("", model)):
        columns, refused, counts = map(json.loads, said_by(CHILD, folder, path, exported))
        assert str(columns.pop("a")) == "[1.5, nan]"
        assert columns == {"b": [2, 3], "c": ["x, y", "z"], "valid": [True, False], "rows": 2}
        assert f"{path}.missing: no such file. Check the path;" in refused
        kept = len(list(folder.iterdir()))
        # The second process asks for the reader only, which holds all that it calls.
        assert counts == ({"read": 1, "written": 0} if process else {"read": 0, "written": kept})
    assert said_by(ONLY_TENSORFLOW, folder, path, model) == ["[[1.5, nan], [2, 3], [b'x, y', b'z']]"]
