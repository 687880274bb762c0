"""infer_schema of Parquet: types, units, nulls, what is left out, and what is refused. The oracle is pyarrow."""

from __future__ import annotations

import decimal
import json
import os
import pathlib
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tf_loadops as tlo
from tf_loadops.cli import main
from tf_loadops.parquet.footer_eager import read_leaves
from tf_loadops.parquet.thrift_eager import MalformedError, parse_struct

CORPUS = sorted((pathlib.Path(__file__).parents[1] / "data" / "parquet").glob("*.parquet"))
DAMAGED = " The file is damaged, or was not written to its end: write it anew."


def written(folder: pathlib.Path, table: Any, **options: Any) -> pathlib.Path:
    file = folder / "a.parquet"
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), file, **options)
    return file


def types(schema: tlo.Schema) -> dict[str, str]:
    return {c.name: c.dtype if c.unit is None else f"{c.dtype} {c.unit}" for c in schema}


def refused(path: Any, **arguments: Any) -> str:
    with pytest.raises(tlo.LoadError) as caught:
        tlo.infer_schema(path, **arguments)
    return str(caught.value).replace(str(path), "FILE")


def required(name: str, kind: Any) -> Any:
    return pa.field(name, kind, nullable=False)


FULL = {
    "bool": (pa.bool_(), [True, False], "bool"),
    "int8": (pa.int8(), [1, -2], "int32"),
    "int16": (pa.int16(), [1, -2], "int32"),
    "int32": (pa.int32(), [1, -2], "int32"),
    "int64": (pa.int64(), [1, -2], "int64"),
    "uint8": (pa.uint8(), [1, 2], "int32"),
    "uint16": (pa.uint16(), [1, 2], "int32"),
    "uint32": (pa.uint32(), [1, 2**32 - 1], "int64"),
    "uint64": (pa.uint64(), [1, 2], "int64"),
    "float16": (pa.float16(), np.array([1, 2], np.float16), "float32"),
    "float32": (pa.float32(), [1, 2], "float32"),
    "float64": (pa.float64(), [1, 2], "float64"),
    "decimal of 4 bytes": (pa.decimal128(5, 2), [decimal.Decimal("1.25"), decimal.Decimal("-2")], "float64"),
    "decimal of 32 bytes": (pa.decimal256(70, 2), [decimal.Decimal("1.25"), decimal.Decimal("-2")], "float64"),
    "date": (pa.date32(), [1, 2], "int64 days"),
    "time ms": (pa.time32("ms"), [1, 2], "int64 ms"),
    "time us": (pa.time64("us"), [1, 2], "int64 us"),
    "time ns": (pa.time64("ns"), [1, 2], "int64 ns"),
    "timestamp ms": (pa.timestamp("ms"), [1, 2], "int64 ms"),
    "timestamp us": (pa.timestamp("us", "UTC"), [1, 2], "int64 us"),
    "timestamp ns": (pa.timestamp("ns"), [1, 2], "int64 ns"),
    "text": (pa.string(), ["a", "b"], "string"),
    "bytes": (pa.binary(), [b"\xff", b""], "string"),
    "fixed": (pa.binary(2), [b"ab", b"cd"], "string"),
    "dictionary": (pa.dictionary(pa.int32(), pa.string()), ["a", "b"], "string"),
}


@pytest.mark.parametrize("nulls", ["none", "one", "required"])
def test_the_type_of_a_column(nulls: str, tmp_path: pathlib.Path) -> None:
    fields = [pa.field(name, kind, nullable=nulls != "required") for name, (kind, _, _) in FULL.items()]
    arrays = [pa.array(values, kind) for kind, values, _ in FULL.values()]
    if nulls == "one":
        arrays = [pa.concat_arrays([array, pa.nulls(1, array.type)]) for array in arrays]
    file = written(tmp_path, pa.table(arrays, pa.schema(fields)), version="2.6")
    expected = {name: dtype for name, (_, _, dtype) in FULL.items()}
    if nulls == "one":
        expected = {name: "float64" if d in ("bool", "int32", "int64") else d for name, d in expected.items()}
    schema = tlo.infer_schema(file)
    assert types(schema) == expected
    assert schema.origin == f"inferred from the footer of {file}"
    assert tlo.Schema.from_json(schema.to_json()) == schema


