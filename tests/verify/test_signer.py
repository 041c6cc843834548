"""Pinned keys: how they are read, and how the key that signed is reported."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from pipelines.ledger.ed25519 import FileKey, parse_vkey
from pipelines.run.signing_key import demonstration_key
from pipelines.verify.signer import read_pinned_keys, signed_by
from schemas.errors import InputError

OLD = FileKey("agency.example/2025", bytes(range(32))).vkey
NEW = FileKey("agency.example/2026", bytes(range(1, 33))).vkey


def test_no_pinned_keys_given() -> None:
    assert read_pinned_keys([]) is None


def test_pinned_keys_as_text() -> None:
    assert read_pinned_keys([OLD, NEW]) == (OLD, NEW)


@pytest.mark.parametrize(
    "text",
    [
        f"{OLD}\n{NEW}\n",
        f"# until 2026-03-31\n{OLD}\n\n  # since 2026-01-01\n  {NEW}  ",
        f"\ufeff{OLD}\r\n{NEW}\r\n",
    ],
)
def test_pinned_keys_from_a_file(tmp_path: Path, text: str) -> None:
    for name in ("agency.vkey", "old+new.vkey"):  # a plus does not make a path a key
        path = tmp_path / name
        path.write_bytes(text.encode())
        assert read_pinned_keys([str(path)]) == (OLD, NEW)
    assert read_pinned_keys([NEW, str(path)]) == (NEW, OLD, NEW)


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n"])
def test_key_file_without_a_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "agency.vkey"
    path.write_text(text)
    with pytest.raises(InputError, match="holds no verifier key"):
        read_pinned_keys([str(path)])


@pytest.mark.parametrize(
    "text", [OLD[:-1], OLD.replace("+", " ", 1), OLD.upper(), f"{OLD} {NEW}", f"{OLD} # ours"]
)
def test_malformed_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "agency.vkey"
    path.write_text(f"{NEW}\n{text}\n")
    for given in (text, str(path)):
        with pytest.raises(InputError):
            read_pinned_keys([given])


def test_unreadable_key_file_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for given in (str(tmp_path), str(tmp_path / "none"), str(binary), "", "x" * 5000, "a\0b"):
        with pytest.raises(InputError, match="cannot be read"):
            read_pinned_keys([given])


def test_fingerprint_is_the_digest_of_the_key_text() -> None:
    assert parse_vkey(OLD).fingerprint == hashlib.sha256(OLD.encode()).hexdigest()


def test_signer_has_name_id_and_pinned_state() -> None:
    name, key_id, public = OLD.split("+", 2)
    preimage = name.encode() + b"\n" + base64.b64decode(public)
    assert hashlib.sha256(preimage).hexdigest()[:8] == key_id
    for pinned, known in ((None, False), ((NEW,), False), ((NEW, OLD), True)):
        signer = signed_by(OLD, pinned)
        assert (signer.name, signer.key_id) == (name, key_id)
        assert (signer.pinned, signer.accepted, signer.demonstration) == (known, known, False)


def test_demonstration_key_is_recognised() -> None:
    demo = demonstration_key(3).vkey
    assert (signed_by(demo, None).accepted, signed_by(demo, None).pinned) == (True, False)
    assert signed_by(demo, (demo,)).demonstration
