"""What a deal and a command let media be: where they may lie, what they may cost."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipelines.media.limits import MediaLimits
from pipelines.media.locate import SourcePolicy
from schemas.deal import Deal


def source_policy(deal: Deal, roots: Iterable[str], hosts: Iterable[str]) -> SourcePolicy:
    """What media URIs may reach: what the deal lists, and the roots and hosts given besides.

    Roots are made absolute here, since a worker may run in another folder.
    """
    places = (*deal.sources.roots, *roots)
    absolute = (root if "://" in root else str(Path(root).absolute()) for root in places)
    return SourcePolicy(tuple(absolute), (*deal.sources.hosts, *hosts))


def media_limits(deal: Deal) -> MediaLimits:
    """What one medium may cost."""
    return MediaLimits(max_bytes=deal.limits.max_media_bytes, max_pixels=deal.limits.max_pixels)
