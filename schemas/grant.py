"""Grants: which buyer may pull a deal, until when, and what a buyer asks with one."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Number of `Grant` and of `FileRequest`.
GRANT_FORMAT: Final = 1

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Text = Annotated[str, Field(min_length=1, max_length=200)]
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]

#: How many files may be asked for at a time.
MAX_PATHS = 1_000


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Grant(_Record):
    """What the agency allows a buyer. `signature` is the agency's, over the grant without it."""

    fairshard_grant: Literal[1]
    grant: _Name  # its id
    deal_id: _Name
    party: _Text  # the deal's buyer
    purposes: Annotated[list[_Text], Field(min_length=1, max_length=20)]  # some of the deal's
    holder: _Text  # the buyer's verifier key, whose owner alone can use the grant
    issued_at: _Text  # ISO 8601 instant, UTC
    expires_at: _Text  # likewise
    vkey: _Text
    signature: Annotated[str, Field(max_length=1_000)] = ""


class FileRequest(_Record):
    """What a buyer asks: addresses of files. `signature` is by the grant's holder."""

    fairshard_request: Literal[1]
    grant: _Name
    deal_id: _Name
    purpose: _Text  # what the files are for
    paths: Annotated[list[_Text], Field(min_length=1, max_length=MAX_PATHS)]  # below the deal
    asked_at: _Text  # ISO 8601 instant; a request is good for some minutes, and once
    vkey: _Text
    signature: Annotated[str, Field(max_length=1_000)] = ""


class SignedRequest(_Record):
    """A grant and a request, each as the canonical JSON that was signed."""

    grant: Annotated[str, Field(max_length=20_000)]
    request: Annotated[str, Field(max_length=400_000)]


class GrantedFile(_Record):
    """A file's address, for some minutes."""

    path: str
    url: str
    sha256: _Digest | None  # None for records that have no digest in a manifest
    bytes: int | None


class GrantedFiles(_Record):
    """The answer to a request."""

    files: list[GrantedFile]
    life_s: int  # for how many seconds each address can be used


class Refused(_Record):
    """Why a request was refused."""

    refused: Literal[
        "malformed",
        "address",
        "signature",
        "expired",
        "revoked",
        "unknown grant",
        "other deal",
        "party",
        "purpose",
        "path",
        "replayed",
    ]
    detail: str
