"""What must hold of a file before tensorflow-io may open it.

Its reader is an old Parquet C++ whose exceptions nobody catches: what it does not know, or finds malformed, ends the
process, already when a file is opened; and it hands out shifted values where there are nulls. So whatever it is not
known to read right is refused here. What the pages hold is not looked at.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.compiled import PURE, call, in_flight
from tf_loadops.errors import gate, printable
from tf_loadops.parquet import codecs
from tf_loadops.parquet import leaves as k
from tf_loadops.parquet.footer import Footer
from tf_loadops.parquet.messages import ENCODING_NAMES
from tf_loadops.parquet.pages import DATA, DATA_V2, DICTIONARY, read_page
from tf_loadops.parquet.plan import Plan
from tf_loadops.parquet.tfio_types import new_orders, readable_types
from tf_loadops.parquet.thrift import Tokens, path_of, read_struct
from tf_loadops.schema import Schema

Tensor = Any

_PLAIN, _PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY = 0, 2, 3, 8  # Encodings
_DICTIONARIES = (_PLAIN_DICTIONARY, _RLE_DICTIONARY)
# What is wrong with a page.
_OK, _BAD_HEADER, _BAD_ENCODING, _NO_VALUES, _BAD_TYPE, _BAD_COUNT, _BAD_SIZE, _BAD_LEVELS = range(8)
_GROUP, _CHUNK, _META = (4, 0), (4, 0, 1, 0), (4, 0, 1, 0, 3)
# Fields that it ends the process without.
_OF_THE_FILE = ((1,), (2,), (3,), (4,))
_OF_A_GROUP = ((*_GROUP, 1), (*_GROUP, 2), (*_GROUP, 3))
_OF_A_CHUNK = ((*_CHUNK, 2), *((*_META, i) for i in (1, 2, 3, 4, 5, 6, 7, 9)))


def guarded(file: Tensor, footer: Footer, plan: Plan, schema: Schema, path: Tensor) -> Tensor:
    """Refuses a file that tensorflow-io is not known to read right.

    Args:
      file: string scalar, the whole file.
      footer: its footer.
      plan: of all its row groups.
      schema: the columns that are read.
      path: string scalar, the file's path.

    Returns:
      The path, for tensorflow-io.

    Raises:
      tf.errors.InvalidArgumentError: at run time, naming the column and what is the matter with it.
    """
    path = _check_footer(file, footer, path)
    path = _check_columns(footer, plan, schema, path)
    return _check_pages(file, footer, plan, schema, path)


def _check_footer(file: Tensor, footer: Footer, path: Tensor) -> Tensor:
    """What tensorflow-io looks at to open a file: all of the schema, and the fields that must be there."""
    length = tf.strings.length(file) - 8 - footer.end
    tokens = read_struct(tf.strings.substr(file, footer.end, length))
    known, is_leaf = readable_types(tokens)
    groups = tf.size(footer.rows)
    chunks = groups * tf.size(footer.leaves.kind)
    there = _times(tokens, _OF_THE_FILE, 1) & _times(tokens, _OF_A_GROUP, groups) & _times(tokens, _OF_A_CHUNK, chunks)
    some = tf.reduce_all(footer.rows > 0)  # the chunks of a row group without rows may be anywhere

    def of_no_column(said: str) -> Any:
        return lambda: _refusal(path, said)

    path = gate(there, of_no_column("its footer lacks fields"), path)
    path = gate(some, of_no_column("it has a row group without rows"), path)
    fine = tf.reduce_all(known | is_leaf)
    path = gate(fine, of_no_column("a group of its columns has a type of its own"), path)
    bad = ~tf.boolean_mask(known, is_leaf)
    new = new_orders(tokens, tf.size(bad))

    def of_a_leaf(where: Tensor, said: str) -> Any:
        def message() -> Tensor:
            name = footer.leaves.name[tf.argmax(tf.cast(where, tf.int32))]
            return _refusal(path, "column '", printable(name, 200), f"': {said}")

        return message

    path = gate(~tf.reduce_any(bad), of_a_leaf(bad, "its logical type is new, or does not fit its values"), path)
    return gate(~tf.reduce_any(new), of_a_leaf(new, "its values are ordered in a new way"), path)


def _times(tokens: Tokens, paths: tuple[tuple[int, ...], ...], times: Any) -> Tensor:
    """Whether each of these fields is there so many times."""
    wanted = tf.constant([path_of(*one) for one in paths], tf.int64)
    found = tf.reduce_sum(tf.cast(tf.equal(tokens.path[:, None], wanted), tf.int32), axis=0)
    return tf.reduce_all(tf.equal(found, times))


def _check_columns(footer: Footer, plan: Plan, schema: Schema, path: Tensor) -> Tensor:
    """What the footer says of the columns that are read."""
    names, labels = tf.constant(schema.names), tf.constant([repr(name) for name in schema.names])
    at = tf.argmax(tf.equal(footer.leaves.name[None], names[:, None]), axis=1, output_type=tf.int32)
    chunks = tf.nest.map_structure(lambda part: tf.gather(part, at, axis=1), footer.chunks)
    kind, codec = plan.column.kind, plan.codec
    fixed = tf.equal(kind, k.DECIMAL) | tf.equal(kind, k.FIXED) | tf.equal(kind, k.HALF) | tf.equal(kind, k.INT96)
    end = tf.cast(footer.end, tf.int64)
    fits = (chunks.start >= 4) & (chunks.size > 0) & (chunks.size <= end - chunks.start)
    required = tf.equal(plan.column.definition, 0)
    unread = ~tf.equal(codec, codecs.NONE) & ~tf.equal(codec, codecs.SNAPPY)
    codec_names = tf.gather(tf.constant(codecs.NAMES), tf.clip_by_value(codec, 0, len(codecs.NAMES) - 1))
    kinds = tf.where(tf.equal(kind, k.FIXED), "bytes of a fixed length", tf.gather(tf.constant(k.KINDS), kind))
    kinds = tf.where(tf.equal(kind, k.DECIMAL), "decimals of bytes", kinds)

    def any_of(mask: Tensor) -> Tensor:
        return tf.reduce_any(mask, axis=0)

    checks = (
        (fixed, tf.strings.join(["its values are ", kinds])),
        (plan.column.definition > 1, "it lies in a group that may be null"),
        (any_of(chunks.nulls > 0) & ~required, "it has nulls"),
        (any_of(chunks.nulls < 0) & ~required, "the file does not say whether it has nulls"),
        (any_of(unread), tf.strings.join(["it is compressed by ", _first(unread, codec_names)])),
        (any_of(~fits), "its pages are not where the footer says"),
    )
    for bad, said in checks:

        def message(bad: Tensor = bad, said: Any = said, path: Tensor = path) -> Tensor:
            i = tf.argmax(tf.cast(bad, tf.int32))
            return _refusal(path, "column ", labels[i], ": ", said if isinstance(said, str) else said[i])

        path = gate(~tf.reduce_any(bad), message, path)
    return path


def _first(mask: Tensor, texts: Tensor) -> Tensor:
    """For each column the text of its first row group that the mask holds for."""
    columns = tf.shape(mask)[1]
    at = tf.argmax(tf.concat([tf.cast(mask, tf.int32), tf.ones([1, columns], tf.int32)], 0), axis=0)
    full = tf.concat([texts, tf.fill([1, columns], "")], 0)
    return tf.gather(tf.transpose(full), at, axis=1, batch_dims=1)


class _Walk(NamedTuple):
    """What the headers of a chunk's pages say: int32 scalars, what is wrong, with which page, and its encoding."""

    trouble: Tensor
    page: Tensor
    encoding: Tensor


