"""`demo`: the whole way on the sample traces."""

from __future__ import annotations

from pathlib import Path

from tests.command import run


def test_demo_ends_with_a_request_in_which_nothing_is_red(tmp_path: Path) -> None:
    ended = run("demo", "--keep", tmp_path / "kept")
    assert ended.code == 0
    assert "100 % of" in ended.out
    assert "requests failed:" in ended.out
    shown = ended.out.partition("$ tracelens explain")[2]
    assert "Content was lost between transcription and reasoning: " in shown
    assert "✓ transcription (ok) ──✗── ↳ reasoning" in shown
    assert ended.err.endswith(f"\nnext: tracelens failures --store {tmp_path / 'kept'}\n")
    request_id = shown.split()[0]
    assert run("explain", request_id, "--store", tmp_path / "kept").code == 0


def test_demo_leaves_other_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    ended = run("demo", "--keep", tmp_path, "--quiet")
    assert ended.code == 2
    assert "holds other files: name a new folder for --keep" in ended.err
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]
