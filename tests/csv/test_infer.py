"""infer_schema: delimiter, header and types, what it reports, and what it refuses."""

from __future__ import annotations

import csv
import gzip
import io
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import columns, refusal

import tf_loadops as tlo

Write = Callable[[Any], pathlib.Path]


@pytest.fixture
def write(tmp_path: pathlib.Path) -> Write:
    def written(text: Any) -> pathlib.Path:
        file = tmp_path / "a.csv"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    return written


def dtypes(schema: tlo.Schema) -> dict[str, str]:
    return {column.name: column.dtype for column in schema}


def refused(write: Write, text: Any, **arguments: Any) -> str:
    file = write(text)
    with pytest.raises(tlo.LoadError) as caught:
        tlo.infer_schema(file, **arguments)
    assert "[[" not in str(caught.value)
    return str(caught.value).replace(str(file), "FILE")


TYPES = {
    "integers": (["1", "-2", "+3", " 4 ", "0"], "int64"),
    "the ends of int64": (["9223372036854775807", "-9223372036854775808"], "int64"),
    "beyond int64": (["9223372036854775808", "1"], "string"),
    "leading zeros": (["007", "012"], "string"),
    "one leading zero is enough": (["1", "02"], "string"),
    "zero point": (["0.5", "00.5"], "float64"),
    "integers, one missing": (["1", ""], "float64"),
    "floats": (["1.5", "1e3", ".5", "5.", "1", "-inf", "NaN"], "float64"),
    "missing words": (["1.5", "NA", "N/A", "null", " NULL ", "nan", '""'], "float64"),
    "all missing": (["NA", "", "NaN"], "float64"),
    "bools": (["true", "FALSE", "True"], "bool"),
    "bools, one missing": (["true", "", "false"], "string"),
    "0 and 1": (["0", "1"], "int64"),
    "numbers and a word": (["1", "2", "x"], "string"),
    "other words for missing": (["1", "?"], "string"),
    "no number": (["1_000", "0x10", "1e", "١"], "string"),
    "Latin digits of other scripts": (["１２"], "string"),
    "dates": (["2024-01-01", "2024-01-02"], "string"),
}


@pytest.mark.parametrize(("cells", "dtype"), TYPES.values(), ids=TYPES.keys())
def test_the_type_of_a_column(cells: list[str], dtype: str, write: Write) -> None:
    file = write("name,other\n" + "".join(f"{cell},x\n" for cell in cells))
    schema = tlo.infer_schema(file)
    assert dtypes(schema) == {"name": dtype, "other": "string"}
    assert schema.origin == f"inferred from all {len(cells)} rows of {file}"


DIALECTS = {
    "comma": ("a,b\n1,x\n", ",", ["a", "b"]),
    "semicolon, decimal commas": ("a;b\n1,5;x\n2,5;y\n", ";", ["a", "b"]),
    "tab": ("a\tb c\n1\tx,y\n", "\t", ["a", "b c"]),
    "bar": ("a|b\n1|x\n", "|", ["a", "b"]),
    "one column": ("a\n1\n2\n", ",", ["a"]),
    "delimiters inside quotes": ('"a;x",b\n"1;2;3",x\n', ",", ["a;x", "b"]),
    "quoted line ends": ('a,b\n"1\n;;\n2",x\n', ",", ["a", "b"]),
    "byte order mark, CRLF": ("\ufeffa,b\r\n1,x\r\n", ",", ["a", "b"]),
    "form feeds and the like": ("a,b\n1\x0c2,x\x1c\x1d\x85\u2028y\n3,z\n", ",", ["a", "b"]),
    "ragged": ("a,b,c\n1,2,3\n4,5\n6,7,8\n", ",", ["a", "b", "c"]),
    "an index column without a name": (",b\n0,x\n1,y\n", ",", ["b"]),
}


@pytest.mark.parametrize(("text", "delimiter", "names"), DIALECTS.values(), ids=DIALECTS.keys())
def test_the_delimiter_and_the_names(text: str, delimiter: str, names: list[str], write: Write) -> None:
    schema = tlo.infer_schema(write(text))
    assert (schema.dialect.delimiter, schema.dialect.header, schema.names) == (delimiter, True, names)
    assert tlo.infer_schema(write(gzip.compress(text.encode()))).columns == schema.columns
    assert tlo.Schema.from_json(schema.to_json()) == schema


