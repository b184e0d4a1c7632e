"""Compares output with the files of `tests/golden/`; UPDATE_GOLDEN=1 writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
ACTUAL = HERE / "actual"


def check_golden(name: str, text: str) -> None:
    """Fail unless the golden file holds this text; what came instead is left in tests/actual/."""
    golden, actual = GOLDEN / name, ACTUAL / name
    # Tables are padded to the width of the terminal, which nobody sees.
    text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
        return
    expected = golden.read_text(encoding="utf-8") if golden.exists() else None
    if text != expected:
        actual.parent.mkdir(parents=True, exist_ok=True)
        actual.write_text(text, encoding="utf-8")
    assert text == expected, f"tests/actual/{name} is not tests/golden/{name}"
