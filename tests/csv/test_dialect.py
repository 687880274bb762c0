"""Records and fields against Python's csv module: quotes, line ends, comments, delimiters."""

from __future__ import annotations

import csv
import dataclasses
import re
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reading import by_csv, columns, counts, rows

import tf_loadops as tlo

EXAMPLES = settings(max_examples=150)


@dataclasses.dataclass(frozen=True)
class Kind:
    """A dialect with a fixed set of columns, so that TensorFlow compiles one graph for it."""

    delimiter: str = ","
    quote: str | None = '"'
    comment: str | None = None
    width: int = 2

    @property
    def schema(self) -> tlo.Schema:
        dialect = tlo.Dialect(self.delimiter, False, self.quote, self.comment)
        return tlo.Schema([tlo.Column(f"c{i}", "string") for i in range(self.width)], dialect, na_values=())

    def parse(self, text: str) -> tlo.Table:
        """All rows; one with another number of fields comes with all its fields missing."""
        return tlo.parse_csv(text.encode(), self.schema, on_bad_row="null", allow_empty=True)

    def expected(self, text: str) -> list[list[str | None]]:
        """What Python's csv module makes of the text, once its comments are gone."""
        quoting: Any = {"quoting": csv.QUOTE_NONE} if self.quote is None else {"quotechar": self.quote}
        found = by_csv(self.uncommented(text), delimiter=self.delimiter, **quoting)
        return [row if len(row) == self.width else [None] * self.width for row in found]

    def uncommented(self, text: str) -> str:
        if self.comment is None:
            return text
        return "".join(record for record in self.records(text) if not record.startswith(self.comment))

    def records(self, text: str) -> list[str]:
        """The records of well-formed text, each with its line end."""
        return [match[0] for match in re.finditer(f"{self._record}(?:\r?\n|$)", text) if match[0]]

    def is_well_formed(self, text: str) -> bool:
        """Whether the text keeps to RFC 4180: a quote begins a field or is doubled, and a quoted field ends."""
        return "".join(self.records(text)) == text

    @property
    def _record(self) -> str:
        d, q = re.escape(self.delimiter), re.escape(self.quote or "")
        plain = f"[^{d}{q}\r\n]*"
        field = f"(?:{q}(?:[^{q}]|{q}{q})*{q}|{plain})" if self.quote else plain
        record = f"{field}(?:{d}{field})*"
        # The whole line is a comment, whatever it holds.
        return record if self.comment is None else f"(?:{re.escape(self.comment)}[^\r\n]*|{record})"


