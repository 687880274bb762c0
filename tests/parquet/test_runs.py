"""Pages of any size that are read together: which ones, what ends a run, and that files are read as they are."""

from __future__ import annotations

import gzip
import pathlib
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tf_loadops as tlo
from tf_loadops.errors import message_of
from tf_loadops.parquet import leaves, page_runs, page_walk, together, troubles
from tf_loadops.parquet.codecs import decompress_all, has_zstd
from tf_loadops.parquet.values import MISSING, OUT_OF_RANGE, PRESENT, Column, Values, no_values

from .encodings import uleb
from .handmade import BYTE_ARRAY, DOUBLE, INT32, OPTIONAL, Chunk, data_page, dictionary_page, v2_page
from .handmade import struct as made_struct
from .test_read_parquet import DAMAGED, NO_SUCH_PLACE, OTHER_COUNT, UNREADABLE, made, same

NONE, SNAPPY, GZIP, ZSTD = 0, 1, 2, 6
ALL_ONES = b"\x02\0\0\0"  # the length of a run's two bytes, of which the first is twice the number of values


def compressed(body: bytes, codec: int) -> bytes:
    if codec == GZIP:
        return gzip.compress(body)
    name = {SNAPPY: "snappy", ZSTD: "zstd"}.get(codec)
    return body if name is None else pa.compress(body, codec=name, asbytes=True)


def ints(*values: int, codec: int = NONE, levels: bytes = b"") -> bytes:
    body = levels + struct.pack(f"<{len(values)}i", *values)
    return data_page(compressed(body, codec), len(values), size=len(body))


def run(
    pages: bytes, rows: int, codec: int = NONE, definition: int = 0, kind: int = leaves.INT32, width: int = 4,
    scale: int = 0, dtype: str = "int64", most: int = page_runs.MOST, dictionary: Any = None,
) -> Any:  # fmt: skip
    """How many pages are read together, their values, how many bytes they take, and whether that paid."""
    numbers = map(tf.constant, (4, 4 + len(pages), rows, codec, most))
    column = Column(*map(tf.constant, (kind, width, scale, definition)))
    indexed = tf.constant(dictionary is not None)
    entries = no_values(dtype) if dictionary is None else Values(*map(tf.constant, dictionary))
    found = page_runs.read_run(tf.constant(b"PAR1" + pages), *numbers, indexed, column, entries, dtype)
    values, states = found.values.numpy().tolist(), found.states.numpy().tolist()
    shown = [None if state == MISSING else value for value, state in zip(values, states, strict=True)]
    return int(found.count), shown, int(found.end) - 4, bool(found.paid)


CODECS = [NONE, SNAPPY, GZIP, *([ZSTD] if has_zstd() else [])]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("optional", [False, True])
def test_pages_that_go_together(codec: int, optional: bool) -> None:
    parts = [(1, 2, 3), (-4,), tuple(range(50))]
    levels = [ALL_ONES + bytes([2 * len(part), 1]) if optional else b"" for part in parts]
    pages = b"".join(ints(*part, codec=codec, levels=head) for part, head in zip(parts, levels, strict=True))
    wanted = (3, [1, 2, 3, -4, *range(50)], len(pages), True)
    assert run(pages, 54, codec, definition=int(optional)) == wanted


NULLS = ALL_ONES + b"\x06\0"
FOUR = ints(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("page", "definition"),
    [
        (dictionary_page(struct.pack("<i", 1), 1), 0),
        (data_page(struct.pack("<i", 1), 1, encoding=5), 0),
        (v2_page(b"", struct.pack("<i", 1), 1, 0), 0),
        (data_page(b"\1\0\0\0\6", 3), 1),
        (data_page(ALL_ONES + b"\3\5" + b"\0" * 4, 3), 1),
        (data_page(ALL_ONES + b"\6\2" + b"\0" * 12, 3), 1),
        (data_page(ALL_ONES, 1), 1),
        (data_page(b"\1\0\0", 1), 0),
        (data_page(b"", 1), 0),
        (data_page(b"\1\0\0\0", 0), 0),
        (data_page(b"\1\0\0\0", 2**31 - 1), 0),
        (FOUR[:-1], 0),
        (b"\xff" * 20, 0),
        (b"\0" * 20, 0),
    ],
    ids=["dictionary", "encoded", "version 2", "levels cut short", "nulls and too few bytes",
         "levels beyond the definition", "no levels", "too few bytes", "no bytes", "no values",
         "very many", "cut off", "no header", "no fields"],
)  # fmt: skip
def test_a_page_that_ends_a_run(page: bytes, definition: int) -> None:
    good = ints(5, 6, levels=ALL_ONES + b"\4\1" if definition else b"")
    assert run(good + page, 2**31 - 1, definition=definition)[:3] == (1, [5, 6], len(good))
    assert run(page, 2**31 - 1, definition=definition) == (0, [], 0, False)


