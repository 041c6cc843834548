"""`verify` against damage: whatever is changed in a delivery is found, and the file is named."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.delivery.keys import load_key
from pipelines.delivery.manifest import manifest_bytes, open_manifest, sign_manifest
from schemas.manifest import FileRecord

from .command import Demo, fairshard, tree


@pytest.fixture(scope="module", params=["demo-main", "demo-strict"])
def delivery(demo: Demo, request: pytest.FixtureRequest, tmp_path_factory: object) -> Path:
    """A delivery that may be damaged, and must be mended afterwards."""
    assert isinstance(tmp_path_factory, pytest.TempPathFactory)
    copy = tmp_path_factory.mktemp("damage") / "delivery"
    shutil.copytree(demo.delivery(request.param), copy)
    return copy


@contextmanager
def replaced(path: Path, data: bytes) -> Iterator[None]:
    before = path.read_bytes()
    assert data != before
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(before)


def verify(delivery: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, set[str]]:
    """The exit code, and the paths that are named."""
    code = main(["verify", str(delivery), "--json", "--quiet"])
    report = json.loads(capsys.readouterr().out)
    assert report["sound"] == (code == 0) == (not report["problems"])
    assert all(problem["message"] for problem in report["problems"])
    return code, {problem["path"] for problem in report["problems"]}


def flip(data: bytes, position: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


def test_an_undamaged_delivery_is_sound(delivery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(delivery, capsys) == (0, set())


def test_a_flipped_bit_in_any_file(delivery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(7)
    before = tree(delivery)
    for name in before:
        path = delivery / name
        data = path.read_bytes()
        with replaced(path, flip(data, dice.randrange(len(data)), dice.randrange(8))):
            code, named = verify(delivery, capsys)
        assert code == 1 and name in named, name
    assert tree(delivery) == before


def test_a_flipped_bit_anywhere_in_a_tar(
    delivery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tar = sorted(delivery.glob("shards/*.tar"))[0]
    data = tar.read_bytes()
    length = int(data[124:135], 8)
    places = {
        "name": 3,
        "mode": 100,
        "length": 130,
        "checksum": 150,
        "kind": 156,
        "magic": 258,
        "padding of the header": 511,
        "first byte of the data": 512,
        "padding of the data": 512 + length if length % 512 else 512 + length - 1,
        "first zero block at the end": len(data) - 1024,
        "last byte": len(data) - 1,
    }
    for place, position in places.items():
        with replaced(tar, flip(data, position, 0)):
            code, named = verify(delivery, capsys)
        assert code == 1 and f"shards/{tar.name}" in named, place


@pytest.mark.parametrize("name", ["checkpoint", "log.vkey", "README.md"])
def test_a_flipped_bit_in_each_line(
    delivery: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(11)
    path = delivery / name
    data = path.read_bytes()
    start = 0
    for line in data.splitlines(keepends=True):
        with replaced(path, flip(data, start + dice.randrange(len(line)), dice.randrange(8))):
            code, named = verify(delivery, capsys)
        assert code == 1 and name in named, line
        start += len(line)
    assert start == len(data)


def test_a_missing_file(delivery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [name for name in tree(delivery) if name != "MANIFEST.json"]:
        path = delivery / name
        aside = delivery.parent / "aside"
        path.rename(aside)
        code, named = verify(delivery, capsys)
        aside.rename(path)
        assert code == 1 and name in named, name


def test_a_file_too_many(delivery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("extra", "shards/extra.tar", "tile/0/extra", ".hidden/extra"):
        path = delivery / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
        code, named = verify(delivery, capsys)
        path.unlink()
        assert (code, named) == (1, {name}), name
    (delivery / ".hidden").rmdir()


def test_swapped_shards(delivery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tars = sorted(delivery.glob("shards/*.tar"))
    one, other = tars[0], tars[-1]
    first, second = one.read_bytes(), other.read_bytes()
    with replaced(one, second), replaced(other, first):
        code, named = verify(delivery, capsys)
    assert code == 1 and {f"shards/{one.name}", f"shards/{other.name}"} <= named


def test_a_cut_file(delivery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in [*sorted(delivery.glob("shards/*"))[:3], delivery / "checkpoint"]:
        data = path.read_bytes()
        for kept in (0, len(data) // 2, len(data) - 1):
            with replaced(path, data[:kept]):
                code, named = verify(delivery, capsys)
            assert code == 1 and path.relative_to(delivery).as_posix() in named


def test_a_shard_cut_between_members(delivery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every reader takes such a shard without a word."""
    tar = sorted(delivery.glob("shards/*.tar"))[0]
    data = tar.read_bytes()
    length = int(data[124:135], 8)
    end = 512 + length + -length % 512
    with replaced(tar, data[:end] + bytes(1024)):
        code, named = verify(delivery, capsys)
    assert code == 1 and f"shards/{tar.name}" in named


def test_a_cut_manifest(delivery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = delivery / "MANIFEST.json"
    data = path.read_bytes()
    for kept in (*range(0, len(data), 997), len(data) - 1):
        with replaced(path, data[:kept]):
            assert verify(delivery, capsys) == (1, {"MANIFEST.json"})


def test_a_manifest_of_another_key(
    demo: Demo, delivery: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = (delivery / "log.vkey").read_text(encoding="ascii").strip()
    trusted = tmp_path / "trusted.vkey"
    trusted.write_text(own + "\n", encoding="ascii")
    arguments = ["verify", str(delivery), "--quiet", "--vkey"]
    assert main([*arguments, own]) == main([*arguments, str(trusted)]) == 0
    capsys.readouterr()
    name, key_id, key = own.split("+", 2)
    other = f"{name}+{key_id}+{key[:-2]}{'A' if key[-2] != 'A' else 'B'}{key[-1]}"
    assert main([*arguments, other]) == 1
    assert "MANIFEST.json: " in capsys.readouterr().out


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a//b", "", ".", "a\\b", "a\0b"])
def test_a_signed_manifest_that_points_elsewhere(
    demo: Demo, delivery: Path, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the agency's own key, so that only the paths themselves are wrong."""
    signer = load_key(demo.signing_key)
    own = open_manifest((delivery / "MANIFEST.json").read_bytes(), signer.vkey)
    none = hashlib.sha256(b"").hexdigest()
    (delivery.parent / "outside").write_bytes(b"")
    files = [*own.files, FileRecord(path=path, bytes=0, sha256=none)]
    end = own.end.model_copy(update={"files": len(files)})
    more_files = own.model_copy(update={"files": files, "end": end, "signature": ""})
    shards = [own.shards[0].model_copy(update={"name": path}), *own.shards[1:]]
    other_shards = own.model_copy(update={"shards": shards, "signature": ""})
    for changed, named in ((more_files, path), (other_shards, f"shards/{path}.tar")):
        data = manifest_bytes(sign_manifest(changed, signer))
        with replaced(delivery / "MANIFEST.json", data):
            code, found = verify(delivery, capsys)
        assert code == 1 and named in found


def test_the_command_names_the_file_and_ends_with_1(delivery: Path) -> None:
    path = sorted(delivery.glob("shards/*.parquet"))[0]
    data = path.read_bytes()
    with replaced(path, flip(data, len(data) // 2, 3)):
        ended = fairshard("verify", delivery)
    assert ended.code == 1
    assert f"shards/{path.name}: sha256 is" in ended.out
    assert "FAILED" in ended.out and "Traceback" not in ended.out + ended.err


def test_no_delivery(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "none"), "--quiet"]) == 2
    error = capsys.readouterr().err
    assert "There is no delivery here" in error and "MANIFEST.json" in error
