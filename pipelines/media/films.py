"""Decodes films: their properties, their shots and sample frames.

Runs only in the guarded child process, because decoders can crash. The steps, in order: (1) check
that no box of the container is cut; (2) check the stream's codec and size; (3) read every packet
to count frames and find keyframes; (4) decode every frame, because a film is complete only if it
yields as many frames as its index promises; (5) decode one frame of each shot again; (6) decode the
sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from av.container import InputContainer
from av.video.stream import VideoStream
from PIL import Image

from pipelines.media.film import Film, FilmShot
from pipelines.media.film_facts import (
    audio_codec,
    bitrate_bps,
    has_alpha,
    orientation_code,
    pixel_aspect,
)
from pipelines.media.film_frames import (
    DecodedFrames,
    decode_frames,
    representative_frames,
    shot_samples_of,
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
from pipelines.media.open_film import (
    SIDEWAYS,
    check_stream,
    displayed_size,
    film_stream,
    open_film,
)
from pipelines.media.shots import ShotBoundaries
from pipelines.media.sound import silent_spans
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
        decoded = decode_frames(container, stream, set(sample_ticks), max_pixels, side)
        if len(decoded.ticks) < index.frame_count:  # 4
            raise BadRecord(
                Reason.MEDIA_UNDECODABLE,
                f"only {len(decoded.ticks)} of {index.frame_count} frames can be decoded",
            )
        if any(tick not in decoded.pictures for tick in sample_ticks):
            raise BadRecord(Reason.MEDIA_UNDECODABLE, "a keyframe cannot be decoded")
        keyframes = representative_frames(index, decoded)
        shot_samples = shot_samples_of(container, stream, keyframes, decoded, side)  # 5
        samples = tuple(decoded.pictures[tick] for tick in sample_ticks)
        has_sound = has_sound_track(data)
        return _describe(
            container, stream, index, decoded, keyframes, samples, shot_samples, has_sound
        )


def _describe(
    container: InputContainer,
    stream: VideoStream,
    index: PacketIndex,
    decoded: DecodedFrames,
    keyframes: Sequence[int],
    samples: tuple[Image.Image, ...],
    shot_samples: tuple[Image.Image, ...],
    has_sound: bool,
) -> Film:
    if stream.time_base is None:
        raise BadRecord(Reason.MEDIA_UNDECODABLE, "the picture track has no time base")
    if decoded.found is None:
        raise AssertionError("a film without frames was refused")
    tick_ms = stream.time_base * 1000
    rate = constant_rate(decoded.ticks, stream.time_base)
    if rate is None:
        rate = average_rate(len(decoded.ticks), index.end - index.start, stream.time_base)
    width, height = displayed_size(stream)
    sideways = decoded.turn in SIDEWAYS
    layout = stream.codec_context.format
    duration_ms = round((index.end - index.start) * tick_ms)
    # The time of each frame and, last, when the film ends.
    times_ms = [round((tick - index.start) * tick_ms) for tick in decoded.ticks] + [duration_ms]
    sound, silent = silent_spans(container, index.start * stream.time_base, duration_ms)  # 6
    stretches = _stretches(decoded.found, times_ms, silent)
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
        motion_milli=decoded.found.motion_milli,
        shots=_shots(decoded.found, times_ms, keyframes),
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
        sound="unread" if sound == "none" and has_sound else sound,
    )


def _shots(
    found: ShotBoundaries, times_ms: Sequence[int], keyframes: Sequence[int]
) -> tuple[FilmShot, ...]:
    """The shots; `keyframes` are the numbers of the frames that represent them."""
    borders = pairwise((*found.starts, len(times_ms) - 1))
    return tuple(
        FilmShot(first, end, times_ms[first], times_ms[end], at, times_ms[at], motion)
        for (first, end), at, motion in zip(
            borders, keyframes, found.shot_motion_milli, strict=True
        )
    )


def _stretches(
    found: ShotBoundaries, times_ms: Sequence[int], silent: Sequence[tuple[int, int]]
) -> list[Stretch]:
    """Every stretch that is black, frozen or silent."""
    black, frozen = (
        [(times_ms[first], times_ms[end]) for first, end in spans]
        for spans in (found.black, found.frozen)
    )
    return [
        stretch
        for kind, spans in ((BLACK, black), (FROZEN, frozen), (SILENT, silent))
        for stretch in stretches_between(kind, spans, times_ms[-1])
    ]
