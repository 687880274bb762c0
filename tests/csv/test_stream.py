"""A file in parts: every record whole, in order, under its header, against csv.reader over the whole file."""

import csv
import gzip
import io

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tf_loadops.csv import stream
from tf_loadops.csv.stream import can_stream, texts
from tf_loadops.schema import Dialect

CELLS = st.text(st.sampled_from('ab1",\n \r'), max_size=6)


def records(text: bytes, quote: str | None = '"') -> list[list[str]]:
    options = {"quoting": csv.QUOTE_NONE} if quote is None else {"quotechar": quote}
    return [row for row in csv.reader(io.StringIO(text.decode(), newline=""), **options) if row]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=9),
    end=st.sampled_from(["\n", "\r\n"]),
    last_end=st.booleans(),
    size=st.integers(1, 40),
    header=st.booleans(),
    compressed=st.booleans(),
)
def test_parts_hold_the_records_of_the_file_in_order(tmp_path, rows, end, last_end, size, header, compressed):
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    whole = out.getvalue().encode()
    whole = whole if last_end else whole[: -len(end)]
    path = tmp_path / "a.csv"
    path.write_bytes(gzip.compress(whole) if compressed else whole)
    parts = list(texts(str(path), Dialect(header=header), size))
    got = []
    for i, part in enumerate(parts):
        found = records(part.text)
        if header and i:
            assert found[0] == rows[0]
            found = found[1:]
        got += found
    assert got == rows


def test_lines_are_counted_through_parts(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\n1,"x\ny"\n\n2,z\n3,w')
    parts = list(texts(str(path), Dialect(), 6))
    assert [part.text for part in parts] == [b"a,b\n", b'a,b\n1,"x\ny"\n', b"a,b\n\n2,z\n", b"a,b\n3,w"]
    # Line 2 of each text is this line of the file: 2, 4 and 6.
    assert [part.skipped + 2 for part in parts[1:]] == [2, 4, 6]


def test_the_header_is_the_first_record_behind_blank_lines_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbf\n\n"a\nx",b\n1,2\n3,4\n5,6\n')
    first, *others = texts(str(path), Dialect(), 20)
    assert first.text == b'\n\n"a\nx",b\n1,2\n'
    assert [part.text for part in others] == [b'"a\nx",b\n3,4\n5,6\n']
    assert [part.skipped for part in others] == [3]


def test_quotes_are_text_where_the_dialect_has_none(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'5",1\n6",2\n7,3\n')
    assert [part.text for part in texts(str(path), Dialect(header=False, quote=None), 6)] == [
        b'5",1\n', b'6",2\n', b"7,3\n",
    ]


def test_an_empty_file_has_no_parts(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"")
    assert list(texts(str(path), Dialect())) == []


def test_gzip_data_cut_short_is_refused(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 1000)[:-9])
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        list(texts(str(path), Dialect()))
    assert error.value.message == (
        f"{path}: the gzip data is damaged or cut short; nothing of it was used. Fetch or write the file again."
    )


@pytest.mark.parametrize(
    ("data", "dialect", "expected"),
    [
        (b"a,b\n1,2\n", Dialect(), True),
        (gzip.compress(b"a\n"), Dialect(), True),
        (b"x\x9c...", Dialect(), False),
        (b"a,b\n", Dialect(comment="#"), False),
        (b"\xff\xfea\0", Dialect(), False),
    ],
    ids=["plain", "gzip", "zlib", "comments", "UTF-16"],
)
def test_what_can_be_read_in_parts(tmp_path, data, dialect, expected):
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    assert can_stream(str(path), dialect) is expected


def test_a_quote_that_is_never_closed_is_refused_in_bounded_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "_LONGEST", 100_000)
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\n1,2\n3,"4\n' + b"1.5,2.5\n" * 100_000)
    parts = texts(str(path), Dialect(), 1_000)
    assert next(parts).text == b"a,b\n1,2\n"
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        next(parts)
    assert error.value.message == (
        f"{path}:3: the record that begins here, or one soon behind it, does not end within 128 MiB. Close the quote "
        "that it opens, or set the dialect's delimiter and quote."
    )
