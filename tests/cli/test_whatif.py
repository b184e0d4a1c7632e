"""`tracelens whatif`: rules in words, answers in every shape, and the contract's exit codes."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

import pytest

from tests.command import run
from tracelens import policy

RULES = ("--cap", "images=0:reject", "--budget", "reasoning=1s,service=*")


def test_json_is_the_answer(samples: Path) -> None:
    ended = run("whatif", "--store", samples, *RULES, "--limit", "1")
    assert (ended.code, ended.err) == (0, "")
    answer = ended.json()
    assert {"n", "touched", "refused", "cost", "latency", "ttfa", "groups", "rules"} <= set(answer)
    assert answer["quality"] == "quality effect unknown"
    cap, budget = answer["rules"]
    assert cap["row"] == {"size": "images", "max": 0, "how": "reject"}
    assert budget["row"] == {"stage": "reasoning", "ms": 1000, "service": "*"}
    assert {"k", "n", "share", "low", "high"} == set(answer["failed_today"])


def test_every_shape(samples: Path) -> None:
    command = ("whatif", "--store", samples, *RULES, "--format")
    table = run(*command, "table").out
    assert "images at most 0, larger requests rejected" in table
    assert "quality effect unknown" in table
    markdown = run(*command, "markdown").out
    assert markdown.startswith("## What if\n")
    assert "| modality | requests | touched | cost | after | p95 | after |" in markdown
    rows = list(csv.DictReader(run(*command, "csv").out.splitlines()))
    assert {"modality", "requests", "cost_before", "cost_after_low", "p95_after_high"} <= set(
        rows[0]
    )


def test_no_answer_speaks_of_free_savings(samples: Path) -> None:
    for shape in ("table", "markdown", "json"):
        assert "free saving" not in run("whatif", "--store", samples, *RULES, "--format", shape).out


def test_rows_that_were_tried_can_be_kept(samples: Path, tmp_path: Path) -> None:
    ended = run(
        *("whatif", "--store", samples, "--toml", *RULES),
        *("--route", "small, modality=text, input_tokens>=10, input_tokens<=500, images=0"),
    )
    assert ended.code == 0
    assert "quality effect unknown" in ended.err
    assert tomllib.loads(ended.out) == {
        "cap": [{"size": "images", "max": 0, "how": "reject"}],
        "route": [
            {
                "to": "small",
                "stage": "reasoning",
                "when": {"modality": "text", "input_tokens": {"min": 10, "max": 500}, "images": 0},
            }
        ],
        "budget": [{"stage": "reasoning", "ms": 1000, "service": "*"}],
    }
    mine = tmp_path / "mine.toml"
    mine.write_text(ended.out)
    again = run("whatif", "--store", samples, "--policy", mine, "--toml")
    assert again.out == ended.out
    assert policy.load(mine).cap[0].how == "reject"


def test_a_refused_route_says_why(samples: Path) -> None:
    ended = run("whatif", "--store", samples, "--route", "small")
    assert ended.code == 0
    assert "reasoning by small: fewer than 30 comparable requests used small" in ended.err
    assert ended.json()["rules"][0]["refused_because"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((), "there is nothing to try: give --cap, --route or --budget"),
        (("--cap", "images"), "write SIZE=MAX:HOW"),
        (("--cap", "images=3"), "write SIZE=MAX:HOW"),
        (("--cap", "images=many:reject"), "write SIZE=MAX:HOW"),
        (("--cap", "imges=3:reject"), "did you mean 'images'?"),
        (("--cap", "images=3:reject,service"), "is no condition: write NAME=VALUE"),
        (("--cap", "images=3:reject,service<=3"), "write NAME=GLOB"),
        (("--budget", "reasoning=soon"), "write STAGE=TIME"),
        (("--budget", "request=4"), "with a unit: 4s, 800ms, 1m"),
        (("--budget", "resoning=4s"), "did you mean 'reasoning'?"),
        (("--route", "small,input_tokens<=few"), "'few' is not a number"),
        (("--route", "small,inputtokens<=5"), "did you mean 'input_tokens'?"),
    ],
)
def test_wrong_usage(samples: Path, given: tuple[str, ...], says: str) -> None:
    ended = run("whatif", "--store", samples, *given)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err


def test_no_store_and_no_requests(samples: Path, tmp_path: Path) -> None:
    missing = run("whatif", "--store", tmp_path / "none", *RULES)
    assert (missing.code, missing.out) == (4, "")
    ended = run("whatif", "--store", samples, *RULES, "--service", "nobody", "--format", "csv")
    assert (ended.code, ended.out, ended.err) == (0, "", "no requests match\n")
