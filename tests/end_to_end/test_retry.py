"""A file that was put right is noticed by the next run; one still wrong makes no new version."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pipelines.demo.scenes.picture_files import save_picture
from pipelines.demo.scenes.render import draw_scene_spec, render
from tests.end_to_end.command import tables
from tests.end_to_end.damage import run_in_process
from tests.end_to_end.small_library import SmallLibrary
from tests.fetch.web_server import answer, serving
from tests.signals.file.xmp_builder import packet


def picture(number: int) -> bytes:
    return save_picture(render(draw_scene_spec(number), 640, 560), "jpeg_plain", number, "x", b"")


@pytest.fixture
def library(tmp_path: Path) -> SmallLibrary:
    found = SmallLibrary(tmp_path)
    found.deal += '\n[limits]\ndead_letter_share = "0.9"\n\n[select]\ndedupe = "none"\n'
    return found


def media(library: SmallLibrary, number: int) -> Path:
    return library.folder / "catalogue" / f"{number}.jpg"


def package(library: SmallLibrary, *more: object) -> dict[str, Any]:
    ended = library.package("--json", *more)
    assert ended.code == 0, ended.err
    found: dict[str, Any] = ended.json
    return found


def delivered(library: SmallLibrary, version: str) -> set[str]:
    folder = library.out / "small" / version / "agency" / "decisions"
    rows = tables(folder).to_pylist()
    return {row["asset_id"] for row in rows if row["outcome"] == "delivered"}


def test_files_that_were_fixed(library: SmallLibrary) -> None:
    library.add(4)
    media(library, 0).write_bytes(picture(0))
    media(library, 1).write_bytes(picture(1)[:-2000])  # cut
    media(library, 2).write_bytes(b"")
    # 3 is missing
    assert package(library)["made"] is True
    assert delivered(library, "v0001") == {"a-0"}
    assert package(library)["made"] is False

    media(library, 1).write_bytes(picture(1))
    assert package(library)["made"] is True
    assert delivered(library, "v0002") == {"a-0", "a-1"}
    again = package(library)
    assert (again["made"], again["delivery"].split("/")[-2]) == (False, "v0002")

    media(library, 3).write_bytes(picture(3))
    assert package(library)["made"] is True
    assert delivered(library, "v0003") == {"a-0", "a-1", "a-3"}
    assert package(library)["made"] is False

    # It breaks again: the version that was made from these files is there.
    media(library, 3).unlink()
    again = package(library)
    assert (again["made"], again["delivery"].split("/")[-2]) == (False, "v0002")
    media(library, 3).write_bytes(picture(30))  # other bytes than before
    assert package(library)["made"] is True
    assert delivered(library, "v0004") == {"a-0", "a-1", "a-3"}


def test_files_that_were_delivered_and_changed(library: SmallLibrary) -> None:
    """By the bytes: whatever the times of a file say, or whether it was digested before."""
    library.add(3)
    for number in range(3):
        media(library, number).write_bytes(picture(number))
    assert package(library)["changed_files"] == []
    assert package(library)["made"] is False

    os.utime(media(library, 0))  # touched, with the same bytes
    assert package(library)["made"] is False
    media(library, 1).write_bytes(picture(30))
    made = package(library)
    assert (made["made"], made["changed_files"]) == (True, ["a-1"])
    assert delivered(library, "v0002") == {"a-0", "a-1", "a-2"}
    assert package(library)["made"] is False

    one, two = media(library, 0).read_bytes(), media(library, 2).read_bytes()
    media(library, 0).write_bytes(two)  # both files were read before, under the other id
    media(library, 2).write_bytes(one)
    assert package(library)["changed_files"] == ["a-0", "a-1", "a-2"]
    media(library, 0).write_bytes(one)
    media(library, 2).unlink()
    media(library, 1).write_bytes(picture(1))
    assert package(library)["changed_files"] == ["a-2"]
    assert delivered(library, "v0004") == {"a-0", "a-1"}
    media(library, 2).write_bytes(two)
    again = package(library)
    assert (again["made"], again["delivery"].split("/")[-2]) == (False, "v0001")
    assert again["replaced_by"] == "v0002"


def test_a_no_that_came_later_is_noticed(library: SmallLibrary) -> None:
    """In a sidecar beside a delivered file, or in the file itself."""
    library.add(3)
    for number in range(3):
        media(library, number).write_bytes(picture(number))
    package(library)
    assert delivered(library, "v0001") == {"a-0", "a-1", "a-2"}
    denial = packet(attributes='plus:DataMining="DMI-PROHIBITED"')
    media(library, 0).with_suffix(".xmp").write_bytes(denial)
    spec = render(draw_scene_spec(1), 640, 560)
    media(library, 1).write_bytes(save_picture(spec, "jpeg_xmp", 1, "x", denial))
    ended = library.package()
    assert ended.code == 0, ended.err
    assert "2 assets have other files than an earlier version was made from: a-0, a-1" in ended.out
    assert delivered(library, "v0002") == {"a-2"}
    assert package(library)["made"] is False


def test_a_no_beside_a_file_that_failed_at_first(library: SmallLibrary) -> None:
    """The file was put right and delivered; only then came a sidecar that refuses."""
    library.add(2)
    media(library, 0).write_bytes(picture(0))
    package(library)
    media(library, 1).write_bytes(picture(1))
    package(library)
    assert delivered(library, "v0002") == {"a-0", "a-1"}
    sidecar = media(library, 1).with_suffix(".XMP")
    sidecar.write_bytes(packet(attributes='plus:DataMining="DMI-PROHIBITED"'))
    made = package(library)
    assert (made["made"], made["changed_files"]) == (True, ["a-1"])
    assert delivered(library, "v0003") == {"a-0"}
    assert package(library)["made"] is False


def test_a_file_that_is_touched_and_still_broken(library: SmallLibrary) -> None:
    library.add(2)
    media(library, 0).write_bytes(picture(0))
    media(library, 1).write_bytes(b"not a picture")
    assert package(library)["made"] is True
    media(library, 1).write_bytes(b"nor is this one")
    assert package(library)["made"] is False


def test_a_server_that_is_back(library: SmallLibrary) -> None:
    with serving({"/1": answer(status=404)}) as site:
        library.add(1)
        library.add(1, media_uri=f"{site.origin}/1")
        media(library, 0).write_bytes(picture(0))
        options = ("--allow-host", site.origin)
        assert package(library, *options)["made"] is True
        assert package(library, *options)["made"] is False
        site.answers["/1"] = answer(picture(1))
        assert package(library, *options)["made"] is True
        assert delivered(library, "v0002") == {"a-0", "a-1"}
        assert package(library, *options)["made"] is False


@pytest.mark.slow
def test_a_version_with_retried_files_is_repaired(library: SmallLibrary) -> None:
    library.add(2)
    media(library, 0).write_bytes(picture(0))
    package(library)
    media(library, 1).write_bytes(picture(1))
    assert package(library)["made"] is True
    version = library.out / "small" / "v0002" / "delivery"
    tar = min(version.glob("shards/*.tar"))
    before = tar.read_bytes()
    tar.write_bytes(before[:-1000])
    folder = library.folder
    inputs = ["--catalogue", folder / "catalogue", "--deal", folder / "deal.toml", "--workers", 1]
    result = run_in_process("verify", version, "--repair", "--quiet", *inputs)
    assert result.code == 0, result.err
    assert tar.read_bytes() == before