def test_old_names_of_types_count_too(tmp_path: pathlib.Path) -> None:
    table = {
        "i": pa.array([1, 2], pa.int8()), "u": pa.array([1], pa.uint32()).take([0, 0]),
        "t": pa.array([1, 2], pa.timestamp("us")), "d": pa.array([1, 2], pa.date32()), "s": ["a", "b"],
    }  # fmt: skip
    file = written(tmp_path, table, version="1.0", use_deprecated_int96_timestamps=False)
    assert types(tlo.infer_schema(file)) == {
        "i": "int32", "u": "int64", "t": "int64 us", "d": "int64 days", "s": "string",
    }  # fmt: skip
    file = written(tmp_path, table, use_deprecated_int96_timestamps=True)
    assert types(tlo.infer_schema(file))["t"] == "int64 ns"


@pytest.mark.parametrize(
    ("statistics", "groups", "dtype"),
    [(True, [[1, 2], [3]], "int64"), (True, [[1, 2], [None]], "float64"), (False, [[1, 2]], "float64"),
     (False, [], "int64")],
)  # fmt: skip
def test_nulls_are_ruled_out_by_every_row_group_or_not_at_all(
    statistics: bool, groups: Any, dtype: str, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "a.parquet"
    schema = pa.schema([pa.field("a", pa.int64())])
    with pq.ParquetWriter(file, schema, write_statistics=statistics) as writer:
        for group in groups:
            writer.write_table(pa.table({"a": group}, schema))
    assert types(tlo.infer_schema(file)) == {"a": dtype}


def test_leaves_of_structs_have_dotted_names_and_lists_and_maps_are_left_out(tmp_path: pathlib.Path) -> None:
    whole = pa.struct([required("x", pa.int64()), required("deep", pa.struct([required("y", pa.bool_())]))])
    part = pa.struct([required("x", pa.int32()), pa.field("many", pa.list_(pa.int32()))])
    fields = [
        required("whole", whole), pa.field("part", part), pa.field("tags", pa.list_(pa.string())),
        pa.field("pairs", pa.map_(pa.string(), pa.list_(pa.int32()))), pa.field("rows", pa.list_(whole)),
    ]  # fmt: skip
    row = {"x": 1, "deep": {"y": True}}
    values = {"whole": row, "part": None, "tags": ["a"], "pairs": [("a", [1])], "rows": [row, row]}
    file = written(tmp_path, pa.Table.from_pylist([values], pa.schema(fields)))
    schema = tlo.infer_schema(file)
    assert types(schema) == {"whole.x": "int64", "whole.deep.y": "bool", "part.x": "float64"}
    assert schema.origin == (
        f"inferred from the footer of {file}; left out: 'part.many' (a list), 'tags' (a list), 'pairs' (a map), "
        "'rows' (a list)"
    )
    only = written(tmp_path, {"tags": [["a"], []], "m": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int8()))})
    assert refused(only) == (
        "FILE: the file has no column that can be read. Left out: 'tags' (a list), 'm' (a map)."
    )


