"""The footer of a Parquet file in plain Python: its leaves, and what the row groups say of each."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from tf_loadops.errors import LoadError
from tf_loadops.parquet.thrift_eager import MalformedError, parse_struct
from tf_loadops.paths import is_regular, no_file, unreadable

_MAGIC, _ENCRYPTED = b"PAR1", b"PARE"
_OPTIONAL, _REPEATED = 1, 2
_MAP_LIKE = {1, 2}  # converted types MAP and MAP_KEY_VALUE
_DEPTH = 64  # of groups in one another, so that a hostile schema's paths stay short
_DAMAGED = " The file is damaged, or was not written to its end: write it anew."
_IS_ENCRYPTED = "the file is encrypted, which is not read. Write it without encryption."


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A column of values.

    Attributes:
      path: the names from the top to the leaf.
      physical: the number of its physical type, from 0 (BOOLEAN) to 7 (FIXED_LEN_BYTE_ARRAY).
      length: bytes of a FIXED_LEN_BYTE_ARRAY.
      converted: the number of its converted type, or None.
      logical: the number of its logical type and what belongs to it, or None.
      optional: whether it, or a group above it, may be null.
      within: "list" or "map" where a row holds any number of its values, "" where it holds one.
      outer: the path to the outermost such list or map.
      null_counts: the number of nulls in each row group, None where the file does not say.
      encrypted: whether its data is.
    """

    path: tuple[bytes, ...]
    physical: int
    length: int
    converted: int | None
    logical: tuple[int, dict[int, Any]] | None
    optional: bool
    within: str = ""
    outer: tuple[bytes, ...] = ()
    null_counts: tuple[int | None, ...] = ()
    encrypted: bool = False

    @property
    def may_hold_nulls(self) -> bool:
        """Whether nothing in the footer rules out a null."""
        return self.optional and any(count != 0 for count in self.null_counts)


def is_parquet(path: str) -> bool:
    """Whether a file is Parquet, whole or cut short; a text that happens to begin with PAR1 is not."""
    try:
        if not bool(is_regular(tf.constant(path))) or tf.io.gfile.stat(path).length < 4:
            return False
        with tf.io.gfile.GFile(path, "rb") as file:
            head = file.read(5)
            if head[:4] not in (_MAGIC, _ENCRYPTED):
                return False
            file.seek(max(file.size() - 4, 0))
            # Behind the magic is a Thrift struct or the length of something encrypted, and no letter.
            return file.read(4) == head[:4] or (head[4:] < b" " and head[4:] not in (b"\n", b"\r", b"\t"))
    except (tf.errors.OpError, OSError, ValueError):
        return False


def read_leaves(path: str) -> list[Leaf]:
    """Reads the leaves of a Parquet file's schema from its footer.

    Args:
      path: the file; any file system of TensorFlow's.

    Returns:
      The leaves, in the file's order.

    Raises:
      LoadError: if there is no such file, or it is no Parquet file, or is encrypted, damaged or cut short.
    """
    where = tf.constant(path)
    if not bool(is_regular(where)):
        raise LoadError(no_file(where).numpy().decode())
    try:
        footer, refused = _footer_bytes(path)
    except (tf.errors.OpError, OSError):
        raise LoadError(unreadable(where).numpy().decode()) from None
    if refused:
        raise LoadError(f"{path}: {refused}")
    try:
        fields = parse_struct(footer)
        if 8 not in fields:
            return _leaves(fields)
    except (MalformedError, KeyError, TypeError, AttributeError) as error:
        what = str(error) if isinstance(error, MalformedError) else "a part is missing, or not of the type expected"
        raise LoadError(f"{path}: its footer cannot be read: it is malformed: {what}.{_DAMAGED}") from None
    raise LoadError(f"{path}: {_IS_ENCRYPTED}")


