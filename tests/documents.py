"""Markdown documents whose examples run: README.md and docs/.

Blocks fenced as `python` are executed, statement by statement. An expression with a comment `# -> value` has that
value, as `repr` writes it. A `python` block with a `text` block right behind it raises an error with that text.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


class Block(NamedTuple):
    """A fenced block.

    Attributes:
      kind: the word behind the fence.
      source: what stands inside.
      place: document and line.
      line: the line on which the fence stands, from 1.
      refused: the error's text, None where the block runs through.
    """

    kind: str
    source: str
    place: str
    line: int
    refused: str | None


def document(name: str) -> str:
    """A document's text, by its path in the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, kind: str = "python") -> list[Block]:
    """The blocks of a kind in a document."""
    text = document(name)
    fences = list(_FENCE.finditer(text))
    found = []
    for fence, after in zip(fences, [*fences[1:], None], strict=False):
        refused = None
        if after is not None and after[1] == "text" and not text[fence.end() : after.start()].strip():
            refused = after[2].rstrip("\n")
        line = text.count("\n", 0, fence.start()) + 1
        found.append(Block(fence[1], fence[2], f"{name}:{line}", line, refused))
    return [block for block in found if block.kind == kind]


def run(block: Block, found: dict[str, Any], source: str | None = None) -> None:
    """Runs a block; `found` has the names that it finds and gets those that it makes.

    Args:
      block: the block.
      found: the namespace.
      source: what to run in place of the block's own text.
    """
    source = block.source if source is None else source
    tree = ast.parse(source)
    lines = source.splitlines()
    try:
        for statement in tree.body:
            _run(statement, lines[(statement.end_lineno or 1) - 1], block, found)
    except Exception as error:
        if block.refused is None:
            raise
        said = getattr(error, "message", None) or str(error)
        assert said == block.refused, f"{block.place}: another refusal: {said}"
    else:
        assert block.refused is None, f"{block.place}: no refusal"


def _run(statement: ast.stmt, line: str, block: Block, found: dict[str, Any]) -> None:
    shown = line[statement.end_col_offset or 0 :].partition("# -> ")[2].strip()
    ast.increment_lineno(statement, block.line)  # so that a traceback names the document's own line
    where = block.place.partition(":")[0]
    if isinstance(statement, ast.Expr) and shown:
        value = eval(compile(ast.Expression(statement.value), where, "eval"), found)
        assert repr(value) == shown, f"{where}:{statement.end_lineno}: {value!r}, where {shown} is shown"
    else:
        exec(compile(ast.Module([statement], []), where, "exec"), found)
