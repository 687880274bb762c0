"""Files that claim more rows than there is memory for."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops.parquet import room

from .encodings import uleb
from .handmade import INT64, OPTIONAL, Chunk, data_page, dictionary_page, file_of

MOST = 2**31 - 1
ROOT = pathlib.Path(__file__).parents[2]


def nulls(rows: int) -> Chunk:
    levels = uleb(rows << 1) + b"\0"
    return Chunk(INT64, data_page(len(levels).to_bytes(4, "little") + levels, rows), rows, {3: OPTIONAL})


def sevens(rows: int) -> Chunk:
    entries = dictionary_page((7).to_bytes(8, "little"), 1)
    index = data_page(b"\1" + uleb(rows << 1) + b"\0", rows, encoding=8)
    return Chunk(INT64, entries + index, rows, first=len(entries))


@pytest.mark.parametrize(
    ("rows", "dtypes", "size"),
    [
        ([], ["float32"], 0),
        ([5], ["float32"], 5 * (3 * 4 + 20)),  # one chunk is what counts
        ([5], ["bool", "float64"], 5 * (3 * 8 + 20)),  # the widest
        ([5, 60], ["float32"], 60 * (3 * 4 + 20)),  # the longest
        ([5, 6], ["float32"] * 4, 11 * 4 * (2 * 4 + 2)),  # the whole table
        ([MOST], ["string"] * 1000, MOST * 1000 * (2 * 24 + 2)),
    ],
)
def test_what_is_needed(rows: list[int], dtypes: list[str], size: int) -> None:
    assert int(room.needed(tf.constant(rows, tf.int64), dtypes)) == size


def test_a_little_is_there_and_a_petabyte_is_not() -> None:
    asked = tf.function(room.there_is, input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)
    for answer in (room.there_is, asked):
        sizes = [-(2**40), 0, 2**30, 2**30 + 1, 2**50, 2**52, 2**63 - 1]
        assert [bool(answer(tf.constant(size, tf.int64))) for size in sizes] == [*[True] * 4, *[False] * 3]


def a_huge_page() -> Chunk:
    """As if a few bytes of gzip were 2 GiB: whether they are is not looked at where there is no memory for it."""
    return Chunk(INT64, data_page(b"\x1f\x8b\x08", 1, size=MOST), 1, codec=2)


CHILD = '''
import resource, sys
import tensorflow as tf
import tf_loadops as tlo

schema = tlo.Schema([tlo.Column("a", "float32")])
read = tf.function(lambda path: tlo.read_parquet(path, schema).columns["a"], autograph=False)
small, *large = sys.argv[1:]
assert read(tf.constant(small)).numpy().tolist() == [7.0] * 10
resource.setrlimit(resource.RLIMIT_AS, (24 << 30, 24 << 30))
for path in large:
    for way in (lambda path: tlo.read_parquet(path, schema), read):
        try:
            way(tf.constant(path))
            print("read")
        except tf.errors.InvalidArgumentError as error:
            print(error.message.replace("\\n", " "))
assert read(tf.constant(small)).numpy().tolist() == [7.0] * 10
print("alive")
'''


def test_a_file_of_a_few_bytes_ends_no_process(tmp_path: pathlib.Path) -> None:
    sources = {"small": sevens(10), "nulls": nulls(MOST), "sevens": sevens(MOST), "page": a_huge_page()}
    for name, chunk in sources.items():
        (tmp_path / name).write_bytes(file_of(chunk))
        assert (tmp_path / name).stat().st_size < 200
    command = [sys.executable, "-c", CHILD, *sources]
    surroundings = os.environ | {"PYTHONPATH": str(ROOT)}
    found = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    said = "reading it takes 63 GiB of memory, which there is not, for 2147483647 rows of 1 column. "
    said += "Read fewer columns or row groups at a time."
    of_page = "row group 0, column 'a', page 0: the page would take more memory, decompressed, than there is. "
    of_page += "The file is damaged; or read fewer columns at a time, or write it with smaller pages."
    wanted = [f"nulls: {said}", f"sevens: {said}", f"page: {of_page}"]
    *lines, last = found.stdout.splitlines()
    assert (lines[::2], last) == (wanted, "alive")
    in_graph = [line for line, text in zip(lines[1::2], wanted, strict=True) if f" {text} " in line]
    assert len(in_graph) == 3, lines


def test_rows_are_counted_where_they_are_read(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_UNASKED", 0)  # also of little the system is asked
    path = tmp_path / "a.parquet"
    path.write_bytes(file_of(sevens(3)))
    schema = tlo.Schema([tlo.Column("a", "int64")])
    assert tlo.read_parquet(path, schema).columns["a"].numpy().tolist() == [7, 7, 7]
    read = tf.function(lambda: tlo.read_parquet(str(path), schema, allow_empty=True).columns["a"], autograph=False)
    assert read().numpy().tolist() == [7, 7, 7]
