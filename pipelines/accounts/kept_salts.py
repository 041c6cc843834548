"""The salts of deals that were packaged with earlier keys, as the books keep them.

Entries are opened with a salt that follows from the key by which a deal was packaged. When one key
hands over to the next, the private part of that record has the salts of all deals so far. So the
agency can continue without the earlier key. Nothing can be signed with a salt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from pipelines.accounts.reader import ReadableLog
from pipelines.ledger.commitments import deal_salt
from pipelines.ledger.ed25519 import AgencyKey
from pipelines.ledger.record import Kind
from pipelines.storage.store import Store
from schemas import layout

_FIELD = "deal_salts"
_DEAL_ID = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True)
class KeptSalts:
    """The salts of deals under one key.

    Attributes:
        vkey: The key.
        salts: The salts by deal.
    """

    vkey: str
    salts: Mapping[str, bytes] = field(repr=False)


#: By what the ledgers of a deal are opened: the secret of a key, or the salts that were kept.
Opener = bytes | KeptSalts


def salt_with(opener: Opener, deal_id: str) -> bytes | None:
    """Returns a deal's salt; None if it was not kept."""
    if isinstance(opener, KeptSalts):
        return opener.salts.get(deal_id)
    return deal_salt(opener, deal_id)


def salts_to_keep(store: Store, keys: Sequence[AgencyKey]) -> dict[str, object]:
    """Returns the private part of a record by which a key hands over.

    Args:
        store: The output.
        keys: All earlier keys that are available.
    """
    deals = [
        name
        for name in store.folders()
        if _DEAL_ID.fullmatch(name) and name != layout.AGENCY and store.folders(name)
    ]
    salts = {
        key.vkey: {deal: deal_salt(key.secret, deal).hex() for deal in sorted(deals)}
        for key in keys
    }
    return {_FIELD: salts}


def kept_salts(log: ReadableLog) -> list[KeptSalts]:
    """Returns the salts that the log's books keep, the latest first.

    Raises:
        RunError: If a record is missing, changed, or the log is damaged.
    """
    found = []
    for index in range(log.size):
        record = log.record(index)
        if record.kind is Kind.KEY:
            kept = cast("Mapping[str, Mapping[str, str]]", record.private.get(_FIELD, {}))
            found += [
                KeptSalts(vkey, {deal: bytes.fromhex(salt) for deal, salt in salts.items()})
                for vkey, salts in kept.items()
            ]
    return found[::-1]
