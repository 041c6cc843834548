"""What is delivered in the place of a file: a rendition, or the file without its metadata."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from pipelines.features.guard import this_guard
from pipelines.media.dimensions import fitted_size
from pipelines.media.formats import Format, is_film, parse_format
from pipelines.media.limits import MediaLimits
from pipelines.media.render import UNLIMITED_SIDE, RenderSettings
from pipelines.media.renderer import film_renderer_id, renderer_id
from pipelines.rights.formatting import one_line
from pipelines.rights.resolve import Resolution
from pipelines.rights.spdx import licence_parts
from pipelines.signals.file.trust import TrustLists
from schemas.deal import Deal
from schemas.errors import BadRecord
from schemas.features import FactsRow
from schemas.file_features import RenditionRow
from schemas.reasons import Reason
from schemas.signal import AssertionKind
from schemas.unit import ClearedRow

if TYPE_CHECKING:  # it imports PyAV
    from pipelines.media.render_film import RenderedFilm

# A rendition is neither cut nor mirrored: it shows the picture as it is displayed.
HARMLESS_ALTERATIONS = frozenset({"AL-CRP", "AL-FLP"})
KEEP_FILE_TYPE, KEEP_METADATA = "IF-MFT", "IF-MMD"


class ReadContext(Protocol):
    """The inputs by which a file is read; a run's job has them."""

    @property
    def deal(self) -> Deal:
        """The deal."""

    @property
    def limits(self) -> MediaLimits:
        """The limits on size and decoding cost of media."""

    @property
    def trust(self) -> TrustLists:
        """The signers whose C2PA signatures are trusted."""


def needs_rendering(facts: FactsRow, deal: Deal) -> bool:
    """Whether a deal delivers a rendition of a medium with these facts."""
    if is_film(parse_format(facts["format"])):
        return deal.renders_films or (deal.drops_sound and facts["audio_codec"] != "")
    if not deal.renders_pictures:
        return False
    side = deal.render.longest_side
    is_larger = 0 < side < max(facts["width"], facts["height"])
    return deal.render_images == "all" or is_larger or bool(facts["plain_differences"])


def find_form_refusal(
    row: ClearedRow, facts: FactsRow, resolution: Resolution, deal: Deal
) -> tuple[Reason, str] | None:
    """Returns why a cleared medium cannot be delivered in a form that the deal accepts.

    Args:
        row: The asset's row.
        facts: The facts of its file.
        resolution: What its licence and file say; see `resolve_rights`.
        deal: The deal.

    Returns:
        The reason and the values seen, or None.
    """
    differences = facts["plain_differences"]
    if deal.render_images == "refuse" and differences:
        return Reason.PICTURE_NOT_PLAIN, f"shown otherwise because of {differences}"
    if not needs_rendering(facts, deal):
        return None
    why = differences or f"{facts['width']} x {facts['height']} pixels"
    if deal.renders_films and facts["codec"]:
        why = f'render.films = "{deal.render.films}"'
    elif facts["audio_codec"]:
        why = f"{facts['audio_codec']} sound"
    is_picture = not is_film(parse_format(facts["format"]))
    changes_file = is_picture or deal.renders_films
    changes_type = changes_file and facts["format"] != _rendered_format(facts, deal)
    forbidding = _forbidding(row, resolution, changes_file=changes_file, changes_type=changes_type)
    if not forbidding:
        return None
    detail = f"needed because of {why}; forbidden by {', '.join(forbidding)}"
    return Reason.RENDITION_NOT_ALLOWED, one_line(detail)


def _forbidding(
    row: ClearedRow, resolution: Resolution, *, changes_file: bool, changes_type: bool
) -> list[str]:
    """Returns the licence and the constraints that forbid a rendition.

    A constraint that is not known to be kept forbids it.
    """
    code = row["licence_code"] or ""
    no_derivatives = "ND" in (licence_parts(code) or ()) if code else False
    file_codes = resolution.constraints[AssertionKind.FILE_CONSTRAINT]
    return [
        *([code] if no_derivatives else []),
        *(one for one in file_codes if one == KEEP_METADATA and changes_file),
        *(one for one in file_codes if one == KEEP_FILE_TYPE and changes_type),
        *(
            one
            for one in resolution.constraints[AssertionKind.ALTERATION]
            if one not in HARMLESS_ALTERATIONS
        ),
    ]


def find_frame_refusal(row: ClearedRow, resolution: Resolution) -> tuple[Reason, str] | None:
    """Returns why no single frame of a cleared film may be delivered as a picture of its own.

    It has neither the film's metadata nor its file type.

    Args:
        row: The asset's row.
        resolution: What its licence and file say; see `resolve_rights`.

    Returns:
        The reason and the values seen, or None.
    """
    forbidding = _forbidding(row, resolution, changes_file=True, changes_type=True)
    if not forbidding:
        return None
    detail = f"needed because of frames of the film; forbidden by {', '.join(forbidding)}"
    return Reason.RENDITION_NOT_ALLOWED, one_line(detail)


