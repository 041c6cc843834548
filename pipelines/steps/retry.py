"""Finds files that changed since a run was completed, and makes that run a new one.

The digest of the catalogue's tables does not change when a file is replaced. So before a run that
is complete is called that, the assets that failed for their media in any of its versions are read
again, and local files that were read, with their sidecars, are compared with what they are now.
Those that can be read now or have changed become part of the run's identity, with their digests:
the same files lead to the same version again, and others to the next one.

Files in buckets and on web servers that were read once are not read again here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.read import read_batches
from pipelines.features.assets import fetch_asset
from pipelines.features.unit_features import UnitFeatures
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.rights.cleared_rights import add_cleared_rights
from pipelines.run.job import Job
from pipelines.run.pools import plan_pool
from pipelines.run.prepare import PreparedJob
from pipelines.run.versions import find_version, versions_of
from pipelines.steps.changed_files import changed_files
from pipelines.steps.screen import load_index
from pipelines.storage.columns import rows_of, values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet, tables_under
from schemas import layout
from schemas.canonical import canonical_json
from schemas.reason_info import Outcome, Stage
from schemas.reasons import Reason
from schemas.unit import ClearedRow


def include_changed_files(prepared: PreparedJob) -> tuple[PreparedJob, list[str]]:
    """Returns a complete run as it is, or the run of the files as they are now.

    Args:
        prepared: A run. One that is not complete reads every file anyway.

    Returns:
        The run, and the ids of the assets whose files changed or can be read now, sorted.
    """
    if not prepared.version.complete:
        return prepared, []
    job = prepared.job
    failed = _failed_assets(prepared.store, job)
    changed_now, compared = changed_files(prepared.store, job)
    failed = {asset: why for asset, why in failed.items() if asset not in compared}
    readable = dict(_readable(job, failed)) if failed else {}
    others = {**changed_now, **readable}
    if not others:
        return prepared, []
    retry = hashlib.sha256(canonical_json(dict(sorted(others.items())))).hexdigest()
    changed = replace(job, retry=retry)
    version = find_version(prepared.store, job.deal, changed.run_id)
    plan = plan_pool(prepared.store, job.deal, version.name)  # it replaces, even in a pool by name
    changed = replace(changed, version=version.name, pool=plan.pool, replaces=plan.replaces)
    return replace(prepared, job=changed, version=version), sorted(others)


def _failed_assets(store: Store, job: Job) -> dict[str, str]:
    """Returns why assets failed for their media in any of the run's versions, by asset id."""
    failed: dict[str, str] = {}
    for version in versions_of(store, job.deal, job.first_run_id):
        prefix = f"{layout.agency_prefix(job.deal.deal_id, version)}/dead_letters"
        for found in tables_under(store, prefix):
            table = read_parquet(store, found.key, ["asset_id", "stage", "reason"])
            enriched = table.filter(pc.equal(table["stage"], pa.scalar(Stage.ENRICH.value)))
            ids, reasons = (values_of(enriched[name], str) for name in ("asset_id", "reason"))
            failed.update(zip(ids, reasons, strict=True))
    return failed


def _readable(job: Job, failed: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yields the failed assets that can be read now, with the digests of their files."""
    index = load_index(job)
    wanted = pa.array(sorted(failed), pa.string())
    for part in job.catalogue.parts("assets"):
        for batch in read_batches(part, job.catalogue.mapping):
            found = batch.table.filter(pc.is_in(batch.table["asset_id"], wanted))
            if len(found):
                cleared = add_cleared_rights(found, index, job.deal)
                for row in rows_of(cleared, ClearedRow):
                    twice = failed[row["asset_id"]] == Reason.MEDIA_CHANGED
                    digest = _digest_of(row, job, readings=2 if twice else 1)
                    if digest:
                        yield row["asset_id"], digest


def _digest_of(row: ClearedRow, job: Job, readings: int) -> str:
    """Returns the digests of an asset's media and, if it has any, of its sidecars.

    "" if the media cannot be read, or differ each time.
    """
    digests = set()
    for _ in range(readings):
        item = fetch_asset(row, job, UnitFeatures({}, {}, {}, {}, {}), OriginFileCache())
        if item.decision is not None and item.decision.outcome is Outcome.FAILED:
            return ""
        digests.add(f"{item.digest} {item.sidecars_sha256}".rstrip())
    return digests.pop() if len(digests) == 1 else ""
