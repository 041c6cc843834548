"""Traces a file's and its server's rights statements on one asset, and the effect of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pipelines.rights.formatting import one_line
from pipelines.rights.resolve import Resolution, resolve_statements
from schemas.catalogue import grant_column
from schemas.deal import Deal
from schemas.reasons import Reason
from schemas.signal import AssertionKind, FileAssertion, Origin, Reading, ReadingFault, Signal
from schemas.unit import ClearedRow

# The catalogue column that each kind of conflict is with.
_ConflictColumn = Literal[
    "people_count", "property", "release_ids", "minors", "digital_source_type", "licence_code"
]
_CONFLICT_COLUMNS: dict[Reason, _ConflictColumn] = {
    Reason.CONFLICT_MODEL_RELEASE: "people_count",
    Reason.CONFLICT_PROPERTY_RELEASE: "property",
    Reason.CONFLICT_RELEASE_IDS: "release_ids",
    Reason.CONFLICT_MINORS: "minors",
    Reason.CONFLICT_SOURCE: "digital_source_type",
    Reason.CONFLICT_PEOPLE: "people_count",
    Reason.CONFLICT_LICENCE: "licence_code",
}


@dataclass(frozen=True)
class FileStatement:
    """One statement and its effect on the decision.

    Attributes:
        kind: signal, fault, or a ClaimKind.
        origin: Where it comes from: the catalogue's grants, the file or the server.
        purpose: The purpose that a signal is about; else "".
        value: Its meaning.
        who: Who states it, if known.
        where: Where it was found.
        said: The raw value, one line.
        sha256: Digest of the raw bytes, hex.
        when: Its date, if it has one.
        needed: Whether the deal requires its purpose; true for claims and faults.
        reasons: The reasons that it gives against the asset.
        conflicts: For each conflict among them, the catalogue's value as column=value.
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
        """Its location and the value found there."""
        return f"{one_line(self.where)} = {one_line(self.said or self.value)}"

    @property
    def meaning(self) -> str:
        """The source and its interpretation."""
        reading_text = f" ({self.purpose} {self.value})" if self.purpose else ""
        return f"{self.source}{reading_text}"

    def evidence(self, reason: str) -> str:
        """The values that gave a reason; for a conflict, those of both sides."""
        catalogue_value = dict[str, str](self.conflicts).get(reason)
        return (
            self.meaning
            if catalogue_value is None
            else f"{self.meaning}, but the catalogue has {catalogue_value}"
        )


@dataclass(frozen=True)
class FileTrace:
    """The rights statements that were read from a file and its server.

    Attributes:
        media_sha256: Digest of the file, hex; "" if it could not be fetched.
        statements: All statements, in the order in which they were read. Of the catalogue's grants,
            only those that an agreement overrides.
        inference: Whether the asset may be embedded and captioned.
        constraints: PLUS codes that travel with the sample, by kind.
        source_type: IPTC's term for how it was made, or "".
    """

    media_sha256: str
    statements: tuple[FileStatement, ...] = ()
    inference: bool = True
    constraints: tuple[tuple[str, tuple[str, ...]], ...] = ()
    source_type: str = ""

    @property
    def overridden(self) -> tuple[FileStatement, ...]:
        """Every denial that a signed agreement overrides."""
        return tuple(item for item in self.statements if item.overridden_by)


def file_trace(
    row: ClearedRow,
    media_sha256: str,
    reading: Reading,
    resolution: Resolution,
    deal: Deal,
    as_of: date,
) -> FileTrace:
    """Traces the rights statements that were read from an asset's file and server.

    Args:
        row: Its row, with CLEARED_RIGHTS_FIELDS.
        media_sha256: Digest of the file, hex.
        reading: Everything that catalogue, file and server state.
        resolution: The result of resolving it.
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


def _statements(
    row: ClearedRow, reading: Reading, deal: Deal, as_of: date
) -> Iterator[FileStatement]:
    """Returns each statement with the result of `resolve_statements` for it alone."""
    for signal in reading.signals:
        resolution = resolve_statements(row, Reading(signals=(signal,)), deal, as_of)
        overriding_agreement = next((one_line(item.agreement) for item in resolution.overrides), "")
        if signal.origin is not Origin.CATALOGUE or overriding_agreement:
            yield _signal_statement(row, signal, resolution, overriding_agreement, deal)
    for assertion in reading.claims:
        resolution = resolve_statements(row, Reading(claims=(assertion,)), deal, as_of)
        yield _assertion_statement(row, assertion, resolution.reasons, reading, deal, as_of)
    for fault in reading.faults:
        resolution = resolve_statements(row, Reading(faults=(fault,)), deal, as_of)
        yield _fault_statement(fault, resolution.reasons)


def _signal_statement(
    row: ClearedRow, signal: Signal, resolution: Resolution, overriding_agreement: str, deal: Deal
) -> FileStatement:
    column = grant_column(signal.purpose)
    return FileStatement(
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
        reasons=resolution.reasons,
        conflicts=tuple(
            (reason, f"{column}={one_line(row[column])}")
            for reason in resolution.reasons
            if reason is Reason.CONFLICT_GRANT
        ),
        overridden_by=overriding_agreement,
    )


def _assertion_statement(
    row: ClearedRow,
    assertion: FileAssertion,
    own_reasons: tuple[Reason, ...],
    reading: Reading,
    deal: Deal,
    as_of: date,
) -> FileStatement:
    reasons = own_reasons
    if (
        assertion.kind is AssertionKind.COPYRIGHT
    ):  # copyright notices contradict one another, never the catalogue
        notices = tuple(item for item in reading.claims if item.kind is AssertionKind.COPYRIGHT)
        reasons = resolve_statements(row, Reading(claims=notices), deal, as_of).reasons
    return FileStatement(
        kind=assertion.kind,
        origin=Origin.FILE,
        purpose="",
        value=one_line(assertion.value),
        who="",
        where=one_line(assertion.where),
        said="",
        sha256=assertion.sha256,
        when="",
        needed=True,
        reasons=reasons,
        conflicts=tuple(
            (reason, f"{_CONFLICT_COLUMNS[reason]}={one_line(row[_CONFLICT_COLUMNS[reason]])}")
            for reason in reasons
            if reason in _CONFLICT_COLUMNS
        ),
    )


def _fault_statement(fault: ReadingFault, reasons: tuple[Reason, ...]) -> FileStatement:
    return FileStatement(
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
