"""Decodes films: their properties, their shots and sample frames.

Runs only in the guarded child process, because decoders can crash. The steps, in order: (1) check
that no box of the container is cut; (2) check the stream's codec and size; (3) read every packet
to count frames and find keyframes; (4) decode every frame, because a film is complete only if it
yields as many frames as its index promises; (5) decode one frame of each shot again; (6) decode the
sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from pipelines.media.film_facts import (
    audio_codec,
    bitrate_bps,
    has_alpha,
    orientation_code,
    pixel_aspect,
)
from pipelines.media.film_index import (
    PacketIndex,
    check_whole_track,
    nearest_keyframes,
    read_index,
)
from pipelines.media.film_tracks import has_sound_track
from pipelines.media.frame_rate import average_rate, constant_rate
from pipelines.media.headers import check_mp4
from pipelines.media.images import fitted_size
from pipelines.media.limits import MAX_SHOTS
from pipelines.media.open_film import (
    SIDEWAYS,
    check_stream,
    displayed_size,
    film_stream,
    open_film,
    turn_of,
)
from pipelines.media.open_picture import check_pixels
from pipelines.media.representative import representative_frame
from pipelines.media.shots import ShotBoundaries, ShotDetector
from pipelines.media.sound import Sound, silent_spans
from pipelines.media.stretches import (
    BLACK,
    FROZEN,
    SILENT,
    Stretch,
    longest,
    stretches_between,
    total_ms,
)
from schemas.errors import BadRecord
from schemas.reasons import Reason


@dataclass(frozen=True)
class FilmShot:
    """One shot: the frames from `first_frame` up to but not including `end_frame`.

    Attributes:
        first_frame: Number of its first frame.
        end_frame: Number of the frame after its last.
        start_ms: When it begins.
        end_ms: When it ends.
        keyframe: Number of the frame that stands for it, of which its sample is.
        keyframe_ms: When that frame is shown.
        motion_milli: As a film's.
    """

    first_frame: int
    end_frame: int
    start_ms: int
    end_ms: int
    keyframe: int
    keyframe_ms: int
    motion_milli: int


@dataclass(frozen=True)
class Film:
    """The properties of a film and sample frames from it.

    Attributes:
        duration_ms: Length of the video track.
        fps: Frames per second: exact if frames are evenly spaced, otherwise their average.
        width: As displayed, in square pixels.
        height: As displayed, in square pixels.
        stored_width: As encoded, before it is stretched and turned, in pixels.
        stored_height: As encoded, in pixels.
        frames: Number of frames decoded.
        keyframes_ms: Times of the keyframes, from the start of the film.
        codec: FFmpeg's name of the video codec.
        pixel_format: FFmpeg's name of the encoded pixel format.
        bit_depth: Bits per channel.
        audio_codec: FFmpeg's name of the first audio track's codec; "" without sound.
        bitrate_bps: Bits a second of the picture track.
        pixel_aspect: Width of a stored pixel over its height.
        orientation: How frames are turned or mirrored to be displayed, as a code of EXIF.
        has_alpha: Whether pixels can be transparent.
        motion_milli: Mean absolute difference of luma between consecutive frames of a shot, in
            thousandths of a level of 255.
        shots: The shots in order; at least one.
        samples: RGB images of evenly spread keyframes, in order of time.
        shot_samples: One RGB image of each shot; empty if there are more than MAX_SHOTS shots.
        stretches: Where it is black, frozen or silent: the longest of each kind.
        black_ms: How long it is black, all stretches together.
        frozen_ms: Likewise frozen; black counts as frozen too.
        silent_ms: Likewise silent.
        sound: Whether its sound was decoded (pipelines.media.sound).
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
    audio_codec: str
    bitrate_bps: int
    pixel_aspect: Fraction
    orientation: int
    has_alpha: bool
    motion_milli: int
    shots: tuple[FilmShot, ...]
    samples: tuple[Image.Image, ...]
    shot_samples: tuple[Image.Image, ...]
    stretches: tuple[Stretch, ...]
    black_ms: int
    frozen_ms: int
    silent_ms: int
    sound: Sound


