"""The signing key: `verify`'s output and exit code with and without the agency's pinned key."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.ledger.signed_note import FileKey
from pipelines.run.signing_key import save_key
from tests.end_to_end.command import Demo, fairshard
from tests.end_to_end.damage import copy_delivery, flip, replaced, run_in_process, sign_again
from tests.end_to_end.test_replay import Versions, versions

__all__ = ["versions"]

AGENCY = FileKey("agency.example/fairshard", bytes(range(32)))
OTHER = FileKey("agency.example/fairshard", bytes(range(1, 33)))


@pytest.fixture(scope="module")
def delivery(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a delivery that is signed with an agency's own key."""
    copy = tmp_path_factory.mktemp("pinned") / "delivery"
    return sign_again(copy_delivery(demo.delivery("demo-strict"), copy), AGENCY)


def check(delivery: Path, *options: object) -> tuple[int, dict[str, object]]:
    ended = run_in_process("verify", delivery, "--quiet", "--json", *options)
    return ended.code, ended.json


def test_unpinned_key_is_not_confirmed(delivery: Path) -> None:
    code, report = check(delivery)
    assert (code, report["sound"], report["key_pinned"]) == (1, True, False)
    assert report["signer"] == "agency.example/fairshard"
    assert report["key_id"] == AGENCY.vkey.split("+")[1]
    assert report["key_demonstration"] is False
    text = run_in_process("verify", delivery, "--quiet").out
    assert "signature valid, key NOT pinned" in text
    assert str(report["fingerprint"]) in text
    assert text.splitlines()[-1].startswith("NOT CONFIRMED: ")


def test_unpinned_key_can_be_allowed(delivery: Path) -> None:
    code, report = check(delivery, "--allow-unpinned")
    assert (code, report["sound"], report["key_pinned"]) == (0, True, False)
    text = run_in_process("verify", delivery, "--quiet", "--allow-unpinned").out
    assert text.splitlines()[-1].endswith("key NOT pinned")
    some_file = next(delivery.glob("shards/*.parquet"))
    with replaced(some_file, flip(some_file.read_bytes(), 100)):
        assert check(delivery, "--allow-unpinned")[0] == 1


def test_pinned_key_is_confirmed(delivery: Path, tmp_path: Path) -> None:
    file = tmp_path / "agency.vkey"
    file.write_text(f"# old\n{OTHER.vkey}\n# new\n{AGENCY.vkey}\n")
    for given in (AGENCY.vkey, file):
        code, report = check(delivery, "--vkey", given)
        assert (code, report["sound"], report["key_pinned"]) == (0, True, True)
    assert check(delivery, "--vkey", OTHER.vkey, "--vkey", AGENCY.vkey)[0] == 0
    assert check(delivery, "--vkey", file, "--sample", 3)[0] == 0
    text = run_in_process("verify", delivery, "--quiet", "--vkey", file).out
    assert "signature valid, key pinned" in text and "NOT" not in text
    assert text.splitlines()[-1].startswith("OK: ")


@pytest.mark.parametrize("more", [(), ("--allow-unpinned",)])
def test_key_other_than_the_pinned_one_is_refused(delivery: Path, more: tuple[str, ...]) -> None:
    code, report = check(delivery, "--vkey", OTHER.vkey, *more)
    assert (code, report["sound"], report["key_pinned"], report["signer"]) == (1, False, False, "")
    text = run_in_process("verify", delivery, "--quiet", "--vkey", OTHER.vkey, *more).out
    assert "signed by another key than the pinned ones" in text
    assert AGENCY.vkey in text and OTHER.vkey in text


def test_demonstration_key_is_reported_as_such(demo: Demo) -> None:
    code, report = check(demo.delivery("demo-strict"))
    assert (code, report["key_pinned"], report["key_demonstration"]) == (0, False, True)
    text = run_in_process("verify", demo.delivery("demo-strict"), "--quiet").out
    assert "key NOT pinned" in text and "this is the demonstration key" in text
    assert check(demo.delivery("demo-strict"), "--vkey", AGENCY.vkey)[0] == 1


def test_result_colours_differ(delivery: Path, demo: Demo) -> None:
    def colour(*options: object) -> str:
        env = {"FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": ""}
        last = fairshard("verify", *options, "--quiet", env=env).out.splitlines()[-1]
        found = re.match(r"\x1b\[(\d+)m", last)
        assert found, last
        return found[1]

    assert colour(delivery, "--vkey", AGENCY.vkey) == "32"  # green
    assert colour(delivery) == colour(delivery, "--allow-unpinned") == "33"  # yellow
    assert colour(demo.delivery("demo-strict")) == "33"
    assert colour(delivery, "--vkey", OTHER.vkey) == "31"  # red


def test_invalid_key_options_are_refused(
    delivery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").write_text("")
    for given in (AGENCY.vkey[:-4], tmp_path / "none", tmp_path / "empty"):
        assert main(["verify", str(delivery), "--quiet", "--vkey", str(given)]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_package_prints_the_key_for_buyers(demo: Demo, tmp_path: Path) -> None:
    said = demo.summaries["demo-strict"]
    command = shlex.split(said["verify"])
    assert command[:2] == ["fairshard", "verify"] and command[3:] == ["--vkey", said["vkey"]]
    ended = run_in_process(*command[1:], "--json", "--quiet")
    assert ended.code == 0 and ended.json["key_pinned"]
    assert ended.json["fingerprint"] == said["fingerprint"]


def test_new_key_of_a_later_version_must_be_pinned(
    versions: Versions, demo: Demo, tmp_path: Path
) -> None:
    """The state has recorded the old key; another one counts as forged unless it is pinned."""
    here, state = tmp_path / "newest", tmp_path / "state.json"
    old = demo.summaries["demo-strict"]["vkey"]
    copy_delivery(versions.old, here)
    assert check(here, "--state", state, "--vkey", old)[0] == 0
    shutil.rmtree(here)
    sign_again(copy_delivery(versions.new, here), AGENCY)
    kept = state.read_bytes()
    code, report = check(here, "--state", state, "--allow-unpinned")
    assert code == 1 and "replayed or forged: signed by" in str(report["problems"])
    state.write_bytes(kept)
    assert check(here, "--state", state, "--vkey", old, "--vkey", AGENCY.vkey)[0] == 0


def test_repair_uses_the_agencys_key(delivery: Path, tmp_path: Path) -> None:
    keys = {"ours": AGENCY, "theirs": OTHER}
    for name, signer in keys.items():
        save_key(tmp_path / name, signer)
    assert check(delivery, "--repair", "--key", tmp_path / "ours")[0] == 0
    code, report = check(delivery, "--repair", "--key", tmp_path / "theirs")
    assert (code, report["sound"], report["key_pinned"]) == (1, True, False)
