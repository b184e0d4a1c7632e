"""Neighbours: the few traces whose turns look at one another, of all that share a session id.

A session id may be anything, down to one word for all traffic, so sharing one is not enough. A turn
looks at the turn that follows it, a trace in which somebody spoke at the next such one of its
session, and a turn at a transcription that began just before it in another trace. All are found by
time, so what a commit judges does not grow with the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from tracelens.store.engine import Engine


@dataclass(frozen=True)
class Reach:
    """How far turns look, in ns.

    `follow` is how long after the end of one turn the next of its session may begin, `stray` how
    long before a turn a transcription that belongs to it.
    """

    follow: int
    stray: int


class Neighbours:
    """Neighbours of traces among `live.spans`."""

    def __init__(self, engine: Engine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach

    def affected_by(self, traces: Sequence[str]) -> list[str]:
        """These traces and all whose requests may be judged otherwise because of them, sorted."""
        return self._beside(traces, "lag")

    def context_of(self, traces: Sequence[str]) -> list[str]:
        """These traces and all that the judgement of their requests looks at, sorted."""
        return self._beside(traces, "lead")

    def _beside(self, traces: Sequence[str], window: str) -> list[str]:
        wanted = pl.DataFrame({"trace_id": pl.Series(list(traces), dtype=pl.String)})
        self._engine.table("wanted_traces", wanted)
        self._engine.run(_SESSIONS)
        first, last = self._engine.frame(_TIMES).row(0)
        if first is None:
            return sorted(set(traces))
        end = min(last + self._reach.follow, _MAX)
        self._engine.run(_TURNS, {"begin": max(first - self._reach.follow, -_MAX), "end": end})
        self._engine.run(_TALKS, {"begin": max(first - self._reach.follow, -_MAX), "end": end})
        self._engine.run(_STRAYS, {"begin": max(first - self._reach.stray, -_MAX), "end": end})
        # Another look at all spans, which hardly ever has to be taken.
        if self._engine.frame(_UNKNOWN)["unknown"][0]:
            self._engine.run(_OTHERS)
        sql = _BESIDE.format(window=window, stray=int(self._reach.stray))
        return self._engine.frame(sql)["trace_id"].to_list()


_MAX: Final = 2**63 - 1

#: Sessions of the wanted traces, and when their spans begin and end.
_SESSIONS: Final = """
create or replace table wanted_sessions as
select session_id, min(start_unix_nano) as first,
    max(greatest(start_unix_nano, end_unix_nano)) as last
from live.spans semi join wanted_traces using (trace_id) group by session_id
"""

_TIMES: Final = """
select min(first), max(last) from wanted_sessions having count(session_id) > 0
union all select null, null
"""

#: A trace that holds a whole session looks at no other; it may do so only now that it is wanted.
_TURNS: Final = """
create or replace table turns as
with near as (
    select trace_id, span_id, session_id, role, start_unix_nano as start,
        trace_id in (from wanted_traces) as wanted
    from live.spans
    where role = 'session' or (
        role in ('turn', 'user_turn', 'agent_turn')
        and session_id in (select session_id from wanted_sessions)
        and start_unix_nano <= $end
        and (end_unix_nano is null or end_unix_nano >= $begin or start_unix_nano >= $begin)
    )
)
from near where role <> 'session'
and (wanted or trace_id not in (select trace_id from near where role = 'session'))
"""

#: Traces without turns in which somebody spoke. When one began is told by its spans within reach.
_TALKS: Final = """
insert into turns by name
with talk as (
    select trace_id, min(span_id) as span_id, min(session_id) as session_id,
        min(start_unix_nano) as start, trace_id in (from wanted_traces) as wanted,
        bool_or(stage = 'transcription' and text_out is not null) as spoke
    from live.spans
    where start_unix_nano between $begin and $end
    and trace_id not in (select trace_id from turns)
    group by trace_id
)
select trace_id, span_id, session_id, 'trace' as role, start, wanted from talk
where spoke and session_id in (select session_id from wanted_sessions)
"""

#: Transcriptions that put out nothing, with the session of their turn.
_STRAYS: Final = """
create or replace table strays as
with found as (
    select distinct trace_id, start_unix_nano as start,
        trace_id in (from wanted_traces) as wanted
    from live.spans
    where stage = 'transcription' and text_out is null
    and start_unix_nano between $begin and $end
)
select found.*, session_id
from found left join (select distinct trace_id, session_id from turns) using (trace_id)
"""

_UNKNOWN: Final = "select count(*) > 0 as unknown from strays where session_id is null"

#: Those with the session that another span of their trace tells.
_OTHERS: Final = """
insert into strays by name
select distinct strays.trace_id, start, wanted, others.session_id
from strays join live.spans others using (trace_id)
where strays.session_id is null and others.session_id in (select session_id from wanted_sessions)
"""

#: Ordered also by role: of a pair of turns, the one that begins later may be no request.
_BESIDE: Final = """
with ordered as (
    select wanted, unnest([
        {window}(trace_id) over (partition by session_id order by start, trace_id, span_id),
        {window}(trace_id) over (partition by session_id, role order by start, trace_id, span_id)
    ]) as beside
    from turns
),
moving as (
    select trace_id, session_id, start from strays where wanted
    union
    select strays.trace_id, session_id, strays.start from strays join turns using (session_id)
    where turns.wanted and role = 'turn' and turns.start - strays.start between 0 and {stray}
)
select trace_id from wanted_traces
union select beside from ordered where wanted and beside is not null
union select trace_id from moving
union select turns.trace_id from moving join turns using (session_id)
where role = 'turn' and turns.start - moving.start between 0 and {stray}
order by trace_id
"""
