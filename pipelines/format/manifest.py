"""Writes manifests in canonical form, signs them, and checks them when they are read.

`SHA256SUMS` has the digests of the same files, for `sha256sum -c`: one line per file, in the
manifest's order, with digest, two spaces and path. It lists neither itself nor the manifest, which
is written later and lists it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from itertools import count

from pydantic import ValidationError

from pipelines.ledger.signed_note import NoteError, Signer, note_signature, open_note, parse_vkey
from pipelines.storage.store import Store
from schemas import layout
from schemas.canonical import json_bytes
from schemas.errors import InputError, RunError
from schemas.manifest import FileRecord, Manifest, ShardRecord


class ManifestError(RunError):
    """Raised when a manifest is malformed, altered, truncated, or signed by another key."""


def sign_manifest(manifest: Manifest, signer: Signer) -> Manifest:
    """Returns the manifest with its signature; `manifest.vkey` must be the signer's."""
    text = _signed_text(manifest_bytes(manifest))
    return manifest.model_copy(update={"signature": note_signature(signer, text)})


def manifest_bytes(manifest: Manifest) -> bytes:
    """Returns the manifest as it is published."""
    left_out = {"patches"} if manifest.patches is None else None
    return json_bytes(manifest.model_dump(mode="json", exclude=left_out))


def manifest_data(store: Store, uri: str) -> bytes:
    """Returns the bytes of a delivery's manifest.

    Args:
        store: The delivery: folder or s3:// prefix.
        uri: Its address as given, for the message.

    Raises:
        InputError: If there is none.
    """
    try:
        return store.read_bytes(layout.MANIFEST)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            "There is no delivery here",
            f"{uri} has no {layout.MANIFEST}",
            "Give the delivery/ folder of a published version.",
        ) from error


def numbered_shards(manifest: Manifest) -> list[tuple[int, ShardRecord]]:
    """Returns the shards with the numbers by which their embeddings and shots are named.

    Numbers are positions in the delivery as it was packaged: a patch that drops a shard changes
    none of the others.
    """
    dropped = frozenset(manifest.patches.dropped if manifest.patches is not None else ())
    numbers = (number for number in count() if number not in dropped)
    return list(zip(numbers, manifest.shards, strict=False))


def original_delivery(manifest: Manifest) -> str:
    """Returns the id of the delivery that the ledger's entries were made for."""
    return manifest.delivery if manifest.patches is None else manifest.patches.original


def open_manifest(data: bytes, pinned: tuple[str, ...] | None = None) -> Manifest:
    """Reads a manifest and checks its form, its end record and its signature.

    1. The bytes are in the canonical form, so that no byte of the file can change unnoticed.
    2. The end record matches the lists, and the number says whether it is a patch.
    3. The signature is by the key that the manifest names, which must be pinned if any keys are.

    Args:
        data: The file's bytes.
        pinned: The keys that the reader trusts; None if none were given.

    Raises:
        ManifestError: If one of these checks fails.
    """
    manifest, ours = _parse(data)
    if ours != data:  # 1
        raise ManifestError("The manifest was altered", "its bytes are not in the canonical form")
    end = manifest.end  # 2
    listed = (
        len(manifest.shards),
        sum(shard.samples for shard in manifest.shards),
        len(manifest.files),
        sum(file.bytes for file in manifest.files),
    )
    if listed != (end.shards, end.samples, end.files, end.bytes):
        raise ManifestError(
            "The manifest was truncated or altered", "its lists and its end record disagree"
        )
    if (manifest.fairshard_manifest in (3, 5)) != (manifest.patches is not None):
        raise ManifestError(
            "The manifest was altered", "only versions 3 and 5 state what they patch, and they must"
        )
    _check_signature(manifest, _signed_text(ours), pinned)  # 3
    return manifest


def _parse(data: bytes) -> tuple[Manifest, bytes]:
    """Returns the manifest and its canonical bytes."""
    try:
        manifest = Manifest.model_validate(json.loads(data))
        return manifest, manifest_bytes(manifest)
    except (ValueError, RecursionError) as error:
        fault = "not a manifest's JSON" if isinstance(error, ValidationError) else "not JSON"
        raise ManifestError("The manifest cannot be read", fault) from error


def _check_signature(manifest: Manifest, text: str, pinned: tuple[str, ...] | None) -> None:
    if pinned is not None and manifest.vkey not in pinned:
        raise ManifestError(
            "The manifest is signed by another key than the pinned ones",
            f"{manifest.vkey[:200]!a}, pinned: {', '.join(pinned)}",
            "Do not use this delivery before the agency has confirmed its key.",
        )
    note = f"{text}\n{manifest.signature}\n"
    try:
        open_note(note, parse_vkey(manifest.vkey))
    except (NoteError, InputError) as error:
        raise ManifestError("The manifest's signature is not valid", str(error)) from error


def _signed_text(canonical: bytes) -> str:
    """Returns the text that is signed: a digest of the manifest without its signature."""
    # A nested field of this name would be indented further.
    before, field, after = canonical.partition(b'\n "signature": ')
    unsigned = before + field + b'""' + after[after.index(b'"', 1) + 1 :]
    return f"fairshard manifest v1\n{hashlib.sha256(unsigned).hexdigest()}\n"


def checksums(files: Iterable[FileRecord]) -> bytes:
    """Returns the bytes of `SHA256SUMS` for a delivery's files, without a line for itself."""
    return "".join(
        f"{file.sha256}  {file.path}\n" for file in files if file.path != layout.SHA256SUMS
    ).encode()


def checksums_record(files: Iterable[FileRecord]) -> FileRecord:
    """Returns the manifest's record of the `SHA256SUMS` of these files."""
    data = checksums(files)
    digest = hashlib.sha256(data).hexdigest()
    return FileRecord(path=layout.SHA256SUMS, bytes=len(data), sha256=digest)
