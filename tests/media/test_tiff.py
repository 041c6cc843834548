"""TIFF: values of every layout are shown as they are meant, and what cannot be is refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipelines.features.guard import this_guard
from pipelines.features.prepare import prepare_media
from pipelines.media.images import DecodedImage, decode_for_models
from pipelines.media.limits import MediaLimits
from pipelines.media.sniff import sniff_format
from schemas.errors import BadRecord
from tests.media.media_samples import LIMITS, encode, picture
from tests.media.test_images import swapped_profile
from tests.media.tiff_files import (
    BLACK_IS_ZERO,
    BYTE,
    CMYK,
    LONG,
    PALETTE,
    SHORT,
    UNDEFINED,
    WHITE_IS_ZERO,
    Order,
    Page,
    Samples,
    write_tiff,
)

LIMIT = 10**7
SIZE = (48, 30)
RNG = np.random.default_rng(7)
GREY8 = RNG.integers(0, 256, SIZE[::-1]).astype(np.uint8)
GREY12 = RNG.integers(0, 4096, SIZE[::-1]).astype(np.uint16)
GREY16 = RNG.integers(0, 65536, SIZE[::-1]).astype(np.uint16)
RGB8 = RNG.integers(0, 256, (*SIZE[::-1], 3)).astype(np.uint8)
RGB16 = RNG.integers(0, 65536, (*SIZE[::-1], 3)).astype(np.uint16)
INKS = RNG.integers(0, 256, (*SIZE[::-1], 4)).astype(np.uint8)
COLOURS = RNG.integers(0, 256, (256, 3)).astype(np.uint8)
COLOUR_MAP = [int(level) * 257 for channel in COLOURS.T for level in channel]


def on_paper(inks: Samples) -> Samples:
    """What ink in percent of 255 leaves of white light, without a profile."""
    light = 255 - inks.astype(np.int64)
    return ((light[..., :3] * light[..., 3:] + 127) // 255).astype(np.uint8)


def grey(values: Samples) -> Samples:
    return np.repeat(values[..., None], 3, axis=2).astype(np.uint8)


# A page, and what it shows, [height, width, 3].
PAGES: dict[str, tuple[Page, Samples]] = {
    "grey 8": (Page(GREY8, BLACK_IS_ZERO), grey(GREY8)),
    "grey 8, 0 is white": (Page(GREY8, WHITE_IS_ZERO), grey(255 - GREY8)),
    "grey 16": (Page(GREY16, BLACK_IS_ZERO, 16), grey(np.round(GREY16 / 257))),
    "grey 16, 0 is white": (Page(GREY16, WHITE_IS_ZERO, 16), grey(np.round(255 - GREY16 / 257))),
    "grey 12": (Page(GREY12, BLACK_IS_ZERO, 12), grey(np.round(GREY12 / 4095 * 255))),
    "RGB 8": (Page(RGB8), RGB8),
    "RGB 8, planar": (Page(RGB8, is_planar=True), RGB8),
    "RGB 16": (Page(RGB16, bits=16), np.round(RGB16 / 257).astype(np.uint8)),
    "palette": (Page(GREY8, PALETTE, entries={320: (SHORT, COLOUR_MAP)}), COLOURS[GREY8]),
    "CMYK": (Page(INKS, CMYK), on_paper(INKS)),
    "RGB with a further channel": (
        Page(np.dstack([RGB8, GREY8]), entries={338: (SHORT, [0])}),
        RGB8,
    ),
}
# Pillow has no reader for these; they are refused with a reason instead of being shown wrong.
UNREAD = {("grey 12", ">"), ("grey 16, 0 is white", ">")}


def decode(data: bytes, side: int = 1_000_000) -> DecodedImage:
    return decode_for_models(data, "tif", LIMIT, side)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", PAGES)
def test_values_are_scaled_and_never_clipped(name: str, order: Order, big: bool) -> None:
    page, shown = PAGES[name]
    data = write_tiff(page, order=order, big=big)
    assert sniff_format(data) == "tif"
    if (name, order) in UNREAD or (order, big) == (">", True):
        with pytest.raises(BadRecord, match=r"media\.unsupported_format: TIFF .*; export it"):
            decode(data)
        return
    decoded = decode(data)
    assert decoded.facts.bit_depth == page.bits and decoded.facts.frames == 1
    seen = np.asarray(decoded.image, np.int64)
    # Pillow drops the low half of 16 bits a channel, where grey is rounded.
    assert np.abs(seen - shown).max() <= 1


@pytest.mark.parametrize("bits", [8, 16])
def test_channels_that_are_stored_apart(bits: int) -> None:
    samples = RGB8 if bits == 8 else RGB16
    data = write_tiff(Page(samples, bits=bits, is_planar=True))
    seen = np.asarray(decode(data).image, np.int64)
    assert np.abs(seen - np.round(samples / (1 if bits == 8 else 257))).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = picture(160, 96)
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    for page in (
        Page(np.asarray(stored), entries={274: (SHORT, [orientation])}),
        # In XMP alone, where some programs write it.
        Page(np.asarray(stored), entries={700: (BYTE, _xmp_orientation(orientation))}),
    ):
        data = write_tiff(page)
        for decoded in (decode(data), decode(data, 80)):
            facts = decoded.facts
            assert (facts.width, facts.height, facts.orientation) == (160, 96, orientation)
            assert (facts.stored_width, facts.stored_height) == stored.size
            image = decoded.image
            assert image.size in ((160, 96), (80, 48)) and image.info == {}
            assert image.getpixel((5, 5)) == (255, 0, 0)
            assert image.getpixel((image.width - 5, image.height - 5)) == (0, 255, 0)


def _xmp_orientation(orientation: int) -> bytes:
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/'
        b'22-rdf-syntax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        + f'tiff:Orientation="{orientation}"/></rdf:RDF></x:xmpmeta>'.encode()
    )


@pytest.mark.parametrize("bits", [8, 16])
def test_profiles_are_applied(bits: int) -> None:
    red = np.zeros((20, 20, 3), np.uint8 if bits == 8 else np.uint16)
    red[:, :, 0] = 255 if bits == 8 else 65535
    page = Page(red, bits=bits, entries={34675: (UNDEFINED, swapped_profile())})
    decoded = decode(write_tiff(page))
    assert decoded.facts.has_icc and decoded.facts.icc_note == ""
    pixel = decoded.image.getpixel((9, 9))
    assert isinstance(pixel, tuple) and pixel[2] > 230 and max(pixel[:2]) < 25


def test_the_first_page_is_the_picture() -> None:
    data = write_tiff(Page(RGB8), Page(RGB16, bits=16), Page(GREY8, BLACK_IS_ZERO))
    decoded = decode(data)
    assert decoded.facts.frames == 3
    assert np.array_equal(np.asarray(decoded.image), RGB8)
    # Smaller copies and masks of it are no pages of their own.
    copies = (Page(GREY8, BLACK_IS_ZERO, entries={254: (LONG, [kind])}) for kind in (1, 4))
    assert decode(write_tiff(Page(RGB8), *copies)).facts.frames == 1


def test_a_smaller_copy_before_the_picture_is_refused() -> None:
    small = Page(RGB8[::2, ::2], entries={254: (LONG, [1])})
    with pytest.raises(BadRecord, match=r"media\.unsupported_format: TIFF whose first page is"):
        decode(write_tiff(small, Page(RGB8)))
    assert decode(write_tiff(small)).facts.frames == 0


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (Page(GREY8.astype(np.float32), 1, 32, entries={339: (SHORT, [3])}), "floating-point"),
        (Page(GREY16, 1, 16, entries={339: (SHORT, [2])}), "signed samples of 16 bits"),
        (Page(GREY16.astype(np.uint32), 1, 32), "unsigned samples of 32 bits"),
    ],
)
def test_values_without_a_fixed_white_are_refused(page: Page, said: str) -> None:
    with pytest.raises(BadRecord, match=f"media.unsupported_format: TIFF with {said}.*export it"):
        decode(write_tiff(page))


@pytest.mark.parametrize(
    "page",
    [
        Page(RGB8, entries={50706: (BYTE, b"\1\4\0\0")}),
        Page(RGB8, entries={254: (LONG, [1])}, sub=(Page(GREY16, 32803, 16),)),
        Page(RGB8, sub=(Page(GREY16, 34892, 16),)),
        Page(GREY16, 1, 16, entries={259: (SHORT, [34713])}),
    ],
)
def test_camera_raw_is_named(page: Page) -> None:
    data = write_tiff(page)
    assert sniff_format(data) is None
    with pytest.raises(BadRecord, match=r"media\.unsupported_format: camera raw.*develop it"):
        prepare_media(data, "a.dng", "image", None, LIMITS)


@pytest.mark.parametrize("directory_first", [False, True])
@pytest.mark.parametrize("name", ["RGB 8", "grey 16", "palette"])
def test_a_cut_file_is_never_accepted(name: str, directory_first: bool) -> None:
    data = write_tiff(PAGES[name][0], directory_first=directory_first)
    decode(data)
    for cut in range(len(data) - 1, 0, -max(1, len(data) // 150)):
        with pytest.raises(BadRecord, match=r"media\.undecodable"):
            decode(data[:cut])


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"])
def test_a_cut_compressed_file_is_never_accepted(compression: str) -> None:
    data = encode(picture(), "TIFF", compression=compression)
    assert decode(data).image.size == (160, 96)
    for cut in range(len(data) - 1, 0, -max(1, len(data) // 100)):
        with pytest.raises(BadRecord, match=r"media\.undecodable"):
            decode(data[:cut])


def test_directories_in_a_circle_end() -> None:
    data = bytearray(write_tiff(Page(RGB8), Page(RGB8)))
    first = int.from_bytes(data[4:8], "little")
    second_next = bytes(data).rindex(bytes(4))
    data[second_next : second_next + 4] = first.to_bytes(4, "little")
    assert decode(bytes(data)).facts.frames == 2


def test_limits_hold_in_the_guarded_child() -> None:
    data = write_tiff(PAGES["RGB 16"][0])
    seen = this_guard().image(data, "tif", LIMITS)
    assert (seen.facts.width, seen.facts.height, seen.facts.mode) == (*SIZE, "RGB")
    with pytest.raises(BadRecord, match=r"media\.too_large: 48 x 30 pixels; the limit is 1439"):
        this_guard().image(data, "tif", MediaLimits(LIMITS.max_bytes, 48 * 30 - 1))
    # Tiny, but of a billion pixels.
    bomb = Page(RGB8, entries={256: (LONG, [40_000]), 257: (LONG, [40_000])})
    with pytest.raises(BadRecord, match=r"media\.too_large"):
        this_guard().image(write_tiff(bomb), "tif", MediaLimits(LIMITS.max_bytes, 2 * 10**9))


def test_a_deal_may_allow_more_pixels_than_pillow_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    data = write_tiff(PAGES["RGB 8"][0])
    assert decode(data, 24).image.size == (24, 15)
    assert Image.MAX_IMAGE_PIXELS == 100  # other code in the process keeps its limit