@pytest.mark.parametrize("codec", [SNAPPY, GZIP, *([ZSTD] if has_zstd() else [])])
@pytest.mark.parametrize("said", [8, 12, 0])
def test_what_does_not_decompress_to_what_is_said_is_left_to_others(codec: int, said: int) -> None:
    body = struct.pack("<i", 1) * 3
    page = data_page(compressed(body, codec) if said == 8 else b"\xff" * 9, 2, size=said)
    assert run(ints(1, codec=codec) + page, 3, codec)[0] == (1 if said == 0 else 0)


def test_no_more_rows_than_there_are() -> None:
    assert run(FOUR * 3, 11)[:3] == (2, [1, 2, 3, 4] * 2, 2 * len(FOUR))


def test_whether_it_paid() -> None:
    short = data_page(ALL_ONES + b"\2\1", 1)
    good = ints(5, levels=ALL_ONES + b"\2\1")
    assert run(good, 100, definition=1)[3] is False  # one alone
    assert [run(good * 2 + short * n, 100, definition=1)[3] for n in range(4)] == [True, True, True, False]


def test_missing_values() -> None:
    bits = data_page(ALL_ONES + b"\3\5" + struct.pack("<2i", 7, 8), 3)  # the first and the third of three are there
    every, none = ints(5, levels=ALL_ONES + b"\2\1"), data_page(NULLS, 3)
    pages = every + bits + none + every
    assert run(pages, 8, definition=1) == (4, [5, 7, None, 8, None, None, None, 5], len(pages), True)
    # Without a value, and with one in a group that has another, which is missing itself.
    deep = data_page(b"\4\0\0\0\2\2\2\1" + struct.pack("<i", 9), 2)
    assert run(deep + deep, 4, definition=2)[:2] == (2, [9, None] * 2)


def test_indices_of_a_dictionary() -> None:
    words = ([b"no", b"yes"], [False, False], True)
    ones, both = data_page(b"\1\6\1", 3, encoding=8), data_page(b"\1\3\2", 2, encoding=2)
    pages = ones + both
    assert run(pages, 5, dtype="string", dictionary=words, kind=leaves.TEXT, width=0) == (
        2, [b"yes", b"yes", b"yes", b"no", b"yes"], len(pages), True
    )  # fmt: skip
    gaps = data_page(ALL_ONES + b"\3\5" + b"\1\3\1", 3, encoding=8)
    numbers = {"dictionary": ([10.0, 20.0], [False, False], True), "dtype": "float64", "definition": 1}
    assert run(gaps * 2, 6, **numbers)[:2] == (2, [20.0, None, 10.0] * 2)
    # PLAIN pages do not go with them, nor do these go with such.
    assert run(ones + ints(1) + ones, 7, dictionary=([1, 2], [False, False], True))[:2] == (1, [2, 2, 2])
    assert run(ints(1) + ones, 4)[:2] == (1, [1])


def test_entries_that_a_dtype_cannot_hold_are_marked() -> None:
    column, entries = Column(*map(tf.constant, (leaves.DOUBLE, 8, 0, 0))), ([3, 0], [False, True], True)
    page = data_page(b"\1\3\2", 2, encoding=8)
    numbers = map(tf.constant, (0, len(page), 2, NONE, 9, True))
    found = page_runs.read_run(tf.constant(page), *numbers, column, Values(*map(tf.constant, entries)), "int32")
    assert (found.values.numpy().tolist(), found.states.numpy().tolist()) == ([3, 0], [PRESENT, OUT_OF_RANGE])


