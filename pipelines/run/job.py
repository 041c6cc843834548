"""A job: everything a run depends on, parsed once and handed to every step."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from pipelines.catalogue.read import Catalogue
from pipelines.fetch.locate import SourcePolicy
from pipelines.media.limits import MediaLimits
from pipelines.run.lease_record import LeaseRecord
from pipelines.signals.file.embedded import READER_VERSION
from pipelines.signals.file.trust import NO_TRUST, TrustLists
from schemas import layout
from schemas.canonical import canonical_json
from schemas.deal import Deal

# Part of a run's identity: a change of what a run writes for the same inputs raises it.
FORMAT_VERSION = 5
_ROW_BYTES = 300  # about what a row takes in CSV or JSON Lines


@dataclass(frozen=True)
class Models:
    """Which models a run uses.

    Attributes:
        clip: Name as the deal gives it; `clip_id` is its identity with weights and precision.
        captioner: Likewise for captions.
        demonstration: Whether either is the demonstration model.
    """

    clip: str
    clip_id: str
    captioner: str
    captioner_id: str
    demonstration: bool


@dataclass(frozen=True)
class Job:
    """The inputs of a run. It travels to workers, so it holds no signing key.

    Attributes:
        deal: The deal.
        catalogue: The opened catalogue.
        as_of: The instant that consents, releases and terms are judged at, UTC.
        models: The models.
        output_uri: Root of the output store.
        version: Name of the version being made, `v0001` and so on.
        salt: The deal's salt; stays with the agency and its workers.
        policy: What media URIs may reach.
        limits: What media may cost.
        trust: Whose C2PA signatures count.
        progress_path: Local file that workers on this machine add progress lines to, or "".
        workers: Processes to run in.
        debug: Whether workers speak of what they do.
        beam_options: Options of Beam, for another engine than the embedded one.
        lease_record: The claim that this run holds its version by; none where nothing is written.
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
    lease_record: LeaseRecord | None = None

    @property
    def as_of_us(self) -> int:
        """`as_of` in µs since 1970."""
        return round(self.as_of.timestamp() * 1_000_000)

    @cached_property
    def terms_sha256(self) -> str:
        """Digest of the deal's terms, which every sample's decision names."""
        return self.deal.terms_sha256()

    @cached_property
    def run_id(self) -> str:
        """Names a run by its inputs: the same inputs are the same run, and may be resumed."""
        return run_id(self.deal, self.catalogue, self.as_of, self.models, self.salt, self.trust)

    @property
    def reader_id(self) -> str:
        """What a reading of a file's rights depends on besides the file."""
        return f"{READER_VERSION} {self.trust.digest}"

    @property
    def unit_bits(self) -> int:
        """Leading bits of an asset's hash that name its unit."""
        return layout.unit_bits(estimate_rows(self.catalogue))

    @property
    def work(self) -> str:
        """Key prefix of the run's receipts and plans."""
        return layout.work_prefix(self.run_id)

    @property
    def delivery(self) -> str:
        """Key prefix of what the buyer gets."""
        return layout.delivery_prefix(self.deal.deal_id, self.version)

    @property
    def agency(self) -> str:
        """Key prefix of what stays with the agency."""
        return layout.agency_prefix(self.deal.deal_id, self.version)


def estimate_rows(catalogue: Catalogue) -> int:
    """How many assets there are: exact where the format tells, else from the files' sizes.

    Only the size of units hangs on it, and it is the same at every call.
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
) -> str:
    """Digest of all that decides a run's bytes, 16 hex digits.

    The salt stands for the agency's key: a run that was begun with one is not resumed with another,
    whose commitments would differ.
    """
    inputs: dict[str, str | int] = {
        "format": FORMAT_VERSION,
        "deal": deal.terms_sha256(),
        "catalogue": catalogue.digest,
        "as_of": as_of.isoformat(),
        "clip": models.clip_id,
        "captioner": models.captioner_id,
        "readers": READER_VERSION,
        "trust": trust.digest,
        "salt": hashlib.sha256(b"fairshard/run\x00" + salt).hexdigest(),
    }
    return hashlib.sha256(canonical_json(inputs)).hexdigest()[:16]
