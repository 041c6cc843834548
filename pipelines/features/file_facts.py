"""Collects the facts about a file by which loaders differ."""

from __future__ import annotations

from pipelines.media.film import Film
from pipelines.media.formats import Format
from pipelines.media.image_facts import ImageFacts
from schemas.file_facts import FileFacts


def picture_file_facts(facts: ImageFacts, fmt: Format) -> FileFacts:
    """Returns those of a picture. The pages of a TIFF are no animation."""
    return FileFacts(
        has_alpha=facts.has_alpha,
        icc=facts.icc,
        animated=facts.frames > 1 and fmt != "tif",
        plain_differences=facts.plain_differences,
        codec="",
        bitrate_bps=0,
        audio_codec="",
        pixel_aspect_num=1,
        pixel_aspect_den=1,
    )


def film_file_facts(film: Film) -> FileFacts:
    """Returns those of a film."""
    return FileFacts(
        has_alpha=film.has_alpha,
        icc="",
        animated=False,
        plain_differences="",
        codec=film.codec,
        bitrate_bps=film.bitrate_bps,
        audio_codec=film.audio_codec,
        pixel_aspect_num=film.pixel_aspect.numerator,
        pixel_aspect_den=film.pixel_aspect.denominator,
    )
