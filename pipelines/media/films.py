"""Films: facts and a few frames. Runs only in the guarded child, for decoders can crash.

In this order: (1) no box of the container is cut; (2) the stream's codec and size; (3) every packet
is read, for the count and the keyframes; (4) every frame is decoded: a film is whole only if it
yields as many as its index promises.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from PIL import Image

from pipelines.media.headers import check_mp4
from pipelines.media.images import check_pixels
from schemas.decision import Reason
from schemas.errors import BadRecord

# An allow-list: a film library carries decoders for hundreds of formats that nobody delivers.
_CODECS = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4"})
_TURNS = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class Film:
    """What is known of a film.

    Attributes:
        duration_ms: Length of the picture track.
        fps: Average rate of frames a second.
        width: As displayed, in pixels.
        height: As displayed, in pixels.
        stored_width: As coded, in pixels.
        stored_height: As coded, in pixels.
        frames: Frames decoded.
        keyframes_ms: Times of the keyframes.
        codec: Short name of the picture codec.
        pixel_format: Name of the coded pixel layout.
        bit_depth: Bits of a channel.
        has_audio: Whether there is a sound track.
        samples: RGB pictures of keyframes, evenly spread, in the order of time.
    """

    duration_ms: int
    fps: Fraction
    width: int
    height: int
    stored_width: int
    stored_height: int
    frames: int
    keyframes_ms: tuple[int, ...]
    codec: str
    pixel_format: str
    bit_depth: int
    has_audio: bool
    samples: tuple[Image.Image, ...]


@dataclass(frozen=True)
class _Index:
    """What the packets say; times in the stream's ticks."""

    expected: int
    keyframes: tuple[int, ...]
    start: int
    end: int


def probe_film(data: bytes, max_pixels: int, sample_frames: int, side: int) -> Film:
    """Reads and decodes a film.

    Args:
        data: The whole file.
        max_pixels: Most pixels of a frame.
        sample_frames: How many frames to hand back.
        side: Their longest side, in pixels.

    Raises:
        BadRecord: `media.too_large`, `media.unsupported_format` or `media.undecodable`.
    """
    check_mp4(data)  # 1
    with av.open(io.BytesIO(data), mode="r", format="mp4", metadata_errors="replace") as container:
        if not container.streams.video:
            raise BadRecord(Reason.MEDIA_UNDECODABLE, "no picture track")
        stream = container.streams.video[0]
        _check_stream(stream, max_pixels)  # 2
        index = _read_index(container, stream)  # 3
        wanted = _nearest_keyframes(index, sample_frames)
        container.seek(0)
        frames, pictures, rotation = _decode_all(container, stream, set(wanted), max_pixels, side)
        if frames < index.expected:  # 4
            raise BadRecord(
                Reason.MEDIA_UNDECODABLE, f"{frames} of {index.expected} frames can be decoded"
            )
        missing = [tick for tick in wanted if tick not in pictures]
        if missing:
            raise BadRecord(Reason.MEDIA_UNDECODABLE, "a keyframe cannot be decoded")
        samples = tuple(pictures[tick] for tick in wanted)
        return _describe(container, stream, index, frames, rotation, samples)


def _check_stream(stream: Any, max_pixels: int) -> None:
    codec = stream.codec_context.name
    canonical = stream.codec_context.codec.canonical_name
    if canonical not in _CODECS and codec not in _CODECS:
        raise BadRecord(Reason.MEDIA_UNSUPPORTED_FORMAT, f"picture codec {canonical}")
    if stream.width <= 0 or stream.height <= 0:
        raise BadRecord(Reason.MEDIA_UNDECODABLE, "no picture size")
    check_pixels(stream.width, stream.height, max_pixels)
    # One thread: memory and results do not then depend on the machine.
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1


def _read_index(container: Any, stream: Any) -> _Index:
    packets = discarded = 0
    keyframes: list[int] = []
    ends: list[int] = []
    starts: list[int] = []
    for packet in container.demux(stream):
        if packet.size == 0 or packet.pts is None:
            continue
        packets += 1
        if packet.is_discard:  # cut away by the file's own edit list
            discarded += 1
            continue
        starts.append(packet.pts)
        ends.append(packet.pts + (packet.duration or 0))
        if packet.is_keyframe:
            keyframes.append(packet.pts)
    if not starts or not keyframes:
        raise BadRecord(Reason.MEDIA_UNDECODABLE, "no frames, or no keyframe")
    # The index's count where there is one; a fragmented film has none.
    expected = max(stream.frames, packets) - discarded
    return _Index(expected, tuple(sorted(keyframes)), min(starts), max(ends))


def _nearest_keyframes(index: _Index, count: int) -> list[int]:
    """Keyframes next to the middles of `count` equal parts; one may be taken twice."""
    span = index.end - index.start
    wanted = []
    for part in range(count):
        target = index.start + span * (2 * part + 1) // (2 * count)
        wanted.append(min(index.keyframes, key=lambda tick: (abs(tick - target), tick)))
    return wanted


def _decode_all(
    container: Any, stream: Any, wanted: set[int], max_pixels: int, side: int
) -> tuple[int, dict[int, Image.Image], int]:
    frames, rotation = 0, 0
    pictures: dict[int, Image.Image] = {}
    for frame in container.decode(stream):
        if frame.is_corrupt:
            raise BadRecord(Reason.MEDIA_UNDECODABLE, f"frame {frames} is damaged")
        check_pixels(frame.width, frame.height, max_pixels)
        if frames == 0:
            rotation = round(frame.rotation) % 360
        if frame.pts in wanted and frame.pts not in pictures:
            pictures[frame.pts] = _picture(frame, rotation, side)
        frames += 1
    return frames, pictures, rotation


def _picture(frame: Any, rotation: int, side: int) -> Image.Image:
    image: Image.Image = frame.to_image()
    image.thumbnail((side, side), Image.Resampling.BICUBIC)
    return image.transpose(_TURNS[rotation]) if rotation in _TURNS else image


def _describe(
    container: Any,
    stream: Any,
    index: _Index,
    frames: int,
    rotation: int,
    samples: tuple[Image.Image, ...],
) -> Film:
    tick_ms = stream.time_base * 1000
    rate = stream.average_rate or stream.guessed_rate or Fraction(0)
    width, height = stream.width, stream.height
    sideways = rotation in (90, 270)
    layout = stream.codec_context.format
    return Film(
        duration_ms=round((index.end - index.start) * tick_ms),
        fps=Fraction(rate),
        width=height if sideways else width,
        height=width if sideways else height,
        stored_width=width,
        stored_height=height,
        frames=frames,
        keyframes_ms=tuple(round((tick - index.start) * tick_ms) for tick in index.keyframes),
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=layout.name if layout else "",
        bit_depth=layout.components[0].bits if layout and layout.components else 8,
        has_audio=bool(container.streams.audio),
        samples=samples,
    )
