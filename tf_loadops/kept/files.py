"""Files of kept graphs: the SHA-256 of the file's own name and what follows, and what `packing` makes of the graph."""

from __future__ import annotations

import hashlib
import os
import pathlib
import uuid
import warnings
from collections.abc import Callable
from typing import Any

from tf_loadops.kept.keys import UnkeptError
from tf_loadops.kept.packing import packed, unpacked


def graph(path: str, trace: Callable[[Callable[..., Any]], Any], body: Callable[..., Any]) -> Any:
    """A graph from its file; where there is none that can be used, it is traced and kept.

    Args:
      path: from `place`.
      trace: from a function of tensors to its concrete function.
      body: what is traced.

    Returns:
      The concrete function.
    """
    try:
        build = read(path)
        if build:
            return trace(build)
    except Exception as error:
        warnings.warn(f"{path}: this graph cannot be used. It is traced again: {error}", stacklevel=2)
    traced = trace(body)
    write(traced, path)
    return traced


def read(path: str) -> Callable[..., Any] | None:
    """A graph that was kept.

    Args:
      path: from `place`.

    Returns:
      A function that builds the graph into the current one, from its tensors to its results; None where there is none.
    """
    try:
        digest, _, content = pathlib.Path(path).read_bytes().partition(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        warnings.warn(f"{path}: this graph cannot be read, and is traced again: {error.strerror}.", stacklevel=2)
        return None
    if digest != _digest(path, content):
        warnings.warn(f"{path}: this file is damaged. The graph is traced again and replaces it.", stacklevel=2)
        return None
    return unpacked(content)


def write(graph: Any, path: str) -> None:
    """Keeps a graph; where that cannot be, it says so.

    Args:
      graph: a concrete function.
      path: from `place`.
    """
    try:
        content = packed(graph)
    except UnkeptError:
        return
    folder = os.path.dirname(path)
    # Another process may read at any moment, or write the same.
    unfinished = f"{path}.{uuid.uuid4().hex}.unfinished"
    try:
        os.makedirs(folder, exist_ok=True)
        try:
            with open(unfinished, "xb") as file:
                file.write(_digest(path, content) + b"\n" + content)
            os.replace(unfinished, path)
        except BaseException:
            pathlib.Path(unfinished).unlink(missing_ok=True)
            raise
    except OSError as error:
        warnings.warn(
            f"{folder}: graphs cannot be kept here, and are traced in each process: {error.strerror}.", stacklevel=2
        )


def _digest(path: str, content: bytes) -> bytes:
    return hashlib.sha256(os.path.basename(path).encode() + content).hexdigest().encode()
