"""`verify` on damaged deliveries: every change is found, and the file is named."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.format.manifest import manifest_bytes, open_manifest, sign_manifest
from pipelines.ledger.signed_note import FileKey
from pipelines.run.signing_key import load_key
from schemas.manifest import FileRecord
from tests.end_to_end.command import Demo, fairshard, tree
from tests.end_to_end.damage import copy_delivery, flip, replaced, sign_files, verify


# The strict deal's delivery has no kind of file that the main one's has not.
@pytest.fixture(
    scope="module", params=["demo-main", pytest.param("demo-strict", marks=pytest.mark.slow)]
)
def delivery(demo: Demo, request: pytest.FixtureRequest, tmp_path_factory: object) -> Path:
    """Returns a copy of a delivery, which tests may damage but must restore."""
    assert isinstance(tmp_path_factory, pytest.TempPathFactory)
    copy = tmp_path_factory.mktemp("damage") / "delivery"
    return copy_delivery(demo.delivery(request.param), copy)


# Each file is compared with its own digest, so that several can be damaged at once: all but the
# manifest, which has the digests. The slow tests damage them one at a time.
@pytest.fixture(params=[8, pytest.param(1, marks=pytest.mark.slow)])
def at_once(request: pytest.FixtureRequest) -> int:
    """Returns how many files are damaged at once."""
    assert isinstance(request.param, int)
    return request.param


def in_groups(names: Iterable[str], at_once: int) -> list[list[str]]:
    """Returns groups of names that are far apart in their order; the manifest is alone."""
    others = [name for name in names if name != "MANIFEST.json"]
    count = -(-len(others) // at_once)
    return [*(others[start::count] for start in range(count)), ["MANIFEST.json"]]


@contextmanager
def flipped(delivery: Path, bits: Mapping[str, tuple[int, int]]) -> Iterator[None]:
    """Flips a bit in some files within the block, by the byte's position and the bit."""
    with ExitStack() as stack:
        for name, (position, bit) in bits.items():
            path = delivery / name
            stack.enter_context(replaced(path, flip(path.read_bytes(), position, bit)))
        yield


