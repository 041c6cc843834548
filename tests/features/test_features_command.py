"""`fairshard features` on a library's output: damage is found, removed, and computed again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.run.lease import hold_version
from pipelines.storage.open import open_store
from tests.end_to_end.small_library import SmallLibrary, in_process

pytestmark = pytest.mark.long

LATER = "2026-07-02"


@pytest.fixture
def library(tmp_path: Path) -> SmallLibrary:
    made = SmallLibrary(tmp_path)
    made.deal += '\n[select]\ndedupe = "none"\n'
    made.add(3, side=560)
    assert made.package().code == 0
    return made


def shards(library: SmallLibrary, version: str) -> dict[str, bytes]:
    folder = library.out / "small" / version / "delivery/shards"
    return {path.name: path.read_bytes() for path in folder.glob("*.tar")}


def test_an_output_that_no_run_has_written(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none"):
        ended = in_process("features", place)
        assert ended.code == 2 and str(place) in ended.err, ended


def test_damaged_features_stop_a_run_and_are_computed_again(library: SmallLibrary) -> None:
    before = in_process("features", library.out, "--check", "--json").json["tables"]
    rows = {row["kind"]: row["rows"] for row in before}
    # Files that were just written are not yet among the digests of unchanged files.
    expected = {"captions": 3, "embeddings": 3, "facts": 3, "readings": 3}
    assert {kind: rows[kind] for kind in expected} == expected
    assert {row["state"] for row in before} == {"in use"}
    assert all(row["model"] and not row["damaged"] for row in before)

    for path in (library.out / "agency/features").glob("*/*.parquet"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        path.write_bytes(data)
    stopped = library.package(as_of=LATER)
    assert stopped.code == 1
    assert "A file of stored features is damaged" in stopped.err and "--remove damaged" in (
        stopped.err
    )
    checked = in_process("features", library.out, "--check")
    assert checked.code == 1 and "damaged: agency/features/" in checked.out
    dry = in_process("features", library.out, "--remove", "damaged", "--dry-run", "--json")
    done = in_process("features", library.out, "--remove", "damaged", "--json")
    assert dry.code == 1 and done.code == 0
    assert sorted(dry.json["removed"]) == sorted(done.json["removed"]) != []
    assert in_process("features", library.out).out.startswith("There are no features yet")
    assert library.package(as_of=LATER).code == 0
    again = in_process("features", library.out, "--check", "--json").json["tables"]
    rows = {row["kind"]: row["rows"] for row in again}
    assert {kind: rows[kind] for kind in expected} == expected
    assert [len(tar) for tar in shards(library, "v0002").values()] == [
        len(tar) for tar in shards(library, "v0001").values()
    ]


def test_stale_tables_are_those_of_models_without_a_delivery(library: SmallLibrary) -> None:
    features = library.out / "agency/features"
    [own] = features.glob("embeddings-*")
    other = features / "embeddings-0123456789ab"
    other.mkdir()
    for path in own.glob("*.parquet"):
        (other / path.name).write_bytes(path.read_bytes())
    rows = in_process("features", library.out, "--json").json["tables"]
    assert {row["table"] for row in rows if row["state"] == "stale"} == {other.name}
    assert {row["table"]: row["deals"] for row in rows}[own.name] == ["small"]
    assert in_process("features", library.out, "--remove", "stale").code == 0
    assert list(other.glob("*.parquet")) == [] and list(own.glob("*.parquet")) != []


def test_nothing_is_removed_during_a_run(library: SmallLibrary) -> None:
    store = open_store(str(library.out))
    with hold_version(store, "small", "v0007", "run"):
        for words in (["--remove", "stale"], ["--remove", "damaged"], ["--compact"]):
            refused = in_process("features", library.out, *words)
            assert refused.code == 1 and "A run is in progress" in refused.err
            assert "small/v0007" in refused.err
        assert in_process("features", library.out, "--remove", "stale", "--dry-run").code == 0
