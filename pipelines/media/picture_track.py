"""Digests the picture track of a film, to show that a change left it as it was."""

from __future__ import annotations

import hashlib

from pipelines.media.film_tracks import has_sound_track
from pipelines.media.open_film import open_film


def picture_track(data: bytes) -> tuple[str, bool]:
    """Returns the digest of all packets of a film's picture tracks, and whether it has sound.

    Times and stored bytes are digested; nothing is decoded. A track that FFmpeg knows no codec of
    is none of pictures.
    """
    digest = hashlib.sha256()
    with open_film(data) as container:
        has_sound = bool(container.streams.audio) or has_sound_track(data)
        pictures = [one for one in container.streams.video if one.codec_context is not None]
        numbers = {one.index: number for number, one in enumerate(pictures)}
        for packet in container.demux(pictures):
            number = numbers[packet.stream.index]
            digest.update(f"{number} {packet.pts} {packet.duration} ".encode())
            digest.update(bytes(packet))
    return digest.hexdigest(), has_sound
