"""`prices`: what a person and a program read, what has no price, and rows to paste."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import run
from tests.golden_files import check_golden
from tests.traces import load, sample

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.usage.input_tokens": 1_000,
}


def dump(*models: str, provider: str = "openai") -> bytes:
    """One trace with a model call each."""
    calls = [
        {
            "traceId": "1" * 32,
            "spanId": f"{i + 2:016x}",
            "parentSpanId": f"{1:016x}",
            "name": f"chat {model}",
            "startTimeUnixNano": str(1_795_132_800_000_000_000 + i),
            "endTimeUnixNano": str(1_795_132_801_000_000_000 + i),
            "attributes": [
                {"key": key, "value": {"intValue" if isinstance(v, int) else "stringValue": v}}
                for key, v in {
                    **CHAT,
                    "gen_ai.provider.name": provider,
                    "gen_ai.request.model": model,
                }.items()
            ],
        }
        for i, model in enumerate(models)
    ]
    root = {**calls[0], "spanId": f"{1:016x}", "name": "request", "attributes": []}
    del root["parentSpanId"]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [root, *calls]}]}]}).encode()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a model that has a price, and one that has none."""
    run("ingest", "-", "--store", tmp_path / "store", stdin=dump("gpt-4o", "house-model.1"))
    return tmp_path / "store"


def test_what_a_person_reads(store: Path) -> None:
    seen = run("prices", "--store", store, "--format", "table")
    check_golden("prices/seen.txt", seen.out + seen.err)
    lacking = run("prices", "--unpriced", "--store", store, "--format", "table")
    check_golden("prices/unpriced.txt", lacking.out + lacking.err)


def test_prices_of_the_models_in_the_store(store: Path) -> None:
    rows = run("prices", "--store", store).rows()
    assert {row["model"] for row in rows} == {"gpt-4o"}
    (text,) = [row for row in rows if row["unit"] == "input_tokens"]
    assert (text["usd"], text["per"], text["source"]) == (2.5, 1_000_000, "genai-prices")


def test_what_has_no_price(store: Path) -> None:
    (row,) = run("prices", "--unpriced", "--store", store).rows()
    named = (row["model"], row["stage"], row["unit"])
    assert named == ("house-model.1", "reasoning", "input_tokens")
    assert (row["spans"], row["requests"], row["quantity"]) == (1, 1, 1_000)
    assert row["first_seen"] == "2026-11-20T00:00:00.000000000Z"


def test_a_row_to_paste_needs_its_price_and_then_prices(store: Path, tmp_path: Path) -> None:
    policy = tmp_path / "mine.toml"
    policy.write_text(run("prices", "--unpriced", "--toml", "--store", store).out)
    refused = run("policy", "check", policy)
    assert refused.code == 2
    assert "usd = '?' is not a number from 0" in refused.err
    policy.write_text(policy.read_text().replace('"?"', "2.0"))
    cost = "select cost_usd, cost_is_lower_bound from requests"
    before = run("sql", cost, "--store", store).rows()
    assert before == [{"cost_usd": 0.0025, "cost_is_lower_bound": True}]
    assert run("locate", "--store", store, "--policy", policy).code == 0
    after = run("sql", cost, "--store", store).rows()
    assert after == [{"cost_usd": 0.0045, "cost_is_lower_bound": False}]
    left = run("prices", "--unpriced", "--store", store)
    assert "everything that was used has a price" in left.err


def test_rows_of_a_model_are_a_policy(tmp_path: Path) -> None:
    policy = tmp_path / "mine.toml"
    policy.write_text(run("prices", "--model", "nova-3", "--toml").out)
    assert run("policy", "check", policy).code == 0
    (row,) = run("prices", "--model", "nova-3", "--policy", policy).rows()
    assert (row["usd"], row["per"], row["source"]) == (0.0048, 60, "policy")


def test_questions_are_asked_one_at_a_time(store: Path) -> None:
    ended = run("prices", "--unpriced", "--all", "--store", store)
    assert ended.code == 2
    assert "ask one of them" in ended.err


def test_a_model_that_nobody_knows(tmp_path: Path) -> None:
    ended = run("prices", "--model", "who\x1b[31m")
    assert (ended.code, ended.out) == (0, "")
    assert "no price is known for who\\x1b[31m" in ended.err


def test_explain_has_the_lines(store: Path) -> None:
    (request,) = run("requests", "--store", store).rows()
    explained = run("explain", request["request_id"], "--store", store, "--format", "json").json()
    assert [(item["model"], item["cost_usd"], item["source"]) for item in explained["cost"]] == [
        ("gpt-4o", 0.0025, "genai-prices"),
        ("house-model.1", None, None),
    ]
    text = run("explain", request["request_id"], "--store", store, "--format", "table").out
    assert "Cost ≥ $0.0025, 1 span unpriced" in text
    ticket = run("explain", request["request_id"], "--store", store, "--format", "markdown").out
    assert "Cost: ≥ $0.0025, 1 span unpriced" in ticket


