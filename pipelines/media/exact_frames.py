"""Reads single frames of a film, by number, as they are displayed.

Runs only in the guarded child process, because decoders can crash. Frames are counted as
`films.probe_film` counts them: from 0, in the order in which they are shown, without those that an
edit list leaves out. A frame is turned upright, has square pixels and is in RGB of eight bits.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from pipelines.media.clip_packets import read_packets
from pipelines.media.dimensions import fitted_size
from pipelines.media.open_film import (
    SIDEWAYS,
    check_stream,
    displayed_size,
    film_stream,
    frames_from,
    open_film,
    turn_of,
)
from pipelines.media.open_picture import check_pixels
from schemas.errors import BadRecord
from schemas.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

# A frame so far ahead of the last one is decoded from the keyframe before it; a nearer one is
# reached by decoding what is between them.
_SEEK_FROM_FRAMES = 48
_PNG_LEVEL = 6  # of compression, fixed so that the same pixels give the same bytes

Size = tuple[int, int]


def read_frames(
    data: bytes, numbers: Sequence[int], max_pixels: int, size: Size | None, side: int
) -> Iterator[tuple[int, Image.Image]]:
    """Yields frames of a film with their numbers, in order, each once.

    Args:
        data: The whole file.
        numbers: The numbers of the wanted frames.
        max_pixels: The most pixels that a frame may have.
        size: Width and height that they get, upright; None for their own.
        side: If `size` is None, the longest side that they may have, in pixels; 0 for any.

    Raises:
        BadRecord: `media.too_large` or `media.undecodable`, also if there is no such frame.
    """
    wanted = sorted(set(numbers))
    if not wanted:
        return
    with open_film(data) as container:
        stream = film_stream(container)
        check_stream(stream, max_pixels)
        ticks = _shown_ticks(container, stream)
        for number, frame in _wanted_frames(container, stream, ticks, wanted):
            check_pixels(frame.width, frame.height, max_pixels)
            yield number, _as_displayed(frame, stream, size, side)


def frame_times(data: bytes, max_pixels: int) -> list[int]:
    """Returns when each frame of a film is shown and when the last one ends, in milliseconds.

    Times are from the start of the film, as those of shots; nothing is decoded.

    Args:
        data: The whole file.
        max_pixels: The most pixels that a frame may have.

    Raises:
        BadRecord: `media.too_large` or `media.undecodable`.
    """
    with open_film(data) as container:
        stream = film_stream(container)
        check_stream(stream, max_pixels)
        shown = read_packets(container, stream)
        if not shown.ticks or stream.time_base is None:
            raise BadRecord(Reason.MEDIA_UNDECODABLE, "the video track has no frames")
        tick_ms = stream.time_base * 1000
        ticks = [*shown.ticks, max(shown.ends)]
        return [round((tick - shown.ticks[0]) * tick_ms) for tick in ticks]


def png_bytes(image: Image.Image) -> bytes:
    """Returns an image as a PNG file without metadata."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=_PNG_LEVEL)
    return out.getvalue()


def _shown_ticks(container: InputContainer, stream: VideoStream) -> list[int]:
    """Returns when the frames are shown, by the packets; empty if two are shown at once."""
    ticks = sorted(
        packet.pts
        for packet in container.demux(stream)
        if packet.size and packet.pts is not None and not packet.is_discard
    )
    return ticks if len(set(ticks)) == len(ticks) else []


def _wanted_frames(
    container: InputContainer, stream: VideoStream, ticks: Sequence[int], wanted: Sequence[int]
) -> Iterator[tuple[int, VideoFrame]]:
    """Yields the wanted frames; decodes from a keyframe before a wanted frame that is far ahead."""
    frames = _from_start(container, stream)
    at = 0  # the number of the next frame
    for number in wanted:
        if number - at >= _SEEK_FROM_FRAMES and number < len(ticks):
            frames, at = frames_from(container, stream, ticks[number]), number
        for frame in frames:
            if at == number and _is_expected(frame, ticks, number):
                break
            if at >= number:
                raise _missing(number)
            at += 1
        else:
            raise _missing(number)
        if frame.is_corrupt:
            raise BadRecord(Reason.MEDIA_UNDECODABLE, f"frame {number} is damaged")
        at += 1
        yield number, frame


def _is_expected(frame: VideoFrame, ticks: Sequence[int], number: int) -> bool:
    """Tells whether a frame is shown when the packet of that number is."""
    return frame.pts is None or number >= len(ticks) or frame.pts == ticks[number]


def _from_start(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    container.seek(0)
    yield from container.decode(stream)


def _missing(number: int) -> BadRecord:
    return BadRecord(Reason.MEDIA_UNDECODABLE, f"frame {number} cannot be decoded again")


def _as_displayed(
    frame: VideoFrame, stream: VideoStream, size: Size | None, side: int
) -> Image.Image:
    turn = turn_of(frame)
    displayed = displayed_size(stream)
    if size is not None:
        displayed = size[::-1] if turn in SIDEWAYS else size
    elif side:
        displayed = fitted_size(displayed, side)
    to_image = cast("Callable[[], Image.Image]", frame.to_image)  # PyAV does not type it
    image = to_image()
    if image.size != displayed:
        image = image.resize(displayed, Image.Resampling.BICUBIC)
    return image if turn is None else image.transpose(turn)
