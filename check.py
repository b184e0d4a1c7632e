"""Runs every check of the project, one after the other, and ends with an error if any failed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
PYTHON = sys.executable
BIN = Path(PYTHON).parent

CHECKS = {
    "style": [PYTHON, "-m", "ruff", "check", "."],
    "format": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "types": [PYTHON, "-m", "mypy"],
    "imports": [str(BIN / "lint-imports")],
    "browser": [PYTHON, "-m", "tests.browser"],
    "tests": [PYTHON, "-m", "pytest", "-n", "2", "--dist", "worksteal"],
}


def main() -> int:
    """Run the checks named on the command line, else all of them."""
    chosen = sys.argv[1:] or list(CHECKS)
    unknown = [name for name in chosen if name not in CHECKS]
    if unknown:
        print(f"no check {unknown[0]!r}; there are {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    failed = [name for name in chosen if not passes(name)]
    print(f"\n{'failed: ' + ', '.join(failed) if failed else 'all checks passed'}", flush=True)
    return 1 if failed else 0


def passes(name: str) -> bool:
    """Run one check; pytest's exit code for no tests is a failure like any other."""
    print(f"\n== {name}", flush=True)
    started = time.monotonic()
    code = subprocess.run(CHECKS[name], cwd=HERE, check=False).returncode
    print(f"== {name}: {'ok' if code == 0 else f'exit {code}'}, {time.monotonic() - started:.0f} s")
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
