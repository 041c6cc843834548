"""The inputs by which media are fetched, read and judged."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from pipelines.catalogue.read import Catalogue
from pipelines.fetch.locate import SourcePolicy
from pipelines.media.limits import MediaLimits
from pipelines.signals.file.trust import TrustLists
from schemas.deal import Deal


class FetchContext(Protocol):
    """The inputs by which an asset's media is fetched, read and judged; a run's job has them."""

    @property
    def deal(self) -> Deal:
        """The deal."""

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue; media may lie beside it."""

    @property
    def as_of(self) -> datetime:
        """The instant as of which rights are judged, UTC."""

    @property
    def policy(self) -> SourcePolicy:
        """The places that media URIs may point to."""

    @property
    def limits(self) -> MediaLimits:
        """The limits on size and decoding cost of media."""

    @property
    def trust(self) -> TrustLists:
        """The signers whose C2PA signatures are trusted."""