def test_what_has_no_name_of_its_own_is_left_out(tmp_path: pathlib.Path) -> None:
    both = pa.array([{"b": 1}], pa.struct([required("b", pa.int32())]))
    file = written(tmp_path, pa.table([both, [1], [2], ["x"]], names=["a", "a.b", "", "c"]))
    schema = tlo.infer_schema(file)
    assert types(schema) == {"c": "string"}
    assert schema.origin == (
        f"inferred from the footer of {file}; left out: 'a.b' (one of several columns of this name), '' (without a "
        "name)"
    )
    many = {"c": [1], **{f"l{i}": [[1]] for i in range(25)}}
    assert tlo.infer_schema(written(tmp_path, many)).origin.endswith("'l19' (a list), and 5 more")
    file = written(tmp_path, {"ok": [1], "\u1234bad": [1]}, store_schema=False)
    file.write_bytes(file.read_bytes().replace("\u1234bad".encode(), b"\xff\xfe\xfdbad"))
    assert tlo.infer_schema(file).origin.endswith("left out: '\\udcff\\udcfe\\udcfdbad' (its name is no UTF-8)")


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_the_corpus(file: pathlib.Path) -> None:
    """Names, physical types, optionality and null counts are pyarrow's."""
    leaves = read_leaves(str(file))
    try:
        metadata = pq.ParquetFile(file).metadata
        columns = [metadata.schema.column(i) for i in range(len(metadata.schema))]
    except (OSError, pa.ArrowException) as error:
        pytest.skip(f"pyarrow: {error}")
    assert [b".".join(leaf.path).decode() for leaf in leaves] == [column.path for column in columns]
    physical = ["BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"]
    assert [physical[leaf.physical] for leaf in leaves] == [column.physical_type for column in columns]
    assert [bool(leaf.within) for leaf in leaves] == [column.max_repetition_level > 0 for column in columns]
    flat = [leaf for leaf in leaves if not leaf.within]
    optional = [c.max_definition_level > 0 for c in columns if not c.max_repetition_level]
    assert [leaf.optional for leaf in flat] == optional
    assert [leaf.length for leaf in leaves if leaf.physical == 7] == [
        column.length for column in columns if column.physical_type == "FIXED_LEN_BYTE_ARRAY"
    ]
    for i, leaf in enumerate(leaves):
        chunks = [metadata.row_group(group).column(i) for group in range(metadata.num_row_groups)]
        counts = [c.statistics.null_count if c.is_stats_set and c.statistics.has_null_count else None for c in chunks]
        for own, theirs in zip(leaf.null_counts, counts, strict=True):
            assert theirs is None or own == theirs  # pyarrow shows none where it does not trust minimum and maximum


def test_the_command_line_prints_the_schema(tmp_path: pathlib.Path, capsys: Any) -> None:
    file = written(tmp_path, {"a": [1, 2], "d": pa.array([1, 2], pa.date32())})
    assert main(["schema", str(file)]) == 0
    columns = json.loads(capsys.readouterr().out)["columns"]
    assert [(c["name"], c["dtype"], c["unit"]) for c in columns] == [("a", "int64", None), ("d", "int64", "days")]
    file.write_bytes(file.read_bytes()[:-1])
    assert main(["schema", str(file)]) == 1
    assert capsys.readouterr().err == f"Error: {file}: the file begins as Parquet but does not end so.{DAMAGED}\n"


def test_a_schema_written_before_there_were_units_is_read() -> None:
    text = '{"columns": [{"name": "a", "dtype": "int64", "default": 1, "na_values": null}]}'
    assert tlo.Schema.from_json(text) == tlo.Schema([tlo.Column("a", "int64", default=1)])


def test_a_pattern_stands_for_its_first_file(tmp_path: pathlib.Path) -> None:
    written(tmp_path, {"first": [1]}).rename(tmp_path / "1.parquet")
    written(tmp_path, {"second": [1]}).rename(tmp_path / "2.parquet")
    schema = tlo.infer_schema(tmp_path / "*.parquet")
    assert types(schema) == {"first": "int64"}
    assert schema.origin == f"inferred from the footer of {tmp_path}/1.parquet"


def test_texts_that_look_like_parquet_stay_texts(tmp_path: pathlib.Path) -> None:
    for text in ("PAR1,PARE\n1,2\n", "PAR1\n1\n", "PARENT,CHILD\n1,2\n", "PAR1\r\n1\r\n", "PAR1\tb\n1\t2\n"):
        file = tmp_path / "a.csv"
        file.write_text(text)
        assert all(column.dtype == "int64" for column in tlo.infer_schema(file))


UNITS = "a unit is one of days, s, ms, us, ns, and that of an int64."


@pytest.mark.parametrize(("dtype", "unit"), [("int64", "h"), ("int32", "days"), ("float64", "s"), ("int64", "")])
def test_units_are_those_of_int64(dtype: str, unit: str) -> None:
    with pytest.raises(tlo.LoadError) as caught:
        tlo.Column("t", dtype, unit=unit)
    assert str(caught.value) == f"Column 't': {UNITS} Received: unit={unit!r}, dtype={dtype!r}."
    assert tlo.Column("t", "int64", unit="s").unit == "s"


