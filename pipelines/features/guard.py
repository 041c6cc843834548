"""What the guarded child is asked about files: pictures, films, metadata, renditions."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence

from PIL import Image

from pipelines.features.answers import (
    PictureText,
    clips_answer,
    depth_answer,
    description_answer,
    faces_answer,
    file_answer,
    film_answer,
    frame_files_answer,
    frame_images_answer,
    image_answer,
    rendered_film_answer,
    texts_answer,
    times_answer,
    track_answer,
)
from pipelines.features.guarded_child import GuardedChild
from pipelines.features.pipe_messages import BYTES_PER_PIXEL, Blob, Header, pack_image
from pipelines.features.reading_json import reading_from_json
from pipelines.media.clips import Clip, Way
from pipelines.media.film import Film
from pipelines.media.formats import Format, is_film
from pipelines.media.images import HashedImage
from pipelines.media.limits import MAX_SHOTS, MediaLimits
from pipelines.media.render import RenderSettings
from pipelines.media.render_film import FilmSettings, RenderedFilm
from pipelines.media.track_files import MAX_TRACK_MEMBER_BYTES, TrackedFilm, TrackKind
from pipelines.signals.file.description_fields import FileDescription
from pipelines.signals.file.embedded import may_state_rights
from pipelines.signals.file.metadata_blocks import file_fault
from pipelines.signals.file.trust import TrustLists
from schemas.errors import BadRecord
from schemas.profiles.depth import MAX_DEPTH_BYTES, DepthFacts
from schemas.reasons import Reason
from schemas.signal import Reading

_MAX_CLIP_GROWTH = 16  # by which what is encoded again may be larger than its film
_MAX_ADDED_BYTES = 1 << 20  # what new metadata may add to a file
_local = threading.local()


class Guard(GuardedChild):
    """What a child process is asked about files; not thread-safe."""

    def film(self, data: bytes, limits: MediaLimits) -> Film:
        """Probes a film; see `films.probe_film`.

        Raises:
            BadRecord: As there, and `media.undecodable` if the child dies of it.
        """
        request = {"what": "film", "sample_frames": limits.sample_frames}
        return film_answer(*self.ask(request, data, limits, _max_pixel_bytes(limits)))

    def clips(
        self,
        data: bytes,
        fmt: Format,
        ranges: Sequence[tuple[int, int]],
        way: Way,
        limits: MediaLimits,
    ) -> list[Clip]:
        """Cuts clips out of a film; see `clips.cut_clips`.

        Raises:
            BadRecord: `media.undecodable` if the film cannot be read, or the child dies of it.
        """
        request = {"what": "clips", "format": fmt, "ranges": list(ranges), "way": way}
        most = _MAX_CLIP_GROWTH * len(data) + _MAX_ADDED_BYTES * len(ranges)
        return clips_answer(*self.ask(request, data, limits, most), len(ranges))

    def exact_frames(
        self,
        data: bytes,
        numbers: Sequence[int],
        size: tuple[int, int] | None,
        limits: MediaLimits,
    ) -> list[bytes]:
        """Reads frames of a film as PNG files; see `exact_frames.read_frames`.

        Args:
            data: The film.
            numbers: Numbers of the frames, ascending.
            size: Width and height that they get, upright; None for their own.
            limits: The limits.

        Raises:
            BadRecord: As there, and `media.undecodable` if the child dies of it.
        """
        request = {"size": size, "frame_side": 0, "as_files": True}
        _, blobs = self._frames(request, data, numbers, limits)
        return frame_files_answer(blobs, len(numbers))

    def frame_images(
        self, data: bytes, numbers: Sequence[int], limits: MediaLimits
    ) -> list[Image.Image]:
        """Reads frames of a film for a model, not larger than `limits.side`; see `exact_frames`."""
        request = {"size": None, "frame_side": limits.side, "as_files": False}
        header, blobs = self._frames(request, data, numbers, limits)
        return frame_images_answer(header, blobs, len(numbers))

    def frame_times(self, data: bytes, limits: MediaLimits) -> list[int]:
        """Returns when each frame is shown, and the end; see `exact_frames.frame_times`."""
        return times_answer(self.ask({"what": "times"}, data, limits, 0)[0])

    def _frames(
        self, request: Header, data: bytes, numbers: Sequence[int], limits: MediaLimits
    ) -> tuple[Header, list[Blob]]:
        most = len(numbers) * (BYTES_PER_PIXEL * limits.max_pixels + _MAX_ADDED_BYTES)
        request = {"what": "frames", "numbers": list(numbers), **request}
        return self.ask(request, data, limits, most)

    def track(
        self, data: bytes, kind: TrackKind, film: TrackedFilm, limits: MediaLimits
    ) -> tuple[bytes, int]:
        """Reads a track file; see `box_tracks.read_boxes` and `pose_tracks.read_poses`.

        Returns:
            The member that a sample carries, and the number of the reference frame of poses.

        Raises:
            BadRecord: As there, and `media.undecodable` if the child dies of it.
        """
        request = {
            "what": "track",
            "kind": kind,
            "film": vars(film),
            "cpu_s": limits.signals_timeout_s,
            "timeout_s": limits.signals_timeout_s,
        }
        return track_answer(*self.ask(request, data, limits, MAX_TRACK_MEMBER_BYTES))

    def depth(
        self, data: bytes, film: TrackedFilm, every: int, limits: MediaLimits
    ) -> tuple[bytes, DepthFacts, list[int] | None]:
        """Reads a file of depth maps; see `depth_tracks.read_depth`.

        Raises:
            BadRecord: As there, and `media.undecodable` if the child dies of it.
        """
        request = {"what": "depth", "film": vars(film), "every": every}
        return depth_answer(*self.ask(request, data, limits, MAX_DEPTH_BYTES + _MAX_ADDED_BYTES))

    def image(self, data: bytes, fmt: Format, limits: MediaLimits) -> HashedImage:
        """Decodes and hashes a picture; see `images.decode_and_hash`.

        Raises:
            BadRecord: As there, and `media.undecodable` if the child dies of it.
        """
        request = {
            "what": "image",
            "format": fmt,
            "cpu_s": limits.picture_cpu_s,
            "memory_bytes": min(limits.picture_memory_bytes, limits.decode_memory_bytes),
        }
        return image_answer(*self.ask(request, data, limits, _max_pixel_bytes(limits)))

    def faces(self, image: Image.Image, limits: MediaLimits) -> int:
        """Counts the faces in an RGB picture; see `faces.find_faces`.

        Raises:
            BadRecord: `media.undecodable` if the child fails or dies.
        """
        return faces_answer(self._look(image, "faces", limits))

    def texts(self, image: Image.Image, limits: MediaLimits) -> PictureText:
        """Reads the text in an RGB picture; see `texts.find_texts`.

        Raises:
            BadRecord: `media.undecodable` if the child fails or dies.
        """
        return texts_answer(self._look(image, "texts", limits))

    def _look(self, image: Image.Image, what: str, limits: MediaLimits) -> Header:
        size, pixels = pack_image(image)
        request: Header = {"what": what, "size": size, "cpu_s": limits.inspect_cpu_s}
        return self.ask(request, pixels, limits, 0)[0]

    def signals(self, data: bytes, fmt: Format, trust: TrustLists, limits: MediaLimits) -> Reading:
        """Reads what a file says about rights; see `embedded.read_embedded`.

        Returns:
            The reading. If the child crashes on the file or exceeds its time, a reading with one
            fault, since the file may have denied a use. Files without metadata need no child.
        """
        if not may_state_rights(data, fmt):
            return Reading()
        request: Header = {"what": "signals", "format": fmt, "trust_sha256": trust.digest}
        return self._reading(request, data, "metadata", trust, limits)

    def sidecar(self, data: bytes, name: str, trust: TrustLists, limits: MediaLimits) -> Reading:
        """Reads what an `.xmp` file beside a medium says about rights.

        Returns:
            The reading, with a fault as in `signals`.
        """
        request: Header = {"what": "sidecar", "name": name, "trust_sha256": trust.digest}
        return self._reading(request, data, f"sidecar {name}", trust, limits)

    def describe(self, data: bytes, sidecar: str, limits: MediaLimits) -> FileDescription:
        """Reads what a medium, or the sidecar of that name, says of its content and maker.

        Raises:
            BadRecord: `media.undecodable` if the child dies of it or exceeds its time.
        """
        seconds = limits.signals_timeout_s
        request: Header = {"what": "describe", "name": sidecar, "timeout_s": seconds}
        return description_answer(self.ask({**request, "cpu_s": seconds}, data, limits, 0)[0])

    def strip(
        self,
        data: bytes,
        fmt: Format,
        setting: str,
        orientation: int,
        trust: TrustLists,
        limits: MediaLimits,
    ) -> bytes:
        """Removes a file's metadata; see `strip.strip_metadata`. A plain picture needs no child.

        Raises:
            BadRecord: `metadata.not_removable`, also if the child dies of it.
        """
        if not is_film(fmt) and orientation == 1 and not may_state_rights(data, fmt):
            return data
        request: Header = {
            "what": "strip",
            "format": fmt,
            "setting": setting,
            "orientation": orientation,
            "trust_sha256": trust.digest,
        }
        try:
            _, blobs = self.ask(request, data, limits, len(data) + _MAX_ADDED_BYTES, trust)
            return file_answer(blobs)
        except BadRecord as bad:
            raise BadRecord(Reason.METADATA_NOT_REMOVABLE, bad.detail) from bad

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
        most = len(data) + BYTES_PER_PIXEL * limits.max_pixels + _MAX_ADDED_BYTES
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
        most = _MAX_CLIP_GROWTH * len(data) + _MAX_ADDED_BYTES
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
        most = len(data) + _MAX_ADDED_BYTES
        with _failures_of_renditions():
            return file_answer(self.ask(request, data, limits, most, trust)[1])

    def _reading(
        self, request: Header, data: bytes, where: str, trust: TrustLists, limits: MediaLimits
    ) -> Reading:
        try:
            header, _ = self.ask(request, data, limits, 0, trust)
            return reading_from_json(header["reading"])
        except BadRecord as bad:
            detail = bad.detail
        # A compromised child may answer anything.
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            detail = f"the reader sent an invalid answer: {type(error).__name__}"
        return Reading(faults=(file_fault(where, detail, data),))


def _max_pixel_bytes(limits: MediaLimits) -> int:
    """Returns the size of the largest answer with a film's pictures."""
    return BYTES_PER_PIXEL * limits.side**2 * (limits.sample_frames + MAX_SHOTS)


@contextlib.contextmanager
def _failures_of_renditions() -> Iterator[None]:
    """Turns the failure of an asset into `rendition.not_made`."""
    try:
        yield
    except BadRecord as bad:
        raise BadRecord(Reason.RENDITION_NOT_MADE, bad.detail) from bad


def this_guard() -> Guard:
    """Returns this thread's guard."""
    return _guard_named("guard")


def this_inspector() -> Guard:
    """Returns this thread's guard for detectors.

    They take up most of the memory that decoding may use, so they are loaded in a child of their
    own: whether a large picture can be decoded must not depend on what was looked at before.
    """
    return _guard_named("inspector")


def _guard_named(name: str) -> Guard:
    guard: Guard | None = getattr(_local, name, None)
    if guard is None or guard.owner != os.getpid():
        guard = Guard()
        setattr(_local, name, guard)
    return guard
