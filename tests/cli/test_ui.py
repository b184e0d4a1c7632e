"""`tracelens ui`: this machine only, unless people must log in; one server, stopped by a signal."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.command import process, run
from tracelens.cli.ui_command import _flags, find_app

COMPLETE = """
[auth]
redirect_uri = "http://localhost:8501/oauth2callback"
cookie_secret = "s"
client_id = "c"
client_secret = "k"
server_metadata_url = "https://id.example/.well-known/openid-configuration"
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one and the home of the user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def write_secrets(folder: Path, text: str) -> None:
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "secrets.toml").write_text(text)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org", ""])
def test_a_public_address_needs_a_login(here: Path, host: str) -> None:
    ended = run("ui", "--host", host)
    assert (ended.code, ended.out) == (2, "")
    assert "no login is configured" in ended.err
    assert "section [auth]" in ended.err


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ("[auth]\nclient_id = 'c'\n", "lacks redirect_uri, cookie_secret"),
        (COMPLETE.replace("client_secret", "other"), "lacks client_id, client_secret"),
        ("[auth\n", "is no TOML"),
        ("auth = 1\n", "auth must be a section"),
    ],
)
def test_a_login_that_cannot_work_is_no_login(here: Path, secrets: str, said: str) -> None:
    write_secrets(here, secrets)
    ended = run("ui", "--host", "0.0.0.0")
    assert ended.code == 2
    assert said in ended.err


def test_a_port_that_is_taken(here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("ui", "--port", str(port))
    assert ended.code == 2
    assert f"cannot listen on 127.0.0.1, port {port}" in ended.err


def test_a_policy_that_cannot_work(here: Path) -> None:
    (here / "policy.toml").write_text("[limits]\nqueryseconds = 1\n")
    ended = run("ui", "--policy", "policy.toml")
    assert ended.code == 2
    assert "queryseconds" in ended.err


def test_only_names_of_this_machine_are_answered() -> None:
    """Another site must not reach the pages by giving this machine a name of its own."""
    assert "--server.allowedHosts=localhost" in _flags("127.0.0.1", 8501, True)
    assert not [flag for flag in _flags("0.0.0.0", 8501, True) if "allowedHosts" in flag]


def test_it_serves_until_it_is_told_to_stop(here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = process(
        *("ui", "--headless", "--port", str(port)),
        environment={"HOME": str(here), "STREAMLIT_SERVER_ADDRESS": "0.0.0.0"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        assert fetch(f"http://127.0.0.1:{port}/_stcore/health", server) == b"ok"
        font = fetch(f"http://127.0.0.1:{port}/app/static/inter-latin-wght-normal.woff2", server)
        assert font == (find_app().parent / "static/inter-latin-wght-normal.woff2").read_bytes()
        assert listening(port) == ["0100007F"]  # 127.0.0.1, and nothing else
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
    finally:
        server.kill()
        _, said = server.communicate()
    assert said.decode().startswith(f"the dashboard is at http://127.0.0.1:{port} ")
    assert list(here.iterdir()) == []


def fetch(url: str, server: subprocess.Popen[bytes]) -> bytes:
    """The answer, as soon as the server gives one."""
    while True:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return bytes(answer.read())
        except OSError:
            assert server.poll() is None
            time.sleep(0.1)


def listening(port: int) -> list[str]:
    """Addresses, in the kernel's hex, on which somebody listens to a port."""
    lines = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    rows = [line.split() for line in lines.splitlines()]
    ends = [row[1].split(":") for row in rows if len(row) > 3 and row[3] == "0A"]
    return [address for address, hexed in ends if int(hexed, 16) == port]
