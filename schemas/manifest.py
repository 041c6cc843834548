"""The manifest: what a delivery consists of, signed, with an explicit end.

It says nothing of what was left out: how many assets were refused or withdrawn, and why, is the
agency's business and is kept in its own folder.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

#: How samples are taken out of a delivery. `patch`: the shards concerned are written again without
#: them. `tombstone`: their bytes are overwritten in place, and everything else stays where it is.
RemovalWay = Literal["patch", "tombstone"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DealRecord(_Record):
    """The deal's terms in short, without the price; `rights/terms.json` has them all."""

    deal_id: str
    buyer: str
    purposes: list[str]
    territory: list[str]
    starts: str  # ISO 8601 date
    ends: str
    profile: str
    terms_sha256: str  # of rights/terms.json, hex; without that file, a salted commitment


class ModelRecord(_Record):
    """The models that wrote the captions and computed the embeddings."""

    clip: str  # architecture, digest of the weights, precision
    captioner: str
    demonstration: bool
    notice: str  # a sentence that says so if a model is the demonstration model


class ShardRecord(_Record):
    """A shard's tar."""

    name: str
    family: str
    samples: int
    bytes: int
    sha256: str


class LedgerRecord(_Record):
    """The ledger's tree."""

    entries: int
    root: str  # RFC 6962, hex
    origin: str


class FileRecord(_Record):
    """A published file other than the manifest itself."""

    path: str  # below delivery/
    bytes: int
    sha256: str


class EndRecord(_Record):
    """Totals; a manifest without them is truncated."""

    shards: int
    samples: int
    files: int
    bytes: int


class PatchRecord(_Record):
    """What a patched delivery was made from, and what was done to it.

    All files of a shard that is not in `shards` have the same names and bytes as before.
    """

    delivery: str  # the delivery that was patched
    manifest_sha256: str  # of its manifest, hex
    original: str  # the delivery that was packaged, for which the ledger's entries were made
    way: RemovalWay
    notices: list[str]  # ids of the removal notices, sorted
    as_of: str  # ISO 8601 instant, UTC
    shards: list[str]  # names of the shards that lost samples, sorted
    dropped: list[int]  # numbers of shards that lost all samples and are gone, here or earlier


class Manifest(_Record):
    """Everything a delivery consists of. `signature` is over the manifest without it.

    A patched delivery has number 5 and `patches`; any other has number 4 and no such field. With
    the numbers 3 and 2, which are of earlier builds, `terms_sha256` has no salt.
    """

    fairshard_manifest: Literal[2, 3, 4, 5]
    delivery: str  # <deal_id>/<version>
    as_of: str  # ISO 8601 instant, UTC
    run_id: str
    deal: DealRecord
    models: ModelRecord
    shards: list[ShardRecord]
    ledger: LedgerRecord
    files: list[FileRecord]
    vkey: str  # the signer's verifier key, signed-note form
    end: EndRecord
    patches: PatchRecord | None = None
    signature: str = ""  # a signed-note line
