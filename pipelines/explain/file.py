"""What a file and its server say of one asset, statement by statement, and what each does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipelines.rights.lines import one_line
from pipelines.rights.resolve import Resolution, resolve
from schemas.catalogue import grant_column
from schemas.deal import Deal
from schemas.reasons import Reason
from schemas.signal import Claim, ClaimKind, Fault, Origin, Reading, Signal

Row = dict[str, Any]

# The catalogue's side of a conflict.
_COLUMNS = {
    Reason.CONFLICT_MODEL_RELEASE: "people_count",
    Reason.CONFLICT_PROPERTY_RELEASE: "property",
    Reason.CONFLICT_RELEASE_IDS: "release_ids",
    Reason.CONFLICT_MINORS: "minors",
    Reason.CONFLICT_SOURCE: "digital_source_type",
}


@dataclass(frozen=True)
class Statement:
    """One statement, and what it does when it is weighed.

    Attributes:
        kind: signal, fault, or a ClaimKind.
        origin: Who speaks: the catalogue's grants, the file or the server.
        purpose: What a signal speaks of; else "".
        value: What it says.
        who: Who says it, where it is known.
        where: Where it stands.
        said: The raw value, one line.
        sha256: Digest of the raw bytes, hex.
        when: When it was said, where it is dated.
        needed: Whether the deal asks for its purpose; true of claims and faults.
        reasons: The reasons that it gives against the asset.
        conflicts: For each conflict among them, the catalogue's side as column=value.
        overridden_by: The agreement that overrides it, or "".
    """

    kind: str
    origin: Origin
    purpose: str
    value: str
    who: str
    where: str
    said: str
    sha256: str
    when: str
    needed: bool
    reasons: tuple[Reason, ...] = ()
    conflicts: tuple[tuple[Reason, str], ...] = ()
    overridden_by: str = ""

    @property
    def source(self) -> str:
        """Where it stands and what stands there."""
        return f"{one_line(self.where)} = {one_line(self.said or self.value)}"

    @property
    def meaning(self) -> str:
        """The source, and what it is read as."""
        read = f" ({self.purpose} {self.value})" if self.purpose else ""
        return f"{self.source}{read}"

    def against(self, reason: Reason) -> str:
        """What gave a reason: for a conflict, both sides."""
        ours = dict(self.conflicts).get(reason)
        return self.meaning if ours is None else f"{self.meaning}, but the catalogue has {ours}"


@dataclass(frozen=True)
class FileTrace:
    """What was read of a file and its server.

    Attributes:
        media_sha256: Digest of the file, hex; "" where it could not be had.
        statements: Everything said, in the order of the reading: of the catalogue's grants those
            alone that an agreement overrides.
        inference: Whether the asset may be embedded and captioned.
        constraints: PLUS codes that travel with the sample, by kind.
        source_type: IPTC's term for how it was made, or "".
    """

    media_sha256: str
    statements: tuple[Statement, ...] = ()
    inference: bool = True
    constraints: tuple[tuple[str, tuple[str, ...]], ...] = ()
    source_type: str = ""

    @property
    def overridden(self) -> tuple[Statement, ...]:
        """Every no that a signed agreement overrides."""
        return tuple(item for item in self.statements if item.overridden_by)


def file_trace(
    row: Row,
    media_sha256: str,
    reading: Reading,
    resolution: Resolution,
    deal: Deal,
    as_of: date,
) -> FileTrace:
    """Traces what was read of an asset's file.

    Args:
        row: Its row, with STANDING_FIELDS.
        media_sha256: Digest of the file, hex.
        reading: All that catalogue, file and server say.
        resolution: What that came to.
        deal: The deal.
        as_of: The day on which the deal's agreements must be signed.
    """
    constraints = ((kind.value, codes) for kind, codes in resolution.constraints.items() if codes)
    return FileTrace(
        media_sha256,
        tuple(_statements(row, reading, deal, as_of)),
        resolution.inference,
        tuple(constraints),
        resolution.source_type,
    )


def _statements(row: Row, reading: Reading, deal: Deal, as_of: date) -> Iterator[Statement]:
    """Each statement with what `resolve` makes of it alone."""
    for signal in reading.signals:
        found = resolve(row, Reading(signals=(signal,)), deal, as_of)
        over = next((one_line(item.agreement) for item in found.overrides), "")
        if signal.origin is not Origin.CATALOGUE or over:
            yield _of_signal(row, signal, found, over, deal)
    for claim in reading.claims:
        found = resolve(row, Reading(claims=(claim,)), deal, as_of)
        yield _of_claim(row, claim, found.reasons, reading, deal, as_of)
    for fault in reading.faults:
        found = resolve(row, Reading(faults=(fault,)), deal, as_of)
        yield _of_fault(fault, found.reasons)


def _of_signal(row: Row, signal: Signal, found: Resolution, over: str, deal: Deal) -> Statement:
    column = grant_column(signal.purpose)
    return Statement(
        kind="signal",
        origin=signal.origin,
        purpose=signal.purpose,
        value=signal.value,
        who=one_line(signal.who),
        where=one_line(signal.where),
        said=one_line(signal.said),
        sha256=signal.sha256,
        when=one_line(signal.when),
        needed=signal.purpose in deal.judged_purposes,
        reasons=found.reasons,
        conflicts=tuple(
            (reason, f"{column}={one_line(row[column])}")
            for reason in found.reasons
            if reason is Reason.CONFLICT_GRANT
        ),
        overridden_by=over,
    )


def _of_claim(
    row: Row,
    claim: Claim,
    alone: tuple[Reason, ...],
    reading: Reading,
    deal: Deal,
    as_of: date,
) -> Statement:
    reasons = alone
    if claim.kind is ClaimKind.COPYRIGHT:  # a notice contradicts other notices, never the catalogue
        notices = tuple(item for item in reading.claims if item.kind is ClaimKind.COPYRIGHT)
        reasons = resolve(row, Reading(claims=notices), deal, as_of).reasons
    return Statement(
        kind=claim.kind,
        origin=Origin.FILE,
        purpose="",
        value=one_line(claim.value),
        who="",
        where=one_line(claim.where),
        said="",
        sha256=claim.sha256,
        when="",
        needed=True,
        reasons=reasons,
        conflicts=tuple(
            (reason, f"{_COLUMNS[reason]}={one_line(row[_COLUMNS[reason]])}")
            for reason in reasons
            if reason in _COLUMNS
        ),
    )


def _of_fault(fault: Fault, reasons: tuple[Reason, ...]) -> Statement:
    return Statement(
        kind="fault",
        origin=fault.origin,
        purpose="",
        value="unreadable",
        who="",
        where=one_line(fault.where),
        said=one_line(fault.detail),
        sha256=fault.sha256,
        when="",
        needed=True,
        reasons=reasons,
    )
