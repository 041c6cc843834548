"""The ledger's files equal those of the reference implementation, for any size of chunks."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.ledger.entries import DeliveryTerms
from pipelines.ledger.merkle import leaf_hash, root
from pipelines.ledger.signed_note import FileKey, open_checkpoint
from pipelines.ledger.statement_names import statement_filenames
from pipelines.ledger.tiles import entry_bundles, tiles
from pipelines.run.job import Job
from pipelines.steps import ledger_log
from pipelines.steps.attribute import Attribution, record_attribution
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.storage.tables import parquet_bytes, write_table
from schemas import layout
from schemas.errors import InputError
from schemas.ledger import LEDGER_SCHEMA, Allocation
from tests.bench.ledger import ledger_job
from tests.ledger.ledger_cases import DeliveredAsset, delivered, delivery
from tests.ledger.pool_checks import check_pool
from tests.ledger.reference import (
    Opened,
    simple_csv,
    simple_entries,
    simple_json,
    simple_leaf,
    simple_statement,
    simple_table,
)

SIGNER = FileKey("acme", bytes(range(32)))


def record(
    store: Store, rows: list[DeliveredAsset], allocation: str = "weighted", shards: int = 5
) -> Attribution:
    """Records the attribution of assets in several shards, whose keys are interleaved."""
    return record_job(store, ledger_job(allocation), rows, shards)


def record_job(store: Store, job: Job, rows: list[DeliveredAsset], shards: int = 5) -> Attribution:
    """Does the same for any job."""
    names = [f"s-{number}" for number in range(shards)]
    for number, name in enumerate(names):
        table = delivered(rows[number::shards])
        write_table(store, f"{job.work}/delivered/{name}.parquet", table)
    return record_attribution(store, job, SIGNER, names)


def files(store: Store) -> dict[str, bytes]:
    deal = ledger_job().deal.deal_id
    return {item.key: store.read_bytes(item.key) for item in store.list(deal)}


def expected(rows: list[DeliveredAsset], allocation: str) -> tuple[dict[str, bytes], list[Opened]]:
    """Returns every file but the checkpoint by the reference implementation, and the entries."""
    job = ledger_job(allocation)
    agency = f"{job.agency}/statements"
    deal = DeliveryTerms("acme-2026-01/v0001", job.deal.price, job.as_of.date(), job.terms_sha256)
    opened, _ = simple_entries(rows, deal, job.salt)
    leaves = [simple_leaf(entry) for entry, _ in opened]
    found = dict([*tiles(map(leaf_hash, leaves)), *entry_bundles(leaves)])
    found = {f"{job.delivery}/{path}": data for path, data in found.items()}
    people = sorted({entry.contributor_id for entry, _ in opened})
    for person, name in statement_filenames(people).items():
        own = [pair for pair in opened if pair[0].contributor_id == person]
        statement: dict[str, Any] = simple_statement(own, job.deal.deal_id)
        found[f"{agency}/{name}.json"] = simple_json(statement).encode()
        found[f"{agency}/{name}.csv"] = simple_csv(statement).encode()
    table = simple_table([entry for entry, _ in opened])
    found[f"{job.agency}/ledger/ledger-00000.parquet"] = parquet_bytes(table)
    return found, opened


@pytest.mark.long
@pytest.mark.parametrize("allocation", list(Allocation))
def test_files_equal_the_reference(tmp_path: Path, allocation: Allocation) -> None:
    rows = delivery(random.Random(7), 25, 700)
    store = open_store(str(tmp_path))
    made = record(store, rows, allocation)
    wanted, opened = expected(rows, allocation)
    found = files(store)
    prefix = ledger_job().delivery
    checkpoint = found.pop(f"{prefix}/checkpoint").decode()
    assert found.pop(f"{prefix}/log.vkey").decode() == f"{SIGNER.vkey}\n"
    job = ledger_job()
    record_of_pool, lines = check_pool(found, job.agency)
    points: defaultdict[str, int] = defaultdict(int)
    for entry, _ in opened:
        points[entry.contributor_id] += entry.weight * entry.share_bp
    assert {line["contributor_id"]: int(line["weight"]) for line in lines} == points
    assert {line["basis"] for line in lines} == {"share"}
    assert record_of_pool["rule"]["allocation"] == allocation
    countries = pq.read_table(pa.BufferReader(found.pop(f"{job.agency}/{layout.COUNTRIES}")))
    assert countries.to_pydict() == {
        "contributor_id": sorted(points),
        "country": [""] * len(points),
    }
    for path in (layout.POOL, layout.POOL_LINES, layout.POOL_NOTE):
        del found[f"{job.agency}/{path}"]
    for name in ("sum.note", "sums-00000.parquet"):  # tests/ledger/test_pool_sums.py
        del found[f"{ledger_job().agency}/sums/{name}"]
    assert found == wanted
    top = root(leaf_hash(simple_leaf(entry)) for entry, _ in opened)
    assert open_checkpoint(checkpoint, SIGNER.vkey) == (made.origin, len(opened), top)
    assert (made.entries, made.root, made.contributors) == (len(opened), top, 25)
    assert made.agency_minor + made.contributors_minor == ledger_job().deal.price.pool_minor
    assert made.contributors_minor == sum(entry.amount_minor for entry, _ in opened)


@pytest.mark.long
@pytest.mark.parametrize(
    ("chunk", "group"),
    [
        (4, 3),
        (7, 40),
        pytest.param(64, 64, marks=pytest.mark.slow),
        pytest.param(700, 50, marks=pytest.mark.slow),
    ],
)
def test_chunk_sizes_do_not_change_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, group: int
) -> None:
    """A chunk of 7 is smaller than every contributor's lines, so every statement is streamed."""
    rows = delivery(random.Random(8), 12, 150)
    whole, pieces = open_store(str(tmp_path / "whole")), open_store(str(tmp_path / "pieces"))
    one = record(whole, rows)
    monkeypatch.setattr(ledger_log, "CHUNK_ROWS", chunk)
    monkeypatch.setattr(ledger_log, "ROW_GROUP_ROWS", group)
    assert record(pieces, rows, shards=11) == one
    ledger = f"{ledger_job().agency}/ledger/ledger-00000.parquet"
    found, wanted = files(pieces), files(whole)
    del found[ledger], wanted[ledger]  # the same rows in different row groups
    assert found == wanted
    tables = [pq.read_table(tmp_path / name / ledger) for name in ("whole", "pieces")]
    assert tables[0].equals(tables[1])
    assert tables[1].schema.equals(LEDGER_SCHEMA)
    groups = pq.read_metadata(tmp_path / "pieces" / ledger).num_row_groups
    assert groups == -(-one.entries // group)


def test_a_key_or_id_in_two_shards_is_refused(tmp_path: Path) -> None:
    rows = delivery(random.Random(9), 4, 20)
    store = open_store(str(tmp_path))
    for name, value in (("key", rows[3].key), ("asset_id", rows[3].asset_id)):
        fields = {one: getattr(rows[4], one) for one in DeliveredAsset.__slots__} | {name: value}
        bad = DeliveredAsset(**fields)
        what = name.replace("_", " ")
        with pytest.raises(InputError, match=f"the same {what}.*{rows[3].key}"):
            record(store, [*rows[:4], bad, *rows[5:]])
    assert files(store) == {}


def test_an_empty_delivery_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing was delivered"):
        record(open_store(str(tmp_path)), [])