def _check_pages(file: Tensor, footer: Footer, plan: Plan, schema: Schema, path: Tensor) -> Tensor:
    names, labels = tf.constant(schema.names), tf.constant([repr(name) for name in schema.names])
    width = len(schema)
    total = tf.size(plan.rows) * width
    at = tf.argmax(tf.equal(footer.leaves.name[None], names[:, None]), axis=1, output_type=tf.int32)
    size = tf.cast(tf.gather(footer.chunks.size, at, axis=1), tf.int32)

    def body(i: Tensor, found: Any) -> Any:
        g, c = i // width, i % width
        start = plan.start[g, c]
        walk = call(
            _walk, file, start, start + size[g, c], plan.rows[g], plan.codec[g, c], plan.column.kind[c],
            plan.column.width[c], plan.column.definition[c], now=True, how=PURE,
        )
        return i + 1, found.write(i, tf.stack([*walk, g, c]))

    array = tf.TensorArray(tf.int32, total, element_shape=[5])
    path = tf.identity(path)
    with tf.control_dependencies([path]):  # the footer was found to be sound
        found = tf.while_loop(lambda i, _: i < total, body, (tf.constant(0), array), parallel_iterations=in_flight())
    found = tf.reshape(found[1].stack(), [-1, 5])

    def message() -> Tensor:
        trouble, page, encoding, group, column = tf.unstack(found[tf.argmax(found[:, 0] > 0)], num=5)
        last = len(ENCODING_NAMES)
        name = tf.gather(
            tf.constant([*ENCODING_NAMES, "of no known name"]),
            tf.where((encoding < 0) | (encoding >= last), last, encoding),
        )
        reasons = tf.stack([
            "", "the page's header cannot be read, or the page is not where it says",
            tf.strings.join(["the page's encoding is ", name]), "the page holds no values",
            "the page is of a kind, or in a place, of its own", "the pages hold another number of values than the "
            "footer says", "the page has other bytes than its values take",
            "the page's definition levels are in an old encoding",
        ])
        number = tf.strings.as_string
        where = ["row group ", number(group), ", column ", labels[column], ", page ", number(page), ": "]
        return _refusal(path, *where, reasons[trouble])

    return gate(tf.reduce_all(tf.equal(found[:, 0], _OK)), message, path)


