"""Issues, revokes and finds grants. They are kept in the output, where only the agency reads."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from pipelines.format.manifest import open_manifest
from pipelines.format.signed_record import open_signed, signed_bytes
from pipelines.ledger.signed_note import Signer, parse_vkey
from pipelines.pull.grant_addresses import GRANT_KIND
from pipelines.run.announce import read_latest
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import InputError
from schemas.grant import GRANT_FORMAT, Grant
from schemas.latest import Latest
from schemas.manifest import Manifest

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FOLDER = f"{layout.AGENCY}/grants"


def issue_grant(
    store: Store,
    signer: Signer,
    deal_id: str,
    holder: str,
    purposes: Collection[str],
    issued_at: datetime,
    days: int,
) -> tuple[Grant, bytes]:
    """Issues a grant to a deal's buyer and keeps a copy of it.

    Args:
        store: The output.
        signer: The agency's key.
        deal_id: The deal; it must have a published version.
        holder: The buyer's verifier key.
        purposes: Purposes of the deal; empty for all of them.
        issued_at: When it is issued.
        days: For how many days it can be used; it ends with the deal at the latest.

    Returns:
        The grant, and its file for the buyer.

    Raises:
        InputError: If the deal has no version, the key is malformed or a purpose is not the deal's.
    """
    _check_id(deal_id, "deal")
    manifest = latest_manifest(store, deal_id)
    deal = manifest.deal
    if unknown := sorted(set(purposes) - set(deal.purposes)):
        raise InputError(
            "The deal does not have this purpose",
            f"{', '.join(unknown)}; {deal_id} has {', '.join(deal.purposes)}",
            "Grant some of the deal's purposes.",
        )
    issued_at = issued_at.astimezone(UTC)
    ends = datetime.fromisoformat(deal.ends).replace(tzinfo=UTC) + timedelta(days=1)
    grant = Grant(
        fairshard_grant=GRANT_FORMAT,
        grant=f"{deal_id}-{secrets.token_hex(8)}",
        deal_id=deal_id,
        party=deal.buyer,
        purposes=sorted(purposes) or sorted(deal.purposes),
        holder=parse_vkey(holder).vkey,
        issued_at=issued_at.isoformat(),
        expires_at=min(_later(issued_at, days), ends).isoformat(),
        vkey=signer.vkey,
    )
    data = signed_bytes(grant, GRANT_KIND, signer)
    store.write_bytes(f"{_FOLDER}/{grant.grant}.json", data, private=True)
    return open_signed(data, Grant, GRANT_KIND), data


def revoke_grant(store: Store, grant_id: str, reason: str) -> None:
    """Ends a grant at once; addresses that were given end within minutes.

    Raises:
        InputError: If there is no such grant.
    """
    _check_id(grant_id, "grant")
    if kept_grant(store, grant_id) is None:
        raise InputError("There is no such grant", grant_id, "Give the id of one that was issued.")
    store.write_bytes(f"{_FOLDER}/{grant_id}.revoked", reason.encode() + b"\n", private=True)


def _later(day: datetime, days: int) -> datetime:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _check_id(name: str, what: str) -> None:
    """Refuses a name that would lead to other files of the output; raises InputError."""
    if not _ID.fullmatch(name):
        raise InputError(f"Not the id of a {what}", ascii(name[:100]), "Give one that was issued.")


def kept_grant(store: Store, grant_id: str) -> bytes | None:
    """Returns a grant as it was issued; None if it was not."""
    try:
        return store.read_bytes(f"{_FOLDER}/{grant_id}.json")
    except FileNotFoundError:
        return None


def is_revoked(store: Store, grant_id: str) -> bool:
    """Returns whether a grant was revoked."""
    return store.exists(f"{_FOLDER}/{grant_id}.revoked")


def announced(store: Store, deal_id: str) -> Latest:
    """Returns what a deal's buyer is told about its versions.

    Raises:
        InputError: If the deal has no version, or nobody was told about it.
    """
    latest = read_latest(store, deal_id)
    if latest is None:
        raise InputError(
            "The output has no published version of this deal",
            f"{store.uri}/{layout.latest_path(deal_id)}",
            "Run fairshard latest once if the deal was packaged by an earlier release.",
        )
    return latest


def latest_manifest(store: Store, deal_id: str) -> Manifest:
    """Returns the manifest of a deal's latest version.

    Raises:
        InputError: If there is none, or nobody was told about it.
    """
    folder = layout.delivery_prefix(deal_id, announced(store, deal_id).version)
    return open_manifest(store.read_bytes(f"{folder}/{layout.MANIFEST}"))
