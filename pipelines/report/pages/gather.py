"""Reads what the pages show, from an output or from a delivery alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.format.manifest import ManifestError, open_manifest
from pipelines.report.pages.agency import RunFacts
from pipelines.report.pages.buyer import DeliveryFacts
from pipelines.report.pages.excluded import read_exclusions
from pipelines.report.pages.money import read_money, read_versions
from pipelines.report.pages.samples import Owner, SampleSurvey, survey_samples
from pipelines.run.status import RunState, read_status
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet, tables_under
from pipelines.verify.delivery import verify_delivery
from schemas import layout
from schemas.errors import RunError

_LIKENESS = ("asset_id", "other_asset_id", "outcome", "possible_copy")


@dataclass(frozen=True)
class ReportSettings:
    """What pages hold, besides what is always on them.

    Attributes:
        thumbnails: The most pictures in the gallery.
        verify: Whether the delivery is verified.
        pinned: The verifier keys that the reader trusts, if any were given.
        progress_path: Local file that progress is reported to, or "".
    """

    thumbnails: int
    verify: bool = True
    pinned: tuple[str, ...] | None = None
    progress_path: str = ""


def delivery_facts(
    uri: str, settings: ReportSettings, owners: Mapping[str, Owner] | None = None
) -> DeliveryFacts:
    """Reads a delivery.

    Args:
        uri: Folder or s3:// prefix of the delivery.
        settings: What is wanted.
        owners: Whose each sample is, by key; None for a reader who is not told.

    Raises:
        InputError: If there is no delivery.
        RunError: If its manifest is damaged.
    """
    report = None
    if settings.verify:
        report = verify_delivery(uri, settings.pinned, settings.progress_path)
    store = open_store(uri)
    try:
        manifest = open_manifest(store.read_bytes(layout.MANIFEST), settings.pinned)
    except ManifestError as error:
        raise RunError(
            "The delivery's manifest is not valid",
            f"{uri}/{layout.MANIFEST}: {error}",
            "Run fairshard verify, which says what else is wrong.",
        ) from error
    try:
        survey = survey_samples(store, owners)
    except (OSError, ValueError):  # missing in old deliveries, or damaged, which the report says
        survey = SampleSurvey(samples=manifest.end.samples)
    return DeliveryFacts(manifest, survey, _pictures(store, survey, settings), report)


def _pictures(store: Store, survey: SampleSurvey, settings: ReportSettings) -> dict[int, str]:
    """Returns the pictures of the gallery; what decodes media is imported only for some."""
    if not settings.thumbnails:
        return {}
    from pipelines.report.pages.thumbnails import make_thumbnails

    return make_thumbnails(store, survey.places, settings.thumbnails, settings.progress_path)


def can_show_pictures() -> bool:
    """Whether what decodes media is installed, which the base install does not have."""
    try:
        from pipelines.report.pages import thumbnails  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def run_facts(store: Store, deal_id: str, version: str, settings: ReportSettings) -> RunFacts:
    """Reads what the last run of a version left, and its delivery if there is one.

    Args:
        store: The output.
        deal_id: The deal.
        version: Name of the version.
        settings: What is wanted.

    Raises:
        RunError: If something that the run left cannot be read.
    """
    status = read_status(store, deal_id, version)
    agency = layout.agency_prefix(deal_id, version)
    exclusions = read_exclusions(store, f"{agency}/decisions")
    money = delivery = None
    if status.state is RunState.DELIVERED:
        money = read_money(store, agency)
        owners = money.owners if money is not None else {}
        delivery = delivery_facts(status.delivery, settings, owners)
    return RunFacts(
        status,
        exclusions,
        read_versions(store, deal_id),
        _pairs(store, agency),
        money,
        delivery,
    )


def _pairs(store: Store, agency: str) -> list[tuple[str, str, str, bool]]:
    """Returns the pairs of assets that were judged alike."""
    found: list[tuple[str, str, str, bool]] = []
    for item in tables_under(store, f"{agency}/likeness"):
        table = read_parquet(store, item.key, list(_LIKENESS))
        found += [
            (row["asset_id"], row["other_asset_id"], row["outcome"], row["possible_copy"])
            for row in table.to_pylist()
        ]
    return found
