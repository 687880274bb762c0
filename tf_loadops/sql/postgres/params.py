"""Parameters as typed SQL expressions; a text comes as base64, which has no character that means anything to SQL."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.errors import utf8
from tf_loadops.sql.postgres.catalog import qualified

Tensor = Any


def typed(value: Tensor) -> tuple[str, Tensor]:
    """The SQL of a parameter.

    Args:
      value: integers, floats, bools or strings, scalar or vector.

    Returns:
      Its type, and an SQL expression of that type.

    Example:
      >>> kind, sql = typed(tf.constant("O'Hara"))
      >>> kind, sql.numpy().decode()
      ('text', "pg_catalog.convert_from(pg_catalog.decode('TydIYXJh', 'base64'), 'UTF8')")
    """
    if value.dtype == tf.string:
        return _texts(value) if value.shape.rank else _text(value)
    kind, written = _number(value)
    if value.shape.rank == 0:
        return kind, tf.strings.join(["'", written, f"'::{kind}"])
    return f"{kind}[]", tf.strings.join(["'{", tf.strings.reduce_join(written, separator=","), f"}}'::{kind}[]"])


def keys_of(keys: Tensor) -> tuple[str, Tensor]:
    """As `typed`, of a vector of keys: a text that PostgreSQL cannot hold is NULL, which no key is equal to."""
    if keys.dtype != tf.string:
        return typed(keys)
    return _texts(keys, tf.equal(utf8(tf.strings.regex_replace(keys, r"\x00", "")), keys))


def _number(value: Tensor) -> tuple[str, Tensor]:
    if value.dtype == tf.bool:
        return "boolean", tf.where(value, "true", "false")
    if value.dtype.is_floating:
        exact = tf.strings.as_string(tf.cast(value, tf.float64), precision=17, scientific=True)
        return "double precision", exact
    return "bigint", tf.strings.as_string(tf.cast(value, tf.int64))


def _text(value: Tensor) -> tuple[str, Tensor]:
    return "text", tf.strings.join([qualified("convert_from(decode('"), base64(value), "', 'base64'), 'UTF8')"])


def _texts(values: Tensor, is_text: Tensor | None = None) -> tuple[str, Tensor]:
    # The letter in front keeps an empty text, and one that is coded as NULL, from being read as something else.
    coded = tf.strings.join(["x", base64(values)])
    if is_text is not None:
        coded = tf.where(is_text, coded, "-")
    text = "convert_from(decode(substr(x, 2), 'base64'), 'UTF8')"
    head = f"ARRAY(SELECT CASE WHEN x <> '-' THEN {text} END FROM unnest('{{"
    tail = "}'::text[]) WITH ORDINALITY AS tlo_u(x, o) ORDER BY o)"
    return "text[]", tf.strings.join([qualified(head), tf.strings.reduce_join(coded, separator=","), tail])


def base64(value: Tensor) -> Tensor:
    """The base64 that PostgreSQL reads."""
    coded = tf.io.encode_base64(value, pad=True)
    return tf.strings.regex_replace(tf.strings.regex_replace(coded, "-", "+"), "_", "/")
