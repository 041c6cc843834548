"""Where reading and decoding give up."""

from __future__ import annotations

from dataclasses import dataclass

# Shots of a film that are looked at, one frame each; of a film with more, none is.
MAX_SHOTS = 64


@dataclass(frozen=True)
class MediaLimits:
    """Bounds of one asset's media.

    Attributes:
        max_bytes: Longest file.
        max_pixels: Most pixels of a picture, or of one frame of a film.
        guard_images: Whether pictures, too, are decoded in the guarded child.
        decode_timeout_s: Longest time of one decoding in the child. Generous, because what a
            busy machine fails to decode in time is lost to the delivery.
        signals_timeout_s: Longest time of reading what one file says of its rights.
        decode_memory_bytes: Memory the child may have besides the file itself.
        sample_frames: How many frames of a film are looked at.
        side: Longest side of the pictures that models see, in pixels.
    """

    max_bytes: int
    max_pixels: int
    guard_images: bool = False
    decode_timeout_s: float = 600.0
    signals_timeout_s: float = 120.0
    decode_memory_bytes: int = 3 * 2**30
    sample_frames: int = 3
    side: int = 512
