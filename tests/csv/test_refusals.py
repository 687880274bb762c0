"""Every refusal, to the letter: the same eagerly and in a graph, with the file's own line."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf
from reading import refusal, refusal_in_graph

import tf_loadops as tlo

SCHEMA = tlo.Schema(
    [tlo.Column("a", "int32"), tlo.Column("b'\"c", "float32"), tlo.Column("s", "string"), tlo.Column("t", "bool")],
    tlo.Dialect(comment="#"),
    origin="inferred from the first 2 rows of x.csv",
)
HEAD = 'a,"b\'""c",s,t\n'
NAME = "'b\\'\"c'"
ORIGIN = " (The schema was inferred from the first 2 rows of x.csv.)"
CORRECT = 'correct the value, or pass on_bad_row="skip" or "null".' + ORIGIN
NAME_IT = f'Name it in na_values if it means "missing", {CORRECT}'
OR_ELSE = 'or pass on_bad_row="skip" or "null".'
COMPLETE = f"Quote a field that holds the delimiter ',', complete the row, {OR_ELSE}"
LONE_CR = (
    "a carriage return stands alone, outside quotes. Lines end in LF or CRLF: convert old Mac line ends, or quote the "
    "field."
)
STRAY = (
    'a quote " stands inside an unquoted field, or text follows a closing quote, in the record that begins here. Quote '
    "the whole field and double the quotes in it (RFC 4180), or pass quote=None if quotes are ordinary text."
)
NUL = (
    "of the line is NUL, which no CSV text holds. The file is binary, or UTF-16 without a byte order mark (convert it "
    "to UTF-8)."
)
UTF16 = " the text is UTF-16. Convert it to UTF-8: iconv -f UTF-16 -t UTF-8."
TORN = (
    "an element of a vector of rows is one whole CSV record; this one holds a line end outside quotes, or a quote that "
    "is never closed."
)


@functools.cache
def _in_graph(schema: tlo.Schema) -> Callable[[Any], tlo.Table]:
    return tf.function(
        lambda path: tlo.read_csv(path, schema), input_signature=[tf.TensorSpec([], tf.string)], autograph=False
    )


def refused(content: bytes | str, folder: pathlib.Path, schema: tlo.Schema = SCHEMA) -> str:
    """What the reader says of a file, once it is known to say the same in every mode; the path is left out."""
    file = folder / "a b.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    message = refusal(lambda: tlo.read_csv(file, schema))
    assert refusal_in_graph(lambda: _in_graph(schema)(tf.constant(str(file)))) == message
    assert message.startswith(f"{file}:")
    parsed = refusal(lambda: tlo.parse_csv(file.read_bytes(), schema))
    assert parsed == message.replace(str(file), "<text>")
    return message.removeprefix(f"{file}:")


VALUES = {
    "no integer": ("x,1,s,0", f"'a': cannot parse 'x' as int32. {NAME_IT}"),
    "a float": (
        "1.0,1,s,0", f"'a': cannot parse '1.0' as int32. {NAME_IT}"
    ),
    "too large": ("2147483648,1,s,0", f"'a': '2147483648' is out of range for int32. Declare a wider dtype, {CORRECT}"),
    "no float": (
        '1,"1,5",s,0', f"{NAME}: cannot parse '1,5' as float32. {NAME_IT}"
    ),
    "float out of range": (
        "1,-1e39,s,0", f"{NAME}: '-1e39' is out of range for float32. Declare a wider dtype, {CORRECT}"
    ),
    "no bool": ("1,1,s,yes", f"'t': cannot parse 'yes' as bool. {NAME_IT}"),
    "missing integer": (
        ",1,s,0",
        "'a': the value is missing, and no int32 stands for that. Declare a default, Column('a', 'int32', "
        f"default=...), or a float dtype, {OR_ELSE}{ORIGIN}",
    ),
    "missing bool": (
        "1,1,s,NULL",
        "'t': the value is missing, and no bool stands for that. Declare a default, Column('t', 'bool', default=...), "
        f"or a float dtype, {OR_ELSE}{ORIGIN}",
    ),
    "not UTF-8": (
        b"1,1,caf\xe9,0", f"'s': 'caf?' is not UTF-8 text. Convert the file to UTF-8, {OR_ELSE}{ORIGIN}"
    ),
    "long": (
        "1," + "9x" * 50_000 + ",s,0",
        f"{NAME}: cannot parse '{'9x' * 30}...' as float32. {NAME_IT}",
    ),
    "cut in a character": (
        "1," + "9" * 59 + "é" * 10 + ",s,0",
        f"{NAME}: cannot parse '{'9' * 59}?...' as float32. {NAME_IT}",
    ),
    "not printable": (
        '1,"\t\r\nx",s,0',
        f"{NAME}: cannot parse '\\t\\r\\nx' as float32. {NAME_IT}",
    ),
    "like TensorFlow's own words": (
        "1,[Op: \\1 [[{{x}}]] %s,s,0",
        f"{NAME}: cannot parse '[Op: \\1 [[{{{{x}}}}]] %s' as float32. {NAME_IT}",
    ),
    "two at once": (
        "x,y,s,0", f"'a': cannot parse 'x' as int32. {NAME_IT}"
    ),
}


@pytest.mark.parametrize(("row", "said"), VALUES.values(), ids=VALUES.keys())
def test_values(row: str | bytes, said: str, tmp_path: pathlib.Path) -> None:
    row = row.encode() if isinstance(row, str) else row
    assert refused(HEAD.encode() + b"1,2,s,0\n" + row + b"\nz,z,z,z\n", tmp_path) == f"3: column {said}"


ROWS = {
    "too few fields": (
        "1,2,s\n", f"2: expected 4 fields, found 3. {COMPLETE}"
    ),
    "too many": (
        "1,2,s,0,\n",
        f"2: expected 4 fields, found 5. {COMPLETE}",
    ),
    "blanks": (
        "  \n", f"2: expected 4 fields, found 1. {COMPLETE}"
    ),
    "a ragged row before a bad value": (
        "1,2\nx,2,s,0\n",
        f"2: expected 4 fields, found 2. {COMPLETE}",
    ),
    "a bad value before a ragged row": (
        "x,2,s,0\n1,2\n", f"2: column 'a': cannot parse 'x' as int32. {NAME_IT}"
    ),
    "a quote that stays open": (
        '1,2,"s\n,0\n',
        "2: a quote opened in the record that begins here is never closed. Close it, or pass quote=None if quotes are "
        "ordinary text.",
    ),
    "a quote in a field": (
        '1,2,s""s,0\n',
        f"2: {STRAY}",
    ),
    "text behind a quote": (
        '1,2,"s"s,0\n',
        f"2: {STRAY}",
    ),
    "old Mac line ends": (
        "1,2,s,0\r2,3,t,1\r",
        f"2: {LONE_CR}",
    ),
    "a carriage return beside a quoted field": (
        '1,2,"s",\r0\n',
        f"2: {LONE_CR}",
    ),
    "NUL": (
        "1,2,\0,0\n",
        f"2: byte 5 {NUL}",
    ),
}


@pytest.mark.parametrize(("text", "said"), ROWS.values(), ids=ROWS.keys())
def test_rows(text: str, said: str, tmp_path: pathlib.Path) -> None:
    assert refused(HEAD + text, tmp_path) == said


BEFORE = {
    "quoted line ends": ('1,2,"\n\n""\n",0\n', 6),
    "CRLF and quoted CRLF": ('1,2,"x\r\n,\r\n",0\r\n\r\n', 6),
    "comments, also with quotes in them": ('# one "\n#"""\n1,2,3,0\n# two\n', 6),
    "blank lines": ("\n\n1,2,3,0\n\n", 6),
    "a quoted line that looks like a comment": ('1,2,"\n# x",0\n# y\n\n', 6),
}


