"""What a read of a database says when it refuses: where, what was found, what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.blocks import groups_of
from tf_loadops.errors import printable
from tf_loadops.schema import Schema
from tf_loadops.sql.options import Options
from tf_loadops.sql.query import shown
from tf_loadops.sql.rows import PROBE, Fetched, raised, runs, text_of
from tf_loadops.sql.select import around, doubles, quoted, value_of
from tf_loadops.sql.values import MISSING, OK, OUT_OF_RANGE, Values

Tensor = Any

_OR_ELSE = 'or pass on_bad_row="skip" or "null".'


def bad_value(
    path: Tensor,
    opened: Tensor,
    query: Tensor,
    schema: Schema,
    parsed: Sequence[Values],
    name: Callable[[Tensor], Tensor] = lambda row: _join("row ", tf.strings.as_string(row + 1)),
) -> Tensor:
    """The message for the first value that cannot be represented.

    Args:
      path: string scalar.
      opened: string scalar, the URI, to look the value up once more.
      query: string scalar.
      schema: the columns.
      parsed: their values by group; one of them has a trouble.
      name: what the message calls a row, by its index.

    Returns:
      string scalar.
    """

    def found(row: Tensor, column: Tensor) -> Tensor:
        value = tf.gather(tf.constant([value_of(c) for c in schema]), column)
        shows = _join("typeof(", value, ") || ' ' || substr(quote(", value, "), 1, 80)")
        return text_of(opened, around(query, shows, tail=_join("LIMIT 1 OFFSET ", tf.strings.as_string(row))))

    return bad_value_found(path, schema, parsed, found, name)


def bad_value_found(
    path: Tensor,
    schema: Schema,
    parsed: Sequence[Values],
    found: Callable[[Tensor, Tensor], Tensor],
    name: Callable[[Tensor], Tensor] = lambda row: _join("row ", tf.strings.as_string(row + 1)),
) -> Tensor:
    """As `bad_value`, where something else knows what was found.

    Args:
      path: string scalar.
      schema: the columns.
      parsed: their values by group; one of them has a trouble.
      found: type and value, in words, by the indices of row and column.
      name: what the message calls a row, by its index.

    Returns:
      string scalar.
    """
    order = [i for group in groups_of(schema) for i in group]
    trouble = tf.concat([part.trouble for part in parsed], axis=1)
    trouble = tf.gather(trouble, [order.index(i) for i in range(len(order))], axis=1)
    row, column = tf.unstack(tf.where(tf.not_equal(trouble, OK))[0], num=2)
    label = tf.gather(tf.constant([repr(c.name) for c in schema]), column)
    dtype = tf.gather(tf.constant([c.dtype for c in schema]), column)
    value = printable(found(row, column), 80)
    code = trouble[row, column]
    said = tf.where(
        tf.equal(code, MISSING),
        _join(
            "the value is NULL, and no ", dtype, " stands for that. Declare a default, Column(", label, ", '", dtype,
            "', default=...), or a float dtype, ",
        ),
        tf.where(
            tf.equal(code, OUT_OF_RANGE),
            _join(value, " is out of range for ", dtype, ". Declare a wider dtype, correct the value, "),
            _join("cannot read ", value, " as ", dtype, ". Correct the value, CAST it in the query, "),
        ),
    )
    where = _join(path, ": ", name(row), ", column ", label, ": ")
    return _join(where, said, _OR_ELSE, f" (The schema was {schema.origin}.)" if schema.origin else "")


def no_result(path: Tensor, asked: Tensor, query: Tensor, options: Options, fetched: Fetched) -> Tensor:
    """The message for a statement that did not run to its end; where SQLite gives the reason, it stops the graph.

    Args:
      path: string scalar.
      asked: string scalar, the query as the caller wrote it.
      query: string scalar, the query as it is run.
      options: how it was read.
      fetched: what came of it.

    Returns:
      string scalar.
    """
    seconds = f"{options.lock_timeout:g} seconds"
    locked = _join(
        path, f": locked: another process has been writing to it for {seconds}, or one that died while writing left a "
        "journal beside it. Try again later, or pass a longer lock_timeout; if nobody writes, open it once with the "
        "sqlite3 shell, which brings it back to a whole state.",
    )
    return tf.cond(fetched.locked, lambda: locked, lambda: _failed(path, asked, query, options, fetched.opened))


def _failed(path: Tensor, asked: Tensor, query: Tensor, options: Options, opened: Tensor) -> Tensor:
    schema = options.schema
    labels = tf.constant([repr(column.name) for column in schema])

    def each(expressions: Sequence[str]) -> Tensor:
        """Which of the expressions can be selected from the query."""
        statements = around(query, tf.constant(list(expressions)), tail="LIMIT 0")
        tried = tf.data.Dataset.from_tensor_slices(statements).map(lambda s: runs(opened, s))
        return tried.batch(len(expressions)).get_single_element()

    def lacking_or_twice() -> Tensor:
        has, again = each([value_of(c) for c in schema]), each(list(map(quoted, doubles(schema.names, options.known))))
        lacks = "the query does not return it. Correct the schema, or the query: "
        twice = "the query returns it more than once, and nobody can tell which is meant. Rename the others with AS: "
        said = tf.where(tf.reduce_all(has), twice, lacks)
        label = labels[tf.where(tf.reduce_all(has), tf.argmax(again), tf.argmax(~has))]
        by_name = _join(path, ": column ", label, ": ", said, shown(asked))
        every = [value_of(column) for column in schema]
        return tf.cond(tf.reduce_all(has) & ~tf.reduce_any(again), lambda: reason(every), lambda: by_name)

    def reason(expressions: Sequence[str]) -> Tensor:
        """SQLite repeats the statement that it could not run, with its comments: the one way to add to its words."""
        said = _join("/* said SQLite of ", path, ", asked: ", shown(asked))
        said = _join(tf.strings.regex_replace(said, r"\*/", "* /"), ". Correct the query, or the path. */ ")
        statement = _join(said, around(query, ", ".join(expressions)))
        with tf.control_dependencies([raised(opened, statement, (tf.string,) * len(expressions))]):
            return _join(path, ": it failed at first, and then did not: it changes while it is read. Call again.")

    damaged = ": the SQLite file is damaged or cut short: SQLite can read nothing of it. Fetch or write the file again."
    is_sound = runs(opened, around(query, "1", tail="LIMIT 0"))
    return tf.case(
        [(~runs(opened, PROBE), lambda: _join(path, damaged)), (is_sound, lacking_or_twice)],
        default=lambda: reason(["1"]),
    )


def _join(*parts: Any) -> Tensor:
    return tf.strings.join(list(parts))
