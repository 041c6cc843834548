"""Whole runs with the profile `human-motion`: known poses, releases, and people in one split."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines.features.guard import this_guard
from pipelines.verify.splits import SplitCheck
from tests.cases.copies_common import Library, by
from tests.cases.test_box_motion import PACK_WITHOUT, add_track, samples
from tests.end_to_end.small_library import in_process
from tests.media.media_samples import LIMITS
from tests.media.moving_objects import KnownFilm, joints_at, person_film, pose_file

_TOP = 'profile = "human-motion"\nmedia = ["video"]'
_SMALLER = '[render]\nfilms = "transcode"\nfilm_longest_side = 192'
_SPLIT = "[split]\nvalidation_bp = 4000"
_SHOWN = {"grant_inference": "deny", "media_type": "video", "people_count": 1, "minors": False}


def _release(name: str, who: str | None, **changes: object) -> dict[str, Any]:
    return {
        "release_id": name,
        "kind": "model",
        "subject_ref": who,
        "signed_at": "2024-05-01",
        "subject_signed": True,
        "photographer_signed": True,
        "witness_ref": "w-1",
        "minor": False,
        "ml_use": "allow",
        "biometric_rider": True,
        "shoot_from": "2024-04-20",
        "shoot_until": "2024-05-02",
        **changes,
    }


def _add(library: Library, name: str, film: KnownFilm, **columns: Any) -> None:
    uri = add_track(library, name, pose_file(film))
    path = library.folder / "catalogue" / f"{name}.poses.json"
    (library.folder / "catalogue" / uri).rename(path)
    library.add(name, film.data, f"{name}.mp4", **{"poses": path.name, **_SHOWN, **columns})


@pytest.mark.long
def test_poses_releases_and_people(tmp_path: Path) -> None:
    (tmp_path / "catalogue").mkdir()
    library = Library(tmp_path)
    releases = [_release(f"r-{at}", f"Person {at % 4}") for at in range(8)]
    releases += [_release("r-nobody", None), _release("r-unsigned", "X", subject_signed=False)]
    films = {}
    for number in range(8):
        form = ("plain", "turned", "stretched")[number % 3]
        name = f"film-{number}"
        films[name] = person_film(10 + number, form=form)
        _add(library, name, films[name], release_ids=[f"r-{number}"], **by(f"c-{number % 2 + 1}"))
    others: dict[str, dict[str, Any]] = {
        "no_poses": {"poses": None, "release_ids": ["r-0"]},
        "no_release": {"people_count": 0},
        "unsigned": {"release_ids": ["r-unsigned"]},
        "unknown_person": {"release_ids": ["r-nobody"]},
        "no_derivatives": {
            "release_ids": ["r-1"],
            "licence_code": "CC-BY-ND-4.0",
            "credit": "Ann",
        },
    }
    for number, (name, columns) in enumerate(others.items()):
        _add(library, name, person_film(30 + number), **columns)
    text = "".join(json.dumps(row) + "\n" for row in releases)
    (tmp_path / "catalogue" / "releases.jsonl").write_text(text, encoding="utf-8")
    rights = f'{PACK_WITHOUT}\nno_derivatives = "accept"\npeople = "release"'
    decisions = library.package(
        tmp_path / "out", dedupe="none", rights=rights, top=_TOP, more=_SPLIT
    )
    assert library.ended.code == 0, library.ended.err
    found = {name: (outcome, reasons) for name, (outcome, reasons, _) in decisions.items()}
    assert found == {
        **dict.fromkeys(films, ("delivered", ())),
        "no_poses": ("refused", ("profile.no_poses",)),
        "no_release": ("refused", ("profile.no_model_release",)),
        "unsigned": (
            "refused",
            ("release.model_missing", "release.unsigned", "profile.no_model_release"),
        ),
        "unknown_person": ("refused", ("profile.no_identity",)),
        "no_derivatives": ("refused", ("profile.no_derivatives",)),
    }
    delivery = tmp_path / "out" / "case" / "v0001" / "delivery"
    by_frames = {one["json"]["frames"]: one for one in samples(delivery)}
    people: dict[str, set[int]] = {}
    for number, film in enumerate(films.values()):
        sample = by_frames[film.frames]
        _check_poses(sample, film)
        people.setdefault(sample["json"]["identities"], set()).add(number)
    assert sorted(map(sorted, people.values())) == [[at, at + 4] for at in range(4)]
    table = pq.read_table(delivery / "samples.parquet")
    rows = {row["frames"]: row for row in table.to_pylist()}
    for row in rows.values():
        assert set(row["model_releases"].split("; ")) <= set(row["releases"])
        assert [one["ending"] for one in row["extra_members"]] == ["poses.json", "reference.png"]
    for members in people.values():
        assert len({rows[films[f"film-{at}"].frames]["split"] for at in members}) == 1
    checked = in_process("verify", delivery, "--allow-unpinned")
    assert checked.code == 0, checked.out + checked.err
    assert b"Person" not in b"".join(
        path.read_bytes() for path in delivery.rglob("*") if path.is_file()
    )


def _check_poses(sample: dict[str, Any], film: KnownFilm) -> None:
    said, track = sample["json"], json.loads(sample["poses.json"])
    assert (said["posed_frames"], said["seen_joints"]) == (
        film.frames - 1,
        16 * (film.frames - 1),
    )
    assert said["reference_frame"] == film.frames - 2
    pictures = this_guard().exact_frames(sample["mp4"], range(film.frames), None, LIMITS)
    assert sample["reference.png"] == pictures[said["reference_frame"]]
    for number, row in zip(track["poses"]["frame"], track["poses"]["keypoints"], strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(pictures[number])))
        assert pixels.shape[:2] == (film.height, film.width)
        for at, (x, y) in enumerate(joints_at(number, film.width, film.height)[:16]):
            assert row[3 * at : 3 * at + 2] == [1000 * x, 1000 * y]
            assert pixels[y, x].mean() == pytest.approx(80 + 10 * at, abs=12)


@pytest.mark.slow
def test_poses_scale_with_a_smaller_rendition(tmp_path: Path) -> None:
    """Film, poses and reference frame have one size, and dots are where the joints are said."""
    (tmp_path / "catalogue").mkdir()
    library, films = Library(tmp_path), {}
    for number, form in enumerate(("plain", "turned", "stretched")):
        films[form] = person_film(12 + number, form=form)
        _add(library, form, films[form], release_ids=[f"r-{number}"])
    text = "".join(json.dumps(_release(f"r-{at}", f"Person {at}")) + "\n" for at in range(3))
    (tmp_path / "catalogue" / "releases.jsonl").write_text(text, encoding="utf-8")
    rights = f'{PACK_WITHOUT}\npeople = "release"'
    out = tmp_path / "out"
    decisions = library.package(out, dedupe="none", rights=rights, top=_TOP, more=_SMALLER)
    assert {one[:2] for one in decisions.values()} == {("delivered", ())}, library.ended.err
    delivery = out / "case" / "v0001" / "delivery"
    found = {one["json"]["frames"]: one for one in samples(delivery)}
    for film in films.values():
        _check_smaller(found[film.frames], film)
    checked = in_process("verify", delivery, "--allow-unpinned")
    assert checked.code == 0, checked.out + checked.err


def _check_smaller(sample: dict[str, Any], film: KnownFilm) -> None:
    said, track = sample["json"], json.loads(sample["poses.json"])
    size = (said["width"], said["height"])
    assert size == (track["width"], track["height"]) == (192, 108)
    assert said["rendition"] and said["original_sha256"] != said["media_sha256"]
    files = this_guard().exact_frames(sample["mp4"], range(film.frames), None, LIMITS)
    pictures = [np.asarray(Image.open(io.BytesIO(one)), float) for one in files]
    reference = np.asarray(Image.open(io.BytesIO(sample["reference.png"])), float)
    assert reference.shape == pictures[0].shape == (108, 192, 3)
    likeness = [float(np.abs(reference - one).mean()) for one in pictures]
    assert np.argmin(likeness) == said["reference_frame"] == film.frames - 2
    for number, row in zip(track["poses"]["frame"], track["poses"]["keypoints"], strict=True):
        for at, (x, y) in enumerate(joints_at(number, film.width, film.height)[:16]):
            placed = [row[3 * at] / 1000, row[3 * at + 1] / 1000]
            assert placed == pytest.approx([0.75 * x, 0.75 * y], abs=0.001)
            column, line = (round(value) for value in placed)
            for picture in [pictures[number], *([reference] if number == film.frames - 2 else [])]:
                dot = picture[line - 1 : line + 2, column - 1 : column + 2]
                assert dot.mean() == pytest.approx(80 + 10 * at, abs=20)


def test_a_person_in_two_splits_is_found() -> None:
    faults: list[tuple[str, str]] = []
    check = SplitCheck(True, lambda path, said: faults.append((path, said)))
    rows = [("d-mp4-00000", "train", "a" * 64), ("d-mp4-val-00000", "validation", "b" * 64)]
    for shard, split, person in [
        *rows,
        ("d-mp4-val-00000", "validation", f"{'c' * 64}; {'a' * 64}"),
    ]:
        check.add(
            pa.table(
                {
                    "shard": [shard],
                    "split": [split],
                    "status": ["success"],
                    "group_id": pa.array([None], pa.string()),
                    "duplicate_cluster": pa.array([None], pa.string()),
                    "identities": [person],
                }
            )
        )
    [(path, said)] = faults
    assert "d-mp4-val-00000" in path and said.endswith(f"identities are in two splits: {'a' * 64}")
