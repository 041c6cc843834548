"""The facts of a delivery that disclosures are made of: counted once, from its published bytes."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.format.tar_comparison import REMOVED
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from schemas import layout
from schemas.buyer_terms import BuyerTerms, parse_terms_file
from schemas.errors import InputError, RunError
from schemas.manifest import Manifest

# Nobody can own .invalid (RFC 6761).
UNOWNED_URL = "https://fairshard.invalid/id"
NO_CODE = "none: the agency's own licence"
_GROUPED = ("media_type", "licence_code", "licence_model", "ai_generated", "caption_source")
_CHUNK_BYTES = 1 << 20
_COLUMNS = (*_GROUPED, "status", "media_length", "duration_ms")


@dataclass(frozen=True)
class Facts:
    """What is disclosed about a delivery.

    Attributes:
        manifest: Its manifest.
        manifest_sha256: The digest of the manifest's bytes, hex.
        terms: Its terms.
        samples: How many samples it has.
        media_bytes: How many bytes their media have.
        film_ms: How long its films are together.
        counts: How many samples have each value of a column, most first. Each column's counts sum
            to `samples`.
        attributed: For how many samples an author is named.
    """

    manifest: Manifest
    manifest_sha256: str
    terms: BuyerTerms
    samples: int
    media_bytes: int
    film_ms: int
    counts: Mapping[str, Mapping[str, int]]
    attributed: int

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.manifest.delivery

    @property
    def version(self) -> str:
        """Number of the version, as a text: `1` for v0001."""
        return str(int(self.manifest.delivery.rpartition("/v")[2]))

    @property
    def made_at(self) -> str:
        """When rights were judged or samples were last removed: ISO 8601 to the second, UTC."""
        patches = self.manifest.patches
        instant = self.manifest.as_of if patches is None else patches.as_of
        return f"{instant[:19]}Z"

    @property
    def agency(self) -> str:
        """The agency's legal name, or else its key's name."""
        return self.terms.agency.legal_name or self.manifest.vkey.partition("+")[0]

    @property
    def identity(self) -> str:
        """A UUID that follows from the manifest."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"sha256:{self.manifest_sha256}"))

    @property
    def synthetic_captions(self) -> int:
        """How many recommended captions are a model's or made of a model's tags."""
        sources = self.counts["caption_source"]
        return sources.get("model", 0) + sources.get("zero-shot", 0)

    def to_json(self) -> dict[str, object]:
        """Returns the facts as they are published beside the disclosures."""
        deal = self.manifest.deal
        return {
            "delivery": self.name,
            "made_at": self.made_at,
            "manifest_sha256": self.manifest_sha256,
            "terms_sha256": deal.terms_sha256,
            "samples": self.samples,
            "shards": self.manifest.end.shards,
            "files": self.manifest.end.files,
            "bytes": self.manifest.end.bytes,
            "media_bytes": self.media_bytes,
            "film_ms": self.film_ms,
            "attributed": self.attributed,
            "synthetic_captions": self.synthetic_captions,
            "counts": {name: dict(found) for name, found in self.counts.items()},
        }


def read_facts(store: Store, manifest: Manifest, manifest_sha256: str) -> Facts:
    """Reads and counts; each file that is read is compared with its digest.

    Args:
        store: The delivery.
        manifest: Its manifest, whose signature was checked.
        manifest_sha256: The digest of the manifest's bytes, hex.

    Raises:
        InputError: If the delivery is of a release without terms or a table of samples.
        RunError: If a file is damaged, or the counts do not agree with the manifest's.
    """
    for path in (layout.RIGHTS_TERMS, layout.SAMPLES_TABLE, layout.ATTRIBUTION_TABLE):
        _check(store, manifest, path)
    try:
        terms = parse_terms_file(store.read_bytes(layout.RIGHTS_TERMS)).terms
    except ValueError as error:
        raise _damage(store, layout.RIGHTS_TERMS, " ".join(str(error).split())[:200]) from error
    samples = _read(store, layout.SAMPLES_TABLE, _COLUMNS)
    samples = samples.filter(pc.not_equal(samples["status"], pa.scalar(REMOVED)))
    named = _read(store, layout.ATTRIBUTION_TABLE, ("key",))
    if len(samples) != manifest.end.samples:
        found = f"{len(samples):,} samples, the manifest says {manifest.end.samples:,}"
        raise _damage(store, layout.SAMPLES_TABLE, found)
    sums = [pc.sum(samples[name], min_count=0).as_py() for name in ("media_length", "duration_ms")]
    return Facts(
        manifest=manifest,
        manifest_sha256=manifest_sha256,
        terms=terms,
        samples=len(samples),
        media_bytes=int(sums[0] or 0),
        film_ms=int(sums[1] or 0),
        counts={name: _counted(samples, name) for name in _GROUPED},
        attributed=len(named),
    )


def _read(store: Store, path: str, columns: Sequence[str]) -> pa.Table:
    with store.open_read(path) as source, pq.ParquetFile(source) as file:
        return file.read(list(columns), use_threads=False)


def _counted(samples: pa.Table, name: str) -> dict[str, int]:
    pairs = pc.value_counts(samples[name].combine_chunks())
    values, counts = (pairs.field(part) for part in ("values", "counts"))
    found = dict(zip(values_of(values, str), values_of(counts, int), strict=True))
    named = {value or NO_CODE: count for value, count in found.items()}
    return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))


def _check(store: Store, manifest: Manifest, path: str) -> None:
    """Compares a file with its digest, without having it in memory."""
    record = next((file for file in manifest.files if file.path == path), None)
    if record is None:
        raise InputError(
            "The delivery lacks files that a disclosure needs",
            f"{store.uri} has no {path}",
            "It was made by an earlier release. Package the deal again as a new version.",
        )
    digest = hashlib.sha256()
    try:
        with store.open_read(path) as source:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
    except FileNotFoundError as error:
        raise _damage(store, path, "missing") from error
    if digest.hexdigest() != record.sha256:
        raise _damage(store, path, "its digest is not the manifest's")


def _damage(store: Store, path: str, what: str) -> RunError:
    return RunError(
        "The delivery is damaged",
        f"{store.uri}/{path}: {what}",
        "Nothing was written. `fairshard verify` names everything that is damaged.",
    )


def described(facts: Facts) -> str:
    """Returns one sentence on what the data set is."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in facts.counts["media_type"].items())
    return (
        f"{facts.samples:,} samples ({kinds}), {facts.media_bytes:,} bytes of media, licensed by "
        f"{facts.agency} to {facts.terms.buyer} under deal {facts.terms.deal_id}."
    )
