"""What was removed, as a reader looks it up: a list that is signed, and not too old.

Commitments are kept as the numbers of their first eight bytes, sorted, with the rest beside: at a
million of them a look-up takes a fraction of a microsecond and 32 bytes each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipelines.format.removal_list import open_removal_list
from pipelines.reader.delivery import Delivery, ReaderError
from pipelines.verify.signer import read_pinned_keys
from schemas.errors import InputError

_DIGEST_BYTES = 32
_WORDS = 4  # of 64 bits in a digest


class StaleRemovalsError(ReaderError):
    """Raised when a list of removals is older than the deal allows."""


class CommitmentSet:
    """A set of commitments that is looked up for many samples at once.

    Args:
        commitments: Commitments, hex, in any order.
    """

    def __init__(self, commitments: Iterable[str]) -> None:
        words = _words(list(commitments))
        self._words = words[np.argsort(words[:, 0], kind="stable")]
        self._first = np.ascontiguousarray(self._words[:, 0]).astype(np.uint64)

    def __len__(self) -> int:
        return len(self._first)

    def contains(self, commitments: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Returns for each of these commitments whether it is in the set."""
        found = np.zeros(len(commitments), np.bool_)
        if not len(self._first) or not len(commitments):
            return found
        words = _words(commitments)
        first = words[:, 0].astype(np.uint64)
        places = np.searchsorted(self._first, first)
        inside = np.minimum(places, len(self._first) - 1)
        for row in np.flatnonzero(self._first[inside] == first).tolist():
            place = int(places[row])
            while place < len(self._first) and self._first[place] == first[row]:
                if (self._words[place] == words[row]).all():
                    found[row] = True
                    break
                place += 1
        return found


def _words(commitments: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Returns digests as numbers, [commitments, 4]."""
    data = bytes.fromhex("".join(commitments))
    if len(data) != _DIGEST_BYTES * len(commitments):
        raise InputError("Not commitments", f"{len(data)} bytes for {len(commitments)} of them")
    return np.frombuffer(data, ">u8").reshape(-1, _WORDS)


@dataclass(frozen=True)
class Removals:
    """What a reader drops.

    Attributes:
        deal_id: The deal that the list is about; "" for any.
        issued_at: ISO 8601 instant up to which it has all notices.
        valid_until: The last day on which it may be used; None without a limit.
        assets: Commitments of the removed assets.
    """

    deal_id: str
    issued_at: str
    valid_until: date | None
    assets: CommitmentSet

    def check(self, delivery: Delivery, today: date) -> None:
        """Checks that the list is about the delivery's deal and not too old.

        Raises:
            InputError: If it is about another deal.
            StaleRemovalsError: If it is too old.
        """
        deal_id = delivery.manifest.deal.deal_id
        if self.deal_id and self.deal_id != deal_id:
            raise InputError(
                "The list of removals is about another deal",
                f"{self.deal_id}, the delivery is of {deal_id}",
                "Get the list of this deal from the agency.",
            )
        if self.valid_until is not None and today > self.valid_until:
            raise StaleRemovalsError(
                "The list of removals is too old",
                f"issued at {self.issued_at}, valid until {self.valid_until}, today is {today}",
                "Get the newest list from the agency: what was removed since may not be used.",
            )


#: For a buyer who has no list, and answers for that.
WITHOUT_REMOVALS = Removals("", "", None, CommitmentSet(()))


def load_removals(path: str | Path, vkeys: Collection[str]) -> Removals:
    """Reads a signed list of removals.

    Args:
        path: The file, as the agency sent it.
        vkeys: The agency's verifier keys, or paths of files with them.

    Raises:
        InputError: If it cannot be read, or no key is given.
        RemovalListError: If it was altered, or is signed by another key.
    """
    pinned = read_pinned_keys(list(vkeys))
    if pinned is None:
        raise InputError(
            "No key is pinned", "vkeys is empty", "Give the agency's verifier key, or its file."
        )
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            "The list of removals cannot be read", str(error), "Get it from the agency."
        ) from error
    found = open_removal_list(data, pinned)
    until = date.fromisoformat(found.valid_until)
    return Removals(found.deal_id, found.issued_at, until, CommitmentSet(found.assets))