def _footer_bytes(path: str) -> tuple[bytes, str]:
    """The footer, or why there is none, in the words of the reader in the graph."""
    with tf.io.gfile.GFile(path, "rb") as file:
        size = file.size()
        head, tail = file.read(min(size, 4)), _tail(file, size)
        if _ENCRYPTED in (head, tail[4:]):
            return b"", _IS_ENCRYPTED
        if not size:
            return b"", "the file is empty, and no Parquet file. Check the path."
        if head != _MAGIC:
            return b"", "the file is no Parquet file: it does not begin with the bytes PAR1. Check the path."
        if size < 12 or not tail.endswith(_MAGIC):
            return b"", f"the file begins as Parquet but does not end so.{_DAMAGED}"
        length = int.from_bytes(tail[:4], "little")
        if not 0 < length <= size - 12:
            return b"", f"its footer is said to have {length} bytes, and the file has {size}.{_DAMAGED}"
        file.seek(size - 8 - length)
        return file.read(length), ""


def _tail(file: Any, size: int) -> bytes:
    file.seek(max(size - 8, 0))
    return file.read(min(size, 8))


def _leaves(footer: dict[int, Any]) -> list[Leaf]:
    if not isinstance(footer.get(2), list) or not isinstance(footer.get(4), list):
        raise MalformedError("it holds no schema, or no list of row groups")
    leaves = _tree(footer[2])
    groups = [group[1] for group in footer[4]]
    if any(len(chunks) != len(leaves) for chunks in groups):
        raise MalformedError(f"the schema has {len(leaves)} leaves, and a row group another number of column chunks")
    return [
        dataclasses.replace(
            leaf,
            null_counts=tuple(_null_count(chunks[i]) for chunks in groups),
            encrypted=any(8 in chunks[i] or 3 not in chunks[i] for chunks in groups),
        )
        for i, leaf in enumerate(leaves)
    ]


def _null_count(chunk: dict[int, Any]) -> int | None:
    return chunk.get(3, {}).get(12, {}).get(3)


def _tree(elements: list[dict[int, Any]]) -> list[Leaf]:
    """The leaves of a schema that is written as a list: each group, and then its children."""
    leaves = []
    # Of each open group: how many children are to come, and what a leaf in it would be.
    groups: list[tuple[int, Leaf]] = []
    for i, element in enumerate(elements):
        children = _as(int, element.get(5, 0))
        if i == 0:
            inside = Leaf((), 0, 0, None, None, False)
        elif not groups:
            raise MalformedError(f"the schema has {len(elements)} elements, and its groups only {i}")
        else:
            left, above = groups.pop()
            groups.append((left - 1, above))
            inside = _below(above, element)
        if i == 0 or 1 not in element:
            groups.append((children, inside))
        elif children:
            raise MalformedError(f"element {i} of the schema is a leaf and has children")
        else:
            logical = next(iter(element.get(10, {}).items()), None)
            kind, length = _as(int, element[1]), _as(int, element.get(2, 0))
            leaves.append(
                dataclasses.replace(
                    inside, physical=kind, length=length, converted=element.get(6), logical=logical
                )
            )
        if len(groups) > _DEPTH:
            raise MalformedError(f"groups of the schema lie more than {_DEPTH} deep in one another")
        while groups and groups[-1][0] <= 0:
            if groups.pop()[0] < 0:
                raise MalformedError("a group of the schema has a negative number of children")
    if groups:
        raise MalformedError(f"the schema has {len(elements)} elements, and its groups more")
    return leaves


def _below(above: Leaf, element: dict[int, Any]) -> Leaf:
    """What a group's child takes from the group, and from itself."""
    path = (*above.path, _as(bytes, element[4]))
    repetition, converted, logical = element.get(3), element.get(6), element.get(10, {})
    if above.within:
        within, outer = above.within, above.outer
    elif converted in _MAP_LIKE or 2 in logical:
        within, outer = "map", path
    else:
        within, outer = ("list", path) if repetition == _REPEATED or converted == 3 or 3 in logical else ("", ())
    optional = above.optional or repetition == _OPTIONAL
    return Leaf(path, 0, 0, None, None, optional, within, outer)


def _as(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError
    return value