@dataclass(frozen=True)
class _DecodedFrames:
    """The result of decoding every frame; `ticks` has the time of each frame, in order."""

    ticks: list[int]
    pictures: dict[int, Image.Image]
    turn: Image.Transpose | None
    found: ShotBoundaries | None

    @property
    def starts(self) -> tuple[int, ...]:
        """The first frame of each shot."""
        return self.found.starts if self.found else ()


def probe_film(data: bytes, max_pixels: int, sample_frames: int, side: int) -> Film:
    """Reads and decodes a film.

    Args:
        data: The whole file.
        max_pixels: The most pixels that a frame may have.
        sample_frames: How many sample frames to return.
        side: The longest side of the returned images, in pixels.

    Raises:
        BadRecord: `media.too_large`, `media.unsupported_format` or `media.undecodable`.
    """
    check_mp4(data)  # 1
    with open_film(data) as container:
        stream = film_stream(container)
        check_stream(stream, max_pixels)  # 2
        index = read_index(container, stream)  # 3
        if index.frame_count < stream.frames:
            check_whole_track(data, stream)
        sample_ticks = nearest_keyframes(index, sample_frames)
        container.seek(0)
        decoded = _decode_all(container, stream, set(sample_ticks), max_pixels, side)
        if len(decoded.ticks) < index.frame_count:  # 4
            raise BadRecord(
                Reason.MEDIA_UNDECODABLE,
                f"only {len(decoded.ticks)} of {index.frame_count} frames can be decoded",
            )
        if any(tick not in decoded.pictures for tick in sample_ticks):
            raise BadRecord(Reason.MEDIA_UNDECODABLE, "a keyframe cannot be decoded")
        keyframes = _representatives(index, decoded)
        shot_samples = _shot_samples(container, stream, keyframes, decoded, side)  # 5
        samples = tuple(decoded.pictures[tick] for tick in sample_ticks)
        has_sound = has_sound_track(data)
        return _describe(
            container, stream, index, decoded, keyframes, samples, shot_samples, has_sound
        )


def _decode_all(
    container: InputContainer,
    stream: VideoStream,
    sample_ticks: set[int],
    max_pixels: int,
    side: int,
) -> _DecodedFrames:
    detector = ShotDetector()
    turn: Image.Transpose | None = None
    ticks: list[int] = []
    pictures: dict[int, Image.Image] = {}
    for frame in container.decode(stream):
        if frame.is_corrupt:
            raise BadRecord(Reason.MEDIA_UNDECODABLE, f"frame {len(ticks)} is damaged")
        check_pixels(frame.width, frame.height, max_pixels)
        if not ticks:
            turn = turn_of(frame)
        if frame.pts in sample_ticks and frame.pts not in pictures:
            pictures[frame.pts] = _frame_image(frame, stream, turn, side)
        detector.add(frame)
        # A frame without a time of its own gets the time of the one before it.
        ticks.append(frame.pts if frame.pts is not None else (ticks or [0])[-1])
    if not ticks:
        return _DecodedFrames(ticks, pictures, turn, None)
    return _DecodedFrames(ticks, pictures, turn, detector.finish())


def _representatives(index: PacketIndex, decoded: _DecodedFrames) -> list[int]:
    """Returns the number of the frame that stands for each shot."""
    found = decoded.found
    if found is None:
        return []
    wanted = set(index.keyframes)
    keyframes = [number for number, tick in enumerate(decoded.ticks) if tick in wanted]
    return [
        representative_frame(first, end, keyframes, found.spreads, found.sharpness)
        for first, end in pairwise((*decoded.starts, len(decoded.ticks)))
    ]