def _rendered_format(facts: FactsRow, deal: Deal) -> Format:
    """Returns the format of a rendition."""
    fmt = parse_format(facts["format"])
    if is_film(fmt):
        return "mp4" if deal.renders_films else fmt
    return deal.render.format


def needs_other_file(facts: FactsRow, deal: Deal) -> bool:
    """Whether a deal delivers other bytes than a file with these facts has."""
    return deal.rights.strips_metadata or needs_rendering(facts, deal)


def make_rendition(
    data: bytes, digest: str, fmt: Format, facts: FactsRow, context: ReadContext
) -> RenditionRow:
    """Makes what is delivered in a file's place; returns its digest, or why there can be none."""
    deal = context.deal
    is_rendered = needs_rendering(facts, deal)
    size = (facts["width"], facts["height"])
    row = RenditionRow(
        media_sha256=digest,
        delivered_sha256="",
        bytes=0,
        problem="",
        format=_rendered_format(facts, deal) if is_rendered else fmt,
        width=size[0],
        height=size[1],
        rendition="",
        codec=facts["codec"],
        audio_codec=facts["audio_codec"],
        bitrate_bps=facts["bitrate_bps"],
    )
    if is_rendered and is_film(fmt):
        row["rendition"] = film_renderer_id(deal)
        row["audio_codec"] = "" if deal.drops_sound else row["audio_codec"]
    elif is_rendered:
        row["rendition"] = renderer_id(deal.render)
        row["width"], row["height"] = fitted_size(size, RenderSettings.of(deal.render).side)
    try:
        if is_rendered and is_film(fmt) and deal.renders_films:
            film = _render_film(data, fmt, facts["duration_ms"], context)
            made = film.data
            row["width"], row["height"] = film.width, film.height
            row["codec"], row["audio_codec"] = film.codec, film.audio_codec
            row["bitrate_bps"] = film.bitrate_bps
        else:
            made = delivered_bytes(data, fmt, facts["orientation"], context, is_rendered)
    except BadRecord as bad:
        return {**row, "problem": one_line(bad.detail)}
    delivered = hashlib.sha256(made).hexdigest()
    return {**row, "delivered_sha256": delivered, "bytes": len(made)}


def delivered_bytes(
    data: bytes, fmt: Format, orientation: int, context: ReadContext, is_rendered: bool
) -> bytes:
    """Returns what is delivered in a file's place.

    Args:
        data: The file.
        fmt: Its format.
        orientation: Its EXIF orientation.
        context: The run.
        is_rendered: Whether a picture or film is rendered, or a film loses its sound; otherwise
            metadata alone is removed.

    Raises:
        BadRecord: `rendition.not_made` or `metadata.not_removable`.
    """
    deal, guard = context.deal, this_guard()
    setting = deal.rights.personal_data
    if is_rendered and is_film(fmt) and deal.renders_films:
        return _render_film(data, fmt, 0, context).data
    if is_rendered and is_film(fmt):
        return guard.silence(data, fmt, setting, context.trust, context.limits)
    if is_rendered:
        settings = RenderSettings.of(deal.render)
        return guard.render(data, fmt, settings, setting, context.trust, context.limits)
    return guard.strip(data, fmt, setting, orientation, context.trust, context.limits)


def _render_film(data: bytes, fmt: Format, duration_ms: int, context: ReadContext) -> RenderedFilm:
    """Renders a film as the deal says.

    Args:
        data: The file.
        fmt: Its format.
        duration_ms: Its length; 0 if it was rendered before.
        context: The run.

    Raises:
        BadRecord: `rendition.not_made`.
    """
    from pipelines.media.render_film import FilmSettings

    deal, limits = context.deal, context.limits
    terms = deal.render
    if terms.films == "native":
        raise AssertionError("native films are not rendered")
    if terms.films == "transcode" and duration_ms > limits.render_film_ms:
        detail = (
            f"the film is {duration_ms / 1000:,.0f} s long; at most "
            f"{limits.render_film_ms / 1000:,.0f} s are encoded again"
        )
        raise BadRecord(Reason.RENDITION_NOT_MADE, detail)
    settings = FilmSettings(
        terms.films,
        terms.film_codec,
        terms.film_longest_side or UNLIMITED_SIDE,
        keeps_sound=terms.audio == "keep",
    )
    setting = deal.rights.personal_data
    return this_guard().render_film(data, fmt, settings, setting, context.trust, limits)
