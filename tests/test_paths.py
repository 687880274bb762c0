"""Patterns of paths: what they match, in which order, and that a path which is a file is no pattern."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import tensorflow as tf

from tf_loadops.errors import message_of
from tf_loadops.paths import expand, read_bytes

WHOLE = tf.function(expand, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
MANY = tf.function(expand, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    for name in ("b.csv", "a.csv", "éa.csv", "1/x.csv", "2/y.csv", "[ab].csv", "*.txt", "d[1]/z.csv", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(pattern: Any, folder: pathlib.Path) -> list[str]:
    """The files, below the folder: the same eagerly and in a graph, with a scalar and in a vector."""
    results = [call(tf.constant(pattern)).numpy().tolist() for call in (expand, WHOLE)]
    results += [call(tf.constant([pattern])).numpy().tolist() for call in (expand, MANY)]
    assert all(result == results[0] for result in results)
    return [file.decode().replace(f"{folder}/", "") for file in results[0]]


PATTERNS = {
    "?.csv": ["a.csv", "b.csv"],
    "*.csv": ["[ab].csv", "a.csv", "b.csv", "éa.csv"],
    "?/*": ["1/x.csv", "2/y.csv"],
    "*/?.csv": ["1/x.csv", "2/y.csv", "d[1]/z.csv"],
    "[a-b].csv": ["a.csv", "b.csv"],
    "[ab].csv": ["[ab].csv"],  # a file of this name
    "*.txt": ["*.txt"],
    "d[1]/z.csv": ["d[1]/z.csv"],
    "d[1]": ["d[1]"],
    ".h*": [".hidden"],
    "a.csv": ["a.csv"],
    "none.csv": ["none.csv"],  # whoever reads it says so
}


@pytest.mark.parametrize(("pattern", "files"), PATTERNS.items(), ids=PATTERNS)
def test_what_a_pattern_matches(pattern: str, files: list[str], folder: pathlib.Path) -> None:
    assert found(str(folder / pattern), folder) == files


def test_relative_patterns_start_at_the_working_directory(folder: pathlib.Path) -> None:
    assert found("?/*.csv", folder) == ["./1/x.csv", "./2/y.csv"]
    assert found("[ab].csv", folder) == ["[ab].csv"]


def test_several_paths_keep_their_order(folder: pathlib.Path) -> None:
    paths = tf.constant([f"{folder}/2/*", "", "gone", f"{folder}/?.csv", f"{folder}/2/y.csv"])
    for call in (expand, MANY):
        files = [file.decode().replace(f"{folder}/", "") for file in call(paths).numpy()]
        assert files == ["2/y.csv", "", "gone", "a.csv", "b.csv", "2/y.csv"]


REFUSED = {
    "q*": "q*: no file matches this pattern. Check it; a relative one starts at the working directory of the process.",
    "gone/[a]": "gone/[a]: no file matches this pattern. Check it; a relative one starts at the working directory of "
    "the process.",
    "nosuch://a/*": "nosuch://a/*: cannot be reached: TensorFlow has no file system for the scheme in front of ://, or "
    "that one does not answer. Check the path and the access to where it points.",
    "/dev/*": "/dev/*: no regular file: it lies in /dev or /proc, or its name holds a NUL. Give the path of a file.",
    "a\0*": "a\\0*: no regular file: it lies in /dev or /proc, or its name holds a NUL. Give the path of a file.",
    b"caf\xe9*": "caf?*: no file matches this pattern. Check it; a relative one starts at the working directory of the "
    "process.",
}


@pytest.mark.parametrize(("pattern", "message"), REFUSED.items(), ids=map(str, range(len(REFUSED))))
def test_what_is_refused(pattern: Any, message: str, folder: pathlib.Path) -> None:
    for call, path in ((expand, pattern), (WHOLE, pattern), (expand, [pattern]), (MANY, ["a.csv", pattern])):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            call(tf.constant(path))
        assert message_of(caught.value) == message


def test_no_path_is_refused() -> None:
    for call in (expand, MANY):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            call(tf.constant([], tf.string))
        assert message_of(caught.value) == "No path was given: the vector of paths is empty."


def test_files_are_looked_for_on_every_call(folder: pathlib.Path) -> None:
    constant = tf.function(lambda: WHOLE(tf.constant(f"{folder}/?.csv")), input_signature=[], autograph=False)
    assert len(constant().numpy()) == 2
    (folder / "c.csv").write_text("c")
    assert len(constant().numpy()) == 3


def test_an_empty_path_is_named() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        read_bytes(tf.constant(""))
    assert message_of(caught.value) == (
        "'': no such file. Check the path; a relative one starts at the working directory of the process."
    )
