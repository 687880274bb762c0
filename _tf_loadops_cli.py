"""Starts the `tf-loadops` command without TensorFlow's notes on its build and drivers.

TensorFlow prints them to stderr while it is imported, newer versions whatever the log level. Importing anything inside
the package imports TensorFlow, so what silences them has to stand beside the package.
"""

from __future__ import annotations

import os
import sys
import tempfile


def main() -> int:
    """Runs `tf_loadops.cli.main` in a process whose TensorFlow has already started.

    Returns:
      The exit code.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _start_tensorflow()
    from tf_loadops.cli import main as run

    return run()


def _start_tensorflow() -> None:
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