def _shot_samples(
    container: InputContainer,
    stream: VideoStream,
    keyframes: Sequence[int],
    decoded: _DecodedFrames,
    side: int,
) -> tuple[Image.Image, ...]:
    """Returns an image of the frame that stands for each shot."""
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
    """Returns the frame at a time, decoded from the keyframe before it."""
    container.seek(tick, stream=stream)
    for frame in container.decode(stream):
        if frame.pts is not None and frame.pts >= tick:
            return frame
    raise BadRecord(Reason.MEDIA_UNDECODABLE, "a frame cannot be decoded again")


def _frame_image(
    frame: Any, stream: VideoStream, turn: Image.Transpose | None, side: int
) -> Image.Image:
    image: Image.Image = frame.to_image()
    displayed = displayed_size(stream)
    if displayed == (stream.width, stream.height):
        image.thumbnail((side, side), Image.Resampling.BICUBIC)
    else:
        image = image.resize(fitted_size(displayed, side), Image.Resampling.BICUBIC)
    return image if turn is None else image.transpose(turn)


def _describe(
    container: InputContainer,
    stream: VideoStream,
    index: PacketIndex,
    decoded: _DecodedFrames,
    keyframes: Sequence[int],
    samples: tuple[Image.Image, ...],
    shot_samples: tuple[Image.Image, ...],
    has_sound: bool,
) -> Film:
    if stream.time_base is None:
        raise BadRecord(Reason.MEDIA_UNDECODABLE, "the picture track has no time base")
    tick_ms = stream.time_base * 1000
    rate = constant_rate(decoded.ticks, stream.time_base)
    if rate is None:
        rate = average_rate(len(decoded.ticks), index.end - index.start, stream.time_base)
    width, height = displayed_size(stream)
    sideways = decoded.turn in SIDEWAYS
    layout = stream.codec_context.format
    duration_ms = round((index.end - index.start) * tick_ms)
    found = decoded.found
    if found is None:
        raise AssertionError("a film without frames was refused")
    times = [round((tick - index.start) * tick_ms) for tick in decoded.ticks]
    ends = (*times, duration_ms)
    borders = tuple(pairwise((*found.starts, len(times))))
    shots = tuple(
        FilmShot(first, end, times[first], ends[end], at, times[at], motion)
        for (first, end), at, motion in zip(
            borders, keyframes, found.shot_motion_milli, strict=True
        )
    )
    sound, silent = silent_spans(container, index.start * stream.time_base, duration_ms)  # 6
    if sound == "none" and has_sound:
        sound = "unread"
    stretches = [
        stretch
        for kind, spans in (
            (BLACK, [(ends[first], ends[end]) for first, end in found.black]),
            (FROZEN, [(ends[first], ends[end]) for first, end in found.frozen]),
            (SILENT, silent),
        )
        for stretch in stretches_between(kind, spans, duration_ms)
    ]
    return Film(
        duration_ms=duration_ms,
        fps=rate,
        width=height if sideways else width,
        height=width if sideways else height,
        stored_width=stream.width,
        stored_height=stream.height,
        frames=len(decoded.ticks),
        keyframes_ms=tuple(round((tick - index.start) * tick_ms) for tick in index.keyframes),
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=layout.name if layout else "",
        bit_depth=layout.components[0].bits if layout and layout.components else 8,
        motion_milli=found.motion_milli,
        shots=shots,
        audio_codec=audio_codec(container, has_sound),
        bitrate_bps=bitrate_bps(index.picture_bytes, duration_ms),
        pixel_aspect=pixel_aspect(stream),
        orientation=orientation_code(decoded.turn),
        has_alpha=has_alpha(layout),
        samples=samples,
        shot_samples=shot_samples,
        stretches=longest(stretches),
        black_ms=total_ms(stretches, BLACK),
        frozen_ms=total_ms(stretches, FROZEN),
        silent_ms=total_ms(stretches, SILENT),
        sound=sound,
    )
