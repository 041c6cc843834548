"""Roles about files: how agencies save pictures, what breaks, and look-alikes."""

from __future__ import annotations

from datetime import date

from pipelines.demo.roles.role import DEAL_IDS, IMAGES, MAIN, STRICT, Role, reasons

_FILM = reasons("", "select.media_type", "select.media_type")


def _broken(name: str, fault: str, *, essential: bool = False) -> Role:
    return Role(name, file=name, fault=f"media.{fault}", essential=essential)


BROKEN_ROLES = (
    _broken("outside_above", "not_allowed", essential=True),
    _broken("outside_absolute", "not_allowed"),
    _broken("outside_file", "not_allowed"),
    _broken("outside_http", "not_allowed"),
    _broken("outside_s3", "not_allowed"),
    _broken("line_break", "not_allowed"),
    _broken("missing", "unavailable", essential=True),
    _broken("empty", "empty", essential=True),
    _broken("wrong_digest", "digest_mismatch", essential=True),
    _broken("gif", "unsupported_format", essential=True),
    _broken("tiff", "unsupported_format"),
    _broken("text_named_jpg", "unsupported_format"),
    _broken("png_named_jpg", "type_mismatch", essential=True),
    _broken("bomb", "too_large", essential=True),
    _broken("cut_jpeg", "undecodable", essential=True),
    _broken("cut_png", "undecodable"),
    _broken("cut_webp", "undecodable"),
    Role(
        "cut_film",
        _FILM,
        kind="film",
        file="cut_film",
        fault="media.undecodable",
        essential=False,
    ),
    Role(
        "jpeg_called_film",
        _FILM,
        kind="film",
        file="jpeg_called_film",
        fault="media.type_mismatch",
        essential=False,
    ),
)

SIZE_ROLES = (
    Role("tiny", short_side=(120, 220), small_for=DEAL_IDS, share=3),
    # Passes the main deal, which takes 240 pixels for the sake of its films.
    Role("small", short_side=(300, 500), small_for=(IMAGES, STRICT), essential=False, share=3),
)

FORMAT_ROLES = tuple(
    Role(name, file=name, essential=False, share=share)
    for name, share in (
        ("png", 60),
        ("png_alpha", 6),
        ("png_palette", 6),
        ("png16", 3),
        ("png16_grey", 3),
        ("webp", 60),
        ("webp_lossless", 6),
        ("jpeg_progressive", 60),
        ("jpeg_444", 40),
        ("jpeg_grey", 8),
        ("jpeg_cmyk", 3),
        ("jpeg_turned_3", 4),
        ("jpeg_turned_6", 8),
        ("jpeg_turned_8", 6),
        ("jpeg_icc_srgb", 30),
        ("jpeg_icc_wide", 8),
        ("jpeg_xmp", 40),
        ("png_xmp", 8),
        ("webp_xmp", 8),
    )
)

FILM_ROLES = (
    Role("film", _FILM, kind="film", file="film", share=36),
    # One frame is no film to learn motion from.
    Role(
        "still_film",
        _FILM,
        kind="film",
        file="still_film",
        file_reasons={MAIN: ("profile.not_moving",)},
    ),
)

_D1, _D2 = date(2023, 4, 1), date(2024, 4, 1)


def _member(group: str, name: str, created: date | None, copy: str, *, first: bool) -> Role:
    return Role(
        f"{group}_{name}",
        columns={"created_at": created},
        group=group,
        copy=copy,
        file={"squeezed": "jpeg_squeezed", "webp": "webp"}.get(copy, "jpeg_plain"),
        short_side=(720, 920),  # so that a smaller copy is still large enough
        essential=first,
    )


# In each group one is kept: the earliest; a date beats none; the asset_id breaks ties.
DUPLICATE_ROLES = (
    _member("exact", "first", _D1, "", first=True),
    _member("exact", "second", _D2, "same", first=True),
    _member("near_small", "first", _D1, "", first=True),
    _member("near_small", "second", _D2, "resized", first=True),
    _member("near_cut", "second", _D2, "", first=False),
    _member("near_cut", "first", _D1, "cropped", first=False),
    _member("near_squeezed", "dated", _D2, "", first=False),
    _member("near_squeezed", "undated", None, "squeezed", first=False),
    _member("near_webp", "a", _D1, "", first=False),
    _member("near_webp", "b", _D1, "webp", first=False),
    _member("trio", "first", _D1, "", first=False),
    _member("trio", "same", _D2, "same", first=False),
    _member("trio", "near", _D2, "resized", first=False),
)