def test_fields_without_a_name_are_reported(write: Write) -> None:
    file = write(",b,,d\n0,1,2,3\n")
    schema = tlo.infer_schema(file)
    assert schema.names == ["b", "d"]
    assert schema.origin == (
        f"inferred from all 1 rows of {file}, without the fields that have no name in the header: 1, 3"
    )
    assert columns(tlo.read_csv(file, schema)) == {"b": [1], "d": [3]}


HEADERS = {
    "text above numbers": ("a,b\n1,2\n", True),
    "numbers only": ("1,2\n3,4\n", False),
    "one number among text": ("x,1\ny,2\n", False),
    "text only": ("a,b\nx,y\n", True),
    "a year as a name": ("city,2020\nOslo,1\n", False),
    "text above missing values": ("a,b\nNA,\n", True),
    "blanks in front of numbers": (" 1, 2\n3,4\n", False),
}


@pytest.mark.parametrize(("text", "header"), HEADERS.values(), ids=HEADERS.keys())
def test_whether_there_is_a_header(text: str, header: bool, write: Write) -> None:
    schema = tlo.infer_schema(write(text))
    assert schema.dialect.header is header
    if not header:
        assert schema.names == ["column_1", "column_2"]
    for said in (True, False):
        assert tlo.infer_schema(write(text), header=said).dialect.header is said


def test_a_sample_is_reported_and_what_breaks_it_is_refused(write: Write) -> None:
    file = write("a,b\n1,true\n2,false\n3.5,x\n")
    assert dtypes(tlo.infer_schema(file)) == {"a": "float64", "b": "string"}
    schema = tlo.infer_schema(file, sample_rows=2)
    assert dtypes(schema) == {"a": "int64", "b": "bool"}
    assert schema.origin == f"inferred from the first 2 rows of {file}"
    assert refusal(lambda: tlo.read_csv(file, schema)) == (
        f"{file}:4: column 'a': cannot parse '3.5' as int64. Name it in na_values if it means \"missing\", correct the "
        f'value, or pass on_bad_row="skip" or "null". (The schema was inferred from the first 2 rows of {file}.)'
    )
    assert tlo.infer_schema(file, sample_rows=4).origin == f"inferred from all 3 rows of {file}"
    assert dtypes(tlo.infer_schema(file, sample_rows=2, header=False)) == {"column_1": "string", "column_2": "string"}


def test_arguments_are_kept_in_the_schema(write: Write) -> None:
    file = write("// x|y\na^b\n'1^1'^-\n// it's\n?^2\n")
    schema = tlo.infer_schema(file, delimiter="^", quote="'", comment="//", na_values=["?", " - "])
    assert schema.dialect == tlo.Dialect("^", True, "'", "//")
    assert schema.na_values == ("?", " - ")
    assert dtypes(schema) == {"a": "string", "b": "float64"}
    assert columns(tlo.read_csv(file, schema)) == {"a": ["1^1", None], "b": [None, 2.0]}
    assert dtypes(tlo.infer_schema(write("a,b\n\"1,2\n"), quote=None)) == {"a": "string", "b": "int64"}


def test_the_head_is_cut_inside_a_quoted_field(write: Write) -> None:
    record = '"' + "x\n;" * 30 + '",1,y\n'
    file = write("a,b,c\n" + record * 1000)  # 95 kB; the delimiter is looked for in the first 64 Ki characters
    assert dtypes(tlo.infer_schema(file)) == {"a": "string", "b": "int64", "c": "string"}


