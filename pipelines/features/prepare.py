"""Checks and decodes one asset's media."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from PIL import Image

from pipelines.features.file_facts import film_file_facts, picture_file_facts
from pipelines.features.guard import this_guard
from pipelines.media.declared_type import check_declared_type
from pipelines.media.film import FilmShot
from pipelines.media.formats import Format, is_film, media_type_of
from pipelines.media.images import decode_and_hash
from pipelines.media.limits import MediaLimits
from pipelines.media.looks import Look, look_of
from pipelines.media.measures import Measured, measure_medium
from pipelines.media.phash import perceptual_signature
from pipelines.media.sniff import sniff_format
from pipelines.media.stretches import Stretch
from pipelines.media.unsupported import describe_unsupported
from schemas.errors import BadRecord
from schemas.file_facts import FileFacts
from schemas.reasons import Reason

if TYPE_CHECKING:  # it imports PyAV
    from pipelines.media.sound import Sound


@dataclass(frozen=True)
class PreparedMedia:
    """Everything that later steps need to know about one asset's media.

    Attributes:
        media_sha256: Digest of the bytes, in hex.
        bytes: Size of the media in bytes.
        format: One of `formats.FORMATS`.
        media_type: image or video.
        width: As displayed, in pixels.
        height: As displayed, in pixels.
        stored_width: As stored, in pixels.
        stored_height: As stored, in pixels.
        mode: Pixel layout as stored, in Pillow's or FFmpeg's name.
        bit_depth: Bits per channel as stored.
        orientation: EXIF orientation; for a film, the same code for its display matrix.
        has_icc: Whether a colour profile is embedded.
        duration_ms: Duration of a film; this and the next four are 0 for pictures.
        fps_num: Frames per second: the numerator, over `fps_den`.
        fps_den: See `fps_num`.
        frames: Frames decoded.
        keyframes: How many of them are keyframes.
        phash: 256-bit perceptual hash in hex; for a film, that of its middle frame.
        colour: Colour signature of the same picture, in hex.
        looks: The look of the picture, or of each of a film's sampled frames in order.
        motion_milli: Amount of motion in a film; see `pipelines.media.shots`.
        shots: A film's shots in order; empty for a picture.
        frames_rgb: Upright RGB pictures for models: one, or a film's sampled frames in order.
        shots_rgb: One picture per shot; empty for a film with too many shots.
        stretches: Where a film is black, frozen or silent, as in `pipelines.media.film.Film`, as
            the next four.
        black_ms: See `stretches`.
        frozen_ms: See `stretches`.
        silent_ms: See `stretches`.
        sound: See `stretches`.
        file_facts: What loaders may get wrong about the file.
        measured: What was measured of the pictures for models.
    """

    media_sha256: str
    bytes: int
    format: Format
    media_type: str
    width: int
    height: int
    stored_width: int
    stored_height: int
    mode: str
    bit_depth: int
    orientation: int
    has_icc: bool
    duration_ms: int
    fps_num: int
    fps_den: int
    frames: int
    keyframes: int
    phash: str
    colour: str
    looks: tuple[Look, ...]
    motion_milli: int
    shots: tuple[FilmShot, ...]
    frames_rgb: tuple[Image.Image, ...]
    shots_rgb: tuple[Image.Image, ...]
    file_facts: FileFacts
    measured: Measured
    stretches: tuple[Stretch, ...] = ()
    black_ms: int = 0
    frozen_ms: int = 0
    silent_ms: int = 0
    sound: Sound = "none"


def prepare_media(
    data: bytes,
    media_uri: str,
    media_type: str,
    expected_sha256: str | None,
    limits: MediaLimits,
) -> PreparedMedia:
    """Checks and decodes one asset's media.

    The checks run in this order, and the first that fails gives the reason: (1) there are bytes;
    (2) their digest is the catalogue's; (3) their format is supported; (4) name and media_type
    agree with it; (5) they are not too large; (6) they decode completely.

    Args:
        data: The file.
        media_uri: Its address, for its name.
        media_type: `image` or `video`, as the catalogue says.
        expected_sha256: The catalogue's digest in hex, if it has one.
        limits: Limits on size and decoding cost.

    Raises:
        BadRecord: With the reason.
    """
    digest, fmt = check_bytes(data, media_uri, media_type, expected_sha256, limits)
    if is_film(fmt):  # 6
        return _prepare_film(data, digest, fmt, limits)
    return _prepare_image(data, digest, fmt, limits)


def check_bytes(
    data: bytes,
    media_uri: str,
    media_type: str,
    expected_sha256: str | None,
    limits: MediaLimits,
) -> tuple[str, Format]:
    """Runs the checks (1) to (5) of `prepare_media`, which need no decoding.

    Returns:
        The sha256 of the bytes in hex, and their format.

    Raises:
        BadRecord: With the reason.
    """
    if not data:  # 1
        raise BadRecord(Reason.MEDIA_EMPTY, "0 bytes")
    digest = hashlib.sha256(data).hexdigest()
    if expected_sha256 and expected_sha256.lower() != digest:  # 2
        raise BadRecord(Reason.MEDIA_DIGEST_MISMATCH, f"sha256 of the bytes is {digest}")
    fmt = sniff_format(data)
    if fmt is None:  # 3
        raise BadRecord(Reason.MEDIA_UNSUPPORTED_FORMAT, describe_unsupported(data))
    check_declared_type(media_uri, media_type, fmt)  # 4
    if len(data) > limits.max_bytes:  # 5, the pixels as soon as they are known
        raise BadRecord(
            Reason.MEDIA_TOO_LARGE, f"{len(data)} bytes; the limit is {limits.max_bytes}"
        )
    return digest, fmt


def _prepare_image(data: bytes, digest: str, fmt: Format, limits: MediaLimits) -> PreparedMedia:
    if limits.guard_images:
        decoded = this_guard().image(data, fmt, limits)
    else:
        decoded = decode_and_hash(data, fmt, limits.max_pixels, limits.side)
    facts, signature = decoded.facts, decoded.signature
    return PreparedMedia(
        media_sha256=digest,
        bytes=len(data),
        format=fmt,
        media_type=media_type_of(fmt),
        width=facts.width,
        height=facts.height,
        stored_width=facts.stored_width,
        stored_height=facts.stored_height,
        mode=facts.mode,
        bit_depth=facts.bit_depth,
        orientation=facts.orientation,
        has_icc=facts.has_icc,
        duration_ms=0,
        fps_num=0,
        fps_den=1,
        frames=0,
        keyframes=0,
        phash=signature.phash,
        colour=signature.colour,
        looks=(decoded.look,),
        motion_milli=0,
        shots=(),
        frames_rgb=(decoded.image,),
        shots_rgb=(),
        file_facts=picture_file_facts(facts, fmt),
        measured=measure_medium((decoded.image,)),
    )


def _prepare_film(data: bytes, digest: str, fmt: Format, limits: MediaLimits) -> PreparedMedia:
    film = this_guard().film(data, limits)
    signature = perceptual_signature(film.samples[len(film.samples) // 2])
    fps: Fraction = film.fps
    return PreparedMedia(
        media_sha256=digest,
        bytes=len(data),
        format=fmt,
        media_type=media_type_of(fmt),
        width=film.width,
        height=film.height,
        stored_width=film.stored_width,
        stored_height=film.stored_height,
        mode=film.pixel_format,
        bit_depth=film.bit_depth,
        orientation=film.orientation,
        has_icc=False,
        duration_ms=film.duration_ms,
        fps_num=fps.numerator,
        fps_den=fps.denominator,
        frames=film.frames,
        keyframes=len(film.keyframes_ms),
        phash=signature.phash,
        colour=signature.colour,
        looks=tuple(map(look_of, film.samples)),
        motion_milli=film.motion_milli,
        shots=film.shots,
        frames_rgb=film.samples,
        shots_rgb=film.shot_samples,
        stretches=film.stretches,
        black_ms=film.black_ms,
        frozen_ms=film.frozen_ms,
        silent_ms=film.silent_ms,
        sound=film.sound,
        file_facts=film_file_facts(film),
        measured=measure_medium(film.samples),
    )
