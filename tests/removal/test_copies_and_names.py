"""A removal takes every copy of the bytes, and nothing that its notices do not name."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.accounts.log import open_log
from pipelines.commands.revoke import open_agency
from pipelines.removal.request import Removal
from pipelines.removal.revoke import _revoke_in_deal
from pipelines.removal.search import Wanted, find_samples
from pipelines.storage.columns import values_of
from tests.deals import deal_text
from tests.end_to_end.small_library import SmallLibrary, in_process

pytestmark = pytest.mark.long

WORDS = ("--reason", "takedown", "--effective", "2026-12-01", "--as-of", "2026-11-27")
DEAL = deal_text("small", "10.00") + '\n[select]\ndedupe = "none"\n'


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """Six pictures; a-4 has the file of a-0 under another id. a-5 is by c-2."""
    folder = tmp_path_factory.mktemp("copies") / "library"
    folder.mkdir()
    made = SmallLibrary(folder)
    made.add_contributor("c-2")
    made.add(4, side=600)
    made.add(1, media_uri="0.jpg")
    made.add(1, side=600, contributors=[{"contributor_id": "c-2", "share_bp": 10_000}])
    for deal in (DEAL, DEAL.replace("small", "other")):
        made.deal = deal
        assert made.package().code == 0
    return made


@pytest.fixture
def library(published: SmallLibrary, tmp_path: Path) -> SmallLibrary:
    return published.copied_to(tmp_path / "library")


def revoke(library: SmallLibrary, *words: object) -> dict[str, Any]:
    done = in_process("revoke", "--out", library.out, *WORDS, "--json", *words)
    assert done.code == 0, done.err
    return {one["deal_id"]: one for one in done.json["deals"]}


def delivered(library: SmallLibrary, version: str) -> set[str]:
    path = library.out / version / "agency/ledger/ledger-00000.parquet"
    return set(values_of(pq.read_table(path)["asset_id"], str))


def test_a_copy_under_another_id_goes_too_in_every_deal(library: SmallLibrary) -> None:
    done = revoke(library, "--asset", "a-0")
    assert {name: one["samples"] for name, one in done.items()} == {
        "small": {"small/v0001": 2},
        "other": {"other/v0001": 2},
    }
    for name in ("small", "other"):
        assert delivered(library, f"{name}/v0002") == {"a-1", "a-2", "a-3", "a-5"}


def test_whatever_is_removed_is_named(library: SmallLibrary) -> None:
    """The first version says that a-1 is by c-1, the second that it is by c-2: the file goes."""
    library.rows[1]["contributors"] = [{"contributor_id": "c-2", "share_bp": 10_000}]
    library.deal = DEAL
    assert library.package("--new-pool", "second").code == 0
    done = revoke(library, "--contributor", "c-1", "--deal", "small")
    assert delivered(library, "small/v0003") == {"a-5"}
    notice = json.loads((library.out / done["small"]["notices"][0]["file"]).read_bytes())
    named = {
        item["delivery"]: sum(len(shard["samples"]) for shard in item["shards"])
        for item in notice["deliveries"]
    }
    assert named == {"small/v0001": 5, "small/v0002": 5}


def test_two_removals_at_once_both_leave_the_current_version(library: SmallLibrary) -> None:
    """The second has looked for samples before the first one made its version."""
    agency = open_agency(str(library.out), "")
    removal = Removal(
        Wanted(frozenset(["a-2"])),
        "takedown",
        date(2026, 12, 1),
        datetime(2026, 11, 27, tzinfo=UTC),
        deal_id="small",
    )
    found = find_samples(agency.store, removal.wanted, agency.secrets, "small")
    revoke(library, "--asset", "a-1", "--deal", "small")
    log = open_log(agency.store, agency.key)
    done = _revoke_in_deal(agency, log, removal, "small", found)
    assert done.patched == {"small/v0002": "v0003"}
    assert delivered(library, "small/v0003") == {"a-0", "a-3", "a-4", "a-5"}


def test_the_current_version_is_known_without_its_runs_record(library: SmallLibrary) -> None:
    revoke(library, "--asset", "a-1", "--deal", "small")
    (library.out / "small/v0002/agency/run.json").unlink()
    done = revoke(library, "--asset", "a-2", "--deal", "small")
    assert done["small"]["patched"] == {"small/v0002": "v0003"}
