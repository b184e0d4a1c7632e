"""Sizes of pictures, sound and documents from the first bytes of their files."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.normalise.files import gif, jpeg, pdf, png, segment, wave, webp
from tracelens.normalise import media

SIDES = st.integers(1, 16_383)
MAKERS = [
    png,
    gif,
    jpeg,
    lambda width, height: jpeg(width, height, marker=0xC2),
    *(lambda width, height, kind=kind: webp(width, height, kind) for kind in (b"VP8 ", b"VP8L")),
    lambda width, height: webp(width, height, b"VP8X"),
]


@pytest.mark.parametrize("make", MAKERS)
@given(width=SIDES, height=SIDES)
def test_the_size_of_an_image(make, width, height):
    assert media.image_size(make(width, height)) == (width, height)


@pytest.mark.parametrize("make", MAKERS)
@given(data=st.data())
def test_a_cut_or_damaged_header_is_no_error(make, data):
    whole = bytearray(base64.b64decode(make(640, 480)))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(whole)))
    size = media.image_size(base64.b64encode(whole[:end]).decode())
    assert size is None or all(0 < side <= media.LONGEST_SIDE for side in size)


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(data):
    for head in (b"", b"\xff\xd8", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WEBP", b"%PDF-/Linearized"):
        payload = base64.b64encode(head + data).decode()
        assert (media.wave_seconds(payload) or 0) >= 0
        assert (media.pdf_pages(payload) or 0) >= 0
        assert media.image_size(payload) is None or head


@given(st.text(max_size=60))
def test_any_text_can_be_read(text):
    for payload in (text, media.payload_of(text) or ""):
        assert media.image_size(payload) is None
        assert media.wave_seconds(payload) is None
    assert media.mime_of(text) is None or "/" in text


def test_the_rest_of_an_image_may_be_missing_and_lines_broken():
    broken = png(640, 480)[:20] + "\n" + png(640, 480)[20:] + "AAA"
    assert media.image_size(broken) == (640, 480)


def test_a_profile_and_a_preview_stand_before_the_size_of_a_jpeg():
    before = segment(0xE0, 14) + segment(0xE2, 60_000) + segment(0xE1, 60_000) + b"\xff"
    assert media.image_size(jpeg(640, 480, before)) == (640, 480)


def test_what_lies_beyond_the_first_bytes_is_not_looked_at():
    before = b"".join(segment(0xE2, 65_000) for _ in range(5))
    assert media.image_size(jpeg(640, 480, before)) is None


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (2**31 - 1, 2**31 - 1)])
def test_sizes_that_no_image_has(width, height):
    assert media.image_size(png(width, height)) is None


@pytest.mark.parametrize(
    ("sound", "seconds"),
    [
        (wave(1.5), 1.5),
        (wave(1.5, claimed=0xFFFFFFFF), 1.5),  # a stream
        (wave(1.5, claimed=0), 1.5),
        (wave(1.5, cut=4000), None),
        (wave(1.5, rate=0), None),
        (png(640, 480), None),
    ],
)
def test_the_length_of_a_sound(sound, seconds):
    assert media.wave_seconds(sound) == seconds


@pytest.mark.parametrize(
    ("document", "pages"),
    [(pdf(12), 12), (pdf(12, cut=3), None), (pdf(12, linearized=False), None), (png(1, 1), None)],
)
def test_the_pages_of_a_document(document, pages):
    assert media.pdf_pages(document) == pages


@pytest.mark.parametrize(
    ("text", "mime", "payload"),
    [
        ("data:image/png;base64,iVBORw0KGgo=", "image/png", "iVBORw0KGgo="),
        ("data:IMAGE/PNG;name=a;base64,iVBO", "image/png", "iVBO"),
        ("data:image/svg+xml,<svg/>", "image/svg+xml", None),
        ("data:,x", None, None),
        ("https://x/a.png", None, None),
        ("@@@langfuseMedia:type=image/png|id=x|source=base64@@@", "image/png", None),
        ("iVBORw0KGgoAAAANSUhEUg==", None, "iVBORw0KGgoAAAANSUhEUg=="),
        ("what is this picture?", None, None),
    ],
)
def test_data_urls(text, mime, payload):
    assert (media.mime_of(text), media.payload_of(text)) == (mime, payload)
