"""Paths as tensors: reading a file anew on every call, and refusing one that cannot be read."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.errors import gate, printable, refuse_unless

Tensor = Any

_SPECIAL = r"(?s)(?:file:/*)?/+(?:dev|proc)/.*"
_SHARED_MEMORY = r"(?s)(?:file:/*)?/+dev/+shm/.*"
_UNREACHABLE = (
    "cannot be reached: TensorFlow has no file system for the scheme in front of ://, or that one does not answer. "
    "Check the path and the access to where it points."
)


def fresh(path: Tensor) -> Tensor:
    """Keeps a path from being folded into the graph together with what was read from it.

    TensorFlow evaluates a read of a constant path once, when it optimises the graph, and keeps the result for ever,
    also when the path is an argument and an outer function passes a constant. A path that seems to depend on the
    length of a queue is never constant. (The clock would do, but TensorFlow forbids it where determinism is asked for.)

    Args:
      path: string tensor of any shape.

    Returns:
      The same path, to be read again on every call.

    Example:
      >>> fresh(tf.constant("a.csv")).numpy()
      b'a.csv'
    """
    if tf.executing_eagerly():
        return path
    length = tf.raw_ops.StageSize(dtypes=[tf.int32], shared_name="tf_loadops_always_empty")
    return tf.where(length < 0, tf.zeros_like(path), path)


def read_bytes(path: Tensor) -> Tensor:
    """Reads a whole file, or refuses with a message that names it.

    Args:
      path: string scalar; relative paths start at the process' working directory.

    Returns:
      The file's bytes, a string scalar, read again on every call.

    Raises:
      tf.errors.InvalidArgumentError: at run time, if there is no such file or it cannot be read.
    """
    path = gate(is_regular(path), lambda: no_file(path), fresh(path))
    content, found = attempt(tf.io.read_file, path)
    return gate(found, lambda: unreadable(path), content)


def expand(path: Tensor) -> Tensor:
    r"""Puts the files that it matches in the place of each pattern, anew on every call.

    A path with one of `*`, `?` and `[` in it is a pattern, unless a file or directory has that very name. `*` and `?`
    match no `/` but, unlike in a shell, a dot in front; files come in the order of their names' bytes. Every other
    path stays as it is, whether there is such a file or not, and costs no look at the file system.

    Args:
      path: string tensor, a scalar or [paths].

    Returns:
      The files, string [files].

    Raises:
      tf.errors.InvalidArgumentError: at run time, for a pattern that matches nothing, and a vector of no paths.

    Example:
      >>> import pathlib, tempfile
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> for name in ("b.csv", "a.csv", "a.txt"):
      ...     _ = (folder / name).write_text("x\n1\n")
      >>> [pathlib.Path(file.decode()).name for file in expand(tf.constant(f"{folder}/*.csv")).numpy()]
      ['a.csv', 'b.csv']
    """
    if path.shape.rank == 0:
        return _matching(path)
    path = gate(tf.size(path) > 0, lambda: tf.constant("No path was given: the vector of paths is empty."), path)
    # A path holds no NUL, or `_matching` refuses it.
    joined = tf.autograph.experimental.do_not_convert(lambda p: tf.strings.reduce_join(_matching(p), separator="\0"))
    return tf.strings.split(tf.map_fn(joined, path, parallel_iterations=1), "\0").values


def _matching(path: Tensor) -> Tensor:
    """The files of one path."""
    path = gate(is_regular(path), lambda: no_file(path), fresh(path))

    def files() -> Tensor:
        literal, _ = attempt(_listed, escaped(path))
        found, reachable = tf.cond(tf.equal(literal, ""), lambda: attempt(_listed, path), lambda: (path, True))
        reason = tf.where(
            reachable, "no file matches this pattern. Check it; a relative one starts at the working directory of the "
            "process.", _UNREACHABLE
        )
        with tf.control_dependencies([refuse_unless(found != "", lambda: tf.strings.join([path, ": ", reason]))]):
            return tf.strings.split(found, "\0")

    is_pattern = tf.not_equal(tf.strings.regex_replace(path, r"[*?\[]", ""), path)
    return tf.ensure_shape(tf.cond(is_pattern, files, lambda: path[None]), [None])


def _listed(pattern: Tensor) -> Tensor:
    return tf.strings.reduce_join(tf.io.matching_files(pattern), separator="\0")


def is_regular(path: Tensor) -> Tensor:
    """Whether a path may be opened by its name: bool scalar."""
    # A device would be read for ever, and the file system would cut a path at a NUL and open another file.
    special = tf.strings.regex_full_match(path, _SPECIAL) & ~tf.strings.regex_full_match(path, _SHARED_MEMORY)
    return ~special & tf.equal(tf.strings.regex_replace(path, r"\x00", ""), path)


def attempt(function: Any, value: Tensor, nothing: Tensor | str = "") -> tuple[Tensor, Tensor]:
    """Runs a function of one tensor that may fail, and says whether it did.

    Args:
      function: a graph function from a tensor to a string scalar, or one of the rank of `nothing`.
      value: its argument.
      nothing: what stands for the result if it fails.

    Returns:
      The result and a bool scalar, whether the function succeeded.
    """
    nothing = tf.convert_to_tensor(nothing)
    if tf.executing_eagerly():
        try:
            return function(value), tf.constant(True)
        except (tf.errors.OpError, UnicodeDecodeError):  # the latter of a message that holds a path of any bytes
            return nothing, tf.constant(False)
    # A dataset is the one place where a graph can survive a failing op.
    careful = tf.autograph.experimental.do_not_convert(lambda v: (function(v), True))
    tried = tf.data.Dataset.from_tensors(value).map(careful).ignore_errors()
    failed = tf.data.Dataset.from_tensors((nothing, False))
    return plain(tried.concatenate(failed).take(1)).get_single_element()


def plain(data: tf.data.Dataset) -> tf.data.Dataset:
    """A dataset without tf.data's own optimisations, which take longer than a short read and help no long one."""
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    return data.with_options(options)


def escaped(path: Tensor) -> Tensor:
    """A path as a pattern that matches nothing but itself."""
    return tf.strings.regex_replace(path, r"([\[\]*?\\])", r"\\\1")


def no_file(path: Tensor) -> Tensor:
    """The message for a path that is not regular."""
    said = ": no regular file: it lies in /dev or /proc, or its name holds a NUL. Give the path of a file."
    return tf.strings.join([printable(path, 400), said])


def unreadable(path: Tensor) -> Tensor:
    """The message for a file that could not be read."""
    # Looking for the file fails, rather than finding none, where there is no such file system.
    count, reachable = attempt(lambda p: tf.strings.as_string(tf.size(tf.io.matching_files(p))), escaped(path))
    reason = tf.where(
        tf.equal(count, "0"),
        "no such file. Check the path; a relative one starts at the working directory of the process.",
        "cannot be read: it is a directory, or reading it is not permitted. Give the path of a readable file.",
    )
    shown = tf.where(tf.equal(path, ""), "''", path)
    return tf.strings.join([shown, ": ", tf.where(reachable, reason, _UNREACHABLE)])
