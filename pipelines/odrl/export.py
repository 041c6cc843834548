"""Exports a published run as files of ODRL policies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from pipelines.format.manifest import open_manifest, original_delivery
from pipelines.odrl.policy import deal_policy, delivered_policy, excluded_policy, policy_line
from pipelines.odrl.records import (
    LIMIT_FIELDS,
    DeliveredDecision,
    PolicyScope,
    read_usage_limits,
)
from pipelines.odrl.terms import JsonNode, profile_document
from pipelines.run.counts import StepCounts
from pipelines.run.decisions import Decision, decisions_of, read_decisions
from pipelines.run.recorded_terms import recorded_terms
from pipelines.storage.columns import rows_of
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_json, read_parquet
from schemas import layout
from schemas.deal import Deal, load_deal
from schemas.errors import InputError, RunError
from schemas.manifest import Manifest
from schemas.reason_info import Outcome

_DECISIONS = f"{layout.AGENCY}/decisions"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        decisions: The number of policies, by outcome.
        removed: How many delivered assets have no policy, since a removal took them out of this
            version.
        original: The delivery whose run decided, if this version was patched from it; else "".
    """

    decisions: dict[str, int]
    removed: int
    original: str


def export_policies(published: str, deal_file: Path, destination: str, for_buyer: bool) -> Exported:
    """Writes the profile, the deal and the decisions; each file is written whole or not at all.

    A patched version has the decisions of the run that it was made from, without those on removed
    assets.

    Args:
        published: Folder or s3:// prefix of a published version.
        deal_file: The deal.
        destination: Folder or s3:// prefix to write to.
        for_buyer: Whether to export delivered assets only, named by commitment.

    Raises:
        InputError: If there is no delivery, or it was made under another deal, or it was patched
            from a version that is missing.
        RunError: If the decisions and the run's counts disagree.
    """
    store = open_store(published)
    manifest = _read_manifest(store, published)
    deal = _check_deal(store, load_deal(deal_file), deal_file, manifest)
    version = manifest.delivery.rpartition("/")[2]
    terms = manifest.deal.terms_sha256
    scope = PolicyScope(deal, manifest.vkey, version, manifest.as_of, terms)
    target = open_store(destination)
    target.ensure_writable()
    run = _original_run(store, published, manifest)
    counts: Counter[str] = Counter({outcome.value: 0 for outcome in Outcome})
    removed = 0
    with target.open_write("decisions.jsonl") as file:
        for outcome, policy in _policies(store, run.store, scope, manifest, for_buyer):
            if policy is None:
                removed += 1
                continue
            counts[outcome.value] += 1
            file.write(policy_line(policy))
        steps = None if for_buyer else _read_steps(run.store, run.place)
        _check_counts(counts, removed, manifest, run.manifest, steps)
    target.write_bytes("profile.jsonld", json_bytes(profile_document()))
    target.write_bytes("deal.jsonld", json_bytes(deal_policy(scope)))
    original = "" if run.manifest is manifest else run.manifest.delivery
    return Exported(dict(counts), removed, original)


@dataclass(frozen=True)
class _Run:
    """The version whose run made the decisions."""

    store: Store
    place: str
    manifest: Manifest


def _original_run(store: Store, published: str, manifest: Manifest) -> _Run:
    """Returns the run that packaged a version; it lies beside a version that was patched."""
    original = original_delivery(manifest)
    if original == manifest.delivery:
        return _Run(store, published, manifest)
    place = f"{published.rstrip('/').rpartition('/')[0]}/{original.rpartition('/')[2]}"
    found = open_store(place)
    try:
        its_manifest = open_manifest(found.read_bytes(f"{layout.DELIVERY}/{layout.MANIFEST}"))
        if its_manifest.delivery == original:
            return _Run(found, place, its_manifest)
    except FileNotFoundError:
        pass
    raise InputError(
        "The version that this one was patched from is missing",
        f"{manifest.delivery} has the decisions of {original}, which is not in {place}",
        "Give --run the version in its output, beside that version.",
    )


def _read_manifest(store: Store, published: str) -> Manifest:
    try:
        data = store.read_bytes(f"{layout.DELIVERY}/{layout.MANIFEST}")
    except FileNotFoundError as error:
        raise InputError(
            "There is no published run here",
            f"{published} has no {layout.DELIVERY}/{layout.MANIFEST}",
            "Give the folder of a version, such as out/acme-2026-01/v0001.",
        ) from error
    return open_manifest(data)


def _check_deal(store: Store, deal: Deal, deal_file: Path, manifest: Manifest) -> Deal:
    terms, recorded = deal.terms_sha256(), recorded_terms(store, layout.AGENCY, manifest)
    if terms != recorded:
        raise InputError(
            "The run was made under different terms",
            f"{deal_file} has {terms[:12]}…, {manifest.delivery} has {recorded[:12]}…",
            "Pass --deal the file that the run was packaged with.",
        )
    return deal


