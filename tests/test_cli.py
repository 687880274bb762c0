"""The command line: what it prints, where, and with which exit code."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tf_loadops.cli import main
from tf_loadops.data import penguins
from tf_loadops.version import __version__

ROOT = Path(__file__).parents[1]


def _run(*words, **options):
    """The command in a process of its own: exit code, stdout, stderr."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", **options}
    command = [sys.executable, "-c", "import sys; from _tf_loadops_cli import main; sys.exit(main())", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def _usage_error(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"tf-loadops {__version__}\n"


def test_the_command_starts_without_tensorflows_notes():
    assert _run("--version", TF_CPP_MIN_LOG_LEVEL="0") == (0, f"tf-loadops {__version__}\n", "")


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    listed = re.findall(r"^    (\w+) ", capsys.readouterr().out, re.M)
    assert listed == ["demo", "schema", "snapshot", "bench"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"\ntf-loadops {name} " in readme for name in listed)


def test_usage_errors_exit_with_2(capsys):
    assert _usage_error(capsys) == "tf-loadops: error: the following arguments are required: COMMAND"
    assert _usage_error(capsys, "schema") == "tf-loadops schema: error: the following arguments are required: PATH"
    assert _usage_error(capsys, "demo", "--epochs", "0") == (
        "tf-loadops demo: error: argument --epochs: expected a whole number of at least 1, received '0'"
    )
    assert _usage_error(capsys, "schema", "a.csv", "--sample-rows", "many") == (
        "tf-loadops schema: error: argument --sample-rows: expected a whole number of at least 1, received 'many'"
    )


def test_schema_prints_json(capsys):
    assert main(["schema", penguins()]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    columns = {column["name"]: column["dtype"] for column in json.loads(out)["columns"]}
    assert columns == {
        "species": "string",
        "island": "string",
        "bill_length_mm": "float64",
        "bill_depth_mm": "float64",
        "flipper_length_mm": "float64",
        "body_mass_g": "float64",
        "sex": "string",
        "year": "int64",
    }


def test_schema_writes_to_a_file(capsys, tmp_path):
    (tmp_path / "a.csv").write_text("n,word\n1,x\n2.5,y\n")
    assert main(["schema", str(tmp_path / "a.csv"), "-o", str(tmp_path / "a.json")]) == 0
    assert capsys.readouterr() == ("", "")
    found = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert [(column["name"], column["dtype"]) for column in found["columns"]] == [("n", "float64"), ("word", "string")]


def test_schema_of_a_sample(capsys, tmp_path):
    (tmp_path / "a.csv").write_text("n\n1\n2\n2.5\n")
    assert main(["schema", str(tmp_path / "a.csv"), "--sample-rows", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["columns"][0]["dtype"] == "int64"


def test_schema_of_a_missing_file_is_one_line_and_exit_code_1(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["schema", "none.csv"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "Error: none.csv: no such file. "
        "Check the path; a relative one starts at the working directory of the process.\n"
    )


def test_schema_of_a_directory_is_one_line_and_exit_code_1(capsys, tmp_path):
    assert main(["schema", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"Error: {tmp_path}")
    assert err.count("\n") == 1


def test_schema_to_a_folder_that_is_not_there(capsys, tmp_path):
    (tmp_path / "a.csv").write_text("n\n1\n")
    target = tmp_path / "none" / "a.json"
    assert main(["schema", str(tmp_path / "a.csv"), "-o", str(target)]) == 1
    assert capsys.readouterr() == ("", f"Error: {target}: No such file or directory.\n")


def test_demo_refuses_a_directory_that_holds_files(capsys, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    assert main(["demo", "--output", str(tmp_path)]) == 1
    assert capsys.readouterr() == (
        "",
        f"Error: The demo writes to a directory that is new or empty, and {tmp_path} is not. Name another one.\n",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_demo(tmp_path):
    home = tmp_path / "out"
    code, out, err = _run("demo", "--output", str(home), "--epochs", "12")
    assert (code, err) == (0, "")
    headings = re.findall(r"^\d\. .*", out, re.M)
    assert [heading[:2] for heading in headings] == ["1.", "2.", "3.", "4.", "5.", "6."]
    assert "penguins.csv: 344 rows, 19 missing values" in out
    assert "every 4th row is held out: 258 rows to train on, 86 to test" in out
    assert int(re.search(r"held-out accuracy [01]\.\d{3} \((\d+) of 86 rows\)", out)[1]) >= 80
    assert f"SavedModel: {home / 'saved_model'}" in out
    # The first held-out row of the file is the one with no measurement at all: it is answered, and it is an Adelie.
    assert re.search(r"^ *Torgersen +NA +NA +NA +\w+ +0\.\d{4} +Adelie", out, re.M)
    assert "the same 86 answers" in out
    assert (home / "saved_model" / "saved_model.pb").is_file()
    assert len((home / "train.csv").read_text().splitlines()) == 259
    held_out = (home / "held_out.csv").read_text().splitlines()
    assert held_out[:2] == [
        "island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year",
        "Torgersen,NA,NA,NA,NA,NA,2007",
    ]
    assert len(held_out) == 87
