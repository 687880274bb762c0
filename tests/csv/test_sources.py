"""Where text comes from: paths of all kinds, several files, fresh reads, compressed data."""

from __future__ import annotations

import gzip
import os
import pathlib
import struct
import zlib

import pytest
import tensorflow as tf
from reading import columns, counts, refusal, refusal_in_graph, rows

import tf_loadops as tlo

SCHEMA = tlo.Schema([tlo.Column("a", "int32"), tlo.Column("s", "string")])
TEXT = 'a,s\n1,x\n2,"y, z"\n3,\n'
ROWS = [[1, "x"], [2, "y, z"], [3, None]]


@pytest.mark.parametrize(
    "name",
    ["plain", "with blanks", "*?[ab]\\", "été 日本.csv", "'quote\"", "a,b\n;$HOME ~ %s {}", "x" * 250, "a.csv.gz"],
)
def test_any_name_of_a_file_is_a_path(name: str, tmp_path: pathlib.Path) -> None:
    file = tmp_path / name
    missing = refusal(lambda: tlo.read_csv(file, SCHEMA))
    assert missing == (
        f"{file}: no such file. Check the path; a relative one starts at the working directory of the process."
    )
    file.write_text(TEXT)
    assert rows(tlo.read_csv(file, SCHEMA)) == ROWS
    assert rows(tlo.read_csv(os.fsencode(file), SCHEMA)) == ROWS
    file.unlink()
    file.mkdir()
    assert refusal(lambda: tlo.read_csv(file, SCHEMA)) == (
        f"{file}: cannot be read: it is a directory, or reading it is not permitted. Give the path of a readable file."
    )


