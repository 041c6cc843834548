"""Limits on reading and decoding media."""

from __future__ import annotations

from dataclasses import dataclass

# The most shots of which one frame each is extracted; of a film with more shots, none is.
MAX_SHOTS = 64


@dataclass(frozen=True)
class MediaLimits:
    """Limits that apply to each asset's media.

    Attributes:
        max_bytes: The largest file.
        max_pixels: The most pixels of a picture, or of one frame of a film.
        guard_images: Whether pictures are decoded in the guarded child process too.
        decode_timeout_s: The longest time for decoding one file in the child process. Generous,
            because a file that a busy machine fails to decode in time is lost to the delivery.
        signals_timeout_s: The longest time for reading the rights statements in one file.
        decode_memory_bytes: The memory that the child process may use in addition to the file.
        sample_frames: How many sample frames of a film are embedded.
        side: The longest side of the pictures given to models, in pixels.
    """

    max_bytes: int
    max_pixels: int
    guard_images: bool = False
    decode_timeout_s: float = 600.0
    signals_timeout_s: float = 120.0
    decode_memory_bytes: int = 3 * 2**30
    sample_frames: int = 3
    side: int = 512