# A struct with: version, schema (a root with one child; the child, INT32, "a"), rows, row groups.
ROOT = b"\x48\x01r\x15\x02\x00"
LEAF = b"\x15\x02\x25\x00\x18\x01a\x00"


def footer(*elements: bytes, groups: bytes = b"\x0c", after: bytes = b"") -> bytes:
    count = bytes([len(elements) << 4 | 12])
    return b"\x15\x02\x19" + count + b"".join(elements) + b"\x16\x00\x19" + groups + after + b"\x00"


def file_of(folder: pathlib.Path, content: bytes) -> pathlib.Path:
    file = folder / "a.parquet"
    file.write_bytes(b"PAR1" + content + len(content).to_bytes(4, "little") + b"PAR1")
    return file


def test_a_footer_written_by_hand(tmp_path: pathlib.Path) -> None:
    file = file_of(tmp_path, footer(ROOT, LEAF))
    assert types(tlo.infer_schema(file)) == {"a": "int32"}
    assert pq.read_schema(file) == pa.schema([required("a", pa.int32())])
    long_ids = b"\x05\x02\x02" + footer(ROOT, LEAF)[2:]  # the version's field id in its long form
    assert types(tlo.infer_schema(file_of(tmp_path, long_ids))) == {"a": "int32"}
    assert types(tlo.infer_schema(file_of(tmp_path, footer(ROOT, LEAF) + b"behind"))) == {"a": "int32"}


