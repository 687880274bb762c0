"""In-graph refusal: one way to stop a graph with a message that says where and what to do.

TensorFlow's `Assert` escapes quotes and words its message differently in eager mode. `StringToNumber` repeats the
string it is given to the letter, in every mode, so a refusal is that op failing on the message, and an `Assert` that
consumes its result keeps it in the graph.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

Tensor = Any

# What `StringToNumber` says before the text it was given, and what TensorFlow adds behind it.
_PREFIX = "StringToNumberOp could not correctly convert string: "
# What `SqlDataset` says around SQLite's reason and the statement, which begins with a comment of `sql.messages`.
_SQLITE = re.compile(r"(?:Prepare|Step)\(\) failed: (\[\d+\] .*?: /\* said SQLite of .*? \*/)", re.DOTALL)
# What tensorflow-io says around libpq's reasons, the first of which `sql.postgres.dsn.telling` made up.
NO_CONNECTION = "No connection was made"
_LIBPQ = re.compile(
    r'Connection to database failed: (?:Unix-domain socket path "/said libpq of (.*?) where no connection was made */'
    r'.*? \(maximum \d+ bytes\)\n)?(.*?)(?:\n\t \[\[|\Z)',
    re.DOTALL,
)
_NODE = re.compile(r"(?:\n\t \[\[\{\{.*| ?\[Op:[^\]]*\](?: name: \S*)?)\Z", re.DOTALL)


class LoadError(ValueError):
    """Raised by the eager tools (schema inference, export, constructors) where a graph would refuse."""


def refuse_unless(ok: Tensor, message: Callable[[], Tensor]) -> Tensor:
    """Stops the graph with `message()` unless `ok` holds.

    The caller makes its outputs depend on the result with `tf.control_dependencies`, so that nothing computed from
    refused data can be fetched.

    Args:
      ok: bool scalar.
      message: builds the full message, a string scalar; traced once, run only when `ok` is False.

    Returns:
      A bool scalar, True; reached only if `ok` holds.

    Raises:
      tf.errors.InvalidArgumentError: at run time, with the message's text unchanged.

    Example:
      >>> bool(refuse_unless(tf.constant(True), lambda: tf.constant("never built")))
      True
    """

    def stop() -> Tensor:
        # Python could not even raise an error whose text is not UTF-8, and a path may be any bytes.
        text = utf8(message())
        number = tf.strings.to_number(text, name="refused")  # fails on any text that is no number
        # Never true, but nothing that the graph's optimiser could know without the number.
        with tf.control_dependencies([tf.debugging.Assert(tf.equal(number, number + 1.0), [text])]):
            return tf.constant(False)

    return tf.cond(ok, lambda: tf.constant(True), stop)


def gate(ok: Tensor, message: Callable[[], Tensor], value: Tensor) -> Tensor:
    """Passes `value` on once `ok` holds, and refuses with `message()` otherwise.

    Args:
      ok: bool scalar.
      message: builds the full message, a string scalar.
      value: a tensor, or a nest of tensors, that nobody may see unless `ok` holds.

    Returns:
      `value`, with the check before it.

    Raises:
      tf.errors.InvalidArgumentError: at run time, as `refuse_unless`.

    Example:
      >>> int(gate(tf.constant(True), lambda: tf.constant("never built"), tf.constant(7)))
      7
    """
    with tf.control_dependencies([refuse_unless(ok, message)]):
        return tf.nest.map_structure(tf.identity, value)


def gate_all(checks: Sequence[tuple[Tensor, Callable[[], Tensor]]], value: Tensor) -> Tensor:
    """Passes `value` on once all checks hold, and refuses with the message of the first that does not.

    Cheaper than one `gate` for each, where what is computed between them is safe whether they hold or not.

    Args:
      checks: pairs of a bool scalar and what builds the full message; if one fails, all messages are built.
      value: as in `gate`.

    Returns:
      `value`, with the checks before it.

    Raises:
      tf.errors.InvalidArgumentError: at run time, as `refuse_unless`.

    Example:
      >>> int(gate_all([(tf.constant(True), lambda: tf.constant("never built"))], tf.constant(7)))
      7
    """
    held = tf.stack([ok for ok, _ in checks])

    def first() -> Tensor:
        return tf.stack([message() for _, message in checks])[tf.argmin(tf.cast(held, tf.int32))]

    return gate(tf.reduce_all(held), first, value)


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """Leaves only the message itself of a refusal that reaches eager code.

    Raises:
      tf.errors.InvalidArgumentError: with the message alone; other errors pass unchanged.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if message_of(error) == error.message:
            raise
        raise tf.errors.InvalidArgumentError(error.node_def, error.op, message_of(error)) from None


def message_of(error: tf.errors.OpError) -> str:
    """The message of a refusal, without what TensorFlow says around it.

    Args:
      error: what a graph raised.

    Returns:
      The message passed to `refuse_unless`; the whole message of any other error.
    """
    said = _SQLITE.search(error.message)
    if said:
        return said[1]
    said = _LIBPQ.search(error.message)
    if said:
        reason = re.sub(r"\s+", " ", said[2].partition("\n\t [[")[0], flags=re.ASCII).strip()
        reason += "" if reason.endswith((".", "?")) else "."
        where = f"{said[1]}: {NO_CONNECTION[0].lower()}{NO_CONNECTION[1:]}" if said[1] else NO_CONNECTION
        return f"{where}: {reason} Check the address, the server, and what lets this user in."
    return _NODE.sub("", error.message.partition(_PREFIX)[2]) or error.message


def printable(text: Tensor, limit: int = 60) -> Tensor:
    r"""Makes a value safe to show inside one line of a message.

    Args:
      text: string tensor of any shape.
      limit: bytes kept; longer values end in `...`.

    Returns:
      A string tensor of the same shape: line ends, tabs and NUL written as escapes, bytes that are not UTF-8 as `?`.

    Example:
      >>> printable(tf.constant("a\nb")).numpy()
      b'a\\nb'
    """
    shown = tf.strings.substr(text, 0, limit)
    for raw, escape in (("\n", r"\\n"), ("\r", r"\\r"), ("\t", r"\\t"), ("\x00", r"\\0")):
        shown = tf.strings.regex_replace(shown, raw, escape)
    shown = utf8(shown)  # it may be cut in the middle of a character
    return tf.where(tf.strings.length(text) > limit, tf.strings.join([shown, "..."]), shown)


def utf8(text: Tensor) -> Tensor:
    r"""Puts `?` in place of each byte that is no part of UTF-8 text.

    Args:
      text: string tensor of any shape.

    Returns:
      A string tensor of the same shape.

    Example:
      >>> utf8(tf.constant(b"caf\xe9")).numpy()
      b'caf?'
    """
    return tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace", replacement_char=ord("?"))
