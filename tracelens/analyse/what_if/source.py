"""Reads the columns of requests that what-ifs are made of."""

from __future__ import annotations

from tracelens.analyse.find import INPUTS, Filters, find_where
from tracelens.analyse.what_if.baseline import COLUMNS, Baseline
from tracelens.store import Store

#: Lists become one text, which needs no object for each of a million requests.
_AS_TEXT = {
    "input_modalities": f'{INPUTS} as "inputs"',
    **{
        name: f'array_to_string({name}, chr(10)) as "{name}"'
        for name in COLUMNS
        if name.startswith("models.")
    },
}


def read_baseline(store: Store, filters: Filters) -> Baseline:
    """The requests that pass the filters, limit and sort aside, ready for what-ifs.

    Raises QueryError when `where` is not one read-only boolean expression.
    """
    condition, params = find_where(store, filters)
    columns = ", ".join(_AS_TEXT.get(name, f'{name} as "{name}"') for name in COLUMNS)
    return Baseline(store.query(f"select {columns} from requests{condition}", params))