@pytest.mark.parametrize(
    "body", [b"\1\6\2", b"\2\6\2", b"\x21\6\0\0\0\0\0", b"\1\4\1", b"\1", b"\1\7"],
    ids=["a bit too many", "no such entry", "wider than 32 bits", "too few", "no runs", "cut off"],
)  # fmt: skip
def test_indices_that_cannot_be_read_end_a_run(body: bytes) -> None:
    good, bad = data_page(b"\1\6\1", 3, encoding=8), data_page(body, 3, encoding=8)
    words = {"dictionary": ([b"no", b"yes"], [False, False], True), "dtype": "string"}
    assert run(good + bad, 6, **words)[:3] == (1, [b"yes"] * 3, len(good))
    assert run(bad, 3, **words) == (0, [], 0, False)
    assert run(good, 3, dictionary=([b"no", b"yes"], [False, False], False), dtype="string")[0] == 0


def test_no_more_than_some_bytes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_runs, "_RUN", 40)
    column = map(tf.constant, (leaves.INT32, 4, 0, 0))
    numbers = map(tf.constant, (0, 3 * len(FOUR), 12, NONE, page_runs.MOST, False))
    # Not by `read_run`, which might use a graph that was made with the other number.
    count, _, values, *_ = page_runs._run(tf.constant(FOUR * 3), *numbers, *column, *no_values("int64"), "int64")
    assert (int(count), values.numpy().tolist()) == (2, [1, 2, 3, 4] * 2)


def test_no_more_pages_than_wanted() -> None:
    assert run(FOUR * 3, 12, most=1)[:3] == (1, [1, 2, 3, 4], len(FOUR))


def test_numbers_of_other_kinds() -> None:
    def pages(*bodies: bytes) -> bytes:
        return b"".join(data_page(body, 1) for body in bodies)

    numbers = (12345, -1)
    decimals = pages(*(number.to_bytes(5, "big", signed=True) for number in numbers))
    of_five = {"kind": leaves.DECIMAL, "width": 5, "scale": 2, "dtype": "float64"}
    assert run(decimals, 2, **of_five)[:2] == (2, [123.45, -0.01])
    days = pages(*(struct.pack("<qi", 7, 2440588 + day) for day in (0, 2)))
    assert run(days, 2, kind=leaves.INT96, width=12)[:2] == (2, [7, 2 * 86_400 * 10**9 + 7])
    halves = pages(*(np.float16(number).tobytes() for number in (0.5, -2)))
    assert run(halves, 2, kind=leaves.HALF, width=2, dtype="float32")[:2] == (2, [0.5, -2.0])


def test_a_column_in_an_optional_group() -> None:
    full = ints(5, 6, levels=ALL_ONES + b"\4\2")
    assert run(full + data_page(ALL_ONES + b"\2\1", 1), 9, definition=2)[:2] == (2, [5, 6, None])


def test_a_header_longer_than_a_window_ends_a_run() -> None:
    page = b"\x15\0\x15\x08\x15\x08\x2c\x15\x02\x15\0\x15\x06\x15\x06\x1c\x18" + uleb(70_000) + b"x" * 70_000
    page += b"\0\0\0" + struct.pack("<i", 9)
    assert run(FOUR + page, 5)[:3] == (1, [1, 2, 3, 4], len(FOUR))
    assert run(page, 1)[0] == 0


def test_a_page_that_inflates_to_something_else_stops_the_others() -> None:
    texts = [gzip.compress(b"abc"), gzip.compress(b"abcd"), b"no gzip"]
    for order, sizes in (((0, 1), (3, 3)), ((1, 0), (3, 3)), ((0, 2), (3, 7))):
        pages, ok = decompress_all(tf.constant([texts[i] for i in order]), tf.constant(GZIP), tf.constant(sizes))
        assert (pages.numpy().tolist(), bool(ok)) == ([], False)
    pages, ok = decompress_all(tf.constant(texts[:2]), tf.constant(GZIP), tf.constant([3, 4]))
    assert (pages.numpy().tolist(), bool(ok)) == ([b"abc", b"abcd"], True)


