"""Nothing that `revoke` is told is passed over: ids, terms, days and keys."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.ledger.signed_note import FileKey
from pipelines.run.signing_key import load_key, save_key
from tests.end_to_end.command import CommandResult
from tests.end_to_end.small_library import SmallLibrary, in_process

pytestmark = pytest.mark.long

WORDS = ("--reason", "takedown", "--effective", "2026-12-01", "--as-of", "2026-11-27")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """Four pictures of one contributor."""
    folder = tmp_path_factory.mktemp("given") / "library"
    folder.mkdir()
    made = SmallLibrary(folder)
    made.add(4, side=600)
    assert made.package().code == 0
    return made


@pytest.fixture
def out(published: SmallLibrary, tmp_path: Path) -> Path:
    shutil.copytree(published.folder, tmp_path / "library")
    return tmp_path / "library/out"


def revoke(out: Path, *words: object) -> CommandResult:
    return in_process("revoke", "--out", out, *WORDS, *words)


def only(done: CommandResult) -> Any:
    [deal] = done.json["deals"]
    return deal


def test_ids_that_are_nowhere_are_named(out: Path) -> None:
    done = revoke(out, "--asset", "a-0", "a-O", "--contributor", "c-9")
    assert done.code == 1
    said = done.out.splitlines()
    assert said[-2:] == [
        "In no published delivery: asset a-O",
        "In no published delivery: contributor c-9",
    ]
    assert "  small/v0002 patches small/v0001" in said


def test_a_file_of_ids_from_a_spreadsheet_is_read(out: Path) -> None:
    (out / "ids.txt").write_bytes(b"\xef\xbb\xbfa-0\r\n a-1 \r\n\r\n")
    done = revoke(out, "--asset-file", out / "ids.txt", "--json")
    assert (done.code, only(done)["samples"]) == (0, {"small/v0001": 2}), done.err


def test_other_terms_for_the_same_assets_are_named(out: Path) -> None:
    assert revoke(out, "--asset", "a-0").code == 0
    again = ("--reason", "minor", "--effective", "2026-12-02", "--deadline-days", "2")
    done = revoke(out, "--asset", "a-0", *again, "--way", "tombstone", "--json")
    assert done.code == 1
    assert only(done)["differences"] == [
        "small-000001 says reason takedown, not minor",
        "small-000001 says effective 2026-12-01, not 2026-12-02",
        "small-000001 says to be deleted by 2026-12-31, not 2026-12-04",
        "small-000001 says way patch, not tombstone",
    ]
    assert revoke(out, "--asset", "a-0").code == 0


def test_money_can_be_reversed_later_for_all_assets_of_a_notice(out: Path) -> None:
    assert revoke(out, "--asset", "a-0", "a-1").code == 0
    part = revoke(out, "--asset", "a-0", "--money", "reverse", "--json")
    assert (part.code, only(part)["corrections"]) == (1, [])
    whole = revoke(out, "--asset", "a-0", "a-1", "--money", "reverse", "--json")
    assert whole.code == 0, only(whole)
    assert [one["taken_minor"] for one in only(whole)["corrections"]] == [3_00]
    again = revoke(out, "--asset", "a-0", "a-1", "--money", "reverse", "--json")
    assert only(again)["corrections"] == only(whole)["corrections"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--effective", "9999-12-31"), "effective"),
        (("--as-of", "2019-01-01"), "older than the delivery"),
    ],
)
def test_impossible_days_are_refused(out: Path, words: tuple[str, ...], said: str) -> None:
    before = sorted((out / "agency/books").rglob("*"))
    done = revoke(out, "--asset", "a-0", *words)
    assert done.code == 2 and said in done.err
    assert sorted((out / "agency/books").rglob("*")) == before


@pytest.mark.parametrize("days", ["3651", "99999999999999999999"])
def test_a_deadline_in_the_far_future_is_refused(out: Path, days: str) -> None:
    with pytest.raises(SystemExit):
        in_process("revoke", "--out", out, *WORDS, "--asset", "a-0", "--deadline-days", days)


def test_an_altered_ledger_decides_nothing(out: Path) -> None:
    """Somebody has given the picture another id, under which nobody looks for it."""
    path = out / "small/v0001/agency/ledger/ledger-00000.parquet"
    table = pq.read_table(path)
    ids = ["b-0" if one == "a-0" else one for one in table["asset_id"].to_pylist()]
    place = table.schema.get_field_index("asset_id")
    field = table.schema.field("asset_id")
    pq.write_table(table.set_column(place, field, pa.array(ids)), path)
    before = sorted((out / "agency/books").rglob("*"))
    done = revoke(out, "--asset", "a-0")
    assert (done.code, "not the one that was signed" in done.err) == (1, True)
    assert sorted((out / "agency/books").rglob("*")) == before


def hand_over(out: Path) -> None:
    """Gives the output another key; the old one is beside it until a command has noted it."""
    path = out / "agency/signing.key"
    old = load_key(path)
    shutil.move(path, f"{path}.previous")
    save_key(path, FileKey(old.name, bytes(range(32))))


def test_a_version_is_replaced_after_a_handover_and_a_removal(
    published: SmallLibrary, tmp_path: Path
) -> None:
    made = published.copied_to(tmp_path / "library")
    hand_over(made.out)
    assert revoke(made.out, "--asset", "a-0").code == 0
    done = made.package(as_of="2026-11-28")
    assert done.code == 0, done.err
