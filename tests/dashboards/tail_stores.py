"""Stores of made-up requests for the page Tails: few enough to know what it must say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.store.frames import SECOND, new_store, request, requests
from tracelens.model import COST_ITEM, SIZES

HOUR = 3_600
BEGIN = 1_772_409_600  # 2 Mar 2026, 00:00 UTC, in seconds


def tail_store(folder: Path, count: int = 600, **columns: Any) -> Path:
    """Every tenth request comes with an image, costs $1 and takes 9 s; others $0.01 and 1 s."""
    folder.mkdir(parents=True, exist_ok=True)
    store = new_store(folder)
    rows = [{**tail_request(at), **columns} for at in range(count)]
    judged = requests(*rows)
    with store.writer() as writer:
        writer.commit(None, judged, judged["trace_id"].to_list(), in_force={"": "made up"})
    store.close()
    return store.path


def tail_request(at: int) -> dict[str, Any]:
    """One request, ten minutes after the one before."""
    dear = at % 10 == 0
    sizes = {field.name: None for field in SIZES.fields}
    sizes |= {"audio_seconds": 100.0 if dear else 5.0, "megapixels": 20.0 if dear else None}
    cost = (1.0 if dear else 0.01) + at * 1e-6
    item = {field.name: None for field in COST_ITEM.fields}
    content = {"audio_in": cost}
    return {
        **request(f"t{at}"),
        "start_unix_nano": (BEGIN + at * 600) * SECOND,
        "duration_ms": (9_000.0 if dear else 1_000.0) + at / 1_000,
        "cost_usd": cost,
        "cost_is_lower_bound": False,
        "cost_unpriced_spans": 0,
        "cost_items": [{**item, "stage": "transcription", "cost_usd": cost}],
        "cost_by_stage": {"transcription": cost},
        "cost_by_content": content,
        "input_modalities": ["audio", "image"] if dear else ["audio"],
        "output_modalities": ["text"],
        "models": {"transcription": ["ear-1"], "reasoning": ["mind-1"], "synthesis": []},
        "service": "scanner" if dear else "desk",
        "sizes": sizes,
        "failed": False,
    }
