"""What was asked to be removed is not delivered later, though no delivery had it by then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import CommandResult
from tests.end_to_end.small_library import SmallLibrary, in_process
from tests.removal.test_copies_and_names import WORDS, delivered
from tests.removal.test_not_delivered_again import package, refused

pytestmark = pytest.mark.long

_MODEL: dict[str, Any] = {
    "people_count": 1,
    "minors": False,
    "created_at": "2024-05-01",
    "release_ids": ["R-1"],
}
_RELEASE = {
    "release_id": "R-1",
    "subject_ref": "person",
    **{"kind": "model", "signed_at": "2025-01-01", "ml_use": "allow", "minor": False},
    **{"subject_signed": True, "photographer_signed": True, "biometric_rider": True},
    **{"shoot_from": "2024-04-01", "shoot_until": "2024-06-01"},
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """a-0 and a-1 are by c-1, a-2 is by c-2 and rests on R-1; c-3 has nothing yet."""
    folder = tmp_path_factory.mktemp("asked") / "library"
    folder.mkdir()
    made = SmallLibrary(folder)
    for name in ("c-2", "c-3", "café"):
        made.add_contributor(name)
    made.add(2, side=600)
    made.add(1, side=600, contributors=by("c-2"), **_MODEL)
    text = json.dumps(_RELEASE) + "\n"
    (folder / "catalogue/releases.jsonl").write_text(text, encoding="utf-8")
    assert made.package().code == 0
    return made


@pytest.fixture
def library(published: SmallLibrary, tmp_path: Path) -> SmallLibrary:
    """Later, each of them has new assets, c-3 together with c-1."""
    made = published.copied_to(tmp_path / "library")
    made.add(1, side=600, contributors=by("c-2"))
    made.add(1, side=600, contributors=by("c-1", "c-3"))
    made.add(1, side=600, **_MODEL)
    made.add(1, side=600, contributors=by("café"))
    return made


def by(*names: str) -> list[dict[str, Any]]:
    return [{"contributor_id": name, "share_bp": 10_000 // len(names)} for name in names]


def revoke(library: SmallLibrary, *words: object) -> CommandResult:
    return in_process("revoke", "--out", library.out, *WORDS, *words)


def test_a_contributors_later_assets_are_refused_in_every_deal(library: SmallLibrary) -> None:
    assert revoke(library, "--contributor", "c-2").code == 0
    done = package(library, "other")
    assert done.code == 0, done.err
    assert refused(library, "other/v0001") == {
        "a-2": ["asset.removed"],
        "a-3": ["asset.removed"],
    }
    assert done.json["steps"]["screen"]["refused_by_notice"] == {"small-000001": 2}
    words = ["--catalogue", library.folder / "catalogue", "--deal", library.folder / "deal.toml"]
    checked = in_process("check", *words, "--out", library.out, "--as-of", "2026-11-28")
    assert "Refused under notice small-000001: 2 assets" in checked.out.splitlines()


@pytest.mark.slow
def test_a_releases_later_assets_are_refused(library: SmallLibrary) -> None:
    assert revoke(library, "--release", "R-1", "--reason", "release_invalid").code == 0
    assert package(library, "small").code == 0
    assert delivered(library, "small/v0003") == {"a-0", "a-1", "a-3", "a-4", "a-6"}


@pytest.mark.parametrize(
    "accepted",
    [
        pytest.param("", marks=pytest.mark.slow),
        '\n[rights]\ncopies_of_refused = "accept"\n',
    ],
)
def test_a_no_of_somebody_without_a_delivery_is_recorded(
    library: SmallLibrary, accepted: str
) -> None:
    """Blanks and Unicode's forms are those of the catalogue; a copy's bytes go, too."""
    library.add(1, media_uri="4.jpg", contributors=by("c-1"))  # the file of a-4
    done = revoke(library, "--contributor", " c-3 ", "cafe\u0301")
    assert done.code == 1
    assert done.out.splitlines() == [
        "Nothing of it is in a published delivery, so no buyer has to delete it.",
        "Recorded: notice agency-000001, record 2, without a buyer",
        "  later runs refuse what it names",
        "In no published delivery: contributor c-3",
        "In no published delivery: contributor café",
    ]
    again = revoke(library, "--contributor", "café", "c-3", "--json")
    assert (again.code, again.json["standing"]["is_new"]) == (1, False)
    assert package(library, "other", accepted).code == 0
    found = refused(library, "other/v0001")
    assert found == {
        "a-4": ["asset.removed"],
        "a-6": ["asset.removed"],
        "a-7": ["duplicate.of_refused"],
    }
    words = ["--catalogue", library.folder / "catalogue", "--deal", library.folder / "deal.toml"]
    explained = in_process("explain", "a-4", *words, "--out", library.out, "--no-fetch")
    assert "contributor c-3 removed by agency-000001" in explained.out
    listed = in_process("removals", "--out", library.out, "--as-of", "2026-11-28")
    assert "agency-000001" in listed.out


@pytest.mark.slow
def test_a_wider_no_is_recorded_beside_a_notice_that_has_the_samples(library: SmallLibrary) -> None:
    assert revoke(library, "--asset", "a-2").code == 0
    done = revoke(library, "--contributor", "c-2", "--json")
    assert done.json["standing"]["notice"] == "agency-000002"
    assert package(library, "small").code == 0
    assert delivered(library, "small/v0003") == {"a-0", "a-1", "a-4", "a-5", "a-6"}


@pytest.mark.slow
def test_a_term_that_ended_needs_a_deal(library: SmallLibrary) -> None:
    words = ("--contributor", "c-3", "--reason", "expiry")
    done = revoke(library, *words)
    assert done.code == 1 and "Nothing was recorded" in done.out
    assert revoke(library, *words, "--deal", "small").code == 1
    assert package(library, "other").code == 0
    assert "a-4" in delivered(library, "other/v0001")
    assert package(library, "small").code == 0
    assert "a-4" not in delivered(library, "small/v0002")