MALFORMED = {
    "cut": (footer(ROOT, LEAF)[:-4], "1 bytes are expected at byte 19, and 0 are there"),
    "no list of row groups": (b"\x15\x02\x00", "it holds no schema, or no list of row groups"),
    "a schema of numbers": (b"\x15\x02\x19\x15\x02\x16\x00\x19\x0c\x00", "a part is missing, or not of the type "
                            "expected"),
    "more children": (footer(b"\x48\x01r\x15\x04\x00", LEAF), "the schema has 2 elements, and its groups more"),
    "fewer children": (footer(ROOT, LEAF, LEAF), "the schema has 3 elements, and its groups only 2"),
    "negative children": (footer(b"\x48\x01r\x15\x01\x00", LEAF), "a group of the schema has a negative number of "
                          "children"),
    "a leaf with children": (footer(ROOT, LEAF[:-1] + b"\x15\x02\x00", LEAF), "element 1 of the schema is a leaf and "
                             "has children"),
    "a leaf without a name": (footer(ROOT, b"\x15\x02\x25\x00\x00"), "a part is missing, or not of the type expected"),
    "a row group without chunks": (footer(ROOT, LEAF, groups=b"\x1c\x19\x0c\x00"), "the schema has 1 leaves, and a "
                                   "row group another number of column chunks"),
    "a list longer than the file": (b"\x15\x02\x19\xfc\xff\xff\xff\xff\x07", "2147483647 bytes are expected at byte 9, "
                                    "and 0 are there"),
    "deep": (b"\x1c" * 40 + b"\x00" * 41, "structs and lists lie more than 32 deep in one another, at byte 33"),
    "groups in groups": (footer(*[ROOT] * 14), "the schema has 14 elements, and its groups more"),
    "twice": (b"\x15\x02\x05\x02\x02\x00", "field 1 comes twice in a struct, at byte 2"),
    "no such type": (b"\x1e\x00", "there is no type 14, at byte 0"),
    "eleven bytes": (b"\x15" + b"\xff" * 10 + b"\x01\x00", "an integer of more than ten bytes, at byte 11"),
    "66 bits": (b"\x15" + b"\xff" * 9 + b"\x0f\x00", "an integer of more than 64 bits, at byte 11"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "what"), MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_footers_are_refused(content: bytes, what: str, tmp_path: pathlib.Path) -> None:
    said = refused(file_of(tmp_path, content))
    assert said == f"FILE: its footer cannot be read: it is malformed: {what}.{DAMAGED}"


def test_groups_do_not_nest_without_end(tmp_path: pathlib.Path) -> None:
    elements = b"\x19\xfc\xa0\x8d\x06" + ROOT * 100_000  # a chain of 100,000 groups
    said = refused(file_of(tmp_path, b"\x15\x02" + elements + b"\x16\x00\x19\x0c\x00"))
    assert said == (
        "FILE: its footer cannot be read: it is malformed: groups of the schema lie more than 64 deep in one "
        f"another.{DAMAGED}"
    )


NO_PARQUET = {
    "cut behind the magic": (b"PAR1\x15", f"the file begins as Parquet but does not end so.{DAMAGED}"),
    "short": (b"PAR1PAR1", f"the file begins as Parquet but does not end so.{DAMAGED}"),
    "no footer": (b"PAR1" + bytes(4) + b"PAR1", f"its footer is said to have 0 bytes, and the file has 12.{DAMAGED}"),
    "a long footer": (b"PAR1\1\0\0\0PAR1", f"its footer is said to have 1 bytes, and the file has 12.{DAMAGED}"),
    "a very long footer": (
        b"PAR1\xff\xff\xff\xffPAR1", f"its footer is said to have 4294967295 bytes, and the file has 12.{DAMAGED}"
    ),
    "encrypted": (b"PARE" + bytes(9) + b"PARE", "the file is encrypted, which is not read. Write it without "
                  "encryption."),
}  # fmt: skip


@pytest.mark.parametrize(("content", "what"), NO_PARQUET.values(), ids=NO_PARQUET.keys())
def test_what_is_no_whole_parquet_file_is_refused(content: bytes, what: str, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "a.parquet"
    file.write_bytes(content)
    assert refused(file) == f"FILE: {what}"


def test_a_footer_that_names_an_encryption_is_refused(tmp_path: pathlib.Path) -> None:
    file = file_of(tmp_path, footer(ROOT, LEAF, after=b"\x4c\x1c\x00\x00"))  # field 8, encryption_algorithm
    assert refused(file) == "FILE: the file is encrypted, which is not read. Write it without encryption."


def test_arguments_of_csv_are_refused(tmp_path: pathlib.Path) -> None:
    file = written(tmp_path, {"a": [1]})
    assert refused(file, delimiter=";") == "FILE: a Parquet file has no delimiter. Received: delimiter=';'."
    assert refused(file, na_values=["?"]) == "FILE: a Parquet file has no na_values. Received: na_values=['?']."
    assert types(tlo.infer_schema(file, sample_rows=5)) == {"a": "int64"}


def test_no_bytes_make_it_fail_otherwise(tmp_path: pathlib.Path) -> None:
    """Damaged footers give a schema or a LoadError, and nothing else."""
    good = written(tmp_path, {"a": [1, None], "t": ["x", "y"], "l": [[1], []]}, store_schema=False).read_bytes()
    length = int.from_bytes(good[-8:-4], "little")
    draw = random.Random(7)
    file = tmp_path / "b.parquet"
    outcomes = {"schema": 0, "refused": 0}
    for at in range(len(good) - 8 - length, len(good) - 8):
        bad = bytearray(good)
        bad[at] ^= 1 << draw.randrange(8)
        file.write_bytes(bad)
        try:
            tlo.infer_schema(file)
            outcomes["schema"] += 1
        except tlo.LoadError as error:
            assert str(error).startswith(f"{file}: ")
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 10
    for _ in range(2000):
        content = bytearray(good[-8 - length : -8])
        for _ in range(draw.randrange(1, 6)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        try:
            parse_struct(bytes(content))
        except MalformedError:
            continue


def test_a_file_system_that_is_not_there_is_named() -> None:
    from tf_loadops.parquet.infer import infer_parquet

    with pytest.raises(tlo.LoadError) as caught:
        infer_parquet("nowhere/none.parquet")
    assert str(caught.value) == (
        "nowhere/none.parquet: no such file. Check the path; a relative one starts at the working directory of the "
        "process."
    )
    with pytest.raises(tlo.LoadError) as caught:
        infer_parquet(os.devnull)
    assert str(caught.value) == (
        "/dev/null: no regular file: it lies in /dev or /proc, or its name holds a NUL. Give the path of a file."
    )
