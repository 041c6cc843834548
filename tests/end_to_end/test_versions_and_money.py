"""A pool is paid once, however many versions of a delivery divide it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.run.lease import hold_version
from pipelines.run.signing_key import demonstration_key, save_key
from pipelines.storage.open import open_store
from pipelines.verify.statement import check_statement, read_statement
from tests.end_to_end.command import CommandResult, kill_when, tree
from tests.end_to_end.small_library import SmallLibrary

PEOPLE = ("c-1", "c-2", "c-3")
FIRST, SECOND, THIRD = "2026-07-01", "2026-07-02", "2026-07-03"


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """A library of six pictures by three contributors, with version 1 of a delivery of 10.00."""
    made = SmallLibrary(tmp_path_factory.mktemp("packaged"))
    for person in PEOPLE[1:]:
        made.add_contributor(person)
    for number in range(6):
        owner = PEOPLE[number % 3]
        made.add(1, 512, contributors=[{"contributor_id": owner, "share_bp": 10_000}])
    package(made, FIRST)
    return made


@pytest.fixture
def library(packaged: SmallLibrary, tmp_path: Path) -> SmallLibrary:
    """A copy of the library and its delivery, for a test that changes them."""
    return packaged.copied_to(tmp_path / "library")


@pytest.fixture(scope="module")
def packaged_twice(
    packaged: SmallLibrary, tmp_path_factory: pytest.TempPathFactory
) -> SmallLibrary:
    """The library with version 2 besides."""
    made = packaged.copied_to(tmp_path_factory.mktemp("twice") / "library")
    package(made, SECOND)
    return made


def package(library: SmallLibrary, day: str, *more: object) -> Any:
    """Packages a library, which must succeed; returns what was printed with --json."""
    ended = library.package("--json", *more, as_of=day)
    assert ended.code == 0, ended.err
    return ended.json


def agency(library: SmallLibrary, version: int) -> Path:
    return library.out / "small" / f"v{version:04d}" / "agency"


def credited(library: SmallLibrary, version: int) -> dict[str, int]:
    """What a version's ledger credits, by contributor."""
    found: Counter[str] = Counter()
    for row in pq.read_table(agency(library, version) / "ledger/ledger-00000.parquet").to_pylist():
        found[row["contributor_id"]] += row["amount_minor"]
    return dict(found)


def differences(library: SmallLibrary, version: int) -> dict[str, int]:
    path = agency(library, version) / "pool/differences-00000.parquet"
    return {
        row["contributor_id"]: row["difference_minor"] for row in pq.read_table(path).to_pylist()
    }


def statements(library: SmallLibrary, version: int) -> dict[str, Any]:
    """Every statement of a version, checked."""
    found = {}
    for path in (agency(library, version) / "statements").glob("*.json"):
        statement = read_statement(path.read_text(encoding="utf-8"))
        check_statement(statement)
        found[statement["contributor_id"]] = statement
    return found


def exact(counts: dict[str, int]) -> dict[str, Fraction]:
    """The exact dues of 6.00 divided by numbers of pictures."""
    return {who: Fraction(600 * count, sum(counts.values())) for who, count in counts.items()}


def test_the_same_deal_on_another_day_owes_nothing(library: SmallLibrary) -> None:
    before = tree(library.out / "small" / "v0001")
    printed = package(library, SECOND)
    assert tree(library.out / "small" / "v0001") == before
    assert differences(library, 2) == dict.fromkeys(PEOPLE, 0)
    assert printed["replaces"]["version"] == "v0001"
    assert printed["replaces"]["contributors"]["same"] == 3
    assert printed["replaces"]["assets"] == {"added": 0, "changed": 0, "kept": 6, "removed": 0}
    [past] = printed["versions"]["published_before"]
    assert (past["name"], past["gross_minor"], past["agency_minor"]) == ("v0001", 1_000, 400)
    for who, statement in statements(library, 2).items():
        assert statement["replaces"] == "small/v0001"
        assert statement["previous_minor"] == statement["total_minor"] == 200, who
        assert statement["difference"] == "0.00"
    record = json.loads((agency(library, 2) / "pool/replaces.json").read_bytes())
    assert record["pool_minor"] == {"previous": 1_000, "now": 1_000, "difference": 0}
    again = package(library, FIRST)
    assert (again["made"], again["replaced_by"]) == (False, "v0002")


