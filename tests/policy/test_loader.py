"""The policy file: what it changes, and the message for everything in it that cannot work."""

from __future__ import annotations

import re
import tomllib
from datetime import date

import polars as pl
import pytest

from tracelens.errors import PolicyError
from tracelens.policy import RULE_KINDS, Cell, TailRules, load, policy_text
from tracelens.policy.globs import glob_regex, matches_any


@pytest.fixture
def policy(tmp_path):
    """Loads a policy out of TOML text."""

    def load_text(text):
        path = tmp_path / "policy.toml"
        path.write_text(text, "utf-8")
        return load(path)

    return load_text


def test_the_built_in_policy_has_rules_of_every_kind():
    built_in = load()
    assert {rule.by for rule in built_in.stage} == set(RULE_KINDS)
    assert 0 < built_in.floor < 1
    assert built_in.errors.timeout
    assert built_in.errors.cancelled


def test_a_key_changes_only_itself(policy):
    mine, built_in = policy("[verdict]\nfloor = 0.9\n[limits]\ndepth = 9"), load()
    assert (mine.floor, mine.limits.depth) == (0.9, 9)
    assert mine.limits.record_bytes == built_in.limits.record_bytes
    assert (mine.stage, mine.expect, mine.errors) == (
        built_in.stage,
        built_in.expect,
        built_in.errors,
    )


def test_rows_replace_the_rows_of_their_table(policy):
    mine = policy('[[stage]]\nby = "span_name"\nstage = "synthesis"\nmatch = ["Say_*"]')
    assert [(rule.stage, rule.match) for rule in mine.stage] == [("synthesis", ("say_*",))]
    assert mine.expect == load().expect


def test_a_list_of_names_replaces_the_list(policy):
    mine = policy('[errors]\ntimeout = ["*TooLate*"]')
    assert mine.errors.timeout == ("*toolate*",)
    assert mine.errors.cancelled == load().errors.cancelled


def test_lists_of_a_table_of_keys_replace_the_list(policy):
    mine = policy('[handover]\nrecord_limits = [77]\nspoken_keys = ["aloud"]').handover
    assert (mine.record_limits, mine.spoken_keys) == ((77,), ("aloud",))
    assert mine.content_loss == load().handover.content_loss
    assert hash(mine) != hash(load().handover)


def test_expectations(policy):
    mine = policy('[[expect]]\nrole = "trace"\nservice = "chat-*"\nstages = ["reasoning"]')
    [row] = mine.expect
    assert (row.role, row.service, row.stages, row.heard) == (
        "trace",
        "chat-*",
        ("reasoning",),
        None,
    )


def test_counts_of_ones_own_replace_the_built_in_ones(policy):
    mine = policy(CELL).confidence
    assert mine.cells == (Cell("x", "hard", 0.9, False, 8, 9),)
    assert mine.parent == load().confidence.parent
    assert policy("[confidence]\nparent = 3").confidence.cells == load().confidence.cells


def test_budgets_and_profiles(policy):
    mine = policy('[profile]\ndays = 7\n[[budget]]\nstage = "reasoning"\nms = 8_000')
    assert (mine.profile.days, mine.profile.requests) == (7, load().profile.requests)
    assert [(row.stage, row.ms, row.service) for row in mine.budget] == [("reasoning", 8_000, None)]
    assert mine.hash != load().hash
    assert load().budget == ()


def test_when_a_tail_is_different(policy):
    assert load().tail == TailRules()
    assert policy("[tail]\nq = 0.05").tail == TailRules(q=0.05)


def test_budgets_of_all_kinds_are_shown_as_they_are_written(policy, tmp_path):
    text = """
[[budget]]
metric = "ttfa"
part = "first_token"
ms = 700
modality = "audio*"

[[budget]]
metric = "cost"
stage = "tool"
usd = 0.05
service = "desk"
fails = true

[[budget]]
ms = 9_000
"""
    first, second, third = policy(text).budget
    assert (first.metric, first.of, first.limit, first.fails) == ("ttfa", "first_token", 700, False)
    assert (second.metric, second.of, second.limit, second.fails) == ("cost", "tool", 0.05, True)
    assert (third.metric, third.of, third.limit) == ("latency", None, 9_000)
    shown = tomllib.loads(policy_text(tmp_path / "policy.toml"))["budget"]
    assert shown == tomllib.loads(text)["budget"]


