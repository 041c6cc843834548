"""Decodes the frames of a film: all of them once, and those that stand for shots again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from pipelines.media.dimensions import fitted_size
from pipelines.media.film_index import (
    PacketIndex,
)
from pipelines.media.limits import MAX_SHOTS
from pipelines.media.open_film import (
    displayed_size,
    frames_from,
    turn_of,
)
from pipelines.media.open_picture import check_pixels
from pipelines.media.representative import representative_frame
from pipelines.media.shots import ShotBoundaries, ShotDetector
from schemas.errors import BadRecord
from schemas.reasons import Reason


@dataclass(frozen=True)
class DecodedFrames:
    """The result of decoding every frame; `ticks` has the time of each frame, in order."""

    ticks: list[int]
    pictures: dict[int, Image.Image]
    turn: Image.Transpose | None
    found: ShotBoundaries | None

    @property
    def starts(self) -> tuple[int, ...]:
        """The first frame of each shot."""
        return self.found.starts if self.found else ()


def decode_frames(
    container: InputContainer,
    stream: VideoStream,
    sample_ticks: set[int],
    max_pixels: int,
    side: int,
) -> DecodedFrames:
    """Decodes every frame, finds the shots, and keeps images of the frames at some times.

    Raises:
        BadRecord: If a frame is damaged, has too many pixels, or others than the first.
    """
    detector = ShotDetector()
    turn: Image.Transpose | None = None
    size = (0, 0)
    ticks: list[int] = []
    pictures: dict[int, Image.Image] = {}
    for frame in container.decode(stream):
        if frame.is_corrupt:
            raise BadRecord(Reason.MEDIA_UNDECODABLE, f"frame {len(ticks)} is damaged")
        check_pixels(frame.width, frame.height, max_pixels)
        if not ticks:
            turn, size = turn_of(frame), (frame.width, frame.height)
        if (frame.width, frame.height) != size:
            raise BadRecord(
                Reason.MEDIA_UNSUPPORTED_FORMAT,
                f"frame {len(ticks)} has {frame.width} x {frame.height} pixels, the first "
                f"{size[0]} x {size[1]}; export it with frames of one size",
            )
        if frame.pts in sample_ticks and frame.pts not in pictures:
            pictures[frame.pts] = _frame_image(frame, stream, turn, side)
        detector.add(frame)
        # A frame without a time of its own gets the time of the one before it.
        ticks.append(frame.pts if frame.pts is not None else (ticks or [0])[-1])
    if not ticks:
        return DecodedFrames(ticks, pictures, turn, None)
    return DecodedFrames(ticks, pictures, turn, detector.finish())


def representative_frames(index: PacketIndex, decoded: DecodedFrames) -> list[int]:
    """Returns the number of the frame that represents each shot."""
    found = decoded.found
    if found is None:
        return []
    wanted = set(index.keyframes)
    keyframes = [number for number, tick in enumerate(decoded.ticks) if tick in wanted]
    return [
        representative_frame(first, end, keyframes, found.spreads, found.sharpness)
        for first, end in pairwise((*decoded.starts, len(decoded.ticks)))
    ]


def shot_samples_of(
    container: InputContainer,
    stream: VideoStream,
    keyframes: Sequence[int],
    decoded: DecodedFrames,
    side: int,
) -> tuple[Image.Image, ...]:
    """Returns an image of the frame that represents each shot."""
    if len(decoded.starts) > MAX_SHOTS:
        return ()
    pictures = dict(decoded.pictures)
    sample_ticks = [decoded.ticks[number] for number in keyframes]
    for tick in sample_ticks:
        if tick not in pictures:
            pictures[tick] = _frame_image(
                _frame_at(container, stream, tick), stream, decoded.turn, side
            )
    return tuple(pictures[tick] for tick in sample_ticks)


def _frame_at(container: InputContainer, stream: VideoStream, tick: int) -> VideoFrame:
    """Returns the frame at a time, decoded from a keyframe before it."""
    frame = next(frames_from(container, stream, tick), None)
    if frame is None or frame.pts != tick:
        raise BadRecord(Reason.MEDIA_UNDECODABLE, "a frame cannot be decoded again")
    return frame


def _frame_image(
    frame: VideoFrame, stream: VideoStream, turn: Image.Transpose | None, side: int
) -> Image.Image:
    image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    displayed = displayed_size(stream)
    if displayed == (stream.width, stream.height):
        image.thumbnail((side, side), Image.Resampling.BICUBIC)
    else:
        image = image.resize(fitted_size(displayed, side), Image.Resampling.BICUBIC)
    return image if turn is None else image.transpose(turn)
