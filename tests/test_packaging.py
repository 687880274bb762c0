"""The distribution: what it holds, what it asks for, and the data that comes with it."""

import csv
import email
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import tf_loadops as tlo
from tf_loadops.data import penguins

ROOT = Path(__file__).parents[1]
FILES = ("setup.py", "_tf_loadops_cli.py", "pyproject.toml", "MANIFEST.in", "README.md", "CHANGELOG.md", "LICENSE")
FOLDERS = ("ci", "docs", "tests", "tf_loadops")
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A source distribution of the tree, and the wheel built from nothing but that."""
    home = tmp_path_factory.mktemp("dist")
    tree = home / "tree"
    tree.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "build", "dist")
    for name in FILES:
        shutil.copy(ROOT / name, tree)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    _build(tree, "build_sdist", home)
    (sdist,) = home.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(home / "unpacked", filter="data")
    (unpacked,) = (home / "unpacked").iterdir()
    _build(unpacked, "build_wheel", home)
    (wheel,) = home.glob("*.whl")
    return sdist, wheel


def _build(tree, what, where):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", BUILD, what, str(where)], cwd=tree, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _read(wheel, ending):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(ending))
        return archive.read(name).decode()


def test_wheel_holds_every_module_and_all_package_data_and_nothing_else(built):
    with zipfile.ZipFile(built[1]) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tf_loadops").rglob("*.py")}
    data = {"tf_loadops/py.typed", "tf_loadops/data/penguins.csv", "tf_loadops/data/README.md"}
    assert names == modules | data | {"_tf_loadops_cli.py"}


def test_source_distribution_holds_the_tests(built):
    with tarfile.open(built[0]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    tests = {path for path in (ROOT / "tests").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path.relative_to(ROOT).as_posix() for path in tests} <= names
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "ci/constraints-tf217.txt"} <= names
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").iterdir()} <= names


def test_wheel_metadata(built):
    about = email.message_from_string(_read(built[1], ".dist-info/METADATA"))
    assert about["Name"] == "tf-loadops"
    assert about["Version"] == tlo.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", about["Version"])
    assert set(about["Requires-Python"].split(",")) == {">=3.10", "<3.13"}
    assert about["License"] == "Apache-2.0" or about["License-Expression"] == "Apache-2.0"
    assert set(about.get_all("Provides-Extra")) == {"io", "postgres", "test", "bench", "dev"}


def test_base_install_asks_for_tensorflow_and_numpy_only(built):
    required = email.message_from_string(_read(built[1], ".dist-info/METADATA")).get_all("Requires-Dist")
    base = {re.match(r"[\w-]+", line)[0] for line in required if "extra ==" not in line}
    assert base == {"tensorflow", "numpy"}


def test_entry_point(built):
    lines = _read(built[1], ".dist-info/entry_points.txt").split("\n")
    assert [line for line in lines if line] == ["[console_scripts]", "tf-loadops = _tf_loadops_cli:main"]


def test_licence_is_the_apache_licence_and_travels_along(built):
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.split() == _read(built[1], "LICENSE").split()
    assert text.split()[:6] == ["Apache", "License", "Version", "2.0,", "January", "2004"]


def test_constraints_name_both_ends_of_the_supported_versions():
    low, high = ((ROOT / f"ci/constraints-tf{end}.txt").read_text(encoding="utf-8") for end in ("217", "221"))
    assert "\ntensorflow==2.17.1\n" in low
    assert "\ntensorflow-io==0.37.1\n" in low
    assert "\ntensorflow==2.21.0\n" in high
    assert "tensorflow-io==" not in high


def test_penguins_is_the_published_file():
    content = Path(penguins()).read_bytes()
    assert hashlib.sha256(content).hexdigest() == "f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93"
    head, *rows = csv.reader(content.decode().splitlines())
    assert ",".join(head) == "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year"
    assert len(rows) == 344
    assert [sum(row[place] == "NA" for row in rows) for place in range(8)] == [0, 0, 2, 2, 2, 2, 11, 0]
    assert [sum(row[0] == name for row in rows) for name in ("Adelie", "Chinstrap", "Gentoo")] == [152, 68, 124]


def test_penguins_names_its_source_and_licence():
    text = (Path(penguins()).parent / "README.md").read_text(encoding="utf-8")
    for words in ("Gorman KB, Williams TD, Fraser WR (2014)", "Horst AM, Hill AP, Gorman KB (2020)", "CC0-1.0"):
        assert words in text