def test_the_hash_follows_the_rules_in_force(policy):
    assert load().hash == load().hash == policy("").hash
    assert policy("[verdict]\nfloor = 0.51").hash != load().hash
    assert policy("[verdict]\nfloor = 0.5").hash == load().hash
    assert policy("[[budget]]\nms = 9_000").hash != load().hash
    assert policy("[tail]\nhits = 6").hash == load().hash  # no verdict reads it


ROW = '{ check = "x", weight = "hard", score = 0.9, contested = false, right = 8, of = 9 }'
CELL = f"[confidence]\ncells = [{ROW}]"

MISTAKES = {
    "[verdikt]\nfloor = 0.5": "unknown table 'verdikt': did you mean 'verdict'?",
    "[verdict]\nflor = 0.5": "unknown key of [verdict] 'flor': did you mean 'floor'?",
    "[limits]\ndept = 5": "unknown key of [limits] 'dept': did you mean 'depth'?",
    "[errors]\ntimeouts = []": "unknown key of [errors] 'timeouts': did you mean 'timeout'?",
    "[handover]\nrecord_limits = [128, true]": "record_limits = [128, True] is not tuple[int, ...]",
    '[handover]\nrecord_limits = ["128"]': "record_limits = ['128'] is not tuple[int, ...]",
    "[handover]\nspoken_keys = [1]": "spoken_keys = [1] is not tuple[str, ...]",
    "[handover]\ncontent_los = 1": "unknown key of [handover] 'content_los': did you mean",
    "[zzz]": "unknown table 'zzz': known are stage, expect",
    "[verdict]\nfloor = 2": "[verdict] floor = 2 is not a number from 0 to 1",
    "[verdict]\nfloor = true": "[verdict] floor = True is not a number from 0 to 1",
    '[verdict]\nfloor = "0.5"': "[verdict] floor = '0.5' is not a number from 0 to 1",
    "[limits]\ndepth = -1": "[limits] depth = -1 is not int",
    "[limits]\ndepth = 1.5": "[limits] depth = 1.5 is not int",
    '[errors]\ntimeout = "x"': "[errors] timeout = 'x' is not tuple",
    "[errors]\ntimeout = [1]": "[errors] timeout = [1] is not tuple",
    "limits = 3": "[limits] must be a table of keys",
    "errors = []": "[errors] must be a table of keys",
    '[[stage]]\nby = "span_nam"\nstage = "tool"\nmatch = []': "did you mean 'span_name'?",
    '[[stage]]\nby = "model"\nstage = "reasonin"\nmatch = []': "did you mean 'reasoning'?",
    '[[stage]]\nby = "model"\nstage = "tool"\nmatch = "x"': "match = 'x' is not a list of patterns",
    '[[stage]]\nby = "model"\nstage = "tool"\nmatches = ["x"]': "did you mean 'match'?",
    '[[expect]]\nstages = ["listen"]': "unknown stage in [[expect]] 'listen'",
    '[[expect]]\nrole = "turns"\nstages = []': "did you mean 'turn'?",
    '[[expect]]\nheard = "yes"\nstages = []': "heard = 'yes' is not true or false",
    "[[expect]]\nservice = 3\nstages = []": "service = 3 is not text",
    "[profile]\nrequest = 9": "unknown key of [profile] 'request': did you mean 'requests'?",
    "[profile]\ndays = 1.5": "[profile] days = 1.5 is not int",
    "[profile]\nexpected = 0.01": "unexpected = 0.01 and expected = 0.01 are not shares",
    "[profile]\nexpected = 2": "unexpected = 0.01 and expected = 2.0 are not shares",
    "[tail]\nratio = 3": "unknown key of [tail] 'ratio'",
    "[tail]\nrisk_ratio = '3'": "[tail] risk_ratio = '3' is not float",
    "[tail]\nhits = 2.5": "[tail] hits = 2.5 is not int",
    "[tail]\nsupport = 5": "[tail] support = 5 is not a number from 0 to 1",
    "tail = 3": "[tail] must be a table of keys",
    '[[budget]]\nstage = "tts"\nms = 9': "unknown stage in [[budget]] 'tts'",
    '[[budget]]\nstage = "synthesis"': "ms = None is not a number of milliseconds",
    '[[budget]]\nstage = "synthesis"\nms = 9\nservice = 3': "[[budget]] service = 3 is not text",
    '[[budget]]\nms = 9\nmodalities = "audio"': "'modalities': did you mean 'modality'?",
    '[[budget]]\nms = 9\nmetric = "costs"': "metric in [[budget]] 'costs': did you mean 'cost'?",
    '[[budget]]\nms = 9\nmetric = "cost"': "usd = None is not a number of US dollars",
    '[[budget]]\nms = 9\nusd = 1\nmetric = "cost"': "ms = 9: a budget of cost is in usd",
    "[[budget]]\nms = 9\nusd = 1": "[[budget]] usd = 1: a budget of latency is in ms",
    "[[budget]]\nms = -1": "[[budget]] ms = -1 is not a number of milliseconds",
    '[[budget]]\nms = 9\npart = "first_audio"': "a budget of latency names a stage or none",
    '[[budget]]\nms = 9\nmetric = "ttfa"\nstage = "reasoning"': "a budget of ttfa names a part (",
    '[[budget]]\nms = 9\nmetric = "ttfa"\npart = "token"': "part in [[budget]] 'token': did you",
    '[[budget]]\nms = 9\nmodality = "image+audio"': "did you mean 'audio+image'?",
    '[[budget]]\nms = 9\nmodality = "audio+imag"': "'imag': did you mean 'image'?",
    '[[budget]]\nms = 9\nmodality = "adio*"': "did you mean 'audio*'?",
    '[[budget]]\nms = 9\nmodality = "*vedeo"': "did you mean '*video'?",
    '[[budget]]\nms = 9\nmodality = "sound*"': "kinds are audio, document, image",
    '[[budget]]\nms = 9\nfails = "yes"': "[[budget]] fails = 'yes' is not true or false",
    "budget = 3": "[[budget]] must be a list of tables",
    "stage = 3": "[[stage]] must be a list of tables",
    'expect = ["x"]': "[[expect]] must be a list of tables",
    '[[evaluation]]\nfails = ["x"]': "[[evaluation]] has no name",
    '[[evaluation]]\nname = "x"': "[[evaluation]] name = 'x' is not a list of texts",
    '[[evaluation]]\nname = ["x"]\nbelow = "1"': "below = '1' is not a number",
    '[[evaluation]]\nname = ["x"]\njudges = "requests"': "did you mean 'request'?",
    '[[feedback]]\nattribute = ["x"]\nbads = []': "did you mean 'bad'?",
    '[[reference]]\nattribute = ["x"]\nof = "speach"': "did you mean 'speech'?",
    '[[recogniser_confidence]]\nattribute = ["x"]\nbelow = true': "below = True is not a number",
    "[answers]\nrounding = -1": "[answers] rounding = -1 is not float",
    "confidence = 3": "[confidence] must be a table of keys",
    "[confidence]\nparents = 3": "unknown key of [confidence] 'parents': did you mean 'parent'?",
    "[confidence]\nparent = -1": "[confidence] parent = -1 is not a number from 0",
    "[confidence]\ncells = [3]": "[confidence] cells must be a list of tables",
    CELL.replace("of =", "off ="): "'off': did you mean 'of'?",
    CELL.replace(", of = 9", ""): "a cell of [confidence] lacks of",
    CELL.replace("hard", "hart"): "unknown weight in [confidence] 'hart': did you mean 'hard'?",
    CELL.replace("0.9", "1.1"): "[confidence] score = 1.1 is not a number from 0 to 1",
    CELL.replace("false", "0"): "[confidence] contested = 0 is not true or false",
    CELL.replace("8", "10"): "[confidence] right = 10 of = 9 are not counts, some of all",
    CELL.replace('"x"', "1"): "[confidence] check = 1 is not text",
    f"[confidence]\ncells = [{ROW}, {ROW}]": "two rows for x, hard, 0.9, False",
    "verdict = 3": "[verdict] must be a table of keys",
    "[verdict\n": "not a TOML file",
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.items())
def test_mistakes_are_named(policy, text, message):
    with pytest.raises(PolicyError) as caught:
        policy(text)
    assert message in str(caught.value)
    assert "policy.toml" in str(caught.value)


