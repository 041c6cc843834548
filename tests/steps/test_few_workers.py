"""When a run needs no process but its own: nothing that it makes depends on the answer."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.run.counts import StepCounts
from pipelines.run.record import Observed
from pipelines.steps.few_workers import MOST_ASSETS, has_little_to_do
from pipelines.storage.local_store import LocalStore
from pipelines.storage.tables import json_bytes
from schemas import layout

CLIP = "ViT-B-32@sha256-00@bf16"


def output(folder: Path, enriched: int = 100, catalogue: str = "c1", clip: str = CLIP) -> Any:
    """An output with one delivery, which enriched so many assets of a catalogue."""
    store = LocalStore(str(folder))
    store.write_bytes(f"{layout.features_prefix('embeddings', clip)}/0-f-1.parquet", b"rows")
    attestation = layout.attestation_path(layout.delivery_id("first", "v0001"))
    store.write_bytes(f"{layout.AGENCY_LOG}/{attestation}", b"{}\n")
    begun = f"{layout.agency_prefix('first', 'v0001')}/{layout.RUN_RECORD}"
    store.write_bytes(begun, json_bytes({"catalogue": catalogue}))
    observed = Observed(engine="FnApiRunner", workers=2, begun_s=0.0)
    observed.steps = {"enrich": StepCounts(entered=enriched, passed=enriched)}
    record = observed.record("first", "v0001", "ab", 1.0)
    store.write_bytes(layout.run_record_path("first", "v0001"), record.model_dump_json().encode())
    return store


def job(assets: int = 100) -> Any:
    return SimpleNamespace(
        catalogue=SimpleNamespace(rows=assets, digest="c1"), models=SimpleNamespace(clip_id=CLIP)
    )


def test_a_second_deal_on_a_small_catalogue_has_little_to_do(tmp_path: Path) -> None:
    assert has_little_to_do(output(tmp_path), job())
    assert has_little_to_do(output(tmp_path), job(111))


@pytest.mark.parametrize(
    "given", [{"enriched": 89}, {"catalogue": "another"}, {"clip": "ViT-L-14@sha256-11@bf16"}]
)
def test_much_to_compute_needs_workers(given: dict[str, Any], tmp_path: Path) -> None:
    assert not has_little_to_do(output(tmp_path, **given), job())


def test_a_large_catalogue_needs_workers(tmp_path: Path) -> None:
    many = output(tmp_path, enriched=MOST_ASSETS + 1)
    assert has_little_to_do(many, job(MOST_ASSETS))
    assert not has_little_to_do(many, job(MOST_ASSETS + 1))


def test_a_first_run_and_damaged_records_need_workers(tmp_path: Path) -> None:
    assert not has_little_to_do(LocalStore(str(tmp_path / "new")), job())
    store = output(tmp_path)
    for text in (b"{", b"[]", b'{"steps": {}}'):
        store.write_bytes(layout.run_record_path("first", "v0001"), text)
        assert not has_little_to_do(store, job())
    output(tmp_path)
    store.delete(f"{layout.agency_prefix('first', 'v0001')}/{layout.RUN_RECORD}")
    assert not has_little_to_do(store, job())
