"""Small pictures of samples, made in the guarded child, which alone decodes media."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import replace

from pipelines.features.guard import this_guard
from pipelines.media.formats import is_film
from pipelines.media.limits import MediaLimits
from pipelines.media.render import RenderSettings
from pipelines.media.sniff import sniff_format
from pipelines.report.pages.samples import Place
from pipelines.signals.file.trust import NO_TRUST
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from schemas.errors import BadRecord

_SIDE = 180  # pixels, of the longest side
_QUALITY = 62
_SETTINGS = RenderSettings("jpg", _QUALITY, _SIDE, (255, 255, 255))
_MOST_BYTES = 1 << 28  # larger media have no thumbnail
_LIMITS = MediaLimits(
    max_bytes=_MOST_BYTES, max_pixels=178_956_970, decode_timeout_s=60.0, sample_frames=1
)
_NO_METADATA = "none"


def spread(of: int, most: int) -> list[int]:
    """Returns at most `most` numbers below `of`, evenly spread, the first among them.

    Example:
        >>> spread(10, 4), spread(3, 4)
        ([0, 2, 5, 7], [0, 1, 2])
    """
    return list(range(of)) if of <= most else [at * of // most for at in range(most)]


def make_thumbnails(
    store: Store, places: Sequence[Place], most: int, progress_path: str = ""
) -> dict[int, str]:
    """Returns small JPEGs of samples, in base64, by the sample's number.

    Args:
        store: The delivery.
        places: Where the samples' media are.
        most: The most thumbnails to make; they are spread evenly over the samples.
        progress_path: Local file that progress is reported to, or "".
    """
    chosen, found = spread(len(places), most), {}
    report_progress(progress_path, "pictures", 0, len(chosen))
    for number in chosen:
        picture = _thumbnail(store, places[number])
        report_progress(progress_path, "pictures", 1)
        if picture:
            found[number] = base64.b64encode(picture).decode()
    this_guard().close()
    return found


def _thumbnail(store: Store, place: Place) -> bytes:
    """Returns a sample's thumbnail; b"" if its medium cannot be read or shown."""
    if not 0 < place.length <= _MOST_BYTES:
        return b""
    try:
        data = store.read_range(place.path, place.offset, place.length)
    except (OSError, ValueError):  # `verify` says what is wrong with it
        return b""
    fmt = sniff_format(data)
    if fmt is None:
        return b""
    try:
        if is_film(fmt):
            return _of_film(data)
        return this_guard().render(data, fmt, _SETTINGS, _NO_METADATA, NO_TRUST, _LIMITS)
    except BadRecord:
        return b""


def _of_film(data: bytes) -> bytes:
    """Returns one frame of a film; its pixels come from the child, so encoding them is safe."""
    film = this_guard().film(data, replace(_LIMITS, side=_SIDE))
    if not film.samples:
        return b""
    out = io.BytesIO()
    film.samples[0].save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
