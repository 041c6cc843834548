"""Checkpoints of the agency's log, and the errors that say how the log differs from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.accounts.memory import remembered
from pipelines.ledger.ed25519 import NoteError, Signer, parse_vkey
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.record import Record, read_record
from pipelines.ledger.signed_note import open_checkpoint
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import InputError, RunError

_RESTORE = (
    "Do not write to this output. Find out who changed it, and restore agency/log and agency/books "
    "from a copy."
)
#: What to do about a log whose files are missing or damaged.
WRITE_AGAIN = (
    f"Restore it from a copy, or remove {layout.AGENCY_LOG}/{layout.CHECKPOINT} and run fairshard "
    "journal: the log is then written again from the books, and compared with the remembered "
    "checkpoint."
)


@dataclass(frozen=True, slots=True)
class SignedTree:
    """A checkpoint whose signature was checked."""

    text: str
    vkey: str
    origin: str
    size: int
    root: bytes

    @classmethod
    def open(cls, text: str, signers: Sequence[Signer], where: str) -> SignedTree:
        """Checks a checkpoint.

        Args:
            text: The checkpoint.
            signers: The agency's own keys, one of which must have signed it.
            where: What to name in an error.

        Raises:
            RunError: If none of them did, or it is malformed.
        """
        reason = ""
        for signer in signers:
            try:
                return cls(text, signer.vkey, *open_checkpoint(text, signer.vkey))
            except NoteError as error:
                reason = reason or f"{error.what}: {error.which}"
        raise RunError(
            "The checkpoint of the agency's log is not signed by the agency's key",
            f"{where}: {reason}",
            "Give the key that signed it with --key. If the key is new, put the old one beside it "
            "as <key file>.previous. If neither applies, the checkpoint is damaged or was forged: "
            "find out who changed it, and restore it from a copy.",
        )

    def describe(self) -> str:
        """Returns size and root."""
        return f"size {self.size}, root {self.root.hex()}"


def read_remembered(
    memory: Path | None, store: Store, signers: Sequence[Signer]
) -> SignedTree | None:
    """Returns the remembered checkpoint of an output; None if none is.

    Raises:
        RunError: If it is not signed by one of the keys.
    """
    text = remembered(memory, store) if memory is not None else ""
    return SignedTree.open(text, signers, str(memory)) if text else None


def check_remembered(
    known: SignedTree | None, memory: Path | None, store: Store, size: int
) -> None:
    """Checks that a log has at least as many records as are remembered.

    Raises:
        RunError: If it has fewer.
    """
    if known is not None and known.size > size:
        raise RunError(
            "The agency's log was rolled back",
            f"{store.uri} has {size} records; the checkpoint remembered in {memory} is "
            f"{known.describe()}",
            f"{_RESTORE} If you removed this output yourself, remove its line from that file.",
        )


def older_checkpoint(stored: SignedTree, known: SignedTree, uri: str) -> str:
    """Returns what to say about a checkpoint that is older than the remembered one."""
    return (
        f"The stored checkpoint of the agency's log was an older one: {uri}/{layout.AGENCY_LOG}/"
        f"{layout.CHECKPOINT} had size {stored.size}, and size {known.size} was written before. "
        "The books have all records, so it is written again. If no other command was just "
        "running, find out who replaced it: readers may have seen the older one."
    )


def other_key(found: str, vkey: str, uri: str) -> RunError:
    """Returns the error for a key beside the log's checkpoint that did not sign it."""
    return RunError(
        "The key beside the agency's log is not the one that signs it",
        f"{uri}/{layout.AGENCY_LOG}/{layout.LOG_VKEY} has {found[:120]!a}, not {vkey}",
        f"Nothing was written. Find out who changed it: readers of the log take it for the "
        f"agency's key. Then remove {layout.AGENCY_LOG}/{layout.CHECKPOINT} and run again; both "
        "files are written again from the books.",
    )


def forked(known: SignedTree, root: bytes, uri: str) -> RunError:
    """Returns the error for a log that has other records than a checkpoint."""
    return RunError(
        "The agency's log was forked",
        f"{uri}: its first {known.size} records have the root {root.hex()}, but the signed "
        f"checkpoint is {known.describe()}",
        _RESTORE,
    )


@contextmanager
def naming_log_damage() -> Iterator[None]:
    """Says of which log a proof does not hold, and what to do.

    Raises:
        ProofError: If tiles and entries that the block reads do not fit the checkpoint.
    """
    try:
        yield
    except ProofError as error:
        which = f"{layout.AGENCY_LOG}: {error.what}: {error.which}"
        raise ProofError("The agency's log is damaged", which, WRITE_AGAIN) from error


def read_book_record(key: str, data: bytes, index: int) -> Record:
    """Reads a record of the books.

    Args:
        key: The key of its file.
        data: The file's bytes.
        index: The index it must have.

    Raises:
        RunError: If it is damaged.
    """
    try:
        return read_record(data, index)
    except ProofError as error:
        raise RunError(
            "A record of the agency's books is damaged", f"{key}: {error.which}", _RESTORE
        ) from error


def changed_record(index: int, checkpoint: str) -> RunError:
    """Returns the error for a record that is not the one in the log."""
    return RunError(
        "A record of the agency's books was changed",
        f"record {index} is not the one in the log with the checkpoint {_shown(checkpoint)}",
        _RESTORE,
    )


def missing_record(index: int, checkpoint: str) -> RunError:
    """Returns the error for a record that the log has and the books lack."""
    return RunError(
        "A record of the agency's books is missing",
        f"record {index}; the log has the checkpoint {_shown(checkpoint)}",
        _RESTORE,
    )


def closed_by(vkey: str, signer: Signer) -> RunError:
    """Returns the error for a log that another key signs."""
    name, other = parse_vkey(vkey), parse_vkey(signer.vkey)
    return RunError(
        "The agency's log is signed by another key",
        f"{name.name}+{name.key_id.hex()}, here {other.name}+{other.key_id.hex()}",
        "Give that key with --key or, if the key is new, put the old one beside it as "
        "<key file>.previous.",
    )


def _shown(checkpoint: str) -> str:
    lines = checkpoint.split("\n")
    return f"of size {lines[1]}, root {lines[2]}" if len(lines) > 2 else "that is not written yet"


def open_beside_key(text: str, vkey: str, store: Store) -> tuple[str, int, bytes]:
    """Opens a log's checkpoint by the key beside it; returns origin, size and root.

    Raises:
        RunError: If that key did not sign it, or one of the two cannot be read.
    """
    try:
        return open_checkpoint(text, vkey)
    except (NoteError, InputError) as error:
        raise RunError(
            "The checkpoint of the agency's log is not signed by the key beside it",
            f"{store.uri}/{layout.AGENCY_LOG}/{layout.CHECKPOINT}, {layout.LOG_VKEY}: "
            f"{error.what}: {error.which}",
            "One of the two files is damaged or was changed. Find out who changed it, and restore "
            "both from a copy.",
        ) from error


def read_log_file(store: Store, path: str) -> bytes:
    """Reads a file of the agency's log.

    Args:
        store: The output.
        path: Its path in the log's folder.

    Raises:
        RunError: If it is missing.
    """
    key = f"{layout.AGENCY_LOG}/{path}"
    try:
        return store.read_bytes(key)
    except FileNotFoundError as error:
        which = f"{store.uri}/{key}"
        raise RunError("A file of the agency's log is missing", which, WRITE_AGAIN) from error
