"""Starts the `tf-loadops` command without TensorFlow's notes on its build and drivers.

TensorFlow prints them to stderr while it is imported, newer versions whatever the log level. Importing anything inside
the package imports TensorFlow, so what silences them has to stand beside the package. So has `bench`, whose process
chooses its devices before TensorFlow starts.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_BENCH = "import sys; from benchmarks.__main__ import main; sys.exit(main(prog='tf-loadops bench'))"


def main() -> int:
    """Runs `tf_loadops.cli.main` in a process whose TensorFlow has already started.

    Returns:
      The exit code.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if sys.argv[1:2] == ["bench"]:
        return bench(sys.argv[2:])
    start_tensorflow()
    from tf_loadops.cli import main as run

    return run()


def bench(words: Sequence[str]) -> int:
    """Runs the benchmarks of the clone that tf_loadops is installed from, or that the command is given in.

    Args:
      words: what stands behind `tf-loadops bench`.

    Returns:
      The exit code; 1 where there is no clone.
    """
    spec = importlib.util.find_spec("tf_loadops")
    beside = [] if spec is None or spec.origin is None else [Path(spec.origin).parents[1]]
    clone = next((folder for folder in [*beside, Path.cwd()] if _is_clone(folder)), None)
    if clone is None:
        print(
            "Error: the benchmarks and their data are in the source tree, not in the installed package. Run this "
            "command in a clone of tf_loadops, or pip install -e '.[bench]' there.",
            file=sys.stderr,
        )
        return 1
    path = os.pathsep.join(filter(None, [str(clone), os.environ.get("PYTHONPATH")]))
    running = subprocess.Popen([sys.executable, "-c", _BENCH, *words], env={**os.environ, "PYTHONPATH": path})
    while True:
        try:
            code = running.wait()
            return code if code >= 0 else 128 - code
        except KeyboardInterrupt:  # the benchmarks got it, too, and end what they have started, such as a server
            continue


def _is_clone(folder: Path) -> bool:
    # Somebody else's folder may hold benchmarks, too.
    return all((folder / name).is_file() for name in ("benchmarks/__main__.py", "tf_loadops/__init__.py"))


def start_tensorflow() -> None:
    """Imports TensorFlow and has it look for devices; what it says of that is shown only if it fails."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            import tensorflow as tf

            tf.zeros([])  # looks for devices, which has notes of its own
        except BaseException:
            notes.seek(0)
            os.write(stderr, notes.read())  # now they may say why
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
