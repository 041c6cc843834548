"""Reads the use preferences in robots.txt: `Content-Usage`, `Content-Signal`, `License` lines.

`Content-Usage` is the IETF's (draft-ietf-aipref-attach), `License` is RSL's, `Content-Signal` is
Cloudflare's (`search`, `ai-input`, `ai-train`, each `yes` or `no`). `Content-Usage` and
`Content-Signal` may name a path. Of a group's rules, those with the longest matching path count, as
in RFC 9309. A group applies to some crawlers. A denial to any of them counts as a denial, so every
group is read.

`Allow` and `Disallow` are not read: they say who may crawl, but licensed material is not crawled.
It is fetched from the location that its agency gives. For the same reason a preference counts even
under a disallowed path, to which the draft applies no preference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pipelines.signals.server.aipref import parse_preferences, preference_signals
from pipelines.signals.server.common import TRAINING_USES, ServedFile, fault_reading, without_query
from pipelines.signals.server.patterns import matches_pattern
from schemas.rights import Permission, Purpose
from schemas.signal import Reading, Signal, raw_sha256

_CONTENT_SIGNAL_PURPOSES: dict[str, tuple[Purpose, ...]] = {
    "search": (Purpose.SEARCH,),
    "ai-input": (Purpose.INFERENCE,),
    "ai-train": TRAINING_USES,
}
_ANSWER_VALUES = {"yes": Permission.ALLOW, "no": Permission.DENY}


@dataclass(frozen=True)
class _Rule:
    """A rule: its name, the path it is for ("" for all), the statement and the whole line."""

    name: str
    path: str
    statement: str
    line: str


@dataclass
class _Group:
    rules: list[_Rule] = field(default_factory=list)


_RuleReader = Callable[[ServedFile, _Rule, str, str], list[Signal]]


def read_robots_txt(served: ServedFile, url: str, body: bytes) -> Reading:
    """Reads the preferences for a file from its origin's robots.txt.

    Args:
        served: The fetched file.
        url: The URL of robots.txt.
        body: The bytes of robots.txt.
    """
    where, digest = without_query(url), raw_sha256(body)
    # Probably UTF-16: crawlers cannot read it, but its author stated something.
    faults = fault_reading(where, "not UTF-8 text", body).faults if b"\0" in body else ()
    # Thousands of groups may state the same, so one signal per purpose and value is kept.
    found: dict[tuple[Purpose, Permission], Signal] = {}
    for group in _groups(body):
        for name, read_rule in _RULE_READERS.items():
            rules = [rule for rule in group.rules if rule.name == name]
            for rule in dict.fromkeys(_applicable(rules, served)):
                for signal in read_rule(served, rule, where, digest):
                    found.setdefault((signal.purpose, signal.value), signal)
    return Reading(tuple(found.values()), faults=faults)


def license_lines(body: bytes) -> list[str]:
    """Returns the distinct values of all `License` lines in any group."""
    values = (value for name, value in _lines(body) if name == "license" and value)
    return list(dict.fromkeys(values))


def _lines(body: bytes) -> Iterator[tuple[str, str]]:
    """Yields the lower-case name and the value of every line that has both."""
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    for line in text.replace("\r", "\n").split("\n"):
        name, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield name.strip().casefold(), value.strip()


def _groups(body: bytes) -> list[_Group]:
    """Returns the groups of a file, including lines before the first `User-agent`."""
    groups = [_Group()]
    in_heading = True
    for name, value in _lines(body):
        if name == "user-agent":
            if not in_heading:
                groups.append(_Group())
            in_heading = True
        elif name in ("allow", "disallow"):
            in_heading = False
        elif name in _RULE_READERS:
            in_heading = False
            path, _, rest = value.replace("\t", " ").partition(" ")
            has_path = path.startswith("/")
            statement = rest.strip() if has_path else value
            rule = _Rule(name, path if has_path else "", statement, f"{name}: {value}")
            groups[-1].rules.append(rule)
    return groups


def _applicable(rules: list[_Rule], served: ServedFile) -> Iterator[_Rule]:
    """Yields those of a group's rules of one name that have the longest matching path.

    A rule that cannot be read does not hide rules with shorter paths, which may deny a use.
    """
    for target in served.targets:
        matching = [rule for rule in rules if matches_pattern(rule.path, target)]
        longest = 0
        for rule in sorted(matching, key=lambda rule: -len(rule.path)):
            if len(rule.path) < longest:
                break
            yield rule
            if rule.name == "content-signal" or parse_preferences(rule.statement) is not None:
                longest = len(rule.path)


def _usage_signals(served: ServedFile, rule: _Rule, where: str, sha256: str) -> list[Signal]:
    return preference_signals(served, rule.statement, where, sha256, rule.line)


def _content_signals(served: ServedFile, rule: _Rule, where: str, sha256: str) -> list[Signal]:
    signals: list[Signal] = []
    for part in rule.statement.casefold().replace(";", ",").split(","):
        name, _, answer = (piece.strip() for piece in part.partition("="))
        value = _ANSWER_VALUES.get(answer, Permission.UNKNOWN)
        signals += served.signals(
            _CONTENT_SIGNAL_PURPOSES.get(name, ()), value, where, sha256, rule.line
        )
    return signals


_RULE_READERS: dict[str, _RuleReader] = {
    "content-usage": _usage_signals,
    "content-signal": _content_signals,
}
