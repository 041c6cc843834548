"""What the guarded child is asked about films."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image

from pipelines.features.answers import (
    clips_answer,
    depth_answer,
    film_answer,
    frame_files_answer,
    frame_images_answer,
    times_answer,
    track_answer,
)
from pipelines.features.guarded_child import (
    MAX_ADDED_BYTES,
    MAX_CLIP_GROWTH,
    GuardedChild,
    max_pixel_bytes,
)
from pipelines.features.pipe_messages import BYTES_PER_PIXEL, Blob, Header
from pipelines.media.film import Film
from pipelines.media.formats import Format
from pipelines.media.limits import MediaLimits
from pipelines.media.track_files import MAX_TRACK_MEMBER_BYTES, TrackedFilm, TrackKind
from schemas.profiles.depth import MAX_DEPTH_BYTES, DepthFacts

if TYPE_CHECKING:  # it imports PyAV
    from pipelines.media.clips import Clip, Way


class FilmGuard(GuardedChild):
    """Has films, their frames and the files of tracks beside them read in the child."""

    def film(self, data: bytes, limits: MediaLimits) -> Film:
        """Probes a film; see `films.probe_film`.

        Raises:
            BadRecord: As there, and `media.undecodable` if the child dies of it.
        """
        request = {"what": "film", "sample_frames": limits.sample_frames}
        return film_answer(*self.ask(request, data, limits, max_pixel_bytes(limits)))

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
        most = MAX_CLIP_GROWTH * len(data) + MAX_ADDED_BYTES * len(ranges)
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
        most = len(numbers) * (BYTES_PER_PIXEL * limits.max_pixels + MAX_ADDED_BYTES)
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
        return depth_answer(*self.ask(request, data, limits, MAX_DEPTH_BYTES + MAX_ADDED_BYTES))
