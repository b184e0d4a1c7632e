"""Export: an ordinary DuckDB file with the views as commented tables."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.store.frames import load, span, spans, trace
from tracelens.errors import UsageError
from tracelens.store import Store
from tracelens.store.views import VIEWS


def read(file: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_plain_duckdb_opens_it(store: Store, tmp_path: Path) -> None:
    load(store, spans(span("a"), k=pl.Int64()), rejects=[{"at": 1, "reason": "bad"}])
    file = tmp_path / "out.duckdb"
    store.export_duckdb(file)
    tables = read(file, "select table_name, comment from duckdb_tables() order by all")
    assert [name for name, _ in tables] == sorted(VIEWS)
    assert all(comment for _, comment in tables)
    uncommented = "select count(*) from duckdb_columns() where not internal and comment is null"
    assert read(file, uncommented) == [(0,)]
    assert read(file, 'select name, duration_ms, "attributes.k" from spans') == [
        ("root", 1000.0, None)
    ]
    assert read(file, "select count(*) from requests") == [(1,)]
    assert read(file, "select reason from rejects") == [("bad",)]
    assert {each.name for each in tmp_path.iterdir()} == {"store", "out.duckdb"}


def test_a_file_is_overwritten_only_when_asked(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "out.duckdb"
    file.write_text("precious")
    with pytest.raises(UsageError, match="exists and is not overwritten"):
        store.export_duckdb(file)
    assert file.read_text() == "precious"
    store.export_duckdb(file, overwrite=True)
    assert read(file, "select count(*) from spans") == [(0,)]


def test_a_missing_folder_is_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere is not a folder"):
        store.export_duckdb(tmp_path / "nowhere" / "out.duckdb")


def test_a_folder_of_parquet_files(store: Store, tmp_path: Path) -> None:
    load(store, spans(span("a"), span("b"), k=pl.Int64()), rejects=[{"at": 1, "reason": "bad"}])
    whole, part = tmp_path / "it's whole", tmp_path / "part"
    store.export_parquet(whole)
    assert {each.name for each in whole.iterdir()} == {f"{view}.parquet" for view in VIEWS}
    for view in VIEWS:
        expected = store.query(f"from {view}")
        assert pl.read_parquet(whole / f"{view}.parquet", glob=False).equals(expected), view
    store.export_parquet(part, traces=[trace("b"), trace("x")])
    assert pl.read_parquet(part / "spans.parquet")["trace_id"].to_list() == [trace("b")]
    assert pl.read_parquet(part / "requests.parquet").height == 1
    assert pl.read_parquet(part / "rejects.parquet").height == 1
    assert not list(tmp_path.glob(".tmp-*"))


def test_a_folder_is_added_to_only_when_asked(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    store.export_parquet(folder)
    (folder / "notes.txt").write_text("mine")
    load(store, spans(span("a")))
    with pytest.raises(UsageError, match="is not empty"):
        store.export_parquet(folder)
    store.export_parquet(folder, overwrite=True)
    assert pl.read_parquet(folder / "spans.parquet").height == 1
    assert (folder / "notes.txt").read_text() == "mine"
    with pytest.raises(UsageError, match="is a file"):
        store.export_parquet(folder / "notes.txt", overwrite=True)
    with pytest.raises(UsageError, match="is not a folder"):
        store.export_parquet(tmp_path / "no" / "where")


def test_a_duckdb_file_of_some_traces(store: Store, tmp_path: Path) -> None:
    load(store, spans(span("a"), span("b")))
    store.export_duckdb(tmp_path / "some.duckdb", traces=[trace("a")])
    assert read(tmp_path / "some.duckdb", "select trace_id from spans") == [(trace("a"),)]
    assert read(tmp_path / "some.duckdb", "select count(*) from requests") == [(1,)]
