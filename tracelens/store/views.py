"""The documented views: each in its .sql file, whose first line is the sentence of the view."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import polars as pl

from tracelens.model import PROMOTED
from tracelens.store.engine import Engine, identifier, literal

#: In the order in which they build on one another.
VIEWS: Final = (
    "spans",
    "requests",
    "stage_runs",
    "boundaries",
    "evidence",
    "candidates",
    "loads",
    "rejects",
    "links",
    "aliases",
    "bug_reports",
    "profiles",
)

_PROMOTED_MARK: Final = "/* promoted columns */"

_LISTING: Final = """
select view_name as view, null as column, 'VIEW' as type, comment as sentence, -1 as place
from duckdb_views()
where database_name = current_database() and schema_name = 'main' and not internal
union all
select table_name, column_name, data_type, comment, column_index
from duckdb_columns()
where database_name = current_database() and schema_name = 'main' and not internal
"""


def install_views(engine: Engine) -> None:
    """Create the views over schema `live`."""
    marks = "".join(f", {identifier(column)}" for column in _promoted_columns(engine))
    queries = (_parts(view)[1].replace(_PROMOTED_MARK, marks) for view in VIEWS)
    engine.run("".join(queries))


def comment_views(engine: Engine) -> None:
    """Comment every view and column: a tenth of a second that only readers of comments pay."""
    for view in VIEWS:
        sentence, _, comments = _parts(view)
        engine.run(f"comment on view {view} is {literal(sentence)}; {comments}")
    for column in _promoted_columns(engine):
        sentence = f"attribute {column.removeprefix(PROMOTED)} as recorded"
        engine.run(f"comment on column spans.{identifier(column)} is {literal(sentence)}")


@cache
def select_list(view: str) -> dict[str, str]:
    """What a view computes: the expression of each column but the promoted ones.

    In the files of views that lookups use, each line between `select` and `from` is one column.
    """
    _, _, rest = _parts(view)[1].partition("select\n")
    items = rest.partition("\nfrom ")[0].replace(_PROMOTED_MARK, "").split(",\n")
    pairs = (item.strip().rpartition(" as ") for item in items)
    return {name: expression or name for expression, _, name in pairs}


def list_columns(engine: Engine) -> pl.DataFrame:
    """`view, column, type, sentence`: a row per view (column null), then one per column."""
    comment_views(engine)
    order = pl.Enum(VIEWS)
    return (
        engine.frame(_LISTING)
        .sort(pl.col("view").cast(order), "place")
        .select("view", pl.col("column").cast(pl.String()), "type", "sentence")
    )


def _parts(view: str) -> tuple[str, str, str]:
    """Sentence, query and comments of a view."""
    text = files(__package__).joinpath("views", f"{view}.sql").read_text("utf-8")
    query, comment, rest = text.partition("comment on column")
    return text.partition("\n")[0].removeprefix("-- "), query, comment + rest


def _promoted_columns(engine: Engine) -> list[str]:
    listed = engine.frame(
        "select column_name from duckdb_columns() "
        "where schema_name = 'live' and table_name = 'spans' order by column_index"
    )["column_name"]
    return [name for name in listed if name.startswith(PROMOTED)]
