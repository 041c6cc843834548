"""What is known about a film and of its shots once it was decoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from PIL import Image

from pipelines.media.stretches import (
    Stretch,
)

if TYPE_CHECKING:  # it imports PyAV
    from pipelines.media.sound import Sound


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
