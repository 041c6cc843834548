"""`verify` names whatever lies in a delivery and is not one of its files; a repair removes it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.command import tree
from tests.end_to_end.damage import run_in_process, verify
from tests.end_to_end.small_library import SmallLibrary
from tests.end_to_end.test_stdlib_verifier import refusal


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallLibrary, str]:
    """A small library's published version, and the key that signed it."""
    library = SmallLibrary(tmp_path_factory.mktemp("strays"))
    library.add(2, 560)
    ended = library.package("--json")
    assert ended.code == 0, ended.err
    return library, ended.json["vkey"]


@pytest.fixture
def vkey(published: tuple[SmallLibrary, str]) -> str:
    return published[1]


@pytest.fixture
def delivery(published: tuple[SmallLibrary, str], tmp_path: Path) -> Path:
    copy = tmp_path / "delivery"
    shutil.copytree(published[0].out / "small" / "v0001" / "delivery", copy)
    return copy


def tar_of(delivery: Path) -> Path:
    return min(delivery.glob("shards/*.tar"))


def a_tar_is_a_link(delivery: Path) -> str:
    path = tar_of(delivery)
    aside = delivery.parent / "aside.tar"
    path.rename(aside)
    path.symlink_to(aside)
    return path.relative_to(delivery).as_posix()


def a_folder_is_a_link(delivery: Path) -> str:
    shutil.move(delivery / "shards", delivery.parent / "aside")
    (delivery / "shards").symlink_to(delivery.parent / "aside")
    return "shards"


def the_manifest_is_a_link(delivery: Path) -> str:
    shutil.move(delivery / "MANIFEST.json", delivery.parent / "aside.json")
    (delivery / "MANIFEST.json").symlink_to(delivery.parent / "aside.json")
    return "MANIFEST.json"


def link(name: str, target: str) -> Callable[[Path], str]:
    def make(delivery: Path) -> str:
        (delivery / name).symlink_to(target)
        return name

    return make


def file(name: str) -> Callable[[Path], str]:
    def make(delivery: Path) -> str:
        path = delivery / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        return name

    return make


def folder(name: str) -> Callable[[Path], str]:
    def make(delivery: Path) -> str:
        (delivery / name).mkdir(parents=True)
        return name

    return make


def fifo(delivery: Path) -> str:
    os.mkfifo(delivery / "shards" / "pipe")
    return "shards/pipe"


STRAYS: dict[str, Callable[[Path], str]] = {
    "a temporary file": file(".tmp-0123456789abcdef"),
    "a temporary file in a folder": file("shards/.tmp-ff"),
    "a temporary file in a folder of its own": file("more/.tmp-ff"),
    "a hidden file": file(".hidden"),
    "a hidden file in a folder": file("tile/.DS_Store"),
    "an extra file in a new folder": file("a/b/c/extra.txt"),
    "a case variant": file("Manifest.json"),
    "a case variant of a folder": file("SHARDS/x.tar"),
    "an empty folder": folder("empty"),
    "nested empty folders": folder("shards/a/b"),
    "a hidden empty folder": folder(".git"),
    "a link to a file": link("extra.json", "MANIFEST.json"),
    "a link to a folder": link("more", "shards"),
    "a link out of the delivery": link("out", "/etc"),
    "a dangling link": link("nowhere", "no/such/file"),
    "a link to itself": link("loop", "loop"),
    "a tar that is a link": a_tar_is_a_link,
    "a folder that is a link": a_folder_is_a_link,
    "a manifest that is a link": the_manifest_is_a_link,
    "a named pipe": fifo,
}


@pytest.mark.parametrize("name", STRAYS)
@pytest.mark.parametrize("options", [(), ("--sample", "3")], ids=["all", "sample"])
def test_each_is_named_and_fails(
    delivery: Path,
    name: str,
    options: tuple[str, ...],
    vkey: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = STRAYS[name](delivery)
    result = verify(delivery, capsys, "--vkey", vkey, *options)
    assert result.code == 1
    assert path in result.paths, result.paths
    if "link" in name:
        assert "a symbolic link" in result.messages(path)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl 3")
@pytest.mark.parametrize("name", STRAYS)
def test_the_sixty_lines_of_the_docs_see_it(delivery: Path, vkey: str, name: str) -> None:
    path = STRAYS[name](delivery)
    said = refusal(delivery, vkey)
    assert path in said or f"{path}@" in said or path.startswith("more/"), said


@pytest.mark.parametrize(
    "name",
    [
        "a temporary file",
        "nested empty folders",
        "a dangling link",
        "a tar that is a link",
        "a folder that is a link",
        "a manifest that is a link",
    ],
)
def test_the_agency_removes_it(
    published: tuple[SmallLibrary, str], tmp_path: Path, name: str
) -> None:
    library, _ = published
    shutil.copytree(library.out, tmp_path / "out")
    version = tmp_path / "out" / "small" / "v0001" / "delivery"
    before = tree(version)
    STRAYS[name](version)
    folder = library.folder
    inputs = ["--catalogue", folder / "catalogue", "--deal", folder / "deal.toml", "--workers", 1]
    result = run_in_process("verify", version, "--repair", "--quiet", *inputs)
    assert result.code == 0, result.err
    assert tree(version) == before
    assert not [path for path in version.rglob("*") if path.is_symlink()]
    assert not [path for path in version.rglob("*") if path.is_dir() and not any(path.iterdir())]


def test_a_pinned_delivery_without_them_is_sound(
    delivery: Path, vkey: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(delivery, capsys, "--vkey", vkey).code == 0
    link_to_it = delivery.parent / "link"
    link_to_it.symlink_to(delivery)  # how the delivery itself is reached is the reader's business
    assert verify(link_to_it, capsys, "--vkey", vkey).code == 0


def test_a_state_that_saw_it_without_them(
    delivery: Path, vkey: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--vkey", vkey, "--state", tmp_path / "state.json")
    assert verify(delivery, capsys, *options).code == 0
    path = a_tar_is_a_link(delivery)
    result = verify(delivery, capsys, *options)
    assert (result.code, path in result.paths) == (1, True)
