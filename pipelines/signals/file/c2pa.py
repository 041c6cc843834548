"""Reads what a file's C2PA manifests state about rights, without any network access."""

from __future__ import annotations

import io
import json
import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pipelines.media.formats import Format
from pipelines.signals.file.c2pa_assertions import (
    AssertionSigner,
    is_metadata_label,
    is_mining_label,
    read_assertion,
)
from pipelines.signals.file.metadata_blocks import file_fault, printable
from pipelines.signals.file.trust import TrustLists
from schemas.rights import PURPOSES, Permission
from schemas.signal import (
    AssertionKind,
    FileAssertion,
    Origin,
    Reading,
    Signal,
    merge_readings,
    raw_sha256,
)

if TYPE_CHECKING:
    import c2pa

_MIME: dict[Format, str] = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "tif": "image/tiff",
    "gif": "image/gif",
    "avif": "image/avif",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
}
# How the labels of assertions that may concern rights begin.
_RIGHTS_LABEL = r"(?:cawg|c2pa)\.(?:training-mining|metadata)|stds\.(?:iptc|exif)"
# The description box of such an assertion: its type, 16 bytes of content type, one byte of toggles,
# then the label.
_RIGHTS_ASSERTION = re.compile(
    rb"jumd.{16}.(?:" + _RIGHTS_LABEL.encode() + rb")[^\0]*\0", re.DOTALL
)
_REMOTE = re.compile(r"^Remote: .*?(?:from url|remote URI)\s+(\S+)", re.DOTALL)
# Validation codes for unreadable parts, which may have held a denial.
_UNREADABLE_CODES = (
    *("assertion.cbor.invalid", "assertion.json.invalid", "assertion.missing"),
    *("assertion.inaccessible", "claim.missing", "claim.multiple", "claim.cbor.invalid"),
    "ingredient.manifest.missing",
)
_WHERE = "c2pa"
_JUMD_OFFSET = 12  # from the start of an assertion's box to the type of its description box
_PROHIBITION, _REPLACEMENT = b"DMI-PROHIBITED", b"DMI-READ-ABOVE"


def may_hold_c2pa(data: bytes) -> bool:
    """Whether the bytes may contain a manifest or refer to one: a cheap test, never wrongly False.

    In every container, a manifest store consists of `jumb` boxes, each with a `jumd` box inside.
    A remote store is named in `dcterms:provenance`.
    """
    return b"jum" in data or b"provenance" in data


def read_c2pa(data: bytes, fmt: Format, trust: TrustLists) -> Reading:
    """Reads every manifest of a file, including those of its ingredients.

    Denials and constraints count no matter who signed them. An `allowed` counts only if the
    validation state is Trusted, the manifest is the file's own, and the signer vouches for the
    assertion.

    Args:
        data: The whole file.
        fmt: The file's format.
        trust: The trusted signers.

    Returns:
        Signals, claims, and a fault for each part that could not be read. Hostile bytes never make
        it raise, but the native library may crash or hang: call this in the guarded child process.
    """
    if not may_hold_c2pa(data):
        return Reading()
    # Imported here because most files have no manifest and the library takes 60 ms to load.
    import c2pa

    try:
        with c2pa.Reader(
            _MIME[fmt], io.BytesIO(data), context=_context(trust, os.getpid())
        ) as reader:
            report = json.loads(reader.detailed_json())
    except c2pa.C2paError.ManifestNotFound:
        # JUMBF boxes of other standards are ignored, but the remains of a C2PA store are not. A
        # mere reference in XMP to a removed store (`self#jumbf=c2pa/…`) leaves nothing to read.
        if b"jumd" in data and b"c2pa" in data:
            return _fault_reading(data, "the file has parts of a manifest but no complete manifest")
        return Reading()
    except c2pa.C2paError as error:
        return _error_reading(data, str(error))
    except (ValueError, RecursionError) as error:
        return _fault_reading(data, f"{type(error).__name__}: {error}")
    return read_report(report, data)


def read_report(report: object, data: bytes) -> Reading:
    """Reads the library's report on a manifest store.

    Args:
        report: The parsed `detailed_json`.
        data: The file that the report is about.
    """
    manifests = _as_dict(_as_dict(report).get("manifests"))
    active = _as_dict(report).get("active_manifest")
    state = _as_dict(report).get("validation_state")
    if not isinstance(active, str) or active not in manifests or not isinstance(state, str):
        return _fault_reading(
            data, "the active manifest cannot be read: " + ", ".join(_failures(report))
        )
    readings = [
        Reading(
            claims=(
                FileAssertion(AssertionKind.C2PA_STATE, printable(state), _WHERE, raw_sha256(data)),
            )
        )
    ]
    unreadable = [code for code in _failures(report) if code in _UNREADABLE_CODES]
    if unreadable:
        readings.append(
            _fault_reading(data, "part of the manifest cannot be read: " + ", ".join(unreadable))
        )
    read_count = 0
    # The library's maps have no fixed order.
    for name in sorted(manifests, key=lambda name: (name != active, name)):
        manifest = _as_dict(manifests[name])
        store = manifest.get("assertion_store")
        if not isinstance(store, dict):
            readings.append(_fault_reading(data, f"a manifest has no assertions: {name}"))
            continue
        read_count += sum(re.match(_RIGHTS_LABEL, label) is not None for label in store)
        readings += [
            _assertion_reading(label, store[label], manifest, name == active, state, data)
            for label in sorted(store)
        ]
    # Of several assertions with the same label the library keeps one, and it reports only the
    # manifests in use. What it leaves out may be a denial.
    if len(_RIGHTS_ASSERTION.findall(data)) > read_count:
        readings.append(
            _fault_reading(data, "the file has more assertions about rights than could be read")
        )
    return merge_readings(readings)


