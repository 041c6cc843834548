"""The same facts give the same decisions, deliveries and amounts, in whatever form they come."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.demo.scenes.picture_files import save_picture
from pipelines.demo.scenes.render import draw_scene_spec, render
from tests.catalogue.catalogue_cases import Row
from tests.catalogue.forms import FORMS, Facts
from tests.deals import deal_text
from tests.end_to_end.command import AS_OF
from tests.end_to_end.small_library import in_process

SHARES = [
    [{"contributor_id": "c-1", "share_bp": 10_000}],
    [{"contributor_id": "c-1", "share_bp": 6_000}, {"contributor_id": "José", "share_bp": 4_000}],
]
NO: list[Row] = [
    {"status": "withdrawn"},
    {"status": "legal_hold"},
    {"licence_class": "editorial"},
    {"territories_out": ["US", "CA"]},
    {"minors": True, "people_count": 1},
    {"grant_train_gen": "deny"},
    {"people_count": 1, "release_ids": ["r-1"]},
    {"exclusive": True},
    {"valid_until": date(2026, 1, 31)},
    {"sensitive": True},
]
COUNT = len(NO) + 8
# What names the run in its ledger, whose id covers the bytes of the catalogue.
OF_THE_RUN = frozenset({"decision_sha256", "leaf_hash"})
DENIED = 2  # an asset that a consent names


def _assets() -> list[Row]:
    rows: list[Row] = [
        {
            "asset_id": f"a-{i:02}",
            "media_uri": f"media/{i}.jpg",
            "media_type": "image",
            "contributors": SHARES[i % 2],
            "licence_model": "RF",
            "licence_class": "creative",
            "status": "active",
            "title": "Café, “plain” and 'quoted'",
            "keywords": ["dog", "x-ray"],
            "created_at": date(2024, 5, 1),
            "people_count": 0,
            "minors": False,
            "property": False,
            "digital_source_type": "digitalCapture",
            "weight": 1 + i % 3,
        }
        for i in range(COUNT)
    ]
    for row, changes in zip(rows[-len(NO) :], NO, strict=True):
        row |= changes
    rows[4] |= {"territories_in": ["US", "NO"], "people_count": 1, "release_ids": ["r-2"]}
    return rows


def _said(who: str, value: str, year: int, asset_id: str | None = None) -> Row:
    given = datetime(year, 2, 3, 12, tzinfo=UTC)
    row: Row = {"contributor_id": who, "purpose": "all", "value": value, "given_at": given}
    return row | {"asset_id": asset_id}


def _release(name: str, **changes: Any) -> Row:
    row: Row = {
        "release_id": name,
        "kind": "model",
        "subject_ref": "Zoë",
        "signed_at": date(2024, 5, 1),
        "subject_signed": True,
        "photographer_signed": True,
        "witness_ref": "w",
        "minor": False,
        "ml_use": "allow",
        "shoot_from": date(2024, 4, 1),
        "shoot_until": date(2024, 6, 1),
    }
    return row | changes


FACTS: Facts = {
    "assets": _assets(),
    "contributors": [{"contributor_id": "c-1", "country": "NO"}, {"contributor_id": "José"}],
    "consents": [
        _said("c-1", "allow", 2024),
        _said("José", "allow", 2024),
        _said("c-1", "deny", 2026, f"a-{DENIED:02}"),
        _said("José", "deny", 2023, "a-05"),
        _said("José", "allow", 2025, "a-05"),
    ],
    "releases": [
        _release("r-1", revoked_at=datetime(2026, 2, 1, 12, tzinfo=UTC)),
        _release("r-2", subject_ref="Ann"),
    ],
}


@dataclass(frozen=True)
class Result:
    """What a run decided, paid and delivered: names of files, and the members of shards."""

    decisions: list[Row]
    ledger: list[Row]
    files: set[str]
    members: dict[str, bytes]


@dataclass(frozen=True)
class Runs:
    """The pictures, and the run of the plain file, whose key and features the others use."""

    root: Path
    plain: Result


def _rows(folder: Path) -> list[Row]:
    tables = [pq.read_table(path) for path in sorted(folder.rglob("*.parquet"))]
    found = pa.concat_tables(tables)
    return sorted(found.to_pylist(), key=lambda row: [str(value) for value in row.values()])


def _run(root: Path, name: str, first: Path | None) -> Result:
    folder = root / name.replace(",", "").replace(" ", "-")
    catalogue = folder / "catalogue"
    catalogue.mkdir(parents=True)
    FORMS[name](catalogue, FACTS)
    shutil.copytree(root / "media", catalogue / "media", copy_function=os.link)
    (folder / "deal.toml").write_text(deal_text("forms", "1000.00"))
    words: list[object] = ["--catalogue", catalogue, "--deal", folder / "deal.toml"]
    assert in_process("check", *words, "--as-of", AS_OF).code == 0
    out = folder / "out"
    if first is not None:
        shutil.copytree(first / "agency" / "features", out / "agency" / "features")
        words += ["--key", first / "agency" / "signing.key"]
    words += ["--out", out, "--as-of", AS_OF, "--workers", 1, "--quiet"]
    ended = in_process("package", *words)
    assert ended.code == 0, ended.err
    version = out / "forms" / "v0001"
    delivery = version / "delivery"
    return Result(
        _rows(version / "agency" / "decisions"),
        [
            {name: value for name, value in row.items() if name not in OF_THE_RUN}
            for row in _rows(version / "agency" / "ledger")
        ],
        {path.relative_to(delivery).as_posix() for path in delivery.rglob("*") if path.is_file()},
        _members(delivery),
    )


def _members(delivery: Path) -> dict[str, bytes]:
    """The members of all shards but the records of decisions, which name their run."""
    found = {}
    for path in sorted(delivery.rglob("*.tar")):
        with tarfile.open(path) as shard:
            for member in shard:
                data = shard.extractfile(member)
                if data is not None and not member.name.endswith(".json"):
                    found[member.name] = data.read()
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    root = tmp_path_factory.mktemp("forms")
    (root / "media").mkdir()
    for number in range(COUNT):
        picture = render(draw_scene_spec(number), 600, 520)
        (root / "media" / f"{number}.jpg").write_bytes(
            save_picture(picture, "jpeg_plain", number, "", b"")
        )
    yield Runs(root, _run(root, "CSV, plain", None))


def _assert_same(runs: Runs, name: str) -> None:
    found = _run(runs.root, name, runs.root / "CSV-plain" / "out")
    assert found.decisions == runs.plain.decisions
    assert found.ledger == runs.plain.ledger
    assert found.files == runs.plain.files
    assert found.members == runs.plain.members


@pytest.mark.long
def test_the_plain_file_ends_as_it_must(runs: Runs) -> None:
    """The answer key: what each asset was given says whether it is delivered."""
    outcomes = {row["asset_id"]: row["outcome"] for row in runs.plain.decisions}
    refused = {f"a-{i:02}" for i in (DENIED, *range(COUNT - len(NO), COUNT))}
    assert {name for name, outcome in outcomes.items() if outcome != "delivered"} == refused
    assert {row["asset_id"] for row in runs.plain.ledger} == outcomes.keys() - refused
    pictures = [name for name in runs.plain.members if name.endswith(".jpg")]
    assert len(pictures) == COUNT - len(refused)


@pytest.mark.long
@pytest.mark.parametrize("name", ["sheets", "joined"])
def test_some_forms_are_decided_alike(runs: Runs, name: str) -> None:
    _assert_same(runs, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FORMS if name != "CSV, plain"])
def test_all_forms_are_decided_alike(runs: Runs, name: str) -> None:
    _assert_same(runs, name)