def test_all_mistakes_are_named_at_once(policy):
    with pytest.raises(PolicyError, match=r"'verdikt'.*'dept'"):
        policy("[verdikt]\n[limits]\ndept = 1")


OVERLAPS = [
    ("tts", "TTS"),
    ("*speech*", "speech_to_*"),
    ("whisper*", "*"),
]


@pytest.mark.parametrize(("one", "other"), OVERLAPS)
def test_two_stage_rules_that_meet_are_refused(policy, one, other):
    with pytest.raises(PolicyError) as caught:
        policy(rules("model", one, other))
    assert repr(one.lower()) in str(caught.value)
    assert repr(other.lower()) in str(caught.value)
    assert "overlaps" in str(caught.value)


@pytest.mark.parametrize(("one", "other"), [("tts-*", "stt-*"), ("*-a", "*-b"), ("abc", "abcd")])
def test_two_stage_rules_that_do_not_meet(policy, one, other):
    assert len(policy(rules("model", one, other)).stage) == 2


def rules(kind, one, other):
    return (
        f'[[stage]]\nby = "{kind}"\nstage = "synthesis"\nmatch = ["{one}"]\n'
        f'[[stage]]\nby = "{kind}"\nstage = "transcription"\nmatch = ["{other}"]'
    )


def test_patterns_of_two_kinds_or_of_one_stage_may_meet(policy):
    text = (
        rules("model", "tts", "stt")
        + '\n[[stage]]\nby = "span_name"\nstage = "tool"\nmatch = ["tts"]'
    )
    assert len(policy(text).stage) == 3


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(PolicyError, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "p.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match="not a TOML file"):
        load(path)


@pytest.mark.parametrize(
    ("glob", "text", "hit"),
    [
        ("a*", "abc", True),
        ("a*", "a\nb", True),
        ("*c", "abc", True),
        ("a.c", "abc", False),
        ("a+(b)[c]", "a+(b)[c]", True),
        ("abc", "abcd", False),
        ("*", "", True),
    ],
)
def test_globs(glob, text, hit):
    seen = pl.DataFrame({"text": [text, None]}).select(matches_any(pl.col("text"), (glob,)))
    assert seen.to_series().to_list() == [hit, None]


def test_no_globs_match_nothing():
    seen = pl.DataFrame({"text": ["a"]}).select(hit=matches_any(pl.col("text"), ()))
    assert not seen["hit"].any()
    assert glob_regex("a*") == "(?s)^a.*$"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("says = '(a'", "is no regular expression"),
        ("says = 'a'", "not a regular expression with a group"),
        ("says = 3", "not a regular expression with a group"),
        ("says = '(a)'\nquotes = 1", "quotes = 1 is not true or false"),
        ("say = '(a)'", "did you mean 'says'?"),
    ],
)
def test_corrections_that_cannot_work(policy, row, says):
    with pytest.raises(PolicyError) as error:
        policy(f"[[correction]]\n{row}")
    assert says in str(error.value)


