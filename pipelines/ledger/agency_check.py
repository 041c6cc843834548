"""Checks proof files offline: everything that is needed is the file and the agency's key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipelines.ledger.agency_proof import (
    PROOF_VERSION,
    SUBJECTS,
    Finding,
    LoggedRecord,
    set_names,
)
from pipelines.ledger.commitments import SALT_BYTES, commit, text_value
from pipelines.ledger.ed25519 import NoteError, from_base64, parse_vkey
from pipelines.ledger.key_chain import ORIGIN_SUFFIX, follow_keys
from pipelines.ledger.merkle import HASH_BYTES, ProofError, leaf_hash, verify_inclusion
from pipelines.ledger.record import (
    RECORD_VERSION,
    Kind,
    digest_of,
    integer_of,
    read_canonical,
    text_of,
)
from pipelines.ledger.set_tree import SetProof, check_set_proof
from pipelines.ledger.signed_note import open_checkpoint
from schemas.canonical import canonical_json

MAX_PROOF_BYTES = 65_536  # nothing longer is read

_FIELDS = {"version", "subject", "id", "record", "path", "checkpoint"}
_SET_FIELDS = {"salt", "set", "start", "leaves", "set_path"}


def check_proof_file(data: bytes, trusted: Sequence[str]) -> Finding:
    """Checks a proof file.

    1. The file is well formed.
    2. The checkpoint is signed by a trusted key, or by one that a trusted key has handed over to.
    3. The record is in the log of that checkpoint.
    4. The record is of the right kind and, for all deliveries so far, the last one of the log.
    5. The commitment opens to the id, and it is in the record's set or proved not to be.

    Args:
        data: The file's bytes.
        trusted: Verifier keys that the reader trusts.

    Raises:
        ProofError: If the proof is malformed or shows nothing.
        NoteError: If the checkpoint is not signed by a trusted key.
    """
    found = _read(data)  # 1
    checkpoint = text_of(found, "checkpoint")
    keys = [_logged(item) for item in _list_of(found, "keys")]
    key, size, root = _open_checkpoint(checkpoint, trusted, keys)  # 2
    logged = _logged(found)
    for item in (logged, *keys):  # 3
        leaf = leaf_hash(canonical_json(dict(item.leaf)))
        verify_inclusion(leaf, integer_of(item.leaf, "index"), size, item.path, root)
    record = logged.leaf
    set_name = text_of(found, "set") if "set" in found else ""
    _check_record(record, set_name, size)  # 4
    included = _check_subject(found, record, set_name)  # 5
    in_delivery = not set_name.startswith("all_")
    return Finding(
        subject=text_of(found, "subject"),
        identifier=text_of(found, "id"),
        delivery=text_of(record, "delivery") if in_delivery else "",
        included=included,
        manifest_sha256=digest_of(record, "manifest_sha256").hex() if in_delivery else "",
        key=key,
        size=size,
        root=root.hex(),
        recorded_at=text_of(record, "recorded_at"),
        checkpoint=checkpoint,
    )


def _read(data: bytes) -> dict[str, object]:
    if len(data) > MAX_PROOF_BYTES:
        raise ProofError("this is not a proof", f"{len(data):,} bytes")
    found = read_canonical(data.removesuffix(b"\n"), "the proof")
    subject = found.get("subject")
    if found.get("version") != PROOF_VERSION or subject not in list(SUBJECTS):
        raise ProofError(
            "this is not a proof that can be read here",
            f"version {found.get('version')!a}, about {subject!a}",
            f"It must be of version {PROOF_VERSION}.",
        )
    expected = _FIELDS | (set() if subject == "delivery" else _SET_FIELDS)
    if set(found) - {"keys"} != expected:
        raise ProofError("the proof's fields are wrong", ", ".join(sorted(set(found) ^ expected)))
    return found


def _open_checkpoint(
    text: str, trusted: Sequence[str], keys: Iterable[LoggedRecord]
) -> tuple[str, int, bytes]:
    """Returns the key that signed a checkpoint, the log's size and its root."""
    accepted = follow_keys(trusted, (item.leaf for item in keys))
    reason: NoteError | None = None
    for vkey in sorted(accepted):
        try:
            origin, size, root = open_checkpoint(text, vkey)
        except NoteError as error:
            reason = error
            continue
        if not origin.endswith(ORIGIN_SUFFIX):
            raise NoteError("the checkpoint is not that of an agency's log", ascii(origin))
        return vkey, size, root
    names = ", ".join(sorted(parse_vkey(vkey).name for vkey in trusted))
    raise NoteError(
        "the checkpoint is not signed by the given key", names, str(reason) if reason else ""
    )


def _check_record(record: Mapping[str, object], set_name: str, size: int) -> None:
    if record.get("version") != RECORD_VERSION:
        raise ProofError("the record is of another version", f"{record.get('version')!a}")
    if set_name.startswith("all_"):
        if integer_of(record, "index") != size - 1:
            raise ProofError(
                "the record is not the last one of the log",
                f"record {record['index']} of {size}",
                "Later deliveries are not in the set that it names.",
            )
    elif record.get("kind") != Kind.DELIVERY:
        raise ProofError("the record is not about a delivery", f"{record.get('kind')!a}")


def _check_subject(
    found: Mapping[str, object], record: Mapping[str, object], set_name: str
) -> bool:
    subject, identifier = text_of(found, "subject"), text_of(found, "id")
    domain = SUBJECTS[subject]
    if domain is None:
        if record.get("delivery") != identifier:
            raise ProofError("the record is about another delivery", f"{record.get('delivery')!a}")
        return True
    if set_name not in set_names(subject):
        raise ProofError("the proof names a set of something else", f"{set_name!a} of a {subject}")
    salt = _salt(text_of(found, "salt"))
    commitment = bytes.fromhex(commit(domain, salt, text_value(identifier)))
    proof = SetProof(integer_of(found, "start"), _parts(found, "leaves"), _parts(found, "set_path"))
    size, root = integer_of(record, set_name), digest_of(record, f"{set_name}_root")
    return check_set_proof(proof, commitment, size, root)


def _salt(text: str) -> bytes:
    try:
        salt = bytes.fromhex(text)
    except ValueError:
        salt = b""
    if len(salt) != SALT_BYTES or salt.hex() != text:
        raise ProofError("the salt is malformed", ascii(text[:80]))
    return salt


def _logged(found: Mapping[str, object]) -> LoggedRecord:
    record = found.get("record")
    if not isinstance(record, dict):
        raise ProofError("the proof has no record", f"{record!a:.80}")
    return LoggedRecord(record, _parts(found, "path"))


def _list_of(found: Mapping[str, object], name: str) -> list[dict[str, object]]:
    items = found.get(name, [])
    if not isinstance(items, list) or (name in found and not items):
        raise ProofError(f"{name} is malformed", f"{items!a:.80}")
    for item in items:
        if not isinstance(item, dict) or set(item) != {"record", "path"}:
            raise ProofError(f"{name} is malformed", f"{item!a:.80}")
    return items


def _parts(found: Mapping[str, object], name: str) -> tuple[bytes, ...]:
    data = from_base64(text_of(found, name))
    if data is None or len(data) % HASH_BYTES:
        raise ProofError(f"{name} is malformed", "it must be base64 of whole hashes")
    return tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))
