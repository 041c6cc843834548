"""`fairshard clips` cuts a delivery's films at their shots, and says what became of every shot."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import main
from pipelines.format.tar import TarWriter
from pipelines.profiles import profile_for
from tests.media.test_clips import numbered, read
from tests.profiles.rows import common_of, film_row, shot


def delivery(folder: Path, **changes: Any) -> bytes:
    """Makes a folder of one shard with a film of 72 frames and four shots, and returns the film."""
    data = numbered()
    lengths = [(0, 24), (24, 60), (60, 70), (70, 72)]
    row = film_row(
        frames=72, film_ms=3000, fps_num=24, shots=[shot(*one, "a boat", 0.3) for one in lengths]
    )
    profile = profile_for("video-text", "video")
    assert profile is not None
    common = common_of(row) | {
        "frames": 72,
        "duration_ms": 3000,
        "media_sha256": hashlib.sha256(data).hexdigest(),
    }
    sample = profile.make_sample(common | changes, row).model_dump(mode="json") | changes
    (folder / "shards").mkdir(parents=True)
    with (folder / "shards" / "deal-mp4-00000.tar").open("wb") as sink, TarWriter(sink) as tar:
        key, text = sample["key"], json.dumps(sample).encode()
        tar.add(f"{key}.mp4", len(data), [data])
        tar.add(f"{key}.txt", 3, [b"abc"])
        tar.add(f"{key}.json", len(text), [text])
        tar.close()
    return data


def clips(folder: Path, to: Path, *more: str) -> tuple[int, list[tuple[dict[str, Any], bytes]]]:
    """Runs the command; returns its exit code and each clip's JSON and file."""
    code = main(["clips", str(folder), "--to", str(to), "--quiet", *more])
    found = []
    for path in sorted(to.glob("*.tar")):
        with tarfile.open(path) as tar:
            opened = [(one.name, tar.extractfile(one)) for one in tar]
            members = [(name, file.read()) for name, file in opened if file is not None]
        triples = zip(members[::3], members[1::3], members[2::3], strict=True)
        for (name, data), (text, _), (described, sample) in triples:
            own = json.loads(sample)
            assert (name, text, described) == tuple(
                f"{own['key']}.{extension}" for extension in ("mp4", "txt", "json")
            )
            found.append((own, data))
    return code, found


@pytest.mark.parametrize("way", ["keyframe-copy", "exact"])
def test_each_shot_of_a_length_becomes_a_clip(tmp_path: Path, way: str) -> None:
    delivery(tmp_path / "in")
    arguments = ("--cut", way, "--min-seconds", "0.3", "--max-seconds", "1.2")
    code, found = clips(tmp_path / "in", tmp_path / "out", *arguments)
    assert code == 0
    wanted = [(0, 24), (60, 70)]  # both begin with a keyframe
    for (own, data), (first, end) in zip(found, wanted, strict=True):
        assert (own["cut"], own["shot_first_frame"], own["shot_end_frame"]) == (way, first, end)
        assert own["key"] == f"{own['film']}-s{own['shot']:03d}"
        assert own["media_sha256"] == hashlib.sha256(data).hexdigest()
        assert read(data)[0] == list(range(own["first_frame"], own["end_frame"]))
        assert own["frames"] == own["end_frame"] - own["first_frame"]
        assert first <= own["first_frame"] and own["end_frame"] <= end
    again = clips(tmp_path / "in", tmp_path / "again", *arguments)
    assert again == (0, found)


def test_shots_without_a_clip_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    delivery(tmp_path / "in")
    arguments = ("--json", "--min-seconds", "0.3", "--max-seconds", "1.2")
    code, _ = clips(tmp_path / "in", tmp_path / "out", *arguments)
    told = json.loads(capsys.readouterr().out)
    assert (code, told["films"], told["clips"]) == (0, 1, 2)
    assert told["skipped"] == {
        "longer than the greatest length": 1,
        "shorter than the least length": 1,
    }


def test_the_option_that_would_make_a_clip_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    delivery(tmp_path / "in")
    arguments = ("--min-seconds", "0.3", "--max-seconds", "1.2")
    clips(tmp_path / "in", tmp_path / "out", *arguments)
    told = capsys.readouterr().out
    assert "1 shot without a clip: shorter than the least length (--min-seconds)\n" in told
    assert "1 shot without a clip: longer than the greatest length (--max-seconds)\n" in told


@pytest.mark.parametrize(
    ("changes", "way"),
    [
        ({"file_constraints": "IF-MMD"}, "keyframe-copy"),
        ({"licence_code": "CC-BY-ND-4.0"}, "keyframe-copy"),
        ({"alteration_constraints": "AL-MRG"}, "keyframe-copy"),
        ({"alteration_constraints": "AL-CLR"}, "exact"),
        ({"file_constraints": "IF-MFT", "format": "mov"}, "exact"),
    ],
)
def test_what_a_film_forbids_is_not_done(
    tmp_path: Path, changes: dict[str, str], way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    delivery(tmp_path / "in", **changes)
    code, found = clips(tmp_path / "in", tmp_path / "out", "--json", "--cut", way)
    assert (code, found) == (0, [])
    [(why, shots)] = json.loads(capsys.readouterr().out)["skipped"].items()
    assert next(iter(changes.values())) in why and shots == 4


def test_what_clips_keep_is_not_forbidden(tmp_path: Path) -> None:
    """Neither the type changes, nor is anything cropped or mirrored."""
    delivery(tmp_path / "in", file_constraints="IF-MFT", alteration_constraints="AL-CRP; AL-FLP")
    assert len(clips(tmp_path / "in", tmp_path / "out")[1]) == 1


def test_a_film_without_its_sample_stops(tmp_path: Path) -> None:
    data = delivery(tmp_path / "in")
    path = tmp_path / "in/shards/deal-mp4-00000.tar"
    with path.open("wb") as sink, TarWriter(sink) as tar:
        tar.add("a.mp4", len(data), [data])
        tar.add("a.txt", 3, [b"abc"])
        tar.close()
    assert clips(tmp_path / "in", tmp_path / "out")[0] == 1


def test_a_film_that_is_not_its_samples_stops(tmp_path: Path) -> None:
    delivery(tmp_path / "in", media_sha256="0" * 64)
    assert clips(tmp_path / "in", tmp_path / "out")[0] == 1


def test_clips_of_removed_films_are_removed(tmp_path: Path) -> None:
    """As after a removal: the shard is there, and its only film is not."""
    delivery(tmp_path / "in")
    _, found = clips(tmp_path / "in", tmp_path / "out")
    assert found
    (tmp_path / "out" / "others.tar").write_bytes(b"not a tar of clips")
    with (tmp_path / "in/shards/deal-mp4-00000.tar").open("wb") as sink, TarWriter(sink) as tar:
        tar.close()
    assert main(["clips", str(tmp_path / "in"), "--to", str(tmp_path / "out"), "--quiet"]) == 0
    assert [path.name for path in (tmp_path / "out").glob("*.tar")] == ["others.tar"]


def test_bad_usage(tmp_path: Path) -> None:
    delivery(tmp_path / "in")
    wrong = ("--min-seconds", "9", "--max-seconds", "2")
    assert clips(tmp_path / "in", tmp_path / "out", *wrong)[0] == 2
    for endless in ("inf", "nan"):
        assert clips(tmp_path / "in", tmp_path / "out", "--max-seconds", endless)[0] == 2
    assert clips(tmp_path / "nothing", tmp_path / "out")[0] == 2
