"""What robots.txt says about use: `Content-Usage`, `Content-Signal` and `License` lines.

`Content-Usage` is the IETF's (draft-ietf-aipref-attach), `License` is RSL's, `Content-Signal` is
Cloudflare's (`search`, `ai-input`, `ai-train`, each `yes` or `no`). The first and the last may name
a path, and of a group's rules those with the longest matching path count, as in RFC 9309. A
group is for some crawlers. A no to any of them is a no here, so every group is read.

`Allow` and `Disallow` are not read: they say who may crawl, and licensed material is not crawled
but fetched from where its agency says it lies. For the same reason a preference counts even under
a path that is disallowed, where the draft has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pipelines.signals.server.aipref import parse_preferences, preferences_of
from pipelines.signals.server.patterns import matches
from pipelines.signals.server.server import TRAINING, Page, faulty, without_query
from schemas.rights import Purpose, Value
from schemas.signal import Reading, Signal, raw_sha256

_CONTENT_SIGNALS: dict[str, tuple[Purpose, ...]] = {
    "search": (Purpose.SEARCH,),
    "ai-input": (Purpose.INFERENCE,),
    "ai-train": TRAINING,
}
_ANSWERS = {"yes": Value.ALLOW, "no": Value.DENY}


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


_Speak = Callable[[Page, _Rule, str, str], list[Signal]]


def read_robots_txt(page: Page, url: str, body: bytes) -> Reading:
    """Reads the preferences for a file out of its origin's robots.txt.

    Args:
        page: What was fetched.
        url: Where robots.txt lies.
        body: Its bytes.
    """
    where, digest = without_query(url), raw_sha256(body)
    # UTF-16, most likely: crawlers read nothing in it, but its author wrote something.
    faults = faulty(where, "not a text in UTF-8", body).faults if b"\0" in body else ()
    # Thousands of groups may say the same: one signal for each purpose and value is enough.
    found: dict[tuple[Purpose, Value], Signal] = {}
    for group in _groups(body):
        for name, speak in _SPEAKERS.items():
            rules = [rule for rule in group.rules if rule.name == name]
            for rule in dict.fromkeys(_applicable(rules, page)):
                for signal in speak(page, rule, where, digest):
                    found.setdefault((signal.purpose, signal.value), signal)
    return Reading(tuple(found.values()), faults=faults)


def license_lines(body: bytes) -> list[str]:
    """The values of all `License` lines, whatever the group, each once."""
    values = (value for name, value in _lines(body) if name == "license" and value)
    return list(dict.fromkeys(values))


def _lines(body: bytes) -> Iterator[tuple[str, str]]:
    """Names, in lower case, and values of all lines that have both."""
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    for line in text.replace("\r", "\n").split("\n"):
        name, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield name.strip().casefold(), value.strip()


def _groups(body: bytes) -> list[_Group]:
    """The groups of a file; what stands before the first `User-agent` is one, too."""
    groups = [_Group()]
    naming = True
    for name, value in _lines(body):
        if name == "user-agent":
            if not naming:
                groups.append(_Group())
            naming = True
        elif name in ("allow", "disallow"):
            naming = False
        elif name in _SPEAKERS:
            naming = False
            path, _, rest = value.replace("\t", " ").partition(" ")
            has_path = path.startswith("/")
            statement = rest.strip() if has_path else value
            rule = _Rule(name, path if has_path else "", statement, f"{name}: {value}")
            groups[-1].rules.append(rule)
    return groups


def _applicable(rules: list[_Rule], page: Page) -> Iterator[_Rule]:
    """Those of a group's rules of one name whose matching path is the longest.

    A rule that cannot be read does not hide shorter ones: they may say no.
    """
    for target in page.targets:
        fitting = [rule for rule in rules if matches(rule.path, target)]
        heard = 0
        for rule in sorted(fitting, key=lambda rule: -len(rule.path)):
            if len(rule.path) < heard:
                break
            yield rule
            if rule.name == "content-signal" or parse_preferences(rule.statement) is not None:
                heard = len(rule.path)


def _usage(page: Page, rule: _Rule, where: str, sha256: str) -> list[Signal]:
    return preferences_of(page, rule.statement, where, sha256, rule.line)


def _signal(page: Page, rule: _Rule, where: str, sha256: str) -> list[Signal]:
    signals: list[Signal] = []
    for part in rule.statement.casefold().replace(";", ",").split(","):
        name, _, answer = (piece.strip() for piece in part.partition("="))
        value = _ANSWERS.get(answer, Value.UNKNOWN)
        signals += page.says(_CONTENT_SIGNALS.get(name, ()), value, where, sha256, rule.line)
    return signals


_SPEAKERS: dict[str, _Speak] = {"content-usage": _usage, "content-signal": _signal}
