"""Finds out what is to be pulled, and checks that before anything else: who signed it, how new.

As in The Update Framework: an older state than the one that was seen is refused, as is one whose
time is over, and another manifest than the one that the state names.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlsplit

from pipelines.format.manifest import ManifestError, open_manifest
from pipelines.format.signed_record import open_signed
from pipelines.pull.origin import DeniedError, Lane, Origin, PassingFaultError
from pipelines.pull.state import PullState
from pipelines.verify.signer import SignedBy, signed_by
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.latest import Latest
from schemas.manifest import Manifest

_MAX_MANIFEST_BYTES = 1 << 30
_MAX_LATEST_BYTES = 16 << 20
_ATTEMPTS = 6
_VERSION = re.compile(r"v(\d{4,9})")

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Head:
    """What is to be pulled; its signatures were checked.

    Attributes:
        prefix: Of the delivery's files below the origin; empty, or ending in a slash.
        manifest: The manifest.
        data: Its bytes.
        signer: The key that signed it.
        latest: What named it, if the origin is a deal's folder.
        latest_data: Its bytes.
    """

    prefix: str
    manifest: Manifest
    data: bytes
    signer: SignedBy
    latest: Latest | None = None
    latest_data: bytes = b""

    @property
    def version(self) -> int:
        """The number of the version."""
        return _version_number(self.manifest)


def find_head(
    origin: Origin,
    state: PullState,
    pinned: tuple[str, ...] | None,
    now: datetime,
    wait_unit_s: float = 0.5,
) -> Head:
    """Reads what is to be pulled.

    Args:
        origin: A delivery, or the folder of a deal.
        state: What the copy remembers.
        pinned: The keys that the reader trusts, if any were given.
        now: The time.
        wait_unit_s: The longest first wait after a fault, in seconds.

    Raises:
        InputError: If there is no delivery.
        RunError: If it is signed by another key, expired, older than what was seen, or altered.
    """
    trusted = pinned or ((state.vkey,) if state.vkey else None)
    lane = origin.lane()
    try:
        latest_data = _read(origin, lane, layout.LATEST, _MAX_LATEST_BYTES, wait_unit_s)
        if latest_data is None:
            _refuse_without_latest(origin, state)
            data = _read(origin, lane, layout.MANIFEST, _MAX_MANIFEST_BYTES, wait_unit_s)
            if data is None:
                raise InputError(
                    "There is no delivery here",
                    f"{origin.uri} has neither {layout.LATEST} nor {layout.MANIFEST}",
                    "Give the folder of a deal, or the delivery/ folder of a version.",
                )
            head = _opened("", data, trusted)
        else:
            latest = _open_latest(latest_data, trusted, state, now)
            prefix = f"{latest.version}/{layout.DELIVERY}/"
            data = _read(
                origin, lane, f"{prefix}{layout.MANIFEST}", _MAX_MANIFEST_BYTES, wait_unit_s
            )
            head = _named_by(latest, latest_data, prefix, data, trusted)
    finally:
        lane.close()
    _check_not_older(head, state)
    return head


def _refuse_without_latest(origin: Origin, state: PullState) -> None:
    """Refuses a deal's folder that has lost its `latest.json`, which alone says how new all is."""
    if state.sequence and not urlsplit(origin.uri).path.rstrip("/").endswith(f"/{layout.DELIVERY}"):
        raise RunError(
            f"There is no {layout.LATEST} any more",
            f"{origin.uri}, seen number {state.sequence}",
            "Nothing was changed. Ask the agency: somebody may be holding newer versions back. The "
            f"address of a version alone ends in /{layout.DELIVERY}.",
        )


def _opened(prefix: str, data: bytes, trusted: tuple[str, ...] | None) -> Head:
    manifest = open_manifest(data, trusted)
    return Head(prefix, manifest, data, signed_by(manifest.vkey, trusted))


