"""What is in a file besides the one picture or film that is judged."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.media.formats import FORMATS, Format
from pipelines.signals.file.embedded import may_state_rights, read_embedded
from pipelines.signals.file.trust import NO_TRUST
from pipelines.signals.file.unjudged import unjudged_content
from schemas.signal import AssertionKind
from tests.media.media_samples import film, png_chunk
from tests.media.tiff_files import Page, write_tiff
from tests.signals.file import xmp_builder as build
from tests.signals.file.c2pa_builder import denying, plain


def pictures(kind: str, frames: int) -> bytes:
    out = io.BytesIO()
    images = [Image.new("RGB", (40, 30), (90 * n, 20, 20)) for n in range(frames)]
    images[0].save(out, kind, save_all=True, append_images=images[1:])
    return out.getvalue()


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("a.txt", "hello")
    return out.getvalue()


def two_tracks() -> bytes:
    """A film whose only track stands twice."""
    data = film(frames=2)
    at = data.index(b"moov") - 4
    moov = data[at : at + int.from_bytes(data[at : at + 4])]
    start = moov.index(b"trak") - 4
    track = moov[start : start + int.from_bytes(moov[start : start + 4])]
    longer = struct.pack(">I", len(moov) + len(track)) + moov[4:] + track
    return data[:at] + longer + data[at + len(moov) :]


def transparent_avif() -> bytes:
    """An AVIF whose transparency is a picture of its own."""
    out = io.BytesIO()
    Image.new("RGBA", (40, 30), (90, 20, 20, 100)).save(out, "AVIF")
    return out.getvalue()


GREY = np.zeros((20, 30), np.uint8)


def between_parts() -> bytes:
    """A TIFF with a JPEG before its directory, to which nothing refers."""
    data = write_tiff(Page(GREY, 1))
    first = int.from_bytes(data[4:8], "little")
    hidden = JPEG + bytes(len(JPEG) % 2)
    head = data[:4] + (first + len(hidden)).to_bytes(4, "little")
    return head + data[8:first] + hidden + data[first:]


JPEG, PNG, WEBP = plain("jpg"), plain("png"), plain("webp")
HIDDEN: dict[str, tuple[bytes, Format]] = {
    "second JPEG": (JPEG + JPEG, "jpg"),
    "second JPEG behind padding": (JPEG + bytes(64) + JPEG, "jpg"),
    "MPO": (pictures("MPO", 2), "jpg"),
    "zip behind a JPEG": (JPEG + archive(), "jpg"),
    "a byte behind a JPEG": (JPEG + b"x", "jpg"),
    "JPEG in APP2": (JPEG[:2] + build.jpeg_segment(0xE2, b"x\0" + JPEG) + JPEG[2:], "jpg"),
    "JPEG in a profile": (
        JPEG[:2] + build.jpeg_segment(0xE2, b"ICC_PROFILE\0\1\1" + JPEG) + JPEG[2:],
        "jpg",
    ),
    "PNG in APP7": (JPEG[:2] + build.jpeg_segment(0xE7, PNG) + JPEG[2:], "jpg"),
    "zip in a comment": (JPEG[:2] + build.jpeg_segment(0xFE, archive()) + JPEG[2:], "jpg"),
    "APNG": (pictures("PNG", 3), "png"),
    "JPEG behind a PNG": (PNG + JPEG, "png"),
    "zip behind a PNG": (PNG + archive(), "png"),
    "JPEG in a private chunk": (PNG[:33] + png_chunk(b"prVt", JPEG) + PNG[33:], "png"),
    "animated WebP": (pictures("WEBP", 3), "webp"),
    "zip behind a WebP": (WEBP + archive(), "webp"),
    "zip behind a film": (film(frames=2) + archive(), "mp4"),
    "JPEG behind a film": (film(frames=2) + JPEG, "mp4"),
    "JPEG in a free box": (film(frames=2) + build.box(b"free", JPEG), "mp4"),
    "film with two tracks": (two_tracks(), "mp4"),
    "TIFF of two pages": (pictures("TIFF", 2), "tif"),
    "TIFF with layers": (write_tiff(Page(GREY, 1, entries={37724: (7, b"8BIM")})), "tif"),
    "JPEG behind a TIFF": (plain("tif") + JPEG, "tif"),
    "JPEG between the parts of a TIFF": (between_parts(), "tif"),
    "animated GIF": (pictures("GIF", 3), "gif"),
    "zip behind a GIF": (plain("gif") + archive(), "gif"),
    "PNG in a comment of a GIF": (build.gif_comment(PNG), "gif"),
    "animated AVIF": (pictures("AVIF", 3), "avif"),
    "AVIF with a second picture": (build.avif((b"av01", b"", b"\x12\0\x0a")), "avif"),
    "zip behind an AVIF": (plain("avif") + archive(), "avif"),
    "JPEG behind a QuickTime film": (film(frames=2, container="mov") + JPEG, "mov"),
}
CLEAN: dict[str, tuple[bytes, Format]] = {
    **{f"plain {fmt}": (plain(fmt), fmt) for fmt in FORMATS},
    **{f"signed {fmt}": (denying(fmt), fmt) for fmt in FORMATS},
    "TIFF and zeros": (plain("tif") + bytes(64), "tif"),
    "TIFF with a smaller copy": (
        write_tiff(Page(GREY, 1), Page(GREY[::2, ::2], 1, entries={254: (4, [1])})),
        "tif",
    ),
    "GIF and zeros": (plain("gif") + bytes(4), "gif"),
    "AVIF with transparency": (transparent_avif(), "avif"),
    "JPEG and zeros": (JPEG + bytes(4096), "jpg"),
    "JPEG and a line end": (JPEG + b"\r\n", "jpg"),
    "JPEG and FF": (JPEG + b"\xff" * 9, "jpg"),
    "PNG and zeros": (PNG + bytes(11), "png"),
    "WebP and zeros": (WEBP + bytes(8), "webp"),
    "film and zeros": (film(frames=2) + bytes(512), "mp4"),
    "film and a free box": (film(frames=2) + build.box(b"free", b"made by hand"), "mp4"),
    "EXIF with a thumbnail": (
        JPEG[:2]
        + build.jpeg_segment(0xE1, b"Exif\0\0" + build.tiff({0x0201: JPEG[:4000]}))
        + JPEG[2:],
        "jpg",
    ),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_nothing_looks_at_is_named(name: str) -> None:
    data, fmt = HIDDEN[name]
    assert may_state_rights(data, fmt)
    claims = read_embedded(data, fmt, NO_TRUST).claims
    assert AssertionKind.UNJUDGED in {claim.kind for claim in claims}


@pytest.mark.parametrize("name", CLEAN)
def test_padding_and_thumbnails_are_not(name: str) -> None:
    data, fmt = CLEAN[name]
    assert unjudged_content(data, fmt) == []


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FORMATS), st.binary(min_size=1, max_size=60), st.integers(0, 40))
def test_bytes_behind_the_end_are_named_unless_they_pad(
    fmt: Format, tail: bytes, zeros: int
) -> None:
    found = unjudged_content(plain(fmt) + bytes(zeros) + tail, fmt)
    padding = not tail.strip(b"\0\xff \t\r\n")
    assert padding == (not found)


@given(st.sampled_from(FORMATS), st.binary(max_size=300))
def test_nothing_raises(fmt: Format, data: bytes) -> None:
    unjudged_content(plain(fmt)[:20] + data, fmt)
    unjudged_content(data, fmt)
