"""Which key a deal's buyer signs replies with: the first one that it used, until it is replaced.

The key is not in a deal's terms, since a buyer may give it long after the deal is made. So the
books keep it: the record of every reply has it in its private part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.accounts.log import AgencyLog
from pipelines.accounts.removals import recorded_notices
from pipelines.ledger.record import Kind, Record
from pipelines.ledger.signed_note import parse_vkey
from schemas.errors import InputError


@dataclass(frozen=True)
class PinnedKey:
    """The key by which a deal's buyer answers.

    Attributes:
        vkey: The verifier key.
        record: The record of the reply that it was first used for.
    """

    vkey: str
    record: Record

    @property
    def name(self) -> str:
        """Its name and number, which is enough to tell it from another one."""
        return short_name(self.vkey)


def short_name(vkey: str) -> str:
    """Returns a key's name and number."""
    key = parse_vkey(vkey)
    return f"{key.name}+{key.key_id.hex()}"


def pinned_keys(log: AgencyLog) -> dict[str, PinnedKey]:
    """Returns the key of each deal whose buyer has answered a notice.

    Raises:
        RunError: If the log is damaged.
    """
    deals = {one.notice_id: one.deal_id for one in recorded_notices(log)}
    found: dict[str, PinnedKey] = {}
    for index in range(log.size):
        record = log.record(index)
        if record.kind is not Kind.ACKNOWLEDGEMENT:
            continue
        named, vkey = record.public["notices"], str(record.private["vkey"])
        for deal in {deals[str(one)] for one in (named if isinstance(named, list) else [])}:
            if deal not in found or found[deal].vkey != vkey:
                found[deal] = PinnedKey(vkey, record)
    return found


def check_key(
    log: AgencyLog, deals: Iterable[str], vkey: str, replaces: bool
) -> tuple[tuple[str, ...], str]:
    """Checks that a key is the one of the deals' buyer.

    Args:
        log: The agency's log.
        deals: The deals that a reply is about.
        vkey: The key that signed it.
        replaces: Whether it is to replace the key that was used so far.

    Returns:
        The deals whose buyer has not answered before, and the key that is replaced, or "".

    Raises:
        InputError: If it is another key and does not replace it, or is to replace none.
    """
    pinned, deals = pinned_keys(log), tuple(deals)
    other = {deal: pinned[deal] for deal in deals if deal in pinned and pinned[deal].vkey != vkey}
    if other and not replaces:
        [deal, known] = next(iter(other.items()))
        raise InputError(
            "The buyer of this deal has answered with another key",
            f"{deal}: {known.vkey} since record {known.record.index} of "
            f"{known.record.recorded_at[:10]}, not {vkey}",
            "Nothing was recorded. Ask the buyer through another channel. If it has a new "
            "key, add --replace-buyer-key.",
        )
    if replaces and not other:
        raise InputError(
            "The buyer has no earlier key to replace",
            ", ".join(deals),
            "Nothing was recorded. Leave out --replace-buyer-key.",
        )
    first = tuple(deal for deal in deals if deal not in pinned)
    return first, next(iter(other.values())).vkey if other else ""
