"""What is below a minor unit goes on from delivery to delivery, and nothing else changes."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.run.signing_key import demonstration_key, save_key
from tests.deals import deal_text
from tests.end_to_end.command import CommandResult
from tests.end_to_end.small_library import SmallLibrary, in_process

pytestmark = pytest.mark.long

PEOPLE = [f"c-{number}" for number in range(1, 8)]
# Two of the pools are far less than a minor unit for each of the seven.
POOLS = {"one": 3, "two": 4, "three": 1_000, "four": 5}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """Eight pictures, two of them of one contributor, delivered under four deals."""
    made = SmallLibrary(tmp_path_factory.mktemp("carried"))
    save_key(made.folder / "agency.key", demonstration_key(1))
    for who in PEOPLE[1:]:
        made.add_contributor(who)
    for who in [*PEOPLE, PEOPLE[0]]:
        made.add(1, side=600, contributors=[{"contributor_id": who, "share_bp": 10_000}])
    for name, minor in POOLS.items():
        assert package(made, name, minor).code == 0
    return made


@pytest.fixture
def copy(library: SmallLibrary, tmp_path: Path) -> SmallLibrary:
    """The same library and output, for a test that changes them."""
    return library.copied_to(tmp_path / "copy")


def package(library: SmallLibrary, name: str, minor: int, *more: object) -> CommandResult:
    library.deal = deal_text(name, f"{minor // 100}.{minor % 100:02}") + 'agency_share = "0"\n'
    return library.package("--key", library.folder / "agency.key", *more)


def credits(out: Path, delivery: str) -> dict[str, int]:
    """What the statements of a delivery say, by contributor."""
    texts = [path.read_text() for path in (out / delivery / "agency/statements").glob("*.json")]
    return {text["contributor_id"]: text["total_minor"] for text in map(json.loads, texts)}


def leftovers(version: Path) -> dict[str, tuple[Fraction, int]]:
    """What is carried after a delivery's pool, and its credit, by contributor."""
    rows = pq.read_table(version / "agency/pool/pool_lines-00000.parquet").to_pylist()
    return {row["contributor_id"]: (Fraction(row["carried"]), row["credit_minor"]) for row in rows}


def due(minor: int) -> dict[str, Fraction]:
    """The exact dues of a pool: eight equal shares, two of them of the first contributor."""
    return {who: Fraction(minor * (2 if who == PEOPLE[0] else 1), 8) for who in PEOPLE}


def test_nobody_is_off_by_more_than_a_unit_after_any_delivery(library: SmallLibrary) -> None:
    owed: dict[str, Fraction] = defaultdict(Fraction)
    got: dict[str, int] = defaultdict(int)
    for name, minor in POOLS.items():
        for who, exact in due(minor).items():
            owed[who] += exact
        credited = credits(library.out, f"{name}/v0001")
        assert sum(credited.values()) == minor
        for who, units in credited.items():
            got[who] += units
        assert all(abs(owed[who] - got[who]) < 1 for who in PEOPLE), (name, owed, got)


def test_a_version_that_replaces_another_does_not_carry_its_leftovers(copy: SmallLibrary) -> None:
    copy.add(1, side=600)
    done = package(copy, "four", POOLS["four"], "--json")
    assert done.code == 0 and done.json["replaces"]["version"] == "v0001", done.err
    first, second = (leftovers(copy.out / f"four/v000{number}") for number in (1, 2))
    before = {who: after + credit - due(5)[who] for who, (after, credit) in first.items()}
    assert any(before.values())
    for who, (after, credit) in second.items():
        assert after == before[who] + Fraction(5 * (3 if who == PEOPLE[0] else 1), 9) - credit


def test_a_delivery_made_once_more_has_the_same_bytes(copy: SmallLibrary) -> None:
    """In an output that has nothing of it but the books, which hold what was carried then."""
    shutil.move(copy.out, copy.folder / "before")
    for name in ("log", "books", "features"):
        shutil.copytree(copy.folder / "before/agency" / name, copy.out / "agency" / name)
    assert package(copy, "two", POOLS["two"]).code == 0
    before = copy.folder / "before"
    for part in ("delivery", "agency/pool", "agency/ledger", "agency/statements"):
        for path in filter(Path.is_file, (before / "two/v0001" / part).rglob("*")):
            assert (copy.out / path.relative_to(before)).read_bytes() == path.read_bytes(), path


def test_a_repair_divides_with_what_was_carried_and_own_percentages(copy: SmallLibrary) -> None:
    copy.contributors[1]["agency_share"] = "0.5"
    assert package(copy, "five", 1_005).code == 0
    delivery = copy.out / "five/v0001/delivery"
    [sound] = filter(Path.is_file, (delivery / "tile/0").rglob("*"))
    data = sound.read_bytes()
    sound.write_bytes(bytes(len(data)))
    catalogue, deal = copy.folder / "catalogue", copy.folder / "deal.toml"
    words = ["verify", delivery, "--repair", "--key", copy.folder / "agency.key", "--workers", 1]
    done = in_process(*words, "--catalogue", catalogue, "--deal", deal)
    assert done.code == 0, done.err
    assert sound.read_bytes() == data
