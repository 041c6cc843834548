"""Digests the picture track of a film, to show that a change left it as it was."""

from __future__ import annotations

import hashlib

from pipelines.media.open_film import open_film


def picture_track(data: bytes) -> tuple[str, bool]:
    """Returns the digest of all packets of a film's picture tracks, and whether it has sound.

    Times and stored bytes are digested; nothing is decoded.
    """
    digest = hashlib.sha256()
    with open_film(data) as container:
        has_sound = bool(container.streams.audio)
        for packet in container.demux(container.streams.video):
            digest.update(f"{packet.stream.index} {packet.pts} {packet.duration} ".encode())
            digest.update(bytes(packet))
    return digest.hexdigest(), has_sound
