"""What the tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.traces import ALL_SAMPLES, load


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with all samples. Read it only."""
    store = tmp_path_factory.mktemp("samples") / "store"
    load(store, *ALL_SAMPLES).close()
    return store
