"""`check` ends as `package` would, whatever is wrong, and counts the same at every step."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.commands.dry_look import FilesOption, check_files_option
from schemas.errors import InputError
from tests.cases.common import check, package
from tests.cases.fault_library import break_library, whole_library
from tests.end_to_end.command import AS_OF

FAULTS, PARTS = 200, 20


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    whole_library(folder)
    return folder


def differences(folder: Path, out: Path) -> list[str]:
    """What `check` and `package` say differently."""
    checked = check(folder, "--as-of", AS_OF, "--json")
    packaged = package(folder, out, "--json")
    if checked.code != packaged.code:
        return [f"check {checked.code} {checked.err}", f"package {packaged.code} {packaged.err}"]
    if checked.code == 2:
        return [] if said(checked.err) == said(packaged.err) else [checked.err, packaged.err]
    found = [checked.json["steps"], packaged.json["steps"]]
    return [] if found[0] == found[1] else list(map(str, found))


def said(error: str) -> str:
    """The message, without the asset that it names: which is first depends on the random key."""
    return error.partition(": ")[2].partition(": asset ")[0]


def test_a_whole_library(whole: Path, tmp_path: Path) -> None:
    assert differences(whole, tmp_path / "out") == []
    checked = check(whole, "--as-of", AS_OF, "--json").json
    assert checked["delivers"] and checked["files"] == "read"
    assert checked["steps"]["write"]["passed"] == 3


# One each of the tables, the deal, the price and the files.
@pytest.mark.parametrize("seed", [20, 60])
def test_a_few_faults(seed: int, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "case")
    done = break_library(tmp_path / "case", seed)
    assert differences(tmp_path / "case", tmp_path / "out") == [], done


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_two_hundred_faults(part: int, whole: Path, tmp_path: Path) -> None:
    found = {}
    for seed in range(part, FAULTS, PARTS):
        folder = tmp_path / str(seed)
        shutil.copytree(whole, folder)
        done = break_library(folder, seed)
        if differing := differences(folder, tmp_path / f"out-{seed}"):
            found[f"{seed}: {done}"] = differing
    assert found == {}


def test_files_that_are_not_there(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    shutil.copytree(whole, folder)
    (folder / "catalogue" / "media" / "2.jpg").unlink()
    looked = check(folder, "--as-of", AS_OF, "--files", "3", "--json")
    assert looked.code == 1 and "Too many failed assets: 1 of 3" in looked.err
    assert "fix the media, or raise the limit" in looked.err
    files = looked.json["files"]
    assert (files["cleared"], files["looked_for"], files["found"]) == (3, 3, 2)
    assert files["examples"] == {"media.unavailable": ["A-2 (No such file or directory)"]}
    unlooked = check(folder, "--as-of", AS_OF, "--files", "none")
    assert unlooked.code == 0
    assert "OK, as far as checked" in unlooked.out


def test_no_ok_where_nothing_is_delivered(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    shutil.copytree(whole, folder)
    with (folder / "deal.toml").open("a") as deal:
        deal.write('[select]\nkeywords_any = ["nothing"]\n')
    for files in ("none", "auto"):
        ended = check(folder, "--as-of", AS_OF, "--files", files)
        assert ended.code == 1 and "OK" not in ended.out
        assert "Nothing is left to deliver: all 3 assets" in ended.err


def test_all_faults_at_once(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    shutil.copytree(whole, folder)
    with (folder / "deal.toml").open("a") as deal:
        deal.write('[gate]\ndivert = ["nope"]\n[models]\nclip = "no-such"\n')
        deal.write(f'[[rulings]]\nref = "r"\nowner = "c-9"\nfiles = ["{"0" * 64}"]\n')
    ended = check(folder)
    assert ended.code == 2
    for words in ("3 faults", "nope", "no-such", "rulings.owner"):
        assert words in ended.err


@pytest.mark.parametrize("text", ["", "0", "-1", "some", "١"])
def test_a_wrong_choice_of_files(text: str) -> None:
    with pytest.raises(InputError, match="Not a choice of files"):
        check_files_option(text)


def test_choices_of_files() -> None:
    assert check_files_option("7") == FilesOption(0, 7)
    assert check_files_option("all").read is None
