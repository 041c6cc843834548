"""The section [render]: its defaults by profile, its contradictions, and the terms' digest."""

from __future__ import annotations

import json

import pytest

from schemas.deal import Deal, parse_deal
from schemas.errors import InputError
from tests.deals import deal_text


def _deal(section: str = "", top: str = "", select: str = "") -> Deal:
    text = top + deal_text()
    text += f"\n[select]\n{select}\n" if select else ""
    return parse_deal(text + (f"\n[render]\n{section}\n" if section else ""), "deal.toml")


@pytest.mark.parametrize(
    ("profile", "media", "images"),
    [
        ("image-text", '["image"]', "flagged"),
        ("video-text", '["image", "video"]', "flagged"),  # its pictures have the profile image-text
        ("video-text", '["video"]', "flagged"),
        ("caption-only", '["image"]', "native"),
    ],
)
def test_auto_depends_on_the_profile(profile: str, media: str, images: str) -> None:
    deal = _deal(top=f'profile = "{profile}"\nmedia = {media}\n')
    assert deal.render_images == images
    assert deal.renders_pictures == (images == "flagged" and "image" in media)


@pytest.mark.parametrize("images", ["native", "flagged", "all", "refuse"])
def test_images_is_what_it_says(images: str) -> None:
    deal = _deal(f'images = "{images}"')
    assert deal.render_images == images
    assert deal.renders_pictures == (images in ("flagged", "all"))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('images = "native"\nlongest_side = 1024', 'images is "native"'),
        ('images = "refuse"\nquality = 90', 'images is "refuse"'),
        ('format = "png"\nquality = 90', 'not used with format = "png"'),
        ("longest_side = 500", "less than select.min_short_side = 512"),
        ("quality = 0", "quality"),
        ("quality = 101", "quality"),
        ('background = "white"', "background"),
        ('background = "#FFFFFF"', "background"),
        ('format = "tif"', "format"),
        ("longest_side = -1", "longest_side"),
        ("max_side = 5", "unknown key"),
    ],
)
def test_contradictions_are_refused(section: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _deal(section)


def test_keys_are_refused_where_auto_renders_nothing() -> None:
    with pytest.raises(InputError, match='"auto", which is "native" here'):
        _deal("longest_side = 1024", top='profile = "caption-only"\n')


def test_default_section_leaves_the_terms_as_they_were() -> None:
    plain = _deal()
    assert b"render" not in plain.terms_json()
    assert _deal('images = "auto"').terms_sha256() == plain.terms_sha256()
    digests = {
        _deal(section).terms_sha256()
        for section in (
            *('images = "auto"', 'images = "flagged"', 'images = "all"', "quality = 90"),
            *('format = "png"', "longest_side = 1024", 'background = "#000000"'),
        )
    }
    assert len(digests) == 7


def test_settings_name_all_that_changes_pixels() -> None:
    deal = _deal('format = "webp"\nquality = 80\nlongest_side = 1024\nbackground = "#102030"')
    said = "webp quality=80 longest_side=1024 background=#102030"
    assert deal.render.settings() == said
    assert deal.render.background_colour == (0x10, 0x20, 0x30)
    assert _deal('format = "png"').render.settings() == "png background=#ffffff"


def test_a_wrong_background_is_answered_with_an_example() -> None:
    with pytest.raises(InputError, match='such as "#ffffff"'):
        _deal('background = "white"')


def test_later_keys_are_no_terms_unless_they_are_used() -> None:
    films = 'profile = "video-text"\nmedia = ["video"]\n'
    terms = [
        json.loads(parse_deal(f"{films}{deal_text()}\n[render]\n{keys}", "deal.toml").terms_json())
        for keys in ('audio = "drop"', 'audio = "drop"\nfilms = "remux"')
    ]
    assert [sorted(key for key in one["render"] if "film" in key) for one in terms] == [
        [],
        ["films"],
    ]
