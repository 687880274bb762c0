"""Files that stand for more rows, or more text, than there is memory for.

They are read in child processes, for whom Linux' word is a file of the test's own, or whose memory is limited indeed.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops.parquet import room, rows

from .encodings import delta_bytes, plain, uleb
from .handmade import BYTE_ARRAY, FIXED, INT64, OPTIONAL, Chunk, data_page, dictionary_page, file_of, v2_page

MOST = 2**31 - 1
ROOT = pathlib.Path(__file__).parents[2]
TOO_LARGE = (
    "reading it takes {} GiB of memory or more, and {} GiB are free, for {} rows of {}. Read fewer columns or row "
    "groups at a time, or take a machine with more."
)
UP_TO_HERE = (
    "row group 0, column 'a', page {}: its values up to here take more memory than is free. Read fewer columns or row "
    "groups at a time, write it with smaller pages, or take a machine with more."
)


def run_of(count: int, value: int) -> bytes:
    return uleb(count << 1) + bytes([value])


def nulls(count: int) -> Chunk:
    levels = run_of(count, 0)
    return Chunk(INT64, data_page(len(levels).to_bytes(4, "little") + levels, count), count, {3: OPTIONAL})


def repeated(entry: bytes, kind: int, count: int, v2: bool = False) -> Chunk:
    """A dictionary of one entry, and as many indices of it."""
    entries, index = dictionary_page(entry, 1), b"\1" + run_of(count, 0)
    page = v2_page(b"", index, count, 0, encoding=8, compressed=False) if v2 else data_page(index, count, encoding=8)
    return Chunk(kind, entries + page, count, first=len(entries))


def sevens(count: int) -> Chunk:
    return repeated((7).to_bytes(8, "little"), INT64, count)


def letters(entries: int) -> Chunk:
    """One row, and a dictionary of as many texts of one byte."""
    first = dictionary_page(b"x" * entries, entries)
    return Chunk(FIXED, first + data_page(b"\1" + run_of(1, 0), 1, encoding=8), 1, {2: 1}, first=len(first))


def texts(pages: list[tuple[bytes, int]], encoding: int = 0, codec: int = 0) -> Chunk:
    """Pages of one value or more; each with its size decompressed."""
    return Chunk(BYTE_ARRAY, b"".join(data_page(body, 1, encoding, size=size) for body, size in pages), len(pages),
                 codec=codec)


def gzipped(text: bytes, pages: int) -> Chunk:
    body = plain([text])
    return texts([(gzip.compress(body), len(body))] * pages, codec=2)


@pytest.mark.parametrize(
    ("count", "dtypes", "all_rows", "gaps"),
    [
        (0, ["float32"], 0, 0),
        (5, ["float32"], 5 * 8, 5 * 6),
        (5, ["bool", "float64"], 5 * (1 + 8 + 8), 5 * (3 + 10)),  # the larger group is held twice
        (5, ["int32", "bool", "int32"], 5 * (9 + 8), 5 * (6 + 3 + 6)),
        (MOST, ["string"] * 1000, MOST * 48_000, MOST * 26_000),
    ],
)
def test_what_is_needed(count: int, dtypes: list[str], all_rows: int, gaps: int) -> None:
    number = tf.constant(count, tf.int64)
    schema = tlo.Schema([tlo.Column(str(i), dtype) for i, dtype in enumerate(dtypes)])
    assert (int(room.of_rows(number, schema)), int(room.of_gaps(number, dtypes))) == (all_rows, gaps)
    for found, size in ((room.of_spread, 32), (room.of_entries, 36)):
        need = found(tf.constant(count), "string")
        assert (need.dtype, int(need)) == (tf.int64, count * size)


def test_a_little_is_there_and_a_petabyte_is_not() -> None:
    asked = tf.function(room.there_is, input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)
    for answer in (room.there_is, asked):
        sizes = [-(2**40), 0, 2**28, 2**61, 2**63 - 1]
        assert [bool(answer(tf.constant(size, tf.int64))) for size in sizes] == [*[True] * 3, *[False] * 2]


READ = '''
import json, pathlib, resource, sys
import tensorflow as tf
import tf_loadops as tlo
from tf_loadops import memory
from tf_loadops.parquet import page_runs, room

def reads(schema):
    """Ways to read a file: in a graph, and as an eager caller does."""
    columns = lambda path: tlo.read_parquet(path, schema).columns
    return [tf.function(columns, autograph=False), columns]

def outcome(read, path):
    """The distinct values of a file's columns with the number of rows, or why there are none."""
    try:
        found = read(tf.constant(path))
    except tf.errors.InvalidArgumentError as error:
        return error.message.replace("\\n", " ")
    return [[len(set(column.numpy().tolist())), len(column)] for column in found.values()]