def test_undamaged_delivery_is_sound(delivery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = verify(delivery, capsys)
    assert (result.code, result.paths) == (0, set())


def test_flipped_bit_in_any_file_is_found(
    delivery: Path, at_once: int, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(7)
    before = tree(delivery)
    sizes = {name: (delivery / name).stat().st_size for name in before}
    bits = {name: (dice.randrange(size), dice.randrange(8)) for name, size in sizes.items()}
    for names in in_groups(before, at_once):
        with flipped(delivery, {name: bits[name] for name in names}):
            result = verify(delivery, capsys)
        assert result.code == 1 and result.paths >= {*names}, names
    assert tree(delivery) == before


# The card has hundreds of lines, and whichever is damaged, its digest alone says so.
@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("checkpoint", 1),
        ("log.vkey", 1),
        ("README.md", 12),
        pytest.param("README.md", 1, marks=pytest.mark.slow),
    ],
)
def test_flipped_bit_in_each_line_is_found(
    delivery: Path, name: str, step: int, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(11)
    path = delivery / name
    data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    start = 0
    for at, line in enumerate(lines):
        if at % step == 0 or at == len(lines) - 1:
            with replaced(path, flip(data, start + dice.randrange(len(line)), dice.randrange(8))):
                result = verify(delivery, capsys)
            assert result.code == 1 and name in result.paths, line
        start += len(line)
    assert start == len(data)


def entries_of(delivery: Path) -> Path:
    """Returns the first bundle of the ledger's entries."""
    return next(path for path in sorted(delivery.glob("tile/entries/**/*")) if path.is_file())


def byte_classes(path: Path) -> dict[str, int]:
    """Returns a position in each kind of bytes that a file's format has."""
    data = path.read_bytes()
    size = len(data)
    classes = {"middle": size // 2}
    if path.suffix == ".parquet":
        footer = int.from_bytes(data[-8:-4], "little")
        classes |= {
            "magic at the start": 2,
            "first page": 40,
            "footer": size - 8 - footer // 2,
            "length of the footer": size - 7,
            "magic at the end": size - 2,
        }
    elif path.suffix == ".npy":
        (header,) = struct.unpack_from("<H", data, 8)
        classes |= {
            "version": 6,
            "length of the header": 8,
            "header": 12,
            "first vector": 10 + header,
        }
    elif path.suffix == ".sqlite":
        classes |= {"page size": 16, "SQLite's version": 97, "second page": 4096 + 8}
    elif path.suffix == ".json":
        classes["first name"] = data.index(b'"') + 1
        if b"\n" in data:
            classes["line end"] = data.index(b"\n")
    elif path.suffix == ".idx":
        classes |= {"first offset": 1, "last offset": size - 8}
    elif "tile/entries" in path.as_posix():
        classes |= {"length of an entry": 1, "entry": 40}
    elif "tile/" in path.as_posix():
        classes |= {"first hash": 31, "last hash": size - 32}
    else:
        classes |= {"first byte": 0, "last byte": size - 1}
    return classes


def test_damage_to_every_kind_of_byte_is_found(
    delivery: Path, at_once: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Covers one file of each kind; tars have their own tests."""
    kinds: dict[str, Path] = {}
    for name in tree(delivery):
        path = delivery / name
        folder, kind = name.split("/")[0], path.suffix or path.name
        if path.suffix != ".tar":
            kinds.setdefault(f"{folder if '/' in name else ''} {kind}", path)
    kinds["entries"] = entries_of(delivery)
    assert {path.suffix for path in kinds.values()} >= {".parquet", ".npy", ".sqlite", ".idx"}
    names = {path.relative_to(delivery).as_posix(): byte_classes(path) for path in kinds.values()}
    for group in in_groups(names, at_once):
        for at in range(max(len(names[name]) for name in group)):
            classes = {name: [*names[name].values()][at:] for name in group}
            bits = {name: (positions[0], 4) for name, positions in classes.items() if positions}
            with flipped(delivery, bits):
                result = verify(delivery, capsys)
            assert result.code == 1 and result.paths >= bits.keys(), bits


@pytest.mark.slow
def test_damage_anywhere_in_any_file_is_found(
    delivery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(13)
    for name in tree(delivery):
        path = delivery / name
        data = path.read_bytes()
        for position in {*byte_classes(path).values(), *dice.sample(range(len(data)), 8)}:
            with replaced(path, flip(data, position, dice.randrange(8))):
                result = verify(delivery, capsys)
            assert result.code == 1 and name in result.paths, f"{name}: byte {position}"


def test_damaged_entry_is_named(delivery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = entries_of(delivery)
    data = path.read_bytes()
    second = 2 + int.from_bytes(data[:2], "big")
    with replaced(path, flip(data, second + 30)):
        result = verify(delivery, capsys)
    assert "entry 1 is not the one hashed in tile/0/" in result.messages(
        path.relative_to(delivery).as_posix()
    )


def test_missing_file_is_found(
    delivery: Path, at_once: int, capsys: pytest.CaptureFixture[str]
) -> None:
    aside = delivery.parent / "aside"
    aside.mkdir(exist_ok=True)
    for names in in_groups(tree(delivery), at_once)[:-1]:
        for at, name in enumerate(names):
            (delivery / name).rename(aside / str(at))
        result = verify(delivery, capsys)
        for at, name in enumerate(names):
            (aside / str(at)).rename(delivery / name)
        assert result.code == 1 and result.paths >= {*names}, names


def test_extra_file_is_found(delivery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("extra", "shards/extra.tar", "tile/0/extra", ".hidden/extra"):
        path = delivery / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
        result = verify(delivery, capsys)
        path.unlink()
        assert (result.code, result.paths) == (1, {name}), name
    (delivery / ".hidden").rmdir()


def test_truncated_file_is_found(delivery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in [*sorted(delivery.glob("shards/*"))[:3], delivery / "checkpoint"]:
        data = path.read_bytes()
        for kept in (0, len(data) // 2, len(data) - 1):
            with replaced(path, data[:kept]):
                result = verify(delivery, capsys)
            assert result.code == 1 and path.relative_to(delivery).as_posix() in result.paths


def test_truncated_manifest_is_found(delivery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = delivery / "MANIFEST.json"
    data = path.read_bytes()
    for kept in (*range(0, len(data), 997), len(data) - 1):
        with replaced(path, data[:kept]):
            result = verify(delivery, capsys)
        assert (result.code, result.paths) == (1, {"MANIFEST.json"})


def test_damage_to_each_line_of_the_manifest_is_found(
    delivery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line is damaged or omitted, or the file ends before it, also with the end record kept."""
    dice = random.Random(17)
    path = delivery / "MANIFEST.json"
    lines = path.read_bytes().splitlines(keepends=True)
    end = lines.index(b' "end": {\n')
    for at in range(0, len(lines), max(1, len(lines) // 60)):
        line = lines[at]
        flipped = flip(line, dice.randrange(len(line)), dice.randrange(8))
        variants = [
            [*lines[:at], flipped, *lines[at + 1 :]],
            [*lines[:at], *lines[at + 1 :]],
            lines[:at],
            *([[*lines[:at], *lines[end:]]] if 0 < at < end else []),
        ]
        for changed in variants:
            data = b"".join(changed)
            if data != b"".join(lines):
                with replaced(path, data):
                    result = verify(delivery, capsys)
                assert (result.code, result.paths) == (1, {"MANIFEST.json"}), (at, line)


def test_signed_manifest_that_omits_files_is_found(
    demo: Demo, delivery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The end record is kept and a list is shorter, even if signed with the agency's own key."""
    signer = load_key(demo.signing_key)
    own = open_manifest((delivery / "MANIFEST.json").read_bytes(), (signer.vkey,))
    for change in ({"files": own.files[:-1]}, {"shards": own.shards[:-1]}):
        cut = sign_manifest(own.model_copy(update={**change, "signature": ""}), signer)
        with replaced(delivery / "MANIFEST.json", manifest_bytes(cut)):
            result = verify(delivery, capsys)
        assert (result.code, result.paths) == (1, {"MANIFEST.json"})
        assert "its lists and its end record disagree" in result.messages("MANIFEST.json")


@pytest.mark.parametrize("which", ["shard's table", "log.vkey"])
def test_signed_manifest_that_lists_no_file_that_is_compared_is_found(
    demo: Demo, delivery: Path, which: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """All of its digests are right: what it does not list would be compared with nothing."""
    copy = copy_delivery(delivery, tmp_path / "delivery")
    path = min(copy.glob("shards/*.parquet")) if which == "shard's table" else copy / which
    path.unlink()
    manifest = json.loads((copy / "MANIFEST.json").read_bytes())
    sign_files(copy, manifest, load_key(demo.signing_key))
    result = verify(copy, capsys)
    name = path.relative_to(copy).as_posix()
    assert result.code == 1 and "every delivery has it" in result.messages(name)


def test_manifest_signed_by_another_key_is_found(
    demo: Demo, delivery: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = (delivery / "log.vkey").read_text(encoding="ascii").strip()
    trusted = tmp_path / "trusted.vkey"
    trusted.write_text(own + "\n", encoding="ascii")
    arguments = ["verify", str(delivery), "--quiet", "--vkey"]
    assert main([*arguments, own]) == main([*arguments, str(trusted)]) == 0
    capsys.readouterr()
    assert main([*arguments, FileKey("fairshard-demonstration", bytes(32)).vkey]) == 1
    assert "MANIFEST.json: " in capsys.readouterr().out
    name, key_id, key = own.split("+", 2)
    miscopied = f"{name}+{key_id}+{key[:-2]}{'A' if key[-2] != 'A' else 'B'}{key[-1]}"
    assert main([*arguments, miscopied]) == 2
    assert "the key id is not this key's" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a//b", "", ".", "a\\b", "a\0b"])
def test_signed_manifest_with_outside_paths_is_refused(
    demo: Demo, delivery: Path, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The manifest is signed with the agency's own key, so only the paths are wrong."""
    signer = load_key(demo.signing_key)
    own = open_manifest((delivery / "MANIFEST.json").read_bytes(), (signer.vkey,))
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
            result = verify(delivery, capsys)
        assert result.code == 1 and named in result.paths


def test_verify_command_names_the_file_and_exits_with_1(delivery: Path) -> None:
    path = sorted(delivery.glob("shards/*.parquet"))[0]
    data = path.read_bytes()
    with replaced(path, flip(data, len(data) // 2, 3)):
        ended = fairshard("verify", delivery)
    assert ended.code == 1
    assert f"shards/{path.name}: sha256 is" in ended.out
    assert "FAILED" in ended.out and "Traceback" not in ended.out + ended.err


def test_missing_delivery_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "none"), "--quiet"]) == 2
    error = capsys.readouterr().err
    assert "There is no delivery here" in error and "MANIFEST.json" in error
