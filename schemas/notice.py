"""Removal: the notice that a buyer is sent, and the buyer's replies to it.

A notice names assets by their commitments and says where they are in the buyer's own deliveries. It
has no id of the agency, nobody's name and nothing of other deals.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.deal_values import OneLine
from schemas.manifest import RemovalWay

#: Why assets are removed.
RemovalReason = Literal[
    "consent_withdrawn", "takedown", "release_invalid", "expiry", "minor", "legal"
]
#: What becomes of what was credited for removed assets from a delivery's price.
MoneyEffect = Literal["keep", "reverse"]
#: What becomes of removed assets' weights in later revenue.
RecurringEffect = Literal["keep", "stop", "stop-next-period"]
#: What of an asset a buyer must delete.
RemovalScope = Literal["media", "texts", "embeddings", "shots", "copies"]

SCOPE: tuple[RemovalScope, ...] = ("media", "texts", "embeddings", "shots", "copies")

#: Type of a reply in a DSSE envelope.
REPLY_TYPE = "application/vnd.fairshard.removal-reply+json"

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def check_day(text: str) -> str:
    """Returns an ISO 8601 date as it is; raises ValueError for a day that no calendar has."""
    date.fromisoformat(text)
    return text


_Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(check_day)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NoticeMember(_Record):
    """A member of a tar: its bytes begin at `offset`."""

    name: str
    offset: int
    length: int


class NoticeSample(_Record):
    """A sample of a removed asset."""

    asset: _Digest  # the commitment by which the delivery names it
    key: str
    row: int  # in the shard's table, from 0
    members: list[NoticeMember]
    embedding_row: int | None  # in the files of embeddings and their metadata
    shot_rows: list[int]  # in the table of shots


class NoticeShard(_Record):
    """A shard that has samples of removed assets."""

    name: str
    sha256: _Digest  # of the tar as delivered
    index: int  # by which files of embeddings are numbered
    samples: list[NoticeSample]


class NoticeDelivery(_Record):
    """A delivery that has samples of removed assets."""

    delivery: str  # <deal_id>/<version>
    manifest_sha256: _Digest
    shards: list[NoticeShard]


class Notice(_Record):
    """What a buyer must remove. `signature` is over the notice without it."""

    fairshard_notice: Literal[1]
    notice: str  # its id
    sequence: int  # counts all notices of the agency, from 1
    deal_id: str
    issued_at: str  # ISO 8601 instant, UTC
    reason: RemovalReason
    effective_at: _Day
    deadline: _Day  # by which the buyer must have deleted
    action: Literal["delete"]
    scope: list[RemovalScope]
    way: RemovalWay  # how the agency takes the samples out of the delivery
    deliveries: list[NoticeDelivery]
    vkey: str  # the signer's verifier key, signed-note form
    signature: str = ""  # a signed-note line


class NoticeReference(_Record):
    """A notice that a reply answers."""

    notice: str
    sha256: _Digest  # of the notice's file


class ReplacedShard(_Record):
    """What a buyer has now instead of a shard that a notice names."""

    name: str
    sha256: _Digest  # as the notice has it
    replacement_sha256: _Digest | None  # None if the shard was deleted and nothing replaces it


class Reply(_Record):
    """A buyer's answer: it received notices, or has deleted what they name."""

    fairshard_removal_reply: Literal[1]
    kind: Literal["acknowledgement", "certificate"]
    notices: Annotated[list[NoticeReference], Field(min_length=1)]
    scope: list[RemovalScope]  # what was deleted; empty in an acknowledgement
    shards: list[ReplacedShard]  # likewise
    signer: OneLine  # who signs for the buyer
    signed_at: _Day
