"""`verify` on damaged tars: it names the shard, the key and the member at fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.end_to_end.command import Demo, tree
from tests.end_to_end.damage import (
    BLOCK,
    TarMember,
    VerifyResult,
    copy_delivery,
    flip,
    replaced,
    smallest_tar,
    swapped,
    tar_members,
    verify,
    zeroed,
)

FIELDS = {
    "name": 3,
    "mode": 101,
    "owner": 110,
    "size": 130,
    "time": 140,
    "checksum": 150,
    "type": 156,
    "link": 160,
    "magic": 258,
    "owner's name": 270,
    "device": 330,
    "prefix": 350,
    "end": 511,
}
KINDS = ("shards/{}.tar", "shards/{}.tar.idx", "shards/{}.parquet", "shards/{}_stats.json")


@pytest.fixture(scope="module")
def delivery(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a copy of a delivery, which tests may damage but must restore."""
    root = tmp_path_factory.mktemp("tars") / "delivery"
    return copy_delivery(demo.delivery("demo-main"), root)


@pytest.fixture(scope="module")
def tar(delivery: Path) -> Path:
    return smallest_tar(delivery)


def path_of(tar: Path) -> str:
    return f"shards/{tar.name}"


def named_alone(result: VerifyResult, tar: Path, member: TarMember) -> str:
    """Checks that only one member of one tar is named; returns the message about it."""
    assert (result.code, result.paths) == (1, {path_of(tar)})
    assert {problem["shard"] for problem in result.problems} == {tar.stem}
    assert (result.members(path_of(tar)), result.keys(path_of(tar))) == (
        {member.name},
        {member.key},
    )
    return next(item["message"] for item in result.problems if item["member"])


