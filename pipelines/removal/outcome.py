"""What a removal did, deal by deal."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pipelines.accounts.pools import BookedPool
from pipelines.accounts.removals import RecordedNotice


@dataclass(frozen=True)
class DealRemoval:
    """What a removal did in one deal.

    Attributes:
        deal_id: The deal.
        notices: The notices that name the samples, in order of their numbers.
        paths: Keys of these notices.
        is_new: Whether the last of them was written now.
        found: Number of samples found, by delivery.
        patched: Versions that were made, by the version that they patch.
        emptied: Deliveries of which nothing would be left, which were not patched.
        corrections: What takes money back.
        kept_revenue: How many records of later revenue were shared before, of which nothing is
            taken back; 0 if no money is.
        differences: What was asked for and an earlier notice about the same samples says otherwise.
    """

    deal_id: str
    notices: tuple[RecordedNotice, ...]
    paths: tuple[str, ...]
    is_new: bool
    found: dict[str, int]
    patched: dict[str, str] = field(default_factory=dict)
    emptied: tuple[str, ...] = ()
    corrections: tuple[BookedPool, ...] = ()
    kept_revenue: int = 0
    differences: tuple[str, ...] = ()

    def after(self, earlier: DealRemoval | None) -> DealRemoval:
        """Returns this together with what the same command did before."""
        if earlier is None:
            return self
        return replace(
            self,
            is_new=self.is_new or earlier.is_new,
            patched={**earlier.patched, **self.patched},
        )

    @property
    def taken(self) -> list[tuple[int, str, int, str]]:
        """What corrections take back: record, delivery, minor units and currency."""
        return [
            (one.index, one.delivery, -one.fields["contributors_minor"], one.currency)
            for one in self.corrections
        ]


@dataclass(frozen=True)
class Revocation:
    """What a removal did.

    Attributes:
        deals: By deal; none if nothing of it is in a delivery.
        unknown: What was named and is in no published delivery, such as `asset img-1`.
        standing: The notice without a buyer that has some of what was named, if there is one.
        standing_is_new: Whether it was recorded now.
        unrecorded: Whether what is unknown was not recorded, so that later runs do not refuse it.
    """

    deals: list[DealRemoval]
    unknown: tuple[str, ...]
    standing: RecordedNotice | None = None
    standing_is_new: bool = False
    unrecorded: bool = False
