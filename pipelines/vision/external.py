"""Captioners that are not open_clip's: a package's own, or one behind an address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PIL import Image

from pipelines.vision.caption_text import CaptionFailure
from pipelines.vision.captioner_http import is_endpoint, load_endpoint
from pipelines.vision.captioner_plugin import PREFIX, load_plugin
from schemas.deal_captions import EndpointTerms


class ExternalCaptioner(Protocol):
    """What a run needs of a captioner."""

    @property
    def identity(self) -> str:
        """The identity under which its captions are stored."""
        ...

    def caption(self, images: Sequence[Image.Image]) -> list[str | CaptionFailure]:
        """Returns a caption, or why there is none, for each RGB picture."""
        ...


def is_external(name: str) -> bool:
    """Returns whether a deal names a captioner that open_clip does not load."""
    return is_endpoint(name) or name.startswith(PREFIX)


def load_external(name: str, terms: EndpointTerms) -> ExternalCaptioner:
    """Returns the captioner of a name for which `is_external` holds.

    Raises:
        InputError: It is not installed, or the address or the key is not valid.
    """
    return load_endpoint(name, terms) if is_endpoint(name) else load_plugin(name)
