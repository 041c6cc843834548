"""Conformance cases of what web servers state."""

from __future__ import annotations

from functools import partial

from pipelines.signals.server.evidence import HttpEvidence, OriginFile
from pipelines.signals.server.http import read_http
from schemas.reasons import Reason
from schemas.rights import Permission, Purpose
from schemas.signal import Reading
from tests.signals.case import Case

HOST = "https://media.example"
URL = f"{HOST}/pictures/2024/a.jpg?X-Amz-Signature=5ec4e7"
RSL_URL = f"{HOST}/license.xml"
RSL_LINK = ("Link", f'<{RSL_URL}>; rel="license"; type="application/rsl+xml"')

GEN, NONGEN = Purpose.TRAIN_GEN, Purpose.TRAIN_NONGEN
MINING, INFERENCE = Purpose.DATA_MINING, Purpose.INFERENCE
INDEX, SEARCH = Purpose.INDEX, Purpose.SEARCH
DENY, ALLOW = Permission.DENY, Permission.ALLOW
CONDITIONAL, UNKNOWN = Permission.CONDITIONAL, Permission.UNKNOWN

_REASONS = {DENY: Reason.SERVER_DENIED, CONDITIONAL: Reason.SERVER_CONDITIONAL}
Headers = tuple[tuple[str, str], ...]


def read(headers: Headers = (), files: tuple[OriginFile, ...] = (), url: str = URL) -> Reading:
    return read_http(HttpEvidence(url, headers, files))


def file(path: str, body: str | bytes, url: str = HOST) -> OriginFile:
    data = body.encode() if isinstance(body, str) else body
    return OriginFile(f"{url}{path}", 200, data, "")


def tdmrep(body: str | bytes) -> OriginFile:
    return file("/.well-known/tdmrep.json", body)


def robots(body: str | bytes) -> OriginFile:
    return file("/robots.txt", body)


def rsl(content: str) -> OriginFile:
    return file("/license.xml", f'<rsl xmlns="https://rslstandard.org/rsl">{content}</rsl>')


def licensed(inner: str, attributes: str = 'url="/"') -> OriginFile:
    return rsl(f"<content {attributes}><license>{inner}</license></content>")


def _row(
    name: str,
    purpose: Purpose,
    value: Permission | None,
    *headers: tuple[str, str],
    files: tuple[OriginFile, ...] = (),
    reason: Reason | None = None,
    url: str = URL,
) -> Case:
    why = reason if value is None else _REASONS.get(value, reason)
    return Case(f"http {name}", partial(read, headers, files, url), purpose, value, why)


def _robots_tag() -> list[Case]:
    rows: list[tuple[str, Purpose, Permission | None]] = [
        ("noai", GEN, DENY),
        ("noai", NONGEN, DENY),
        ("noai", MINING, DENY),
        ("noai", INFERENCE, DENY),
        ("noai", SEARCH, None),
        ("NoAI", GEN, DENY),
        ("noimageai", GEN, DENY),
        ("NOIMAGEAI", INFERENCE, DENY),
        ("noindex", INDEX, DENY),
        ("noindex", SEARCH, DENY),
        ("noindex", GEN, None),
        ("none", SEARCH, DENY),
        ("noimageindex", INDEX, DENY),
        ("googlebot: noai", GEN, DENY),
        ("GPTBot:NoAI", GEN, DENY),
        ("otherbot: noindex, nofollow", INDEX, DENY),
        ("noarchive,  noai ,nofollow", GEN, DENY),
        ("noarchive noai", GEN, DENY),
        ("\tnoai\t", GEN, DENY),
        ("unavailable_after: Friday, 25-Jun-10 15:00:00 PST, noai", GEN, DENY),
        ("unavailable_after: 25 Jun 2010 15:00:00 PST", GEN, None),
        ("max-image-preview: none", SEARCH, None),
        ("googlebot: max-image-preview:none, noindex", SEARCH, DENY),
        ("all", GEN, None),
        ("nosnippet, x-noai-ish", GEN, None),
        ("", GEN, None),
    ]
    cases = [
        _row(f"X-Robots-Tag {value!r} {purpose}", purpose, expected, ("X-Robots-Tag", value))
        for value, purpose, expected in rows
    ]
    two = (("x-robots-tag", "nofollow"), ("X-ROBOTS-TAG", "noai"))
    return [*cases, _row("X-Robots-Tag, the second of two", GEN, DENY, *two)]


