"""The guard: SQL from people may read the views and do nothing else.

DuckDB's own settings keep it inside the store's folder but not from writing there (COPY), so a
query must be one statement whose syntax tree holds nothing but selecting.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import duckdb

from tracelens.errors import QueryError
from tracelens.store.engine import translated

ALLOWED: Final = "only one SELECT (also WITH, FROM, VALUES, DESCRIBE, EXPLAIN) may run here"

_NODES: Final = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
#: Table functions that neither touch files nor change the database.
_TABLE_FUNCTIONS: Final = {
    "duckdb_columns",
    "duckdb_functions",
    "duckdb_keywords",
    "duckdb_types",
    "duckdb_views",
    "generate_series",
    "json_each",
    "json_tree",
    "range",
    "unnest",
}
_SIDE_EFFECTS: Final = {"nextval", "setval", "sleep_ms", "write_log"}
_SCHEMAS: Final = {"", "main", "information_schema", "pg_catalog"}
_TABLE_NAME: Final = re.compile(r'"?\w+"?')
_LEADING_WORD: Final = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(\w+)", re.S)
_ANALYZE: Final = re.compile(r"\s*\(?\s*analy[sz]e\b", re.I)
_FORMAT: Final = re.compile(r"\s*\(\s*format\s+\w+\s*\)", re.I)


def check_query(cursor: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse all but one reading statement. Raises QueryError that names what was refused."""
    kind = _single_statement(cursor, sql)
    if kind == "EXPLAIN":
        sql = _explained(sql)
    tree = _parse(cursor, sql)
    if tree is None:
        raise QueryError(f"{_first_word(sql)} is refused: {ALLOWED}")
    _check_tree(tree)


def check_condition(cursor: duckdb.DuckDBPyConnection, expression: str) -> None:
    """Refuse what is not one expression: it must parse alike with and without parentheses."""
    with translated():
        for text in (f"({expression})", expression):
            tree = _parse(cursor, f"from requests where {text}")
            if tree is None or not _is_filter(tree):
                raise QueryError(
                    f"not one boolean SQL expression over the columns of requests: {expression}"
                )
            _check_tree(tree)


def _single_statement(cursor: duckdb.DuckDBPyConnection, sql: str) -> str:
    with translated():
        statements = cursor.extract_statements(sql)
    if not statements:
        raise QueryError(f"the query is empty: {ALLOWED}")
    if len(statements) != 1:
        raise QueryError(f"{len(statements)} statements are refused: {ALLOWED}")
    return statements[0].type.name


def _explained(sql: str) -> str:
    # Whatever is taken off here, the rest must still parse as one SELECT.
    word = _LEADING_WORD.match(sql)
    rest = sql[word.end() :] if word else sql
    if _ANALYZE.match(rest):
        raise QueryError(f"EXPLAIN ANALYZE is refused, because it runs the statement: {ALLOWED}")
    return _FORMAT.sub("", rest, count=1)


def _parse(cursor: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any] | None:
    """The syntax tree of a SELECT; None for any other statement."""
    with translated():
        cursor.execute("select json_serialize_sql($sql)", {"sql": sql})
        ((text,),) = cursor.fetchall()
    try:
        tree: dict[str, Any] = json.loads(text)
    except RecursionError:
        raise QueryError("the query is nested too deeply") from None
    if not tree.get("error"):
        return tree
    if tree.get("error_type") == "not implemented":
        return None
    raise QueryError(f"Parser Error: {tree.get('error_message')}")


def _first_word(sql: str) -> str:
    # DuckDB's own names mislead: it calls PIVOT a multiple statement.
    word = _LEADING_WORD.match(sql)
    return word[1].upper() if word else "this statement"


def _is_filter(tree: dict[str, Any]) -> bool:
    statements = tree["statements"]
    node = statements[0]["node"]
    empty = ("modifiers", "group_expressions", "having", "qualify", "sample")
    return (
        len(statements) == 1
        and not statements[0]["named_param_map"]
        and node["type"] == "SELECT_NODE"
        and not any(node[key] for key in empty)
    )


def _check_tree(tree: dict[str, Any]) -> None:
    if any(each["named_param_map"] for each in tree["statements"]):
        raise QueryError("parameters are refused: write the values into the query")
    for node in _walk(tree):
        kind = node.get("type")
        if not isinstance(kind, str):
            continue
        if kind.endswith("_NODE") and kind not in _NODES:
            raise QueryError(f"{kind.split('_')[0]} inside a query is refused: {ALLOWED}")
        if kind == "TABLE_FUNCTION":
            _check_table_function(node["function"].get("function_name", ""))
        if kind in ("BASE_TABLE", "SHOW_REF"):
            _check_table(node)
        if kind == "FUNCTION" and node.get("function_name", "").lower() in _SIDE_EFFECTS:
            raise QueryError(f"the function {node['function_name']} is refused: {ALLOWED}")


def _check_table_function(name: str) -> None:
    if name.lower() not in _TABLE_FUNCTIONS:
        raise QueryError(
            f"the table function {name} is refused: queries read the views that "
            "`tracelens schema` lists, not files"
        )


def _check_table(node: dict[str, Any]) -> None:
    # A name with a dot or slash, or in an unknown schema, could be taken for a file.
    path = [str(each) for each in node["qualified_name"]["path"]]
    name = path.pop() if path else ""
    known = all(each.lower() in _SCHEMAS | {"memory"} for each in path)
    if name and not (known and _TABLE_NAME.fullmatch(name)):
        raise QueryError(
            f"{'.'.join([*path, name])} is refused: queries read the views that "
            "`tracelens schema` lists, not files"
        )


def _walk(tree: Any) -> Iterator[dict[str, Any]]:
    # A list of work instead of recursion: trees may be deeper than Python's stack.
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