def test_a_withdrawn_asset_moves_only_the_differences(library: SmallLibrary) -> None:
    library.rows.pop()  # the second one of c-3
    printed = package(library, SECOND)
    now, dues = credited(library, 2), exact({"c-1": 2, "c-2": 2, "c-3": 1})
    assert all(abs(now[who] - due) < 1 for who, due in dues.items())
    assert differences(library, 2) == {who: now[who] - 200 for who in PEOPLE}
    assert sum(differences(library, 2).values()) == 0
    assert printed["versions"]["changes_known_before"]["gone"] == 1
    assert printed["replaces"]["assets"] == {"added": 0, "changed": 0, "kept": 5, "removed": 1}
    totals = printed["replaces"]["contributors"]
    assert (totals["more"], totals["less"], totals["added_minor"]) == (2, 1, totals["taken_minor"])


def test_a_contributor_who_leaves_gets_a_negative_difference(library: SmallLibrary) -> None:
    library.rows = [row for row in library.rows if owner(row) != "c-2"]
    package(library, SECOND)
    assert differences(library, 2) == {"c-1": 100, "c-2": -200, "c-3": 100}
    left = statements(library, 2)["c-2"]
    assert (left["lines"], left["total_minor"], left["previous"]) == ([], 0, "2.00")
    assert left["difference"] == "-2.00"
    rows = (agency(library, 2) / "statements/c-2.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 2 and ",-2.00," in rows[1]


def owner(row: dict[str, Any]) -> str:
    return str(row["contributors"][0]["contributor_id"])


def test_a_chain_of_versions_pays_the_pool_once(library: SmallLibrary) -> None:
    """All that was ever owed is what the last version credits."""
    withdrawn = library.rows.pop(0)
    package(library, SECOND)
    library.rows = [withdrawn, *(row for row in library.rows if owner(row) != "c-3")]
    package(library, THIRD)
    owed = Counter(credited(library, 1))
    for version in (2, 3):
        for who, minor in differences(library, version).items():
            owed[who] += minor
    assert {who: minor for who, minor in owed.items() if minor} == credited(library, 3)
    assert sum(owed.values()) == 600
    stated = Counter[str]()
    for version in (1, 2, 3):
        for who, statement in statements(library, version).items():
            stated[who] += statement["difference_minor"]
    assert stated == owed
    third = json.loads((agency(library, 3) / "pool/replaces.json").read_bytes())
    assert third["replaces"] == "small/v0002"
    assert third["assets"] == {"added": 1, "changed": 0, "kept": 3, "removed": 2}


def test_a_further_pool_must_be_asked_for_by_name(library: SmallLibrary) -> None:
    printed = package(library, SECOND, "--new-pool", "renewal-2027")
    assert (printed["pool"], printed["replaces"]) == ("renewal-2027", None)
    assert credited(library, 2) == dict.fromkeys(PEOPLE, 200)
    folder = agency(library, 2)
    assert not (folder / "pool/differences-00000.parquet").exists()
    for name in ("run.json", "pool/pool.json"):
        assert "renewal-2027" in (folder / name).read_text(encoding="utf-8")
    assert {one["pool"] for one in statements(library, 2).values()} == {"renewal-2027"}
    again = package(library, SECOND, "--new-pool", "renewal-2027")  # the same command
    assert again["made"] is False
    before = tree(library.out)
    for name, what in (
        ("renewal-2027", "already has a pool of this name"),
        ("price", "name of a new pool is taken"),
        ("Renewal 2027", "characters that are not allowed"),
        ("../x", "characters that are not allowed"),
    ):
        ended = library.package("--new-pool", name, as_of=THIRD)
        assert ended.code == 2 and what in ended.err, ended.err
    assert tree(library.out) == before
    printed = package(library, THIRD)  # replaces the latest version, in its pool
    assert (printed["pool"], printed["replaces"]["version"]) == ("renewal-2027", "v0002")


def test_it_says_first_what_exists_and_what_becomes_of_the_money(library: SmallLibrary) -> None:
    library.add(1, 512)
    del library.rows[0]
    ended = library.package(as_of=SECOND)
    before, _, after = ended.out.partition("From catalogue to delivery")
    said = " ".join(before.split())
    assert "Published versions of small, amounts in USD" in said
    assert "v0001 2026-07-01 price 10.00 4.00 6.00 to 3" in said
    assert "1 delivered asset no longer in the catalogue; 1 asset new in the catalogue" in said
    assert "v0002 replaces v0001: the pool price stays 10.00 USD" in said
    assert "--new-pool NAME" in said
    assert "owed now is only the difference" in " ".join(after.split())


def change_row(path: Path, column: str, value: object) -> None:
    """Changes a value in the first row of a Parquet file."""
    table = pq.read_table(path)
    rows = table.to_pylist()
    assert rows[0][column] != value
    rows[0][column] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def swap_credits(path: Path) -> None:
    """Changes a table of differences so that every row and the sum still agree."""
    table = pq.read_table(path)
    rows = table.to_pylist()
    for row, change in zip(rows, (50, -50), strict=False):
        row["previous_minor"] -= change
        row["difference_minor"] += change
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "ledger missing": ("ledger/ledger-00000.parquet", Path.unlink),
    "ledger cut off": (
        "ledger/ledger-00000.parquet",
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
    ),
    "amount": (
        "ledger/ledger-00000.parquet",
        lambda path: change_row(path, "amount_minor", 99),
    ),
    "contributor": (
        "ledger/ledger-00000.parquet",
        lambda path: change_row(path, "contributor_id", "c-9"),
    ),
    "asset": ("ledger/ledger-00000.parquet", lambda path: change_row(path, "asset_id", "a-9")),
    "commitment": (
        "ledger/ledger-00000.parquet",
        lambda path: change_row(path, "amount_commitment", "0" * 64),
    ),
    "entry dropped": (
        "ledger/ledger-00000.parquet",
        lambda path: pq.write_table(pq.read_table(path).slice(0, 5), path),
    ),
    "pool record": (
        "pool/pool.json",
        lambda path: path.write_text(path.read_text().replace("400", "300")),
    ),
    "difference": (
        "pool/differences-00000.parquet",
        lambda path: change_row(path, "difference_minor", 5),
    ),
    "credited now": (
        "pool/differences-00000.parquet",
        lambda path: change_row(path, "now_minor", 5),
    ),
    "differences that agree": ("pool/differences-00000.parquet", swap_credits),
    "differences missing": ("pool/differences-00000.parquet", Path.unlink),
    "manifest": (
        "../delivery/MANIFEST.json",
        lambda path: (
            path.write_text(path.read_text().replace("small/v0002", "small/v0009", 1)) and None
        ),
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_version_whose_predecessor_is_damaged_is_refused(
    packaged_twice: SmallLibrary, name: str, tmp_path: Path
) -> None:
    library = packaged_twice.copied_to(tmp_path / "library")
    path, damage = DAMAGE[name]
    damage(agency(library, 2) / path)
    before = tree(library.out)
    ended = library.package(as_of=THIRD)
    assert ended.code == 1, ended.out
    assert "What v0002 credited cannot be read" in ended.err
    assert "Restore the files of v0002" in ended.err
    assert tree(library.out) == before


def test_a_predecessor_of_an_earlier_program_is_replaced_too(library: SmallLibrary) -> None:
    """It has no record of its pool; its ledger is enough."""
    (agency(library, 1) / "pool/pool.json").unlink()
    path = agency(library, 1) / "run.json"
    record = json.loads(path.read_bytes())
    for name in ("pool", "catalogue"):
        del record[name]
    path.write_text(json.dumps(record), encoding="utf-8")
    printed = package(library, SECOND)
    assert printed["replaces"]["version"] == "v0001"
    assert differences(library, 2) == dict.fromkeys(PEOPLE, 0)
    [past] = printed["versions"]["published_before"]
    assert (past["agency_minor"], past["contributors"]) == (400, 3)


def test_a_version_signed_with_another_key_is_replaced_too(library: SmallLibrary) -> None:
    first, other = library.out / "agency" / "signing.key", library.folder / "other.key"
    save_key(other, demonstration_key(5))
    shutil.copy(first, f"{other}.previous")  # the log is handed over to the new key, and back
    shutil.copy(other, f"{first}.previous")
    printed = package(library, SECOND, "--key", other)
    assert printed["replaces"]["contributors"]["same"] == 3
    change_row(agency(library, 2) / "ledger/ledger-00000.parquet", "key", "0" * 9)
    ended = library.package(as_of=THIRD)  # with the first key again
    assert ended.code == 1 and "leaf" in ended.err


def test_a_version_that_another_run_is_making_is_left_alone(library: SmallLibrary) -> None:
    store = open_store(str(library.out))
    with hold_version(store, "small", "v0002", "other-run"):
        ended: CommandResult = library.package(as_of=SECOND)
    assert ended.code == 1 and "Another run is making this version" in ended.err
    assert not agency(library, 2).exists()
    package(library, SECOND)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["pool/pool.json", "statements", "pool/replaces.json"])
def test_a_killed_run_ends_with_the_same_bytes(library: SmallLibrary, moment: str) -> None:
    library.rows.pop()
    other = library.folder / "whole"
    shutil.copytree(library.out, other)
    package(library, SECOND)
    wanted = tree(library.out / "small")
    shutil.rmtree(library.out)
    shutil.copytree(other, library.out)
    words = ["package", "--catalogue", library.folder / "catalogue", "--as-of", SECOND]
    words += ["--deal", library.folder / "deal.toml", "--out", library.out, "--workers", 1]
    kill_when(words, (agency(library, 2) / moment).exists)
    package(library, SECOND)
    assert tree(library.out / "small") == wanted
