"""What is delivered in the place of a file whose metadata the deal removes."""

from __future__ import annotations

import hashlib
from typing import Protocol

from pipelines.features.guard import this_guard
from pipelines.media.formats import Format
from pipelines.media.limits import MediaLimits
from pipelines.rights.formatting import one_line
from pipelines.signals.file.trust import TrustLists
from schemas.deal import Deal
from schemas.errors import BadRecord
from schemas.features import FactsRow, RenditionRow


class ReadContext(Protocol):
    """The inputs by which a file is read; a run's job has them."""

    @property
    def deal(self) -> Deal:
        """The deal."""

    @property
    def limits(self) -> MediaLimits:
        """The limits on size and decoding cost of media."""

    @property
    def trust(self) -> TrustLists:
        """The signers whose C2PA signatures are trusted."""


def make_rendition(
    data: bytes, digest: str, fmt: Format, facts: FactsRow, context: ReadContext
) -> RenditionRow:
    """Removes a file's metadata and returns the digest of what is left, or why it cannot be."""
    row = RenditionRow(media_sha256=digest, delivered_sha256="", bytes=0, problem="")
    try:
        stripped = delivered_bytes(data, fmt, facts["orientation"], context)
    except BadRecord as bad:
        return {**row, "problem": one_line(bad.detail)}
    delivered = hashlib.sha256(stripped).hexdigest()
    return {**row, "delivered_sha256": delivered, "bytes": len(stripped)}


def delivered_bytes(data: bytes, fmt: Format, orientation: int, context: ReadContext) -> bytes:
    """Returns a file without the metadata that the deal removes.

    Raises:
        BadRecord: `metadata.not_removable`.
    """
    setting, guard = context.deal.rights.personal_data, this_guard()
    return guard.strip(data, fmt, setting, orientation, context.trust, context.limits)
