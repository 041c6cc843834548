"""Makes notices of removal from the samples that they name and the terms of the removal."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pipelines.format.manifest import manifest_bytes
from pipelines.removal.locate import FoundSample
from pipelines.removal.search import FoundVersion
from schemas.manifest import RemovalWay
from schemas.notice import (
    SCOPE,
    MoneyEffect,
    Notice,
    NoticeDelivery,
    NoticeMember,
    NoticeSample,
    NoticeShard,
    RecurringEffect,
    RemovalReason,
)


@dataclass(frozen=True)
class NoticeTerms:
    """What a notice says besides what it is about.

    Attributes:
        reason: Why the assets are removed.
        effective_at: The day from which they may not be used.
        deadline_days: Days that the buyer has to delete them.
        way: How the agency takes them out of the delivery.
        money: What becomes of what the price credited for them.
        recurring: What becomes of their weights in later revenue.
    """

    reason: RemovalReason
    effective_at: date
    deadline_days: int
    way: RemovalWay
    money: MoneyEffect
    recurring: RecurringEffect

    @property
    def deadline(self) -> date:
        """The day by which the buyer must have deleted them."""
        return self.effective_at + timedelta(days=self.deadline_days)

    def to_json(self) -> dict[str, object]:
        """Returns them as a record has them."""
        return {
            "reason": self.reason,
            "effective_at": self.effective_at.isoformat(),
            "deadline": self.deadline.isoformat(),
            "way": self.way,
            "money": self.money,
            "recurring": self.recurring,
        }


#: Samples by version that are not named by a notice.
Unnamed = list[tuple[FoundVersion, list[FoundSample]]]


def make_notice(
    deal_id: str, sequence: int, left: Unnamed, terms: NoticeTerms, issued_at: str, vkey: str
) -> Notice:
    """Makes a notice, before it is signed.

    Args:
        deal_id: The deal.
        sequence: The number of the notice.
        left: The samples that it names, by version.
        terms: What else it says.
        issued_at: ISO 8601 instant.
        vkey: The verifier key of the agency that signs it.
    """
    return Notice(
        fairshard_notice=1,
        notice=f"{deal_id}-{sequence:06d}",
        sequence=sequence,
        deal_id=deal_id,
        issued_at=issued_at,
        reason=terms.reason,
        effective_at=terms.effective_at.isoformat(),
        deadline=terms.deadline.isoformat(),
        action="delete",
        scope=list(SCOPE),
        way=terms.way,
        deliveries=[_delivery(version, samples) for version, samples in left],
        vkey=vkey,
    )


def _delivery(version: FoundVersion, samples: Sequence[FoundSample]) -> NoticeDelivery:
    shards: dict[int, list[FoundSample]] = defaultdict(list)
    for one in samples:
        shards[one.index].append(one)
    manifest = version.published.manifest
    return NoticeDelivery(
        delivery=manifest.delivery,
        manifest_sha256=hashlib.sha256(manifest_bytes(manifest)).hexdigest(),
        shards=[
            NoticeShard(
                name=own[0].shard,
                sha256=own[0].shard_sha256,
                index=index,
                samples=[_sample(one) for one in own],
            )
            for index, own in sorted(shards.items())
        ],
    )


def _sample(one: FoundSample) -> NoticeSample:
    return NoticeSample(
        asset=one.asset_commitment,
        key=one.key,
        row=one.row,
        members=[
            NoticeMember(name=place.name, offset=place.offset, length=place.length)
            for place in one.members
        ],
        embedding_row=one.embedding_row,
        shot_rows=list(one.shot_rows),
    )
