"""Runs `tracelens` as a user does: in this process where that is enough, else on a terminal."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tracelens.cli import main

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """stdout as one JSON value."""
        return json.loads(self.out)

    def rows(self) -> list[dict[str, Any]]:
        """stdout as JSON lines."""
        return [json.loads(line) for line in self.out.split("\n") if line]


def run(*args: str | Path, stdin: bytes = b"", **environment: str) -> Ended:
    """Run a command with its output in pipes."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2)]
    given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    with ExitStack() as stack:
        for patched in (
            patch.object(sys, "argv", ["tracelens", *map(str, args)]),
            patch.object(sys, "stdout", streams[0]),
            patch.object(sys, "stderr", streams[1]),
            patch.object(sys, "stdin", given),
            patch.dict(os.environ, environment),
        ):
            stack.enter_context(patched)
        code = exit_code()
        for stream in streams:
            stream.flush()
    out, err = (stream.buffer.getvalue().decode() for stream in streams)  # type: ignore[attr-defined]
    return Ended(code, out, err)


def exit_code() -> int:
    """What `main` ends the process with; anything but an exit is a failure of the test."""
    try:
        main()
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        return ended.code
    raise AssertionError("main returns no more")


def process(
    *args: str | Path, environment: Mapping[str, str] | None = None, **options: Any
) -> subprocess.Popen[bytes]:
    """Start a command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tracelens", *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        **options,
    )


def on_terminal(*args: str | Path, columns: int = 100, **environment: str) -> tuple[int, str]:
    """Run a command on a terminal of some width: exit code, and all that it shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    settings = {"TERM": "xterm", "COLUMNS": "", "LINES": "", **environment}
    child = process(*args, environment=settings, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the terminal is gone with its last user
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    return child.wait(), shown.decode().replace("\r\n", "\n")