def _tdmrep() -> list[Case]:
    policy = ("tdm-policy", "https://media.example/policy.json")
    rule = '{"location": "%s", "tdm-reservation": %s}'
    everywhere, nowhere = tdmrep(f"[{rule % ('/', 1)}]"), tdmrep(f"[{rule % ('/', 0)}]")
    one, zero = ("TDM-Reservation", "1"), ("tdm-reservation", "0")

    def by_file(name: str, value: Permission | None, body: str) -> Case:
        return _row(f"tdmrep.json {name}", GEN, value, files=(tdmrep(body),))

    return [
        _row("TDM-Reservation: 1", GEN, DENY, one),
        _row("TDM-Reservation: 1 for mining", MINING, DENY, one),
        _row("TDM-Reservation: 1 for other training", NONGEN, DENY, one),
        _row("TDM-Reservation: 1 states nothing about search", SEARCH, None, one),
        _row("tdm-reservation 1 with a policy", GEN, CONDITIONAL, one, policy),
        _row("tdm-reservation 0", GEN, ALLOW, zero),
        _row("tdm-reservation 0 with a policy", GEN, ALLOW, zero, policy),
        _row("tdm-reservation 2 is unset", GEN, UNKNOWN, ("tdm-reservation", "2")),
        _row('tdm-reservation "1"', GEN, DENY, ("tdm-reservation", ' "1" ')),
        _row("two headers that disagree", GEN, DENY, zero, one),
        _row("tdm-reservation 0, 1", GEN, DENY, ("tdm-reservation", "0, 1")),
        _row("header 1 before file 0", GEN, DENY, one, files=(nowhere,)),
        _row("header 0 before file 1", GEN, ALLOW, zero, files=(everywhere,)),
        _row(
            "an unset header leaves the file's 1",
            GEN,
            DENY,
            ("tdm-reservation", ""),
            files=(everywhere,),
        ),
        _row("a header's policy for the file's 1", GEN, CONDITIONAL, policy, files=(everywhere,)),
        by_file("1 for all", DENY, f"[{rule % ('/', 1)}]"),
        by_file("0 for all", ALLOW, f"[{rule % ('/', 0)}]"),
        by_file("1 as text", DENY, f"[{rule % ('/', chr(34) + '1' + chr(34))}]"),
        by_file("true", DENY, f"[{rule % ('/', 'true')}]"),
        by_file("null is unset", UNKNOWN, f"[{rule % ('/', 'null')}]"),
        by_file(
            "a later rule applies if the first is unset",
            DENY,
            f"[{rule % ('/pictures/', 7)}, {rule % ('/', 1)}]",
        ),
        by_file("names in upper case", DENY, '[{"Location": "/", "TDM-Reservation": 1}]'),
        by_file(
            "a policy",
            CONDITIONAL,
            '[{"location": "/", "tdm-reservation": 1, "tdm-policy": "https://p.example"}]',
        ),
        by_file("the first match, a no", DENY, f"[{rule % ('/pic', 1)}, {rule % ('/', 0)}]"),
        by_file("the first match, a yes", ALLOW, f"[{rule % ('/pic', 0)}, {rule % ('/', 1)}]"),
        by_file("another folder", None, f"[{rule % ('/films/', 1)}]"),
        by_file("* and $", DENY, f"[{rule % ('/pictures/*.jpg$', 1)}]"),
        by_file("$ elsewhere", None, f"[{rule % ('/pictures/2024$', 1)}]"),
        by_file("a whole URL", DENY, f"[{rule % ('https://media.example/pictures/', 1)}]"),
        by_file("another host's URL", None, f"[{rule % ('https://other.example/', 1)}]"),
        by_file("percent-encoding", DENY, f"[{rule % ('/%70ictures/', 1)}]"),
        by_file("a byte order mark", DENY, f"\ufeff[{rule % ('/', 1)}]"),
        by_file("no rules", None, "[]"),
        _row(
            "tdmrep.json truncated",
            GEN,
            None,
            files=(tdmrep('[{"location": "/"'),),
            reason=Reason.SERVER_UNREADABLE,
        ),
        _row(
            "tdmrep.json is not an array",
            GEN,
            None,
            files=(tdmrep(rule % ("/", 1)),),
            reason=Reason.SERVER_UNREADABLE,
        ),
    ]


