"""Opening a store: what is one, what is none, what is damaged."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.store.frames import load, new_store, span, spans
from tracelens.errors import NotFoundError, StoreError
from tracelens.store import Store


def test_no_store_names_the_folder_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"nowhere.*`tracelens ingest PATH… --store .*nowhere`"):
        Store.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is a file, not a store"):
        Store.open(tmp_path / "file", create=True)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="no store can be made"):
        Store.open(tmp_path / "file" / "store", create=True)


def test_a_folder_with_other_files_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StoreError, match="holds other files"):
        Store.open(tmp_path, create=True)
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_create_opens_what_is_there(tmp_path: Path) -> None:
    first = new_store(tmp_path)
    load(first, spans(span("a")))
    second = new_store(tmp_path)
    assert second.query("select count(*) as n from spans")["n"].to_list() == [1]
    first.close()
    second.close()


@pytest.mark.parametrize("name", ["it's", "a b", "ünï", "a[1]*?", "{x}"])
def test_odd_folder_names(tmp_path: Path, name: str) -> None:
    store = Store.open(tmp_path / name, create=True)
    load(store, spans(span("a")))
    load(store, spans(span("a"), span("b")))
    assert store.query("from requests").height == 2
    store.export_duckdb(tmp_path / f"{name}.duckdb")
    store.close()


def test_a_newer_log_is_refused(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.close()
    change_log(store.path, "update meta set value = 2 where key = 'schema'")
    with pytest.raises(StoreError, match=r"newer tracelens \(log schema 2.*upgrade"):
        Store.open(store.path)


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_a_cut_log_is_damage(tmp_path: Path, size: int) -> None:
    store = new_store(tmp_path)
    load(store, spans(span("a")))
    store.close()
    log = store.path / "log.sqlite"
    log.write_bytes(log.read_bytes()[:size])
    with pytest.raises(StoreError, match=r"damaged"):
        Store.open(store.path).loads()


def test_a_log_of_something_else_is_damage(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite").write_text("dear diary " * 1000)
    with pytest.raises(StoreError, match=r"not a database.*damaged"):
        Store.open(tmp_path)


def test_a_log_with_no_schema_is_damage(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.close()
    change_log(store.path, "delete from meta")
    with pytest.raises(StoreError, match="damaged"):
        Store.open(store.path)


@pytest.mark.parametrize("kind", ["spans", "requests"])
def test_a_missing_or_cut_segment_is_named(tmp_path: Path, kind: str) -> None:
    store = new_store(tmp_path)
    load(store, spans(span("a")))
    (segment,) = (store.path / "segments").glob(f"{kind}-*")
    content = segment.read_bytes()
    segment.write_bytes(content[:-1])
    with pytest.raises(StoreError, match=rf"damaged: .*{segment.name} has \d+ bytes"):
        store.query("from spans")
    segment.unlink()
    with pytest.raises(StoreError, match=f"damaged: .*{segment.name} is missing"):
        store.query("from spans")
    store.close()


def change_log(folder: Path, sql: str) -> None:
    """Change the log behind the store's back."""
    connection = sqlite3.connect(folder / "log.sqlite")
    with connection:
        connection.execute(sql)
    connection.close()
