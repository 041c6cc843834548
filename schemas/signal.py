"""Records for what files, servers, catalogues and people state about rights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

import pyarrow as pa

from schemas.rights import Permission, Purpose


class Origin(StrEnum):
    """Where a statement comes from, which decides how much weight it has (docs/rights.md)."""

    CATALOGUE = "catalogue"  # a grant column, set by the agency
    FILE = "file"  # metadata inside the media
    SERVER = "server"  # an HTTP header, or a file beside the media on its server


@dataclass(frozen=True)
class Signal:
    """One statement about one purpose.

    Attributes:
        origin: Where it comes from.
        purpose: The purpose that it is about.
        value: Its meaning: allow, deny, conditional or unknown.
        who: Who states it: `agency`, a contributor's id, a C2PA signer, a host; "" for nobody.
        where: Its location: a column, an XMP property, a C2PA assertion, a header, a file.
        sha256: Digest of the raw bytes of the statement, hex.
        when: Its date, ISO 8601; "" if it is not dated, and then the run's `as_of`, when it was
            read, is used instead.
        said: The raw value, one printable line.
    """

    origin: Origin
    purpose: Purpose
    value: Permission
    who: str
    where: str
    sha256: str
    when: str
    said: str


class AssertionKind(StrEnum):
    """What a file may state other than permissions for purposes."""

    MODEL_RELEASE = "model_release"  # MR-NON, MR-NAP, MR-UMR, MR-LMR
    PROPERTY_RELEASE = "property_release"  # PR-NON, PR-NAP, PR-UPR, PR-LPR
    MODEL_RELEASE_ID = "model_release_id"
    PROPERTY_RELEASE_ID = "property_release_id"
    MINOR_AGE = "minor_age"  # AG-UNK, AG-A25 … AG-A15, AG-U14: the youngest person's
    SOURCE_TYPE = "source_type"  # term of IPTC's digitalsourcetype, without its prefix
    ALTERATION = "alteration"  # AL-CRP, AL-FLP, AL-RET, AL-CLR, AL-DCL, AL-MRG
    FILE_CONSTRAINT = "file_constraint"  # IF-MFN, IF-MID, IF-MMD, IF-MFT
    DUPLICATION = "duplication"  # DP-NDC, DP-LIC, DP-NOD
    COPYRIGHT = "copyright"  # a notice, as text
    CREATOR = "creator"
    CONSTRAINT_TEXT = "constraint_text"  # plus:OtherConstraints
    C2PA_STATE = "c2pa_state"  # Trusted, Valid, Invalid
    REMOTE_MANIFEST = "remote_manifest"  # where a manifest is said to lie; never fetched
    TEXT = "text"  # of a field about rights, or a comment, in plain language
    LICENCE = "licence"  # an SPDX identifier, or the address or name of a licence
    MODEL_AGE = "model_age"  # of a person shown, in years
    PEOPLE_SHOWN = "people_shown"  # how many people the file names or marks, a number
    UNJUDGED = "unjudged_content"  # pictures, films or bytes that are not examined
    PERSONAL = "personal_data"  # the kind (PersonalKind), never the data itself


class PersonalKind(StrEnum):
    """Kinds of personal data; what is counted and shown in place of the data."""

    NAME = "name"  # of authors, owners, editors
    CONTACT = "contact"  # e-mail addresses, phone numbers, postal addresses
    GPS = "gps"  # positions
    SERIAL_NUMBER = "serial_number"  # of a camera or lens
    PERSON = "person"  # names, ages and marked faces of the people shown
    CAMERA_DATA = "camera_data"  # maker notes and telemetry: may hold any of the others


@dataclass(frozen=True)
class FileAssertion:
    """One statement of fact in a file. The attributes are as in `Signal`."""

    kind: AssertionKind
    value: str
    where: str
    sha256: str


@dataclass(frozen=True)
class ReadingFault:
    """Rights metadata that could not be read. It may deny a purpose, so the asset is refused.

    Attributes:
        origin: File or server.
        where: Its location.
        detail: What is wrong with it, one printable line.
        sha256: Digest of the raw bytes, hex.
    """

    origin: Origin
    where: str
    detail: str
    sha256: str


@dataclass(frozen=True)
class Reading:
    """Everything that one or more readers found."""

    signals: tuple[Signal, ...] = ()
    claims: tuple[FileAssertion, ...] = ()
    faults: tuple[ReadingFault, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.signals or self.claims or self.faults)


def merge_readings(readings: Iterable[Reading]) -> Reading:
    """Returns several readings as one, in order; identical statements are kept once."""
    all_readings = list(readings)
    return Reading(
        tuple(dict.fromkeys(signal for reading in all_readings for signal in reading.signals)),
        tuple(dict.fromkeys(assertion for reading in all_readings for assertion in reading.claims)),
        tuple(dict.fromkeys(fault for reading in all_readings for fault in reading.faults)),
    )


def personal_kinds_of(reading: Reading) -> set[str]:
    """Returns the kinds of personal data that a file was found to hold."""
    return {claim.value for claim in reading.claims if claim.kind is AssertionKind.PERSONAL}


def raw_sha256(raw: bytes | str) -> str:
    """Returns the digest of a statement's raw bytes, in hex."""
    data = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
    return hashlib.sha256(data).hexdigest()


class SignalRow(TypedDict):
    """A row of SIGNALS_SCHEMA."""

    asset_id: str
    kind: str
    origin: str
    purpose: str
    value: str
    said_by: str
    where: str
    said: str
    sha256: str
    when: str
    overridden_by: str


# The agency's record of what files and servers state about assets, and of every denial that a
# signed agreement overrides: one row per statement.
SIGNALS_SCHEMA = pa.schema(
    [
        pa.field("asset_id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # signal, fault, or a ClaimKind
        pa.field("origin", pa.string(), nullable=False),
        pa.field("purpose", pa.string(), nullable=False),  # only for signals; else ""
        pa.field("value", pa.string(), nullable=False),
        pa.field("said_by", pa.string(), nullable=False),
        pa.field("where", pa.string(), nullable=False),
        pa.field("said", pa.string(), nullable=False),  # raw, one line
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("when", pa.string(), nullable=False),  # ISO 8601: stated or, if unknown, read
        pa.field("overridden_by", pa.string(), nullable=False),  # an agreement, or ""
    ]
)
