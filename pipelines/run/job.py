"""A job: everything a run depends on, parsed once and passed to every step."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from pipelines.catalogue.account import TableCount
from pipelines.catalogue.read import Catalogue
from pipelines.fetch.locate import SourcePolicy
from pipelines.format.terms_text import terms_text
from pipelines.ledger.terms import terms_file
from pipelines.media.limits import MediaLimits
from pipelines.media.renderer import film_renderer_id, renderer_id
from pipelines.run.inspectors import NO_INSPECTORS, Inspectors
from pipelines.run.lease_record import LeaseRecord
from pipelines.run.logs import NO_LOG, LogTarget
from pipelines.signals.file.embedded import READER_VERSION, STRIPPER_VERSION
from pipelines.signals.file.trust import NO_TRUST, TrustLists
from pipelines.vision.vocabulary import Vocabulary
from schemas import layout
from schemas.canonical import canonical_json
from schemas.deal import Deal
from schemas.deal_captions import EndpointTerms
from schemas.deal_for_buyer import buyer_terms
from schemas.ledger import PRICE_POOL
from schemas.removed import NOTHING_REMOVED, Removed

# Part of a run's identity. Increase it when a run writes different bytes for the same inputs.
FORMAT_VERSION = 11
# Increase it when the table of renditions gets other columns.
RENDITIONS_VERSION = "renditions-v2"
_ROW_BYTES = 300  # approximate size of a row in CSV or JSON Lines


@dataclass(frozen=True)
class Models:
    """Which models a run uses.

    Attributes:
        clip: The encoder's name as the deal gives it.
        clip_id: Its identity, which includes weights and precision.
        captioner: The captioner's name as the deal gives it.
        captioner_id: Its identity.
        demonstration: Whether either is the demonstration model.
        clip_precision: The encoder's precision, in which every worker computes.
        captioner_precision: The captioner's.
        precision_notes: Which precision each model has and why, for people.
        caption_language: The language that the captioner writes, BCP 47.
        endpoint: How a captioner behind an address is asked.
        vocabulary: The concepts by which media are tagged; None to tag nothing.
    """

    clip: str
    clip_id: str
    captioner: str
    captioner_id: str
    demonstration: bool
    clip_precision: str = "fp32"
    captioner_precision: str = "fp32"
    precision_notes: tuple[str, ...] = ()
    caption_language: str = "en"
    vocabulary: Vocabulary | None = None
    endpoint: EndpointTerms = field(default_factory=EndpointTerms)

    @property
    def vocabulary_id(self) -> str:
        """The vocabulary's identity; "" without one."""
        return "" if self.vocabulary is None else self.vocabulary.identity


