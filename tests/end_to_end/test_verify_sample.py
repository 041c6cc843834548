"""`verify --sample`: drawn samples are checked as in a full run, and the others are reported."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.cli import main
from pipelines.storage.columns import values_of
from pipelines.verify.sample import SampleDraw, detection_chance
from tests.end_to_end.command import Demo
from tests.end_to_end.damage import copy_delivery, flip, replaced, tar_members, verify


@pytest.fixture(scope="module")
def delivery(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a copy of a delivery, which tests may damage but must restore."""
    root = tmp_path_factory.mktemp("sample") / "delivery"
    return copy_delivery(demo.delivery("demo-main"), root)


def drawn_keys(delivery: Path, draw: SampleDraw) -> list[tuple[Path, str]]:
    """Returns the tar and key of each drawn sample, computed from the tables only."""
    tars = sorted(delivery.glob("shards/*.tar"))
    all_keys = [
        (tar, key)
        for tar in tars
        for key in values_of(pq.read_table(tar.with_suffix(".parquet"))["key"], str)
    ]
    return [all_keys[number] for number in draw.of(len(all_keys))]


def test_sound_delivery_reports_what_was_not_read(
    delivery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = verify(delivery, capsys, "--sample", 10)
    assert result.code == 0
    seen = result.report["sampled"]
    assert (seen["samples"], seen["seed"]) == (10, 0)
    assert (
        seen["of"] == sum(1 for tar in delivery.glob("shards/*.tar") for _ in tar_members(tar)) // 3
    )
    assert 0 < seen["bytes"] < seen["of_bytes"]
    assert f"{seen['of'] - 10:,} of {seen['of']:,} samples" in seen["unread"]
    whole = verify(delivery, capsys, "--sample", "100%").report["sampled"]
    assert whole["samples"] == whole["of"] and whole["chance"] == 1.0


def test_same_seed_draws_the_same_samples(delivery: Path) -> None:
    assert SampleDraw(count=7, seed=3).of(100) == SampleDraw(count=7, seed=3).of(100)
    assert SampleDraw(count=7, seed=3).of(100) != SampleDraw(count=7, seed=4).of(100)
    assert len(SampleDraw(share=Fraction(1, 10)).of(95)) == 10
    assert SampleDraw(count=500).of(3) == [0, 1, 2]


@pytest.mark.parametrize(("drawn", "of"), [(1, 100), (10, 100), (300, 1000), (40, 60), (999, 1000)])
def test_detection_chance_is_hypergeometric(drawn: int, of: int) -> None:
    bad = max(1, -(-of // 100))
    missed = Fraction(math.comb(of - bad, drawn), math.comb(of, drawn))
    assert detection_chance(drawn, of) == pytest.approx(float(1 - missed), abs=1e-12)


@pytest.mark.parametrize("where", ["header", "data", "padding"])
def test_damage_to_a_drawn_sample_is_named(
    delivery: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = SampleDraw(count=4, seed=5)
    for tar, key in drawn_keys(delivery, draw):
        data = tar.read_bytes()
        for member in [item for item in tar_members(tar) if item.key == key]:
            if where == "padding" and not member.length % 512:
                continue
            at = {
                "header": member.start + 5,
                "data": member.offset + member.length // 2,
                "padding": member.offset + member.length,
            }[where]
            with replaced(tar, flip(data, at)):
                result = verify(delivery, capsys, "--sample", 4, "--seed", 5)
            path = f"shards/{tar.name}"
            assert (result.code, result.paths) == (1, {path})
            assert result.members(path) == {member.name}
            assert result.problems[0]["shard"] == tar.stem


def test_damage_to_other_samples_is_not_found(
    delivery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = drawn_keys(delivery, SampleDraw(count=4, seed=5))
    tar = drawn[0][0]
    member = next(item for item in tar_members(tar) if (tar, item.key) not in drawn)
    with replaced(tar, flip(tar.read_bytes(), member.offset)):
        assert verify(delivery, capsys, "--sample", 4, "--seed", 5).code == 0
        assert verify(delivery, capsys, "--sample", "100%").code == 1


def test_sizes_tables_and_log_are_always_checked(
    delivery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tar, _ = drawn_keys(delivery, SampleDraw(count=1))[0]
    table = tar.with_suffix(".parquet")
    card = delivery / "README.md"
    entries = next(path for path in delivery.glob("tile/entries/**/*") if path.is_file())
    tile = next(path for path in delivery.glob("tile/0/**/*") if path.is_file())
    for path, data in (
        (table, flip(table.read_bytes(), 99)),
        (card, card.read_bytes() + b"!"),
        (delivery / "checkpoint", flip((delivery / "checkpoint").read_bytes(), 3)),
        (delivery / "log.vkey", flip((delivery / "log.vkey").read_bytes(), 3)),
    ):
        with replaced(path, data):
            result = verify(delivery, capsys, "--sample", 1)
        assert result.paths == {path.relative_to(delivery).as_posix()}
    for path in (entries, tile):
        spoilt = bytearray(path.read_bytes())
        spoilt[2::32] = bytes(byte ^ 1 for byte in spoilt[2::32])
        with replaced(path, bytes(spoilt)):
            result = verify(delivery, capsys, "--sample", 1)
        assert result.paths == {path.relative_to(delivery).as_posix()}
    aside = delivery.parent / "aside"
    tar.rename(aside)
    result = verify(delivery, capsys, "--sample", 1)
    aside.rename(tar)
    assert result.paths == {f"shards/{tar.name}"}


@pytest.mark.parametrize(
    "options",
    [
        ("--sample", "0"),
        ("--sample", "many"),
        ("--sample", "0%"),
        ("--sample", "101%"),
        ("--seed", "1"),
        ("--full",),
        ("--reread", "5%"),
        ("--sample", "5", "--state", "s"),
        ("--sample", "5", "--repair"),
        ("--reread", "5", "--state", "s"),
    ],
)
def test_contradictory_options_are_refused(
    delivery: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(delivery), "--quiet", *options]) == 2
    assert options[0] in capsys.readouterr().err


def test_printed_text_states_seed_and_confidence(
    delivery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(delivery), "--quiet", "--sample", "10%", "--seed", "9"]) == 0
    out = capsys.readouterr().out
    assert "seed 9" in out and "affects 1 % of the samples" in out
    assert "OK as far as checked" in out
