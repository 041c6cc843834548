"""The index that screening joins assets to: contributors, consents, releases and agreements."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.rights.agreements import AgreementCoverage, ListedAgreements
from pipelines.rights.consent_verdicts import VerdictBits
from pipelines.rights.consents import ConsentIndex
from pipelines.rights.lookup import StringIndex
from pipelines.rights.releases import ReleaseIndex
from pipelines.rights.removed import RemovedIndex
from schemas.rights import Purpose


@dataclass(frozen=True)
class RightsIndex:
    """The small tables, indexed for one deal and instant.

    Attributes:
        consents: Who consents to what.
        verdicts: For each of `consents.people`, the verdicts on what they said in general; the last
            ones are those of an unknown person, [people + 1].
        listed: The agreements that consents may name.
        releases: Which releases are valid.
        agreements: For each purpose, whom the deal's own agreements cover.
        needed_until: The day until which rights must hold, in days since 1970.
        removed: What notices of removal keep out of deliveries.
        only: The only assets that the deal takes, of one that lists them.
    """

    consents: ConsentIndex
    verdicts: VerdictBits
    listed: ListedAgreements
    releases: ReleaseIndex
    agreements: dict[Purpose, AgreementCoverage]
    needed_until: int
    removed: RemovedIndex
    only: StringIndex
