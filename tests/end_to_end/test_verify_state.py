"""`verify --state`: files known to be sound are not read again; new and changed ones are."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from pipelines.cli import main
from pipelines.storage.local_store import LocalStore
from tests.end_to_end.command import Demo
from tests.end_to_end.damage import copy_delivery, flip, replaced, smallest_tar, tar_members, verify


@pytest.fixture
def delivery(demo: Demo, tmp_path: Path) -> Path:
    return copy_delivery(demo.delivery("demo-main"), tmp_path / "delivery")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "state.json"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Records the name of every file that a store opens."""
    names: list[str] = []
    before = LocalStore.open_read

    def open_read(self: LocalStore, key: str) -> BinaryIO:
        names.append(key)
        return before(self, key)

    monkeypatch.setattr(LocalStore, "open_read", open_read)
    return names


def test_second_verification_reads_no_tar(
    delivery: Path, state: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first = verify(delivery, capsys, "--state", state)
    assert first.code == 0 and first.report["resumed"]["files"] == 0
    tars = {f"shards/{path.name}" for path in delivery.glob("shards/*.tar")}
    assert tars <= set(opened)
    assert all(opened.count(tar) == 1 for tar in tars)  # once for all checks
    opened.clear()
    second = verify(delivery, capsys, "--state", state)
    assert second.code == 0
    assert second.report["resumed"]["files"] == second.report["files"]
    assert not any(name.endswith((".tar", ".npy")) for name in opened)
    for name in ("files", "bytes", "shards", "samples", "entries"):
        assert second.report[name] == first.report[name]


def test_only_changed_files_are_read_again(
    delivery: Path, state: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(delivery, capsys, "--state", state).code == 0
    tar = smallest_tar(delivery)
    member = tar_members(tar)[3]
    others = {f"shards/{path.name}" for path in delivery.glob("shards/*.tar") if path != tar}
    times = tar.stat()
    with replaced(tar, flip(tar.read_bytes(), member.offset)):
        # The file's mtime is reset, as an attacker would do; its ctime reveals the change.
        os.utime(tar, ns=(times.st_atime_ns, times.st_mtime_ns))
        opened.clear()
        result = verify(delivery, capsys, "--state", state)
        assert result.members(f"shards/{tar.name}") == {member.name}
        assert not others.intersection(opened)
        again = verify(delivery, capsys, "--state", state)  # it is still reported
        assert again.paths == {f"shards/{tar.name}"}
    repaired = verify(delivery, capsys, "--state", state)
    assert repaired.code == 0
    assert 0 < repaired.report["resumed"]["files"] < repaired.report["files"]


def test_changes_to_other_files_are_found(
    delivery: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(delivery, capsys, "--state", state).code == 0
    index = next(iter(delivery.glob("img_emb/*.npy")))
    for path in (
        delivery / "README.md",
        index,
        delivery / ".nv-meta" / "index.sqlite",
        delivery / "checkpoint",
        next(iter(delivery.glob("shards/*.parquet"))),
    ):
        with replaced(path, flip(path.read_bytes(), 90)):
            result = verify(delivery, capsys, "--state", state)
            assert path.relative_to(delivery).as_posix() in result.paths
        assert verify(delivery, capsys, "--state", state).code == 0


def test_rotating_share_covers_all_files(
    delivery: Path, state: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(delivery, capsys, "--state", state).code == 0
    tars = {f"shards/{path.name}" for path in delivery.glob("shards/*.tar")}
    seen: set[str] = set()
    rounds = 0
    while not tars <= seen:
        rounds += 1
        assert rounds <= 8, "a quarter each time must eventually cover all tars"
        opened.clear()
        result = verify(delivery, capsys, "--state", state, "--reread", "25%")
        assert result.code == 0 and result.report["resumed"]["reread"] > 0
        seen.update(opened)
    assert rounds > 1
    opened.clear()
    result = verify(delivery, capsys, "--state", state, "--full")
    assert result.report["resumed"]["files"] == 0
    assert tars <= set(opened)


def test_interrupted_verification_continues(
    delivery: Path,
    state: Path,
    opened: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tars = sorted(f"shards/{path.name}" for path in delivery.glob("shards/*.tar"))
    before = LocalStore.open_read

    def open_read(self: LocalStore, key: str) -> BinaryIO:
        if key == tars[2]:
            raise KeyboardInterrupt
        return before(self, key)

    with monkeypatch.context() as cut:
        cut.setattr(LocalStore, "open_read", open_read)
        assert main(["verify", str(delivery), "--quiet", "--state", str(state)]) == 130
    opened.clear()
    result = verify(delivery, capsys, "--state", state)
    assert result.code == 0
    assert [name for name in opened if name.endswith(".tar")] == tars[2:]


def test_state_of_another_location_is_not_trusted(
    demo: Demo, delivery: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(demo.delivery("demo-main"), capsys, "--state", state).code == 0
    result = verify(delivery, capsys, "--state", state)
    assert result.code == 0 and result.report["resumed"]["files"] == 0


def test_damaged_state_is_refused(
    delivery: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(delivery, capsys, "--state", state).code == 0
    sound = state.read_bytes()
    record = json.loads(sound)
    record["files"]["README.md"]["marker"] = "another"
    for data in (
        b"",
        b"{}",
        b"[]",
        b"null",
        sound[: len(sound) // 2],
        flip(sound, len(sound) // 3),
        json.dumps(record).encode(),
    ):
        state.write_bytes(data)
        assert main(["verify", str(delivery), "--quiet", "--state", str(state)]) == 2
        assert "cannot be used" in capsys.readouterr().err
        assert state.read_bytes() == data
    state.write_bytes(sound)
    assert verify(delivery, capsys, "--state", state).code == 0
