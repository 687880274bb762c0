"""The text of a query for PostgreSQL: its `:name` parameters become positions, $1 and so on.

Values never come into the text, so taking a part of a quoted text for a parameter could only break the query. Two
things that no regular expression tells from others, dollar quotes and comments inside comments, are refused beside
parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.errors import gate, utf8
from tf_loadops.sql.query import refused, unused

Tensor = Any

_QUOTED = r"""[eE]'(?:[^'\\]|''|\\\C)*'|'(?:[^']|'')*'|"(?:[^"]|"")*\""""
_COMMENT = r"--[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/"
_WORD = r"[\pL_][\pL\pN_$]*|[0-9][\pL\pN_.]*"
_TOKEN = rf"({_QUOTED}|{_COMMENT}|{_WORD}|\$[\pL\pN_]*\$|::|:[\pL_][\pL\pN_]*)"


def positional(
    query: Tensor,
    where: Tensor,
    names: Sequence[str],
    vectors: Sequence[bool],
    place: Callable[[int], str] = "${}".format,
) -> Tensor:
    """Writes positions in the places of a query's parameters.

    Args:
      query: string scalar.
      where: string scalar, the label of the server, for messages.
      names: the parameters' names, without the colon.
      vectors: which of them are vectors, which stand in `IN (:name)` or `= ANY (:name)`.
      place: writes the position of a parameter, from 1 on.

    Returns:
      string scalar, without semicolons at the end.

    Raises:
      tf.errors.InvalidArgumentError: at run time, if it is no text, or does not have these parameters.
    """
    is_text = tf.equal(utf8(tf.strings.regex_replace(query, r"\x00", "")), query)
    query = gate(is_text, lambda: refused(where, query, "is not UTF-8 text, or holds a NUL. Correct it"), query)
    if names:
        query = _replaced(query, where, names, [place(i + 1) for i in range(len(names))], vectors)
    return tf.strings.regex_replace(query, r"[\s;]+\z", "")


def _replaced(
    query: Tensor, where: Tensor, names: Sequence[str], places: Sequence[str], vectors: Sequence[bool]
) -> Tensor:
    # NUL is in no query now: it marks where tokens begin and end, so that every second piece is one.
    pieces = tf.strings.split(tf.strings.regex_replace(query, _TOKEN, "\0\\1\0"), "\0")
    is_token = tf.equal(tf.range(tf.size(pieces)) % 2, 1)
    which = tf.equal(pieces[:, None], tf.constant([f":{name}" for name in names])) & is_token[:, None]
    is_used, is_bound = tf.reduce_any(which, axis=0), tf.reduce_any(which, axis=1)
    is_odd = is_token & tf.strings.regex_full_match(pieces, r"(?s)/\*.*/\*.*|\$.*\$")
    is_odd |= ~is_token & tf.strings.regex_full_match(pieces, r"(?s).*/\*.*")
    listed = [
        f" SELECT pg_catalog.unnest({place}) " if vector else place
        for place, vector in zip(places, vectors, strict=True)
    ]
    written = tf.where(is_bound, tf.gather(tf.constant(listed), tf.argmax(which, axis=1)), pieces)
    text = tf.strings.reduce_join(written)

    def stop() -> Tensor:
        odd = refused(
            where, query, "has parameters beside $quoted$ texts, or a comment inside a comment. Write '…' and plain "
            "comments",
        )
        return tf.where(tf.reduce_any(is_odd), odd, unused(where, query, names, is_used))

    return gate(tf.reduce_all(is_used) & ~tf.reduce_any(is_odd), stop, text)
