"""The division of money by its definition, with one fraction per payee and full sorts."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from fractions import Fraction
from math import floor


def tie_order(tie_key: bytes, name: str) -> bytes:
    """Returns the hash that docs/ledger.md defines for ties."""
    data = name.encode()
    message = b"fairshard/tie/v1\x00" + len(data).to_bytes(4, "big") + data
    return hmac.new(tie_key, message, hashlib.sha256).digest()


def simple_divide(
    total: int, weights: Mapping[str, int], carried: Mapping[str, Fraction], tie_key: bytes
) -> tuple[dict[str, int], dict[str, Fraction]]:
    """Returns credits, and what is carried on."""
    whole = sum(weights.values())
    targets = {
        name: Fraction(total * weight, whole) + carried.get(name, 0)
        for name, weight in weights.items()
    }
    credits = {name: max(0, floor(target)) for name, target in targets.items()}
    order = sorted(
        weights,
        key=lambda name: (floor(targets[name]) - targets[name], tie_order(tie_key, name)),
    )
    left = total - sum(credits.values())
    step = 1 if left > 0 else -1
    for name in order:
        changed = credits[name] + step
        if left and changed >= 0 and targets[name] and abs(targets[name] - changed) <= 1:
            credits[name] = changed
            left -= step
    return credits, {name: targets[name] - credits[name] for name in weights}