def test_a_path_that_is_not_utf8(tmp_path: pathlib.Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.csv"
    assert refusal(lambda: tlo.read_csv(path, SCHEMA)).startswith(f"{tmp_path}/caf?.csv: no such file. ")
    with open(path, "w") as file:
        file.write(TEXT)
    assert rows(tlo.read_csv(path, SCHEMA)) == ROWS


@pytest.mark.parametrize("path", ["", "/", "/nowhere/" + "x" * 4000, "nowhere/../nowhere.csv", "\n"])
def test_paths_to_nothing_are_refused(path: str) -> None:
    said = refusal(lambda: tlo.read_csv(path, SCHEMA))
    found = "cannot be read: it is a directory, or " if path == "/" else "no such file. "
    shown = path or "''"
    assert said.startswith(f"{shown}: {found}")


def test_a_scheme_without_a_file_system_is_refused() -> None:
    assert refusal(lambda: tlo.read_csv("nothing://bucket/a.csv", SCHEMA)) == (
        "nothing://bucket/a.csv: cannot be reached: TensorFlow has no file system for the scheme in front of ://, or "
        "that one does not answer. Check the path and the access to where it points."
    )


def test_several_files_follow_one_another(tmp_path: pathlib.Path) -> None:
    texts = ["a,s\n1,x\n", "s,more,a\r\ny,,2\r\nz,,3\r\n", gzip.compress(b"a,s\n4,v")]
    files = [tmp_path / f"{i}.csv" for i in range(3)]
    for file, text in zip(files, texts, strict=True):
        file.write_bytes(text.encode() if isinstance(text, str) else text)
    table = tlo.read_csv(files, SCHEMA)
    assert columns(table) == {"a": [1, 2, 3, 4], "s": ["x", "y", "z", "v"]}
    assert counts(table) == {"rows": 4, "bad_rows": 0, "missing": 0, "bytes": 8 + len(texts[1]) + 7}
    assert columns(tlo.read_csv([files[2], files[0], files[2]], SCHEMA))["a"] == [4, 1, 4]
    assert columns(tlo.read_csv(files[1:2], SCHEMA))["a"] == [2, 3]

    files[1].write_text("a,s\n2,y\nx,z\n")
    said = 'cannot parse \'x\' as int32. Name it in na_values if it means "missing", correct the value, or pass '
    said = f"{files[1]}:3: column 'a': {said}on_bad_row=\"skip\" or \"null\"."
    assert refusal(lambda: tlo.read_csv(files, SCHEMA)) == said
    read = tf.function(lambda paths: tlo.read_csv(paths, SCHEMA))
    assert refusal_in_graph(lambda: read(tf.constant([str(file) for file in files]))) == said
    files[1].write_text("a,s\n")
    assert refusal(lambda: tlo.read_csv(files, SCHEMA)) == (
        f"{files[1]}: there is a header but no row. Pass allow_empty=True if a result with zero rows is wanted."
    )
    assert refusal(lambda: tlo.read_csv([], SCHEMA)) == "No path was given: the vector of paths is empty."


def test_bad_rows_of_all_files_are_counted(tmp_path: pathlib.Path) -> None:
    files = [tmp_path / f"{i}.csv" for i in range(3)]
    for file, text in zip(files, ["a,s\n1,x\ny,2\n", "a,s\n", "a,s\nz,z\n,\n3,\n"], strict=True):
        file.write_text(text)
    table = tlo.read_csv(files, SCHEMA, on_bad_row="skip", allow_empty=True)
    assert rows(table) == [[1, "x"], [3, None]]
    assert counts(table) == {"rows": 2, "bad_rows": 3, "missing": 1, "bytes": 12 + 4 + 13}
    table = tlo.read_csv(files[1:2], SCHEMA, on_bad_row="skip", allow_empty=True)
    assert rows(table) == []


def test_a_constant_path_is_read_again_on_every_call(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "a.csv"

    @tf.function
    def one() -> tf.Tensor:
        return tlo.read_csv(str(file), SCHEMA).columns["a"]

    inner = tf.function(lambda path: tlo.read_csv(path, SCHEMA).columns["a"])

    @tf.function
    def outer() -> tf.Tensor:
        return inner(tf.constant([str(file)]))

    for numbers in ([1], [2, 3], [4, 5, 6]):
        file.write_text("a,s\n" + "".join(f"{n},\n" for n in numbers))
        assert one().numpy().tolist() == numbers
        assert outer().numpy().tolist() == numbers
        assert columns(tlo.read_csv(file, SCHEMA))["a"] == numbers
    file.unlink()
    assert refusal_in_graph(one).startswith(f"{file}: no such file.")
    file.write_text(TEXT)
    assert one().numpy().tolist() == [1, 2, 3]


def _zlib_of(level: int) -> bytes:
    return zlib.compress(TEXT.encode(), level)


def _bgzf(text: bytes) -> bytes:
    """A block as bgzip writes it (SAM specification, section 4.1)."""
    packed = zlib.compressobj(wbits=-15)
    data = packed.compress(text) + packed.flush()
    head = bytes.fromhex("1f8b08040000000000ff060042430200") + struct.pack("<H", len(data) + 25)
    return head + data + struct.pack("<II", zlib.crc32(text), len(text))


MEMBERS = [gzip.compress(TEXT[:7].encode()), gzip.compress(TEXT[7:].encode())]
GZIP = gzip.compress(TEXT.encode(), mtime=0)
PACKED = {
    "gzip": GZIP,
    "gzip of several members": b"".join(MEMBERS),
    "blocked gzip": _bgzf(TEXT[:9].encode()) + _bgzf(TEXT[9:].encode()) + _bgzf(b""),
    "gzip with a name": GZIP[:3] + b"\x08" + GZIP[4:10] + b"name.csv\x00" + GZIP[10:],
    "gzip of marked text": gzip.compress(b"\xef\xbb\xbf" + TEXT.encode()),
    "stored gzip": gzip.compress(TEXT.encode(), 0),
    **{f"zlib level {level}": _zlib_of(level) for level in (0, 1, 5, 6, 9)},
}


@pytest.mark.parametrize("data", PACKED.values(), ids=PACKED.keys())
def test_compressed_data_is_known_by_its_bytes(data: bytes, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(data)
    table = tlo.read_csv(file, SCHEMA)
    assert rows(table) == ROWS
    assert counts(table)["bytes"] == len(TEXT)
    assert rows(tlo.parse_csv(data, SCHEMA)) == ROWS


DAMAGE = " data is damaged or cut short; nothing of it was used. Fetch or write the file again."


def _refused_or_whole(data: bytes) -> bool:
    """Whether damaged data is refused; if not, it has to give all of the text."""
    try:
        table = tlo.parse_csv(data, SCHEMA)
    except tf.errors.InvalidArgumentError as error:
        assert error.message.startswith("<text>")
        return True
    assert rows(table) == ROWS
    assert counts(table)["bytes"] == len(TEXT)
    return False


def test_data_cut_short_anywhere_is_refused() -> None:
    for data in (GZIP, PACKED["gzip of several members"], PACKED["stored gzip"]):
        for size in set(range(2, len(data))) - {len(MEMBERS[0])}:  # whole members are a whole file
            assert refusal(lambda cut=data[:size]: tlo.parse_csv(cut, SCHEMA)) == f"<text>: the gzip{DAMAGE}"
    for level in (0, 5, 6, 9):
        data = _zlib_of(level)
        for size in range(1, len(data)):
            assert _refused_or_whole(data[:size])


def test_data_with_a_flipped_bit_is_refused_or_whole() -> None:
    for data in (GZIP, _zlib_of(9)):
        refused = 0
        for i in range(len(data)):
            for bit in (0, 4, 7):
                flipped = bytearray(data)
                flipped[i] ^= 1 << bit
                refused += _refused_or_whole(bytes(flipped))
        # Seven bytes of a gzip header, and the bits behind the last block, say nothing about the text.
        assert refused > 2 * len(data)


def test_an_empty_member_hides_what_follows_so_it_is_refused() -> None:
    data = MEMBERS[0] + gzip.compress(b"") + MEMBERS[1]
    assert refusal(lambda: tlo.parse_csv(data, SCHEMA)) == f"<text>: the gzip{DAMAGE}"


def test_what_follows_compressed_data_is_refused() -> None:
    for name, data in {"gzip": GZIP, "zlib": _zlib_of(9)}.items():
        for more in (b"x", b"\n", b"1,2\n", GZIP[:5], b"\x1f\x8b"):
            assert refusal(lambda d=data + more: tlo.parse_csv(d, SCHEMA)) == f"<text>: the {name}{DAMAGE}"


def test_text_that_begins_like_compressed_data_is_text() -> None:
    schema = tlo.Schema([tlo.Column("x^2", "float64")])
    assert columns(tlo.parse_csv("x^2\n4\n", schema)) == {"x^2": [4.0]}
