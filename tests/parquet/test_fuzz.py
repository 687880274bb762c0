"""Damaged files: whatever the bytes, a read is refused in our own words or returns, and the process goes on.

A sample of the cases in the ordinary run; all of them, more than 5,000, with TLO_FUZZ=nightly in the environment.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tf_loadops as tlo

from .oracle import differs, expected, leaf
from .process import Reader

NIGHTLY = os.environ.get("TLO_FUZZ") == "nightly"
LIMIT = 10.0  # seconds for one case
FIRST = 300.0  # seconds for the first one, which traces

_ROWS = 40
_DRAW = np.random.default_rng(11)
_REALS = [None if i % 7 == 3 else float(v) for i, v in enumerate(_DRAW.standard_normal(_ROWS))]
_TEXT = [None if i % 9 == 5 else ["tea", "cup", "pot"][i % 3] * (i % 4) for i in range(_ROWS)]
_FIELDS = [
    pa.field("n", pa.int32(), nullable=False), pa.field("real", pa.float64()), pa.field("open", pa.bool_()),
    pa.field("text", pa.string()), pa.field("at", pa.struct([pa.field("t", pa.timestamp("us"), nullable=False)])),
]  # fmt: skip
TABLE = pa.table(
    [
        pa.array(range(_ROWS), pa.int32()), pa.array(_REALS), pa.array([None, True, False, True] * (_ROWS // 4)),
        pa.array(_TEXT), pa.array([{"t": 10**15 + i} for i in range(_ROWS)], _FIELDS[4].type),
    ],
    pa.schema(_FIELDS),
)  # fmt: skip
SCHEMA = tlo.Schema(
    [
        tlo.Column("n", "int32"), tlo.Column("real", "float64"), tlo.Column("open", "bool", default=False),
        tlo.Column("text", "string"), tlo.Column("at.t", "int64", unit="us"),
    ]
)  # fmt: skip
_DELTA = {"n": "DELTA_BINARY_PACKED", "real": "BYTE_STREAM_SPLIT", "open": "RLE", "text": "DELTA_BYTE_ARRAY",
          "at.t": "DELTA_BINARY_PACKED"}  # fmt: skip
WRITINGS: dict[str, dict[str, Any]] = {
    "plain": {"compression": "none", "use_dictionary": False},
    "dictionary, snappy": {"compression": "snappy", "row_group_size": 25},
    "version 2, gzip": {
        "compression": "gzip", "data_page_version": "2.0", "use_dictionary": False, "column_encoding": _DELTA
    },
}


@dataclasses.dataclass(frozen=True)
class Damage:
    """A damaged file.

    Attributes:
      kind: "footer", "pages" or "cut".
      what: says what was done.
      content: the bytes.
    """

    kind: str
    what: str
    content: bytes


def damages(good: bytes, draw: random.Random) -> Iterator[Damage]:
    """Every byte of the footer changed, every length, and as many changes in the pages."""
    footer = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
    for at in range(footer, len(good)):
        for value in (good[at] ^ 1 << draw.randrange(8), draw.randrange(256)):
            yield _changed(good, "footer", {at: value})
    for length in range(len(good)):
        yield Damage("cut", f"the first {length} bytes", good[:length])
    for _ in range(len(good)):
        places = draw.sample(range(4, footer), draw.choice([1, 1, 2, 5]))
        yield _changed(good, "pages", {at: draw.choice([0, 255, good[at] ^ 1, draw.randrange(256)]) for at in places})


def _changed(good: bytes, kind: str, changes: dict[int, int]) -> Damage:
    content = bytearray(good)
    for at, value in changes.items():
        content[at] = value
    return Damage(kind, f"bytes {changes}", bytes(content))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    made = Reader(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.close()


@pytest.mark.parametrize("name", WRITINGS)
def test_no_bytes_end_the_process(name: str, tmp_path: pathlib.Path, reader: Reader) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(TABLE, file, store_schema=False, **WRITINGS[name])
    columns = [{"name": c.name, "dtype": c.dtype, "default": c.default, "unit": c.unit} for c in SCHEMA]
    whole = reader.read(file, columns, FIRST, graph=True)
    wanted = {column.name: expected(leaf(file, column.name), column) for column in SCHEMA}
    assert whole["outcome"] == "read", whole
    assert {key: said for key in wanted if (said := differs(whole, key, wanted[key]))} == {}

    draw = random.Random(name)
    cases = list(damages(file.read_bytes(), draw))
    assert len(cases) > 5000 / len(WRITINGS)
    if not NIGHTLY:
        cases = draw.sample(cases, 110)
    damaged = tmp_path / "damaged.parquet"
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    bad = []
    for case in cases:
        damaged.write_bytes(case.content)
        answer = reader.read(damaged, columns, LIMIT, graph=True)
        counts[case.kind, answer["outcome"]] += 1
        said = _wrong(answer, case)
        if said:
            bad.append((case.what, said))
        if answer["outcome"] in ("crash", "hang"):
            reader.read(file, columns, FIRST, graph=True)  # traces anew
    print(f"{name}: {dict(counts)}")
    assert bad[:5] == []
    if not NIGHTLY:
        return
    assert counts["cut", "refused"] == sum(case.kind == "cut" for case in cases)


def _wrong(answer: dict[str, Any], case: Damage) -> str:
    if answer["outcome"] == "refused":
        return ""
    if answer["outcome"] != "read":
        return f"{answer['outcome']}: {answer['message']}"
    if case.kind == "cut":
        return "a file that was cut short is read"
    sizes = {len(values) for part in ("values", "valid") for values in answer[part].values()}
    return "" if sizes == {int(answer["counts"]["rows"])} else f"columns of {sizes} rows"


