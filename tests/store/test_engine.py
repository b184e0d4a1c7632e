"""The engine: shut off from files and network, and bounded in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.frames import new_store
from tracelens.errors import QueryError
from tracelens.store.engine import Engine

OUTSIDE = [
    "from read_text('/etc/passwd')",
    "copy (select 1) to '{outside}/x.csv'",
    "from read_text('{store}/../secret.txt')",
    "from read_text('{store}/link.txt')",
    "attach '{outside}/x.duckdb'",
    "from read_csv('http://localhost:9/x.csv')",
    "install httpfs",
    "load httpfs",
    "set threads = 1",
    "set enable_external_access = true",
    "set allowed_directories = ['/']",
    "reset lock_configuration",
]


@pytest.mark.parametrize("sql", OUTSIDE)
def test_nothing_outside_of_the_store(tmp_path: Path, sql: str) -> None:
    store = new_store(tmp_path)
    (tmp_path / "secret.txt").write_text("secret")
    (store.path / "link.txt").symlink_to(tmp_path / "secret.txt")
    database = Engine(store.path)
    with pytest.raises(QueryError):
        database.frame(sql.format(outside=tmp_path, store=store.path))
    assert {each.name for each in tmp_path.iterdir()} == {"secret.txt", "store"}
    database.close()
    store.close()


def test_python_names_are_no_tables(tmp_path: Path) -> None:
    database = Engine(tmp_path)
    secret = new_store(tmp_path).snapshot().query("select 1")
    assert secret.height == 1
    with pytest.raises(QueryError, match="secret does not exist"):
        database.frame("from secret")
    database.close()


def test_a_large_sort_spills_into_the_store(tmp_path: Path) -> None:
    database = Engine(tmp_path, memory=200 * 1024**2)
    sql = (
        "select max(x) as it from (select md5(i::text) || md5((i + 1)::text) as x, i "
        "from range(3000000) t(i) order by x limit 2900000)"
    )
    assert len(database.frame(sql)["it"].item()) == 64
    assert [each.name[:6] for each in tmp_path.iterdir()] == ["spill-"]
    with pytest.raises(QueryError, match="more memory than it may use"):
        database.frame("select list(i) from range(60000000) t(i)")
    database.close()
    assert not list(tmp_path.iterdir())
