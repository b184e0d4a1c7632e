"""Rows of caps and routes: read, written, and refused with the way out."""

from __future__ import annotations

import tomllib
from math import inf
from pathlib import Path
from typing import Any

import pytest

from tracelens import policy
from tracelens.analyse.what_if import Rules, make_rules, rules_toml
from tracelens.errors import PolicyError
from tracelens.policy import Budget, Cap, Condition, Route

TEXT = """
[[cap]]
size = "audio_seconds"
max = 60
how = "truncate"
modality = "audio*"

[[cap]]
size = "megapixels"
max = inf
how = "downscale"

[[route]]
to = "small"

[route.when]
modality = ["text", "none"]
images = 0
input_tokens = { min = 1, max = 500 }

[what_if]
comparable = 50
"""
ROUTE = Route(
    "small",
    (
        Condition("modality", ("text", "none")),
        Condition("images", min=0.0, max=0.0),
        Condition("input_tokens", min=1.0, max=500.0),
    ),
)


def load(folder: Path, text: str) -> policy.Policy:
    file = folder / "mine.toml"
    file.write_text(text)
    return policy.load(file)


def test_rows_become_rules(tmp_path: Path) -> None:
    found = Rules.of(load(tmp_path, TEXT))
    assert found.caps == (
        Cap("audio_seconds", 60.0, "truncate", modality="audio*"),
        Cap("megapixels", inf, "downscale"),
    )
    assert found.routes == (ROUTE,)
    assert found.comparable == 50


def test_none_are_built_in() -> None:
    built_in = policy.load()
    assert (built_in.cap, built_in.route, built_in.what_if.comparable) == ((), (), 30)


def test_verdicts_do_not_depend_on_them(tmp_path: Path) -> None:
    assert load(tmp_path, TEXT).hash == policy.load().hash
    assert load(tmp_path, "[verdict]\nfloor = 0.9").hash != policy.load().hash


def test_what_was_tried_can_be_kept(tmp_path: Path) -> None:
    """Appended to a policy file the rows are read as they were."""
    tried = [
        Cap("audio_seconds", 0.5, "reject", service='a "desk"\n', model="asr-*"),
        Cap("images", inf, "truncate"),
        ROUTE,
        Route("tiny"),
        Budget("reasoning", 4000, service="desk"),
    ]
    kept = load(tmp_path, "[verdict]\nfloor = 0.9\n" + rules_toml(tried))
    assert [rule for _, rule in Rules.of(kept).named()] == tried
    assert kept.floor == 0.9


