"""Roles about files: formats, broken files, sizes, films and look-alikes."""

from __future__ import annotations

from datetime import date

from pipelines.demo.roles.role import DEAL_IDS, IMAGES, MAIN, STRICT, Role, all_deals, by_deal

_FILM_REASONS = by_deal("", "select.media_type", "select.media_type")


def _broken_role(name: str, reason: str, *, essential: bool = False) -> Role:
    return Role(name, file_style=name, failure_reason=f"media.{reason}", essential=essential)


BROKEN_ROLES = (
    Role(
        "not_as_described",
        columns={"width": 6_000, "height": 4_000},
        file_style="jpeg_plain",
        failure_reason="media.not_as_described",
    ),
    _broken_role("outside_above", "not_allowed", essential=True),
    _broken_role("outside_absolute", "not_allowed"),
    _broken_role("outside_file", "not_allowed"),
    _broken_role("outside_http", "not_allowed"),
    _broken_role("outside_s3", "not_allowed"),
    _broken_role("line_break", "not_allowed"),
    _broken_role("missing", "unavailable", essential=True),
    _broken_role("empty", "empty", essential=True),
    _broken_role("wrong_digest", "digest_mismatch", essential=True),
    _broken_role("bmp_named_gif", "unsupported_format", essential=True),
    _broken_role("float_tiff", "unsupported_format"),
    _broken_role("text_named_jpg", "unsupported_format"),
    _broken_role("png_named_jpg", "type_mismatch", essential=True),
    _broken_role("bomb", "too_large", essential=True),
    _broken_role("cut_jpeg", "undecodable", essential=True),
    _broken_role("cut_png", "undecodable"),
    _broken_role("cut_webp", "undecodable"),
    Role(
        "cut_film",
        _FILM_REASONS,
        kind="film",
        file_style="cut_film",
        failure_reason="media.undecodable",
        essential=False,
    ),
    Role(
        "jpeg_called_film",
        _FILM_REASONS,
        kind="film",
        file_style="jpeg_called_film",
        failure_reason="media.type_mismatch",
        essential=False,
    ),
)

SIZE_ROLES = (
    Role("tiny", short_side=(120, 220), too_small_for=DEAL_IDS, per_thousand=3),
    # Accepted by the main deal, whose minimum is 240 pixels because of its films.
    Role(
        "small",
        short_side=(300, 500),
        too_small_for=(IMAGES, STRICT),
        essential=False,
        per_thousand=3,
    ),
)

FORMAT_ROLES = tuple(
    Role(name, file_style=name, essential=False, per_thousand=per_thousand)
    for name, per_thousand in (
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
    Role("film", _FILM_REASONS, kind="film", file_style="film", per_thousand=36),
    # A film of one frame has no motion to learn from.
    Role(
        "still_film",
        _FILM_REASONS,
        kind="film",
        file_style="still_film",
        file_reasons={MAIN: ("profile.not_moving",)},
    ),
)

_EARLIER, _LATER = date(2023, 4, 1), date(2024, 4, 1)


def _duplicate_role(
    group: str,
    name: str,
    created: date | None,
    change: str,
    *,
    essential: bool,
    other_author: int = 0,
    held: bool = False,
) -> Role:
    return Role(
        f"{group}_{name}",
        all_deals("asset.legal_hold") if held else {},
        columns={"created_at": created} | ({"status": "legal_hold"} if held else {}),
        other_author=other_author,
        group=group,
        change=change,
        file_style={"squeezed": "jpeg_squeezed", "webp": "webp"}.get(change, "jpeg_plain"),
        short_side=(720, 920),  # so that a smaller copy is still large enough
        essential=essential,
    )


# One member of each group is kept: the one created first; undated ones come last, and the
# asset_id breaks ties.
DUPLICATE_ROLES = (
    _duplicate_role("exact", "first", _EARLIER, "", essential=True),
    _duplicate_role("exact", "second", _LATER, "same", essential=True),
    _duplicate_role("near_small", "first", _EARLIER, "", essential=True),
    _duplicate_role("near_small", "second", _LATER, "resized", essential=True),
    _duplicate_role("near_cut", "second", _LATER, "", essential=False),
    _duplicate_role("near_cut", "first", _EARLIER, "cropped", essential=False),
    _duplicate_role("near_squeezed", "dated", _LATER, "", essential=False),
    _duplicate_role("near_squeezed", "undated", None, "squeezed", essential=False),
    _duplicate_role("near_webp", "a", _EARLIER, "", essential=False),
    _duplicate_role("near_webp", "b", _EARLIER, "webp", essential=False),
    _duplicate_role("trio", "first", _EARLIER, "", essential=False),
    _duplicate_role("trio", "same", _LATER, "same", essential=False),
    _duplicate_role("trio", "near", _LATER, "resized", essential=False),
    # A hold on one asset holds for its file wherever it turns up, and for its look.
    _duplicate_role("held", "first", _EARLIER, "", essential=True, held=True),
    _duplicate_role("held", "copy", _LATER, "same", essential=True, other_author=1),
    _duplicate_role("held", "like", _LATER, "resized", essential=True, other_author=2),
    # Whose work it is, only the agency can say.
    _duplicate_role("claimed", "first", _EARLIER, "", essential=True),
    _duplicate_role("claimed", "again", _LATER, "same", essential=True, other_author=1),
    _duplicate_role("placeholder", "first", _EARLIER, "", essential=True),
    _duplicate_role("placeholder", "second", _LATER, "same", essential=True, other_author=1),
    _duplicate_role("placeholder", "third", _LATER, "same", essential=True, other_author=2),
)
