"""What a deal's folder says about its versions: the latest one, and what a version changed.

`latest.json` is for buyers what timestamp and snapshot are in The Update Framework (TUF): it names
the version to use with its manifest's digest, has a number that only grows, lists all versions and
notices together, so that nobody can show a buyer some of them, and ends after some days, so that
nobody can keep a buyer at an old one.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.notice import RemovalReason

#: Number of `Latest` and of `Changes`.
LATEST_FORMAT: Final = 1

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Version = Annotated[str, Field(pattern=r"^v\d{4,9}$")]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class VersionRecord(_Record):
    """A published version."""

    version: _Version
    manifest_sha256: _Digest
    manifest_bytes: Annotated[int, Field(gt=0)]


class NoticeRecord(_Record):
    """A notice of removal to the deal's buyer."""

    notice: str  # its id; the file is notices/<id>.json
    sha256: _Digest  # of the file


class Latest(_Record):
    """The state of a deal. `signature` is over the record without it."""

    fairshard_latest: Literal[1]
    deal_id: str
    sequence: Annotated[int, Field(ge=1, lt=2**53)]  # grows with each new `latest.json` of the deal
    version: _Version  # the one to use
    versions: Annotated[list[VersionRecord], Field(min_length=1)]  # by number, ascending
    notices: list[NoticeRecord]  # by id
    issued_at: str  # ISO 8601 instant, UTC
    expires_at: str  # likewise; afterwards it says nothing
    vkey: str  # the signer's verifier key, signed-note form
    signature: str = ""  # a signed-note line

    def record(self) -> VersionRecord:
        """Returns the record of the version to use.

        Raises:
            ValueError: If it is not among the versions.
        """
        for one in self.versions:
            if one.version == self.version:
                return one
        raise ValueError(f"{self.version} is not among the versions")


class PreviousVersion(_Record):
    """The version that a version is compared with."""

    delivery: str  # <deal_id>/<version>
    manifest_sha256: _Digest


class ChangedShards(_Record):
    """Names of shards, sorted."""

    same: list[str]  # with the same name and bytes
    new: list[str]
    changed: list[str]  # with the same name and other bytes
    removed: list[str]


class RemovedAsset(_Record):
    """An asset that the previous version has, and that a notice removes."""

    asset: _Digest  # the commitment by which the previous version names it
    notice: str
    reason: RemovalReason
    deadline: str  # ISO 8601 day by which the buyer must have deleted it


class Changes(_Record):
    """What a version changed, in `CHANGES.json` beside its delivery. Signed like `latest.json`."""

    fairshard_changes: Literal[1]
    delivery: str  # <deal_id>/<version>
    manifest_sha256: _Digest
    previous: PreviousVersion | None  # None for a deal's first version
    shards: ChangedShards
    removed: list[RemovedAsset]  # by notice, then by commitment
    vkey: str
    signature: str = ""
