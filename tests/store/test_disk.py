"""A disk that takes no more and files that cannot be decoded: errors that name the file."""

from __future__ import annotations

import random
import textwrap

import pytest

from tests.store.frames import load, span, spans
from tests.store.test_together import start
from tracelens.errors import StoreError
from tracelens.store import Store

FULL = textwrap.dedent(
    """
    import resource, sys
    from pathlib import Path
    from tests.store.frames import number, requests, span, spans
    from tracelens.errors import StoreError
    from tracelens.store import Store

    def fill():
        room = int(sys.argv[3])
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    store = Store.open(Path(sys.argv[1]))
    rows = [span(f"t{n}", attrs='{"k":"' + number(str(n), 64) * 4 + '"}') for n in range(400)]
    try:
        with store.stage() as stage:
            sys.argv[2] == "staging" and fill()
            stage.add(spans(*rows))
            stage.finish()
            sys.argv[2] == "commit" and fill()
            with store.writer() as writer:
                fresh = writer.fresh(stage)
                sys.argv[2] == "log" and fill()
                writer.commit(fresh, requests(), fresh.traces)
    except StoreError as error:
        print(error)
    """
)


@pytest.mark.parametrize(
    ("when", "room"), [("staging", 20_000), ("commit", 0), ("commit", 20_000), ("log", 0)]
)
def test_a_full_disk_stores_nothing_and_says_so(store: Store, when: str, room: int) -> None:
    load(store, spans(span("before")))
    said, _ = start(FULL, store.path, when, room).communicate()
    assert str(store.path) in said
    assert store.query("from spans").height == 1
    assert load(store, spans(span("after"))) == 2


def test_a_read_only_store_is_named(store: Store) -> None:
    # Root may write anywhere, but not below a file.
    folder = store.path / "staging"
    folder.rmdir()
    folder.touch()
    with pytest.raises(StoreError, match=r"staging cannot be written to.*allow writing"):
        store.stage()


def test_a_segment_that_cannot_be_decoded_is_named(store: Store) -> None:
    load(store, spans(*(span(f"t{n}", attrs=f'{{"k":{n**9}}}') for n in range(300))))
    (segment,) = (store.path / "segments").glob("spans-*")
    whole, dice = segment.read_bytes(), random.Random(7)
    found = 0
    for _ in range(12):
        at = dice.randrange(4, len(whole) // 2)
        segment.write_bytes(whole[:at] + dice.randbytes(200) + whole[at + 200 :])
        again = Store.open(store.path)
        try:
            again.query("from spans")
        except StoreError as error:
            found += 1
            assert segment.name in str(error)
        finally:
            again.close()
    assert found > 6
