"""Raw spans in, canonical columns out: knows emitters, never where spans are kept."""

from tracelens.normalise.emitter import Emitter, Key, Tier
from tracelens.normalise.mapping import (
    canonical_spans,
    find_emitters,
    mapping_version,
    promoted_keys,
    text_attributes,
)

__all__ = [
    "Emitter",
    "Key",
    "Tier",
    "canonical_spans",
    "find_emitters",
    "mapping_version",
    "promoted_keys",
    "text_attributes",
]
