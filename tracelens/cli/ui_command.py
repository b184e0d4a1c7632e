"""`tracelens ui`: the dashboard, on this machine only unless people have to log in."""

from __future__ import annotations

import ipaddress
import os
import runpy
import socket
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from tracelens.cli.options import narrate, policy_option, quiet_option, store_option
from tracelens.errors import NotFoundError, UsageError

EPILOG = """\b
Examples:
  tracelens ui
  tracelens ui --store ./demo-store --port 8600
  tracelens ui --headless

The pages are shown to this machine only. To show them to others, configure a login: section [auth]
of .streamlit/secrets.toml, as Streamlit's documentation of st.login says, then name the --host.
"""
#: What Streamlit must be told of whoever lets people log in.
LOGIN = ("redirect_uri", "cookie_secret")
PROVIDER = ("client_id", "client_secret", "server_metadata_url")


@click.command("ui", epilog=EPILOG)
@store_option
@policy_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port."
)
@click.option("--headless", "--no-browser", is_flag=True, help="Open no browser.")
@quiet_option
def command(
    store: Path, policy_file: Path | None, host: str, port: int, headless: bool, quiet: bool
) -> None:
    """Open the dashboard in a browser, and serve it until Ctrl-C."""
    from tracelens.api import TraceLens

    TraceLens(store, policy_file).close()  # a policy that cannot work is better known now
    app = find_app()
    providers = _providers(app)
    _check_host(host, app, providers)
    _check_port(host, port)
    os.environ["TRACELENS_STORE"] = str(store.absolute())
    if policy_file is not None:
        os.environ["TRACELENS_POLICY"] = str(policy_file.absolute())
    os.environ["TRACELENS_LOGIN"] = " ".join(providers)
    shown = f"[{host}]" if ":" in host else host
    narrate(f"the dashboard is at http://{shown}:{port} (Ctrl-C ends it)", quiet=quiet)
    _serve(app, _flags(host, port, headless))


def find_app() -> Path:
    """The script of the dashboard, beside the package or in its wheel.

    Raises NotFoundError when the installation has none, or no Streamlit.
    """
    if find_spec("streamlit") is None:
        raise NotFoundError("the dashboard needs Streamlit: pip install streamlit")
    package = Path(__file__).parents[1]
    for folder in (package / "_dashboards", package.parent / "dashboards"):
        if (folder / "app.py").exists():
            return folder / "app.py"
    raise NotFoundError(f"no dashboards beside {package}: the installation is incomplete")


def _flags(host: str, port: int, headless: bool) -> list[str]:
    """Settings that no file or variable of the user may loosen; the look is in a file."""
    flags = {
        "server.address": host,
        "server.port": str(port),
        "server.headless": str(headless).lower(),
        "server.enableAgentApi": "false",
        "server.enableXsrfProtection": "true",
        "server.showEmailPrompt": "false",
        "browser.gatherUsageStats": "false",
        "logger.hideWelcomeMessage": "true",
    }
    arguments = [f"--{name}={value}" for name, value in flags.items()]
    if _is_loopback(host):
        # A page of another site must not reach ours by a name of its own for this machine.
        names = ("localhost", "127.0.0.1", "[::1]", "::1", host)
        arguments += [f"--server.allowedHosts={name}" for name in dict.fromkeys(names)]
    return arguments


def _serve(app: Path, flags: list[str]) -> None:
    # In this process, so that signals and exit codes are those of the server.
    sys.argv = ["streamlit", "run", str(app), *flags]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_host(host: str, app: Path, providers: list[str]) -> None:
    if _is_loopback(host) or providers:
        return
    raise UsageError(
        f"--host {host} would show what users said to anybody who can reach it, and no login is"
        f" configured: keep the default 127.0.0.1, or describe one in section [auth] of"
        f" {Path('.streamlit') / 'secrets.toml'} ({', '.join((*LOGIN, *PROVIDER))})"
    )


def _providers(app: Path) -> list[str]:
    """Names by which people can log in: `default`, or those of the sub-tables of [auth].

    Raises UsageError for a section that cannot work, and when Authlib is missing.
    """
    auth: dict[str, Any] = {}
    for folder in (Path.home(), Path.cwd(), app.parent):
        auth |= _auth_section(folder / ".streamlit" / "secrets.toml")
    if not auth:
        return []
    found = list(_complete(auth))
    lacking = [name for name in LOGIN if not auth.get(name)]
    if lacking or not found:
        needed = lacking or list(PROVIDER)
        raise UsageError(f"section [auth] of the secrets lacks {', '.join(needed)}")
    if find_spec("authlib") is None:
        raise UsageError('logging in needs Authlib: pip install "streamlit[auth]"')
    return found


def _complete(auth: Mapping[str, Any]) -> Iterator[str]:
    tables = {name: value for name, value in auth.items() if isinstance(value, dict)}
    for name, table in {"default": auth, **tables}.items():
        if all(table.get(key) for key in PROVIDER):
            yield name


def _auth_section(file: Path) -> dict[str, Any]:
    try:
        section = tomllib.loads(file.read_text("utf-8")).get("auth", {})
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is no TOML: {error}") from error
    if not isinstance(section, dict):
        raise UsageError(f"{file}: auth must be a section")
    return section


def _check_port(host: str, port: int) -> None:
    """Say so, in our words, when the port is taken or the address is not this machine's."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}; name another with"
            " --host and --port"
        ) from error
