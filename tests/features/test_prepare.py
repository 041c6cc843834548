"""Any bytes are either prepared or fail; a truncated file is never accepted."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.features.prepare import PreparedMedia, prepare_media
from pipelines.media.limits import MediaLimits
from schemas.errors import BadRecord
from tests.media.media_samples import LIMITS, encode, film, picture, png_bomb

WHOLE = {
    "jpg": encode(picture(), "JPEG", quality=88),
    "jpg-progressive": encode(picture(), "JPEG", quality=88, progressive=True),
    "jpg-grey": encode(picture().convert("L"), "JPEG"),
    "jpg-cmyk": encode(picture().convert("CMYK"), "JPEG"),
    "png": encode(picture(), "PNG"),
    "png-palette": encode(picture().convert("P"), "PNG"),
    "webp": encode(picture(), "WEBP", quality=80),
    "webp-lossless": encode(picture(60, 40), "WEBP", lossless=True),
    "tif": encode(picture(60, 40), "TIFF"),
    "tif-packed": encode(picture(60, 40), "TIFF", compression="tiff_lzw"),
    "gif": encode(picture(60, 40), "GIF"),
    "avif": encode(picture(60, 40), "AVIF", quality=60),
}
FILMS = {
    "faststart": film(),
    "index-last": film(flags=""),
    "fragmented": film(flags="frag_keyframe+empty_moov"),
}


def prepare(data: bytes, kind: str = "jpg", limits: MediaLimits = LIMITS) -> PreparedMedia:
    media_type = "video" if kind == "mp4" else "image"
    return prepare_media(data, f"a.{kind}", media_type, None, limits)


def reason(data: bytes, uri: str, media_type: str = "image", sha: str | None = None) -> str:
    with pytest.raises(BadRecord) as caught:
        prepare_media(data, uri, media_type, sha, LIMITS)
    assert "\n" not in caught.value.detail and len(caught.value.detail) <= 200
    return str(caught.value.reason)


@pytest.mark.parametrize("name", WHOLE)
def test_undamaged_pictures_are_prepared(name: str) -> None:
    data, kind = WHOLE[name], name.split("-")[0]
    prepared = prepare(data, kind)
    assert prepared.media_sha256 == hashlib.sha256(data).hexdigest()
    assert (prepared.bytes, prepared.format, prepared.media_type) == (len(data), kind, "image")
    (image,) = prepared.frames_rgb
    assert image.mode == "RGB" and image.size == (prepared.width, prepared.height)
    assert len(prepared.phash) == 64 and len(prepared.colour) == 96
    assert prepare(data, kind) == prepared


@pytest.mark.parametrize("name", WHOLE)
def test_guarded_child_gives_the_same_facts(name: str) -> None:
    data, kind = WHOLE[name], name.split("-")[0]
    assert LIMITS.guard_images
    unguarded = MediaLimits(LIMITS.max_bytes, LIMITS.max_pixels, guard_images=False)
    assert prepare(data, kind) == prepare(data, kind, unguarded)


@pytest.mark.parametrize("name", FILMS)
def test_undamaged_films_are_prepared(name: str) -> None:
    prepared = prepare(FILMS[name], "mp4")
    assert (prepared.width, prepared.height, prepared.frames) == (96, 64, 24)
    assert (prepared.fps_num, prepared.fps_den, prepared.duration_ms) == (24, 1, 1000)
    assert prepared.keyframes == 4 and prepared.media_type == "video"
    assert len(prepared.frames_rgb) == 3
    # Keyframes are at 0, 250, 500 and 750 ms; frames are requested at 167, 500 and 833 ms.
    shades = [image.getpixel((90, 60)) for image in prepared.frames_rgb]
    assert [round(shade[0] / 10) for shade in shades if isinstance(shade, tuple)] == [1, 2, 3]


def test_checks_run_in_order() -> None:
    jpg, other = WHOLE["jpg"], "0" * 64
    assert reason(b"", "a.jpg", sha=other) == "media.empty"
    assert reason(b"8BPS", "a.jpg", "video", sha=other) == "media.digest_mismatch"
    assert reason(b"8BPS", "a.jpg", "video") == "media.unsupported_format"
    assert reason(png_bomb(5000, 5000), "a.jpg") == "media.type_mismatch"
    assert reason(png_bomb(5000, 5000)[:-40], "a.png") == "media.too_large"
    assert reason(jpg[:-40], "a.jpg") == "media.undecodable"
    assert reason(jpg, "a.jpg", "video") == "media.type_mismatch"
    small = MediaLimits(max_bytes=len(jpg) - 1, max_pixels=10**6)
    with pytest.raises(BadRecord, match=r"media\.too_large"):
        prepare(jpg, "jpg", small)


def test_expected_digest_may_be_upper_case() -> None:
    digest = hashlib.sha256(WHOLE["png"]).hexdigest().upper()
    assert prepare_media(WHOLE["png"], "a.png", "image", digest, LIMITS).format == "png"


@pytest.mark.parametrize("name", WHOLE)
def test_truncated_pictures_fail(name: str) -> None:
    data, kind = WHOLE[name], name.split("-")[0]
    cuts = sorted({*range(1, len(data), 64), *range(len(data) - 24, len(data))})
    for cut in cuts:
        with pytest.raises(BadRecord) as caught:
            prepare(data[:cut], kind)
        assert caught.value.reason in ("media.undecodable", "media.unsupported_format"), cut


@pytest.mark.parametrize("name", FILMS)
def test_truncated_films_fail(name: str) -> None:
    data = FILMS[name]
    for cut in sorted({*range(1, len(data), 64), *range(len(data) - 8, len(data))}):
        with pytest.raises(BadRecord) as caught:
            prepare(data[:cut], "mp4")
        assert caught.value.reason in ("media.undecodable", "media.unsupported_format"), cut


@pytest.mark.parametrize("name", ["jpg", "jpg-progressive"])
def test_truncated_jpeg_with_an_end_marker_fails(name: str) -> None:
    data = WHOLE[name]
    for share in (0.5, 0.7, 0.9):
        with pytest.raises(BadRecord, match=r"media\.undecodable"):
            prepare(data[: int(len(data) * share)] + b"\xff\xd9")


def test_png_with_a_flipped_bit_fails() -> None:
    data = bytearray(WHOLE["png"])
    data[len(data) // 2] ^= 1
    with pytest.raises(BadRecord, match=r"media\.undecodable"):
        prepare(bytes(data), "png")


def test_bomb_is_refused_before_decoding() -> None:
    data = png_bomb(12_000, 12_000)
    assert len(data) < 1_000_000
    with pytest.raises(BadRecord, match=r"media\.too_large: 12000 x 12000 pixels"):
        prepare(data, "png")


def _damaged(source: bytes, generator: random.Random) -> bytes:
    data = bytearray(source)
    for _ in range(generator.randint(1, 12)):
        data[generator.randrange(len(data))] = generator.randrange(256)
    return bytes(data)


@pytest.mark.parametrize("name", [*WHOLE, *FILMS])
def test_damaged_files_are_prepared_or_fail(name: str) -> None:
    source = FILMS.get(name) or WHOLE[name]
    kind = "mp4" if name in FILMS else name.split("-")[0]
    generator = random.Random(name)
    outcomes = {"prepared": 0, "dead": 0}
    for _ in range(60):
        try:
            prepare(_damaged(source, generator), kind)
            outcomes["prepared"] += 1
        except BadRecord as bad:
            assert bad.reason.startswith("media.")
            outcomes["dead"] += 1
    assert outcomes["dead"] > 0


_HEADS = st.sampled_from(
    [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBP", b"\0\0\0\x18ftypisom"]
    + [data[:200] for data in (*WHOLE.values(), *FILMS.values())]
)


@settings(max_examples=300, deadline=None)
@given(head=_HEADS, tail=st.binary(max_size=300), kind=st.sampled_from(["jpg", "mp4", "txt"]))
def test_any_bytes_are_prepared_or_fail(head: bytes, tail: bytes, kind: str) -> None:
    try:
        prepare(head + tail, kind)
    except BadRecord as bad:
        assert bad.reason.startswith("media.")
