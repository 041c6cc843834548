"""The renditions that the guarded child is asked to make."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipelines.features.answers import file_answer, rendered_film_answer
from pipelines.features.guarded_child import MAX_ADDED_BYTES, MAX_CLIP_GROWTH, GuardedChild
from pipelines.features.pipe_messages import BYTES_PER_PIXEL, Header
from pipelines.media.formats import Format
from pipelines.media.limits import MediaLimits
from pipelines.media.render import RenderSettings
from pipelines.signals.file.trust import TrustLists
from schemas.errors import BadRecord
from schemas.reasons import Reason

if TYPE_CHECKING:  # it imports PyAV
    from pipelines.media.render_film import FilmSettings, RenderedFilm


class RenditionGuard(GuardedChild):
    """Has renditions made in the child."""

    def render(
        self,
        data: bytes,
        fmt: Format,
        settings: RenderSettings,
        setting: str,
        trust: TrustLists,
        limits: MediaLimits,
    ) -> bytes:
        """Renders a picture, with the metadata that the deal keeps; see `render.render_picture`.

        Raises:
            BadRecord: `rendition.not_made`, also if the child dies of it.
        """
        request: Header = {
            "what": "render",
            "format": fmt,
            "target": settings.format,
            "quality": settings.quality,
            "side": settings.side,
            "background": settings.background,
            "setting": setting,
            "trust_sha256": trust.digest,
        }
        # No encoder takes more than the pixels themselves, and some for each row.
        most = len(data) + BYTES_PER_PIXEL * limits.max_pixels + MAX_ADDED_BYTES
        with _failures_of_renditions():
            return file_answer(self.ask(request, data, limits, most, trust)[1])

    def render_film(
        self,
        data: bytes,
        fmt: Format,
        settings: FilmSettings,
        setting: str,
        trust: TrustLists,
        limits: MediaLimits,
    ) -> RenderedFilm:
        """Renders a film, with the metadata that the deal keeps; see `render_film.render_film`.

        Raises:
            BadRecord: `rendition.not_made`, also if the child dies of it.
        """
        request: Header = {
            "what": "render_film",
            "format": fmt,
            "settings": vars(settings),
            "setting": setting,
            "trust_sha256": trust.digest,
            "cpu_s": limits.render_film_s,
            "timeout_s": limits.render_film_s,
        }
        most = MAX_CLIP_GROWTH * len(data) + MAX_ADDED_BYTES
        with _failures_of_renditions():
            return rendered_film_answer(*self.ask(request, data, limits, most, trust))

    def silence(
        self, data: bytes, fmt: Format, setting: str, trust: TrustLists, limits: MediaLimits
    ) -> bytes:
        """Removes a film's sound, and its metadata if the deal does; see `sound.strip_sound`.

        Raises:
            BadRecord: `rendition.not_made`, also if the child dies of it.
        """
        request: Header = {
            "what": "silence",
            "format": fmt,
            "setting": setting,
            "trust_sha256": trust.digest,
        }
        most = len(data) + MAX_ADDED_BYTES
        with _failures_of_renditions():
            return file_answer(self.ask(request, data, limits, most, trust)[1])


@contextlib.contextmanager
def _failures_of_renditions() -> Iterator[None]:
    """Turns the failure of an asset into `rendition.not_made`."""
    try:
        yield
    except BadRecord as bad:
        raise BadRecord(Reason.RENDITION_NOT_MADE, bad.detail) from bad
