"""PostgreSQL's own functions by their whole names, so that no function of a search path takes their place.

A path may name schemas before `pg_catalog`: those that imitate another database's functions do, and theirs do something
else. What a caller's query means by a name stays what the path says.
"""

from __future__ import annotations

import re

_FUNCTIONS = (
    "abs|array_to_string|boolsend|cardinality|clock_timestamp|convert_from|convert_to|count|current_setting|"
    "date_trunc|decode|encode|float4send|float8send|format_type|generate_series|getdatabaseencoding|int4send|"
    "int8send|json_agg|json_build_object|json_object_keys|left|lpad|max|min|octet_length|pg_typeof|quote_ident|"
    "repeat|replace|row_number|row_to_json|set_config|statement_timestamp|string_agg|strpos|substr|translate|"
    "trunc|unnest"
)
_CALL = re.compile(rf"(?<![\w.])({_FUNCTIONS})\(")


def qualified(sql: str) -> str:
    """The same SQL of this package's own, with its functions named by their schema.

    Example:
      >>> qualified("SELECT trunc(abs(x)), coalesce(y, 0)")
      'SELECT pg_catalog.trunc(pg_catalog.abs(x)), coalesce(y, 0)'
    """
    return _CALL.sub(r"pg_catalog.\1(", sql)
