"""A wheel of the checkout carries everything: samples, views, policy, and a demo that runs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.command import ROOT
from tests.traces import ALL_SAMPLES


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    command = [*build, "--outdir", str(out), str(ROOT)]
    ended = subprocess.run(command, capture_output=True, check=False, cwd=out)
    assert ended.returncode == 0, ended.stderr.decode()
    (found,) = out.glob("tracelens_otlp-*.whl")
    return found


def test_it_holds_what_the_package_reads(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "tracelens"
    wanted = [each for each in package.rglob("*") if each.suffix in (".py", ".sql", ".toml")]
    assert {str(each.relative_to(ROOT)) for each in wanted} <= names
    assert any(name.endswith(".sql") for name in names)
    assert "tracelens/policy/default.toml" in names
    for each in ALL_SAMPLES:
        assert f"tracelens/_sample_traces/{each.parent.name}/{each.name}" in names
    pages = [each for each in (ROOT / "dashboards").rglob("*") if each.is_file()]
    pages = [each for each in pages if "__pycache__" not in each.parts]
    assert {f"tracelens/_{each.relative_to(ROOT)}" for each in pages} <= names
    assert "tracelens/_dashboards/.streamlit/config.toml" in names
    assert "tracelens/show/web/style.css" in names
    assert not [name for name in names if ".venv" in name or "node_modules" in name]
    assert not [name for name in names if name.startswith("tests")]


def test_it_runs_outside_of_the_checkout(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True, capture_output=True)
    assert run(target, tmp_path, "-c", "import tracelens; print(tracelens.__file__)").startswith(
        str(target)
    )
    assert run(target, tmp_path, "-m", "tracelens", "--version") == "tracelens 0.1.0\n"
    shown = run(target, tmp_path, "-m", "tracelens", "demo", "--quiet")
    assert "requests failed:" in shown
    assert "Content was lost between" in shown


def run(target: Path, folder: Path, *arguments: str) -> str:
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