def test_damage_to_each_header_field_is_named(
    delivery: Path, tar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, member = tar.read_bytes(), tar_members(tar)[4]
    for field, at in FIELDS.items():
        with replaced(tar, flip(data, member.start + at, 1)):
            named = named_alone(verify(delivery, capsys), tar, member)
        assert f"its header is wrong in its {field}, at byte {member.start + at}" in named


def test_damage_to_data_and_padding_is_named(
    delivery: Path, tar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tar.read_bytes()
    for member in tar_members(tar)[:3]:
        for at in {member.offset, member.offset + member.length - 1}:
            with replaced(tar, flip(data, at)):
                named = named_alone(verify(delivery, capsys), tar, member)
            assert f"its data, bytes {member.offset} to" in named
        if member.length % BLOCK:
            at = member.offset + member.length
            with replaced(tar, flip(data, at)):
                named = named_alone(verify(delivery, capsys), tar, member)
            assert named == f"its padding is not zero, at byte {at}"


def test_damaged_end_of_a_tar_is_named(
    delivery: Path, tar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tar.read_bytes()
    for changed in (
        flip(data, len(data) - 1024),
        flip(data, len(data) - 1),
        data[:-1],
        data[:-1024],
        data + bytes(512),
        data + b"x",
    ):
        with replaced(tar, changed):
            result = verify(delivery, capsys)
        assert (result.code, result.paths) == (1, {path_of(tar)})
        assert re.search(r"two zero blocks", result.messages(path_of(tar)))
        assert not result.members(path_of(tar))


def assert_every_cut_is_named(
    delivery: Path, tar: Path, capsys: pytest.CaptureFixture[str], step: int = 1
) -> None:
    """Asserts that all lost members are named; other readers would accept such a shard."""
    data, members = tar.read_bytes(), tar_members(tar)
    for at in range(0, len(members), step):
        with replaced(tar, data[: members[at].start] + bytes(1024)):
            result = verify(delivery, capsys)
        lost = {member.name for member in members[at : at + 20]}
        assert (result.code, result.paths) == (1, {path_of(tar)})
        assert result.members(path_of(tar)) == lost
        assert "missing" in result.messages(path_of(tar))


def test_shard_truncated_between_members_is_named(
    delivery: Path, tar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_every_cut_is_named(delivery, tar, capsys)


@pytest.mark.slow
def test_every_shard_truncated_between_members_is_named(
    delivery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for tar in sorted(delivery.glob("shards/*.tar")):
        assert_every_cut_is_named(delivery, tar, capsys)


def test_shard_truncated_within_a_member_is_named(
    delivery: Path, tar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, members = tar.read_bytes(), tar_members(tar)
    member = members[-3]
    for at in (member.start + 100, member.offset, member.offset + member.length // 2):
        with replaced(tar, data[:at]):
            result = verify(delivery, capsys)
        assert result.members(path_of(tar)) == {item.name for item in members[-3:]}
        assert f"ends at byte {at}" in result.messages(path_of(tar))


def test_missing_member_is_named(
    delivery: Path, tar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All later members have moved; the messages say so, and which one is missing."""
    data, members = tar.read_bytes(), tar_members(tar)
    gone = members[4]
    with replaced(tar, data[: gone.start] + data[gone.end :]):
        result = verify(delivery, capsys)
    named = {item["member"]: item["message"] for item in result.problems if item["member"]}
    assert named[gone.name].startswith("missing")
    after = members[5]
    moved = after.offset - (gone.end - gone.start)
    assert f"it was found at byte {moved}" in named[after.name]


def test_zeroed_ranges_are_named(
    delivery: Path, tar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, members = tar.read_bytes(), tar_members(tar)
    media = next(member for member in members if member.length > 3 * 4096)
    start = media.offset + -media.offset % 4096
    for size in (512, 4096):
        with replaced(tar, zeroed(data, start, start + size)):
            named = named_alone(verify(delivery, capsys), tar, media)
        assert f"a run of zeros, bytes {start} to {start + size - 1}" in named
    with replaced(tar, zeroed(data, media.start, media.offset)):
        named = named_alone(verify(delivery, capsys), tar, media)
    assert named == f"its header is all zeros, at byte {media.start}"
    with replaced(tar, zeroed(data, media.start, media.end)):
        named = named_alone(verify(delivery, capsys), tar, media)
    assert "its header is all zeros" in named and f"bytes {media.offset} to" in named
    text = members[members.index(media) + 1]
    with replaced(tar, zeroed(data, media.offset, text.end)):
        result = verify(delivery, capsys)
    assert result.members(path_of(tar)) == {media.name, text.name}


def test_swapped_members_are_named(
    delivery: Path, tar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, members = tar.read_bytes(), tar_members(tar)
    one, other = members[1], members[4]  # two texts of one block each
    assert (one.end - one.start, other.end - other.start) == (1024, 1024)
    first, second = data[one.start : one.end], data[other.start : other.end]
    changed = data[: one.start] + second + data[one.end : other.start] + first + data[other.end :]
    with replaced(tar, changed):
        result = verify(delivery, capsys)
    named = {item["member"]: item["message"] for item in result.problems if item["member"]}
    assert set(named) == {one.name, other.name}
    assert f"is {other.name}; it was found at byte {other.offset}" in named[one.name]
    assert f"is {one.name}; it was found at byte {one.offset}" in named[other.name]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_swapped_shards_are_named(
    delivery: Path, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Swaps only the tars; then also their indexes; then also tables and stats."""
    one, other = sorted(delivery.glob("shards/*.tar"))[-2:]
    pairs = [
        (delivery / form.format(one.stem), delivery / form.format(other.stem))
        for form in KINDS[:count]
    ]
    members = tar_members(one), tar_members(other)
    with swapped(pairs):
        result = verify(delivery, capsys)
    assert result.paths >= {
        path.relative_to(delivery).as_posix() for pair in pairs for path in pair
    }
    for tar, own, impostor in ((one, members[0], other), (other, members[1], one)):
        assert f"it has the bytes of {path_of(impostor)}" in result.messages(path_of(tar))
        assert result.members(path_of(tar)) == {member.name for member in own[:20]}


def test_duplicated_and_missing_shards_are_named(
    delivery: Path, tar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = next(path for path in sorted(delivery.glob("shards/*.tar")) if path != tar)
    keys = {member.key for member in tar_members(tar)}
    with replaced(tar, other.read_bytes()):
        result = verify(delivery, capsys)
    assert f"it has the bytes of {path_of(other)}" in result.messages(path_of(tar))
    aside = delivery.parent / "aside"
    tar.rename(aside)
    result = verify(delivery, capsys)
    aside.rename(tar)
    assert (result.code, result.paths) == (1, {path_of(tar)})
    assert result.keys(path_of(tar)) == keys


def test_damaged_member_is_named_without_the_table(
    delivery: Path, tar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Positions are known from Energon's index, and the media's digests from the ledger."""
    table, data, members = tar.with_suffix(".parquet"), tar.read_bytes(), tar_members(tar)
    media, text = members[3], members[4]
    for member, at in ((media, media.offset + 7), (text, text.offset), (text, text.start)):
        with replaced(table, b"no table"), replaced(tar, flip(data, at)):
            result = verify(delivery, capsys)
        assert result.paths >= {path_of(tar), f"shards/{table.name}"}
        assert result.keys(path_of(tar)) == {member.key}
    index = delivery / ".nv-meta" / "index.sqlite"
    with replaced(table, b""), replaced(tar, flip(data, 600)), replaced(index, b""):
        result = verify(delivery, capsys)
    assert result.paths >= {path_of(tar), f"shards/{table.name}", ".nv-meta/index.sqlite"}


def test_at_most_twenty_members_are_named_per_shard(
    delivery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tar = max(delivery.glob("shards/*.tar"), key=lambda path: len(tar_members(path)))
    members = tar_members(tar)
    data = bytearray(tar.read_bytes())
    for member in members:
        data[member.offset] ^= 1
    with replaced(tar, bytes(data)):
        result = verify(delivery, capsys)
    assert result.members(path_of(tar)) == {member.name for member in members[:20]}
    assert f"{len(members) - 20} more members of" in result.messages(path_of(tar))


@pytest.mark.slow
def test_damage_to_every_member_of_every_tar_is_named(
    delivery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Damages the header, data and padding of each member, and sets a range over each to zero."""
    before = tree(delivery)
    for tar in sorted(delivery.glob("shards/*.tar")):
        data = tar.read_bytes()
        for number, member in enumerate(tar_members(tar)):
            field, at = list(FIELDS.items())[number % len(FIELDS)]
            for changed in (
                flip(data, member.start + at, 2),
                flip(data, member.offset + number % member.length),
                zeroed(data, member.start, member.end),
            ):
                with replaced(tar, changed):
                    named_alone(verify(delivery, capsys), tar, member)
            assert field
    assert tree(delivery) == before