def _policies(
    store: Store, run: Store, scope: PolicyScope, manifest: Manifest, for_buyer: bool
) -> Iterator[tuple[Outcome, JsonNode | None]]:
    """Yields every decision as a policy, in table order, one batch in memory at a time.

    The policy of an asset that was removed since is None.
    """
    samples = SampleLookup(store, frozenset(shard.name for shard in manifest.shards))
    for batch in read_decisions(run, _DECISIONS):
        for decision in decisions_of(batch):
            if decision.outcome is Outcome.DELIVERED:
                if manifest.patches is not None and not samples.has(decision):
                    yield decision.outcome, None
                    continue
                yield decision.outcome, delivered_policy(scope, samples.find(decision, for_buyer))
            elif not for_buyer:
                yield decision.outcome, excluded_policy(scope, decision)


def _read_steps(store: Store, published: str) -> list[StepCounts]:
    """Reads the counts of the run's steps from the agency's folder."""
    key = f"{layout.AGENCY}/{layout.COUNTS}"
    try:
        record = read_json(store, key)
    except FileNotFoundError as error:
        raise InputError(
            "The run's counts are missing",
            f"{published} has no {key}",
            "Restore the file, or package the deal again with this version of fairshard.",
        ) from error
    return [StepCounts.from_json(step) for step in record["steps"].values()]


def _check_counts(
    counts: Counter[str],
    removed: int,
    manifest: Manifest,
    original: Manifest,
    steps: list[StepCounts] | None,
) -> None:
    """Checks that the policies cover as many assets as were counted.

    Args:
        counts: The policies, by outcome.
        removed: How many delivered assets were removed since.
        manifest: The delivery's manifest.
        original: The manifest of the version that the run made.
        steps: The counts of the run's steps; None if only delivered assets are exported.
    """
    expected = {Outcome.DELIVERED.value: manifest.end.samples}
    counts = counts + Counter({"removed": removed})
    expected["removed"] = original.end.samples - manifest.end.samples
    if steps is not None:
        expected[Outcome.REFUSED.value] = sum(step.refused_assets for step in steps)
        expected[Outcome.FAILED.value] = sum(step.failed_assets for step in steps)
    for outcome, number in expected.items():
        if counts[outcome] != number:
            raise RunError(
                "The decisions do not agree with the run's counts",
                f"{counts[outcome]:,} {outcome}, the run counts {number:,}",
                "A part of agency/decisions is missing, or belongs to another run.",
            )


class _NamedSample(TypedDict):
    """A sample's columns that every shard table has; columns with limits are optional."""

    key: str
    asset: str
    decision_sha256: str


class SampleLookup:
    """Looks up delivered samples, keeping one shard's table in memory at a time."""

    def __init__(self, store: Store, shards: frozenset[str]) -> None:
        self._store = store
        self._shards = shards
        self._shard = ""
        self._rows: dict[str, _NamedSample] = {}

    def has(self, decision: Decision) -> bool:
        """Returns whether the delivery has the sample of a delivered asset."""
        return self._row(decision) is not None

    def find(self, decision: Decision, for_buyer: bool) -> DeliveredDecision:
        """Returns the sample of a delivered asset.

        Args:
            decision: The decision to deliver it.
            for_buyer: Whether to omit the asset's id.

        Raises:
            RunError: If the shard does not contain it.
        """
        shard, key = decision.shard or "", decision.key or ""
        row = self._row(decision)
        if row is None:
            raise RunError(
                "A delivered asset is in no shard of the delivery",
                f"asset {decision.asset_id!r}: shard {shard!r}, key {key!r}",
                "agency/decisions belongs to another run.",
            )
        limits = read_usage_limits(row)
        asset_id = None if for_buyer else decision.asset_id
        return DeliveredDecision(asset_id, row["asset"], row["decision_sha256"], shard, key, limits)

    def _row(self, decision: Decision) -> _NamedSample | None:
        shard = decision.shard or ""
        if shard in self._shards and shard != self._shard:
            self._load_shard(shard)
        return self._rows.get(decision.key or "") if shard == self._shard else None

    def _load_shard(self, shard: str) -> None:
        table = read_parquet(self._store, f"{layout.DELIVERY}/shards/{shard}.parquet")
        # Tables written before samples had limits lack these columns.
        wanted = {"key", "asset", "decision_sha256", *LIMIT_FIELDS} & set(table.column_names)
        self._rows = {
            row["key"]: row for row in rows_of(table.select(sorted(wanted)), _NamedSample)
        }
        self._shard = shard
