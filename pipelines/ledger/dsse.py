"""DSSE envelopes with in-toto statements: an attestation that says which manifest was published.

The envelope is one line of JSON, as `*.intoto.jsonl` files have it. What is signed is not the JSON
but the encoding `PAE` of its type and body, as the DSSE specification 1.0 defines it.
"""

from __future__ import annotations

import base64
import binascii
import json

from pipelines.ledger.ed25519 import NoteError, Signer, parse_vkey, to_base64
from pipelines.ledger.record import read_canonical
from schemas.canonical import canonical_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
#: A URI that names the predicate's format; in-toto requires one, and nothing is fetched from it.
PREDICATE_TYPE = "urn:fairshard:delivery:v1"


def pae(payload_type: str, body: bytes) -> bytes:
    """Returns the bytes that a DSSE signature is over."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def delivery_statement(name: str, manifest_sha256: str, predicate: dict[str, object]) -> bytes:
    """Returns the in-toto statement about a delivery's manifest.

    Args:
        name: Name of the manifest, as a reader finds it.
        manifest_sha256: Digest of the manifest's bytes, hex.
        predicate: What is stated of the delivery.
    """
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {"sha256": manifest_sha256}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": predicate,
        }
    )


def envelope(signer: Signer, body: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Returns a statement in a signed envelope, as one line of JSON."""
    signature = {
        "keyid": parse_vkey(signer.vkey).fingerprint,
        "sig": to_base64(signer.sign(pae(payload_type, body))),
    }
    found = {
        "payload": to_base64(body),
        "payloadType": payload_type,
        "signatures": [signature],
    }
    return canonical_json(found) + b"\n"


def open_envelope(data: bytes, vkey: str, expected_type: str = PAYLOAD_TYPE) -> dict[str, object]:
    """Checks an envelope's signature and returns its statement.

    Base64 may be of the standard or the URL-safe alphabet, as the specification demands.

    Args:
        data: The file's bytes.
        vkey: The key that must have signed.
        expected_type: The type that the payload must have.

    Raises:
        NoteError: If it is malformed, of another type, or not signed by the key.
        ProofError: If the statement is not canonical JSON.
    """
    try:
        found = json.loads(data)
        body = _from_base64(found["payload"])
        signatures = [_from_base64(item["sig"]) for item in found["signatures"]]
        payload_type = str(found["payloadType"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NoteError("not a DSSE envelope", ascii(data[:60])) from error
    if len(set(signatures)) != len(signatures):
        raise NoteError("the envelope lists a signature twice", f"{len(signatures)} signatures")
    verifier = parse_vkey(vkey)
    if not any(verifier.has_signed(pae(payload_type, body), one) for one in signatures):
        raise NoteError("the envelope is not signed by the key", verifier.name)
    if payload_type != expected_type:
        raise NoteError("the envelope is of another type", ascii(payload_type))
    return read_canonical(body, "the statement")


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.translate({45: 43, 95: 47}), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