def test_values_of_no_one_width_are_none() -> None:
    assert run(FOUR * 3, 12, width=0)[0] == 0


# Whole files, in a graph: eager callers read the first ones page by page.


def reader(dtype: str, **options: Any) -> Any:
    schema = tlo.Schema([tlo.Column("a", dtype)])
    return tf.function(
        lambda path: tlo.read_parquet(path, schema, **options), input_signature=[tf.TensorSpec([], tf.string)],
        autograph=False,
    )


@pytest.fixture(scope="module")
def readers() -> Any:
    found: dict[str, Any] = {}
    return lambda dtype: found.setdefault(dtype, reader(dtype, on_bad_row="null"))


def column(read: Any, path: Any) -> list[Any]:
    table = read(tf.constant(str(path)))
    values, valid = table.columns["a"].numpy().tolist(), table.validity["a"].numpy().tolist()
    return [value if there else None for value, there in zip(values, valid, strict=True)]


ROWS = 6000
RNG = np.random.default_rng(0)
ARRAYS = {
    "int32": RNG.integers(-(2**31), 2**31, ROWS).astype(np.int32),
    "float32": RNG.normal(size=ROWS).astype(np.float32),
    "float64": RNG.normal(size=ROWS),
}


@pytest.mark.parametrize("dtype", ARRAYS)
def test_files_of_many_pages(dtype: str, readers: Any, tmp_path: pathlib.Path) -> None:
    read = readers(dtype)
    codecs = ["none", "snappy", "gzip", "lz4", *(["zstd"] if has_zstd() else [])]
    for i, codec in enumerate(codecs):
        field = pa.field("a", pa.from_numpy_dtype(ARRAYS[dtype].dtype), nullable=i % 2 == 0)
        table = pa.table([pa.array(ARRAYS[dtype])], schema=pa.schema([field]))
        for name, options in {
            "plain": {"use_dictionary": False, "data_page_size": 1000, "write_batch_size": 250},
            "dictionary first": {"dictionary_pagesize_limit": 2000, "data_page_size": 2000, "write_batch_size": 250},
            "version 2": {"use_dictionary": False, "data_page_version": "2.0", "data_page_size": 5000},
        }.items():
            file = tmp_path / f"{codec}-{name}.parquet"
            pq.write_table(table, file, compression=codec, **options)
            assert column(read, file) == ARRAYS[dtype].tolist(), (codec, name)


def test_nulls_here_and_there(readers: Any, tmp_path: pathlib.Path) -> None:
    values = [None if 3000 < i < 3010 or i in (0, 4999, ROWS - 1) else float(i) for i in range(ROWS)]
    for codec in ("none", "snappy"):
        file = tmp_path / f"{codec}.parquet"
        pq.write_table(pa.table({"a": values}), file, use_dictionary=False, compression=codec, data_page_size=2000,
                       write_batch_size=250)  # fmt: skip
        assert column(readers("float64"), file) == values


def test_values_that_a_dtype_cannot_hold(readers: Any, tmp_path: pathlib.Path) -> None:
    values = [0.5 if i == 4321 else float(i) for i in range(ROWS)]
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": values}), file, use_dictionary=False, data_page_size=2000, write_batch_size=250)
    assert column(readers("int32"), file) == [None if i == 4321 else i for i in range(ROWS)]
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        reader("int32")(tf.constant(str(file)))
    assert message_of(caught.value) == (
        f"{file}: row group 0, column 'a', row 4321: int32 cannot hold the value, which is float64 in the file. "
        'Declare another dtype, or pass on_bad_row="skip" or "null".'
    )


