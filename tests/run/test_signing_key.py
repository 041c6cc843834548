"""The signing key's file: readable only by its owner, and never replaced."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pipelines.ledger.signed_note import FileKey
from pipelines.run.signing_key import (
    DEFAULT_KEY_NAME,
    default_key_path,
    demonstration_key,
    load_key,
    load_or_create_key,
    save_key,
)
from schemas.errors import InputError

SIGNER = FileKey("an-agency", bytes(32))


def test_key_is_created_once(tmp_path: Path) -> None:
    path = tmp_path / "agency" / "signing.key"
    made = load_or_create_key(path)
    assert made.name == DEFAULT_KEY_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert load_or_create_key(path) == made == load_key(path)
    assert path.read_bytes() == before
    assert load_or_create_key(tmp_path / "other.key") != made


def test_key_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    save_key(path, SIGNER)
    with pytest.raises(FileExistsError):
        save_key(path, demonstration_key(0))
    assert load_key(path) == SIGNER


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o666, 0o610])
def test_key_readable_by_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "signing.key"
    save_key(path, SIGNER)
    path.chmod(mode)
    with pytest.raises(InputError, match=f"mode {mode:o}.*chmod 600") as caught:
        load_or_create_key(path)
    assert str(path) in str(caught.value)
    assert bytes.hex(SIGNER.private) not in str(caught.value)
    path.chmod(0o400)
    assert load_key(path) == SIGNER


@pytest.mark.parametrize("text", ["", "no key", "ä", "PRIVATE+KEY+a+00000000+AAAA"])
def test_file_without_a_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "signing.key"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(InputError):
        load_key(path)
    assert path.read_text(encoding="utf-8") == text


def test_missing_key_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_key(tmp_path / "none")
    with pytest.raises(InputError, match="cannot be read"):
        load_key(tmp_path)


def test_default_key_path() -> None:
    assert default_key_path("/data/out") == Path("/data/out/agency/signing.key")
    assert default_key_path("s3://bucket/out") == Path("agency/signing.key")


def test_demonstration_key_is_deterministic() -> None:
    assert demonstration_key(0) == demonstration_key(0) != demonstration_key(1)
    assert "demonstration" in demonstration_key(0).vkey
