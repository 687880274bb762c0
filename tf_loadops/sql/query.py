"""The text of a query: one SELECT, its parameters bound, its names unmistakably names.

SQLite reads `"no such column"` as a text, runs the first of several statements, and takes a parameter that nobody bound
for NULL. Here the text is cut into SQLite's own tokens first, so that quotes, comments and parameters are told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.errors import gate, printable, utf8

Tensor = Any

_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]"""
_COMMENT = r"--[^\n]*|/\*(?:[^*]|\*+[^*/])*(?:\*+/|\**\z)"
_WORD = r"[\pL_][\pL\pN_$]*|[0-9][\pL\pN_$.]*"
_PARAMETER = r"[:@$#][\pL\pN_$:]+|\?[0-9]*"
_TOKEN = f"({_QUOTED}|{_COMMENT}|{_WORD}|{_PARAMETER})"


def bound(query: Tensor, path: Tensor, names: Sequence[str] = (), literals: Tensor | None = None) -> Tensor:
    """Checks a query and puts values in the places of its parameters.

    Args:
      query: string scalar.
      path: string scalar, the database, for messages.
      names: the parameters' names, without the colon.
      literals: string [names], an SQL literal for each.

    Returns:
      string scalar: a SELECT without comments and semicolon, in which `"name"` is written as a name.

    Raises:
      tf.errors.InvalidArgumentError: at run time, if it is not one SELECT, or its parameters are not these.
    """
    is_text = tf.equal(utf8(tf.strings.regex_replace(query, r"\x00", "")), query)
    query = gate(is_text, lambda: refused(path, query, "is not UTF-8 text, or holds a NUL. Correct it"), query)
    # NUL is in no query now: it marks where tokens begin and end, so that every second piece is one.
    pieces = tf.strings.split(tf.strings.regex_replace(query, _TOKEN, "\0\\1\0"), "\0")
    is_token = tf.equal(tf.range(tf.size(pieces)) % 2, 1)
    is_comment = is_token & tf.strings.regex_full_match(pieces, r"(?s)(?:--|/\*).*")

    between = tf.where(is_comment, " ", tf.where(is_token, "x", pieces))
    is_one = tf.strings.regex_full_match(tf.strings.reduce_join(between), r"(?s)[^;]*;?[\s;]*")
    is_name = is_token & tf.strings.regex_full_match(pieces, '(?s)".*')
    which = tf.equal(pieces[:, None], tf.constant([f":{name}" for name in names], tf.string)) & is_token[:, None]
    is_used, is_bound = tf.reduce_any(which, axis=0), tf.reduce_any(which, axis=1)
    is_strange = is_token & tf.strings.regex_full_match(pieces, r"(?s)[:@$#?].*") & ~is_bound

    written = tf.where(is_comment, " ", tf.where(is_name, _as_name(pieces), pieces))
    if literals is not None:
        value = tf.strings.join([" ", tf.gather(literals, tf.argmax(which, axis=1)), " "])
        written = tf.where(is_bound, value, written)
    text = tf.strings.regex_replace(tf.strings.reduce_join(written), r"[\s;]+\z", "")
    is_select = tf.strings.regex_full_match(text, r"(?i)\s*(?:select|with|values)\b\C*")

    def stop() -> Tensor:
        several = refused(path, query, "holds more than one statement. Give one SELECT")
        other = refused(path, query, "is no SELECT, and nothing else is run. Give one")
        strange = _unbound(path, query, tf.concat([pieces[is_strange], [""]], axis=0)[0], names)
        last = tf.where(tf.reduce_any(is_strange), strange, unused(path, query, names, is_used))
        return tf.where(is_one, tf.where(is_select, last, other), several)

    return gate(is_one & is_select & ~tf.reduce_any(is_strange) & tf.reduce_all(is_used), stop, text)


def shown(query: Tensor) -> Tensor:
    """A query as messages show it: in one line, of limited length."""
    return printable(tf.strings.strip(tf.strings.regex_replace(query, r"\s+", " ")), 300)


def _as_name(pieces: Tensor) -> Tensor:
    """From "name" to `name`, which SQLite never takes for a text."""
    inner = tf.strings.regex_replace(tf.strings.regex_replace(pieces, r'(?s)^"(.*)"\z', r"\1"), '""', '"')
    return tf.strings.join(["`", tf.strings.regex_replace(inner, "`", "``"), "`"])


def refused(path: Tensor, query: Tensor, said: str) -> Tensor:
    """The message for a query that is not run."""
    return tf.strings.join([path, ": the query ", said, ": ", shown(query)])


def _unbound(path: Tensor, query: Tensor, parameter: Tensor, names: Sequence[str]) -> Tensor:
    held = f"params holds {', '.join(names)}" if names else "params holds nothing"
    said = f", and {held}. Pass params={{name: value}} for parameters that are written :name"
    return tf.strings.join([path, ": the query has the parameter ", parameter, said, ": ", shown(query)])


def unused(path: Tensor, query: Tensor, names: Sequence[str], is_used: Tensor) -> Tensor:
    """The message for a parameter that the query does not have."""
    name = tf.gather(tf.constant([*map(repr, names), ""]), tf.argmax(~tf.concat([is_used, [False]], axis=0)))
    said = ", but the query has no parameter of this name. Correct one of them: "
    return tf.strings.join([path, ": params holds ", name, said, shown(query)])
