"""Proof files, `fairshard/proof/v1`: what the agency's log says about an asset or contributor.

A file is one JSON object in canonical form. It holds a record of the log, the path from the record
to a signed checkpoint and, for an asset or contributor, the path in one of the sets that the record
names. Whether the set holds it is not written anywhere: the reader finds out by checking
(`pipelines.ledger.agency_check`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipelines.ledger.commitments import Domain
from pipelines.ledger.ed25519 import to_base64
from pipelines.ledger.set_tree import SetProof
from schemas.canonical import canonical_json

PROOF_VERSION = "fairshard/proof/v1"

#: What a proof can be about, with the domain of its commitment; a delivery has none.
SUBJECTS = {
    "asset": Domain.LOG_ASSET,
    "contributor": Domain.LOG_CONTRIBUTOR,
    "delivery": None,
}


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """A record's leaf with its path to the checkpoint's root."""

    leaf: Mapping[str, object]
    path: tuple[bytes, ...]

    def to_json(self) -> dict[str, object]:
        """Returns it as fields of a proof."""
        return {"record": dict(self.leaf), "path": _joined(self.path)}


@dataclass(frozen=True, slots=True)
class SetMembership:
    """A proof about one of a record's sets, with the salt that opens the one commitment.

    Attributes:
        name: `assets`, `contributors`, `all_assets` or `all_contributors`.
        salt: The salt of the asset's or contributor's commitment.
        proof: The proof in the set.
    """

    name: str
    salt: bytes
    proof: SetProof


@dataclass(frozen=True, slots=True)
class Finding:
    """What a proof shows.

    Attributes:
        subject: `asset`, `contributor` or `delivery`.
        identifier: Its id.
        delivery: The delivery that the proof is about; empty if it is about all so far.
        included: Whether it is in there.
        manifest_sha256: Digest of the delivery's manifest; empty if it is about all so far.
        key: The verifier key that signed the checkpoint.
        size: Number of records in the log as of the checkpoint.
        root: The checkpoint's root, hex.
        recorded_at: The date of the record.
        checkpoint: The checkpoint, with all its signatures.
    """

    subject: str
    identifier: str
    delivery: str
    included: bool
    manifest_sha256: str
    key: str
    size: int
    root: str
    recorded_at: str
    checkpoint: str

    def sentence(self) -> str:
        """Returns the finding in one sentence."""
        known = self.identifier
        # An id may hold anything, such as codes that change what a terminal shows.
        shown = known if known.isprintable() else ascii(known)
        name = f"{self.subject.capitalize()} {shown}"
        if self.subject == "delivery":
            told = f"{name} is recorded, with the manifest {self.manifest_sha256}"
        elif self.delivery:
            told = f"{name} is {'' if self.included else 'not '}in delivery {self.delivery}"
        elif self.included:
            told = f"{name} is in at least one delivery up to {self.recorded_at}"
        else:
            told = f"{name} is in none of the deliveries up to {self.recorded_at}"
        return f"{told}, according to the agency's log."

    def to_json(self) -> dict[str, object]:
        """Returns it for machines."""
        names = self.__slots__
        return {name: getattr(self, name) for name in names} | {"sentence": self.sentence()}


def write_proof_file(
    subject: str,
    identifier: str,
    logged: LoggedRecord,
    checkpoint: str,
    membership: SetMembership | None,
    keys: Sequence[LoggedRecord] = (),
) -> bytes:
    """Returns a proof file.

    Args:
        subject: One of `SUBJECTS`.
        identifier: The id of the asset, contributor or delivery.
        logged: The record that names the set, or the delivery's own record.
        checkpoint: The log's checkpoint.
        membership: The proof in the set; None for a delivery.
        keys: Key records after the first, for readers who trust an earlier key.
    """
    found: dict[str, object] = {
        "version": PROOF_VERSION,
        "subject": subject,
        "id": identifier,
        "checkpoint": checkpoint,
        **logged.to_json(),
    }
    if membership is not None:
        proof = membership.proof
        found |= {
            "salt": membership.salt.hex(),
            "set": membership.name,
            "start": proof.start,
            "leaves": _joined(proof.leaves),
            "set_path": _joined(proof.path),
        }
    if keys:
        found["keys"] = [item.to_json() for item in keys]
    return canonical_json(found) + b"\n"


def set_names(subject: str) -> tuple[str, str]:
    """Returns the names of the sets of a delivery and of all deliveries for a subject."""
    return f"{subject}s", f"all_{subject}s"


def _joined(hashes: Iterable[bytes]) -> str:
    return to_base64(b"".join(hashes))
