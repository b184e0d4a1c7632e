"""Which costs and stages each size of a request weighs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class SizeEffect:
    """What a cap on one size changes.

    Costs of `contents` shrink in proportion. Those of `derived` may: they are for what was made of
    the capped content, and how much of it would be gone is not recorded. So may the time of
    `stages`. `kind` is the kind of input whose absence means a size of 0.
    """

    contents: tuple[str, ...]
    derived: tuple[str, ...]
    stages: tuple[str, ...]
    kind: str | None = None


#: By field of `SIZES`. A transcript is made of the audio, speech is made of the answer, and pages
#: are sent as text or as pictures of them.
SIZE_EFFECTS: Final[dict[str, SizeEffect]] = {
    "audio_seconds": SizeEffect(
        ("audio_in",), ("text_in",), ("transcription", "reasoning"), "audio"
    ),
    "output_audio_seconds": SizeEffect(("audio_out",), (), ("reasoning", "synthesis")),
    "characters": SizeEffect(("audio_out",), (), ("synthesis",)),
    "images": SizeEffect(("image_in",), (), ("reasoning",), "image"),
    "megapixels": SizeEffect(("image_in",), (), ("reasoning",), "image"),
    "pages": SizeEffect(
        ("document_in",),
        ("text_in", "image_in"),
        ("reasoning",),
        "document",
    ),
    "input_tokens": SizeEffect(("text_in",), (), ("reasoning",)),
    "output_tokens": SizeEffect(
        ("text_out",), ("audio_out", "image_out"), ("reasoning", "synthesis")
    ),
    "audio_input_tokens": SizeEffect(("audio_in",), (), ("transcription", "reasoning"), "audio"),
    "image_input_tokens": SizeEffect(("image_in",), (), ("reasoning",), "image"),
}

#: Costs whose tokens are a part of `input_tokens`, by the size that counts them. What is left is
#: text.
TOKENS: Final[dict[str, str]] = {
    "cost_by_content.audio_in": "sizes.audio_input_tokens",
    "cost_by_content.image_in": "sizes.image_input_tokens",
}
