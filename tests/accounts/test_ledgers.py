"""Whatever decides about money reads a ledger that is the signed one, or says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.accounts.corrections import record_corrections
from pipelines.accounts.ledgers import read_ledger_rows
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.accounts.payments import record_payment
from pipelines.removal.search import check_ledgers
from pipelines.removal.sweep import sweep
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas.errors import InputError, RunError
from tests.accounts.cases import AS_OF, SIGNER, begun
from tests.accounts.ledgers import write_ledger
from tests.accounts.test_payments import PAYMENT
from tests.accounts.test_removals import THREE, deliver, later, notice

LEDGER = "out/acme/v0001/agency/ledger/ledger-00000.parquet"
SECRETS = [SIGNER.secret]


@pytest.fixture
def output(tmp_path: Path) -> tuple[Store, AgencyLog]:
    store, key = begun(tmp_path)
    log = open_log(store, key)
    deliver(log, tmp_path, THREE, 60_00)
    return store, log


def changed(path: Path, column: str, value: object, row: int = -1) -> None:
    """Writes another value into one row of a ledger."""
    table = pq.read_table(path)
    values = table[column].to_pylist()
    values[row] = value
    at = table.column_names.index(column)
    field = table.schema.field(at)
    pq.write_table(table.set_column(at, field, pa.array(values, field.type)), path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "more weight": lambda path: changed(path, "weight", 100_000),
    "another person": lambda path: changed(path, "contributor_id", "eve"),
    "another share": lambda path: changed(path, "share_bp", 9_999),
    "another amount": lambda path: changed(path, "amount_minor", 1),
    "another asset": lambda path: changed(path, "asset_id", "z"),
    "another file": lambda path: changed(path, "media_sha256", "1" * 64),
    "another currency": lambda path: changed(path, "currency", "EUR"),
    "another first asset": lambda path: changed(path, "asset_id", "z", 0),
    "a row less": lambda path: pq.write_table(pq.read_table(path).slice(0, 2), path),
    "a row twice": lambda path: pq.write_table(
        pa.concat_tables([pq.read_table(path), pq.read_table(path).slice(0, 1)]), path
    ),
    "other columns": lambda path: pq.write_table(pq.read_table(path).drop_columns("weight"), path),
    "empty": lambda path: path.write_bytes(b""),
    "no table": lambda path: path.write_bytes(b"PAR1 it is not PAR1"),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_ledger_decides_nothing(
    tmp_path: Path, output: tuple[Store, AgencyLog], change: str
) -> None:
    store, log = output
    found = notice(log, ["b"])
    size = log.size
    CHANGES[change](tmp_path / LEDGER)
    uses = replace(PAYMENT, name="use", uses={"a": 1, "c": 1})
    for decide in (
        lambda: record_corrections(log, store, found, AS_OF),
        lambda: record_payment(log, store, later("2026-H2"), "2026-12-01T00:00:00+00:00"),
        lambda: record_payment(log, store, uses, AS_OF),
        lambda: check_ledgers(store, {"": SECRETS[0]}),
        lambda: sweep(store, log, {}, date(2026, 12, 1)),
    ):
        with pytest.raises(RunError, match="ledger of a version is not the one") as error:
            decide()
        assert "acme/v0001/agency/ledger" in error.value.which
        assert "Restore" in error.value.remedy
    assert log.size == size


def test_a_ledger_that_was_changed_after_it_was_read_is_checked_again(
    tmp_path: Path, output: tuple[Store, AgencyLog]
) -> None:
    store, _ = output
    for _ in range(2):
        rows = read_ledger_rows(store, "acme", "v0001", SECRETS, ["contributor_id", "asset_id"])
        assert rows.column_names == ["contributor_id", "asset_id"]
        assert rows["asset_id"].to_pylist() == ["a", "b", "b", "c"]
    changed(tmp_path / LEDGER, "contributor_id", "eve")
    with pytest.raises(RunError, match="not the one that was signed"):
        read_ledger_rows(store, "acme", "v0001", SECRETS, ["asset_id"])


def test_the_ledger_of_another_version_is_refused(
    tmp_path: Path, output: tuple[Store, AgencyLog]
) -> None:
    store, _ = output
    other = write_ledger(
        tmp_path / "out",
        "v0002",
        [{"asset_id": "a", "contributor_id": "ada", "share_bp": 10_000, "weight": 1}],
    )
    other.write_bytes((tmp_path / LEDGER).read_bytes())
    with pytest.raises(RunError, match="another delivery"):
        read_ledger_rows(store, "acme", "v0002", SECRETS, ["asset_id"])


def test_without_the_key_nothing_is_decided(output: tuple[Store, AgencyLog]) -> None:
    store, log = output
    other = b"another secret, which has 32 bytes"
    with pytest.raises(RunError, match=r"<key file>\.previous"):
        read_ledger_rows(store, "acme", "v0001", [other], ["asset_id"])
    earlier = [other, SIGNER.secret]
    assert len(read_ledger_rows(store, "acme", "v0001", earlier, ["asset_id"])) == 4
    with pytest.raises(InputError, match="no such delivery"):
        read_ledger_rows(open_store(store.uri), "acme", "v0009", earlier, ["asset_id"])
    assert SIGNER.secret.hex() not in repr(log.key)
    assert repr(SIGNER.secret) not in repr(log.key)