'''

LITTLE = READ + '''
page_runs.UNASKED, room.UNASKED, room._TEXT = 1000, 0, 1
linux = pathlib.Path("meminfo")
memory._FILES = (str(linux), *["/nowhere"] * 8)
ways = {}
for line in sys.stdin:
    path, dtype, columns, sizes = json.loads(line)
    key = (dtype, columns)
    if key not in ways:
        ways[key] = reads(tlo.Schema([tlo.Column("abcd"[i], dtype) for i in range(columns)]))
    for size in sizes:
        linux.write_text(f"MemAvailable: {size} kB\\n")
        for read in ways[key]:
            print(json.dumps(outcome(read, path)))
'''


def told(child: str, *arguments: str, folder: pathlib.Path, said: str = "") -> list[object]:
    """What a child process prints, line by line."""
    command = [sys.executable, "-W", "ignore", "-c", child, *arguments]
    surroundings = os.environ | {"PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        command, cwd=folder, env=surroundings, input=said, capture_output=True, text=True, timeout=600
    )
    assert found.returncode == 0, found.stderr
    return [json.loads(line) for line in found.stdout.splitlines()]


def says(outcome: object, text: str) -> bool:
    """Whether a refusal is this one; a graph adds where it comes from."""
    return isinstance(outcome, str) and (outcome == text or f" {text} " in outcome)


def test_the_memory_that_is_asked_for(tmp_path: pathlib.Path) -> None:
    """Each file with as many KiB free as it needs, and with one less."""
    long = b"x" * (1 << 16)
    two = [dataclasses.replace(sevens(1024), name=name) for name in "ab"]
    entry = plain([long])
    # The file, its dtype, its columns, what it needs, the distinct values and rows, and else the refusal.
    cases = [
        (file_of(sevens(1024)), "float32", 1, 8, [1, 1024], TOO_LARGE.format(1, 0, 1024, "1 column")),
        (file_of(*two), "int64", 2, 32, [1, 1024], TOO_LARGE.format(1, 0, 1024, "2 columns")),
        (file_of(nulls(1024)), "float32", 1, 12, [1024, 1024], UP_TO_HERE.format(0)),  # no NaN equals another
        (file_of(gzipped(long, 1)), "string", 1, 257, [1, 1], UP_TO_HERE.format(0)),  # four times a page of 64 KiB + 4
        (file_of(letters(1024)), "string", 1, 36, [1, 1], UP_TO_HERE.format(0)),
        (file_of(gzipped(long, 9)), "string", 1, 1152, [1, 9], UP_TO_HERE.format(8)),
        (file_of(texts([(entry, len(entry))] * 9)), "string", 1, 1152, [1, 9], UP_TO_HERE.format(8)),
        (file_of(texts([(delta_bytes([long]), len(delta_bytes([long])))] * 9, encoding=7)), "string", 1, 1152, [1, 9],
         UP_TO_HERE.format(8)),
        (file_of(repeated(entry, BYTE_ARRAY, 10)), "string", 1, 1280, [1, 10], UP_TO_HERE.format(1)),
        (file_of(repeated(entry, BYTE_ARRAY, 10, v2=True)), "string", 1, 1280, [1, 10], UP_TO_HERE.format(1)),
    ]
    said = []
    for number, (content, dtype, columns, need, *_) in enumerate(cases):
        (tmp_path / str(number)).write_bytes(content)
        said.append(json.dumps([str(number), dtype, columns, [need, need - 1]]))
    outcomes = told(LITTLE, folder=tmp_path, said="\n".join(said))
    assert len(outcomes) == 4 * len(cases)
    for number, (_, _, columns, _, values, refusal) in enumerate(cases):
        *granted, in_graph, op_by_op = outcomes[4 * number : 4 * number + 4]
        assert granted == [[values] * columns] * 2, number
        assert says(in_graph, f"{number}: {refusal}"), in_graph
        assert says(op_by_op, f"{number}: {refusal}"), op_by_op


def test_texts_of_several_chunks(tmp_path: pathlib.Path) -> None:
    """None of them has too much by itself."""
    entry = plain([b"x" * (1 << 16)])
    chunk = texts([(entry, len(entry))])
    content = file_of(*[dataclasses.replace(chunk, name=name) for name in "abcd"])
    (tmp_path / "file").write_bytes(content)
    said = json.dumps(["file", "string", 4, [512, 511]])
    *granted, in_graph, op_by_op = told(LITTLE, folder=tmp_path, said=said)
    assert granted == [[[1, 1]] * 4] * 2
    refusal = "file: " + UP_TO_HERE.format(0).replace("'a'", "'d'")
    assert says(in_graph, refusal), in_graph
    assert says(op_by_op, refusal), op_by_op


def test_missing_values_that_there_is_no_memory_to_fill_in(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(file_of(nulls(3)))
    schema = tlo.Schema([tlo.Column("a", "float32")])
    asked: list[int] = []

    def there_is(size: tf.Tensor) -> tf.Tensor:
        asked.append(int(size))
        return tf.constant(False)

    monkeypatch.setattr(rows, "there_is", there_is)
    monkeypatch.setattr("tf_loadops.compiled.PRICE", float("inf"))  # op by op
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        tlo.read_parquet(path, schema)
    free = r"\d+"
    assert re.fullmatch(re.escape(f"{path}: ") + TOO_LARGE.format(1, free, 3, "1 column"), error.value.message)
    assert asked == [3 * 6]


LIMITED = READ + '''
schemas = {dtype: tlo.Schema([tlo.Column("a", dtype)]) for dtype in ("float32", "string")}
ways = {dtype: reads(schema) for dtype, schema in schemas.items()}
for dtype in ways:
    for read in ways[dtype]:
        print(json.dumps(outcome(read, "small " + dtype)))
