"""Reads W3C's Text and Data Mining Reservation Protocol: the header and the origin's file.

Follows the final report of the community group. `tdm-reservation` is 1 (reserved) or 0 (not); any
other value counts as unset. `tdm-policy` says where permission can be obtained. The file
`/.well-known/tdmrep.json` is an array of rules, and the first whose `location` matches decides. The
header takes precedence over the file, but only for what the header sets. (Statements inside a media
file are read by `pipelines.signals.file`.)

Mining includes training, so a reservation applies to data mining and both kinds of training.
Doubtful values are read as a reservation: a 1 in quotes, or a 1 in one of two contradicting
headers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.signals.server.common import (
    MINING_USES,
    ServedFile,
    escaped_line,
    fault_reading,
    without_query,
)
from pipelines.signals.server.patterns import matches_pattern, path_pattern
from schemas.rights import Permission
from schemas.signal import Reading, Signal, raw_sha256

TDMREP_PATH = "/.well-known/tdmrep.json"
_WHERE = "http tdm-reservation"
_UNSET_DETAIL = "tdm-reservation is neither 1 nor 0"


@dataclass(frozen=True)
class _Reservation:
    """The reservation stated in one place.

    Attributes:
        reserved: Whether rights are reserved; None if unset.
        policy: Where permission can be obtained; "" if not stated.
        where: The place.
        sha256: Digest of the place's bytes.
        said: The statement, for messages.
    """

    reserved: bool | None
    policy: str
    where: str
    sha256: str
    said: str


def read_tdmrep(
    served: ServedFile,
    reservations: Sequence[str],
    policies: Sequence[str],
    file: bytes | None,
    file_url: str,
) -> Reading:
    """Reads the headers and the file together, since the header takes precedence.

    Args:
        served: The fetched file.
        reservations: Values of the `tdm-reservation` headers.
        policies: Values of the `tdm-policy` headers.
        file: `/.well-known/tdmrep.json`; None if the server has none.
        file_url: The URL of that file.
    """
    header = _header_reservation(reservations, policies)
    rules: list[dict[str, object]] = []
    faults: Reading = Reading()
    where = without_query(file_url)
    if file is not None:
        try:
            rules = _parse_rules(file)
        except (ValueError, RecursionError) as error:
            faults = fault_reading(
                where, f"not a TDMRep file: {error or type(error).__name__}", file
            )
    digest = raw_sha256(file or b"")
    signals: list[Signal] = []
    # The rules are matched against the path with and without its query. If the answers differ,
    # both are kept.
    for target in served.targets:
        rule = _deciding_rule(rules, served.host, target, where, digest)
        signals += _signals(served, header, rule)
    return Reading(tuple(dict.fromkeys(signals)), faults=faults.faults)


def _header_reservation(
    reservations: Sequence[str], policies: Sequence[str]
) -> _Reservation | None:
    if not reservations and not policies:
        return None
    found = [_parse_reserved(part) for value in reservations for part in value.split(",")]
    reserved = True if True in found else False if found and set(found) == {False} else None
    policy = next((value.strip() for value in policies if value.strip()), "")
    digest = raw_sha256("\n".join([*reservations, *policies]))
    said = f"tdm-reservation: {', '.join(reservations)}" if reservations else ""
    # A policy is a URL, and its query may contain what should not be shown.
    shown = f"tdm-policy: {without_query(policy)}" if policy else ""
    return _Reservation(reserved, policy, _WHERE, digest, "; ".join(filter(None, (said, shown))))


def _parse_reserved(value: object) -> bool | None:
    """Parses a reservation's value. It is lenient with denials and strict with permissions."""
    if isinstance(value, str):
        value = value.strip().strip("\"'").strip()
    if value is True or value == 1 or value == "1":
        return True
    if value is not False and (value == 0 or value == "0"):
        return False
    return None


def _parse_rules(file: bytes) -> list[dict[str, object]]:
    """Returns the rules of a file, with names in lower case.

    Raises:
        ValueError: If it is not an array of objects.
    """
    loaded = json.loads(file.decode("utf-8-sig"), object_pairs_hook=_with_lower_case_names)
    if not isinstance(loaded, list):
        raise ValueError("not an array")
    rules: list[dict[str, object]] = []
    for rule in loaded:
        if not isinstance(rule, dict) or not isinstance(rule.get("location"), str):
            raise ValueError("a rule is not an object with a location")
        rules.append(rule)
    return rules


def _with_lower_case_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Returns an object with lower-case names; a repeated name does not hide a denial."""
    folded: dict[str, object] = {}
    for name, value in pairs:
        key = name.strip().casefold()
        if key != "tdm-reservation" or _parse_reserved(folded.get(key)) is not True:
            folded[key] = value
    return folded


def _deciding_rule(
    rules: list[dict[str, object]], host: str, target: str, where: str, sha256: str
) -> _Reservation | None:
    """Returns the first matching rule that is set, else the first matching rule."""
    unset: _Reservation | None = None
    for rule in rules:
        location = str(rule["location"])
        path = path_pattern(location, host)
        if path is None or not matches_pattern(path, target):
            continue
        value, raw_policy = rule.get("tdm-reservation"), rule.get("tdm-policy")
        policy = raw_policy.strip() if isinstance(raw_policy, str) else ""
        # The full value could be megabytes long.
        said = f"location={location[:100]} tdm-reservation={escaped_line(str(value)[:200])}"
        said += f" tdm-policy={without_query(policy)}" if policy else ""
        reservation = _Reservation(_parse_reserved(value), policy, where, sha256, said)
        if reservation.reserved is not None:
            return reservation
        unset = unset or reservation
    return unset


def _signals(
    served: ServedFile, header: _Reservation | None, rule: _Reservation | None
) -> list[Signal]:
    """Returns the header's reservation, or else the file's, as signals."""
    reservation = (
        rule if header is None or (header.reserved is None and rule is not None) else header
    )
    if reservation is None:
        return []
    policy = (header.policy if header is not None else "") or (rule.policy if rule else "")
    if reservation.reserved is None:
        said = f"{_UNSET_DETAIL}: {reservation.said}" if reservation.said else _UNSET_DETAIL
        return served.signals(
            MINING_USES, Permission.UNKNOWN, reservation.where, reservation.sha256, said
        )
    if not reservation.reserved:
        return served.signals(
            MINING_USES, Permission.ALLOW, reservation.where, reservation.sha256, reservation.said
        )
    value = Permission.CONDITIONAL if policy else Permission.DENY
    return served.signals(
        MINING_USES, value, reservation.where, reservation.sha256, reservation.said
    )
