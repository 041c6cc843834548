"""A version's pool is recorded only if it is the one that was signed; its holds stay so."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.accounts.deliveries import record_missing
from pipelines.accounts.log import open_log
from pipelines.accounts.pools import balances, held_by_deals
from pipelines.storage.open import open_store
from pipelines.storage.tables import write_table
from schemas.errors import RunError
from schemas.ledger import HOLDS_SCHEMA
from tests.accounts.cases import key_of
from tests.accounts.outputs import publish
from tests.ledger.ledger_cases import delivery

POOL = "acme/v0001/agency/pool"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    publish(open_store(str(folder)), delivery(random.Random(5), 6, 30))
    return folder


@pytest.fixture
def output(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "out")


def record(output: Path) -> int:
    return len(record_missing(open_store(str(output)), key_of(None)))


def change_lines(output: Path, column: str, steps: tuple[int, int]) -> None:
    """Adds to the first two lines of the pool, and puts the new digest into pool.json."""
    path = output / POOL / "pool_lines-00000.parquet"
    table = pq.read_table(path)
    values: list[Any] = table[column].to_pylist()
    for at, step in enumerate(steps):
        values[at] = type(values[at])(int(values[at]) + step)
    at = table.column_names.index(column)
    field = table.schema.field(at)
    pq.write_table(table.set_column(at, field, pa.array(values, field.type)), path)
    change_json(output, lines_sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def change_json(output: Path, **values: Any) -> None:
    path = output / POOL / "pool.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


CHANGES: dict[str, Callable[[Path], object]] = {
    "money moved": lambda output: change_lines(output, "credit_minor", (100, -100)),
    "weights moved": lambda output: change_lines(output, "weight", (100, -100)),
    "a larger pool": lambda output: change_json(output, gross_minor=9_000_003),
    "another currency": lambda output: change_json(output, currency="EUR"),
    "no rule": lambda output: change_json(output, rule={}),
    "no JSON": lambda output: (output / POOL / "pool.json").write_text("{"),
    "no lines": lambda output: (output / POOL / "pool_lines-00000.parquet").unlink(),
}


def test_a_sound_version_is_recorded(output: Path) -> None:
    assert record(output) == 1
    assert record(output) == 0


@pytest.mark.parametrize("has_note", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_pool_is_not_recorded(output: Path, change: str, has_note: bool) -> None:
    if not has_note:  # as earlier releases published it
        (output / POOL / "pool.note").unlink()
    CHANGES[change](output)
    with pytest.raises(RunError, match="not the one that was signed") as error:
        record(output)
    assert POOL in error.value.which and "Restore" in error.value.remedy
    assert open_log(open_store(str(output)), key_of(None)).size == 0


@pytest.mark.parametrize("rule", [{}, {"cap": "0.20"}, {"minimum": "100.00"}])
def test_a_pool_without_a_note_is_compared_within_its_bounds(
    tmp_path: Path, rule: dict[str, Any]
) -> None:
    publish(open_store(str(tmp_path)), delivery(random.Random(5), 6, 30), **rule)
    (tmp_path / POOL / "pool.note").unlink()
    assert record(tmp_path) == 1


@pytest.fixture(scope="module")
def considered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version in which the assets from 20 on were considered and not delivered."""
    folder, rows = tmp_path_factory.mktemp("considered"), delivery(random.Random(5), 6, 30)
    shares = [
        [{"contributor_id": who, "share_bp": share} for who, share in row.contributors]
        for row in rows
    ]
    columns = {name: [getattr(row, name) for row in rows] for name in ("asset_id", "media_type")}
    weights = [row.weight for row in rows]
    table = pa.table({**columns, "contributors": shares, "weight": weights})
    write_table(open_store(str(folder)), "agency/work/acme-v0001/units/0.parquet", table)
    publish(open_store(str(folder)), rows[:20], base="considered")
    return folder


def test_credits_for_considered_assets_are_those_that_were_signed(
    considered: Path, tmp_path: Path
) -> None:
    """A unit moved from one to another is within what the signed entries alone allow."""
    changed = shutil.copytree(considered, tmp_path / "changed")
    change_lines(changed, "credit_minor", (1, -1))
    with pytest.raises(RunError, match="is not the one that was signed"):
        record(changed)
    forged = shutil.copytree(considered, tmp_path / "forged")
    (forged / POOL / "pool.note").unlink()
    with pytest.raises(RunError, match="assets that were not delivered"):
        record(forged)
    assert record(shutil.copytree(considered, tmp_path / "sound")) == 1


def test_a_pool_whose_ledger_was_changed_is_not_recorded(output: Path) -> None:
    path = output / "acme/v0001/agency/ledger/ledger-00000.parquet"
    table = pq.read_table(path)
    at = table.column_names.index("contributor_id")
    eve = pa.array(["eve"] * len(table))
    pq.write_table(table.set_column(at, table.schema.field(at), eve), path)
    with pytest.raises(RunError, match="ledger of a version is not the one that was signed"):
        record(output)


@pytest.mark.parametrize("had_holds", [True, False])
def test_holds_are_those_of_the_record(output: Path, had_holds: bool) -> None:
    path = output / POOL / "holds.parquet"
    lines = pq.read_table(output / POOL / "pool_lines-00000.parquet")
    who = lines["contributor_id"][0].as_py()
    row: dict[str, Any] = {"contributor_id": who, "credit_minor": 1, "difference_minor": 1}
    row |= {"currency": "USD", "payee_currency": "EUR", "reason": "other currency"}
    if had_holds:
        pq.write_table(pa.Table.from_pylist([row], schema=HOLDS_SCHEMA), path)
    record(output)
    log = open_log(open_store(str(output)), key_of(None))
    assert held_by_deals(log).keys() == ({(who, "USD")} if had_holds else set())
    assert balances(log)
    for data in (None, b"") if had_holds else (b"", b"x"):
        path.unlink(missing_ok=True)
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(RunError, match="holds of a delivery are damaged") as error:
            held_by_deals(log)
        assert f"record {log.size - 1} has" in error.value.which
