"""What the facts say of plain decoding is compared with Pillow's plain decoding itself."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from pipelines.features.answers import image_answer
from pipelines.features.file_facts import picture_file_facts
from pipelines.features.pipe_messages import pack_image
from pipelines.media.colour_profiles import judge_profile
from pipelines.media.formats import Format
from pipelines.media.images import decode_for_models
from schemas.errors import BadRecord
from tests.media.hostile_modes import hostile_modes
from tests.media.media_samples import encode, picture

LIBRARY = list(hostile_modes())
_IDS = [name for name, *_ in LIBRARY]
_MOST = 10_000_000


def _largest_difference(data: bytes, fmt: Format) -> int:
    ours = np.asarray(decode_for_models(data, fmt, _MOST).image).astype(np.int16)
    plain = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    if plain.shape != ours.shape:
        return 255
    return int(np.abs(ours - plain).max())


@pytest.mark.parametrize(("name", "fmt", "data", "differs"), LIBRARY, ids=_IDS)
def test_differences_are_those_that_plain_decoding_has(
    name: str, fmt: Format, data: bytes, differs: bool
) -> None:
    said = decode_for_models(data, fmt, _MOST).facts.plain_differences
    assert bool(said) == differs, said
    if fmt in ("jpg", "png", "webp") and name != "cmyk":  # which Pillow itself converts like us
        assert (_largest_difference(data, fmt) > 2) == differs


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("rgba_png", "alpha"),
        ("la", "alpha"),
        ("palette_clear", "alpha"),
        ("grey16", "depth"),
        ("cmyk", "cmyk"),
        ("orientation_6", "orientation"),
        ("wide_jpg", "profile"),
        ("avif", "format"),
        ("rgba_tif", "format; alpha"),
    ],
)
def test_difference_names_its_cause(name: str, reason: str) -> None:
    [(_, fmt, data, _)] = [one for one in LIBRARY if one[0] == name]
    assert decode_for_models(data, fmt, _MOST).facts.plain_differences == reason


def test_alpha_and_animation_are_facts() -> None:
    found = {
        name: picture_file_facts(decode_for_models(data, fmt, _MOST).facts, fmt)
        for name, fmt, data, _ in LIBRARY
    }
    assert {name for name, facts in found.items() if facts["animated"]} == {
        "animated",
        "animated_alpha",
    }
    see_through = {name for name, facts in found.items() if facts["has_alpha"]}
    assert see_through == {
        *("palette_clear", "palette_alpha", "rgb_key", "la"),
        *("animated", "animated_alpha"),  # Pillow decodes all animated WebP with transparency
        *("rgba_png", "rgba_webp", "rgba_tif", "rgba_opaque_png", "rgba_opaque_tif"),
    }
    assert {name for name, facts in found.items() if facts["icc"] == "sRGB"} == {"srgb"}
    assert {name for name, facts in found.items() if facts["icc"] == "other"} == {
        "wide_jpg",
        "wide_png",
    }


def test_profile_that_cannot_be_read_changes_nothing() -> None:
    judged = judge_profile(b"no profile")
    assert (judged.name, judged.changes) == ("other", False)
    data = encode(picture(), "JPEG", icc_profile=b"no profile")
    assert decode_for_models(data, "jpg", _MOST).facts.plain_differences == ""


def test_profile_is_judged_by_what_it_does_and_not_by_its_name() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert not judge_profile(lab).changes  # not for pixels of a picture
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert judge_profile(own).name == "sRGB"


def test_child_cannot_name_a_difference_or_profile_of_its_own() -> None:
    image = picture(8, 8)
    facts = decode_for_models(encode(image, "PNG"), "png", _MOST).facts
    size, packed = pack_image(image)
    blob = memoryview(packed)
    header: dict[str, object] = {
        "facts": {**vars(facts), "icc": "Jane Doe's screen"},
        "signature": {"phash": "0" * 64, "colour": "0" * 96},
        "look": {"search": "", "cells": ""},
        "sizes": [size],
    }
    with pytest.raises(BadRecord, match="ValueError"):
        image_answer(header, [blob])
    header["facts"] = {**vars(facts), "plain_differences": "alpha; Jane"}
    with pytest.raises(BadRecord, match="ValueError"):
        image_answer(header, [blob])
