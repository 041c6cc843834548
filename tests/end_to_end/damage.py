"""Damages a delivery, one thing at a time, and runs `verify` on it."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.cli import main
from pipelines.format.manifest import manifest_bytes, sign_manifest
from pipelines.ledger.signed_note import Signer, sign_checkpoint
from schemas.manifest import Manifest
from tests.end_to_end.command import CommandResult, tree

BLOCK = 512


@dataclass(frozen=True)
class VerifyResult:
    """The result of `verify`.

    Attributes:
        code: Its exit code.
        report: Its JSON report.
    """

    code: int
    report: dict[str, Any]

    @property
    def problems(self) -> list[dict[str, str]]:
        """All problems."""
        found: list[dict[str, str]] = self.report["problems"]
        return found

    @property
    def paths(self) -> set[str]:
        """The files named in problems."""
        return {problem["path"] for problem in self.problems}

    def members(self, path: str) -> set[str]:
        """Returns the members of one tar that are named."""
        return {item["member"] for item in self.problems if item["path"] == path} - {""}

    def keys(self, path: str) -> set[str]:
        """Returns the keys that are named with one file."""
        return {item["key"] for item in self.problems if item["path"] == path} - {""}

    def messages(self, path: str) -> str:
        """Returns all messages about one file."""
        return "\n".join(item["message"] for item in self.problems if item["path"] == path)


def verify(delivery: object, capsys: pytest.CaptureFixture[str], *options: object) -> VerifyResult:
    """Runs `verify` in this process and checks the form of what it prints."""
    code = main(["verify", str(delivery), "--json", "--quiet", *map(str, options)])
    report = json.loads(capsys.readouterr().out)
    assert report["sound"] == (code == 0) == (not report["problems"])
    for problem in report["problems"]:
        assert problem["message"]
        assert set(problem) == {"path", "message", "shard", "key", "member", "kind"}
        assert problem["kind"] == "damage" or problem["path"] == "MANIFEST.json"
        if problem["path"].startswith("shards/") and problem["path"] != "shards/README.md":
            assert problem["shard"] in problem["path"]
        if problem["member"]:
            assert problem["member"].partition(".")[0] == problem["key"]
    return VerifyResult(code, report)


def run_in_process(*arguments: object) -> CommandResult:
    """Runs a command in this process, where models are loaded only once."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*map(str, arguments)])
    return CommandResult(code, out.getvalue(), err.getvalue())


@contextmanager
def replaced(path: Path, data: bytes) -> Iterator[None]:
    """Replaces a file's bytes within the block."""
    before = path.read_bytes()
    assert data != before
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(before)


@contextmanager
def swapped(pairs: Sequence[tuple[Path, Path]]) -> Iterator[None]:
    """Swaps pairs of files within the block."""

    def swap() -> None:
        for one, other in pairs:
            aside = one.with_name("aside")
            one.rename(aside)
            other.rename(one)
            aside.rename(other)

    swap()
    try:
        yield
    finally:
        swap()


def flip(data: bytes, position: int, bit: int = 0) -> bytes:
    """Returns the bytes with one bit flipped."""
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


def zeroed(data: bytes, start: int, end: int) -> bytes:
    """Returns the bytes with a range set to zero."""
    return data[:start] + bytes(end - start) + data[end:]


@dataclass(frozen=True)
class TarMember:
    """A member at the position that the shard's table states."""

    key: str
    name: str
    offset: int
    length: int

    @property
    def start(self) -> int:
        """The offset of its header."""
        return self.offset - BLOCK

    @property
    def end(self) -> int:
        """The offset after its padding."""
        return self.offset + self.length + -self.length % BLOCK


def tar_members(tar: Path) -> list[TarMember]:
    """Returns the members of a tar in order, according to its table."""
    found = []
    for row in pq.read_table(tar.with_suffix(".parquet")).to_pylist():
        names = (row["media_member"], f"{row['key']}.txt", f"{row['key']}.json")
        for kind, name in zip(("media", "txt", "json"), names, strict=True):
            found.append(TarMember(row["key"], name, row[f"{kind}_offset"], row[f"{kind}_length"]))
    return found


def smallest_tar(delivery: Path, members: int = 6) -> Path:
    """Returns the smallest tar of a delivery that has at least `members` members."""
    tars = sorted(delivery.glob("shards/*.tar"), key=lambda path: path.stat().st_size)
    return next(tar for tar in tars if len(tar_members(tar)) >= members)


def copy_delivery(source: Path, target: Path) -> Path:
    """Copies a delivery, so that a test may damage it."""
    shutil.copytree(source, target)
    return target


def sign_again(delivery: Path, signer: Signer) -> Path:
    """Signs a copy of a delivery with another key: checkpoint, key, checksums and manifest."""
    manifest = json.loads((delivery / "MANIFEST.json").read_bytes())
    origin = f"{signer.name}/{manifest['delivery']}"
    ledger = {**manifest["ledger"], "origin": origin}
    root = bytes.fromhex(ledger["root"])
    checkpoint = sign_checkpoint(signer, origin, ledger["entries"], root)
    (delivery / "checkpoint").write_text(checkpoint, encoding="utf-8")
    (delivery / "log.vkey").write_text(f"{signer.vkey}\n", encoding="utf-8")
    manifest |= {"ledger": ledger, "vkey": signer.vkey}
    return sign_files(delivery, manifest, signer)


def sign_files(
    delivery: Path,
    manifest: dict[str, Any],
    signer: Signer,
    records: Mapping[str, Mapping[str, object] | None] | None = None,
) -> Path:
    """Lists a delivery's current files in `SHA256SUMS` and in a signed manifest.

    Args:
        delivery: The delivery.
        manifest: The other fields of its manifest.
        signer: The signer.
        records: Records that replace those of some paths; None omits a path.
    """
    digests = {name: digest for name, digest in tree(delivery).items() if name != "MANIFEST.json"}
    lines = [f"{digests[name]}  {name}\n" for name in sorted(digests) if name != "SHA256SUMS"]
    (delivery / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    digests["SHA256SUMS"] = hashlib.sha256("".join(lines).encode()).hexdigest()
    files: dict[str, dict[str, Any]] = {
        name: {"path": name, "bytes": (delivery / name).stat().st_size, "sha256": digests[name]}
        for name in sorted(digests)
    }
    for name, record in (records or {}).items():
        files[name] = {**files[name], **record} if record else {}
    listed = [file for file in files.values() if file]
    end = {**manifest["end"], "files": len(listed), "bytes": sum(file["bytes"] for file in listed)}
    unsigned = Manifest.model_validate({**manifest, "files": listed, "end": end, "signature": ""})
    (delivery / "MANIFEST.json").write_bytes(manifest_bytes(sign_manifest(unsigned, signer)))
    return delivery
