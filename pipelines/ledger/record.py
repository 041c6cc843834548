"""Records of the agency's log: what is kept in the books, and what the log publishes of it.

A record has a public and a private part. The log's leaf has the public part and a salted commitment
to the private one, so that the log can be given to anyone, and destroying a record's salt leaves
nothing that could be guessed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import rfc8785

from pipelines.ledger.commitments import SALT_BYTES, Domain, commit
from pipelines.ledger.merkle import EMPTY_ROOT, ProofError
from schemas.canonical import canonical_json
from schemas.errors import InputError

#: Version of the leaf and of the record in the books. Changing a field requires a new version.
RECORD_VERSION = "fairshard/record/v1"

_LEAF_FIELDS = ("version", "index", "kind", "recorded_at", "private_sha256")
_BOOK_FIELDS = frozenset(("version", "index", "kind", "recorded_at", "public", "private", "salt"))
_MAX_EXACT = 2**53 - 1  # RFC 8785 has no integers beyond it


class Kind(StrEnum):
    """What a record tells."""

    KEY = "key"
    """The key that signs the log from here on; the first record, and one for each new key."""
    DELIVERY = "delivery"
    PAYMENT = "payment"
    CORRECTION = "correction"
    PAYOUT = "payout"
    NOTICE = "notice"
    ACKNOWLEDGEMENT = "acknowledgement"
    ACCESS = "access"
    """A buyer was given addresses of files; which ones, and who, is private."""


@dataclass(frozen=True, slots=True)
class AllSets:
    """The sets of everything delivered so far, which every leaf states.

    Attributes:
        assets: Number of assets in all deliveries so far; `assets_root` is the set's root, hex.
        contributors: Number of contributors; `contributors_root` likewise.
    """

    assets: int = 0
    assets_root: str = EMPTY_ROOT.hex()
    contributors: int = 0
    contributors_root: str = EMPTY_ROOT.hex()

    def fields(self) -> dict[str, object]:
        """Returns them as fields of a leaf."""
        return {
            "all_assets": self.assets,
            "all_assets_root": self.assets_root,
            "all_contributors": self.contributors,
            "all_contributors_root": self.contributors_root,
        }


@dataclass(frozen=True)
class Record:
    """One record of the books.

    Attributes:
        index: Its position in the log, from 0.
        kind: What it tells.
        recorded_at: ISO 8601 instant; an input, not the clock.
        public: What the log publishes.
        private: What only the agency knows.
        salt: 32 bytes, for the commitment to `private`.
    """

    index: int
    kind: Kind
    recorded_at: str
    public: Mapping[str, object]
    private: Mapping[str, object] = field(repr=False)
    salt: bytes = field(repr=False)

    @property
    def event(self) -> tuple[str, ...]:
        """What identifies the event that it records, the kind first; empty if it has none."""
        found = self.private.get("event")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    def leaf(self) -> bytes:
        """Returns the record's leaf: RFC 8785 canonical JSON.

        Raises:
            InputError: If a value has no canonical form.
        """
        if taken := set(self.public) & set(_LEAF_FIELDS):
            raise InputError("a record's public field has a reserved name", ", ".join(taken))
        private = commit(Domain.RECORD, self.salt, _canonical(dict(self.private)))
        head = {
            "version": RECORD_VERSION,
            "index": self.index,
            "kind": str(self.kind),
            "recorded_at": self.recorded_at,
            "private_sha256": private,
        }
        return _canonical({**self.public, **head})

    def to_bytes(self) -> bytes:
        """Returns the record as it is in the books: canonical JSON. Private."""
        return _canonical(
            {
                "version": RECORD_VERSION,
                "index": self.index,
                "kind": str(self.kind),
                "recorded_at": self.recorded_at,
                "public": dict(self.public),
                "private": dict(self.private),
                "salt": self.salt.hex(),
            }
        )


def read_record(data: bytes, index: int) -> Record:
    """Reads a record of the books.

    Args:
        data: The file's bytes.
        index: The index it must have.

    Raises:
        ProofError: If it is malformed or another record's.
    """
    found = read_canonical(data, f"record {index}")
    public, private = found.get("public"), found.get("private")
    if (
        set(found) != _BOOK_FIELDS
        or found["version"] != RECORD_VERSION
        or found["index"] != index
        or not isinstance(public, dict)
        or not isinstance(private, dict)
        or found["kind"] not in list(Kind)
    ):
        raise _damaged(f"record {index}", "its fields are not those of this record")
    try:
        salt = bytes.fromhex(str(found["salt"]))
    except ValueError as error:
        raise _damaged(f"record {index}", "its salt is not hex") from error
    if len(salt) != SALT_BYTES:
        raise _damaged(f"record {index}", f"its salt has {len(salt)} bytes")
    kind = Kind(str(found["kind"]))
    return Record(index, kind, str(found["recorded_at"]), public, private, salt)


def read_leaf(data: bytes) -> dict[str, object]:
    """Reads a leaf of the log.

    Raises:
        ProofError: If it is not canonical JSON of a record.
    """
    found = read_canonical(data, "a leaf")
    if found.get("version") != RECORD_VERSION or not set(_LEAF_FIELDS) <= set(found):
        raise _damaged("a leaf", "its fields are not those of a record")
    return found


def all_sets_of(leaf: Mapping[str, object]) -> AllSets:
    """Returns what a leaf states of all deliveries so far.

    Raises:
        ProofError: If a field is missing or not of its type.
    """
    return AllSets(
        integer_of(leaf, "all_assets"),
        digest_of(leaf, "all_assets_root").hex(),
        integer_of(leaf, "all_contributors"),
        digest_of(leaf, "all_contributors_root").hex(),
    )


def integer_of(fields: Mapping[str, object], name: str) -> int:
    """Returns a field that must be a whole number, 0 or more.

    Raises:
        ProofError: If it is not.
    """
    value = fields.get(name)
    if type(value) is not int or not 0 <= value <= _MAX_EXACT:
        raise _damaged(name, f"{value!r} is not a whole number")
    return value


def text_of(fields: Mapping[str, object], name: str) -> str:
    """Returns a field that must be a text.

    Raises:
        ProofError: If it is not.
    """
    value = fields.get(name)
    if not isinstance(value, str):
        raise _damaged(name, f"{value!r} is not a text")
    return value


def digest_of(fields: Mapping[str, object], name: str) -> bytes:
    """Returns a field that must be 32 bytes in lower-case hex.

    Raises:
        ProofError: If it is not.
    """
    text = text_of(fields, name)
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != 32 or value.hex() != text:
        raise _damaged(name, f"{text[:80]!a} is not 64 hex digits")
    return value


def read_canonical(data: bytes, what: str) -> dict[str, object]:
    """Reads a JSON object that must be in canonical form, so that no byte can change unnoticed.

    Raises:
        ProofError: If it is not.
    """
    try:
        found = json.loads(data)
        if isinstance(found, dict) and canonical_json(found) == data:
            return found
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        pass
    raise _damaged(what, f"not a JSON object in canonical form: {data[:60]!r}")


def in_canonical_form(value: object) -> object:
    """Returns a value of JSON with texts for integers that canonical JSON cannot have."""
    if isinstance(value, dict):
        return {name: in_canonical_form(item) for name, item in value.items()}
    if isinstance(value, list):
        return [in_canonical_form(item) for item in value]
    is_large = isinstance(value, int) and abs(value) > _MAX_EXACT
    return str(value) if is_large else value


def _canonical(value: dict[str, object]) -> bytes:
    try:
        return canonical_json(value)
    except rfc8785.CanonicalizationError as error:
        raise InputError(
            "a record cannot be written as JSON",
            str(error)[:200],
            "Numbers must be below 2**53 and texts valid Unicode.",
        ) from error


def _damaged(what: str, why: str) -> ProofError:
    return ProofError(f"{what} is malformed", why, "It is damaged or was altered.")
