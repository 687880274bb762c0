"""Every refusal that the source can word, as patterns: what docs/errors.md is held against.

A message is built of literals and of values: by an f-string, by `tf.strings.join` or `_join`, by adding. Here each such
expression becomes a template, the text of its literals with a hole for each value. What counts is prose, text of three
words or more; SQL, help texts and what the demo prints are no refusals. Only the first sentence of a template counts,
which says what was found; what to do about it is the rest of the message.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[1] / "tf_loadops"
HOLE = "\0"

_JOINS = {"_join", "join"}
_NO_REFUSALS = {"add_argument", "add_parser", "add_subparsers", "ArgumentParser", "line", "heading", "print"}
_NO_PROSE = re.compile(
    r"^\W*(?:SELECT|FROM|CASE|CREATE|PRAGMA|GROUP BY|INSERT|ALTER|BEGIN)\b|::|tlo_"  # SQL
    r"|\(\?:"  # regular expressions
    r"|could not correctly convert string"  # TensorFlow's words around a refusal, which are taken off
)
_PROGRAM = re.compile(r"RAISE SQLSTATE|GET STACKED DIAGNOSTICS")
_SENTENCE = re.compile(r"(?<=[^.][.?])\s+(?=[A-Z])")


class Refusal(NamedTuple):
    """What a message says was found.

    Attributes:
      text: its words, with `…` for values.
      pattern: what matches them with any values.
      place: file and line.
    """

    text: str
    pattern: re.Pattern[str]
    place: str


def refusals() -> list[Refusal]:
    """All of the source, in its order."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for line, template, sure in _templates(tree):
            for part in _said(template, sure):
                where = f"{path.relative_to(PACKAGE.parent).as_posix()}:{line}"
                found.append(Refusal(part.replace(HOLE, "…"), _pattern(part), where))
    return found


def _templates(node: ast.AST, sure: bool = False) -> Iterator[tuple[int, str, bool]]:
    """The largest expressions that make a text, below this node; and whether it is that of a LoadError."""
    template = _template(node)
    if template is not None:
        yield getattr(node, "lineno", 0), template, sure
        inner = _values(node)
    else:
        inner = [child for child in ast.iter_child_nodes(node) if not _is_docstring(child)]
        sure = _calls(node, {"LoadError"})
    for child in inner:
        if not _calls(child, _NO_REFUSALS):
            yield from _templates(child, sure)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _calls(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Call) and _name(node.func) in names


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _template(node: ast.AST) -> str | None:
    """The text that an expression makes; None if it makes none that could be read here."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(part) or HOLE for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _template(node.left), _template(node.right)
        return None if left is None and right is None else (left or HOLE) + (right or HOLE)
    if _calls(node, _JOINS) or _is_mixed(node):
        return "".join(_template(part) or HOLE for part in _parts(node))
    return None


def _is_mixed(node: ast.AST) -> bool:
    """Whether this is a list of texts and values, which somebody joins."""
    if not isinstance(node, ast.List):
        return False
    literal = [_template(part) is not None for part in node.elts]
    return any(literal) and not all(literal)


def _parts(call: ast.AST) -> list[ast.expr]:
    """What a join joins; nothing where that is not written out."""
    if isinstance(call, ast.List):
        return call.elts
    assert isinstance(call, ast.Call)
    if len(call.args) == 1:
        return call.args[0].elts if isinstance(call.args[0], (ast.List, ast.Tuple)) else []
    return call.args


def _values(node: ast.AST) -> list[ast.AST]:
    """The parts of an expression that its template has holes for."""
    if isinstance(node, ast.Constant):
        return []
    if isinstance(node, ast.JoinedStr):
        children: list[ast.AST] = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    elif isinstance(node, ast.BinOp):
        children = [node.left, node.right]
    else:
        children = list(_parts(node)) or list(ast.iter_child_nodes(node))
    return [inner for child in children for inner in (_values(child) if _template(child) is not None else [child])]


def _said(template: str, sure: bool = False) -> Iterator[str]:
    """The first sentence of a template, if it is prose."""
    if _PROGRAM.search(template):  # a program for the server, whose texts are refusals
        merged = re.sub(r"\{[a-z]+\}", HOLE, re.sub(r"'\s*\|\|\s*'", "", template))
        for text in re.findall(r"'((?:[^']|'')*)'", merged):
            yield from _said(text.replace("''", "'"))
        return
    if _NO_PROSE.search(template):
        return
    for sentence in _SENTENCE.split(" ".join(template.split())):
        ends = sure or sentence.rstrip(f" {HOLE}").endswith((".", "?", ":"))
        if ends and len(re.findall(r"[a-z]{2,}", sentence.lower())) >= 3:
            yield sentence
            return


def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile(".+?".join(map(re.escape, sentence.strip(f" {HOLE}").split(HOLE))))
