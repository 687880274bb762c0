"""Scripts in a process of their own: what is only true of the first call, and of memory."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

# TensorFlow itself is started before any clock or memory is looked at.
_BEGIN = """
import json, pathlib, sys, time
import tensorflow as tf
import tf_loadops as tlo
tf.strings.length(tf.constant("")) + 1

def begin_memory():
    def status(what):
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))

    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before = status("VmRSS:")
    return lambda: status("VmHWM:") - before

"""


def fresh(script: str, *arguments: str | pathlib.Path, cache: str | pathlib.Path = "") -> Any:
    """Runs a script and returns the one JSON value that it prints.

    Args:
      script: Python source; it finds `tf`, `tlo`, `json`, `pathlib`, `sys`, `time`, and `begin_memory()`, which returns
        a function that tells by how many bytes memory has grown at most since then (Linux).
      *arguments: what it finds in `sys.argv` from 1 on.
      cache: the folder where it keeps graphs; by default it keeps none.

    Returns:
      The value.
    """
    root = pathlib.Path(__file__).parent.parent
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_LOADOPS_CACHE": str(cache)}
    env["PYTHONPATH"] = os.pathsep.join([str(root), *sys.path])
    command = [sys.executable, "-c", _BEGIN + script, *map(str, arguments)]
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the script ended with {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout)
