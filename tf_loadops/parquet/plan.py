"""Which chunks of a file are read, and whether they can be: the columns asked for, against what the footer says."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.errors import gate_all, printable
from tf_loadops.parquet import codecs
from tf_loadops.parquet.footer import DAMAGED, Chunks, Footer
from tf_loadops.parquet.leaves import DECIMAL, KINDS, UNIT_NAMES, Leaves
from tf_loadops.parquet.options import Options
from tf_loadops.parquet.room import of_rows, there_is, too_large
from tf_loadops.parquet.values import WIDEST_DECIMAL, Column, readable

Tensor = Any


class Plan(NamedTuple):
    """What is to be read.

    Attributes:
      groups: int32 [groups], the numbers of the row groups.
      rows: int32 [groups], how many rows each has.
      column: a `values.Column` of [columns], in the order of the schema.
      start: int32 [groups, columns], where a chunk's first page begins.
      end: int32 [groups, columns], where its last page ends.
      codec: int32 [groups, columns].
    """

    groups: Tensor
    rows: Tensor
    column: Column
    start: Tensor
    end: Tensor
    codec: Tensor


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
    labels = tf.constant([repr(name) for name in schema.names])
    same = tf.equal(leaves.name[None], tf.constant(schema.names)[:, None])
    times = tf.reduce_sum(tf.cast(same, tf.int32), axis=1)
    # A column that is not there is taken to be one behind the last, which means nothing, and which nobody sees.
    spare = Leaves(*(tf.concat([part, tf.zeros([1], part.dtype)], 0) for part in leaves))
    at = tf.argmax(tf.pad(same, [[0, 0], [0, 1]]), axis=1, output_type=tf.int32)
    at = tf.where(tf.equal(times, 1), at, tf.size(leaves.kind))
    leaf = Leaves(*(tf.gather(part, at) for part in spare))
    column = Column(leaf.kind, leaf.width, leaf.scale, leaf.definition)
    dtypes = [c.dtype for c in schema]
    declared = tf.constant([c.unit or "" for c in schema])
    unit = tf.gather(tf.constant(UNIT_NAMES), leaf.unit)
    flat, fits = tf.equal(leaf.repetition, 0), readable(column, dtypes)
    units = tf.equal(declared, "") | tf.equal(unit, "") | tf.equal(declared, unit)

    def refused(ok: Tensor, *said: Any) -> tuple[Tensor, Any]:
        def message() -> Tensor:
            i = tf.argmin(tf.cast(ok, tf.int32))
            parts = [part[i] if tf.is_tensor(part) else part for part in said]
            return tf.strings.join([path, ": column ", labels[i], ": ", *parts])

        return tf.reduce_all(ok), message

    lists = "it is a list or a map, or lies in one, which has no one value a row. Read other columns, or write the "
    lists += "file with one value a row."
    kinds = tf.gather(tf.constant([*KINDS, "of an unknown type"]), tf.where(leaf.kind < 0, len(KINDS), leaf.kind))
    wide = tf.equal(leaf.kind, DECIMAL) & (leaf.width > WIDEST_DECIMAL)
    kinds = tf.where(wide, tf.constant("decimals of more than 38 digits"), kinds)
    what_to_do = ". Correct the schema's dtype, or leave the column out."
    checks = [
        (tf.reduce_all(tf.equal(times, 1)), lambda: _not_found(path, labels, times, leaves.name, schema.names)),
        refused(flat, lists),
        refused(fits, "its values are ", kinds, ", which cannot be read as ", tf.constant(dtypes), what_to_do),
        refused(units, "it counts ", unit, ", and the schema says ", declared, ". Correct the schema's unit."),
    ]
    return _located(footer, at, column, labels, options, path, checks)


def _located(
    footer: Footer, at: Tensor, column: Column, labels: Tensor, options: Options, path: Tensor, checks: list[Any]
) -> Plan:
    count = tf.size(footer.rows)
    groups = tf.range(count) if options.row_groups is None else tf.constant(options.row_groups)
    there = tf.reduce_all(groups < count)

    def beyond() -> Tensor:
        number = tf.reduce_max(groups)
        return tf.strings.join(
            [path, ": it has no row group ", tf.strings.as_string(number), ", for it has ", tf.strings.as_string(count),
             ", counted from 0. Correct row_groups."]
        )

    checks = [*checks, (there, beyond)]
    safe = tf.minimum(groups, count)
    rows = tf.gather(tf.pad(footer.rows, [[0, 1]]), safe)
    spare = (tf.pad(part, [[0, 1], [0, 1]]) for part in footer.chunks)
    chunks = Chunks(*(tf.gather(tf.gather(part, safe), at, axis=1) for part in spare))
    here = (chunks.elsewhere < 0) & (chunks.encrypted < 0) & (chunks.type >= 0)
    known = codecs.readable(tf.clip_by_value(chunks.codec, -1, 99))
    sound = tf.equal(chunks.values, rows[:, None])
    # A chunk of no rows needs no page.
    # Beyond its own pages those of other columns may lie, which would pass for its own.
    limit = tf.cast(footer.end, tf.int64)
    in_file = (chunks.start >= 4) & (chunks.start < limit) & (chunks.size >= 0) & (chunks.size <= limit - chunks.start)
    sound &= tf.equal(chunks.values, 0) | in_file

    def refused(ok: Tensor, said: Any) -> tuple[Tensor, Any]:
        def message() -> Tensor:
            # All messages are built if one is needed; this one may be about nothing.
            group, i = tf.unstack(tf.concat([tf.where(~ok), tf.zeros([1, 2], tf.int64)], 0)[0], num=2)
            number = tf.strings.as_string(tf.gather(tf.concat([groups, [0]], 0), group))
            return tf.strings.join([path, ": row group ", number, ", column ", labels[i], ": ", said(group, i)])

        return tf.reduce_all(ok), message

    def unknown(group: Tensor, i: Tensor) -> Tensor:
        codes = tf.pad(tf.cast(chunks.codec, tf.int32), [[0, 1], [0, 1]])
        name = tf.gather(tf.constant([*codecs.NAMES, "a codec of no known name"]), codecs.known(codes[group, i]))
        can = "none, snappy, gzip, lz4 and lz4_raw" + (" and zstd" if codecs.has_zstd() else "")
        return tf.strings.join(
            ["it is compressed by ", name, f", which this TensorFlow does not have. Write it with one of {can}."]
        )

    total = tf.reduce_sum(rows)
    need = of_rows(total, options.schema)
    elsewhere = "its pages are encrypted, or in another file, which is not read. Write it into one file, unencrypted."
    checks += [
        refused(here, lambda *_: elsewhere),
        refused(known, unknown),
        refused(sound, lambda *_: "its pages are not where the footer says." + DAMAGED),
        (there_is(need), lambda: too_large(path, need, total, len(options.schema))),
    ]
    located = (rows, chunks.start, chunks.start + chunks.size, chunks.codec)
    rows, start, end, codec = (tf.cast(part, tf.int32) for part in located)
    plan = Plan(groups, rows, column, start, end, codec)
    return gate_all(checks, plan)


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