def test_samples_have_prices(tmp_path: Path) -> None:
    load(tmp_path / "store", sample("openinference_healthy_voice")).close()
    assert run("prices", "--store", tmp_path / "store").code == 0


def house_store(folder: Path, ports: tuple[int, ...], rows: str) -> tuple[Path, Path]:
    """Calls of gpt-4o of the vendor and of a server of the house on some ports, and a policy."""
    store, policy = folder / "store", folder / "mine.toml"
    policy.write_text(rows)
    for at, provider in enumerate(("openai", *(f"127.0.0.1:{port}" for port in ports))):
        text = dump("gpt-4o", provider=provider).replace(b"1" * 32, f"{at + 1:032x}".encode())
        run("ingest", "-", "--store", store, "--policy", policy, stdin=text)
    return store, policy


HOUSE = """
[[price]]
match = "gpt-4o"
unit = "input_tokens"
usd = 7
per = 1_000_000
provider = "127.0.0.1:%s"
"""


def test_the_model_that_was_asked_for_is_priced_where_both_names_are_recorded(
    tmp_path: Path,
) -> None:
    """Nobody lists the snapshot that answered."""
    call = json.loads(dump("gpt-4o"))
    answered = {"key": "gen_ai.response.model", "value": {"stringValue": "gpt-4o-2025-01-01"}}
    call["resourceSpans"][0]["scopeSpans"][0]["spans"][1]["attributes"].append(answered)
    run("ingest", "-", "--store", tmp_path / "store", stdin=json.dumps(call).encode())
    cost = run("sql", "select 1000 * cost_usd as usd from requests", "--store", tmp_path / "store")
    assert cost.rows() == [{"usd": 2.5}]
    assert run("prices", "--model", "gpt-4o-2025-01-01").out == ""


def test_a_house_server_on_many_ports_is_told_once(tmp_path: Path) -> None:
    store, policy = house_store(tmp_path, (4001, 4002, 4003), HOUSE % "*")
    shown = run("prices", "--store", store, "--policy", policy)
    rows = [row for row in shown.rows() if row["unit"] == "input_tokens"]
    told = [(row["provider"], row["servers"], row["usd"]) for row in rows]
    assert told == [("127.0.0.1:*", 3, 7.0), ("openai", 1, 2.5)]
    table = run("prices", "--store", store, "--policy", policy, "--format", "table").out
    assert 0 < table.count("127.0.0.1:* (3 servers)") == table.count("127.0.0.1")


def test_ports_with_prices_of_their_own_are_told_apart(tmp_path: Path) -> None:
    store, policy = house_store(tmp_path, (4001, 4002), HOUSE % "4001")
    rows = run("prices", "--store", store, "--policy", policy).rows()
    told = [(row["provider"], row["servers"]) for row in rows if row["unit"] == "input_tokens"]
    assert told == [("127.0.0.1:4001", 1), ("openai", 1)]


def test_rows_of_prices_in_force_leave_the_price_of_the_vendor_alone(tmp_path: Path) -> None:
    """Pasted into a policy they give every provider the price that it has."""
    store, policy = house_store(tmp_path, (4001, 4002), HOUSE % "*")
    pasted = tmp_path / "pasted.toml"
    pasted.write_text(run("prices", "--store", store, "--policy", policy, "--toml").out)
    rows = run("prices", "--store", store, "--policy", pasted).rows()
    told = [
        (row["provider"], row["usd"], row["source"])
        for row in rows
        if row["unit"] == "input_tokens"
    ]
    assert told == [("127.0.0.1:*", 7.0, "policy"), ("openai", 2.5, "policy")]


def test_a_row_for_a_house_server_leaves_the_price_of_the_vendor_alone(tmp_path: Path) -> None:
    store, policy = tmp_path / "store", tmp_path / "mine.toml"
    run("ingest", "-", "--store", store, stdin=dump("gpt-4o", provider="127.0.0.1:4001"))
    (row,) = run("prices", "--unpriced", "--store", store).rows()
    assert row["providers"] == ["127.0.0.1:4001"]
    policy.write_text(run("prices", "--unpriced", "--toml", "--store", store).out)
    policy.write_text(policy.read_text().replace('"?"', "7.0"))
    assert run("policy", "check", policy).code == 0
    for provider, usd in (("127.0.0.1:4002", 7.0), ("openai", 2.5)):
        there = tmp_path / provider
        text = dump("gpt-4o", provider=provider)
        run("ingest", "-", "--store", there, "--policy", policy, stdin=text)
        cost = run("sql", "select 1000 * cost_usd as usd from requests", "--store", there)
        assert cost.rows() == [{"usd": usd}]
