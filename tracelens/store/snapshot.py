"""A snapshot: the live rows at one version of the log, and the questions one may ask of them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from tracelens.errors import QueryError
from tracelens.store.cancel import cancellable
from tracelens.store.engine import Engine, as_frame
from tracelens.store.guard import check_condition, check_query
from tracelens.store.live import install_live, install_records
from tracelens.store.log import Live, Records
from tracelens.store.views import install_views, list_columns

BATCH = 2_048  # rows at a time: a query that is cut must not have been read whole


class Snapshot:
    """A consistent view of a store; safe to use from several threads."""

    def __init__(self, store: Path, live: Live, records: Records) -> None:
        self.version = live.version
        self.engine = Engine(store)
        try:
            install_live(self.engine, store, live)
            install_records(self.engine, records)
            install_views(self.engine)
        except BaseException:
            self.engine.close()
            raise

    def close(self) -> None:
        """Let go of the database."""
        self.engine.close()

    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Rows of our own SQL over the views, with parameters `$name` bound."""
        return self.engine.frame(sql, params)

    def user_query(self, sql: str, *, rows: int, seconds: float) -> pl.DataFrame:
        """Rows of somebody's SQL: read-only, at most rows + 1 of them, stopped after `seconds`.

        Raises QueryError when the query is refused, does not run, or takes too long.
        """
        with self.engine.cursor() as cursor:
            check_query(cursor, sql)
            watchdog = threading.Timer(seconds, cursor.interrupt)
            watchdog.start()
            try:
                with self.engine.translated(trusted=False), cancellable(cursor):
                    return _first_rows(cursor, sql, rows + 1)
            except QueryError as error:
                if isinstance(error.__cause__, duckdb.InterruptException):
                    raise QueryError(
                        f"the query was stopped after {seconds:g} s; select less, or raise "
                        "query_seconds in the policy"
                    ) from error
                raise
            finally:
                watchdog.cancel()

    def check_expression(self, expression: str) -> None:
        """Refuse what is not one boolean SQL expression over the columns of `requests`.

        What passes may be put between parentheses in a WHERE clause. Raises QueryError.
        """
        with self.engine.cursor() as cursor:
            check_condition(cursor, expression)
        kind = self.query(
            f"select column_type from (describe select ({expression}) as it from requests)"
        )["column_type"][0]
        if kind != "BOOLEAN":
            raise QueryError(f"the expression gives {kind}, not true or false: {expression}")
        self.query(f"select 1 from requests where ({expression}) limit 0")

    def schema(self) -> pl.DataFrame:
        """`view, column, type, sentence` of every view (column null) and every column."""
        return list_columns(self.engine)


def _first_rows(cursor: duckdb.DuckDBPyConnection, sql: str, rows: int) -> pl.DataFrame:
    reader = cursor.sql(sql).to_arrow_reader(BATCH)
    batches, seen = [], 0
    for batch in reader:
        batches.append(batch)
        seen += batch.num_rows
        if seen >= rows:
            break
    table = pa.Table.from_batches(batches, schema=reader.schema)
    return as_frame(table.rename_columns(_unique(table.column_names))).head(rows)


def _unique(names: Sequence[str]) -> list[str]:
    """Names as a frame needs them: `select 1 as a, 2 as a` gives a and a_1."""
    found: list[str] = []
    for name in names:
        again = (f"{name}_{number}" for number in count(1))
        found.append(
            name if name not in found else next(each for each in again if each not in found)
        )
    return found
