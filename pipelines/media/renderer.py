"""Names the renderers: what the bytes of a rendition depend on besides the file."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from schemas.deal import Deal
from schemas.deal_render import RenderTerms

# Increased when the same settings give other bytes.
_RENDERER = "render-v2"
_FILM_RENDERER = "film-v1"
# They bring the codecs: another version may write other bytes for the same pixels.
_LIBRARIES = ("pillow", "simplejpeg")
# It brings FFmpeg with libvpx and SVT-AV1.
_FILM_LIBRARIES = ("av",)

# Films without sound: their other bytes stay, so that no library has a part in it.
SOUNDLESS = "audio=drop soundless-v1"


def renderer_id(terms: RenderTerms) -> str:
    """Returns the settings with the versions of what renders pictures, as samples state it."""
    return f"{terms.settings()} {_RENDERER} {_versions(_LIBRARIES)}"


def film_renderer_id(deal: Deal) -> str:
    """Returns the same for films that a deal changes; "" if it changes none."""
    if deal.renders_films:
        return f"{deal.render.film_settings()} {_FILM_RENDERER} {_versions(_FILM_LIBRARIES)}"
    return SOUNDLESS if deal.drops_sound else ""


@cache
def _versions(libraries: tuple[str, ...]) -> str:
    """Returns the libraries with their versions, which are looked up in files once."""
    return " ".join(f"{name}-{version(name)}" for name in libraries)
