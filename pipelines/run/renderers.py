"""Checks that what a deal has rendered can be rendered on this machine."""

from __future__ import annotations

from schemas.deal import Deal
from schemas.errors import InputError


def check_renderers(deal: Deal) -> None:
    """Checks that films can be encoded as the deal says.

    Raises:
        InputError: If this build of PyAV does not have the encoder.
    """
    if not deal.renders_films or deal.render.films != "transcode":
        return
    from pipelines.media.render_film import missing_encoder  # which imports PyAV

    missing = missing_encoder(deal.render.film_codec)
    if missing:
        raise InputError(
            "The deal's films cannot be encoded on this machine",
            f"render.film_codec = {deal.render.film_codec!r} needs {missing}, which this build of "
            "PyAV does not have",
            "Install PyAV's own wheel (pip install --force-reinstall av), or use another codec.",
        )
