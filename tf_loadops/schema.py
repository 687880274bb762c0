"""Column and Schema: what a file is expected to hold, and how it is written down."""

from __future__ import annotations

import collections
import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.errors import LoadError

DTYPES = ("float32", "float64", "int32", "int64", "bool", "string")

UNITS = ("days", "s", "ms", "us", "ns")
"""What an int64 column of dates or times may count."""

NUMERIC_NA = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
"""The words that mean "missing" in a number or bool column which names none itself."""

TEXT_NA = ("",)
"""The same for a string column: only nothing at all is missing, since "NA" may be a name."""

_BLANKS = " \t\n\v\f\r"  # what `tf.strings.strip` takes off

UNSET = "unset"
"""Stands for "as the dialect says" in arguments where None has a meaning of its own."""


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: its name, its dtype, and what stands in for a missing value.

    Args:
      name: the column's name in the file's header, or the name it gets in a file without one.
      dtype: "float32", "float64", "int32", "int64", "bool" or "string".
      default: the value that stands in for a missing one. None means NaN for floats and "" for strings; for integers
        and bools, which have no such value, a missing one is then refused.
      na_values: the words that mean "missing" here; None means the schema's own, or else `NUMERIC_NA` / `TEXT_NA`.
      unit: what an int64 column of a Parquet file counts: "days", "s", "ms", "us" or "ns", since 1970 in a date or
        timestamp, since midnight in a time. It says how to read the numbers, and changes none.

    Raises:
      LoadError: if the dtype is not one of these, the default is not a value of it, or a unit is not one of these or
        not that of an int64.

    Example:
      >>> Column("age", "int32", default=-1).dtype
      'int32'
    """

    name: str
    dtype: str
    default: Any = None
    na_values: tuple[str, ...] | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise LoadError(f"A column's name is a non-empty str. Received: name={self.name!r}.")
        dtype = self.dtype if isinstance(self.dtype, str) else _dtype_name(self.dtype)
        if dtype not in DTYPES:
            raise LoadError(
                f"Column {self.name!r}: expected one of {', '.join(DTYPES)}. Received: dtype={self.dtype!r}."
            )
        object.__setattr__(self, "dtype", dtype)
        if self.na_values is not None:
            object.__setattr__(self, "na_values", as_words(self.na_values))
        if self.default is not None and not _is_value(self.default, dtype):
            raise LoadError(
                f"Column {self.name!r}: the default is a value of the column's dtype, {dtype}. "
                f"Received: default={self.default!r}."
            )
        if self.unit is not None and (self.unit not in UNITS or dtype != "int64"):
            raise LoadError(
                f"Column {self.name!r}: a unit is one of {', '.join(UNITS)}, and that of an int64. "
                f"Received: unit={self.unit!r}, dtype={dtype!r}."
            )

    @property
    def tf_dtype(self) -> Any:
        """The column's `tf.DType`."""
        return tf.as_dtype(self.dtype)

    @property
    def is_numeric(self) -> bool:
        """Whether the column can be part of a float matrix."""
        return self.dtype != "string"


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How a CSV file is written (RFC 4180 and its usual relatives).

    Args:
      delimiter: the one-byte field separator.
      header: whether the first record names the columns. With a header columns are found by name, in any order;
        without one the schema's columns are the file's, in its order.
      quote: the one-byte quote character, doubled inside a quoted field; None where quotes are ordinary text.
      comment: a prefix that makes a line a comment; None where there are none.

    Raises:
      LoadError: if a character is longer than one byte or stands for two things at once.

    Example:
      >>> Dialect(delimiter=";").header
      True
    """

    delimiter: str = ","
    header: bool = True
    quote: str | None = '"'
    comment: str | None = None

    def __post_init__(self) -> None:
        for role in ("delimiter", "quote"):
            char = getattr(self, role)
            if role == "quote" and char is None:
                continue
            if not isinstance(char, str) or len(char.encode()) != 1 or char in "\r\n\0":
                raise LoadError(
                    f"Dialect: {role} is one byte, and no line end or NUL. Received: {role}={char!r}."
                )
        if not isinstance(self.header, bool):
            raise LoadError(f"Dialect: header is True or False. Received: header={self.header!r}.")
        if self.delimiter == self.quote:
            raise LoadError(f"Dialect: delimiter and quote differ. Received: both are {self.quote!r}.")
        if self.comment is not None:
            first = self.comment[:1]
            if not first or first in (self.delimiter, self.quote) or any(c in self.comment for c in "\r\n\0"):
                raise LoadError(
                    "Dialect: a comment prefix is not empty, starts with neither the delimiter nor the quote, and "
                    f"holds no line end or NUL. Received: comment={self.comment!r}."
                )


@dataclasses.dataclass(frozen=True)
class Schema:
    """The columns of a source, in order, and for CSV its dialect.

    Args:
      columns: the columns; names are unique.
      dialect: how the CSV file is written; ignored by other sources.
      na_values: the words that mean "missing" in columns which name none themselves; None means `NUMERIC_NA` for
        numbers and bools and `TEXT_NA` for strings.
      origin: where the types come from, for messages ("inferred from the first 100 rows of a.csv"); "" if declared.

    Raises:
      LoadError: if there is no column, or a name comes twice.

    Example:
      >>> schema = Schema([Column("price", "float32"), Column("city", "string")])
      >>> schema.names
      ['price', 'city']
      >>> Schema.from_json(schema.to_json()) == schema
      True
    """

    columns: tuple[Column, ...]
    dialect: Dialect = Dialect()
    na_values: tuple[str, ...] | None = None
    origin: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        if not self.columns or not all(isinstance(column, Column) for column in self.columns):
            raise LoadError(f"A schema is a sequence of at least one Column. Received: {self.columns!r}.")
        if self.na_values is not None:
            object.__setattr__(self, "na_values", as_words(self.na_values))
        twice = sorted(name for name, times in collections.Counter(self.names).items() if times > 1)
        if twice:
            raise LoadError(f"A schema names each column once. Received twice: {', '.join(map(repr, twice))}.")

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return [column.name for column in self.columns]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise LoadError(f"The schema has no column {name!r}. It has: {', '.join(map(repr, self.names))}.")

    def select(self, names: Sequence[str]) -> Schema:
        """The same schema with only these columns, in this order."""
        by_name = {column.name: column for column in self.columns}  # a file may have very many
        return dataclasses.replace(self, columns=tuple(by_name.get(name) or self[name] for name in names))

    def with_dtype(self, dtype: str, names: Sequence[str]) -> Schema:
        """The same schema with these columns read as `dtype`, their declared defaults kept."""
        wanted = set(names)

        def changed(c: Column) -> Column:
            default = None if c.default is None else float(c.default)
            return Column(c.name, dtype, default, c.na_values)  # a float has no unit

        return dataclasses.replace(self, columns=tuple(changed(c) if c.name in wanted else c for c in self.columns))

    def with_dialect(
        self, *, delimiter: str | None = None, header: bool | None = None, quote: str | None = UNSET,
        comment: str | None = UNSET,
    ) -> Schema:
        """The same schema with these parts of the dialect in place of its own; those not given stay."""
        given: dict[str, Any] = {}
        given |= {key: value for key, value in {"delimiter": delimiter, "header": header}.items() if value is not None}
        given |= {key: value for key, value in {"quote": quote, "comment": comment}.items() if value != UNSET}
        return dataclasses.replace(self, dialect=dataclasses.replace(self.dialect, **given))

    def with_na_values(self, na_values: Sequence[str] | None) -> Schema:
        """The same schema with these words for "missing"; unchanged if None."""
        return self if na_values is None else dataclasses.replace(self, na_values=as_words(na_values))

    def na_words(self, column: Column) -> tuple[str, ...]:
        """The words that mean "missing" in `column`; blanks around them count in text only, as those of fields do."""
        words = self.na_values if column.na_values is None else column.na_values
        if words is None:
            return NUMERIC_NA if column.is_numeric else TEXT_NA
        return tuple(word.strip(_BLANKS) for word in words) if column.is_numeric else words

    def to_json(self) -> str:
        """Writes the schema as JSON that `from_json` reads back unchanged."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """Reads what `to_json` wrote.

        Args:
          text: the JSON document.

        Returns:
          The schema.

        Raises:
          LoadError: if the text is not such a document.
        """
        try:
            parts = json.loads(text)
            parts["columns"] = [Column(**column) for column in parts["columns"]]
            parts["dialect"] = Dialect(**parts.get("dialect", {}))
            return cls(**parts)
        except LoadError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise LoadError(f"Schema.from_json takes a document that Schema.to_json wrote: {error}.") from error


def as_words(words: Sequence[str]) -> tuple[str, ...]:
    """Checks words that mean "missing"; a lone str, which is a sequence of letters, is refused."""
    if isinstance(words, str) or not all(isinstance(word, str) for word in words):
        raise LoadError(f"na_values is a sequence of str. Received: {words!r}.")
    return tuple(words)


def _dtype_name(dtype: Any) -> str | None:
    try:
        return tf.as_dtype(dtype).name
    except TypeError:
        return None


def _is_value(value: Any, dtype: str) -> bool:
    if dtype == "string":
        return isinstance(value, str)
    if dtype == "bool":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if dtype in ("int32", "int64"):
        limits = tf.as_dtype(dtype)
        return isinstance(value, int) and limits.min <= value <= limits.max
    is_special = isinstance(value, float) and not math.isfinite(value)
    return is_special or abs(value) <= float(tf.as_dtype(dtype).max)