def test_the_examples_of_the_built_in_policy_work(tmp_path: Path) -> None:
    parts = policy.policy_text().split("\n\n")
    rows = [
        part[part.index(f"# [[{name}]]") :].replace("\n# ", "\n").removeprefix("# ")
        for name in ("cap", "route")
        for part in parts
        if f"\n# [[{name}]]\n" in part
    ]
    found = load(tmp_path, "\n".join(rows))
    assert (len(found.cap), len(found.route)) == (1, 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[cap]]\nsize = "audio_secs"\nmax = 1\nhow = "reject"', "did you mean 'audio_seconds'?"),
        ('[[cap]]\nsize = "pages"\nmax = 1\nhow = "trunkate"', "did you mean 'truncate'?"),
        ('[[cap]]\nsize = "pages"\nmax = 1\nhow = "downscale"', "choose reject or truncate"),
        ('[[cap]]\nsize = "pages"\nhow = "reject"', "[[cap]] has no max"),
        ('[[cap]]\nsize = "pages"\nmax = -1\nhow = "reject"', "max = -1 is not a number from 0"),
        ('[[cap]]\nsize = "pages"\nmax = nan\nhow = "reject"', "max = nan is not a number from 0"),
        ('[[cap]]\nsize = "pages"\nmax = true\nhow = "reject"', "max = True is not a number"),
        ('[[cap]]\nsize = "pages"\nmax = 1\nhow = "reject"\nmodel = 3', "model = 3 is not text"),
        (
            '[[cap]]\nsize = "pages"\nmax = 1\nhow = "reject"\nmodalty = ""',
            "did you mean 'modality'?",
        ),
        ("[[route]]\nwhen = {}", "to = None is not the name of a model"),
        ('[[route]]\nto = "a"\nstage = "synthesis"', "unknown stage in [[route]] 'synthesis'"),
        ('[[route]]\nto = "a"\nwhen = "text"', "when = 'text' is not a table of conditions"),
        ('[[route]]\nto = "a"\nwhen = { input_token = 1 }', "did you mean 'input_tokens'?"),
        ('[[route]]\nto = "a"\nwhen = { modality = 1 }', "modality = 1 is not a text"),
        ('[[route]]\nto = "a"\nwhen = { images = "0" }', "images = '0' is neither a number nor"),
        ('[[route]]\nto = "a"\nwhen = { images = { mx = 1 } }', "did you mean 'max'?"),
        ('[[route]]\nto = "a"\nwhen = { images = { max = "1" } }', "max = '1' is not a number"),
        ('[[route]]\nto = "a"\nwhen = { images = { min = 3, max = 1 } }', "nothing is from 3 to 1"),
        (
            '[[cap]]\nsize = "pages"\nmax = 1\nhow = "reject"\nmodality = "adio"',
            "unknown kind of input in [[cap]] modality 'adio': did you mean 'audio'?",
        ),
        (
            '[[cap]]\nsize = "pages"\nmax = 1\nhow = "reject"\nmodality = "adio*"',
            "[[cap]] modality = 'adio*' means no request: did you mean 'audio*'?",
        ),
        (
            '[[cap]]\nsize = "pages"\nmax = 1\nhow = "reject"\nmodality = "image+Audio"',
            "did you mean 'audio+image'?",
        ),
        (
            '[[route]]\nto = "a"\nwhen = { modality = ["text", "adio"] }',
            "unknown kind of input in [[route]] modality 'adio': did you mean 'audio'?",
        ),
        (
            '[[route]]\nto = "a"\nwhen = { modality = "audio+none" }',
            "modality = 'audio+none' means no request: none stands alone",
        ),
        ("[what_if]\ncomparabel = 3", "did you mean 'comparable'?"),
        ("[what_if]\ncomparable = 2.5", "comparable = 2.5 is not int"),
        ("cap = 3", "[[cap]] must be a list of tables"),
    ],
)
def test_what_cannot_work(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PolicyError) as refused:
        load(tmp_path, text)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "glob", ["audio", "Audio", "none", "*", "audio*", "*image*", "audio+image", "*+text", "n*"]
)
def test_what_can_come_in_may_be_meant(tmp_path: Path, glob: str) -> None:
    text = f'[[cap]]\nsize = "pages"\nmax = 1\nhow = "reject"\nmodality = "{glob}"\n'
    text += f'[[budget]]\nms = 9\nmodality = "{glob}"\n'
    text += f'[[route]]\nto = "a"\nwhen = {{ modality = "{glob}" }}'
    assert load(tmp_path, text).cap[0].modality == glob


def cap(**more: Any) -> dict[str, Any]:
    return {"size": "pages", "max": 3, "how": "reject", **more}


def route(**when: Any) -> dict[str, Any]:
    return {"to": "small", "when": when}


@pytest.mark.parametrize(
    ("tables", "overlaps"),
    [
        ({"cap": [cap(), cap(max=5)]}, True),
        ({"cap": [cap(), cap(service="desk")]}, True),
        ({"cap": [cap(service="*"), cap(service="desk")]}, True),
        ({"cap": [cap(service="desk"), cap()]}, False),
        ({"cap": [cap(), cap(how="truncate", max=1)]}, False),
        ({"cap": [cap(), cap(size="images")]}, False),
        ({"cap": [cap(service="desk"), cap(model="a")]}, False),
        ({"route": [route(), route(images=0)]}, True),
        ({"route": [route(images={"max": 3}), route(images={"min": 1, "max": 2})]}, True),
        ({"route": [route(images=0), route(images={"max": 2})]}, False),
        ({"route": [route(images=0), route(pages=0)]}, False),
        ({"route": [route(model=["a", "b"]), route(model="b")]}, True),
        ({"route": [route(model="a"), route(model=["a", "b"])]}, False),
    ],
)
def test_a_row_that_never_counts_is_named(tables: dict[str, Any], overlaps: bool) -> None:
    if not overlaps:
        assert make_rules(tables, policy.load()).named()
        return
    with pytest.raises(PolicyError, match="never counts: it overlaps"):
        make_rules(tables, policy.load())


def test_shown_policies_hold_the_rows(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TEXT)
    shown = tomllib.loads(policy.policy_text(file))
    assert shown["cap"] == tomllib.loads(TEXT)["cap"]
    assert {change.key for change in policy.policy_changes(file)} == {
        "cap",
        "route",
        "what_if.comparable",
    }