@pytest.mark.parametrize("codec", [NONE, SNAPPY])
@pytest.mark.parametrize("bad", [0, 1, 7, 11])
def test_a_damaged_page_is_named(codec: int, bad: int, readers: Any, tmp_path: pathlib.Path) -> None:
    def said(page: bytes) -> str:
        pages = [page if i == bad else ints(*range(400), codec=codec) for i in range(12)]
        file = made(tmp_path, Chunk(INT32, b"".join(pages), 12 * 400, codec=codec))
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            column(readers("int32"), file)
        where = f"{file}: row group 0, column 'a', page {bad}: "
        return message_of(caught.value).removeprefix(where)

    short = struct.pack("<399i", *range(399))
    assert said(data_page(compressed(short, codec), 400, size=len(short))) == UNREADABLE.format("int32", "PLAIN")
    assert said(b"\xff" * 30) == NO_SUCH_PLACE
    if bad == 11:
        assert said(ints(*range(401), codec=codec)) == OTHER_COUNT
    if codec:
        assert said(data_page(b"\xff" * 9, 400, size=1600)) == (
            "the page cannot be decompressed into the bytes that it is said to hold." + DAMAGED
        )


def page_of(values: list[float | None], version: int, codec: int) -> bytes:
    """Optional doubles: levels bit by bit where one is missing, else in a run."""
    there = [value is not None for value in values]
    bits = np.packbits(np.array(there, bool), bitorder="little").tobytes()
    levels = bytes([len(values) << 1, 1]) if all(there) else bytes([len(bits) << 1 | 1]) + bits
    body = b"".join(struct.pack("<d", value) for value in values if value is not None)
    if version == 2:
        size = len(levels) + len(body)
        return v2_page(levels, compressed(body, codec), len(values), there.count(False), size=size)
    whole = len(levels).to_bytes(4, "little") + levels + body
    return data_page(compressed(whole, codec), len(values), size=len(whole))


_full = st.lists(st.floats(allow_nan=False), min_size=1, max_size=60)
_gaps = st.lists(st.none() | st.floats(allow_nan=False), max_size=20)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pages=st.lists(st.tuples(_full | _full | _full | _gaps, st.sampled_from([1, 1, 1, 1, 2])), min_size=1, max_size=40),
    codec=st.sampled_from(CODECS),
)
def test_any_pages_one_after_another(pages: Any, codec: int, readers: Any, tmp_path: pathlib.Path) -> None:
    values = [value for page, _ in pages for value in page]
    text = b"".join(page_of(page, version, codec) for page, version in pages)
    file = made(tmp_path, Chunk(DOUBLE, text, len(values), {3: OPTIONAL}, codec=codec))
    if values:
        same(column(readers("float64"), file), values)


def indices(values: list[int], width: int) -> bytes:
    """Indices of so many bits, one bit after another, behind the byte that says how many."""
    groups = -(-len(values) // 8)
    bits = [value >> i & 1 for value in values + [0] * (8 * groups - len(values)) for i in range(width)]
    return bytes([width]) + uleb(groups << 1 | 1) + np.packbits(np.array(bits, np.uint8), bitorder="little").tobytes()


def index_page(values: list[int | None], width: int, codec: int, nulls: bool = True) -> bytes:
    """Of an optional column, unless `nulls` is False."""
    bits = np.packbits(np.array([value is not None for value in values], bool), bitorder="little").tobytes()
    levels = bytes([len(bits) << 1 | 1]) + bits
    body = len(levels).to_bytes(4, "little") + levels if nulls else b""
    body += indices([value for value in values if value is not None], width)
    return data_page(compressed(body, codec), len(values), encoding=8, size=len(body))


def words_page(words: list[bytes], codec: int) -> bytes:
    body = b"".join(struct.pack("<I", len(word)) + word for word in words)
    text = compressed(body, codec)
    return made_struct({1: 2, 2: len(body), 3: len(text), 7: {1: len(words), 2: 0}}) + text


_index = st.none() | st.integers(0, 2)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pages=st.lists(st.lists(_index, max_size=30) | st.just("dictionary"), min_size=1, max_size=30),
    width=st.integers(2, 32), codec=st.sampled_from(CODECS),
)  # fmt: skip
def test_any_pages_of_dictionaries(
    pages: Any, width: int, codec: int, readers: Any, tmp_path: pathlib.Path
) -> None:
    words, text, wanted = [b"", b"a", b"bc"], words_page([b"", b"a", b"bc"], codec), []
    for page in pages:
        if page == "dictionary":  # other words from here on
            words = [*words[1:], words[0] + b"d"]
            text += words_page(words, codec)
        else:
            text += index_page(page, width, codec)
            wanted += [None if i is None else words[i] for i in page]
    file = made(tmp_path, Chunk(BYTE_ARRAY, text, len(wanted), {3: OPTIONAL}, codec=codec))
    if wanted:
        assert column(readers("string"), file) == wanted


