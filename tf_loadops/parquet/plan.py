"""Which chunks of a file are read, and whether they can be: the columns asked for, against what the footer says."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.errors import gate, printable
from tf_loadops.parquet import codecs
from tf_loadops.parquet.footer import DAMAGED, Chunks, Footer
from tf_loadops.parquet.leaves import KINDS, UNIT_NAMES
from tf_loadops.parquet.options import Options
from tf_loadops.parquet.values import Column, readable

Tensor = Any


class Plan(NamedTuple):
    """What is to be read.

    Attributes:
      groups: int32 [groups], the numbers of the row groups.
      rows: int32 [groups], how many rows each has.
      column: a `values.Column` of [columns], in the order of the schema.
      start: int32 [groups, columns], where a chunk's first page begins.
      codec: int32 [groups, columns].
      end: int32 scalar, where the pages end.
    """

    groups: Tensor
    rows: Tensor
    column: Column
    start: Tensor
    codec: Tensor
    end: Tensor


def make_plan(footer: Footer, options: Options, path: Tensor) -> Plan:
    """Finds the columns and row groups asked for.

    Args:
      footer: of the file.
      options: what is asked for.
      path: string scalar, what messages call the file.

    Returns:
      The plan.

    Raises:
      tf.errors.InvalidArgumentError: at run time, if a column is not in the file, cannot be read as its dtype, is
        compressed in an unknown way, or a chunk of it is not where pages can be.
    """
    schema, leaves = options.schema, footer.leaves
    same = tf.equal(leaves.name[None], tf.constant(schema.names)[:, None])
    times = tf.reduce_sum(tf.cast(same, tf.int32), axis=1)
    labels = tf.constant([repr(name) for name in schema.names])
    at = tf.where(tf.equal(times, 1), tf.argmax(same, axis=1, output_type=tf.int32), 0)
    at = gate(tf.reduce_all(tf.equal(times, 1)), lambda: _not_found(path, labels, times, leaves.name, schema.names), at)
    leaf = tf.nest.map_structure(lambda part: tf.gather(part, at), leaves)
    column = Column(leaf.kind, leaf.width, leaf.scale, leaf.definition)

    fits = tf.concat([readable(Column(*(p[i : i + 1] for p in column)), c.dtype) for i, c in enumerate(schema)], 0)
    dtypes = tf.constant([c.dtype for c in schema])
    wanted = tf.constant([UNIT_NAMES.index(c.unit) if c.unit in UNIT_NAMES else -1 for c in schema])
    declared = tf.constant([c.unit or "" for c in schema])
    units = tf.equal(declared, "") | tf.equal(leaf.unit, 0) | tf.equal(wanted, leaf.unit)
    flat = tf.equal(leaf.repetition, 0)

    def refused(ok: Tensor, *said: Any) -> Any:
        def message() -> Tensor:
            i = tf.argmin(tf.cast(ok, tf.int32))
            parts = [part[i] if isinstance(part, tf.Tensor) else part for part in said]
            return tf.strings.join([path, ": column ", labels[i], ": ", *parts])

        return message

    kinds = tf.gather(tf.constant(list(KINDS) + ["of an unknown type"]), tf.where(leaf.kind < 0, len(KINDS), leaf.kind))
    file_units = tf.gather(tf.constant(UNIT_NAMES), leaf.unit)
    lists = "it is a list or a map, or lies in one, which has no one value a row. Read other columns, or write the file "
    lists += "with one value a row."
    at = gate(tf.reduce_all(flat), refused(flat, lists), at)
    message = refused(fits, "its values are ", kinds, ", which cannot be read as ", dtypes, ". Correct the schema's dtype.")
    at = gate(tf.reduce_all(fits), message, at)
    message = refused(units, "it counts ", file_units, ", and the schema says ", declared, ". Correct the schema's unit.")
    at = gate(tf.reduce_all(units), message, at)
    return _located(footer, at, column, labels, options, path)


def _located(footer: Footer, at: Tensor, column: Column, labels: Tensor, options: Options, path: Tensor) -> Plan:
    count = tf.size(footer.rows)
    groups = tf.range(count) if options.row_groups is None else tf.constant(options.row_groups)
    there = tf.reduce_all(groups < count)

    def beyond() -> Tensor:
        number = tf.reduce_max(groups)
        return tf.strings.join(
            [path, ": it has no row group ", tf.strings.as_string(number), ", for it has ", tf.strings.as_string(count),
             ", counted from 0. Correct row_groups."]
        )

    groups = gate(there, beyond, groups)
    rows = tf.gather(footer.rows, groups)
    chunks = Chunks(*(tf.gather(tf.gather(part, groups), at, axis=1) for part in footer.chunks))
    known = codecs.readable(tf.clip_by_value(chunks.codec, -1, 99))
    here = (chunks.elsewhere < 0) & (chunks.encrypted < 0) & (chunks.type >= 0)
    limit = tf.cast(footer.end, tf.int64)
    sound = tf.equal(chunks.values, rows[:, None])
    # A chunk of no rows needs no page.
    sound &= tf.equal(chunks.values, 0) | ((chunks.start >= 4) & (chunks.start < limit))

    def refused(ok: Tensor, said: Any) -> Any:
        def message() -> Tensor:
            group, i = tf.unstack(tf.where(~ok)[0], num=2)
            number = tf.strings.as_string(tf.gather(groups, group))
            return tf.strings.join([path, ": row group ", number, ", column ", labels[i], ": ", said(group, i)])

        return message

    def unknown(group: Tensor, i: Tensor) -> Tensor:
        code = chunks.codec[group, i]
        names = tf.constant([*codecs.NAMES, "a codec of no known name"])
        name = tf.gather(names, tf.where((code < 0) | (code >= len(codecs.NAMES)), len(codecs.NAMES), tf.cast(code, tf.int32)))
        can = "none, snappy, gzip and lz4_raw" + (" and zstd" if codecs.has_zstd() else "")
        return tf.strings.join(
            ["it is compressed by ", name, f", which this TensorFlow does not have. Write it with one of {can}."]
        )

    elsewhere = "its pages are encrypted, or in another file, which is not read. Write it into one file, unencrypted."
    start = gate(tf.reduce_all(here), refused(here, lambda *_: elsewhere), chunks.start)
    start = gate(tf.reduce_all(known), refused(known, unknown), start)
    start = gate(
        tf.reduce_all(sound), refused(sound, lambda *_: "its pages are not where the footer says." + DAMAGED), start
    )
    return Plan(
        groups, tf.cast(rows, tf.int32), column, tf.cast(start, tf.int32), tf.cast(chunks.codec, tf.int32), footer.end
    )


def _not_found(path: Tensor, labels: Tensor, times: Tensor, names: Tensor, wanted: list[str]) -> Tensor:
    i = tf.argmax(tf.cast(~tf.equal(times, 1), tf.int32))
    prefix = tf.strings.join([tf.constant(wanted)[i], "."])
    inside = tf.reduce_any(tf.equal(tf.strings.substr(names, 0, tf.strings.length(prefix)), prefix))
    shown = printable(tf.strings.reduce_join(names[:20], separator=", "), 400)
    reason = tf.where(
        times[i] > 1,
        "the file has several columns of this name, and nobody can tell which is meant. Write it with other names.",
        tf.where(
            inside,
            tf.strings.join(["it is a group of columns, not one. Name a column in it; the file has: ", shown, "."]),
            tf.strings.join(["the file has no such column; it has: ", shown, ". Correct the schema, or the path."]),
        ),
    )
    return tf.strings.join([path, ": column ", labels[i], ": ", reason])