def _open_latest(
    data: bytes, trusted: tuple[str, ...] | None, state: PullState, now: datetime
) -> Latest:
    latest = open_signed(data, Latest, "latest", trusted)
    if _instant(latest.expires_at) < now:
        raise RunError(
            f"The agency's {layout.LATEST} has expired",
            f"{latest.deal_id}, number {latest.sequence}, valid until {latest.expires_at}",
            "Nothing was changed. Ask the agency for a new one (fairshard latest); somebody may be "
            "holding newer versions back.",
        )
    if state.deal_id == latest.deal_id and latest.sequence < state.sequence:
        raise RunError(
            f"The agency's {layout.LATEST} is older than the one that was seen",
            f"{latest.deal_id}: number {latest.sequence}, seen {state.sequence}",
            "Nothing was changed. Ask the agency: somebody may be showing you an old state.",
        )
    return latest


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise RunError(
            f"{layout.LATEST} has no instant at which it expires",
            ascii(text[:40]),
            "Ask the agency.",
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _named_by(
    latest: Latest,
    latest_data: bytes,
    prefix: str,
    data: bytes | None,
    trusted: tuple[str, ...] | None,
) -> Head:
    try:
        record = latest.record()
    except ValueError as error:
        raise RunError(
            f"{layout.LATEST} contradicts itself", str(error), "Ask the agency."
        ) from error
    digest = hashlib.sha256(data or b"").hexdigest()
    if data is None or digest != record.manifest_sha256:
        raise RunError(
            f"The manifest is not the one that {layout.LATEST} names",
            f"{prefix}{layout.MANIFEST} {'is missing' if data is None else f'has sha256 {digest}'}",
            "Nothing was changed. Pull again in a minute, and ask the agency if this continues.",
        )
    head = _opened(prefix, data, trusted)
    if head.manifest.delivery != layout.delivery_id(latest.deal_id, latest.version):
        raise ManifestError(
            "The manifest is of another delivery",
            f"{head.manifest.delivery}, {layout.LATEST} names {latest.deal_id}/{latest.version}",
        )
    return Head(prefix, head.manifest, data, head.signer, latest, latest_data)


def _check_not_older(head: Head, state: PullState) -> None:
    deal_id, digest = head.manifest.deal.deal_id, hashlib.sha256(head.data).hexdigest()
    if state.deal_id and deal_id != state.deal_id:
        raise InputError(
            "The copy is of another deal",
            f"{state.deal_id}, and the address leads to {deal_id}",
            "Pull each deal into a folder of its own.",
        )
    if head.version < state.version:
        raise RunError(
            "The version is older than one that this copy has seen",
            f"{head.manifest.delivery}, seen v{state.version:04d}",
            "Nothing was changed. What a newer version removed may not be used again; pull an "
            "older one into another folder if you must.",
        )
    if state.version == head.version and state.manifest_sha256 not in ("", digest):
        raise RunError(
            "The version has another manifest than the one that this copy has seen",
            f"{head.manifest.delivery}: sha256 {digest}, seen {state.manifest_sha256}",
            "Nothing was changed. A published version never changes: ask the agency.",
        )


def _version_number(manifest: Manifest) -> int:
    found = _VERSION.fullmatch(manifest.delivery.rpartition("/")[2])
    if found is None:
        raise ManifestError("The manifest names no version", ascii(manifest.delivery[:100]))
    return int(found[1])


def read_small(origin: Origin, path: str, max_bytes: int, wait_unit_s: float) -> bytes | None:
    """Reads a small file on a connection of its own; None if it is missing.

    Raises:
        InputError: If access is denied.
        RunError: If it is too large, or cannot be fetched.
    """
    lane = origin.lane()
    try:
        return _read(origin, lane, path, max_bytes, wait_unit_s)
    finally:
        lane.close()


def _read(
    origin: Origin, lane: Lane, path: str, max_bytes: int, wait_unit_s: float
) -> bytes | None:
    """Reads a small file; None if it is missing.

    S3 denies access to what is missing, if one may not list the bucket, so that a denied
    `latest.json` counts as missing.
    """
    try:
        return _patiently(origin, path, lambda: lane.whole(path, max_bytes), wait_unit_s)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except DeniedError as fault:
        if path == layout.LATEST:
            return None
        raise InputError(
            "The server refuses access",
            f"{origin.uri}: {path} ({fault.detail})",
            "Check the credentials, or get a new grant or address.",
        ) from fault


def _patiently(
    origin: Origin, path: str, request: Callable[[], _Result], wait_unit_s: float
) -> _Result:
    for attempt in range(_ATTEMPTS):
        try:
            return request()
        except DeniedError as fault:
            if attempt or not origin.renew(path, fault.url):
                raise
        except PassingFaultError as fault:
            if attempt == _ATTEMPTS - 1:
                raise RunError(
                    "A file cannot be pulled",
                    f"{origin.uri}: {path} ({fault.detail}, {_ATTEMPTS} times in a row)",
                    "Check the network, and pull again.",
                ) from fault
            time.sleep(max(fault.wait_s, wait_unit_s * 2**attempt))
    raise AssertionError("the loop returns or raises")
