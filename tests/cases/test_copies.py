"""Whole runs: a no reaches every copy, whatever row, address or encoding it comes under."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipelines.demo.scenes.picture_files import save_picture
from pipelines.demo.scenes.render import draw_scene_spec, render
from pipelines.demo.scenes.xmp import RightsStatement, xmp_packet
from tests.cases.copies_common import Library, by, package_case

OF_REFUSED = ("refused", ("duplicate.of_refused",))
LIKE_REFUSED = ("refused", ("duplicate.like_refused",))


def scene(number: int, side: int = 300) -> Image.Image:
    return render(draw_scene_spec(number), side + 80, side)


def jpeg(number: int, quality: int = 90, **options: Any) -> bytes:
    out = io.BytesIO()
    scene(number).save(out, "JPEG", quality=quality, **options)
    return out.getvalue()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "catalogue").mkdir()
    made = Library(tmp_path)
    made.add("other", jpeg(90))
    return made


@pytest.mark.long
def test_the_shared_case_of_same_bytes(tmp_path: Path) -> None:
    found = package_case("31-same-bytes-other-id", tmp_path)
    assert found["A-1"][:2] == OF_REFUSED
    assert found["A-2"][1] == ("asset.legal_hold",)
    assert found["A-3"][1] == ("consent.withdrawn",)


def withdrawn(library: Library, uri: str) -> None:
    library.add("no", None, uri, status="withdrawn", **by("c-2"))


def held(library: Library, uri: str) -> None:
    library.add("no", None, uri, status="legal_hold", **by("c-2"))


def denied(library: Library, uri: str) -> None:
    library.add("no", None, uri, **by("c-3"))
    denial = {"contributor_id": "c-3", "purpose": "all", "value": "deny"}
    library.consents.append({**denial, "given_at": "2026-03-01T00:00:00Z"})


def not_granted(library: Library, uri: str) -> None:
    library.add("no", None, uri, grant_train_gen="deny", **by("c-1"))


def not_asked(library: Library, uri: str) -> None:
    library.add("no", None, uri, **by("c-9"))


NOS = [withdrawn, held, denied, not_granted, not_asked]


@pytest.mark.long
def test_a_no_in_a_row_that_fails_holds_for_copies(library: Library, tmp_path: Path) -> None:
    library.add("held", jpeg(1), status="legal_hold", minors="maybe")  # cannot be read
    library.add("a", jpeg(1))
    library.add("withdrawn", jpeg(2), status="withdrawn", width=0)  # fails a catalogue check
    library.add("b", jpeg(2))
    library.add("mistyped", jpeg(3), width="wide")
    library.add("c", jpeg(3))
    found = library.package(tmp_path / "out")
    failed = {name: found[name][1] for name in ("held", "withdrawn", "mistyped")}
    assert failed == {
        "held": ("row.unreadable",),
        "withdrawn": ("row.invalid",),
        "mistyped": ("row.unreadable",),
    }
    assert found["a"][:2] == found["b"][:2] == OF_REFUSED
    assert found["c"][0] == found["other"][0] == "delivered"


@pytest.mark.long
def test_a_row_that_cannot_be_split_holds_for_copies(library: Library, tmp_path: Path) -> None:
    for number, name in enumerate(("open", "open-copy", "long", "long-copy")):
        library.add(name, jpeg(number // 2), f"{name}.jpg", status="legal_hold")
        if name.endswith("copy"):
            library.rows[-1]["status"] = "active"
    found = library.package(tmp_path / "out", as_csv=("open", "long"))
    assert found["open-copy"][:2] == found["long-copy"][:2] == OF_REFUSED
    assert found["other"][0] == "delivered"
    assert sum("row.unreadable" in reasons for _, reasons, _ in found.values()) == 2


@pytest.mark.long
@pytest.mark.parametrize("no", NOS)
@pytest.mark.parametrize("dedupe", ["none", pytest.param("near", marks=pytest.mark.slow)])
def test_a_no_holds_for_every_copy(
    library: Library, tmp_path: Path, no: Callable[[Library, str], None], dedupe: str
) -> None:
    data = jpeg(1)
    (library.folder / "catalogue" / "sub").mkdir()
    (library.folder / "catalogue" / "sub" / "n.jpg").write_bytes(data)
    no(library, "sub/n.jpg")
    library.add("same-uri", None, "sub/n.jpg", **by("c-1"))
    library.add("spelled", None, "./sub/./n.jpg", **by("c-1"))
    library.add("same-bytes", data, **by("c-1"))
    library.add("look", jpeg(1, quality=60), **by("c-1"))
    found = library.package(tmp_path / "out", dedupe)
    assert found["other"][0] == "delivered"
    assert found["no"][0] == "refused"
    for name in ("same-uri", "spelled", "same-bytes"):
        assert found[name][:2] == OF_REFUSED, name
        assert "no, refused" in found[name][2]
    assert found["look"][:2] == (LIKE_REFUSED if dedupe == "near" else ("delivered", ()))
    counts = json.loads((tmp_path / "out/case/v0001/agency/counts.json").read_bytes())
    assert counts["copies_of_refused"]["refused_files_read"] == 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("value", "refused"),
    [
        ("refuse", {"same-uri", "listed", "same-bytes", "look"}),
        ("refuse-listed", {"same-uri", "listed", "same-bytes", "look"}),
        ("accept", set()),
    ],
)
def test_the_deals_key(library: Library, tmp_path: Path, value: str, refused: set[str]) -> None:
    data = jpeg(1)
    library.add("no", data, "n.jpg", status="withdrawn", sha256=hashlib.sha256(data).hexdigest())
    library.add("same-uri", None, "n.jpg")
    library.add("listed", data)
    library.add("same-bytes", data)
    library.add("look", jpeg(1, quality=60))
    found = library.package(tmp_path / "out", rights=f'copies_of_refused = "{value}"')
    assert {
        name
        for name, (_, reasons, _) in found.items()
        if {"duplicate.of_refused", "duplicate.like_refused"} & set(reasons)
    } == refused


@pytest.mark.long
def test_listed_copies_alone_are_known_without_reading(library: Library, tmp_path: Path) -> None:
    library.add("no", jpeg(1), "n.jpg", status="withdrawn")
    library.add("same-uri", None, "n.jpg")
    library.add("apart", jpeg(2), "m.jpg")
    library.add("no-2", None, "gone.jpg", status="withdrawn", sha256="00" * 32)
    found = library.package(tmp_path / "out", rights='copies_of_refused = "refuse-listed"')
    assert found["same-uri"][:2] == OF_REFUSED
    assert found["apart"][0] == "delivered"
    counts = json.loads((tmp_path / "out/case/v0001/agency/counts.json").read_bytes())
    assert counts["copies_of_refused"]["refused_files_not_read"] == 2


PROHIBITED = RightsStatement("PROHIBITED", "", "Nobody", "a picture", "attribute")


@pytest.mark.long
def test_what_a_file_denies_holds_for_its_copies(library: Library, tmp_path: Path) -> None:
    """An agreement of the one contributor lifts nothing that the other's file says."""
    xmp = xmp_packet(PROHIBITED)
    data = save_picture(scene(1), "jpeg_xmp", 1, "a picture", xmp)
    library.add("no", data, **by("c-1"))
    library.add("agreed", data, **by("c-2"))
    library.add("stripped", save_picture(scene(1), "jpeg_plain", 1, "a picture", b""), **by("c-1"))
    agreement = (
        '[[agreements]]\nref = "A"\nsigned_at = 2025-01-01\n'
        'purposes = ["train_gen", "inference"]\ncontributors = ["c-2"]'
    )
    found = library.package(tmp_path / "out", more=agreement)
    assert found["no"][1] == ("file.denied",)
    assert found["agreed"][:2] == OF_REFUSED
    assert found["stripped"][:2] == LIKE_REFUSED


