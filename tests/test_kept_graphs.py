"""Graphs kept in files: a later process gets the same results from them, and none where anything differs."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import subprocess
import sys
import types
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

import tf_loadops as tlo
from tf_loadops import compiled
from tf_loadops.compiled import AS_WRITTEN, ON_HOST, OPTIMISED, PURE, call, program
from tf_loadops.errors import gate
from tf_loadops.kept import files, keys

traced: list[str] = []
"""The parts that were traced, not read from a file."""


class Pair(NamedTuple):
    text: Any
    count: Any


class Unknown:
    class Pair(NamedTuple):
        first: Any
        second: Any


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch):
    """Where graphs are kept; each test starts as a process does."""
    place = tmp_path / "graphs"
    monkeypatch.setattr(keys, "_OURS", ["tf_loadops", __name__.partition(".")[0]])
    before = compiled.use_cache(place)
    new_process()
    yield place
    assert compiled.use_cache(before) == str(place)
    compiled._graph.cache_clear()


def new_process():
    compiled._graph.cache_clear()
    traced.clear()


def names(folder):
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


def _orders(unused, first, text):
    """Inputs that nothing depends on, or only by order; keys that are not sorted."""
    traced.append("orders")
    del unused
    with tf.control_dependencies([first]):
        return {"b": tf.strings.join([text, "b"]), "a": tf.strings.join([text, "a"])}


def _printed(number):
    """In a loop, so that it is a function within the part; ops with attributes as by default."""

    def step(i, total):
        tf.debugging.Assert(total < 5, ["too much"])
        tf.print("")
        return i + 1, total

    return tf.while_loop(lambda i, _: i < 1, step, (0, number))[1]


def _small(number, most):
    traced.append("small")
    return gate(number <= most, lambda: tf.strings.as_string(number) + " is too much.", number)


def _checked(number):
    """Refuses by an op that no result depends on."""
    tf.debugging.Assert(number > 0, ["not positive"])
    return number + 1


def _added(number, other):
    return number + other


def _captures(number):
    return number + _CAPTURED


def _in_a_class(number):
    return Unknown.Pair(number + 1, number)


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
        assert names(folder) == [f"{__name__}._scaled", f"{__name__}._structures"]


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


@pytest.mark.parametrize("how", [AS_WRITTEN, PURE])
def test_inputs_without_effect_and_the_order_of_names(how):
    for process in range(2):
        new_process()
        result = call(_orders, tf.constant(1), tf.constant(2), tf.constant("x"), now=True, how=how)
        assert {name: text.numpy() for name, text in result.items()} == {"b": b"xb", "a": b"xa"}
        assert list(result) == ["b", "a"] and traced == ["orders"] * (not process)


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
    assert names(folder) == [f"{__name__}._scaled"] * 3 + [f"{__name__}._small"] * 2
    before = compiled.use_xla(False)
    try:
        call(_scaled, tf.constant([1.0]), static=(2.0,), now=True)
    finally:
        compiled.use_xla(before)
    assert len(names(folder)) == 6
    traced.clear()
    compiled._graph.cache_clear()
    assert str(call(_scaled, tf.constant([1.0]), static=(-0.0,), now=True).numpy()[0]) == "-0.0"
    assert traced == []


@pytest.mark.parametrize(
    "function",
    [lambda number: number + 1, _captures, functools.partial(_added, other=1), _in_a_class],
    ids=["without a name", "captures a tensor", "not a function", "a result that is not found by its name"],
)
def test_what_no_file_can_hold_is_traced(folder, function):
    for _ in range(2):
        compiled._graph.cache_clear()
        assert int(tf.nest.flatten(call(function, tf.constant(2), now=True))[0]) == 3
        assert not folder.exists()


class Text(str):
    """Looks like another one."""

    def __repr__(self):
        return "'a'"


@pytest.mark.parametrize("static", [(object(),), ([1],), (np.float64(1.0),), (Text("b"),), (json.dumps,)])
def test_what_may_not_be_told_apart_has_no_place(static):
    schema = tlo.Schema([tlo.Column("a", "bool")])
    assert keys.place("folder", _small, ("a", 1.0, None, tf.int64, _scaled, Pair(1, b"x"), schema)) is not None
    assert keys.place("folder", _small, static) is None


def test_settings_that_get_into_graphs_are_told_apart(monkeypatch):
    place = keys.place("folder", _small, (5,))
    assert place == keys.place("folder", _small, (5,))
    with monkeypatch.context() as changed:
        changed.setenv("TF_FUNCTION_JIT_COMPILE_DEFAULT", "1")
        assert keys.place("folder", _small, (5,)) not in (place, None)
    before = tf.config.optimizer.get_jit()
    tf.config.optimizer.set_jit("autoclustering")
    try:
        assert keys.place("folder", _small, (5,)) not in (place, None)
    finally:
        tf.config.optimizer.set_jit(before or False)
    monkeypatch.setattr(tf.Tensor, "astype", None, raising=False)  # as NumPy's rules do
    assert keys.place("folder", _small, (5,)) is None


def test_nothing_is_kept_of_code_that_has_changed(monkeypatch, tmp_path):
    assert keys.place("folder", _small, (5,)) is not None
    changed = [(file, size, mtime, ctime + 1) for file, size, mtime, ctime in keys._AT_IMPORT]
    monkeypatch.setattr(keys, "_AT_IMPORT", tuple(changed))
    assert keys.place("folder", _small, (5,)) is None
    monkeypatch.setattr(keys, "_PACKAGE", tmp_path)  # as in a zip file, where no source is found
    monkeypatch.setattr(keys, "_AT_IMPORT", ())
    monkeypatch.setitem(sys.modules, tmp_path.name, types.ModuleType(tmp_path.name))
    assert keys.place("folder", _small, (5,)) is None


def test_a_source_that_is_not_there_does_no_harm(monkeypatch, tmp_path):
    """An editor keeps a link to nowhere beside a file that is being edited; an upgrade takes files away."""
    monkeypatch.setattr(keys, "_PACKAGE", tmp_path)
    source = tmp_path / "a.py"
    source.write_text("1")
    (tmp_path / ".#a.py").symlink_to(tmp_path / "nowhere")
    assert [(name, size) for name, size, *_ in keys._sources()] == [(str(source), 1)]
    monkeypatch.setattr(keys, "_AT_IMPORT", keys._sources())
    digest = keys._digest
    monkeypatch.setattr(keys, "_digest", lambda sources: [source.unlink(), digest(sources)])
    assert keys.place("folder", _small, (5,)) is None


def test_names_of_a_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    before = compiled.use_cache("a")
    given = {"~/b": tmp_path / "home/b", tmp_path / "c": tmp_path / "c", b"/d": "/d", "": None, None: None}
    for name, seen in given.items():
        compiled.use_cache(name)
        assert compiled.use_cache(before) == (str(seen) if seen else None)
    compiled.use_cache("a")
    assert compiled.use_cache(before) == str(tmp_path / "a")


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


def test_a_file_that_cannot_be_used_is_replaced(folder):
    assert int(call(_small, tf.constant(3), static=(5,), now=True)) == 3
    (path,) = folder.iterdir()
    good = path.read_bytes()
    for content in (b"", b"{}\n", good.partition(b"\n")[2].replace(b"LessEqual", b"LessEquel")):
        path.write_bytes(files._digest(str(path), content) + b"\n" + content)
        new_process()
        with pytest.warns(UserWarning, match="this graph cannot be used. It is traced again: "):
            assert int(call(_small, tf.constant(3), static=(5,), now=True)) == 3
        assert traced == ["small"]
        new_process()
        assert int(call(_small, tf.constant(3), static=(5,), now=True)) == 3 and traced == []
    # Another graph's file, under this one's name.
    other = path.with_name(path.name.replace("_small", "_smell"))
    other.write_bytes(good)
    with pytest.warns(UserWarning, match="_smell.*this file is damaged"):
        assert files.read(str(other)) is None


def test_where_nothing_can_be_kept_graphs_are_traced(folder):
    folder.write_text("a file, not a folder")
    for _ in range(2):
        new_process()
        with pytest.warns(UserWarning) as caught:
            assert int(call(_small, tf.constant(3), static=(5,), now=True)) == 3
        assert traced == ["small"]
        assert [str(warning.message) for warning in caught] == [
            f"{folder}: graphs cannot be kept here, and are traced in each process: File exists."
        ]
    assert folder.read_text() == "a file, not a folder"


def test_files_are_as_the_umask_says(folder):
    before = os.umask(0o027)
    try:
        call(_small, tf.constant(3), static=(5,), now=True)
    finally:
        os.umask(before)
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o640


def test_an_exported_graph_can_be_loaded_and_frozen(tmp_path):
    """The latter registers functions anew, and so fails where two of a name differ."""

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([], tf.int32)], autograph=False)
        def small(self, number):
            return {"number": call(_printed, number, now=True)}

    for _ in range(2):
        new_process()
        model = Model()
        tf.saved_model.save(model, tmp_path / "model")
        assert int(tf.saved_model.load(tmp_path / "model").small(tf.constant(3))["number"]) == 3
        frozen = convert_variables_to_constants_v2(model.small.get_concrete_function())
        assert int(frozen(tf.constant(3))[0]) == 3


CHILD = """
import json, sys, warnings
import tensorflow as tf
import tf_loadops as tlo
from tf_loadops import compiled
from tf_loadops.kept import files

