"""The inputs by which an asset is judged: they are opened and read, and nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipelines.catalogue.choice import AS_FOUND, MappingChoice
from pipelines.catalogue.read import Catalogue, open_catalogue, read_table
from pipelines.explain.trace import ScreeningTables
from pipelines.fetch.locate import SourcePolicy, media_limits, source_policy
from pipelines.fetch.pacing import DEFAULT_CLIENT, HttpClient
from pipelines.media.limits import MediaLimits
from pipelines.rights.rules.screen import build_rights_index
from pipelines.rights.rulings import check_rulings
from pipelines.signals.file.trust import NO_TRUST, TrustLists, load_trust_lists
from schemas.catalogue import SMALL_TABLES
from schemas.deal import Deal
from schemas.removed import NOTHING_REMOVED, Removed


@dataclass(frozen=True)
class DecisionInputs:
    """All inputs of a run that an asset's decision depends on.

    Attributes:
        deal: The deal.
        catalogue: The opened catalogue.
        as_of: The instant at which rights are judged, UTC.
        policy: The places that media URIs may point to.
        limits: Limits on size and decoding cost of media.
        trust: The signers whose C2PA signatures are trusted.
        removed: What notices of removal keep out of deliveries.
    """

    deal: Deal
    catalogue: Catalogue
    as_of: datetime
    policy: SourcePolicy
    limits: MediaLimits
    trust: TrustLists = NO_TRUST
    removed: Removed = NOTHING_REMOVED

    @property
    def as_of_us(self) -> int:
        """`as_of` in µs since 1970."""
        return round(self.as_of.timestamp() * 1_000_000)


def open_decision_inputs(
    catalogue: str,
    deal: Deal,
    as_of: datetime,
    mapping: MappingChoice = AS_FOUND,
    roots: tuple[str, ...] = (),
    hosts: tuple[str, ...] = (),
    client: HttpClient = DEFAULT_CLIENT,
) -> DecisionInputs:
    """Opens the inputs by which an asset is judged, without writing anything.

    Args:
        catalogue: Folder or s3:// prefix.
        deal: The deal.
        as_of: The instant at which rights are judged, UTC.
        mapping: How the columns of the catalogue are mapped.
        roots: Further roots that media may lie under.
        hosts: Further hosts that they may come from.
        client: How web servers are asked.

    Raises:
        InputError: If an input is invalid; it names the first one.
    """
    media_root = [mapping.media_root] if mapping.media_root else []
    return DecisionInputs(
        deal=deal,
        catalogue=open_catalogue(catalogue, mapping),
        as_of=as_of,
        policy=source_policy(deal, (*roots, *media_root), hosts, client),
        limits=media_limits(deal),
        trust=load_trust_lists(
            [Path(path).absolute() for path in deal.sources.trust_lists],
            denial_phrases=deal.rights.denial_phrases,
        ),
    )


def read_small(inputs: DecisionInputs) -> ScreeningTables:
    """Reads the tables that assets are joined to, and checks the catalogue as a run does.

    Raises:
        InputError: If a table breaks a rule that stops a run.
    """
    # Imported here because Great Expectations takes seconds to load.
    from pipelines.catalogue.checks import judge_whole, prepare_checks

    checks = prepare_checks(inputs.catalogue, inputs.deal, inputs.as_of_us)
    check_rulings(inputs.deal, checks.contributors)
    judgement = judge_whole(checks)
    contributors, consents, releases, agreements = (
        read_table(inputs.catalogue, name) for name in SMALL_TABLES
    )
    index = build_rights_index(
        contributors,
        consents,
        releases,
        agreements,
        inputs.deal,
        inputs.as_of_us,
        inputs.removed,
    )
    stop = "" if judgement.error is None else str(judgement.error)
    return ScreeningTables(
        consents, releases, index, inputs.as_of_us, stop, tuple(judgement.reported)
    )
