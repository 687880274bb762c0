"""docs/: its examples run, it names everything public, and it lists every refusal."""

import argparse
import inspect
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import keras
import pytest
import tensorflow as tf
from tensorflow.python.tools import saved_model_cli

import tf_loadops as tlo
from benchmarks import suite as suites
from tests.documents import ROOT, blocks, document, run
from tests.refusals import refusals
from tf_loadops import compiled
from tf_loadops.cli import _parser
from tf_loadops.csv import engine, stream
from tf_loadops.sql import reader
from tf_loadops.sql.postgres import connection
from tf_loadops.standardize import transform

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))


def _run_page(page):
    found = {}
    for block in blocks(page):
        run(block, found)
    return found


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras
@pytest.mark.parametrize("page", PAGES)
def test_examples_of_a_page_run_in_order(page, tmp_path, monkeypatch, capsys):
    if page == "docs/parquet.md" and not hasattr(tlo, "read_parquet"):
        pytest.skip("this version has no Parquet reader")
    monkeypatch.chdir(tmp_path)
    # Each example is read with another schema: as in a user's process, no graph is worth building for one small read.
    monkeypatch.setattr(compiled, "PRICE", 2.0)
    _run_page(page)
    for command in (line for block in blocks(page, "bash") for line in block.source.splitlines()):
        if command.startswith("saved_model_cli "):
            _saved_model_cli(command, monkeypatch)
            assert "output" in capsys.readouterr().out, command


def _saved_model_cli(command, monkeypatch):
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as end:
        saved_model_cli.main()
    assert not end.value.code, command


# Every row of a table, and every paragraph, without the marks of Markdown.
ENTRIES = [" ".join(text.replace("`", "").split()) for text in re.split(r"\n\||\n\n", document("docs/errors.md"))]
LISTED = re.findall(r"^\| `(.+?)` \|", document("docs/errors.md"), re.M)


def test_every_refusal_is_listed():
    """A new refusal wants a row in docs/errors.md: its first sentence, with any values, and what to do."""
    missing = [f"{one.place}: {one.text}" for one in refusals() if not any(map(one.pattern.search, ENTRIES))]
    assert not missing, "docs/errors.md does not list:\n" + "\n".join(missing)


def test_every_listed_refusal_is_one():
    patterns = [one.pattern for one in refusals()]
    stale = [said for said in LISTED if not any(pattern.search(said) for pattern in patterns)]
    assert not stale, "docs/errors.md lists what the source does not say:\n" + "\n".join(stale)


def test_refusals_are_found_in_the_source():
    """In each of the forms in which messages are written."""
    found = {one.text for one in refusals()}
    assert {
        "batch_size is at least 1.",  # an f-string in a LoadError
        "…: there is such a file already.",
        "…: expected … fields, found ….",  # joined in the graph
        "cannot parse '…' as ….",  # a part of another message
        "is no SELECT, and nothing else is run.",  # an argument
        "…: all … values are missing, so it has no mean.",  # a list that is joined elsewhere
        "the query took longer than … seconds and was ended.",  # said by the server's program
    } <= found


CODE = "\n".join(block.source for page in PAGES for kind in ("python", "py") for block in blocks(page, kind))
PUBLIC = {name: vars(tlo)[name] for name in dir(tlo) if not isinstance(vars(tlo)[name], ModuleType)}
PUBLIC = {name: thing for name, thing in PUBLIC.items() if not name.startswith("_")}


def test_every_public_name_has_an_example():
    assert {name for name in PUBLIC if not re.search(rf"\btlo\.{name}\b", CODE)} == set()
    assert {name for name in [*PUBLIC, "__version__"] if f"`tlo.{name}`" not in document("docs/api.md")} == set()


def _members(thing):
    """The public attributes that a class of this package defines, but for those which every Keras layer has."""
    own = [vars(base) for base in thing.__mro__ if base.__module__.startswith("tf_loadops")]
    fields = [*getattr(thing, "_fields", ()), *getattr(thing, "__dataclass_fields__", ())]
    names = {name for names in (*own, fields) for name in names if not name.startswith("_")}
    return names - set(dir(keras.layers.Layer))


@pytest.mark.parametrize("name", [name for name, thing in PUBLIC.items() if isinstance(thing, type)])
def test_every_public_method_has_an_example(name):
    assert {one for one in _members(PUBLIC[name]) if not re.search(rf"(?:\.|def ){one}\b|\b{one}=", CODE)} == set()


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "LoadError"])
def test_every_argument_is_documented(name):
    text = "\n".join(map(document, PAGES))
    named = {one.name for one in inspect.signature(PUBLIC[name]).parameters.values() if one.kind != one.VAR_KEYWORD}
    assert {one for one in named if not re.search(rf"`{one}`|\b{one}=", text)} == set()


def test_every_command_and_option_is_documented():
    text = "\n".join(block.source for block in blocks("docs/api.md", "bash"))
    (commands,) = (action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    for command, parser in commands.choices.items():
        assert f"tf-loadops {command} " in text
        options = {action.option_strings[-1] for action in parser._actions if action.option_strings} - {"--help"}
        assert {option for option in options if f"{option}" not in text} == set()


def test_links_lead_somewhere():
    for page in ["README.md", *PAGES]:
        for target in re.findall(r"\]\(([\w./-]+)\)", document(page)):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"


def test_the_index_names_every_page():
    index = document("docs/README.md")
    assert {page for page in PAGES if f"]({Path(page).name})" not in index} == {"docs/README.md"}


def test_thresholds_are_those_of_the_code():
    text = document("docs/performance.md")
    assert f"from {engine.AUTO_BYTES >> 10} KiB of text" in text
    assert f"in the first {engine._HEAD_BYTES >> 10} KiB" in text
    assert f"a file from {reader.AUTO_BYTES >> 20} MiB" in text
    assert f"in parts of {stream.BLOCK_BYTES >> 20} MiB" in text
    assert f"from 2**{transform._WORTH_COMPILING.bit_length() - 1} values" in text
    assert connection.SLOTS == 4 and "four at a time" in text
    assert {suite for suite in suites.SUITES if f"| `{suite}` |" not in text} == set()


def test_data_service_deals_out_each_row_once(tmp_path):
    """As docs/export.md says; here with a dispatcher and two workers in this process."""
    paths = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    for number, path in enumerate(paths):
        path.write_text(f"x\n{number}\n{number + 10}\n")
    loader = tlo.CSVDataLoader(paths, engine="general")
    service = tf.data.experimental.service
    dispatcher = service.DispatchServer()
    address = dispatcher.target.partition("://")[2]
    workers = [service.WorkerServer(service.WorkerConfig(dispatcher_address=address)) for _ in range(2)]
    (block,) = blocks("docs/export.md", "py")
    found = {"tf": tf, "loader": loader}
    run(block, found, block.source.replace("grpc://dispatcher:5050", dispatcher.target))
    assert sorted(value for batch in found["batches"] for (value,) in batch.numpy().tolist()) == [0, 1, 2, 10, 11, 12]
    del workers