def _aipref() -> list[Case]:
    rows: list[tuple[str, Purpose, Permission | None]] = [
        ("train-ai=n", GEN, DENY),
        ("train-ai=n", NONGEN, None),
        ("train-ai=y", GEN, ALLOW),
        ("search=n", SEARCH, DENY),
        ("search=y", SEARCH, ALLOW),
        ("train-ai=y, search=n", SEARCH, DENY),
        ("train-ai=n;exceptions=1", GEN, DENY),
        ("train-ai=y, train-ai=n", GEN, DENY),
        ("train-ai=n, train-ai=y", GEN, ALLOW),
        ("train-ai=maybe", GEN, UNKNOWN),
        ('train-ai="n"', GEN, UNKNOWN),
        ("train-ai", GEN, UNKNOWN),
        ("Train-AI=n", GEN, UNKNOWN),
        ("train-ai = n", GEN, UNKNOWN),
        ("foo=n", GEN, None),
        ("train-genai=n", GEN, DENY),
        ("train-genai=y", GEN, None),
        ("bots=n", INDEX, DENY),
        ("ai-output=n", INFERENCE, DENY),
    ]
    cases = [
        _row(f"Content-Usage {value} {purpose}", purpose, expected, ("Content-Usage", value))
        for value, purpose, expected in rows
    ]
    lines = (("Content-Usage", "search=y"), ("content-usage", "train-ai=n"))
    spoilt = (("Content-Usage", "train-ai=n"), ("Content-Usage", "???"))
    return [
        *cases,
        _row("Content-Usage in two lines", GEN, DENY, *lines),
        _row("Content-Usage next to a line that does not parse", GEN, DENY, *spoilt),
    ]


