"""What the server makes of a value of each of its types for each of ours: the bytes of one of ours, and a mark.

Nothing here may fail, for a failure would not say which row it was in: what does not fit is marked and becomes zeros.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import NamedTuple

from tf_loadops.sql.select import OUTSIDE, WRONG


class Expression(NamedTuple):
    """How a value of one kind becomes one of a dtype; `{v}` stands for the value.

    Attributes:
      value: SQL of type bytea; anything where there is a mark, and NULL at most where the value is.
      mark: SQL of a CASE's branches, for values that are not NULL; "" if every value fits.
    """

    value: str
    mark: str = ""


KINDS = {
    "int": "an integer",
    "real": "a real",
    "float": "a double precision",
    "numeric": "a numeric",
    "bool": "a boolean",
    "date": "a date or timestamp",
    "time": "a date or timestamp",
    "text": "text",
    "bytes": "bytea",
}
"""The server's types by kind."""

WIDTHS = {"float32": 4, "float64": 8, "int32": 4, "int64": 8, "bool": 1, "string": 4}
"""Bytes of a value; of a string, those of its length."""


def _power(base: int, exponent: int) -> Decimal:
    with localcontext() as context:
        context.prec = 1200
        return Decimal(base) ** exponent


with localcontext() as _context:
    _context.prec = 1200
    # Halfway from the largest and to the smallest number of a type: where rounding gives infinity, and zero.
    _LIMITS = {
        "float4": (_power(2, 128) - _power(2, 103), _power(2, -150)),
        "float8": (_power(2, 1024) - _power(2, 970), _power(2, -1075)),
    }

_EPOCH = "extract(epoch FROM {v})::float8"


def _from_numeric(kind: str) -> Expression:
    large, small = _LIMITS[kind]
    inside = f"abs({{v}}) > {small} AND abs({{v}}) < {large}"
    special = "{v}::text IN ('NaN', 'Infinity', '-Infinity')"
    value = f"CASE WHEN {inside} THEN {{v}}::{kind} WHEN {special} THEN {{v}}::text::{kind} ELSE 0 END"
    return Expression(f"{kind}send({value})", f"WHEN NOT ({inside}) AND abs({{v}}) > 1 AND NOT {special} THEN "
    f"{OUTSIDE}")


def _from_float8(value: str) -> Expression:
    large, small = (repr(float(limit)) for limit in _LIMITS["float4"])
    special = f"{value} = 0 OR {value} = 'NaN' OR abs({value}) = 'Infinity'"
    inside = f"abs({value}) > {small} AND abs({value}) < {large}"
    written = f"CASE WHEN {inside} OR {special} THEN {value}::float4 WHEN {value} < 0 THEN '-0'::float4 ELSE 0 END"
    return Expression(f"float4send({written})", f"WHEN abs({value}) >= {large} AND NOT ({special}) THEN {OUTSIDE}")


def _to_integer(value: str, dtype: str, ends: tuple[str, str], is_whole: str) -> Expression:
    low, high = ends
    kind = {"int32": "int4", "int64": "int8"}[dtype]
    inside = f"{value} >= {low} AND {value} < {high}"
    return Expression(
        f"{kind}send(CASE WHEN {is_whole} AND {inside} THEN {value}::{kind} ELSE 0 END)",
        f"WHEN {value} = 'NaN' OR NOT {is_whole} THEN {WRONG} WHEN NOT ({inside}) THEN {OUTSIDE}",
    )


_ENDS = {"int32": ("-2147483648", "2147483648"), "int64": ("-9223372036854775808", "9223372036854775808")}


def _integers(dtype: str) -> dict[str, Expression]:
    low, high = _ENDS[dtype]
    kind = {"int32": "int4", "int64": "int8"}[dtype]
    of_int = Expression("int8send({v}::int8)")
    if dtype == "int32":
        inside = f"{{v}} >= {low} AND {{v}} < {high}"
        of_int = Expression(f"int4send(CASE WHEN {inside} THEN {{v}}::int4 ELSE 0 END)",
                            f"WHEN NOT ({inside}) THEN {OUTSIDE}")  # fmt: skip
    ends = f"{low}::float8", f"{high}::float8"
    doubles = _to_integer("{v}::float8", dtype, ends, "{v}::float8 = trunc({v}::float8)")
    dates = _to_integer(_EPOCH, dtype, ends, "true")
    # In a double, 9999-12-31 23:59:59.999999 would have been rounded to a whole second already.
    times = _to_integer(_EPOCH, dtype, ends, "date_trunc('second', {v}) = {v}")
    return {
        "int": of_int,
        "real": doubles,
        "float": doubles,
        "numeric": _to_integer("{v}", dtype, (low, high), "{v} = trunc({v})"),
        "bool": Expression(f"{kind}send({{v}}::int4::{kind})"),
        "date": dates,
        "time": times,
    }


EXPRESSIONS: dict[str, dict[str, Expression]] = {
    "float32": {
        "int": Expression("float4send({v}::float4)"),
        "real": Expression("float4send({v})"),
        "float": _from_float8("{v}"),
        "numeric": _from_numeric("float4"),
        "bool": Expression("float4send({v}::int4::float4)"),
        "date": _from_float8(_EPOCH),
        "time": _from_float8(_EPOCH),
    },
    "float64": {
        "int": Expression("float8send({v}::float8)"),
        "real": Expression("float8send({v}::float8)"),
        "float": Expression("float8send({v})"),
        "numeric": _from_numeric("float8"),
        "bool": Expression("float8send({v}::int4::float8)"),
        "date": Expression(f"float8send({_EPOCH})"),
        "time": Expression(f"float8send({_EPOCH})"),
    },
    "int32": _integers("int32"),
    "int64": _integers("int64"),
    "bool": {
        "bool": Expression("boolsend({v})"),
        "int": Expression("boolsend({v} = 1)", f"WHEN {{v}} <> 0 AND {{v}} <> 1 THEN {WRONG}"),
    },
    "string": {
        "text": Expression("convert_to({v}::text, 'UTF8')"),
        "bytes": Expression("{v}"),
    },
}
"""By dtype and kind; what is not here is refused."""