@pytest.mark.long
def test_contested_files_wait_for_a_ruling(library: Library, tmp_path: Path) -> None:
    data = jpeg(1)
    library.add("author", data, created_at="2024-05-01", **by("c-1"))
    library.add("thief", data, created_at="1999-01-01", **by("c-2"))
    found = library.package(tmp_path / "a")
    assert found["author"][1] == found["thief"][1] == ("duplicate.contested",)
    paid = {path.stem for path in (tmp_path / "a/case/v0001/agency/statements").glob("*.json")}
    assert paid == {"c-1"}  # for the other picture
    ruled = '[[rulings]]\nref = "R-1"\nowner = "c-1"\nfiles = ["author", "thief"]'
    found = library.package(tmp_path / "b", more=ruled)
    assert found["author"][0] == "delivered"
    assert found["thief"][1] == ("duplicate.contested",)


@pytest.mark.long
def test_a_ruling_for_nobody_stops_the_run(library: Library, tmp_path: Path) -> None:
    ruled = '[[rulings]]\nref = "R-1"\nowner = "c-11"\nfiles = ["a"]'
    with pytest.raises(FileNotFoundError):
        library.package(tmp_path / "a", more=ruled)
    assert library.ended.code == 2
    assert "Is it one of c-" in library.ended.err


@pytest.mark.long
def test_a_second_run_reads_no_refused_file_again(library: Library, tmp_path: Path) -> None:
    """What was known of a refused file is known again, with the same decisions."""
    library.add("no", jpeg(1), status="withdrawn")
    library.add("look", jpeg(1, quality=60))
    first = library.package(tmp_path / "out")
    second = library.package(tmp_path / "out", rights='witness = "any"')
    assert first == second
    assert second["look"][:2] == LIKE_REFUSED
