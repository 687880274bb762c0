"""Calling signatures through `saved_model_cli run`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .values import plain
from .workshop import HERE, Made, run


def arguments(made: Made, signature: str, outputs: Path) -> list[str]:
    """The arguments of `saved_model_cli` that call a signature and keep its outputs in a directory."""
    expression = f'path=["{made.source}"]' if signature == "path" else ";"
    where = ["--dir", str(made.directory), "--tag_set", "serve", "--signature_def", signature]
    return ["run", *where, "--input_exprs", expression, "--outdir", str(outputs)]


def run_cli(made: Sequence[Made], folder: Path) -> dict[str, Any]:
    """What the command says of every case: its outputs by the case's name."""
    runs = [arguments(one, "path", folder / one.case.name) for one in made]
    (folder / "runs.json").write_text(json.dumps(runs))
    run([sys.executable, "-I", str(HERE / "cli_runs.py"), "runs.json"], folder)
    return {one.case.name: read(folder / one.case.name) for one in made}


def read(outputs: Path) -> dict[str, Any]:
    """The arrays that the command wrote."""
    return plain({file.stem: np.load(file, allow_pickle=True) for file in outputs.glob("*.npy")})
