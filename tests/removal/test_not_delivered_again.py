"""What a notice took out of deliveries does not come back, under no id and in no deal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.ledger.signed_note import FileKey
from pipelines.run.signing_key import load_key, previous_key_path, save_key
from tests.deals import deal_text
from tests.end_to_end.command import CommandResult
from tests.end_to_end.small_library import SmallLibrary, in_process
from tests.removal.test_copies_and_names import delivered, revoke
from tests.removal.test_revoke import accept, dsse, reply_to

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    folder = tmp_path_factory.mktemp("removed") / "library"
    folder.mkdir()
    made = SmallLibrary(folder)
    made.add_contributor("c-2")
    made.add(4, side=600)
    made.add(2, side=600, contributors=[{"contributor_id": "c-2", "share_bp": 10_000}])
    assert made.package().code == 0
    return made


@pytest.fixture
def library(published: SmallLibrary, tmp_path: Path) -> SmallLibrary:
    return published.copied_to(tmp_path / "library")


def package(library: SmallLibrary, deal_id: str, more: str = "") -> CommandResult:
    library.deal = deal_text(deal_id, "10.00") + more
    return library.package("--json", as_of="2026-11-28")


def refused(library: SmallLibrary, version: str) -> dict[str, list[str]]:
    """The refused assets of a version with their reasons."""
    found = {}
    for path in (library.out / version / "agency/decisions").glob("*.parquet"):
        for row in pq.read_table(path).to_pylist():
            if row["outcome"] == "refused":
                found[row["asset_id"]] = row["reasons"]
    return found


def test_no_later_version_has_it_and_reversed_money_stays_away(library: SmallLibrary) -> None:
    revoke(library, "--asset", "a-0", "--money", "reverse")
    assert package(library, "small").code == 0
    assert delivered(library, "small/v0003") == {"a-1", "a-2", "a-3", "a-4", "a-5"}
    assert refused(library, "small/v0003") == {"a-0": ["asset.removed"]}


def test_no_other_deal_has_it(library: SmallLibrary) -> None:
    revoke(library, "--contributor", "c-2", "--reason", "minor")
    assert package(library, "other").code == 0
    assert delivered(library, "other/v0001") == {"a-0", "a-1", "a-2", "a-3"}


@pytest.mark.parametrize("accepted", ["", '\n[rights]\ncopies_of_refused = "accept"\n'])
def test_a_copy_does_not_come_back_when_the_asset_left_the_catalogue(
    library: SmallLibrary, accepted: str
) -> None:
    revoke(library, "--asset", "a-0")
    library.rows[0] |= {"asset_id": "renamed"}
    done = package(library, "other", accepted)
    assert done.code == 0
    assert done.json["steps"]["select"]["refused_by_notice"] == {"small-000001": 1}
    assert delivered(library, "other/v0001") == {"a-1", "a-2", "a-3", "a-4", "a-5"}
    assert refused(library, "other/v0001") == {"renamed": ["duplicate.of_refused"]}


def test_an_ended_term_counts_in_its_own_deal_alone(library: SmallLibrary) -> None:
    revoke(library, "--asset", "a-0", "--reason", "expiry")
    assert package(library, "other").code == 0
    assert "a-0" in delivered(library, "other/v0001")
    assert package(library, "small").code == 0
    assert "a-0" not in delivered(library, "small/v0003")


def test_a_notice_that_the_deal_reinstates_counts_no_longer(library: SmallLibrary) -> None:
    done = revoke(library, "--asset", "a-0")
    [notice] = [one["notice"] for one in done["small"]["notices"]]
    more = f'\n[withdrawal]\nreinstated = ["{notice}"]\n'
    assert package(library, "other", more).code == 0
    assert "a-0" in delivered(library, "other/v0001")
    unknown = package(library, "third", more.replace("000001", "000009"))
    assert unknown.code == 2 and "reinstates a notice" in unknown.err


def test_a_version_from_before_a_removal_can_be_repaired(library: SmallLibrary) -> None:
    revoke(library, "--asset", "a-0")
    delivery = library.out / "small/v0001/delivery"
    checkpoint = delivery / "checkpoint"
    data = checkpoint.read_bytes()
    checkpoint.write_bytes(b"")
    words = ["--catalogue", library.folder / "catalogue", "--deal", library.folder / "deal.toml"]
    done = in_process("verify", delivery, "--repair", "--quiet", "--workers", 1, *words)
    assert done.code == 0, done.err
    assert checkpoint.read_bytes() == data


def test_a_replacement_that_has_the_sample_again_is_refused(library: SmallLibrary) -> None:
    done = revoke(library, "--asset", "a-0")["small"]
    sound = reply_to(library.folder, done)
    more = f'\n[withdrawal]\nreinstated = ["{done["notices"][0]["notice"]}"]\n'
    assert package(library, "small", more).code == 0
    assert "a-0" in delivered(library, "small/v0003")
    path = library.out / "small/v0003/delivery/MANIFEST.json"
    [again] = [shard["sha256"] for shard in json.loads(path.read_bytes())["shards"]]
    for shard in sound["shards"]:
        lie = {**sound, "shards": [{**shard, "replacement_sha256": again}]}
        refused_reply = accept(library.folder, dsse(lie))
        assert refused_reply.code == 1 and "still has the samples" in refused_reply.err
    assert accept(library.folder, dsse(sound)).code == 0


def test_after_a_handover_a_replacement_is_compared_by_asset_and_file(
    library: SmallLibrary, tmp_path: Path
) -> None:
    """The new key makes other commitments of the same assets."""
    done = revoke(library, "--asset", "a-0")["small"]
    sound = reply_to(library.folder, done)
    path, kept = library.out / "agency/signing.key", tmp_path / "old.key"
    shutil.copy(path, kept)
    path.rename(previous_key_path(path))
    save_key(path, FileKey(load_key(kept).name, bytes(range(32))))
    more = f'\n[withdrawal]\nreinstated = ["{done["notices"][0]["notice"]}"]\n'
    made = package(library, "small", more)
    assert made.code == 0, made.err
    manifest = json.loads((library.out / "small/v0003/delivery/MANIFEST.json").read_bytes())
    [again] = [shard["sha256"] for shard in manifest["shards"]]
    lie = {**sound, "shards": [{**sound["shards"][0], "replacement_sha256": again}]}
    refused_reply = accept(library.folder, dsse(lie))
    assert refused_reply.code == 1 and "still has the samples" in refused_reply.err
    previous_key_path(path).unlink()
    again_refused = accept(library.folder, dsse(lie))
    assert again_refused.code == 1 and "still has the samples" in again_refused.err
    assert accept(library.folder, dsse(sound)).code == 0