@pytest.mark.parametrize("nulls", [False, True])
def test_a_run_is_taken_where_there_is_one(nulls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = together.read_run

    def spied(*arguments: Any) -> Any:
        pages = real(*arguments)
        with tf.control_dependencies([tf.py_function(lambda n: seen.append(int(n)), [pages.count], [])]):
            return pages._replace(count=tf.identity(pages.count))

    monkeypatch.setattr(together, "read_run", spied)
    values = [1, None, 0] if nulls else [1, 0, 0]
    text = words_page([b"no", b"yes"], SNAPPY) + index_page(values, 1, SNAPPY, nulls) * 60
    row = tf.constant([4, 4 + len(text), 180, SNAPPY, leaves.TEXT, 0, 0, int(nulls)])
    read = tf.function(lambda file: page_walk.read_chunk(file, row, "string", page_walk.ALL), autograph=False)
    found, states, trouble, all_present, size = read(tf.constant(b"PAR1" + text))
    assert seen == [32, 28]  # behind that of the dictionary
    assert trouble.numpy().tolist() == [troubles.OK, 60, 8]
    first = [b"yes", b"" if nulls else b"no", b"no"]
    assert found.numpy().tolist() == first * 60
    assert states.numpy().tolist() == ([PRESENT, MISSING, PRESENT] * 60 if nulls else [])
    assert bool(all_present) is not nulls
    assert int(size) == 60 * len(b"".join(first))


@pytest.mark.parametrize("bad", [2, 7, 11])
def test_a_damaged_page_of_indices_is_named(bad: int, readers: Any, tmp_path: pathlib.Path) -> None:
    def said(page: bytes) -> str:
        pages = [words_page([b"no", b"yes"], SNAPPY)]
        pages += [page if i == bad else index_page([1, None, 0], 1, SNAPPY) for i in range(1, 12)]
        file = made(tmp_path, Chunk(BYTE_ARRAY, b"".join(pages), 33, {3: OPTIONAL}, codec=SNAPPY))
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            column(readers("string"), file)
        return message_of(caught.value).removeprefix(f"{file}: row group 0, column 'a', page {bad}: ")

    assert said(index_page([2, None, 0], 2, SNAPPY)) == UNREADABLE.format("bytes", "RLE_DICTIONARY")
    levels = b"\xff\0\0\0\3\5"
    assert said(data_page(compressed(levels, SNAPPY), 3, encoding=8, size=6)) == (
        "the page's definition levels, which tell where values are missing, cannot be read." + DAMAGED
    )


@pytest.mark.parametrize("codec", ["none", "snappy"])
def test_categories_with_nulls_in_several_row_groups(codec: str, readers: Any, tmp_path: pathlib.Path) -> None:
    words = [None if i % 7 == 3 else f"word {i * i % 40}" for i in range(ROWS)]
    numbers = [None if i % 11 == 5 else i * i % 300 for i in range(ROWS)]
    file = tmp_path / "a.parquet"
    for values, dtype in ((words, "string"), (numbers, "float64"), (numbers, "int32")):
        options = {"compression": codec, "row_group_size": 2500, "data_page_size": 100, "write_batch_size": 50}
        pq.write_table(pa.table({"a": values}), file, **options)
        wanted = [value.encode() if isinstance(value, str) else value for value in values]
        assert column(readers(dtype), file) == wanted, dtype


def test_small_pages_with_a_null_now_and_then(readers: Any, tmp_path: pathlib.Path) -> None:
    for every in (3, 10, 40):
        values = [None if i % (20 * every) == 7 else i / 4 for i in range(4000)]
        text = b"".join(page_of(values[i : i + 20], 1, NONE) for i in range(0, len(values), 20))
        file = made(tmp_path, Chunk(DOUBLE, text, len(values), {3: OPTIONAL}))
        assert column(readers("float64"), file) == values, every
