"""DSSE envelopes: the specification's own example, round trips, and what is refused."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from pipelines.ledger.dsse import PAYLOAD_TYPE, delivery_statement, envelope, open_envelope, pae
from pipelines.ledger.signed_note import FileKey, NoteError
from tests.accounts.independent import open_envelope as open_independently

SIGNER = FileKey("agency.example", bytes(range(32)))
OTHER = FileKey("agency.example", bytes(32))
BODY = delivery_statement("MANIFEST.json", "ab" * 32, {"delivery": "acme/v0001"})

# The example in section "Test Vectors" of the DSSE protocol, version 1.0.
X = 46950820868899156662930047687818585632848591499744589407958293238635476079160
Y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
SIGNATURE = (
    "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
)


def test_the_example_of_the_specification() -> None:
    signed = pae("http://example.com/HelloWorld", b"hello world")
    assert signed == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    raw = base64.b64decode(SIGNATURE)
    signature = encode_dss_signature(*(int.from_bytes(half) for half in (raw[:32], raw[32:])))
    key = ec.EllipticCurvePublicNumbers(X, Y, ec.SECP256R1()).public_key()
    key.verify(signature, signed, ec.ECDSA(SHA256()))


def test_lengths_are_of_bytes() -> None:
    assert pae("é", "ü€".encode()) == "DSSEv1 2 é 5 ü€".encode()
    assert pae("", b"") == b"DSSEv1 0  0 "


def test_a_statement_round_trips() -> None:
    data = envelope(SIGNER, BODY)
    assert data.endswith(b"}\n") and data.count(b"\n") == 1
    statement = open_envelope(data, SIGNER.vkey)
    assert statement == open_independently(data, SIGNER.vkey) == json.loads(BODY)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [{"name": "MANIFEST.json", "digest": {"sha256": "ab" * 32}}]


def test_both_alphabets_of_base64_are_read() -> None:
    found = json.loads(envelope(SIGNER, BODY))
    for signature in found["signatures"]:
        signature["sig"] = base64.urlsafe_b64encode(base64.b64decode(signature["sig"])).decode()
    found["payload"] = base64.urlsafe_b64encode(base64.b64decode(found["payload"])).decode()
    assert open_envelope(json.dumps(found).encode(), SIGNER.vkey) == json.loads(BODY)


def test_what_is_refused() -> None:
    good = json.loads(envelope(SIGNER, BODY))
    other_body = delivery_statement("MANIFEST.json", "cd" * 32, {})
    changed = [
        good | {"payload": base64.b64encode(other_body).decode()},
        good | {"payloadType": PAYLOAD_TYPE + "x"},
        good | {"signatures": []},
        good | {"signatures": json.loads(envelope(OTHER, BODY))["signatures"]},
        good | {"signatures": [{"sig": 4}]},
        {name: value for name, value in good.items() if name != "payload"},
        [good],
    ]
    for found in changed:
        with pytest.raises(NoteError):
            open_envelope(json.dumps(found).encode(), SIGNER.vkey)
    with pytest.raises(NoteError):
        open_envelope(b"{", SIGNER.vkey)
