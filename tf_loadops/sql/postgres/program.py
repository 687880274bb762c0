"""The program that the server runs for one read: a PL/pgSQL block, and a FETCH of its answer.

tensorflow-io's client takes one text and gives numbers, and the names of the result's columns. So everything happens in
one message: a read-only transaction begins; a block opens the query as a cursor, which no second statement and nothing
but a query gets through; it asks for the columns' types and writes the expressions for them; it packs all rows into one
`bytea`; and its answer is a cursor again. Up to 72 kB of it are the names of that cursor's columns, in base64, which
the client hands over as strings; more is its rows, as 64-bit integers. What goes wrong inside is an answer, too.

Text comes in as base64, so nothing that a caller passes is ever part of the program's syntax.

Source: postgresql.org/docs/current/plpgsql-cursors.html, protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.blocks import groups_of
from tf_loadops.schema import Schema
from tf_loadops.sql.postgres.expressions import EXPRESSIONS, KINDS, WIDTHS
from tf_loadops.sql.postgres.params import base64
from tf_loadops.sql.select import NULL, PER_MARK

Tensor = Any

NAMES = "tlo_names"
"""The first column of an answer in names."""

WORDS = [f"tlo_w{i}" for i in range(32)]
"""The columns of an answer in integers."""

PROBE = f"SELECT 0 AS {NAMES}"
"""A message that only shows whether a connection can be made; its answer is empty."""

# Bytes of a name of 60 characters (a name may have 63), and names of a result (it may have 1664 columns).
_PER_NAME, _MOST_NAMES = 45, 1600

_HEAD = r"""BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ; SET LOCAL statement_timeout = {timeout}; DO $tlo$
#variable_conflict use_variable
DECLARE
  tlo_query text; tlo_types oid[]; tlo_type pg_type; tlo_kinds text[] := '{{}}'; tlo_kind text; tlo_row record;
  tlo_answer bytea; tlo_said text; tlo_state text; tlo_list text; tlo_cursor refcursor; tlo_result refcursor := 'tlo_r';
  tlo_began timestamptz := statement_timestamp();
