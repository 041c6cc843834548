"""Limits on reading and decoding media."""

from __future__ import annotations

from dataclasses import dataclass

# The most shots of which one frame each is extracted; of a film with more shots, none is.
MAX_SHOTS = 64
# The most scans of a progressive JPEG; encoders write about ten, optimisers some sixty, and each
# costs as much as a whole picture.
MAX_SCANS = 100
# From so much memory on, decoding may take at most so many bytes for each byte of the file. That is
# more than a packed picture of one colour takes at eight bits a channel without transparency;
# photographs take less than a hundred.
COSTLY_FROM_BYTES = 1 << 28
MAX_EXPANSION = 1_500


@dataclass(frozen=True)
class MediaLimits:
    """Limits that apply to each asset's media.

    Attributes:
        max_bytes: The largest file.
        max_pixels: The most pixels of a picture, or of one frame of a film.
        guard_images: Whether pictures too are decoded in the guarded child process.
        decode_timeout_s: The longest time for decoding one file in the child process. Generous,
            because a file that a busy machine fails to decode in time is lost to the delivery.
        picture_cpu_s: The most processor time for decoding one picture there, which does not depend
            on how busy the machine is.
        inspect_cpu_s: The most processor time for looking for faces or text in one picture, loading
            of the detectors included.
        signals_timeout_s: The longest time for reading the rights statements in one file.
        decode_memory_bytes: The memory that the child process may use for a film, in addition to
            what it needs at its start and to the file.
        picture_memory_bytes: The same for a picture.
        render_film_s: The longest time, and the most processor time, for rendering one film.
        render_film_ms: The longest film that is encoded again.
        sample_frames: How many sample frames of a film are embedded.
        side: The longest side of the pictures given to models, in pixels.
    """

    max_bytes: int
    max_pixels: int
    guard_images: bool = True
    decode_timeout_s: float = 600.0
    picture_cpu_s: float = 30.0
    inspect_cpu_s: float = 120.0
    signals_timeout_s: float = 120.0
    decode_memory_bytes: int = 3 * 2**30
    picture_memory_bytes: int = 3 * 2**29
    render_film_s: float = 3_600.0
    render_film_ms: int = 3_600_000
    sample_frames: int = 3
    side: int = 512
