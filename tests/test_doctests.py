"""Every example in a docstring runs, and gives what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import tf_loadops

SCRIPTS = {"tf_loadops.demo.predict"}  # a program that runs when it is imported
MODULES = [m.name for m in pkgutil.walk_packages(tf_loadops.__path__, "tf_loadops.") if m.name not in SCRIPTS]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name: str) -> None:
    module = importlib.import_module(name)
    globs = {**vars(tf_loadops), **vars(module)}  # a reader has the public names at hand
    assert doctest.testmod(module, globs=globs).failed == 0


def test_public_functions_and_classes_show_an_example() -> None:
    public = {name: getattr(tf_loadops, name) for name in dir(tf_loadops) if not name.startswith("_")}
    without = {n for n, thing in public.items() if callable(thing) and ">>>" not in (thing.__doc__ or "")}
    assert without <= {"LoadError", "Table"}  # an exception, and what every reader's example shows