@dataclass(frozen=True)
class Job:
    """The inputs of a run. It is sent to workers, so it holds no signing key.

    Attributes:
        deal: The deal.
        catalogue: The opened catalogue.
        as_of: The time at which consents, releases and terms are evaluated, UTC.
        models: The models.
        output_uri: Root of the output store.
        version: Name of the version being made, `v0001` and so on.
        salt: The deal's salt; known only to the agency and its workers.
        policy: Which locations media URIs may refer to.
        limits: Limits on the size and cost of media.
        trust: The trust lists for C2PA signatures.
        progress_path: Local file that workers on this machine append progress lines to, or "".
        workers: Number of processes.
        debug: Whether workers log what they do.
        beam_options: Beam's options for an engine other than the embedded one.
        rows_read: How many rows were read of each table but `assets`.
        lease_record: The lease by which this run holds its version; None if nothing is written.
        retry: Digest of the files that earlier versions of this run could not read and that can be
            read now; "" for the first version.
        new_pool: Name of the pool that was asked for, or "" if the version replaces the latest one.
        pool: Name of the pool that is divided.
        replaces: Name of the version that is replaced, or "".
        removed: What notices of removal keep out.
        inspectors: What has models measure pictures.
        begun_s: When this attempt at the run began, in seconds since 1970; nothing that is made
            depends on it.
        log: Where workers log what they do.
        doubted: Whether the run may have noted doubts about what servers sent.
        round: How often its graph has run before, since servers changed media.
    """

    deal: Deal
    catalogue: Catalogue
    as_of: datetime
    models: Models
    output_uri: str
    version: str
    salt: bytes = field(repr=False)
    policy: SourcePolicy
    limits: MediaLimits
    trust: TrustLists = NO_TRUST
    progress_path: str = ""
    workers: int = 1
    debug: bool = False
    beam_options: tuple[str, ...] = ()
    rows_read: tuple[tuple[str, TableCount], ...] = ()
    lease_record: LeaseRecord | None = None
    retry: str = ""
    new_pool: str = ""
    pool: str = PRICE_POOL
    replaces: str = ""
    removed: Removed = NOTHING_REMOVED
    inspectors: Inspectors = NO_INSPECTORS
    begun_s: float = 0.0
    log: LogTarget = NO_LOG
    doubted: bool = True
    round: int = 0

    @property
    def as_of_us(self) -> int:
        """`as_of` in µs since 1970."""
        return round(self.as_of.timestamp() * 1_000_000)

    @cached_property
    def terms_sha256(self) -> str:
        """Digest of `terms_file`, hex, which is stated in every sample's decision."""
        return hashlib.sha256(self.terms_file).hexdigest()

    @property
    def terms_text(self) -> str:
        """The deal's terms as text for the buyer: `rights/TERMS.md`."""
        return terms_text(buyer_terms(self.deal))

    @cached_property
    def terms_file(self) -> bytes:
        """The deal's terms as the buyer gets them: `rights/terms.json`."""
        terms, public = self.deal.terms_json(), buyer_terms(self.deal)
        return terms_file(self.salt, terms, public, self.terms_text)

    @cached_property
    def run_id(self) -> str:
        """Identifier made from the inputs: a run with the same inputs is the same run."""
        if not self.retry:
            return self.first_run_id
        # The manifest has this name and that of the first run: without the salt, whoever knows
        # both could find the ids of the files that were read again by trying.
        inputs: dict[str, str | int] = {
            **{"run": self.first_run_id, "retry": self.retry},
            "salt": _salt_digest(self.salt),
        }
        return hashlib.sha256(canonical_json(inputs)).hexdigest()[:16]

    @cached_property
    def first_run_id(self) -> str:
        """The run's identifier if no file that failed before is read again."""
        return run_id(
            self.deal,
            self.catalogue,
            self.as_of,
            self.models,
            self.salt,
            self.trust,
            self.new_pool,
            self.removed,
            self.inspectors,
        )

    @property
    def reader_id(self) -> str:
        """What the rights read from a file depend on, apart from the file itself."""
        return f"{READER_VERSION} {self.trust.digest}"

    @property
    def rendition_id(self) -> str:
        """What the delivered bytes of a file depend on, apart from the file itself."""
        stripped = f"{STRIPPER_VERSION} {self.deal.rights.personal_data} {self.reader_id}"
        parts = [RENDITIONS_VERSION, stripped]
        if self.deal.renders_pictures:
            parts += [self.deal.render_images, renderer_id(self.deal.render)]
        if films := film_renderer_id(self.deal):
            parts.append(films)
        return " ".join(parts)

    @property
    def unit_bits(self) -> int:
        """Number of leading bits of an asset's hash that select its unit."""
        return layout.unit_bits(estimate_rows(self.catalogue))

    @property
    def work(self) -> str:
        """Key prefix of the run's receipts and plans."""
        return layout.work_prefix(self.run_id)

    @property
    def delivery(self) -> str:
        """Key prefix of what the buyer receives."""
        return layout.delivery_prefix(self.deal.deal_id, self.version)

    @property
    def agency(self) -> str:
        """Key prefix of what stays with the agency."""
        return layout.agency_prefix(self.deal.deal_id, self.version)


def estimate_rows(catalogue: Catalogue) -> int:
    """Returns the number of assets: exact if the format states it, else estimated from file sizes.

    Only the size of units depends on it, and every call returns the same number.
    """
    if catalogue.rows is not None:
        return catalogue.rows
    files = [file for table in catalogue.tables if table.table == "assets" for file in table.files]
    return sum(file.size_bytes for file in files) // _ROW_BYTES


def run_id(
    deal: Deal,
    catalogue: Catalogue,
    as_of: datetime,
    models: Models,
    salt: bytes,
    trust: TrustLists,
    new_pool: str = "",
    removed: Removed = NOTHING_REMOVED,
    inspectors: Inspectors = NO_INSPECTORS,
) -> str:
    """Returns the digest of everything that determines a run's bytes, 16 hex digits.

    The salt represents the agency's key: a run started with one key is not resumed with another,
    because its commitments would differ.
    """
    inputs: dict[str, str | int] = {
        "format": FORMAT_VERSION,
        "deal": deal.terms_sha256(),
        "catalogue": catalogue.digest,
        "as_of": as_of.isoformat(),
        "clip": models.clip_id,
        "captioner": models.captioner_id,
        "vocabulary": models.vocabulary_id,
        "readers": READER_VERSION,
        "trust": trust.digest,
        "salt": _salt_digest(salt),
        **inspectors.identity,
    }
    if deal.renders_pictures:
        inputs["renderer"] = renderer_id(deal.render)
    if films := film_renderer_id(deal):
        inputs["film_renderer" if deal.renders_films else "soundless"] = films
    if new_pool:  # the same inputs with another pool are another run, which credits once more
        inputs["pool"] = new_pool
    # A run that began before a removal is not continued after it.
    if removed.files:
        inputs["removed"] = hashlib.sha256(canonical_json(removed.files)).hexdigest()
    if removed.looks:
        inputs["removed_looks"] = hashlib.sha256(canonical_json(removed.looks)).hexdigest()
    if removed.names:
        inputs["removed_names"] = hashlib.sha256(canonical_json(removed.names)).hexdigest()
    return hashlib.sha256(canonical_json(inputs)).hexdigest()[:16]


def _salt_digest(salt: bytes) -> str:
    return hashlib.sha256(b"fairshard/run\x00" + salt).hexdigest()