# --- [[price]]

PRICED = 'match = "m.*"\nunit = "characters"\nusd = 1.5\n'


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('unit = "characters"\nusd = 1\n', "match = None is not a regular expression"),
        ('match = "(" \nunit = "characters"\nusd = 1\n', "is no regular expression"),
        ('match = "m"\nunit = "character"\nusd = 1\n', "did you mean 'characters'?"),
        ('match = "m"\nunit = "characters"\n', "needs either usd (a price) or as"),
        (PRICED + 'as = "images"\n', "needs either usd (a price) or as"),
        (PRICED.replace("1.5", "-1"), "usd = -1 is not a number from 0"),
        (PRICED.replace("1.5", "nan"), "usd = nan is not a number from 0"),
        (PRICED.replace("1.5", '"?"'), "usd = '?' is not a number from 0"),
        (PRICED + "per = 0\n", "per = 0 is not a number above 0"),
        (PRICED + 'from = "2026-01-01"\n', "write 2026-01-31, without quotes"),
        (PRICED + "provider = 1\n", "provider = 1 is not text"),
        (PRICED + "form = 2026-01-01\n", "did you mean 'from'?"),
    ],
)
def test_a_price_row_that_cannot_work_is_named(tmp_path, row, said):
    path = tmp_path / "mine.toml"
    path.write_text(f"[[price]]\n{row}")
    with pytest.raises(PolicyError, match=re.escape(said)):
        load(path)


def test_price_rows_are_part_of_the_policy(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(f'[[price]]\n{PRICED}per = 1_000\nfrom = 2026-01-31\nprovider = "X*"\n')
    policy = load(path)
    [row] = policy.price
    assert (row.match, row.unit, row.usd, row.per) == ("m.*", "characters", 1.5, 1_000)
    assert (row.since, row.provider) == (date(2026, 1, 31), "x*")
    assert policy.hash != load().hash
    assert load().price == ()
    assert "from = 2026-01-31" in policy_text(path)
