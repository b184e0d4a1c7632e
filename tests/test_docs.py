"""The documentation is true: generated pages, commands, links and module docstrings."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.regenerate import DOCS, PAGES
from tracelens.checks import find_checks
from tracelens.cli import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), (
        "make the page anew with `python -m tests.regenerate`"
    )


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "docs/how-it-works.md", "sample_traces/make/README.md"]
)
def test_links_lead_somewhere(page: str) -> None:
    file = ROOT / page
    for target in re.findall(r"\]\(([^)#:]+)\)", file.read_text(encoding="utf-8")):
        assert (file.parent / target).exists(), f"{page} links to {target}"


def test_readme_names_only_commands_that_exist() -> None:
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
    named = set(re.findall(r"^tracelens (\w+)", blocks, re.MULTILINE))
    assert named
    assert named <= set(COMMANDS)


def test_readme_has_two_set_up_lines() -> None:
    lines = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert [line.rpartition(" ")[2] for line in lines] == ["demo", "check.py"]


def test_nobody_is_sent_to_the_other_package() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]:
        assert "pip install tracelens" not in page.read_text(encoding="utf-8")


def test_every_check_is_described() -> None:
    page = (DOCS / "how-it-works.md").read_text(encoding="utf-8")
    for check in find_checks():
        assert f"| {check.name} | {check.question} |" in page


def test_every_module_opens_with_its_purpose() -> None:
    folders = ("tracelens", "benchmarks", "tests", "sample_traces/make")
    for module in (file for folder in folders for file in (ROOT / folder).rglob("*.py")):
        if ".venv" in str(module) or "node_modules" in str(module):
            continue
        said = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
        assert said, f"{module.relative_to(ROOT)} does not say what it is for"
        assert said.splitlines()[0].endswith((".", "?")), f"{module.relative_to(ROOT)}: no sentence"
