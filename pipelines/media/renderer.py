"""Names the renderer: what the bytes of a rendition depend on besides the file."""

from __future__ import annotations

from importlib.metadata import version

from schemas.deal_render import RenderTerms

# Increased when the same settings give other bytes.
_RENDERER = "render-v1"
# They bring the codecs: another version may write other bytes for the same pixels.
_LIBRARIES = ("pillow", "simplejpeg")


# Films without sound: their other bytes stay, so that no library has a part in it.
SOUNDLESS = "audio=drop soundless-v1"


def renderer_id(terms: RenderTerms) -> str:
    """Returns the settings with the versions of what renders, as samples state it."""
    libraries = " ".join(f"{name}-{version(name)}" for name in _LIBRARIES)
    return f"{terms.settings()} {_RENDERER} {libraries}"
