"""`cosign verify-blob-attestation` accepts a delivery's attestation, and refuses another file."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pipelines.ledger.dsse import PREDICATE_TYPE, delivery_statement, envelope
from tests.accounts.cases import SIGNER

COSIGN = shutil.which("cosign")
MANIFEST = b'{"delivery":"acme/v0001"}\n'


@pytest.mark.slow
@pytest.mark.skipif(COSIGN is None, reason="cosign is not installed")
@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (MANIFEST, PREDICATE_TYPE, "Verified OK"),
        (MANIFEST + b" ", PREDICATE_TYPE, "no matching subject digest found"),
        (MANIFEST, "slsaprovenance", "invalid predicate type"),
    ],
)
def test_cosign_agrees(tmp_path: Path, data: bytes, kind: str, said: str) -> None:
    digest = hashlib.sha256(MANIFEST).hexdigest()
    body = delivery_statement("MANIFEST.json", digest, {"delivery": "acme/v0001"})
    (tmp_path / "attestation").write_bytes(envelope(SIGNER, body))
    (tmp_path / "MANIFEST.json").write_bytes(data)
    key = Ed25519PublicKey.from_public_bytes(SIGNER.verifier.public)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(pem)
    words = ["verify-blob-attestation", "--key", "key.pem", "--signature", "attestation"]
    words += ["--type", kind, "--insecure-ignore-tlog=true", "MANIFEST.json"]
    ended = subprocess.run(
        [str(COSIGN), *words],
        cwd=tmp_path,
        env=dict(os.environ) | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said in ended.stderr + ended.stdout
    assert (ended.returncode == 0) is (said == "Verified OK")
