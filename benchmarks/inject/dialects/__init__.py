"""One module per emitter; each says what it records and writes a talk with a pen.

A dialect has `KINDS` (requests it can carry), `SHOWS` (signs it records), `SERVED` (whether an
HTTP server span, and so a gateway, may stand above), `TURNS` (whether requests are turns of a
conversation, where silence starts no model call and an empty turn is a sign), `SPLITS`, `POLICY`
(TOML that a user of it would write, or None) and `write(pen)`.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def all_dialects() -> dict[str, ModuleType]:
    """Every dialect by name: adding a file here is all that a new one takes."""
    names = sorted(each.name for each in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}