@pytest.mark.parametrize(("text", "line"), BEFORE.values(), ids=BEFORE.keys())
def test_the_line_is_the_files(text: str, line: int, tmp_path: pathlib.Path) -> None:
    said = refused(HEAD + text + 'x,1,"\n",0\n', tmp_path)
    assert said == (
        f"{line}: column 'a': cannot parse 'x' as int32. {NAME_IT}"
    )


EMPTY = " the text is empty, or holds only blank lines and comments. A header line is expected first."
NO_ROW = " there is a header but no row. Pass allow_empty=True if a result with zero rows is wanted."
HEADERS = {
    "empty": ("", EMPTY),
    "a byte order mark alone": ("\ufeff", EMPTY),
    "comments only": ("# a\n\n\r\n#b", EMPTY),
    "header only": (HEAD, NO_ROW),
    "header only, unfinished": (HEAD[:-1], NO_ROW),
    "header and comments": (f"# x\n\n{HEAD}\n# y\n", NO_ROW),
    "missing column": (
        "# x\na,t,s,b\n",
        f"2: column {NAME}: the header does not name it. It names: a, t, s, b. Correct the schema or the header, or "
        f"check the delimiter ','.{ORIGIN}",
    ),
    "another case": (
        HEAD.replace("t", "T") + "1,2,3,0\n",
        "1: column 't': the header does not name it. It names: a, b'\"c, s, T. Correct the schema or the header, or "
        f"check the delimiter ','.{ORIGIN}",
    ),
    "another delimiter": (
        "a;b;s;t\n1;2;3;0\n",
        "1: column 'a': the header does not name it. It names: a;b;s;t. Correct the schema or the header, or check the "
        f"delimiter ','.{ORIGIN}",
    ),
    "column twice": (
        f"s,\n\n,s,{HEAD}".replace("\n\n", "", 1),
        "1: column 's': the header names it 3 times, and nobody can tell which one is meant. Rename the others in the "
        "header.",
    ),
    "a long header that is no text": (
        b"\xff\n" + b"x" * 1000 + b"\n",
        f"1: column 'a': the header does not name it. It names: ?. Correct the schema or the header, or check the "
        f"delimiter ','.{ORIGIN}",
    ),
    "a very long header": (
        "x" * 1000 + "\n",
        f"1: column 'a': the header does not name it. It names: {'x' * 400}.... Correct the schema or the header, or "
        f"check the delimiter ','.{ORIGIN}",
    ),
    "UTF-16": (HEAD.encode("utf-16"), UTF16),
    "UTF-16, big endian": (b"\xfe\xff" + HEAD.encode("utf-16-be"), UTF16),
    "UTF-16 without its mark": (
        HEAD.encode("utf-16-le"),
        f"1: byte 2 {NUL}",
    ),
}