has = next(line for line in open("/proc/self/status") if line.startswith("VmSize"))
limit = 1024 * int(has.split()[1]) + (2 << 30)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path, dtype in json.loads(sys.argv[1]):
    for read in ways[dtype]:
        print(json.dumps(outcome(read, path)))
for dtype in ways:
    for read in ways[dtype]:
        print(json.dumps(outcome(read, "small " + dtype)))
'''


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is free")
def test_a_file_of_a_few_bytes_ends_no_process(tmp_path: pathlib.Path) -> None:
    """It may take 2 GiB more than TensorFlow takes anyway."""
    small = {"small float32": sevens(10), "small string": repeated(plain([b"x"]), BYTE_ARRAY, 10)}
    rows_of = TOO_LARGE.format(16, "FREE", MOST, "1 column")
    bombs = {
        "nulls": (nulls(MOST), "float32", rows_of),
        "sevens": (sevens(MOST), "float32", rows_of),
        # As if a few bytes of gzip were 2 GiB: whether they are is not looked at where there is no memory for it.
        "page": (Chunk(INT64, data_page(b"\x1f\x8b\x08", 1, size=MOST), 1, codec=2), "float32", UP_TO_HERE.format(0)),
        "long text": (repeated(plain([b"x" * 10_000]), BYTE_ARRAY, 10_000_000), "string", UP_TO_HERE.format(1)),
        "many pages": (gzipped(b"x" * (1 << 25), 320), "string", UP_TO_HERE.format("PAGE")),
    }
    for name, chunk in small.items():
        (tmp_path / name).write_bytes(file_of(chunk))
    for name, (chunk, *_) in bombs.items():
        (tmp_path / name).write_bytes(file_of(chunk))
    files = [[name, dtype] for name, (_, dtype, _) in bombs.items()]
    outcomes = told(LIMITED, json.dumps(files), folder=tmp_path)
    good = [[[1, 10]]] * 4
    assert (outcomes[:4], outcomes[-4:]) == (good, good)
    assert len(outcomes) == 8 + 2 * len(bombs)
    for number, (name, (*_, refusal)) in enumerate(bombs.items()):
        pattern = re.escape(f"{name}: {refusal}").replace("FREE", "[0-2]").replace("PAGE", r"\d+")
        in_graph, op_by_op = outcomes[4 + 2 * number : 6 + 2 * number]
        assert re.search(rf" {pattern} ", str(in_graph)), in_graph
        assert re.search(rf"(^| ){pattern}( |$)", str(op_by_op)), op_by_op


def test_a_dictionary_of_fewer_entries_than_it_says(tmp_path: pathlib.Path) -> None:
    """It is damaged, however much memory there is."""
    entries = dictionary_page(plain([b"x"]), MOST)
    index = data_page(b"\1" + run_of(1, 0), 1, encoding=8)
    path = tmp_path / "a.parquet"
    path.write_bytes(file_of(Chunk(BYTE_ARRAY, entries + index, 1, first=len(entries))))
    schema = tlo.Schema([tlo.Column("a", "string")])
    read = tf.function(lambda file: tlo.read_parquet(file, schema).columns, autograph=False)
    for way in (read, lambda file: tlo.read_parquet(file, schema)):
        with pytest.raises(tf.errors.InvalidArgumentError) as error:
            way(tf.constant(str(path)))
        said = (
            f"{path}: row group 0, column 'a', page 0: the page's values cannot be read as bytes in the encoding PLAIN."
            " The file is damaged, or this type is not read in that encoding: write it anew, with another one."
        )
        assert says(error.value.message.replace("\n", " "), said), error.value.message


def test_a_dictionary_of_texts_of_no_bytes(tmp_path: pathlib.Path) -> None:
    """Of which there could be any number."""
    entries = dictionary_page(b"", MOST)
    chunk = Chunk(FIXED, entries + data_page(b"\1" + run_of(1, 0), 1, encoding=8), 1, {2: 0}, first=len(entries))
    path = tmp_path / "a.parquet"
    path.write_bytes(file_of(chunk))
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        tlo.read_parquet(path, tlo.Schema([tlo.Column("a", "string")]))
    assert error.value.message == (
        f"{path}: column 'a': its values are of an unknown type, which cannot be read as string. Correct the schema's "
        "dtype, or leave the column out."
    )
