"""The files of removed assets: both forms where metadata is removed, and digests nobody altered."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.log import open_log
from pipelines.commands.revoke import open_agency
from pipelines.ledger.record import AllSets, Kind
from pipelines.storage.columns import values_of
from tests.deals import deal_text
from tests.end_to_end.small_library import SmallLibrary, in_process
from tests.removal.test_copies_and_names import WORDS, delivered, revoke
from tests.removal.test_not_delivered_again import package, refused

pytestmark = pytest.mark.long

STRIP = '\n[rights]\npersonal_data = "rights-only"\n'


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """Three pictures; "stripped" delivers a-0 and a-1 without metadata, "small" as they are."""
    folder = tmp_path_factory.mktemp("forms") / "library"
    folder.mkdir()
    made = SmallLibrary(folder)
    made.add(2, side=600)
    made.deal = deal_text("stripped", "10.00") + STRIP
    assert made.package().code == 0
    return made


@pytest.fixture
def library(published: SmallLibrary, tmp_path: Path) -> SmallLibrary:
    return published.copied_to(tmp_path / "library")


def test_a_copy_of_the_original_is_refused_and_removed_everywhere(library: SmallLibrary) -> None:
    """The same picture under another id, delivered as it is in another deal, and offered later."""
    rows = library.rows
    library.rows = [{**rows[0], "asset_id": "b-0"}, {**rows[1], "asset_id": "b-1"}]
    assert package(library, "plain").code == 0
    done = revoke(library, "--asset", "a-0", "--as-of", "2026-11-28")
    assert {name: one["samples"] for name, one in done.items()} == {
        "stripped": {"stripped/v0001": 1},
        "plain": {"plain/v0001": 1},
    }
    assert delivered(library, "plain/v0002") == {"b-1"}
    library.rows = [{**rows[0], "asset_id": "c-0"}, rows[1]]
    assert package(library, "later").code == 0
    assert refused(library, "later/v0001") == {"c-0": ["duplicate.of_refused"]}
    assert package(library, "later-stripped", STRIP).code == 0
    assert refused(library, "later-stripped/v0001") == {"c-0": ["duplicate.of_refused"]}


def record_as_before(library: SmallLibrary, assets: list[str]) -> None:
    """Records a notice as earlier releases did: it has no files, and not what was asked for."""
    agency = open_agency(str(library.out), "")
    public = {"notice": "stripped-000001", "sequence": 1, "deal_id": "stripped"}
    private = {"reason": "takedown", "effective_at": "2026-11-27", "deadline": "2026-12-27"}
    private |= {"way": "patch", "money": "keep", "recurring": "stop"}
    named = {"assets": {"stripped/v0001": assets}}

    def make(index: int, sets: AllSets) -> NewRecord:
        return NewRecord({**public, "notice_sha256": "0"}, {**private, **named}, sets)

    log = open_log(agency.store, agency.key)
    append_record(log, Kind.NOTICE, ("notice", "before"), "2026-11-27T00:00:00+00:00", make)


@pytest.mark.slow
def test_a_notice_of_an_earlier_release_counts_by_checked_digests(library: SmallLibrary) -> None:
    record_as_before(library, ["a-0"])
    library.rows[0] |= {"asset_id": "renamed"}
    sound = library.copied_to(library.folder.with_name("sound"))
    assert package(sound, "later").code == 0
    assert refused(sound, "later/v0001") == {"renamed": ["duplicate.of_refused"]}
    agency = library.out / "stripped/v0001/agency"
    for name, column in (
        ("ledger/ledger-00000.parquet", "media_sha256"),
        ("ledger/ledger-00000.parquet", "asset_id"),
        ("renditions", "original_sha256"),
    ):
        folder = library.folder.with_name(f"altered-{column}")
        altered = library.copied_to(folder)
        path = altered.out / "stripped/v0001/agency" / name
        path = next(path.glob("*.parquet")) if path.is_dir() else path
        change(path, column)
        done = package(altered, "later")
        assert done.code == 1, (name, column)
        assert "is damaged" in done.err or "not the one that was signed" in done.err
    shutil.rmtree(agency / "renditions")
    assert package(library, "later").code == 1


def change(path: Path, column: str) -> None:
    table = pq.read_table(path)
    at = table.column_names.index(column)
    values = [value[::-1] for value in values_of(table[column], str)]
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(values)), path)


def test_a_removal_does_not_go_by_altered_renditions(library: SmallLibrary) -> None:
    path = next((library.out / "stripped/v0001/agency/renditions").glob("*.parquet"))
    change(path, "original_sha256")
    done = in_process("revoke", "--out", library.out, *WORDS, "--asset", "a-0")
    assert done.code == 1 and "renditions is damaged" in done.err


@pytest.mark.slow
def test_a_copy_that_was_encoded_again_is_refused(library: SmallLibrary) -> None:
    """The removed asset is gone from the catalogue, and its picture is there in other bytes."""
    revoke(library, "--asset", "a-0")
    path = library.folder / "catalogue" / library.rows[0]["media_uri"]
    Image.open(path).save(library.folder / "catalogue/again.jpg", quality=70)
    library.rows[0] |= {"asset_id": "again", "media_uri": "again.jpg"}
    assert package(library, "later").code == 0
    assert refused(library, "later/v0001") == {"again": ["duplicate.like_refused"]}
