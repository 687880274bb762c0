"""The registry: each loader with a small source, and what it makes of it, written out literally.

A new loader gets every promise tested by one more entry in `CASES`. One is not here: what reads PostgreSQL is made of
tensorflow-io's ops, and so can promise neither stock ops nor a process that has TensorFlow only, and its source is no
path. `tests/postgres/test_promises.py` holds the others for it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import tf_loadops as tlo

NAN = float("nan")

# Name of an output ("output" for a tensor, a column's name in a dict, "label" for the second of a pair), its dtype
# and its values.
Values = Mapping[str, tuple[str, Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A state of the source.

    Attributes:
      write: writes it into a directory, in place of any other state of it there, and returns its path.
      expected: what loading it gives.
    """

    write: Callable[[Path], Path]
    expected: Values


@dataclasses.dataclass(frozen=True, eq=False)
class Refusal:
    """A source that is refused.

    Attributes:
      name: what is wrong with it.
      write: as in `Source`; it may write nothing.
      text: the whole message; {path} stands for the path of this source, {own} for that of the loader's own.
    """

    name: str
    write: Callable[[Path], Path]
    text: str


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A loader and its source.

    Attributes:
      name: what is special about it.
      build: makes the layer or model, for a path to a first source.
      first: the source at construction.
      second: what is in its place later, with another number of rows.
      refusals: what is refused.
      rows: a request: records as text; None for a source that has no such thing.
      rows_expected: what they give.
      joined: what the first and the second source give together; by default one's rows behind the other's.
      takes_none: whether it can be called with None, to read its own path; otherwise it takes a vector of paths.
      tolerance: how far a float may be off, relatively.
    """

    name: str
    build: Callable[[Path], keras.layers.Layer]
    first: Source
    second: Source
    refusals: Sequence[Refusal]
    rows: Sequence[str] | None = None
    rows_expected: Values | None = None
    joined: Values | None = None
    takes_none: bool = True
    tolerance: float = 0.0

    @property
    def signatures(self) -> tuple[str, ...]:
        """The signatures that are exported."""
        return ("path", "baked", "embedded") if self.rows is None else ("path", "rows", "baked", "embedded")

    @property
    def both(self) -> Values:
        """What the first and the second source give together."""
        if self.joined is not None:
            return self.joined
        second = self.second.expected
        return {name: (dtype, [*values, *second[name][1]]) for name, (dtype, values) in self.first.expected.items()}


def file(content: str | bytes, name: str = "data.csv") -> Callable[[Path], Path]:
    """A source that is one file."""

    def write(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return folder / name

    return write


def database(script: str) -> Callable[[Path], Path]:
    """A source that is a SQLite database."""

    def write(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "data.db"
        path.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.executescript(script)
        return path

    return write


def parquet(columns: Mapping[str, Any], **options: Any) -> Callable[[Path], Path]:
    """A source that is a Parquet file."""

    def write(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(dict(columns)), folder / "data.parquet", **options)
        return folder / "data.parquet"

    return write


def nothing(folder: Path) -> Path:
    return folder / "none.csv"


def directory(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


MISSING = Refusal(
    "missing",
    nothing,
    "{path}: no such file. Check the path; a relative one starts at the working directory of the process.",
)
OR_ELSE = 'or pass on_bad_row="skip" or "null".'
WORD = f'Name it in na_values if it means "missing", correct the value, {OR_ELSE}'
INFERRED = " (The schema was inferred from all 3 rows of {own}.)"

MATRIX = Case(
    name="csv_matrix",
    build=lambda path: tlo.CSVDataLoader(path),
    first=Source(
        file("a,b,c\n1,2.5,-3e2\n-0.1,NA,16777217\n4,1e-45,.5\n"),
        {"output": ("float32", [[1.0, 2.5, -300.0], [-0.1, NAN, 16777216.0], [4.0, 1e-45, 0.5]])},
    ),
    second=Source(file("c,b,a\r\n3,2,1\r\n"), {"output": ("float32", [[1.0, 2.0, 3.0]])}),
    rows=["7,8,9", "1,,0"],
    rows_expected={"output": ("float32", [[7.0, 8.0, 9.0], [1.0, NAN, 0.0]])},
    refusals=[
        MISSING,
        Refusal(
            "directory",
            directory,
            "{path}: cannot be read: it is a directory, or reading it is not permitted. Give the path of a readable "
            "file.",
        ),
        Refusal(
            "empty",
            file(""),
            "{path}: the text is empty, or holds only blank lines and comments. A header line is expected first.",
        ),
        Refusal(
            "header_only",
            file("a,b,c\n"),
            "{path}: there is a header but no row. Pass allow_empty=True if a result with zero rows is wanted.",
        ),
        Refusal(
            "ragged",
            file("a,b,c\n1,2,3\n\n4,5\n"),
            f"{{path}}:4: expected 3 fields, found 2. Quote a field that holds the delimiter ',', complete the row, "
            f"{OR_ELSE}",
        ),
        Refusal(
            "word",
            file('a,b,c,note\n1,2,3,"two\nlines"\n4,oops,6,\n'),
            f"{{path}}:4: column 'b': cannot parse 'oops' as float32. {WORD}{INFERRED}",
        ),
        Refusal(
            "no_column",
            file("a,b,d\n1,2,3\n"),
            "{path}:1: column 'c': the header does not name it. It names: a, b, d. Correct the schema or the header, "
            f"or check the delimiter ','.{INFERRED}",
        ),
        Refusal(
            "column_twice",
            file("a,b,c,b\n1,2,3,4\n"),
            "{path}:1: column 'b': the header names it 2 times, and nobody can tell which one is meant. Rename the "
            "others in the header.",
        ),
        Refusal(
            "nul",
            file("a,b,c\n1,2,3\n4,\0,6\n"),
            "{path}:3: byte 3 of the line is NUL, which no CSV text holds. The file is binary, or UTF-16 without a "
            "byte order mark (convert it to UTF-8).",
        ),
        Refusal(
            "utf16",
            file("a,b,c\n1,2,3\n".encode("utf-16")),
            "{path}: the text is UTF-16. Convert it to UTF-8: iconv -f UTF-16 -t UTF-8.",
        ),
    ],
)

COLUMNS = Case(
    name="csv_columns",
    build=lambda path: tlo.CSVDataLoader(
        path,
        schema=tlo.Schema(
            [
                tlo.Column("city", "string"),
                tlo.Column("count", "int64", default=-1),
                tlo.Column("open", "bool", default=False),
                tlo.Column("price", "float64"),
                tlo.Column("rank", "int32"),
            ]
        ),
        features=["price", "city", "open", "count", "rank"],
        output="columns",
    ),
    first=Source(
        file(
            'rank,city,unused,count,open,price\n1,"Oslo, ""Sentrum""\n2",x,9007199254740993,true,0.1\n'
            "2,Ærø,,,,\n-2147483648,NA,x,0,false,-1e300\n"
        ),
        {
            "price": ("float64", [0.1, NAN, -1e300]),
            "city": ("string", ['Oslo, "Sentrum"\n2', "Ærø", "NA"]),
            "open": ("bool", [True, False, False]),
            "count": ("int64", [9007199254740993, -1, 0]),
            "rank": ("int32", [1, 2, -2147483648]),
        },
    ),
    second=Source(
        file("city,count,open,price,rank\n,5,TRUE,1,2\n"),
        {
            "price": ("float64", [1.0]),
            "city": ("string", [""]),
            "open": ("bool", [True]),
            "count": ("int64", [5]),
            "rank": ("int32", [2]),
        },
    ),
    rows=['"a,b",1,false,2.5,3'],
    rows_expected={
        "price": ("float64", [2.5]),
        "city": ("string", ["a,b"]),
        "open": ("bool", [False]),
        "count": ("int64", [1]),
        "rank": ("int32", [3]),
    },
    refusals=[
        MISSING,
        Refusal(
            "missing_integer",
            file('city,count,open,price,rank\n"two\nlines",5,true,1,2\nBø,5,true,1,\n'),
            "{path}:4: column 'rank': the value is missing, and no int32 stands for that. Declare a default, "
            f"Column('rank', 'int32', default=...), or a float dtype, {OR_ELSE}",
        ),
        Refusal(
            "out_of_range",
            file("city,count,open,price,rank\nBø,5,true,1,2147483648\n"),
            "{path}:2: column 'rank': '2147483648' is out of range for int32. Declare a wider dtype, correct the "
            f"value, {OR_ELSE}",
        ),
        Refusal(
            "latin1",
            file("city,count,open,price,rank\nÆrø,5,true,1,2\n".encode("latin-1")),
            "{path}:2: column 'city': '?r?' is not UTF-8 text. Convert the file to UTF-8, " + OR_ELSE,
        ),
    ],
)

LABEL = Case(
    name="csv_gzip_with_label",
    build=lambda path: tlo.CSVDataLoader(
        path,
        schema=tlo.Schema([tlo.Column(name, "float32") for name in ("a", "b")] + [tlo.Column("species", "string")]),
        features=["b", "a"],
        label="species",
    ),
    first=Source(
        file(gzip.compress(b"a,b,species\n1,2,Adelie\n3,4,Gentoo\n", mtime=0)),
        {"output": ("float32", [[2.0, 1.0], [4.0, 3.0]]), "label": ("string", ["Adelie", "Gentoo"])},
    ),
    second=Source(
        file("species,a,b\nChinstrap,5,6\n"), {"output": ("float32", [[6.0, 5.0]]), "label": ("string", ["Chinstrap"])}
    ),
    rows=["7,8,Adelie"],
    rows_expected={"output": ("float32", [[8.0, 7.0]]), "label": ("string", ["Adelie"])},
    refusals=[
        MISSING,
        Refusal(
            "word",
            file("a,b,species\n1,x y,Adelie\n"),
            f"{{path}}:2: column 'b': cannot parse 'x y' as float32. {WORD}",
        ),
        Refusal(
            "cut_short",
            file(gzip.compress(b"a,b,species\n1,2,Adelie\n", mtime=0)[:-6]),
            "{path}: the gzip data is damaged or cut short; nothing of it was used. Fetch or write the file again.",
        ),
    ],
)

PREPROCESSING = Case(
    name="preprocessing",
    build=lambda path: tlo.PreprocessingDataLoader(
        path, schema=tlo.Schema([tlo.Column(name, "float32") for name in ("a", "b", "c")]), engine="general"
    ),
    first=Source(
        file("a,b,c\n1,7,10\n3,7,\n1,7,30\n3,7,\n"),
        {"output": ("float32", [[-1.0, 0.0, -1.0], [1.0, 0.0, 0.0], [-1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])},
    ),
    second=Source(file("a,b,c\n2,6,20\n2,8,20\n"), {"output": ("float32", [[0.0, -1.0, 0.0], [0.0, 1.0, 0.0]])}),
    joined={  # a: mean 2, variance 2/3; b: mean 7, variance 1/3; c: mean 20, variance 50
        "output": (
            "float32",
            [
                [-1.2247448713915890, 0.0, -1.4142135623730951],
                [1.2247448713915890, 0.0, 0.0],
                [-1.2247448713915890, 0.0, 1.4142135623730951],
                [1.2247448713915890, 0.0, 0.0],
                [0.0, -1.7320508075688772, 0.0],
                [0.0, 1.7320508075688772, 0.0],
            ],
        )
    },
    rows=["16777217,0,5", "16777219,0,"],  # float32 has only one of these numbers
    rows_expected={"output": ("float32", [[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])},
    refusals=[
        MISSING,
        Refusal("word", file("a,b,c\n1,1,1\n1,1,-\n"), f"{{path}}:3: column 'c': cannot parse '-' as float64. {WORD}"),
    ],
    tolerance=3e-7,
)


def _encoded(path: Path) -> keras.Model:
    schema = tlo.Schema([tlo.Column("a", "float64"), tlo.Column("b", "float64"), tlo.Column("city", "string")])
    files = keras.Input(shape=(), dtype="string", name="files")
    columns = tlo.CSVDataLoader(schema=schema, output="columns")(files)
    standardize = tlo.Standardize(names=["a", "b"])
    standardize.adapt(np.array([[1.0, 10.0], [3.0, 30.0]]))  # means 2 and 20, deviations 1 and 10
    cities = keras.layers.StringLookup(vocabulary=["Oslo", "Rome"], output_mode="one_hot")
    numbers = standardize(keras.ops.stack([columns["a"], columns["b"]], axis=1))
    return keras.Model(files, {"numbers": numbers, "city": cities(columns["city"])})


ENCODED = Case(
    name="csv_encoding_model",
    build=_encoded,
    first=Source(
        file("a,b,city\n1,10,Oslo\n3,30,Bergen\n"),
        {"numbers": ("float32", [[-1.0, -1.0], [1.0, 1.0]]), "city": ("int64", [[0, 1, 0], [1, 0, 0]])},
    ),
    second=Source(
        file("city,b,a\nRome,40,5\n"), {"numbers": ("float32", [[3.0, 2.0]]), "city": ("int64", [[0, 0, 1]])}
    ),
    rows=["2,25,", ",20,Rome"],
    rows_expected={
        "numbers": ("float32", [[0.0, 0.5], [0.0, 0.0]]),
        "city": ("int64", [[1, 0, 0], [0, 0, 1]]),
    },
    refusals=[
        MISSING,
        Refusal("word", file("a,b,city\n1,?,x\n"), f"{{path}}:2: column 'b': cannot parse '?' as float64. {WORD}"),
    ],
    takes_none=False,
    tolerance=3e-7,
)

NUMERIC = Case(
    name="csv_numeric_engine",
    build=lambda path: tlo.CSVDataLoader(
        path,
        schema=tlo.Schema(
            [tlo.Column("a", "int32"), tlo.Column("b", "bool"), tlo.Column("c", "float32", default=0.5)],
            tlo.Dialect(delimiter=";", header=False),
        ),
        features=["c", "b"],
        engine="numeric",
    ),
    first=Source(
        file("1;true;1.25\n2;false;\n\n3;true;2\n"),
        {"output": ("float32", [[1.25, 1.0], [0.5, 0.0], [2.0, 1.0]])},
    ),
    second=Source(file("7;true;8"), {"output": ("float32", [[8.0, 1.0]])}),
    rows=["1;false;1e3"],
    rows_expected={"output": ("float32", [[1000.0, 0.0]])},
    refusals=[
        MISSING,
        Refusal(
            "wrong_delimiter",
            file("1,true,2\n"),
            f"{{path}}:1: expected 3 fields, found 1. Quote a field that holds the delimiter ';', complete the row, "
            f"{OR_ELSE}",
        ),
    ],
)

DATABASE = Case(
    name="database",
    build=lambda path: tlo.DatabaseDataLoader(
        path,
        "SELECT name, b, a * :scale AS a, c FROM t WHERE name <> ':scale' ORDER BY id",
        params={"scale": 2},
        features=["a", "b", "c"],
        label="name",
    ),
    first=Source(
        database(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a REAL, b INT, c BOOLEAN, name TEXT);"
            "INSERT INTO t VALUES (3, -150, 5, 1, 'pot'), (1, 1.25, NULL, 0, 'Bø'), (2, NULL, 16777217, 1, NULL),"
            "(4, 1e-45, 0, 0, 'it''s')"
        ),
        {
            "output": ("float32", [[2.5, NAN, 0.0], [-300.0, 5.0, 1.0], [1e-45, 0.0, 0.0]]),
            "label": ("string", ["Bø", "pot", "it's"]),
        },
    ),
    second=Source(
        database("CREATE TABLE t (id, c, b, a, name); INSERT INTO t VALUES (1, 0, 2.5, 7, 'Ærø')"),
        {"output": ("float32", [[14.0, 2.5, 0.0]]), "label": ("string", ["Ærø"])},
    ),
    refusals=[
        MISSING,
        Refusal(
            "no_database",
            file("a,b,c\n1,2,3\n"),
            "{path}: no SQLite database: it begins with 'a,b,c\\n1,2,3\\n'. It is of another format, or encrypted. "
            "Give the path of a SQLite file.",
        ),
        Refusal(
            "text",
            database("CREATE TABLE t (id, a, b, c, name); INSERT INTO t VALUES (1, 1, 2, 1, 'x'), (2, 1, 'no', 1, '')"),
            "{path}: row 2, column 'b': cannot read text 'no' as float32. Correct the value, CAST it in the query, "
            f"{OR_ELSE} (The schema was inferred from all 3 rows of SELECT name, b, a * :scale AS a, c FROM t WHERE "
            "name <> ':scale' ORDER BY id in {own}.)",
        ),
    ],
)

SCAN = Case(
    name="database_scan",
    build=lambda path: tlo.DatabaseDataLoader(path, "SELECT a, b FROM t", engine="scan"),
    first=Source(
        database(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a REAL, b INT, name TEXT);"
            "INSERT INTO t VALUES (3, -150, 5, 'pot'), (1, 1.25, NULL, 'Bø'), (2, NULL, 16777217, NULL), (4, 0, 0, '')"
        ),
        {"output": ("float32", [[1.25, NAN], [NAN, 16777216.0], [-150.0, 5.0], [0.0, 0.0]])},
    ),
    # Another table: what the layer knows of the first one does not hold, and SQLite is asked.
    second=Source(
        database("CREATE TABLE t (b, id, a); INSERT INTO t VALUES (2.5, 1, 7)"), {"output": ("float32", [[7.0, 2.5]])}
    ),
    refusals=[
        MISSING,
        Refusal(
            "text",
            database(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, a REAL, b INT, name TEXT); "
                "INSERT INTO t VALUES (1, 1, 2, 'x'), (2, 1, 'no', '')"
            ),
            "{path}: row 2, column 'b': cannot read text 'no' as float32. Correct the value, CAST it in the query, "
            f"{OR_ELSE} (The schema was inferred from all 4 rows of SELECT a, b FROM t in {{own}}.)",
        ),
    ],
)

PARQUET = Case(
    name="parquet",
    build=lambda path: tlo.ParquetDataLoader(path, features=["b", "a", "part.c"], label="name"),
    first=Source(
        parquet(
            {
                "a": pa.array([1.5, None, -0.1, float("nan")], pa.float64()),
                "b": pa.array([1, 16777217, None, 0], pa.int64()),
                "tags": [["x"], [], None, ["y", "z"]],
                "part": [{"c": True}, {"c": None}, None, {"c": False}],
                "name": ["Bø", "", None, "it's"],
            },
            row_group_size=3,
        ),
        {
            "output": ("float32", [[1.0, 1.5, 1.0], [16777216.0, NAN, NAN], [NAN, -0.1, NAN], [0.0, NAN, 0.0]]),
            "label": ("string", ["Bø", "", "", "it's"]),
        },
    ),
    second=Source(
        parquet(
            {"part": [{"c": 7}], "name": [b"Rome"], "b": [2.5], "more": [1], "a": pa.array([3], pa.uint8())},
            compression="gzip", data_page_version="2.0", use_dictionary=False,
        ),
        {"output": ("float32", [[2.5, 3.0, 7.0]]), "label": ("string", ["Rome"])},
    ),
    refusals=[
        MISSING,
        Refusal(
            "text_file",
            file("a,b,c\n1,2,3\n"),
            "{path}: the file is no Parquet file: it does not begin with the bytes PAR1. Check the path.",
        ),
        Refusal(
            "no_column",
            parquet({"a": [1.0], "part": [1], "name": ["x"]}),
            "{path}: column 'b': the file has no such column; it has: a, part, name. Correct the schema, or the path.",
        ),
        Refusal(
            "text",
            parquet({"a": ["1.5"], "b": [1], "part": [{"c": 1}], "name": ["x"]}),
            "{path}: column 'a': its values are bytes, which cannot be read as float32. Correct the "
            "schema's dtype, or leave the column out.",
        ),
        Refusal(
            "no_rows",
            parquet({"a": pa.array([], pa.int8()), "b": pa.array([], pa.int8()), "name": pa.array([], pa.string()),
                     "part": pa.array([], pa.struct({"c": pa.int8()}))}),
            "{path}: there are no rows. Check the path; pass allow_empty=True if a result with zero rows is wanted.",
        ),
        Refusal(
            "too_large",
            parquet({"a": [0.5, 1e39], "b": [1, 2], "part": [{"c": 1}] * 2, "name": ["x", "y"]}),
            "{path}: row group 0, column 'a', row 1: float32 cannot hold the value, which is float64 in the file. "
            f"Declare another dtype, {OR_ELSE} (The schema was inferred from the footer of {{own}}; left out: 'tags' "
            "(a list).)",
        ),
    ],
)

CASES = [MATRIX, COLUMNS, LABEL, PREPROCESSING, ENCODED, NUMERIC, DATABASE, SCAN, PARQUET]
