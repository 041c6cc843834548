"""A timestamping authority: `openssl ts` behind a local HTTP server."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.accounts.witness import Answer, Served

OPENSSL = shutil.which("openssl")

_CONFIG = """
[tsa]
default_tsa = default
[default]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
{certs}
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
"""
_CERTIFICATES = """
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[stamp]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[server]
basicConstraints = critical, CA:false
extendedKeyUsage = serverAuth
"""


def openssl(folder: Path, *words: object) -> bytes:
    done = subprocess.run(
        [str(OPENSSL), *map(str, words)], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Authority:
    """A root, a certificate for timestamps that it issued, and what answers requests."""

    def __init__(self, folder: Path, name: str = "Example TSA", use: str = "stamp") -> None:
        folder.mkdir(parents=True)
        self.folder, self.root = folder, folder / "root.pem"
        (folder / "certificates.cnf").write_text(_CERTIFICATES)
        (folder / "serial").write_text("01\n")
        for key in ("root", "tsa"):
            openssl(
                folder,
                *("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
                *("-out", f"{key}.key"),
            )
        common = ("-config", "certificates.cnf", "-days", "30", "-sha256")
        # A set in DER is sorted, which openssl does not do: the longer certificate comes last.
        root = f"/O={'of a very long name ' * 3}/CN={name} root"
        openssl(
            folder,
            *("req", "-x509", "-new", "-key", "root.key", "-subj", root, *common),
            *("-extensions", "ca", "-out", "root.pem"),
        )
        openssl(
            folder,
            *("req", "-x509", "-new", "-key", "tsa.key", "-subj", f"/CN={name}", *common),
            *("-extensions", use, "-CA", "root.pem", "-CAkey", "root.key", "-out", "tsa.pem"),
        )
        self.with_root = True  # whether an answer has its certificate beside the signer's

    def stamp(self, query: bytes) -> bytes:
        certs = f"certs = {self.root}" if self.with_root else ""
        (self.folder / "tsa.cnf").write_text(_CONFIG.format(folder=self.folder, certs=certs))
        (self.folder / "query").write_bytes(query)
        words = ("ts", "-reply", "-config", "tsa.cnf", "-section", "default")
        openssl(self.folder, *words, "-queryfile", "query", "-out", "reply")
        return (self.folder / "reply").read_bytes()

    def stamp_of(self, data: bytes) -> bytes:
        """An answer about some bytes, as an attacker may have one made."""
        (self.folder / "data").write_bytes(data)
        words = ("ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "own.query")
        openssl(self.folder, *words)
        return self.stamp((self.folder / "own.query").read_bytes())

    def served(self) -> Served:
        def answer(_: str, body: bytes) -> Answer:
            return 200, "application/timestamp-reply", self.stamp(body)

        return Served(answer)
