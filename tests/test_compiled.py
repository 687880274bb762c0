"""How parts of a graph are called: where they run, and that they run only where they are asked for."""

import pathlib
import subprocess
import sys
import threading

import pytest
import tensorflow as tf

from tf_loadops.compiled import AS_WRITTEN, ON_HOST, OPTIMISED, PURE, SIDE_BY_SIDE, always_graph, call, program
from tf_loadops.errors import LoadError


def _fails(text):
    """Fails whenever it runs on a text that is no number."""
    number = tf.strings.to_number(text)
    with tf.control_dependencies([tf.debugging.Assert(tf.equal(number, number + 1.0), [text])]):
        return tf.constant(False)


def _twice(text):
    return tf.strings.join([text, text])


def _careful(text, how):
    fine = text != ""
    checked = tf.cond(fine, lambda: fine, lambda: call(_fails, tf.constant("no number"), how=how))
    with tf.control_dependencies([checked]):
        return tf.strings.length(text)


def function_of(inner, outer):
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def function(text):
        return {"length": call(_careful, text, static=(inner,), now=True, how=outer)}

    return function


@pytest.mark.parametrize("outer", [OPTIMISED, AS_WRITTEN, ON_HOST, PURE])
@pytest.mark.parametrize("inner", [AS_WRITTEN, ON_HOST, PURE])
def test_what_is_called_in_a_branch_runs_only_there(inner, outer, tmp_path: pathlib.Path):
    module = tf.Module()
    module.function = function_of(inner, outer)
    tf.saved_model.save(module, tmp_path, signatures=module.function.get_concrete_function())
    loaded = tf.saved_model.load(tmp_path).signatures["serving_default"]
    for function in (module.function, lambda text: loaded(text=text)):
        assert int(function(tf.constant("abc"))["length"]) == 3
        with pytest.raises(tf.errors.InvalidArgumentError, match="no number"):
            function(tf.constant(""))


@pytest.mark.parametrize("how", [OPTIMISED, AS_WRITTEN, ON_HOST, PURE, SIDE_BY_SIDE])
def test_a_part_is_the_same_in_every_way(how):
    graph = tf.function(lambda text: call(_twice, text, how=how), autograph=False)
    for text in ("ab", ""):  # the length of the first tensor means nothing
        for twice in (call(_twice, tf.constant(text), how=how), call(_twice, tf.constant(text), now=True, how=how),
                      graph(tf.constant(text))):  # fmt: skip
            assert twice.numpy().decode() == 2 * text


def test_a_part_of_vectors_on_the_host():
    graph = tf.function(lambda texts: call(_twice, texts, how=ON_HOST), autograph=False)
    for texts in ([], [b"a", b"b"]):
        assert graph(tf.constant(texts, tf.string)).numpy().tolist() == [text * 2 for text in texts]


@pytest.mark.parametrize(
    ("how", "kind"), [(ON_HOST, "RemoteCall"), (PURE, "RemoteCall"), (SIDE_BY_SIDE, "StatelessCase")]
)
def test_what_is_on_the_host_is_called_there(how, kind):
    graph = tf.function(lambda text: call(_twice, text, how=how), autograph=False)
    operations = graph.get_concrete_function(tf.TensorSpec([], tf.string)).graph.get_operations()
    (called,) = [op for op in operations if op.type == kind]
    assert called.device.endswith("CPU:0")


def _seen(text, seen):
    seen.append((threading.current_thread(), tf.strings.length(text).device))
    return _bottom(text, seen)


def _bottom(text, seen):
    length = program(_length, tf.zeros([3], tf.int32))
    return call(_inner, text, static=(seen,)) + length


def _inner(text, seen):
    seen.append((threading.current_thread(), tf.strings.length(text).device))
    return tf.strings.length(text)


def _length(values):
    return tf.size(values)


class Seen(list):
    """A list that is as good as itself."""

    __hash__ = object.__hash__
    __repr__ = object.__repr__


def test_a_part_is_built_for_no_device_and_at_the_bottom_of_a_stack():
    seen = Seen()
    with tf.device("CPU:0"):
        assert int(call(_seen, tf.constant("ab"), static=(seen,), now=True)) == 5
    assert [device for _, device in seen] == ["", ""]
    assert len({thread for thread, _ in seen} | {threading.current_thread()}) == 3


def _refuses(text):
    raise LoadError(f"no graph of rank {text.shape.rank}")


def test_what_goes_wrong_in_building_is_said():
    for _ in range(2):
        with pytest.raises(LoadError, match=r"\Ano graph of rank 0\Z"):
            call(_refuses, tf.constant(""), now=True)
    assert call(_twice, tf.constant("a"), now=True).numpy() == b"aa"


MEETING = threading.Barrier(2, timeout=30)


def _meet(text):
    def wait():
        MEETING.wait()
        return True

    met = tf.numpy_function(wait, [], tf.bool)
    with tf.control_dependencies([met]):
        return tf.strings.length(text)


def test_rounds_of_a_loop_run_side_by_side():
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def function(text):
        lengths = tf.TensorArray(tf.int32, 2, element_shape=[])
        body = lambda i, array: (i + 1, array.write(i, call(_meet, text, now=True, how=SIDE_BY_SIDE)))  # noqa: E731
        return tf.while_loop(lambda i, _: i < 2, body, (0, lengths), parallel_iterations=2)[1].stack()

    assert function(tf.constant("abc")).numpy().tolist() == [3, 3]


def test_a_loop_stays_a_graph_where_functions_are_run_eagerly():
    traced = []

    def count(most):
        traced.append(tf.executing_eagerly())
        return tf.while_loop(lambda i: i < most, lambda i: [i + 1], [0])[0]

    counted = always_graph(tf.function(count, autograph=False))
    tf.config.run_functions_eagerly(True)
    try:
        assert int(counted(tf.constant(5))) == 5
    finally:
        tf.config.run_functions_eagerly(False)
    assert traced == [False]


def _cube(x):
    return tf.while_loop(lambda i, _: i < 3, lambda i, power: (i + 1, power * x), (0, tf.ones_like(x)))[1]


def test_a_gradient_leaves_the_graph_to_others_as_it_is():
    """TensorFlow adds outputs to the graph of a loop that it differentiates."""
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        cube = call(_cube, x, now=True, how=OPTIMISED)
    assert tape.gradient(cube, x).numpy() == 12.0
    for how in (AS_WRITTEN, OPTIMISED):
        assert call(_cube, x, now=True, how=how).numpy() == 8.0


WITHOUT_EAGER = """
import tensorflow as tf
import tf_loadops as tlo
tf.compat.v1.disable_eager_execution()
schema = tlo.Schema([tlo.Column("a", "float32")])
for read in (tlo.read_csv, tlo.parse_csv, tlo.read_parquet):
    try:
        read(tf.compat.v1.placeholder(tf.string, []), schema)
    except tlo.LoadError as error:
        print(error)
"""


def test_where_eager_execution_is_switched_off_nothing_is_built():
    """There `a == b` of two tensors asks whether they are one object."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_EAGER], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == [
        "TensorFlow's eager execution is switched off for the whole process, and then tensors are compared as Python "
        "objects, not by their values. Take tf.compat.v1.disable_eager_execution() out; sessions work in "
        "tf.Graph().as_default()."
    ] * 3, done.stderr
