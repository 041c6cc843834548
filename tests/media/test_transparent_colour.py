"""A PNG may call one of its colours transparent, in any depth; what is shown there is white."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.media.images import decode_for_models, decode_for_rendition
from schemas.errors import BadRecord
from schemas.reasons import Reason
from tests.media.media_samples import png_chunk

_WIDTH, _HEIGHT = 16, 3
_BACKGROUND = (10, 20, 30)
_GREY, _COLOUR = 0, 2
_LIMIT = 10**6


def keyed_png(values: np.ndarray, bits: int, key: tuple[int, ...]) -> bytes:
    """Makes a PNG of values [rows, columns, channels], of which one is transparent."""
    rows, columns, channels = values.shape
    kind = _GREY if channels == 1 else _COLOUR
    header = struct.pack(">IIBBBBB", columns, rows, bits, kind, 0, 0, 0)
    packed = b""
    for row in values.reshape(rows, -1).tolist():
        digits = "".join(f"{value:0{bits}b}" for value in row)
        packed += b"\0" + int(digits, 2).to_bytes(len(digits) // 8, "big")
    parts = [
        (b"IHDR", header),
        (b"tRNS", b"".join(struct.pack(">H", value) for value in key)),
        (b"IDAT", zlib.compress(packed)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, body) for name, body in parts)


def shown(
    values: np.ndarray, bits: int, key: tuple[int, ...], below: tuple[int, ...]
) -> np.ndarray:
    """Returns the pixels that are displayed [rows, columns, 3]."""
    scaled = np.broadcast_to(values * 255.0 / ((1 << bits) - 1), (*values.shape[:2], 3)).copy()
    scaled[(values == key).all(axis=2)] = below
    return scaled


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from([(1, 1), (2, 1), (4, 1), (8, 1), (16, 1), (8, 3)]),
    data=st.data(),
)
def test_transparent_colour_shows_what_is_below(form: tuple[int, int], data: st.DataObject) -> None:
    bits, channels = form
    few = data.draw(st.lists(st.integers(0, (1 << bits) - 1), min_size=2, max_size=5))
    seed = data.draw(st.integers(0, 99))
    values = np.random.default_rng(seed).choice(few, (_HEIGHT, _WIDTH, channels))
    key = tuple(values[0, 0].tolist())
    file = keyed_png(values, bits, key)
    decoded = decode_for_models(file, "png", _LIMIT)
    expected = shown(values, bits, key, (255, 255, 255))
    assert np.abs(np.asarray(decoded.image) - expected).max() <= 1
    assert decoded.facts.has_alpha
    rendered = decode_for_rendition(file, "png", _LIMIT, 512, _BACKGROUND)
    assert np.abs(np.asarray(rendered.image) - shown(values, bits, key, _BACKGROUND)).max() <= 1


@pytest.mark.parametrize(("bits", "key"), [(1, 0), (2, 1), (4, 5), (8, 5), (16, 5000)])
def test_what_loaders_show_below_is_a_difference(bits: int, key: int) -> None:
    values = np.full((_HEIGHT, _WIDTH, 1), key)
    facts = decode_for_models(keyed_png(values, bits, (key,)), "png", _LIMIT).facts
    assert facts.plain_differences == "alpha"


def test_only_the_lower_bits_of_a_transparent_colour_count() -> None:
    values = np.array([[[3], [1], [3], [2]]])
    decoded = decode_for_models(keyed_png(values, 2, (0x0103,)), "png", _LIMIT)
    assert np.asarray(decoded.image)[0, :, 0].tolist() == [255, 85, 255, 170]
    values = np.array([[[5, 6, 7], [9, 9, 9]]])
    decoded = decode_for_models(keyed_png(values, 8, (0x0105, 6, 7)), "png", _LIMIT)
    assert np.asarray(decoded.image)[0, 0].tolist() == [255, 255, 255]


def test_transparent_colour_of_16_bits_is_refused() -> None:
    values = np.full((_HEIGHT, _WIDTH, 3), 5000)
    with pytest.raises(BadRecord, match="alpha channel") as refused:
        decode_for_models(keyed_png(values, 16, (5000, 5000, 5001)), "png", _LIMIT)
    assert refused.value.reason is Reason.MEDIA_UNSUPPORTED_FORMAT
