"""`tf-loadops bench`: the same as `python -m benchmarks`, wherever the command finds the clone."""

import importlib.util
import os
import subprocess
import sys
import types
from pathlib import Path

import _tf_loadops_cli
from benchmarks.suite import SUITES
from tf_loadops import cli

ROOT = Path(__file__).parents[1]


def _run(words, folder):
    """The command in a process of its own."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-c", "import sys; from _tf_loadops_cli import main; sys.exit(main())", *words]
    return subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, cwd=folder, capture_output=True, text=True, timeout=300
    )


def test_the_clone_beside_the_package_is_found_from_anywhere(tmp_path):
    done = _run(["bench", "list"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(SUITES)


def test_options_are_the_benchmarks_own_and_so_is_the_exit_code(tmp_path):
    helped = _run(["bench", "run", "--help"], tmp_path)
    assert helped.stdout.startswith("usage: tf-loadops bench run ")
    for option in ("--size {smoke,small,medium,large}", "--device {cpu,gpu}", "--peers all|none|NAME,…"):
        assert option in " ".join(helped.stdout.split())
    wrong = _run(["bench", "run", "xml"], tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == f"Error: there is no suite xml. There are {', '.join(SUITES)}.\n"


def test_without_a_clone_one_line_says_where_to_run_it(tmp_path, monkeypatch, capsys):
    installed = types.SimpleNamespace(origin=str(tmp_path / "site-packages/tf_loadops/__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: installed)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/__main__.py").write_text("raise SystemExit(3)  # somebody else's")
    assert _tf_loadops_cli.bench(["list"]) == 1
    assert capsys.readouterr().err == (
        "Error: the benchmarks and their data are in the source tree, not in the installed package. "
        "Run this command in a clone of tf_loadops, or pip install -e '.[bench]' there.\n"
    )


def test_the_clone_that_the_command_is_given_in_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    for name in ("benchmarks", "tf_loadops"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    main = tmp_path / "benchmarks/__main__.py"
    main.write_text("import pathlib\ndef main(prog):\n    pathlib.Path('ran').write_text(prog)\n    return 3\n")
    assert cli.main(["bench", "list"]) == 3
    assert (tmp_path / "ran").read_text() == "tf-loadops bench"
    main.write_text("import os, signal\ndef main(prog):\n    os.kill(os.getpid(), signal.SIGTERM)\n")
    assert cli.main(["bench", "list"]) == 128 + 15  # as a shell says it