def blank_prohibitions(data: bytes) -> bytes:
    """Returns the file with the PLUS prohibitions in its metadata assertions overwritten.

    The XMP reader needs this because it reports a prohibition in an unknown place as unread. If an
    overwritten prohibition was in an XMP packet after all, the replacement still denies there.
    """
    found = [match.start() - _JUMD_OFFSET for match in _RIGHTS_ASSERTION.finditer(data)]
    blanked = bytearray(data) if found and _PROHIBITION in data else None
    if blanked is None:
        return data
    for start in found:
        if start >= 0:
            end = start + int.from_bytes(data[start : start + 4])
            part = bytes(blanked[start:end])
            blanked[start:end] = part.replace(_PROHIBITION, _REPLACEMENT)
    return bytes(blanked)


def _assertion_reading(
    label: str, content: object, manifest: dict[str, object], active: bool, state: str, data: bytes
) -> Reading:
    signature = _as_dict(manifest.get("signature"))
    names = [signature.get(key) for key in ("common_name", "issuer")]
    when = signature.get("time")
    signer = AssertionSigner(
        who=printable(", ".join(name for name in names if isinstance(name, str) and name)),
        when=printable(when) if isinstance(when, str) else "",
        role="active" if active else "ingredient",
        can_allow=active
        and state == "Trusted"
        and _is_vouched_for(label, _as_dict(manifest.get("claim"))),
    )
    if label.startswith("c2pa.cloud-data"):
        target = _as_dict(content).get("label")
        # The content is at another address, which is not fetched.
        if not isinstance(target, str) or is_mining_label(target) or is_metadata_label(target):
            return _fault_reading(data, f"the assertion {target} is stored outside the file")
    return read_assertion(label, content, signer)


def _is_vouched_for(label: str, claim: dict[str, object]) -> bool:
    """Whether the signer vouches for an assertion.

    C2PA 2 distinguishes what the signer created from what it only gathered from others.
    """
    if claim.get("claim_version") == 1:
        listed = claim.get("assertions")
    else:
        listed = claim.get("created_assertions")
    urls = [_as_dict(entry).get("url") for entry in listed] if isinstance(listed, list) else []
    return any(isinstance(url, str) and url.rpartition("/")[2] == label for url in urls)


def _failures(report: object) -> list[str]:
    """Returns the sorted codes of all validation failures, including those of ingredients."""
    codes: set[str] = set()
    results = _as_dict(_as_dict(report).get("validation_results"))
    deltas = results.get("ingredientDeltas")
    groups = [results.get("activeManifest")]
    if isinstance(deltas, list):
        groups += [_as_dict(delta).get("validationDeltas") for delta in deltas]
    for group in groups:
        failures = _as_dict(group).get("failure")
        for status in failures if isinstance(failures, list) else []:
            code = _as_dict(status).get("code")
            codes.add(code if isinstance(code, str) else "unknown")
    return sorted(codes)


def _as_dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _error_reading(data: bytes, message: str) -> Reading:
    remote = _REMOTE.match(message)
    if remote is None:
        return _fault_reading(data, message)
    address = printable(remote[1].strip('"'))
    claim = FileAssertion(
        AssertionKind.REMOTE_MANIFEST, address, "dcterms:provenance", raw_sha256(data)
    )
    signals = [
        Signal(
            Origin.FILE,
            purpose,
            Permission.CONDITIONAL,
            "",
            "dcterms:provenance",
            claim.sha256,
            "",
            f"not fetched: {address}",
        )
        for purpose in PURPOSES
    ]
    return Reading(tuple(signals), (claim,))


def _fault_reading(data: bytes, detail: str) -> Reading:
    return Reading(faults=(file_fault(_WHERE, detail, data),))


@lru_cache(maxsize=2)
def _context(trust: TrustLists, pid: int) -> c2pa.Context:
    """Returns the library's settings, one object per process (a fork must not use its parent's)."""
    import c2pa

    lists = {
        "trust_anchors": trust.anchors_pem,
        "allowed_list": trust.allowed_pem,
        "trust_config": trust.ekus,
    }
    return c2pa.Context.from_dict(
        {
            "verify": {
                "verify_after_reading": True,
                "verify_trust": True,
                "remote_manifest_fetch": False,
                "ocsp_fetch": False,
            },
            # Decoding an identity assertion would fetch its did:web address.
            "core": {"allowed_network_hosts": [], "decode_identity_assertions": False},
            "trust": {key: text for key, text in lists.items() if text},
        }
    )