@pytest.mark.parametrize(("text", "said"), HEADERS.values(), ids=HEADERS.keys())
def test_headers_and_what_is_no_csv(text: str | bytes, said: str, tmp_path: pathlib.Path) -> None:
    assert refused(text, tmp_path) == said


def test_no_row_without_a_header(tmp_path: pathlib.Path) -> None:
    schema = tlo.Schema([tlo.Column("x", "float32")], tlo.Dialect(header=False))
    said = " there is no row. Pass allow_empty=True if a result with zero rows is wanted."
    assert refused("", tmp_path, schema) == said
    assert refused("\n\r\n", tmp_path, schema) == said


REQUESTS = {
    "value": (["1,a", "x,b"], ":2: column 'x': cannot parse 'x' as int32. " + NAME_IT.removesuffix(ORIGIN)),
    "ragged": (['1,"\n"\n', "1"], f":2: expected 2 fields, found 1. {COMPLETE}"),
    "two records": (["1,a", "2,b\n3,c"], f":2: {TORN}"),
    "half a record": (['1,"a', 'b"'], f":1: {TORN}"),
    "NUL": (
        ["1,a\n", '2,"\n"', "3,\0"],
        ":3: the row holds a NUL, which no CSV text does. It is binary, or UTF-16 (convert it to UTF-8).",
    ),
    "none": ([], ": there is no row. Pass allow_empty=True if a result with zero rows is wanted."),
}


@pytest.mark.parametrize(("batch", "said"), REQUESTS.values(), ids=REQUESTS.keys())
def test_rows_of_a_request_are_numbered(batch: list[str], said: str) -> None:
    schema = tlo.Schema([tlo.Column("x", "int32"), tlo.Column("y", "string")])
    assert refusal(lambda: tlo.parse_csv(batch, schema)) == f"<rows>{said}"
