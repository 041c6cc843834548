"""W3C's Text and Data Mining Reservation Protocol: the header and the file on the origin server.

After the final report of the community group. `tdm-reservation` is 1 (reserved) or 0 (not); any
other value is as good as none. `tdm-policy` says where leave may be had. The file
`/.well-known/tdmrep.json` is an array of rules, and the first whose `location` matches decides.
What the header says counts before what the file says; what a header leaves out does not undo it.
(What stands inside a media file is for the readers of files.)

Mining covers training: a reservation speaks of data mining and of both kinds of training. What is
in doubt is read as a reservation: a 1 in quotes, or one of two headers that contradict each other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.signals.server.patterns import matches, path_of
from pipelines.signals.server.server import MINING, Page, faulty, one_line, without_query
from schemas.rights import Value
from schemas.signal import Reading, Signal, raw_sha256

WELL_KNOWN = "/.well-known/tdmrep.json"
_WHERE = "http tdm-reservation"
_UNSET = "tdm-reservation is neither 1 nor 0"


@dataclass(frozen=True)
class _Word:
    """What one place says.

    Attributes:
        reserved: Whether rights are reserved; None where that is unset.
        policy: Where leave may be had; "" for nowhere.
        where: The place.
        sha256: Digest of its bytes.
        said: What it says, to be shown.
    """

    reserved: bool | None
    policy: str
    where: str
    sha256: str
    said: str


def read_tdmrep(
    page: Page,
    reservations: Sequence[str],
    policies: Sequence[str],
    file: bytes | None,
    file_url: str,
) -> Reading:
    """Reads the headers and the file together, for the header has precedence.

    Args:
        page: What was fetched.
        reservations: Values of the `tdm-reservation` headers.
        policies: Values of the `tdm-policy` headers.
        file: `/.well-known/tdmrep.json`; None if the server has none.
        file_url: Where it lies.
    """
    header = _header(reservations, policies)
    rules: list[dict[str, object]] = []
    faults: Reading = Reading()
    where = without_query(file_url)
    if file is not None:
        try:
            rules = _rules(file)
        except (ValueError, RecursionError) as error:
            faults = faulty(where, f"not a TDMRep file: {error or type(error).__name__}", file)
    digest = raw_sha256(file or b"")
    signals: list[Signal] = []
    # For the path with its query and without; where they differ, both answers are kept.
    for target in page.targets:
        rule = _first(rules, page.host, target, where, digest)
        signals += _signals(page, header, rule)
    return Reading(tuple(dict.fromkeys(signals)), faults=faults.faults)


def _header(reservations: Sequence[str], policies: Sequence[str]) -> _Word | None:
    if not reservations and not policies:
        return None
    found = [_reserved(part) for value in reservations for part in value.split(",")]
    reserved = True if True in found else False if found and set(found) == {False} else None
    policy = next((value.strip() for value in policies if value.strip()), "")
    digest = raw_sha256("\n".join([*reservations, *policies]))
    said = f"tdm-reservation: {', '.join(reservations)}" if reservations else ""
    # A policy is a URL, and may hold what should not be shown.
    shown = f"tdm-policy: {without_query(policy)}" if policy else ""
    return _Word(reserved, policy, _WHERE, digest, "; ".join(filter(None, (said, shown))))


def _reserved(value: object) -> bool | None:
    """A reservation's value: lenient with a no, strict with a yes."""
    if isinstance(value, str):
        value = value.strip().strip("\"'").strip()
    if value is True or value == 1 or value == "1":
        return True
    if value is not False and (value == 0 or value == "0"):
        return False
    return None


def _rules(file: bytes) -> list[dict[str, object]]:
    """The rules of a file, their names in lower case.

    Raises:
        ValueError: If it is not an array of objects.
    """
    loaded = json.loads(file.decode("utf-8-sig"), object_pairs_hook=_folded)
    if not isinstance(loaded, list):
        raise ValueError("not an array")
    rules: list[dict[str, object]] = []
    for rule in loaded:
        if not isinstance(rule, dict) or not isinstance(rule.get("location"), str):
            raise ValueError("a rule is not an object with a location")
        rules.append(rule)
    return rules


def _folded(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object with names in lower case; a no is not lost to a name that comes again."""
    folded: dict[str, object] = {}
    for name, value in pairs:
        key = name.strip().casefold()
        if key != "tdm-reservation" or _reserved(folded.get(key)) is not True:
            folded[key] = value
    return folded


def _first(
    rules: list[dict[str, object]], host: str, target: str, where: str, sha256: str
) -> _Word | None:
    """The first rule that matches and is set; else the first that matches."""
    unset: _Word | None = None
    for rule in rules:
        location = str(rule["location"])
        path = path_of(location, host)
        if path is None or not matches(path, target):
            continue
        value, given = rule.get("tdm-reservation"), rule.get("tdm-policy")
        policy = given.strip() if isinstance(given, str) else ""
        # The value at full length could be megabytes.
        said = f"location={location[:100]} tdm-reservation={one_line(str(value)[:200])}"
        said += f" tdm-policy={without_query(policy)}" if policy else ""
        word = _Word(_reserved(value), policy, where, sha256, said)
        if word.reserved is not None:
            return word
        unset = unset or word
    return unset


def _signals(page: Page, header: _Word | None, rule: _Word | None) -> list[Signal]:
    """The header's word, or else the file's, as signals."""
    word = rule if header is None or (header.reserved is None and rule is not None) else header
    if word is None:
        return []
    policy = (header.policy if header is not None else "") or (rule.policy if rule else "")
    if word.reserved is None:
        said = f"{_UNSET}: {word.said}" if word.said else _UNSET
        return page.says(MINING, Value.UNKNOWN, word.where, word.sha256, said)
    if not word.reserved:
        return page.says(MINING, Value.ALLOW, word.where, word.sha256, word.said)
    value = Value.CONDITIONAL if policy else Value.DENY
    return page.says(MINING, value, word.where, word.sha256, word.said)
