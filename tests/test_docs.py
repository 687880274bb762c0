"""docs/: its examples run, it names everything public, and it lists every refusal."""

import re
import shlex
import sys

import pytest
from tensorflow.python.tools import saved_model_cli

import tf_loadops as tlo
from tests.documents import ROOT, blocks, document, run
from tests.refusals import refusals

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