def _walk(
    file: Tensor, start: Tensor, end: Tensor, count: Tensor, codec: Tensor, kind: Tensor, width: Tensor,
    definition: Tensor,
) -> _Walk:
    is_bool, is_text = tf.equal(kind, k.BOOL), tf.equal(kind, k.TEXT)

    def goes_on(i: Tensor, at: Tensor, done: Tensor, dictionary: Tensor, trouble: Tensor, encoding: Tensor) -> Tensor:
        return (done < count) & tf.equal(trouble, _OK)

    def step(i: Tensor, at: Tensor, done: Tensor, dictionary: Tensor, trouble: Tensor, encoding: Tensor) -> Any:
        page = read_page(file, at, end)
        is_data = tf.equal(page.type, DATA) | tf.equal(page.type, DATA_V2)
        is_dictionary = tf.equal(page.type, DICTIONARY)
        coded = tf.equal(page.encoding, _DICTIONARIES[0]) | tf.equal(page.encoding, _DICTIONARIES[1])
        plain = tf.equal(page.encoding, _PLAIN)
        known = tf.where(is_data, plain | (coded & dictionary), plain | tf.equal(page.encoding, _PLAIN_DICTIONARY))
        # Older levels than run lengths it may read, but nobody has seen it do so.
        leveled = ~tf.equal(page.type, DATA) | tf.equal(definition, 0) | tf.equal(page.levels, _RLE)
        in_place = is_data | (is_dictionary & ~dictionary & tf.equal(done, 0))
        values = tf.cast(page.values, tf.int64)
        least = tf.where(is_bool, (values + 7) // 8, values * tf.cast(tf.where(is_text, 4, width), tf.int64))
        least = tf.where(coded & is_data, tf.constant(1, tf.int64), least)
        least += tf.cast(page.definition + page.repetition, tf.int64)
        bare = tf.equal(codec, codecs.NONE) | tf.equal(page.compressed, 0)
        fits = (tf.cast(page.decompressed, tf.int64) >= least) & (~bare | tf.equal(page.size, page.decompressed))
        found = tf.constant(_OK)
        for holds, code in (
            (fits, _BAD_SIZE), (page.values <= count - done, _BAD_COUNT), (page.values > 0, _NO_VALUES),
            (leveled, _BAD_LEVELS), (known, _BAD_ENCODING), (in_place, _BAD_TYPE), (page.ok, _BAD_HEADER),
        ):  # fmt: skip
            # A dictionary has a number of values of its own.
            checked = holds | (is_dictionary if code in (_BAD_COUNT, _NO_VALUES) else False)
            found = tf.where(checked, found, code)
        done += tf.where(is_data, page.values, 0)
        return i + 1, page.at + page.size, done, dictionary | is_dictionary, found, page.encoding

    zero = tf.constant(0)
    state = (zero, start, zero, tf.constant(False), tf.constant(_OK), zero)
    i, _, _, _, trouble, encoding = tf.while_loop(goes_on, step, state, parallel_iterations=1)
    return _Walk(trouble, i - 1, encoding)


def _refusal(path: Tensor, *said: Any) -> Tensor:
    return tf.strings.join([path, ": ", *said, ', which tensorflow-io does not read right. Use engine="native".'])