def _robots_txt() -> list[Case]:
    any_agent = "User-agent: *\n"
    rows: list[tuple[str, Purpose, Permission | None, str]] = [
        ("a no", GEN, DENY, f"{any_agent}Content-Usage: train-ai=n"),
        ("a yes", GEN, ALLOW, f"{any_agent}Content-Usage: train-ai=y"),
        ("odd spaces and case", GEN, DENY, "user-AGENT :*\r\n CONTENT-usage : train-ai=n # so"),
        ("one crawler's no", GEN, DENY, "User-agent: GPTBot\nContent-Usage: train-ai=n"),
        (
            "the longest path, a yes",
            GEN,
            ALLOW,
            f"{any_agent}Content-Usage: train-ai=n\nContent-Usage: /pictures/ train-ai=y",
        ),
        (
            "the longest path, a no",
            GEN,
            DENY,
            f"{any_agent}Content-Usage: /pictures/*.jpg train-ai=n\nContent-Usage: /pic train-ai=y",
        ),
        (
            "an unreadable longer rule",
            GEN,
            DENY,
            f"{any_agent}Content-Usage: train-ai=n\nContent-Usage: /pictures/ ???",
        ),
        (
            "equal paths",
            GEN,
            DENY,
            f"{any_agent}Content-Usage: /p train-ai=y\nContent-Usage: /p train-ai=n",
        ),
        (
            "two groups",
            GEN,
            DENY,
            f"User-agent: a\nContent-Usage: train-ai=n\n\n{any_agent}Content-Usage: train-ai=y",
        ),
        ("another path", GEN, None, f"{any_agent}Content-Usage: /films/ train-ai=n"),
        ("does not parse", GEN, UNKNOWN, f"{any_agent}Content-Usage: train_ai:n"),
        ("no group", GEN, DENY, "Content-Usage: train-ai=n"),
        ("a byte order mark", GEN, DENY, "\ufeffContent-Usage: train-ai=n"),
        ("Disallow is about crawling", GEN, None, f"{any_agent}Disallow: /"),
        ("Content-Signal no", NONGEN, DENY, f"{any_agent}Content-Signal: search=yes, ai-train=no"),
        ("Content-Signal yes", SEARCH, ALLOW, f"{any_agent}Content-Signal: search=yes,ai-train=no"),
        ("Content-Signal input", INFERENCE, DENY, f"{any_agent}Content-Signal: AI-Input = No"),
        ("Content-Signal odd", GEN, UNKNOWN, f"{any_agent}Content-Signal: ai-train=perhaps"),
    ]
    return [
        _row(f"robots.txt {name}", purpose, value, files=(robots(body),))
        for name, purpose, value, body in rows
    ]


