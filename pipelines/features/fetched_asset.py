"""What is known of one asset whose media were fetched, or recalled by their stored features."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pipelines.features.extras import MadeExtras
from pipelines.features.prepare import PreparedMedia
from pipelines.rights.resolve import Resolution
from pipelines.run.decisions import Decision
from schemas.file_features import DigestCacheRow, ReadingRow, RenditionRow
from schemas.signal import Reading
from schemas.unit import ClearedRow, UnitExtra


@dataclass(frozen=True)
class FetchedAsset:
    """One asset's media.

    Attributes:
        row: The asset's row.
        digest: sha256 of the media, hex; "" if there is none.
        prepared: The prepared media, if it was decoded.
        file_reading: The file's own rights statements, as a row of READINGS_SCHEMA.
        reading: All rights statements of catalogue, file and server.
        resolution: The result of resolving them.
        decision: The refusal or failure, if the asset goes no further.
        cache_row: The file's state and digest, as a row of DIGEST_CACHE_SCHEMA, if later runs may
            rely on it.
        server_reading: What its web server states, in this run's answers; part of `reading`.
        rendition: What is delivered in the file's place, if the deal delivers another file.
        sidecars_sha256: Digest of its sidecars; see `pipelines.fetch.sidecars.sidecars_digest`.
        face_conflict: What is wrong with the number of people, if the picture shows more faces.
        faces_by: What found them.
        made: The members that the profile adds, until they are stored; then `extras` says which,
            and `extra_facts` has the sample's fields about them.
        extras: See `made`.
        extra_facts: See `made`.
    """

    row: ClearedRow
    digest: str = ""
    prepared: PreparedMedia | None = None
    file_reading: ReadingRow | None = None
    reading: Reading = field(default_factory=Reading)
    resolution: Resolution | None = None
    decision: Decision | None = None
    cache_row: DigestCacheRow | None = None
    server_reading: Reading = field(default_factory=Reading)
    rendition: RenditionRow | None = None
    sidecars_sha256: str = ""
    face_conflict: str = ""
    faces_by: str = ""
    made: MadeExtras | None = None
    extras: tuple[UnitExtra, ...] = ()
    extra_facts: str = ""

    @property
    def inference(self) -> bool:
        """Whether the asset may be embedded and captioned."""
        return self.resolution is not None and self.resolution.inference

    def without_pixels(self) -> FetchedAsset:
        """Returns a copy without the decoded pictures."""
        return self if self.prepared is None else replace(self, prepared=None)