KINDS = {
    "comma": Kind(),
    "one column": Kind(width=1),
    "semicolon, comment": Kind(";", "'", "#"),
    "bar, long comment": Kind("|", '"', "//", 3),
    "tab, no quote": Kind("\t", None),
    "characters of regular expressions": Kind(".", "*", "^("),
    "backslashes": Kind("\\", "$", "d"),
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


def _letters(kind: Kind) -> str:
    return "".join(sorted({"a", "b", " ", "é", "𝄞", kind.delimiter, *(kind.quote or ""), *(kind.comment or "")}))


@each_kind
@EXAMPLES
@given(data=st.data())
def test_rows_that_were_written_are_read(kind: Kind, data: Any) -> None:
    letters = _letters(kind) + ("\n\r" if kind.quote else "")
    text_of = st.text(letters, max_size=6)
    if kind.quote is None:
        text_of = st.text([c for c in letters if c != kind.delimiter], max_size=6)
    table = data.draw(st.lists(st.lists(text_of, min_size=kind.width, max_size=kind.width), max_size=5))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    if kind.quote is None or kind.comment is not None:  # neither can say so
        table = [row for row in table if not (kind.comment and row[0].startswith(kind.comment))]
    if kind.quote is None:
        table = [row for row in table if row != [""] * len(row) or len(row) > 1]

    def written(field: str, alone: bool) -> str:
        q = kind.quote
        if q is None:
            return field
        must = alone or any(c in field for c in (q, kind.delimiter, "\r", "\n"))
        return q + field.replace(q, q + q) + q if must or data.draw(st.booleans()) else field

    lines = [kind.delimiter.join(written(field, row == [""]) for field in row) for row in table]
    blank = data.draw(st.lists(st.sampled_from(["", "", "#" if kind.comment == "#" else ""]), max_size=2))
    text = end.join([*lines, *blank]) + data.draw(st.sampled_from(["", end]))
    assert rows(kind.parse(text)) == table
    assert counts(kind.parse(text))["rows"] == len(table)
    assert counts(kind.parse(text))["bad_rows"] == 0


@each_kind
@EXAMPLES
@given(data=st.data())
def test_any_text_is_read_as_python_reads_it_or_refused(kind: Kind, data: Any) -> None:
    pieces = [*_letters(kind), "\n", "\n", "\r\n"] + ([kind.quote] * 3 if kind.quote else [])
    pieces += [f"\n{kind.comment}", f"{kind.comment}{kind.quote or ''}"] if kind.comment else []
    text = "".join(data.draw(st.lists(st.sampled_from(pieces), max_size=14)))
    if kind.is_well_formed(text):
        table = kind.parse(text)
        assert rows(table) == kind.expected(text)
        assert counts(table)["bad_rows"] == sum(row[0] is None for row in kind.expected(text))
    else:
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"^<text>:\d+: a (quote|carriage return) "):
            kind.parse(text)


@EXAMPLES
@given(
    texts=st.lists(st.lists(st.text('ab,"\n\r#', max_size=4), min_size=2, max_size=2), min_size=1, max_size=5),
)
@example(texts=[['"', "#"], ["", ""]])
def test_the_line_of_a_record_counts_line_ends_inside_quotes(texts: list[list[str]]) -> None:
    kind = KINDS["comma"]
    lines = [",".join('"' + field.replace('"', '""') + '"' for field in row) for row in texts]
    line = sum(text.count("\n") + 1 for text in lines) + 1
    text = "\n".join([*lines, "one field alone"])
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tlo.parse_csv(text, kind.schema)
    assert caught.value.message.startswith(f"<text>:{line}: expected 2 fields, found 1. ")


NAMED = tlo.Schema([tlo.Column("a", "int32"), tlo.Column("b'\"c", "string"), tlo.Column("x.*", "string")])


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["no mark", "byte order mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_columns_are_found_by_name_in_any_order(mark: str, end: str) -> None:
    text = mark + end.join(['x.*,"unknown, 1",a,"b\'""c"', "p,q,1,r", 's,"t\r\n",2,""""', ""])
    assert columns(tlo.parse_csv(text, NAMED)) == {"a": [1, 2], "b'\"c": ["r", '"'], "x.*": ["p", "s"]}
    assert list(columns(tlo.parse_csv(text, NAMED))) == ["a", "b'\"c", "x.*"]


def test_the_caller_chooses_columns_and_their_order() -> None:
    table = tlo.parse_csv("a,b'\"c,x.*\n".replace("b'\"c", '"b\'""c"') + "not looked at,r,s\n", NAMED, columns=["x.*"])
    assert columns(table) == {"x.*": ["s"]}


def test_a_vector_of_rows_keeps_its_places() -> None:
    schema = tlo.Schema([tlo.Column("n", "float64"), tlo.Column("s", "string")])
    batch = ["1,a", "", '2,"b\nc, ""d"""\r\n', "x,e", "3,f\n", "4", "NA,\u00e9"]
    table = tlo.parse_csv(batch, schema, on_bad_row="null")
    assert rows(table) == [
        [1.0, "a"], [None, None], [2.0, 'b\nc, "d"'], [None, "e"], [3.0, "f"], [None, None], [None, "é"],
    ]
    assert [counts(table)[name] for name in ("rows", "bad_rows", "missing")] == [7, 3, 6]
