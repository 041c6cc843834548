"""Builds signed files and their certificates on demand, without external files."""

from __future__ import annotations

import datetime as dt
import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from PIL import Image

from pipelines.media.formats import Format, is_film
from pipelines.signals.file.trust import TrustLists
from tests.media.media_samples import PILLOW_NAMES, film

MIME: dict[Format, str] = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "tif": "image/tiff",
    "gif": "image/gif",
    "avif": "image/avif",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
}
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SIGNER = "Photo Desk, Test Agency"
ENTRIES = ("data_mining", "ai_inference", "ai_training", "ai_generative_training")
# Key usages: one that the library accepts by default, and C2PA's own, which must be configured.
MAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION.dotted_string
CLAIM_SIGNING = "1.3.6.1.4.1.62558.2.1"

Assertion = dict[str, Any]


@dataclass(frozen=True)
class Identity:
    """A signer's root, chain, own certificate and key, all PEM."""

    root: str
    chain: str
    leaf: str
    key: str

    @property
    def trust(self) -> TrustLists:
        return TrustLists(self.root)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Agency"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    eku: str = "",
) -> str:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2100, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.BasicConstraints(ca=not eku, path_length=None), critical=True)
        .add_extension(_usage(ca=not eku), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
        )
    )
    if eku:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ObjectIdentifier(eku)]), False)
    certificate = builder.sign(issuer_key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@cache
def identity(eku: str = MAIL) -> Identity:
    """Returns a signer with its own root."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate("Test Root", root_key, "Test Root", root_key)
    leaf = _certificate("Photo Desk", key, "Test Root", root_key, eku)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Identity(root, leaf + root, leaf, private.decode())


@cache
def plain(fmt: Format) -> bytes:
    """Returns a small file that states nothing about rights."""
    if is_film(fmt):
        return film(frames=4, container=fmt)
    out = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").resize((48, 32)).save(out, PILLOW_NAMES[fmt])
    return out.getvalue()


def created(source: str = SOURCE + "digitalCapture") -> Assertion:
    """Returns the action that every manifest must have."""
    action = {"action": "c2pa.created", "digitalSourceType": source}
    return {"label": "c2pa.actions", "data": {"actions": [action]}, "created": True}


def mining(label: str, data: object, vouched: bool = True, json: bool = False) -> Assertion:
    """Returns a training and mining assertion, or one with any other label."""
    assertion: Assertion = {"label": label, "data": data, "created": vouched}
    return assertion | {"kind": "Json"} if json else assertion


def every_entry(use: str, prefix: str = "cawg.") -> dict[str, Any]:
    """Returns all four entries with the same value."""
    return {"entries": {prefix + entry: {"use": use} for entry in ENTRIES}}


def sign(
    data: bytes,
    fmt: Format,
    assertions: Sequence[Assertion],
    ingredients: Sequence[bytes] = (),
    remote: str = "",
    signer: Identity | None = None,
) -> bytes:
    """Returns the file with a manifest, or with only its address if `remote` is given."""
    who = signer or identity()
    context = c2pa.Context.from_dict(
        {"verify": {"verify_after_sign": False}, "builder": {"thumbnail": {"enabled": False}}}
    )
    builder = c2pa.Builder(
        {
            "claim_generator_info": [{"name": "tests", "version": "1"}],
            "assertions": [created(), *assertions],
        },
        context=context,
    )
    for ingredient in ingredients:
        builder.add_ingredient(
            {"title": "part", "relationship": "componentOf"}, MIME[fmt], io.BytesIO(ingredient)
        )
    if remote:
        builder.set_remote_url(remote)
        builder.set_no_embed()
    info = c2pa.C2paSignerInfo("es256", who.chain.encode(), who.key.encode(), None)
    out = io.BytesIO()
    builder.sign(c2pa.Signer.from_info(info), MIME[fmt], io.BytesIO(data), out)
    return out.getvalue()


@cache
def denying(fmt: Format) -> bytes:
    """Returns a signed file that denies all four uses."""
    return sign(plain(fmt), fmt, [mining("cawg.training-mining", every_entry("notAllowed"))])


@cache
def allowing(fmt: Format) -> bytes:
    """Returns a signed file that allows all four uses."""
    return sign(plain(fmt), fmt, [mining("cawg.training-mining", every_entry("allowed"))])


def altered(signed: bytes) -> bytes:
    """Returns a signed JPEG with one bit of the image changed after signing."""
    # The last byte before the end marker belongs to the image; the flip does not make a marker.
    return signed[:-3] + bytes((signed[-3] ^ 1,)) + signed[-2:]


def jumbf(data: bytes, label: bytes) -> int:
    """Returns where the box with a label starts, in a file that holds it in one piece."""
    at = data.index(label + b"\0")
    return data.rindex(b"jumb", 0, data.rindex(b"jumd", 0, at)) - 4


def with_length(data: bytes, label: bytes, length: int) -> bytes:
    """Returns the file with another length written into the box with a label."""
    at = jumbf(data, label)
    return data[:at] + struct.pack(">I", length) + data[at + 4 :]
