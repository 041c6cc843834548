"""`package` records what it publishes in the agency's log, once, also after a stop."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.accounts.deliveries import record_delivery
from pipelines.accounts.log import open_log
from pipelines.run.signing_key import load_key, log_key, previous_key_path, save_key
from pipelines.storage.open import open_store
from tests.accounts.cases import NEXT
from tests.accounts.independent import (
    check_books,
    check_sums,
    commitment,
    open_envelope,
    read_log,
    texts,
)
from tests.end_to_end.command import tree
from tests.end_to_end.small_library import SmallLibrary, in_process

LOG = Path("out/agency/log")
AGENCY = Path("out/small/v0001/agency")
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    made = SmallLibrary(tmp_path_factory.mktemp("accounts"))
    made.add(3, side=600)
    ended = made.package()
    assert ended.code == 0, ended.err
    return made


@pytest.fixture(scope="module")
def made(library: SmallLibrary) -> Path:
    return library.folder


def delivered(folder: Path) -> dict[str, Any]:
    [leaf] = [leaf for leaf in read_log(folder / LOG) if leaf["kind"] == "delivery"]
    return leaf


@pytest.mark.long
def test_a_delivery_is_recorded(made: Path) -> None:
    leaves = read_log(made / LOG)
    check_books(made / "out", leaves)
    assert check_sums(made / "out", leaves) == sum(leaf["kind"] == "delivery" for leaf in leaves)
    leaf = delivered(made)
    manifest = (made / "out/small/v0001/delivery/MANIFEST.json").read_bytes()
    stated = json.loads(manifest)["ledger"]
    assert leaf["delivery"] == "small/v0001"
    assert leaf["recorded_at"] == "2026-06-30T23:59:59.999999+00:00"
    assert leaf["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()
    assert (leaf["entries"], leaf["entries_root"]) == (stated["entries"], stated["root"])
    ledger = pq.read_table(made / AGENCY / "ledger").to_pylist()
    for name in ("asset", "contributor"):
        count = len({row[f"{name}_id"] for row in ledger})
        assert leaf[f"{name}s"] == leaf[f"all_{name}s"] == count


@pytest.mark.long
def test_the_log_names_nobody(made: Path) -> None:
    held = b"".join(path.read_bytes() for path in (made / LOG).rglob("*") if path.is_file())
    for text in (b"c-1", b"a-0", b"a-1", b"a-2"):
        assert text not in held


@pytest.mark.long
def test_the_attestation_is_of_the_manifest(made: Path) -> None:
    vkey = (made / LOG / "log.vkey").read_text().strip()
    data = (made / LOG / "attestations/small/v0001.intoto.jsonl").read_bytes()
    statement = open_envelope(data, vkey)
    [subject] = statement["subject"]
    manifest = (made / "out" / subject["name"]).read_bytes()
    assert subject["digest"] == {"sha256": hashlib.sha256(manifest).hexdigest()}
    assert statement["predicate"]["log_index"] == delivered(made)["index"]


def forget(made: Path) -> None:
    """Removes everything that was recorded, as if the run had been killed after its manifest."""
    for name in ("log", "books"):
        shutil.rmtree(made / "out/agency" / name)
    (made / "out/agency/signing.key.checkpoint").unlink()


@pytest.mark.long
def test_a_published_version_that_is_not_recorded(library: SmallLibrary, made: Path) -> None:
    before = tree(made / "out")
    forget(made)
    (made / "out/small/v0001/delivery/.tmp-01").write_bytes(b"half")
    for _ in range(2):
        ended = library.package()
        assert ended.code == 0 and "Nothing to do" in ended.out
        assert tree(made / "out") == before


@pytest.mark.long
def test_prove_records_what_is_missing(made: Path, tmp_path: Path) -> None:
    before = tree(made / "out")
    forget(made)
    words = ("prove", "--out", made / "out", "--asset", "a-0", "--to", tmp_path / "p.json")
    ended = in_process(*words)
    assert ended.code == 0, ended.err
    assert ended.out.startswith("Asset a-0 is in at least one delivery up to 2026-06-30T23:59")
    assert tree(made / "out") == before


@pytest.mark.long
def test_an_altered_log_stops_the_next_command(library: SmallLibrary, made: Path) -> None:
    record = made / "out/agency/books/records/00000001.json"
    before = record.read_bytes()
    record.write_bytes(before.replace(b'"entries":3', b'"entries":4'))
    ended = library.package()
    assert ended.code == 1 and "record 1 is not the one in the log" in ended.err
    record.write_bytes(before)


@pytest.mark.long
def test_pools_of_a_version_are_in_its_private_part(made: Path, tmp_path: Path) -> None:
    """The record takes over what pool.json says."""
    shutil.copytree(made / "out", tmp_path / "out")
    (tmp_path / "out/agency/signing.key.checkpoint").unlink()
    for name in ("log", "books"):
        shutil.rmtree(tmp_path / "out/agency" / name)
    folder = tmp_path / AGENCY / "pool"
    pool = json.loads((folder / "pool.json").read_text())
    lines = (folder / "pool_lines-00000.parquet").read_bytes()
    digest = hashlib.sha256(lines).hexdigest()
    key = tmp_path / "out/agency/signing.key"
    store = open_store(str(tmp_path / "out"))
    record = record_delivery(store, log_key(load_key(key), key), "small", "v0001", NOON)
    assert record.private["pool"] == pool | {"lines_sha256": digest}
    assert record.private["holds_sha256"] == ""
    assert (tmp_path / f"out/agency/books/lines/{digest}.parquet").read_bytes() == lines
    assert b"gross" not in record.leaf()
    check_books(tmp_path / "out", read_log(tmp_path / LOG))


@pytest.mark.long
def test_sets_grow_with_every_delivery(library: SmallLibrary, made: Path) -> None:
    library.add(1, side=600, contributors=[{"contributor_id": "c-1", "share_bp": 10_000}])
    library.rows[0]["status"] = "withdrawn"
    ended = library.package()
    assert ended.code == 0, ended.err
    leaves = read_log(made / LOG)
    check_books(made / "out", leaves)
    assert check_sums(made / "out", leaves) == sum(leaf["kind"] == "delivery" for leaf in leaves)
    first, second = (leaf for leaf in leaves if leaf["kind"] == "delivery")
    assert second["delivery"] == "small/v0002"
    assert (first["assets"], second["assets"], second["all_assets"]) == (3, 3, 4)
    assert second["all_contributors_root"] == first["all_contributors_root"]
    # One commitment serves all deliveries: a-1 is in both.
    record = json.loads((made / "out/agency/books/records/00000000.json").read_bytes())
    salt = bytes.fromhex(record["private"]["salt"])
    value = texts("a-1")
    item = hmac.digest(salt, b"log-asset\0" + value, "sha256")
    one = commitment("log-asset", item, value)
    for leaf in (first, second):
        data = (made / f"out/agency/books/sets/{leaf['assets_root']}.npy").read_bytes()
        assert one in data


@pytest.mark.long
def test_a_new_key_file_goes_on(library: SmallLibrary, made: Path) -> None:
    path = made / "out/agency/signing.key"
    path.rename(previous_key_path(path))
    save_key(path, NEXT)
    ended = library.package()
    assert ended.code == 0, ended.err
    leaves = read_log(made / LOG)
    assert [leaf["kind"] for leaf in leaves] == ["key", "delivery", "delivery", "key", "delivery"]
    assert leaves[-1]["all_assets"] == 4  # under the salt that the log was begun with
    check_books(made / "out", leaves)
    assert check_sums(made / "out", leaves) == sum(leaf["kind"] == "delivery" for leaf in leaves)
    previous_key_path(path).unlink()
    assert open_log(open_store(str(made / "out")), log_key(load_key(path), path)).size == 5
