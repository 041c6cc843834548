"""The agency's signing key: given as a file, or created on first use with mode 600.

A file has the key itself, or names a program that signs (`pipelines.run.program_key`). Another kind
of signer has to be added in `load_key` alone: everything else takes an `AgencyKey`.
"""

from __future__ import annotations

import glob
import hashlib
import os
import secrets
import stat
from pathlib import Path

from pipelines.accounts.key import LogKey
from pipelines.accounts.memory import memory_path
from pipelines.ledger.commitments import agency_salt
from pipelines.ledger.ed25519 import DEMONSTRATION_KEY_NAME, AgencyKey
from pipelines.ledger.signed_note import FileKey, parse_skey
from pipelines.run.program_key import read_program_key
from schemas.errors import InputError

DEFAULT_KEY_NAME = "fairshard-agency"
_KEY_FILE = "signing.key"


def default_key_path(output_uri: str) -> Path:
    """Returns where the key is kept if none is given.

    That is the output's agency folder or, for a bucket, `agency/` in the working folder, since a
    key must not lie in a bucket.
    """
    base = Path("agency") if "://" in output_uri else Path(output_uri) / "agency"
    return base / _KEY_FILE


def previous_key_path(path: Path) -> Path:
    """Returns where the key is kept that signed before a new one replaced it."""
    return path.with_name(f"{path.name}.previous")


def earlier_keys(path: Path) -> tuple[AgencyKey, ...]:
    """Reads the keys that signed before: `<key file>.previous` first, then `.previous-1` and so on.

    Args:
        path: The key's file.

    Raises:
        InputError: If one of them cannot be read.
    """
    before = previous_key_path(path)
    others = sorted(path.parent.glob(f"{glob.escape(before.name)}-*"))
    return tuple(map(load_key, [*([before] if before.exists() else []), *others]))


def load_or_create_key(path: Path) -> AgencyKey:
    """Reads the key, and creates one first if there is none.

    Raises:
        InputError: If the file is not a key, or other users may read it.
    """
    if not path.exists():
        save_key(path, FileKey(DEFAULT_KEY_NAME, secrets.token_bytes(32)))
    return load_key(path)


def load_key(path: Path) -> AgencyKey:
    """Reads a key file.

    Raises:
        InputError: If there is no such file, it is not a key, or other users may read it.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "The signing key cannot be read", str(path), "Give the path of a key file with --key."
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(
            "The signing key can be read by other users",
            f"{path} has mode {stat.S_IMODE(mode):o}",
            f"Run: chmod 600 {path}",
        )
    if text.lstrip().startswith("{"):
        return read_program_key(text, str(path))
    return parse_skey(text.strip(), str(path))


def log_key(signer: AgencyKey, path: Path) -> LogKey:
    """Returns the key of the agency's log: a key, and the earlier ones that are beside it.

    Args:
        signer: The key.
        path: The file that it was read from.

    Raises:
        InputError: If there is a key before it that cannot be read.
    """
    earlier = earlier_keys(path)
    previous = earlier[0] if earlier and previous_key_path(path).exists() else None
    known = (signer.secret, *(key.secret for key in earlier))
    salt = agency_salt(signer.secret)
    return LogKey(signer, salt, memory_path(path), previous, known, earlier)


def save_key(path: Path, signer: FileKey) -> None:
    """Writes a key file with mode 600; never replaces an existing file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as sink:
        sink.write(signer.skey + "\n")


def demonstration_key(seed: int) -> FileKey:
    """Returns the demo's key, which anyone can compute, so that the demo's bytes are reproducible.

    It must never be used for a deal.
    """
    private = hashlib.sha256(b"fairshard/demonstration-key\x00%d" % seed).digest()
    return FileKey(DEMONSTRATION_KEY_NAME, private)
