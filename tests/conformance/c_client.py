"""Compiling and calling `client.c`."""

from __future__ import annotations

import ast
import os
import shutil
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from .workshop import HERE, Made, run


def compiler() -> str | None:
    """The C compiler, if there is one."""
    named = os.environ.get("CC") or sysconfig.get_config_var("CC")
    names = [*([named.split()[0]] if named else []), "cc", "gcc", "clang"]
    return next((found for found in map(shutil.which, names) if found), None)


def run_client(made: Sequence[Made], folder: Path) -> dict[str, Any] | None:
    """What the program says of every case, by "case/what"; None where no C compiler is."""
    cc = compiler()
    if cc is None:
        return None
    library = tf.sysconfig.get_lib()
    libraries = ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2", f"-Wl,-rpath,{library}"]
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-I", tf.sysconfig.get_include(), "-L", library]
    run([cc, str(HERE / "client.c"), "-o", "client", *flags, *libraries], folder)
    results: dict[str, Any] = {}
    for one in made:
        calls = {
            "path": _call(one, "serving_default", [one.source]),
            "two paths": _call(one, "serving_default", [one.source, one.second]),
            "missing": _call(one, "serving_default", [one.refused["missing"]]),
            "path again": _call(one, "serving_default", [one.source]),
            "embedded": _call(one, "embedded", []),
        }
        words = [word for call in calls.values() for word in call]
        done = run([str(folder / "client"), str(one.directory), *words], folder)
        said = _results(iter(done.stdout.splitlines()))
        results |= {f"{one.case.name}/{what}": result for what, result in zip(calls, said, strict=True)}
    return results


def _call(made: Made, signature: str, paths: Sequence[Path]) -> list[str]:
    """One RUN of the program: the operations' names as saved_model.pb has them."""
    written = made.meta_graph.signature_def[signature]
    inputs = [info.name.partition(":")[0] for info in written.inputs.values()]
    outputs = [[name, *info.name.split(":")] for name, info in written.outputs.items()]
    words = [word for output in outputs for word in output]
    return [inputs[0] if inputs else "-", str(len(outputs)), *words, str(len(paths)), *map(str, paths)]


def _results(lines: Iterator[str]) -> Iterator[Any]:
    outputs: dict[str, Any] = {}
    for line in lines:
        if line == "end":
            yield {"outputs": outputs}
            outputs = {}
        elif line.startswith("error "):
            yield {"error": _text(line.removeprefix("error "))}
        else:
            name, dtype, _, *shape = line.split()
            size = 1
            for length in shape:
                size *= int(length)
            values = [_value(next(lines), dtype) for _ in range(size)]
            outputs[name] = (dtype, _nested(values, [int(length) for length in shape]))


def _value(text: str, dtype: str) -> Any:
    if dtype == "string":
        return _text(text)
    return float(text) if dtype.startswith("float") else bool(int(text)) if dtype == "bool" else int(text)


def _text(literal: str) -> str:
    return ast.literal_eval(f"b{literal}").decode()


def _nested(values: list[Any], shape: list[int]) -> list[Any]:
    if len(shape) < 2:
        return values
    step = len(values) // shape[0]
    return [_nested(values[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]
