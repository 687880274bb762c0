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
from tf_loadops.sql.postgres.catalog import qualified
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
  tlo_query text; tlo_types oid[]; tlo_type pg_catalog.pg_type; tlo_kinds text[] := '{{}}'; tlo_row record;
  tlo_answer bytea; tlo_said text; tlo_state text; tlo_list text; tlo_cursor refcursor; tlo_result refcursor := 'tlo_r';
  tlo_began timestamptz := statement_timestamp();
"""
_BEGIN = r"""BEGIN
  BEGIN
    tlo_query := convert_from(decode('"""
_CHECKED = r"""', 'base64'), 'UTF8');
{assignments}
    IF {bound} AND current_setting('standard_conforming_strings') = 'off' AND strpos(tlo_query, E'\\') > 0 THEN
      RAISE SQLSTATE 'TLO01' USING MESSAGE = 'the server has standard_conforming_strings off, so nobody can tell what '
        || 'a backslash does to the texts beside the parameters. Turn it on for this role, or leave backslashes out: ';
    END IF;
    OPEN tlo_cursor FOR EXECUTE tlo_query{using};
    CLOSE tlo_cursor;
"""
_TYPES = r"""
    BEGIN
      -- Names by themselves: behind a dot, the name of any function of a row would do, where there is no such column.
      EXECUTE 'SELECT ARRAY[' || (SELECT string_agg('pg_typeof(' || CASE WHEN octet_length(n)
            > current_setting('max_identifier_length')::int4 THEN '"tlo_cut_short"' ELSE quote_ident(n) END || ')::oid',
          ', ' ORDER BY o) FROM unnest(tlo_names) WITH ORDINALITY AS x(n, o))
        || '] FROM (VALUES (1)) AS tlo_one (tlo_one) LEFT JOIN LATERAL (SELECT * FROM (' || tlo_query
        || E'\n) AS tlo_q LIMIT 0) AS tlo_t ON true' INTO tlo_types{using};
    EXCEPTION WHEN undefined_column OR ambiguous_column THEN
      FOR tlo_at IN 1 .. cardinality(tlo_names) LOOP
        BEGIN
          EXECUTE 'SELECT ' || CASE WHEN octet_length(tlo_names[tlo_at])
              > current_setting('max_identifier_length')::int4 THEN '"tlo_cut_short"'
              ELSE quote_ident(tlo_names[tlo_at]) END || ' FROM (' || tlo_query || E'\n) AS tlo_t LIMIT 0'{using};
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
      SELECT * INTO tlo_type FROM pg_catalog.pg_type WHERE oid = tlo_types[tlo_at];
      WHILE tlo_type.typtype = 'd' LOOP
        SELECT * INTO tlo_type FROM pg_catalog.pg_type WHERE oid = tlo_type.typbasetype;
      END LOOP;
      tlo_kinds := tlo_kinds || {kind};
    END LOOP;
"""
_KIND = r"""CASE WHEN tlo_type.oid IN (20, 21, 23) THEN 'int' WHEN tlo_type.oid = 700 THEN 'real'
        WHEN tlo_type.oid = 701 THEN 'float' WHEN tlo_type.oid = 1700 THEN 'numeric' WHEN tlo_type.oid = 16 THEN 'bool'
        WHEN tlo_type.oid = 1082 THEN 'date' WHEN tlo_type.oid IN (1114, 1184) THEN 'time'
        WHEN tlo_type.oid = 17 THEN 'bytes'
        WHEN tlo_type.typcategory = 'S' OR tlo_type.typtype = 'e' OR tlo_type.oid IN (18, 114, 142, 2950, 3802)
        THEN 'text' ELSE 'other' END"""
# Of every column the bytes of all values, for text also their lengths, and of every row its marks. A column's number is
# its place in the schema; the layout names it behind those before it in the answer, and as -1, -2, ... its lengths.
_PACK = r"""
    FOREACH tlo_i IN ARRAY tlo_layout LOOP
      CONTINUE WHEN tlo_i < 0;
      SELECT e.v, e.m, e.w INTO tlo_row FROM (VALUES {expressions}) AS e(d, k, v, m, w)
        WHERE e.d = tlo_dtypes[tlo_i] AND e.k = tlo_kinds[tlo_i];
      IF NOT FOUND THEN
        RAISE SQLSTATE 'TLO01' USING MESSAGE = 'column ' || tlo_shown[tlo_i] || ': the query gives '
          || format_type(tlo_types[tlo_i], NULL) || ', which is not read as ' || tlo_dtypes[tlo_i]
          || '. Declare another dtype, or CAST it in the query: ';
      END IF;
      tlo_list := 'tlo_t.' || quote_ident(tlo_names[tlo_i]);
      tlo_value := replace(tlo_row.v, '{{v}}', tlo_list);
      tlo_mark := 'CASE WHEN ' || tlo_list || ' IS NULL THEN {null} ' || replace(tlo_row.m, '{{v}}', tlo_list)
        || ' ELSE 0 END';
      IF {naming} AND tlo_row.m <> '' THEN
        -- Of the first value that does not fit: its row, its column, what it is.
        tlo_bad := tlo_bad || (', min(lpad({row}::text, 19, ''0'') || ''' || lpad(tlo_i::text, 5, '0') || {described}
          || ' '' || left(' || tlo_list || '::text, 81)) FILTER (WHERE ' || tlo_mark || ' > 1)');
      END IF;
      IF tlo_dtypes[tlo_i] = 'string' THEN
        tlo_lengths[tlo_i] := 'string_agg(int4send(coalesce(octet_length(' || tlo_value || '), 0)), '''')';
        tlo_values[tlo_i] := 'string_agg(' || tlo_value || ', '''')';
      ELSE
        tlo_values[tlo_i] := 'string_agg(coalesce(' || tlo_value || ', decode(''' || repeat('00', tlo_row.w)
          || ''', ''hex'')), '''')';
      END IF;
      tlo_marks := tlo_marks || tlo_mark;
    END LOOP;{flag}
    SELECT string_agg('int8send(0::int8' || w || ')', ' || ' ORDER BY k) INTO tlo_mark
      FROM (SELECT (o - 1) / {per_mark} AS k,
          string_agg(' + ' || (1::int8 << (2 * ((o - 1) % {per_mark}))::int4) || ' * (' || m || ')', '' ORDER BY o) AS w
        FROM unnest(tlo_marks) WITH ORDINALITY AS x(m, o) GROUP BY 1) AS y;
    SELECT string_agg(CASE WHEN i < 0 THEN tlo_lengths[-i] ELSE tlo_values[i] END, ', ' ORDER BY o) INTO tlo_list
      FROM unnest(tlo_layout) WITH ORDINALITY AS x(i, o);
    EXECUTE 'SELECT int8send(count(*)), string_agg(' || tlo_mark || ', ''''), ARRAY[' || tlo_list || ']'
      || CASE WHEN tlo_bad = '' THEN ', NULL' ELSE ', least(' || substr(tlo_bad, 3) || ')' END
      || ' FROM (SELECT tlo_q.*, row_number() OVER () AS {row} FROM (' || tlo_query || E'\n) AS tlo_q) AS tlo_t'
      INTO tlo_count, tlo_flags, tlo_parts, tlo_said{using};
    -- Most results have nothing but plain values, and of them no marks come.
    IF tlo_flags IS NULL OR tlo_flags = decode(repeat('00', octet_length(tlo_flags)), 'hex') THEN
      tlo_flags := '';
    END IF;
    tlo_answer := convert_to('TABLE   ', 'UTF8') || tlo_count || int8send(octet_length(tlo_flags)) || int8send(0)
      || tlo_flags
      || (SELECT coalesce(string_agg(p, '' ORDER BY o), '') FROM unnest(tlo_parts) WITH ORDINALITY AS x(p, o))
      || convert_to(coalesce(substr(tlo_said, 25), ''), 'UTF8');
"""
_FLAG = r"""
    tlo_marks := tlo_marks || 'tlo_t.{flag}::int4'::text;"""
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
        FROM ROWS FROM (unnest(tlo_names), unnest(tlo_kinds)) WITH ORDINALITY AS x(n, k, o)) AS y;
    EXECUTE 'SELECT ARRAY[count(*), ' || tlo_list || ']::numeric[] FROM (SELECT * FROM (' || tlo_query
      || E'\n) AS tlo_q{limit}) AS tlo_t' INTO tlo_numbers{using};
    SELECT json_build_object('rows', tlo_numbers[1], 'columns', json_agg(json_build_object('name', n, 'type',
        format_type(t, NULL), 'kind', k, 'values', tlo_numbers[3 * o - 1], 'least', tlo_numbers[3 * o], 'greatest',
        tlo_numbers[3 * o + 1]) ORDER BY o)) INTO tlo_json
      FROM ROWS FROM (unnest(tlo_names), unnest(tlo_types), unnest(tlo_kinds)) WITH ORDINALITY AS x(n, t, k, o);
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
    BEGIN
      tlo_answer := convert_to('REFUSED ' || tlo_said, 'UTF8');
    EXCEPTION WHEN OTHERS THEN  -- it quotes bytes that are no text, which a database in SQL_ASCII may hold
      tlo_answer := convert_to('REFUSED ' || tlo_said, getdatabaseencoding());
    END;
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
    declared = (
        "tlo_names text[]; tlo_shown text[]; tlo_dtypes text[]; tlo_layout int4[]; tlo_i int4; tlo_value text; "
        "tlo_mark text; tlo_values text[]; tlo_lengths text[]; tlo_marks text[] := '{}'; tlo_bad text := ''; "
        "tlo_count bytea; tlo_flags bytea; tlo_parts bytea[];"
    )
    assigned = [
        f"tlo_names := {_array([c.name for c in columns])};",
        f"tlo_shown := {_array([repr(c.name) for c in columns])};",
        f"tlo_dtypes := {_array([c.dtype for c in columns])};",
        f"tlo_layout := '{{{','.join(map(str, _layout(schema)))}}}';",
    ]
    dtypes = sorted({column.dtype for column in columns})
    expressions = ", ".join(
        f"('{dtype}', '{kind}', {_quoted(e.value)}, {_quoted(e.mark)}, {WIDTHS[dtype]})"
        for dtype in dtypes
        for kind, e in EXPRESSIONS[dtype].items()
    )
    words = "CASE tlo_kinds[tlo_i] " + " ".join(f"WHEN '{k}' THEN '{w}'" for k, w in KINDS.items()) + " END"
    row = apart_from("tlo_row", schema.names)
    pack = _PACK.format(
        expressions=expressions, null=NULL, naming=str(naming).lower(), described=words, using=_using(params),
        flag="" if flag is None else _FLAG.format(flag=flag), per_mark=PER_MARK, row=row,
    )  # fmt: skip
    body = _TYPES.format(using=_using(params), kind=_KIND) + pack
    return _message(query, declared, assigned, body, params, timeout)


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
    declared = "tlo_names text[]; tlo_shown text[]; tlo_numbers numeric[]; tlo_json json;"
    limit = "" if sample_rows is None else f" LIMIT {sample_rows}"
    using = _using(params)
    body = _NAMED.format(using=using) + _TYPES.format(using=using, kind=_KIND)
    body += _SURVEY.format(using=using, limit=limit)
    return _message(query, declared, [], body, params, timeout)


def _layout(schema: Schema) -> list[int]:
    """The order of an answer's parts: columns by number, group by group, and before texts their lengths."""
    numbers = []
    for group in groups_of(schema):
        is_text = schema.columns[group[0]].dtype == "string"
        numbers += [-(i + 1) for i in group if is_text] + [i + 1 for i in group]
    return numbers


def apart_from(name: str, names: Sequence[str]) -> str:
    """A name that is longer than any of those."""
    return name + "_" * max(map(len, names))


def _using(params: Sequence[Any]) -> str:
    return " USING " + ", ".join(f"tlo_p{i + 1}" for i in range(len(params))) if params else ""


def _message(
    query: Tensor, declared: str, assigned: Sequence[str], body: str, params: Any, timeout: float
) -> Tensor:
    """The whole message around the part of the block that makes `tlo_answer`."""
    milliseconds = max(1, round(timeout * 1000))
    head = _HEAD.format(timeout=milliseconds) + f"  {declared}\n"
    head += "".join(f"  tlo_p{i + 1} {kind};\n" for i, (kind, _) in enumerate(params)) + _BEGIN
    before, after = _CHECKED.split("{assignments}")
    parts: list[Any] = [before, *(f"    {line}\n" for line in assigned)]
    for i, (_, value) in enumerate(params):
        parts += [f"    tlo_p{i + 1} := ", value, ";\n"]
    row = 8 * len(WORDS)
    words = ", ".join(
        f"(''x'' || encode(substring($1 FROM r * {row} + {8 * i + 1} FOR 8), ''hex''))::bit(64)::int8 AS {name}"
        for i, name in enumerate(WORDS)
    )
    tail = _FAILED.format(
        timeout=milliseconds, seconds=f"{timeout:g}", short=_PER_NAME * _MOST_NAMES, names=NAMES, per_name=_PER_NAME,
        row=row, words=words,
    )  # fmt: skip
    after = after.format(using=_using(params), bound=str(bool(params)).lower())
    ours = [part if tf.is_tensor(part) else qualified(part) for part in parts]
    return tf.strings.join([qualified(head), base64(query), *ours, qualified(after + body + tail)])
