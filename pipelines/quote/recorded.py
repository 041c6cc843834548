"""What the latest version of a deal found in files: assets that it excluded although cleared."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pyarrow as pa

from pipelines.rights.lookup import StringIndex
from pipelines.run.decisions import decisions_of, read_decisions
from pipelines.run.recorded_terms import recorded_terms
from pipelines.run.versions import is_published, run_records, version_number
from pipelines.storage.store import Store
from schemas import layout
from schemas.deal import Deal
from schemas.manifest import Manifest
from schemas.reason_info import Outcome, Stage

_FILE_FAULT = "media."  # how the reasons of files begin that no deal can lift
_AFTER_SCREENING = (Stage.ENRICH, Stage.SELECT)


@dataclass(frozen=True)
class Recorded:
    """Assets that an earlier version excluded for their files or in its selection.

    Attributes:
        version: The version that decided about the files.
        same_terms: Whether it had the terms of now; if not, only faults of files are taken from it.
        ids: The assets.
        reasons: The reasons of each, in the order of `ids`.
    """

    version: str
    same_terms: bool
    ids: StringIndex
    reasons: list[tuple[str, ...]]


def read_recorded(store: Store, deal: Deal) -> Recorded | None:
    """Reads what the latest published version of a deal excluded; None if there is none.

    A version that a removal made has no decisions of its own: those of the version that was
    packaged still hold.

    Raises:
        RunError: If its manifest or its terms are damaged.
    """
    records = run_records(store, deal)
    names = [name for name in records if is_published(store, deal, name)]
    if not names:
        return None
    decided = max(names, key=version_number)
    while patched := records[decided].get("patches", ""):
        decided = patched
    agency = layout.agency_prefix(deal.deal_id, decided)
    delivery = layout.delivery_prefix(deal.deal_id, decided)
    data = store.read_bytes(f"{delivery}/{layout.MANIFEST}")
    manifest = Manifest.model_validate(json.loads(data))
    same = recorded_terms(store, agency, manifest) == deal.terms_sha256()
    ids: list[str] = []
    reasons: list[tuple[str, ...]] = []
    for batch in read_decisions(store, f"{agency}/decisions"):
        for decision in decisions_of(batch):
            if decision.stage not in _AFTER_SCREENING or decision.outcome is Outcome.DELIVERED:
                continue
            kept = decision.reasons if same else _file_faults(decision.reasons)
            if kept:
                ids.append(decision.asset_id)
                reasons.append(kept)
    return Recorded(decided, same, StringIndex(pa.array(ids, pa.string())), reasons)


def _file_faults(reasons: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(code for code in reasons if code.startswith(_FILE_FAULT))