counts = {"read": 0, "written": 0, "alone": 0}
read, write = files.read, files.write

def counted_read(path):
    graph = read(path)
    counts["read"] += graph is not None
    return graph

def counted_write(*arguments):
    counts["written"] += 1
    write(*arguments)

files.read, files.write = counted_read, counted_write
path, is_first = sys.argv[1], len(sys.argv) > 2
schema = tlo.Schema([tlo.Column("a", "float32"), tlo.Column("b", "int64"), tlo.Column("c", "string")])

class Model(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def read(self, path):
        table = tlo.read_csv(path, schema)
        return {**table.columns, "valid": table.validity["a"], "rows": table.counts["rows"]}

model = Model()
result = model.read(tf.constant(path))
shown = {name: tensor.numpy().tolist() for name, tensor in result.items()}
print(json.dumps({**shown, "c": [text.decode() for text in shown["c"]]}))
try:
    model.read(tf.constant(path + ".missing"))
except tf.errors.OpError as error:
    print(json.dumps(error.message))
if is_first:  # every file alone: each is built, and then traced nevertheless, which asks for those of its parts
    class BuiltError(Exception):
        pass

    def built(path):
        build = read(path)
        def build_and_fail(*tensors):
            build(*tensors)
            counts["alone"] += 1
            raise BuiltError
        return build_and_fail

    files.read, files.write = built, lambda *arguments: None
    warnings.simplefilter("ignore")
    compiled._graph.cache_clear()
    Model().read.get_concrete_function()
print(json.dumps(counts))
"""

def said_by(code, folder, *arguments):
    environment = {**os.environ, "TF_LOADOPS_CACHE": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-W", "error::UserWarning", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_processes_share_the_graphs_of_a_whole_reader(folder, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('a,b,c\n1.5,2,"x, y"\n,3,z\n')
    for process, arguments in enumerate((["first"], [])):
        columns, refused, counts = map(json.loads, said_by(CHILD, folder, path, *arguments))
        assert str(columns.pop("a")) == "[1.5, nan]"
        assert columns == {"b": [2, 3], "c": ["x, y", "z"], "valid": [True, False], "rows": 2}
        assert f"{path}.missing: no such file. Check the path;" in refused
        count = len(list(folder.iterdir()))
        # The second process asks for the reader only, which holds all that it calls.
        first = {"read": 0, "written": count, "alone": count}
        assert counts == ({"read": 1, "written": 0, "alone": 0} if process else first)
