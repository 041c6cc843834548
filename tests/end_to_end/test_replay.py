"""`verify` on signed and sound files of another version: they are reported as a replay."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.format.manifest import manifest_bytes, open_manifest, sign_manifest
from pipelines.run.signing_key import load_key
from pipelines.verify.report import Report
from pipelines.verify.state import IncrementalSettings, VerificationState
from tests.end_to_end.command import Demo, fairshard
from tests.end_to_end.damage import copy_delivery, replaced, verify


@dataclass(frozen=True)
class Versions:
    """Two versions of one deal, signed with the same key, in the layout of an output."""

    out: Path

    def delivery(self, version: str) -> Path:
        return self.out / "demo-strict" / version / "delivery"

    @property
    def old(self) -> Path:
        return self.delivery("v0001")

    @property
    def new(self) -> Path:
        return self.delivery("v0002")


@pytest.fixture(scope="module")
def versions(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Versions:
    """Returns two versions; the second is as of a day later and has other keys for its samples."""
    out = tmp_path_factory.mktemp("versions")
    shutil.copytree(demo.out / "agency" / "features", out / "agency" / "features")
    shutil.copytree(demo.out / "demo-strict", out / "demo-strict")
    arguments = demo.package("demo-strict", out, "--workers", 1)
    arguments[arguments.index("--as-of") + 1] = "2026-07-01"
    ended = fairshard(*arguments)
    assert ended.code == 0, ended.err
    assert ended.json["delivery"].endswith("v0002/delivery")
    return Versions(out)


def test_both_versions_are_sound(versions: Versions, capsys: pytest.CaptureFixture[str]) -> None:
    for delivery in (versions.old, versions.new):
        assert verify(delivery, capsys).code == 0


def test_older_manifest_with_newer_files_is_a_replay(
    versions: Versions, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    older = (versions.old / "MANIFEST.json").read_bytes()
    with replaced(versions.new / "MANIFEST.json", older):
        result = verify(versions.new, capsys)
    messages = result.messages("MANIFEST.json")
    assert "replayed: it is signed for demo-strict/v0001" in messages
    assert "but this is the folder of demo-strict/v0002" in messages
    # In a folder with any other name, the other files reveal it.
    copy = copy_delivery(versions.new, tmp_path / "copy")
    with replaced(copy / "MANIFEST.json", older):
        result = verify(copy, capsys)
        assert "checkpoint is of demo-strict/v0002" in result.messages("MANIFEST.json")
        (copy / "checkpoint").write_bytes(b"")
        result = verify(copy, capsys)
        assert "is of demo-strict/v0002" in result.messages("MANIFEST.json")
        assert "checkpoint" in result.paths


def test_older_version_in_the_newer_folder_is_a_replay(
    versions: Versions, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """All its files are sound, so only its location reveals it."""
    folder = tmp_path / "demo-strict" / "v0002" / "delivery"
    copy_delivery(versions.old, folder)
    result = verify(folder, capsys)
    assert (result.code, result.paths) == (1, {"MANIFEST.json"})
    assert result.messages("MANIFEST.json") == (
        "replayed: it is signed for demo-strict/v0001, but this is the folder of demo-strict/v0002"
    )
    assert [problem["kind"] for problem in result.problems] == ["replay"]
    assert verify(f"file://{folder}", capsys).paths == {"MANIFEST.json"}
    assert verify(folder, capsys, "--sample", 1).paths == {"MANIFEST.json"}


def test_state_detects_an_older_version(
    versions: Versions, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The folder's name has no version, as when a buyer keeps only the newest one."""
    here, state = tmp_path / "newest", tmp_path / "state.json"
    copy_delivery(versions.old, here)
    assert verify(here, capsys, "--state", state).code == 0
    shutil.rmtree(here)
    copy_delivery(versions.new, here)
    result = verify(here, capsys, "--state", state)
    assert result.code == 0
    assert result.report["resumed"]["before"] == "demo-strict/v0001"
    kept = state.read_bytes()
    shutil.rmtree(here)
    copy_delivery(versions.old, here)
    result = verify(here, capsys, "--state", state)
    assert (result.code, result.paths) == (1, {"MANIFEST.json"})
    assert "replayed: it is of v0001, v0002 was seen before" in result.messages("MANIFEST.json")
    assert state.read_bytes() == kept
    assert verify(here, capsys).code == 0  # sound in itself; only the state reveals the replay


@pytest.mark.parametrize("replayed", [False, True])
def test_replays_are_classified_by_kind_not_text(
    versions: Versions, tmp_path: Path, replayed: bool
) -> None:
    """A damaged file is not a replay because its name says so, and a replay need not say so."""
    data = (versions.old / "MANIFEST.json").read_bytes()
    report = Report()
    if replayed:
        report.add_replay("its log is another delivery's")
    else:
        report.add_problem("MANIFEST.json", "it has two different records of shards/replayed.tar")
    state = VerificationState.open(IncrementalSettings(tmp_path / "state.json"))
    state.begin(str(versions.old), open_manifest(data, None), data, {}, [], report)
    with state.saving():
        pass
    assert (tmp_path / "state.json").exists() is not replayed


def test_state_detects_another_manifest_of_the_same_version(
    demo: Demo, versions: Versions, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    copy = copy_delivery(versions.new, tmp_path / "copy")
    assert verify(copy, capsys, "--state", state).code == 0
    signer = load_key(demo.signing_key)
    own = open_manifest((copy / "MANIFEST.json").read_bytes(), (signer.vkey,))
    other = own.model_copy(update={"as_of": "2026-06-01T00:00:00+00:00", "signature": ""})
    data = manifest_bytes(sign_manifest(other, signer))
    with replaced(copy / "MANIFEST.json", data):
        result = verify(copy, capsys, "--state", state)
    assert result.paths == {"MANIFEST.json"}
    assert "another manifest of v0002 was seen before" in result.messages("MANIFEST.json")


def test_state_of_another_deal_is_refused(
    demo: Demo, versions: Versions, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    assert verify(versions.old, capsys, "--state", state).code == 0
    arguments = ["verify", str(demo.delivery("demo-main")), "--quiet", "--state", str(state)]
    assert main(arguments) == 2
    assert "The state belongs to another deal" in capsys.readouterr().err
