"""Writes a buyer's certificate of deletion, which `pipelines.removal.certificates` checks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pipelines.ledger.dsse import envelope
from pipelines.ledger.signed_note import Signer
from schemas.canonical import canonical_json
from schemas.manifest import Manifest
from schemas.notice import REPLY_TYPE, SCOPE, Notice, NoticeReference, ReplacedShard, Reply


def certificate(
    notices: Sequence[tuple[bytes, Notice]],
    now: Manifest,
    signer: Signer,
    signed_by: str,
    signed_at: str,
) -> bytes:
    """Returns a certificate that everything was deleted that notices name.

    Args:
        notices: The notices with their bytes.
        now: The version that the buyer uses instead.
        signer: The buyer's key.
        signed_by: Who signs for the buyer.
        signed_at: The day, ISO 8601.
    """
    instead = {shard.name: shard.sha256 for shard in now.shards}
    shards = {
        shard.sha256: ReplacedShard(
            name=shard.name, sha256=shard.sha256, replacement_sha256=instead.get(shard.name)
        )
        for _, notice in notices
        for delivery in notice.deliveries
        for shard in delivery.shards
    }
    reply = Reply(
        fairshard_removal_reply=1,
        kind="certificate",
        notices=[
            NoticeReference(notice=notice.notice, sha256=hashlib.sha256(data).hexdigest())
            for data, notice in notices
        ],
        scope=list(SCOPE),
        shards=[shards[digest] for digest in sorted(shards)],
        signer=signed_by,
        signed_at=signed_at,
    )
    return envelope(signer, canonical_json(reply.model_dump(mode="json")), REPLY_TYPE)
