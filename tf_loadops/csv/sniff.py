"""What the first records of a CSV file tell about its dialect."""

from __future__ import annotations

import re

from tf_loadops.csv.values import NUMBER
from tf_loadops.errors import LoadError


def sniff_delimiter(records: dict[str, list[list[str]]], path: str) -> str:
    """Finds the one delimiter that cuts all the first records into the same number of fields, more than one.

    Args:
      records: the first records, cut at each delimiter that may be it.
      path: the file, for messages.

    Returns:
      The delimiter; a comma if none occurs, since a file of one column has none.

    Raises:
      LoadError: if two of them do, or if none does though some occur.
    """
    even = [char for char, rows in records.items() if rows and len(rows[0]) > 1 and len({len(r) for r in rows}) == 1]
    if len(even) == 1:
        return even[0]
    if len(even) > 1:
        raise LoadError(
            f"{path}: the delimiter is one of {', '.join(map(repr, even))}: each cuts every record into the same "
            "number of fields. Pass delimiter=..."
        )
    often = {char: sum(len(row) > 1 and len(row) == len(rows[0]) for row in rows) for char, rows in records.items()}
    best = max(often, key=lambda char: often[char])
    if often[best] > 1:
        return best  # some rows are ragged: the readers say which
    return ","


def sniff_header(rows: list[list[str]], na_words: tuple[str, ...]) -> bool:
    """Tells whether the first record names the columns.

    It does if it has text above a column of numbers, and does not if it holds a number otherwise. Where everything is
    text, the first record is taken for the header, as most files have one.

    Args:
      rows: the first records, in fields.
      na_words: the words that mean "missing".

    Returns:
      Whether there is a header.
    """
    first, body = rows[0], rows[1:]
    for i, name in enumerate(first):
        below = [row[i].strip() for row in body if i < len(row) and row[i].strip() not in na_words]
        if below and not _is_number(name) and name.strip() not in na_words and all(map(_is_number, below)):
            return True
    return not any(map(_is_number, first))


def _is_number(text: str) -> bool:
    return re.fullmatch(NUMBER, text) is not None