def test_wide_and_long_records(write: Write) -> None:
    names = [f"column {i}" for i in range(20_000)]  # a header of 250 kB
    schema = tlo.infer_schema(write(",".join(names) + "\n" + ",".join("1" * len(names)) + "\n"))
    assert schema.names == names
    assert {column.dtype for column in schema} == {"int64"}


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "empty": ("", {}, "FILE: the file is empty, or holds only blank lines and comments."),
    "blank": ("\n\r\n", {}, "FILE: the file is empty, or holds only blank lines and comments."),
    "comments": ("# a\n", {"comment": "#"}, "FILE: the file is empty, or holds only blank lines and comments."),
    "header only": ("a,b\n", {}, "FILE: there is a header but no row to infer types from."),
    "ragged rows only": ("a,b\n1\n", {}, "FILE: there is a header but no row to infer types from."),
    "a name twice": (
        "# x\n\na,b,a\n1,2,3\n", {"comment": "#"},
        "FILE:3: column 'a': the header names it 2 times, and nobody can tell which one is meant. Rename the others in "
        "the header.",
    ),
    "no name at all": (
        ",,\n1,2,3\n", {"header": True},
        "FILE:1: the header names no column. Name them, or pass header=False if there is no header.",
    ),
    "a name that is no text": (
        b"caf\xe9,b\n1,2\n", {}, "FILE:1: the header is not UTF-8 text. Convert the file to UTF-8."
    ),
    "two delimiters": (
        "a,b;c\n1,2;3\n", {},
        "FILE: the delimiter is one of ',', ';': each cuts every record into the same number of fields. Pass "
        "delimiter=...",
    ),
    "UTF-16": (
        "a,b\n".encode("utf-16"), {}, "FILE: the text is UTF-16. Convert it to UTF-8: iconv -f UTF-16 -t UTF-8."
    ),
    "NUL": (
        b"a,b\n1,\0\n", {},
        "FILE:2: byte 3 of the line is NUL, which no CSV text holds. The file is binary, or UTF-16 without a byte "
        "order mark (convert it to UTF-8).",
    ),
    "old Mac line ends": (
        "a,b\r1,2\r", {},
        "FILE:1: a carriage return stands alone, outside quotes. Lines end in LF or CRLF: convert old Mac line ends, "
        "or quote the field.",
    ),
    "a delimiter that is the quote": (
        "a\n1\n", {"delimiter": "'", "quote": "'"}, "Dialect: delimiter and quote differ. Received: both are \"'\"."
    ),
    "an open quote": (
        'a,b\n1,"2\n', {},
        "FILE:2: a quote opened in the record that begins here is never closed. Close it, or pass quote=None if quotes "
        "are ordinary text.",
    ),
    "damaged": (
        gzip.compress(b"a,b\n1,2\n")[:-1], {},
        "FILE: the gzip data is damaged or cut short; nothing of it was used. Fetch or write the file again.",
    ),
    "no rows to look at": (
        "a\n1\n", {"sample_rows": 0}, "sample_rows is at least 1, or None for all rows. Received: sample_rows=0."
    ),
    "letters for words": ("a\n1\n", {"na_values": "NA"}, "na_values is a sequence of str. Received: 'NA'."),
    "a delimiter of two": (
        "a\n1\n", {"delimiter": "||"},
        "Dialect: delimiter is one byte, and no line end or NUL. Received: delimiter='||'.",
    ),
    "a quote of two": (
        "a\n1\n", {"quote": "''"}, "Dialect: quote is one byte, and no line end or NUL. Received: quote=\"''\"."
    ),
    "no comment": (
        "a\n1\n", {"comment": ""},
        "Dialect: a comment prefix is not empty, starts with neither the delimiter nor the quote, and holds no line "
        "end or NUL. Received: comment=''.",
    ),
}


@pytest.mark.parametrize(("text", "arguments", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals(text: Any, arguments: dict[str, Any], said: str, write: Write) -> None:
    assert refused(write, text, **arguments) == said


def test_a_file_that_is_not_there(tmp_path: pathlib.Path) -> None:
    missing = "no such file. Check the path; a relative one starts at the working directory of the process."
    folder = "cannot be read: it is a directory, or reading it is not permitted. Give the path of a readable file."
    for path, said in ((tmp_path / "a.csv", missing), (tmp_path, folder)):
        with pytest.raises(tlo.LoadError) as caught:
            tlo.infer_schema(path)
        assert str(caught.value) == f"{path}: {said}"


_cell = st.sampled_from(["1", "-2.5", "NA", "", "x", "true", "a,b", 'q"q', "two\nlines", "007", "é", " 3 ", "inf"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_cell, min_size=1, max_size=5))
def test_what_was_inferred_reads_the_whole_file(write: Write, cells: list[str]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["name"], *([cell] for cell in cells)])
    file = write(text.getvalue())
    schema = tlo.infer_schema(file, delimiter=",", header=True)
    table = tlo.parse_csv(file.read_bytes(), tlo.Schema(schema.columns))  # one graph for each type
    assert int(table.counts["rows"]) == len(cells)
    assert int(table.counts["bad_rows"]) == 0