def _rsl() -> list[Case]:
    def usage(tag: str, words: str) -> str:
        return f'<{tag} type="usage">{words}</{tag}>'

    def row(name: str, purpose: Purpose, value: Permission | None, document: OriginFile) -> Case:
        return _row(f"RSL {name}", purpose, value, RSL_LINK, files=(document,))

    def broken(name: str, document: OriginFile) -> Case:
        files = (document,)
        return _row(
            f"RSL {name}", GEN, None, RSL_LINK, files=files, reason=Reason.SERVER_UNREADABLE
        )

    words: list[tuple[str, tuple[Purpose, ...]]] = [
        ("all", tuple(Purpose)),
        ("ai-all", (GEN, NONGEN, MINING, INFERENCE, INDEX)),
        ("ai-train", (GEN, NONGEN)),
        ("train-ai", (GEN, NONGEN)),
        ("ai-input", (INFERENCE,)),
        ("ai-index", (INDEX,)),
        ("search", (SEARCH,)),
    ]
    cases = []
    for word, purposes in words:
        for purpose in Purpose:
            hit = purpose in purposes
            prohibits = licensed(usage("prohibits", word))
            permits = licensed(usage("permits", word))
            cases += [
                row(f"prohibits {word} {purpose}", purpose, DENY if hit else None, prohibits),
                row(f"permits {word} {purpose}", purpose, ALLOW if hit else DENY, permits),
            ]
    free = usage("permits", "ai-all")
    conditions = {
        "payment": '<payment type="purchase"><amount currency="USD">5</amount></payment>',
        "attribution": '<payment type="attribution"/>',
        "a standard licence": "<payment><standard>https://l.example</standard></payment>",
        "legal": '<legal type="warranty">ownership</legal>',
        "geo": '<permits type="geo">US</permits>',
        "user": '<permits type="user">non-commercial</permits>',
        "a prohibited user": '<prohibits type="user">commercial</prohibits>',
        "reporting": '<reporting type="audit" profile="https://p.example"/>',
    }
    cases += [
        row(f"permits with {name}", GEN, CONDITIONAL, licensed(free + condition))
        for name, condition in conditions.items()
    ]
    narrow = (
        f'<content url="/pictures/"><license>{usage("prohibits", "ai-train")}</license></content>'
    )
    broad = f'<content url="/"><license>{usage("permits", "all")}</license></content>'
    open_narrow = f'<content url="/pictures/"><license>{free}</license></content>'
    no_broad = f'<content url="/"><license>{usage("prohibits", "all")}</license></content>'
    no = usage("prohibits", "ai-train")
    return [
        *cases,
        row("free payment", GEN, ALLOW, licensed(free + '<payment type="free"/>')),
        row(
            "licence server", GEN, CONDITIONAL, licensed(free, 'url="/" server="https://s.example"')
        ),
        row("permits and prohibits", GEN, DENY, licensed(free + no)),
        row("permits and prohibits, another use", INFERENCE, ALLOW, licensed(free + no)),
        row("narrower prohibits", GEN, DENY, rsl(broad + narrow)),
        row("narrower is silent", SEARCH, ALLOW, rsl(broad + narrow)),
        row("narrower permits", GEN, ALLOW, rsl(no_broad + open_narrow)),
        row("another path", GEN, None, licensed(no, 'url="/films/"')),
        row("pattern", GEN, DENY, licensed(no, 'url="/pictures/*.jpg$"')),
        row("whole URL", GEN, DENY, licensed(no, f'url="{HOST}/pictures/"')),
        row("empty URL", GEN, DENY, licensed(no, 'url=""')),
        row("commas and case", GEN, DENY, licensed(usage("prohibits", "AI-Input, AI-Train"))),
        row("an unknown prohibition", GEN, CONDITIONAL, licensed(usage("prohibits", "archive"))),
        row("payment alone", GEN, CONDITIONAL, licensed('<payment type="crawl"/>')),
        broken("misspelled element", licensed("<permit>all</permit>")),
        broken("without a licence", rsl('<content url="/"/>')),
        broken("another namespace", file("/license.xml", "<rsl><content url='/'/></rsl>")),
        broken("HTML", file("/license.xml", "<!doctype html><title>404</title>")),
        broken("truncated", file("/license.xml", '<rsl xmlns="https://rslstandard.org/rsl"><cont')),
        broken("entities", file("/license.xml", '<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>')),
        _row("RSL by robots.txt", GEN, DENY, files=(robots(f"License: {RSL_URL}"), licensed(no))),
        _row(
            "RSL by one crawler's robots.txt",
            GEN,
            DENY,
            files=(robots(f"User-agent: b\nlicense : {RSL_URL}"), licensed(no)),
        ),
        _row(
            "RSL on another origin",
            GEN,
            CONDITIONAL,
            files=(robots("License: https://other.example/rsl.xml"),),
        ),
        _row(
            "RSL on another origin, search",
            SEARCH,
            CONDITIONAL,
            ("link", '<https://o.example/l>; type="application/rsl+xml"; rel=license'),
        ),
        _row(
            "RSL linked but missing",
            GEN,
            CONDITIONAL,
            RSL_LINK,
            files=(OriginFile(RSL_URL, 404, None, ""),),
        ),
        _row(
            "RSL link truncated",
            GEN,
            CONDITIONAL,
            ("Link", "<https://o; rel=license; type=application/rsl+xml"),
        ),
        _row(
            "a licence link of another kind",
            GEN,
            None,
            ("Link", '<https://creativecommons.org/licenses/by/4.0/>; rel="license"'),
        ),
    ]


def _faults() -> list[Case]:
    down = OriginFile(f"{HOST}/robots.txt", None, None, "HTTP 503")
    absent = OriginFile(f"{HOST}/robots.txt", 404, None, "")
    unreadable = Reason.SERVER_UNREADABLE
    return [
        _row("nothing stated", GEN, None),
        _row("no robots.txt", GEN, None, files=(absent,)),
        _row("robots.txt down", GEN, None, files=(down,), reason=unreadable),
        Case(
            "http headers that cannot be trusted",
            lambda: read_http(HttpEvidence(URL, (), (), "more than 90 headers")),
            GEN,
            None,
            unreadable,
        ),
    ]


CASES: list[Case] = [
    *_robots_tag(),
    *_tdmrep(),
    *_aipref(),
    *_robots_txt(),
    *_rsl(),
    *_faults(),
]
