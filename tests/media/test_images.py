"""Pictures are decoded upright, in sRGB, with eight bits and without alpha."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from pipelines.media.images import DecodedImage, decode_for_models
from schemas.errors import BadRecord
from tests.media.media_samples import encode, picture, png16, png_bomb

LIMIT = 10**7


def decode_whole(data: bytes, fmt: Any, max_pixels: int) -> DecodedImage:
    """Decodes a picture at its full size."""
    return decode_for_models(data, fmt, max_pixels, side=1_000_000)


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def close(a: Any, b: tuple[int, int, int], by: int = 24) -> bool:
    return all(abs(one - other) <= by for one, other in zip(a, b, strict=True))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation(kind: str, orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = picture(640, 384)
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    data = encode(stored, kind, exif=exif(orientation), quality=90)
    fmt = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}[kind]
    for decoded in (decode_whole(data, fmt, LIMIT), decode_for_models(data, fmt, LIMIT, 320)):  # type: ignore[arg-type]
        facts = decoded.facts
        assert (facts.width, facts.height, facts.orientation) == (640, 384, orientation)
        assert (facts.stored_width, facts.stored_height) == stored.size
        image = decoded.image
        assert image.size in ((640, 384), (320, 192)) and image.info == {}
        assert close(image.getpixel((10, 10)), (255, 0, 0))
        assert close(image.getpixel((image.width - 10, image.height - 10)), (0, 255, 0))


def test_reduction_keeps_facts_and_colours() -> None:
    data = encode(picture(1000, 600), "JPEG", quality=92)
    full, small = decode_whole(data, "jpg", LIMIT), decode_for_models(data, "jpg", LIMIT, 250)
    assert small.facts == full.facts
    assert small.image.size == (250, 150)
    reference = full.image.resize((250, 150), Image.Resampling.BICUBIC)
    difference = np.abs(np.asarray(small.image, int) - np.asarray(reference, int))
    assert difference.mean() < 3


def test_nothing_is_enlarged_and_no_side_vanishes() -> None:
    small = decode_for_models(encode(picture(60, 40), "PNG"), "png", LIMIT, 512)
    assert small.image.size == (60, 40)
    thin = decode_for_models(encode(Image.new("RGB", (3000, 2)), "JPEG"), "jpg", LIMIT, 512)
    assert thin.image.size == (512, 1)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    values = np.array([[0, 257, 32768, 65278, 65535]], dtype=np.uint16)
    decoded = decode_whole(png16(values), "png", LIMIT)
    assert [decoded.image.getpixel((x, 0)) for x in range(5)] == [
        (level, level, level) for level in (0, 1, 128, 254, 255)
    ]
    assert decoded.facts.bit_depth == 16


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_white(mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 255, 0))
    image.paste((255, 0, 0, 255), (0, 0, 4, 8))
    if mode == "P":
        flat = Image.new("P", (8, 8), 1)
        flat.putpalette([255, 0, 0, 0, 0, 255])
        flat.paste(0, (0, 0, 4, 8))
        data = encode(flat, "PNG", transparency=1)
    else:
        data = encode(image.convert(mode), "PNG")
    decoded = decode_whole(data, "png", LIMIT).image
    assert decoded.getpixel((7, 0)) == (255, 255, 255)
    assert decoded.getpixel((0, 0)) != (255, 255, 255)


def test_cmyk() -> None:
    data = encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    decoded = decode_whole(data, "jpg", LIMIT)
    assert decoded.facts.mode == "CMYK"
    assert close(decoded.image.getpixel((8, 8)), (255, 0, 0))


def swapped_profile() -> bytes:
    """Returns an RGB profile with red and blue swapped, so that applying it is visible."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, blue = entries[b"rXYZ"], entries[b"bXYZ"]
    profile[red + 4 : red + 12], profile[blue + 4 : blue + 12] = (
        profile[blue + 4 : blue + 12],
        profile[red + 4 : red + 12],
    )
    return bytes(profile)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_profiles_are_applied(kind: str) -> None:
    fmt = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}[kind]
    image = Image.new("RGB", (32, 32), (255, 0, 0))
    data = encode(image, kind, quality=95, icc_profile=swapped_profile())
    decoded = decode_for_models(data, fmt, LIMIT)  # type: ignore[arg-type]
    assert decoded.facts.has_icc and decoded.facts.icc_note == ""
    assert close(decoded.image.getpixel((16, 16)), (0, 0, 255))


@pytest.mark.parametrize("profile", [b"nonsense", swapped_profile()[:300]])
def test_a_broken_profile_is_noted(profile: bytes) -> None:
    data = encode(Image.new("RGB", (32, 32), (255, 0, 0)), "JPEG", icc_profile=profile)
    decoded = decode_whole(data, "jpg", LIMIT)
    assert decoded.facts.has_icc and decoded.facts.icc_note
    assert close(decoded.image.getpixel((16, 16)), (255, 0, 0))


def test_a_profile_for_another_colour_space_is_noted() -> None:
    data = encode(Image.new("CMYK", (32, 32)), "JPEG", icc_profile=swapped_profile())
    note = decode_whole(data, "jpg", LIMIT).facts.icc_note
    assert note == "the profile is for another colour space"


def test_facts() -> None:
    progressive = decode_whole(encode(picture(), "JPEG", progressive=True), "jpg", LIMIT).facts
    plain = decode_whole(encode(picture(), "JPEG"), "jpg", LIMIT).facts
    assert progressive.progressive and not plain.progressive
    assert (plain.mode, plain.bit_depth, plain.frames, plain.has_icc) == ("RGB", 8, 1, False)


def test_the_limit_on_pixels_is_exact() -> None:
    for kind, fmt in (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")):
        data = encode(picture(50, 40), kind)
        assert decode_whole(data, fmt, 2000).image.size == (50, 40)
        with pytest.raises(BadRecord, match=r"media\.too_large: 50 x 40 pixels; the limit is 1999"):
            decode_whole(data, fmt, 1999)


def test_a_run_may_allow_more_pixels_than_pillow_does(recwarn: Any) -> None:
    assert Image.MAX_IMAGE_PIXELS is not None
    data = png_bomb(10_000, 10_000)
    assert decode_for_models(data, "png", 10**8, 64).image.size == (64, 64)
    assert [warning for warning in recwarn if "Bomb" in str(warning.category)] == []


def test_a_truncated_file_is_refused_even_if_pillow_is_set_to_accept_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = encode(picture().convert("CMYK"), "JPEG")
    with pytest.raises(BadRecord, match=r"media\.undecodable"):
        decode_whole(data[: len(data) // 2], "jpg", LIMIT)


def test_a_zip_bomb_in_a_text_chunk() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("note", "a" * 200_000_000, zip=True)
    out = io.BytesIO()
    picture().save(out, "PNG", pnginfo=notes)
    with pytest.raises(BadRecord, match=r"media\.undecodable"):
        decode_whole(out.getvalue(), "png", LIMIT)
