"""What is asked to be removed, of whose output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from pipelines.accounts.asked import Asked
from pipelines.accounts.kept_salts import Opener
from pipelines.accounts.key import LogKey
from pipelines.ledger.ed25519 import AgencyKey
from pipelines.removal.search import Wanted
from pipelines.storage.store import Store
from schemas.manifest import RemovalWay
from schemas.notice import MoneyEffect, RecurringEffect, RemovalReason


@dataclass(frozen=True)
class Removal:
    """What is removed, and how. What is None is as the deal says.

    Attributes:
        wanted: What is removed.
        reason: Why.
        effective_at: The day from which it may not be used.
        recorded_at: The instant of the records.
        deadline_days: Days that the buyer has to delete it.
        way: How it is taken out of deliveries.
        money: What becomes of what was credited for it.
        recurring: What becomes of its weights in later revenue.
        deal_id: Only in this deal; empty for all.
    """

    wanted: Wanted
    reason: RemovalReason
    effective_at: date
    recorded_at: datetime
    deadline_days: int | None = None
    way: RemovalWay | None = None
    money: MoneyEffect | None = None
    recurring: RecurringEffect | None = None
    deal_id: str = ""

    @property
    def asked(self) -> Asked:
        """What is removed, as notices keep it."""
        return Asked.of(self.wanted.assets, self.wanted.contributors, self.wanted.releases)


@dataclass(frozen=True)
class Agency:
    """The agency's output and keys.

    Attributes:
        store: The output.
        key: The key of the log.
        signer: The same key, with its secret.
        secrets: Its secret and those of earlier keys, by verifier key.
    """

    store: Store
    key: LogKey
    signer: AgencyKey
    secrets: Mapping[str, Opener]