"""
_BEGIN = r"""BEGIN
  BEGIN
    tlo_query := convert_from(decode('"""
_CHECKED = r"""', 'base64'), 'UTF8');
{assignments}
    OPEN tlo_cursor FOR EXECUTE tlo_query{using};
    CLOSE tlo_cursor;
"""
_TYPES = r"""
    BEGIN
      EXECUTE 'SELECT ARRAY[' || (SELECT string_agg('pg_typeof(tlo_t.' || quote_ident(n) || ')::oid', ', ' ORDER BY o)
          FROM unnest(tlo_names) WITH ORDINALITY AS x(n, o))
        || '] FROM (SELECT 1) AS tlo_one LEFT JOIN LATERAL (SELECT * FROM (' || tlo_query
        || E'\n) AS tlo_q LIMIT 0) AS tlo_t ON true' INTO tlo_types{using};
    EXCEPTION WHEN undefined_column OR ambiguous_column THEN
      FOR tlo_at IN 1 .. cardinality(tlo_names) LOOP
        BEGIN
          EXECUTE 'SELECT tlo_t.' || quote_ident(tlo_names[tlo_at]) || ' FROM (' || tlo_query
            || E'\n) AS tlo_t LIMIT 0'{using};
        EXCEPTION
          WHEN undefined_column THEN
            RAISE SQLSTATE 'TLO01' USING MESSAGE = 'column ' || tlo_shown[tlo_at]
              || ': the query does not return it. Correct the schema, or the query: ';
          WHEN ambiguous_column THEN
            RAISE SQLSTATE 'TLO01' USING MESSAGE = 'column ' || tlo_shown[tlo_at] || ': the query returns it more '
              || 'than once, and nobody can tell which is meant. Rename the others with AS: ';
        END;
      END LOOP;
      RAISE;
    END;
    FOR tlo_at IN 1 .. cardinality(tlo_types) LOOP
      SELECT * INTO tlo_type FROM pg_type WHERE oid = tlo_types[tlo_at];
      WHILE tlo_type.typtype = 'd' LOOP
        SELECT * INTO tlo_type FROM pg_type WHERE oid = tlo_type.typbasetype;
      END LOOP;
      tlo_kinds := tlo_kinds || {kind};
    END LOOP;
"""
_KIND = r"""CASE WHEN tlo_type.oid IN (20, 21, 23) THEN 'int' WHEN tlo_type.oid = 700 THEN 'real'
        WHEN tlo_type.oid = 701 THEN 'float' WHEN tlo_type.oid = 1700 THEN 'numeric' WHEN tlo_type.oid = 16 THEN 'bool'
        WHEN tlo_type.oid IN (1082, 1114, 1184) THEN 'time' WHEN tlo_type.oid = 17 THEN 'bytes'
        WHEN tlo_type.typcategory = 'S' OR tlo_type.typtype = 'e' OR tlo_type.oid IN (18, 114, 142, 2950, 3802)
        THEN 'text' ELSE 'other' END"""
# Of every column one expression for its bytes and one for its mark, both of a CASE over its value.
_PACK = r"""
    FOR tlo_at IN 1 .. cardinality(tlo_names) LOOP
      SELECT e.v, e.m INTO tlo_row FROM (VALUES {expressions}) AS e(d, k, v, m)
        WHERE e.d = tlo_dtypes[tlo_at] AND e.k = tlo_kinds[tlo_at];
      IF NOT FOUND THEN
        RAISE SQLSTATE 'TLO01' USING MESSAGE = 'column ' || tlo_shown[tlo_at] || ': the query gives '
          || format_type(tlo_types[tlo_at], NULL) || ', which is not read as ' || tlo_dtypes[tlo_at]
          || '. Declare another dtype, or CAST it in the query: ';
      END IF;
      tlo_list := 'tlo_t.' || quote_ident(tlo_names[tlo_at]);
      tlo_values[tlo_at] := replace(tlo_row.v, '{{v}}', tlo_list);
      tlo_marks[tlo_at] := 'CASE WHEN ' || tlo_list || ' IS NULL THEN {null} ' || replace(tlo_row.m, '{{v}}', tlo_list)
        || ' ELSE 0 END';
      IF {naming} AND tlo_row.m <> '' THEN
        -- Of the first value that does not fit: its row, its column, what it is.
        tlo_bad := tlo_bad || (', min(lpad(tlo_row::text, 19, ''0'') || ''' || lpad(tlo_at::text, 5, '0') || {described}
          || ' '' || left(' || tlo_list || '::text, 81)) FILTER (WHERE ' || tlo_marks[tlo_at] || ' > 1)');
      END IF;
    END LOOP;
    EXECUTE 'SELECT int8send(count(*)), ' || {packed}
      || CASE WHEN tlo_bad = '' THEN ', NULL' ELSE ', least(' || substr(tlo_bad, 3) || ')' END
      || ' FROM (SELECT tlo_q.*, row_number() OVER () AS tlo_row FROM (' || tlo_query || E'\n) AS tlo_q) AS tlo_t'
      INTO tlo_count, tlo_marked, tlo_flags, tlo_bytes, tlo_said{using};
    IF NOT tlo_marked THEN tlo_flags := ''; END IF;
    tlo_answer := convert_to('TABLE   ', 'UTF8') || tlo_count || int8send(octet_length(tlo_flags)) || int8send(0)
      || coalesce(tlo_flags, '') || coalesce(tlo_bytes, '') || convert_to(coalesce(substr(tlo_said, 25), ''), 'UTF8');
"""
_NAMED = r"""
    OPEN tlo_cursor FOR EXECUTE tlo_query{using};
    FETCH tlo_cursor INTO tlo_row;
    CLOSE tlo_cursor;
    tlo_names := ARRAY(SELECT k FROM json_object_keys(row_to_json(tlo_row)) WITH ORDINALITY AS x(k, o) ORDER BY o);
    tlo_shown := ARRAY(SELECT '''' || n || '''' FROM unnest(tlo_names) WITH ORDINALITY AS x(n, o) ORDER BY o);
    IF cardinality(tlo_names) = 0 THEN
      RAISE SQLSTATE 'TLO01' USING MESSAGE = 'the query returns no columns. Name some: ';
    END IF;
"""
_SURVEY = r"""
    SELECT string_agg('count(' || c || '), ' || CASE WHEN k = 'int' THEN 'min(' || c || '), max(' || c || ')'
        ELSE 'NULL, NULL' END, ', ' ORDER BY o) INTO tlo_list
      FROM (SELECT 'tlo_t.' || quote_ident(n) AS c, k, o
        FROM unnest(tlo_names, tlo_kinds) WITH ORDINALITY AS x(n, k, o)) AS y;
    EXECUTE 'SELECT ARRAY[count(*), ' || tlo_list || ']::numeric[] FROM (SELECT * FROM (' || tlo_query
      || E'\n) AS tlo_q{limit}) AS tlo_t' INTO tlo_numbers{using};
    SELECT json_build_object('rows', tlo_numbers[1], 'columns', json_agg(json_build_object('name', n, 'type',
        format_type(t, NULL), 'kind', k, 'values', tlo_numbers[3 * o - 1], 'least', tlo_numbers[3 * o], 'greatest',
        tlo_numbers[3 * o + 1]) ORDER BY o)) INTO tlo_json
      FROM unnest(tlo_names, tlo_types, tlo_kinds) WITH ORDINALITY AS x(n, t, k, o);
    tlo_answer := convert_to('TABLE   ' || tlo_json::text, 'UTF8');
"""
_FAILED = r"""
  EXCEPTION WHEN query_canceled OR assert_failure OR OTHERS THEN
    GET STACKED DIAGNOSTICS tlo_state = RETURNED_SQLSTATE, tlo_said = MESSAGE_TEXT;
    IF tlo_state = 'TLO01' THEN NULL;
    ELSIF tlo_state = '57014' AND clock_timestamp() - tlo_began >= interval '{timeout} milliseconds' THEN
      tlo_said := 'the query took longer than {seconds} seconds and was ended. Make it faster, or pass a longer '
        || 'timeout: ';
    ELSE
      tlo_said := 'PostgreSQL says: ' || tlo_said || ' (' || tlo_state || '). ' || CASE
        WHEN tlo_state = '25006' THEN 'Queries are read-only here, and nothing was changed. Give one SELECT: '
        WHEN tlo_state = '42P11' THEN 'Give one SELECT, and nothing else: '
        WHEN tlo_state IN ('40001', '40P01', '55P03', '57014') THEN 'Call again: '
        WHEN left(tlo_state, 2) IN ('53', '54', 'XX') THEN 'Give a query with fewer rows or columns, or take a '
          || 'snapshot: ' ELSE 'Correct the query: ' END;
    END IF;
    tlo_answer := convert_to('REFUSED ' || tlo_said, 'UTF8');
  END;
  PERFORM set_config('statement_timeout', '0', true);
  IF octet_length(tlo_answer) <= {short} THEN
    OPEN tlo_result FOR EXECUTE 'SELECT 0 AS {names}, ' || (SELECT string_agg('0 AS "'
        || translate(encode(substring(tlo_answer FROM i FOR {per_name}), 'base64'), '+/', '-_') || '"', ', ' ORDER BY i)
      FROM generate_series(1, octet_length(tlo_answer), {per_name}) AS i);
  ELSE
    -- Its length comes first, and zeros at the end fill up the last row.
    tlo_answer := int8send(octet_length(tlo_answer)) || tlo_answer;
    tlo_answer := tlo_answer || decode(repeat('00', (- octet_length(tlo_answer)) % {row} + {row}), 'hex');
    OPEN tlo_result FOR EXECUTE 'SELECT {words} FROM generate_series(0, $2 - 1) AS r'
      USING tlo_answer, octet_length(tlo_answer) / {row};
  END IF;
END $tlo$; FETCH ALL FROM tlo_r"""


def text(value: str) -> str:
    """A text as an SQL expression that no text breaks."""
    return f"convert_from(decode('{value.encode(errors='surrogateescape').hex()}', 'hex'), 'UTF8')"


def _quoted(value: str) -> str:
    """A text of this package's own as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def _array(values: Sequence[str]) -> str:
    return f"ARRAY[{', '.join(map(text, values))}]::text[]"


def reading(
    query: Tensor, schema: Schema, params: Sequence[tuple[str, Tensor]], timeout: float, naming: bool,
    flag: str | None = None,
) -> Tensor:
    """The message that reads the columns of a schema.

    Args:
      query: string scalar, valid UTF-8; its parameters are written $1, $2, ….
      schema: the columns.
      params: of each parameter its type and an SQL expression of it, which holds no `$tlo$`.
      timeout: seconds that the query may take.
      naming: whether the first value that does not fit is wanted in words.
      flag: for a query of this package's own: one more column of it, a boolean, that comes as the last mark.

    Returns:
      string scalar. The answer is read by `answer.parse`.
    """
    columns = list(schema)
    declared = [
        f"tlo_names text[] := {_array([c.name for c in columns])};",
        f"tlo_shown text[] := {_array([repr(c.name) for c in columns])};",
        f"tlo_dtypes text[] := {_array([c.dtype for c in columns])};",
        "tlo_values text[] := '{}'; tlo_marks text[] := '{}'; tlo_bad text := '';",
        "tlo_count bytea; tlo_marked boolean; tlo_flags bytea; tlo_bytes bytea;",
    ]
    dtypes = sorted({column.dtype for column in columns})
    expressions = ", ".join(
        f"('{dtype}', '{kind}', {_quoted(e.value)}, {_quoted(e.mark)})"
        for dtype in dtypes
        for kind, e in EXPRESSIONS[dtype].items()
    )
    words = "CASE tlo_kinds[tlo_at] " + " ".join(f"WHEN '{k}' THEN '{w}'" for k, w in KINDS.items()) + " END"
    pack = _PACK.format(
        expressions=expressions, null=NULL, naming=str(naming).lower(), packed=_packed(schema, flag), described=words,
        using=_using(params),
    )  # fmt: skip
    return _message(query, declared, _TYPES.format(using=_using(params), kind=_KIND) + pack, params, timeout)


def describing(query: Tensor, params: Sequence[tuple[str, Tensor]], timeout: float, sample_rows: int | None) -> Tensor:
    """The message that asks for names, types and kinds of a query's columns.

    Args:
      query: as in `reading`.
      params: as in `reading`.
      timeout: as in `reading`.
      sample_rows: how many rows to look at; None for all.

    Returns:
      string scalar. The answer is a JSON object behind the word TABLE: `rows`, and a list of `columns`, each with
      `name`, `type`, `kind`, `values` (how many are not NULL), `least` and `greatest` (of integers; else null).
    """
    declared = [
        "tlo_names text[]; tlo_shown text[]; tlo_numbers numeric[]; tlo_json json;",
    ]
    limit = "" if sample_rows is None else f" LIMIT {sample_rows}"
    using = _using(params)
    body = _NAMED.format(using=using) + _TYPES.format(using=using, kind=_KIND)
    body += _SURVEY.format(using=using, limit=limit)
    return _message(query, declared, body, params, timeout)


def _packed(schema: Schema, flag: str | None) -> str:
    """PL/pgSQL that writes the select list: whether there are marks, the marks, all values."""
    every = [f"(' || tlo_marks[{i + 1}] || ')" for group in groups_of(schema) for i in group]
    if flag is not None:
        every.append(f"tlo_t.{flag}::integer")
    marks = []
    for start in range(0, len(every), PER_MARK):
        part = every[start : start + PER_MARK]
        marks.append("int8send(0::int8" + "".join(f" + {4**i} * {mark}" for i, mark in enumerate(part)) + ")")
    any_mark = " OR ".join(f"{mark} > 0" for mark in every)
    flags = f"coalesce(bool_or({any_mark}), false), string_agg({' || '.join(marks)}, '''')"
    values = []
    for group in groups_of(schema):
        dtype = schema.columns[group[0]].dtype
        zeros = "\\x" + "00" * WIDTHS[dtype]
        if dtype == "string":
            values += [
                f"coalesce(string_agg(int4send(coalesce(octet_length(' || tlo_values[{i + 1}] || '), 0)), ''''), '''')"
                for i in group
            ]
            values += [f"coalesce(string_agg(' || tlo_values[{i + 1}] || ', ''''), '''')" for i in group]
        else:
            values += [
                f"coalesce(string_agg(coalesce(' || tlo_values[{i + 1}] || ', ''{zeros}''), ''''), '''')" for i in group
            ]
    return f"'{flags}, {' || '.join(values)}'"


def _using(params: Sequence[Any]) -> str:
    return " USING " + ", ".join(f"tlo_p{i + 1}" for i in range(len(params))) if params else ""


def _message(query: Tensor, declared: Sequence[str], body: str, params: Any, timeout: float) -> Tensor:
    """The whole message around the part of the block that makes `tlo_answer`."""
    milliseconds = max(1, round(timeout * 1000))
    head = _HEAD.format(timeout=milliseconds) + "".join(f"  {line}\n" for line in declared)
    head += "".join(f"  tlo_p{i + 1} {kind};\n" for i, (kind, _) in enumerate(params)) + _BEGIN
    before, after = _CHECKED.split("{assignments}")
    assigned: list[Any] = [before]
    for i, (_, value) in enumerate(params):
        assigned += [f"    tlo_p{i + 1} := ", value, ";\n"]
    row = 8 * len(WORDS)
    words = ", ".join(
        f"(''x'' || encode(substring($1 FROM r * {row} + {8 * i + 1} FOR 8), ''hex''))::bit(64)::int8 AS {name}"
        for i, name in enumerate(WORDS)
    )
    tail = _FAILED.format(
        timeout=milliseconds, seconds=f"{timeout:g}", short=_PER_NAME * _MOST_NAMES, names=NAMES, per_name=_PER_NAME,
        row=row, words=words,
    )  # fmt: skip
    return tf.strings.join([head, base64(query), *assigned, after.format(using=_using(params)), body, tail])
