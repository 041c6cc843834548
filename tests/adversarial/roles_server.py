"""Roles of servers that speak, and of files that cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.adversarial.roles import (
    CONDITIONAL,
    DENIED,
    ONLY_GEN,
    ONLY_INFERENCE,
    Role,
    Statement,
)
from tests.adversarial.server import Answer
from tests.adversarial.terms import BOTH

SITES = ("main", "broken", "bare", "garbled")
_ROBOTS = """\
User-agent: *
Disallow: /
Content-Usage: train-ai=y
Content-Usage: /no-ai/ train-ai=n
content-usage: /no-ai/but-this/ train-ai=y

User-agent: GPTBot
Content-Signal: /signal/ search=yes, AI-Train=No
Content-Signal: /input/ ai-input=no
"""
_TDMREP = """\
[
 {"location": "/reserved/", "tdm-reservation": 1},
 {"location": "/policy/", "tdm-reservation": 1, "tdm-policy": "https://policy.example/"},
 {"Location": "/%70ercent/", "TDM-Reservation": "1"},
 {"location": "/star/*.png$", "tdm-reservation": true},
 {"location": "/not-here/", "tdm-reservation": 1}
]
"""
_RSL = (
    '<rsl xmlns="https://rslstandard.org/rsl">'
    '<content url="/"><license>{}</license></content></rsl>'
)
_TRAIN = '<prohibits type="usage">ai-train</prohibits>'
_PAID = '<permits type="usage">all</permits><payment type="training"/>'
_NO_GEN: Statement = ("server", DENIED, ONLY_GEN)
_NO_BOTH: Statement = ("server", DENIED, BOTH)
_BOTH_IF: Statement = ("server", CONDITIONAL, BOTH)
_GEN_IF: Statement = ("server", CONDITIONAL, ONLY_GEN)
_SIDE_FILES: dict[str, dict[str, Answer]] = {
    "main": {
        "/robots.txt": Answer(_ROBOTS.encode()),
        "/.well-known/tdmrep.json": Answer(b"\xef\xbb\xbf" + _TDMREP.encode()),
        "/train.xml": Answer(_RSL.format(_TRAIN).encode()),
        "/paid.xml": Answer(_RSL.format(_PAID).encode()),
    },
    "broken": {
        "/robots.txt": Answer(b"oops", 500),
        "/.well-known/tdmrep.json": Answer(b"oops", 500),
    },
    "bare": {},
    "garbled": {
        "/.well-known/tdmrep.json": Answer(b'[{"location": "/", "tdm-res'),
        "/robots.txt": Answer(b"", 204),
    },
}


def side_file(site: str, path: str) -> Answer | None:
    """What a server keeps beside its media."""
    return _SIDE_FILES[site].get(path)


def server_roles() -> list[Role]:
    """All of them."""
    return [*_headers(), *_folders(), *_licences(), *_sites(), *_lost()]


def _headers() -> Iterator[Role]:
    cases: list[tuple[Statement | None, tuple[tuple[str, str], ...]]] = [
        (_NO_BOTH, (("X-Robots-Tag", "noai"),)),
        (_NO_BOTH, (("x-ROBOTS-tag", "NoAI"),)),
        (_NO_BOTH, (("X-Robots-Tag", "  NOIMAGEAI"),)),
        (_NO_BOTH, (("X-Robots-Tag", "googlebot: noai"),)),
        (_NO_BOTH, (("X-Robots-Tag", "noarchive noai"),)),
        (_NO_BOTH, (("X-Robots-Tag", '"noai"'),)),
        (_NO_BOTH, (("x-robots-tag", "nofollow"), ("X-ROBOTS-TAG", "otherbot:NoImageAI"))),
        (_NO_BOTH, (("X-Robots-Tag", "unavailable_after: Friday, 25-Jun-10 15:00:00 PST, noai"),)),
        (None, (("X-Robots-Tag", "noindex, nofollow"),)),
        (None, (("X-Robots-Tag", "all"),)),
        (_NO_GEN, (("TDM-Reservation", "1"),)),
        (_NO_GEN, (("tdm-reservation", ' "1" '),)),
        (_NO_GEN, (("tdm-reservation", "0, 1"),)),
        (_NO_GEN, (("tdm-reservation", "0"), ("TDM-RESERVATION", "1"))),
        (_GEN_IF, (("tdm-reservation", "1"), ("TDM-Policy", "https://policy.example/"))),
        (None, (("tdm-reservation", "0"),)),
        (None, (("tdm-reservation", "yes"),)),
        (_NO_GEN, (("Content-Usage", "train-ai=n"),)),
        (_NO_GEN, (("content-usage", "train-ai=n;exceptions=1"),)),
        (_NO_GEN, (("Content-Usage", "search=y"), ("CONTENT-USAGE", "train-ai=n"))),
        (_NO_GEN, (("Content-Usage", "train-ai=n"), ("Content-Usage", "???"))),
        (_NO_GEN, (("Content-Usage", "train-genai=n"),)),
        (_NO_BOTH, (("Content-Usage", "bots=n"),)),
        (("server", DENIED, ONLY_INFERENCE), (("Content-Usage", "ai-output=n"),)),
        (None, (("Content-Usage", "train-ai=y"),)),
        (None, (("Content-Usage", "train-ai=n, train-ai=y"),)),
    ]
    for says, headers in cases:
        yield Role(f"headers {headers}", says=(says,) if says else (), headers=headers)
    # On a server that says nothing else, too.
    yield Role(
        "headers on a bare server",
        says=(_NO_BOTH,),
        site="bare",
        headers=(("X-Robots-Tag", "noai"),),
    )


def _folders() -> Iterator[Role]:
    cases: list[tuple[str, Statement | None, str]] = [
        ("/reserved/", _NO_GEN, ""),
        ("/Reserved/", None, ""),
        ("/policy/", _GEN_IF, ""),
        ("/percent/", _NO_GEN, ""),
        ("/star/", _NO_GEN, "png"),
        ("/star/", None, "jpg"),
        ("/no-ai/", _NO_GEN, ""),
        ("/no-ai/but-this/", None, ""),
        ("/signal/", _NO_GEN, ""),
        ("/input/", ("server", DENIED, ONLY_INFERENCE), ""),
    ]
    for folder, says, fmt in cases:
        yield Role(f"{folder} {fmt}", fmt=fmt, says=(says,) if says else (), folder=folder)
    yield Role("a header before the file", folder="/reserved/", headers=(("TDM-Reservation", "0"),))
    yield Role(
        "an unset header", folder="/reserved/", headers=(("TDM-Reservation", ""),), says=(_NO_GEN,)
    )


def _licences() -> Iterator[Role]:
    def link(path: str) -> tuple[tuple[str, str], ...]:
        return (("Link", f'<{path}>; rel="license"; type="application/rsl+xml"'),)

    yield Role("RSL prohibits", says=(_NO_GEN,), headers=link("/train.xml"))
    yield Role("RSL wants money", says=(_BOTH_IF,), headers=link("/paid.xml"))
    yield Role("RSL is gone", says=(_BOTH_IF,), headers=link("/gone.xml"))
    yield Role("RSL is elsewhere", says=(_BOTH_IF,), headers=link("https://rsl.example/all.xml"))


def _sites() -> Iterator[Role]:
    for number in range(3):
        yield Role(f"beside what fails {number}", site="broken", lifted=("server.unreadable",))
        yield Role(f"beside a cut file {number}", site="garbled", lifted=("server.unreadable",))


def _lost() -> Iterator[Role]:
    def status(code: int, *headers: tuple[str, str]) -> Answer:
        return Answer(b"<html></html>", code, headers)

    gone = {
        "404": lambda found: status(404),
        "410": lambda found: status(410),
        "403": lambda found: status(403),
        "moved": lambda found: status(302, ("Location", "/open/1.jpg")),
    }
    for name, answer in gone.items():
        yield Role(f"lost: {name}", answer=answer, dead="media.unavailable")
    yield Role(
        "lost: breaks off",
        answer=lambda found: replace(found, missing=100),
        dead="media.unavailable",
        most_requests=3,
    )
    yield Role(
        "lost: cut",
        fmt="png",
        answer=lambda found: Answer(found.body[:-100]),
        dead="media.undecodable",
    )
    yield Role("lost: empty", answer=lambda found: Answer(), dead="media.empty")
    yield Role(
        "lost: a page",
        answer=lambda found: Answer(b"<html>not here</html>"),
        dead="media.unsupported_format",
    )
    yield Role(
        "lost: too long",
        fmt="jpg",
        answer=lambda found: Answer(found.body + bytes(1 << 20)),
        dead="media.too_large",
    )
    yield Role("lost: wrong digest", row={"sha256": "0" * 64}, dead="media.digest_mismatch")
    yield Role("lost: wrong name", fmt="png", extension="jpg", dead="media.type_mismatch")
    outside = (
        "http://192.0.2.1{path}",
        "http://127.0.0.1:9{path}",
        "http://127.1:{port}{path}",
        "http://0x7f000001:{port}{path}",
        "http://user@127.0.0.1:{port}{path}",
        "http://127.0.0.1:{port}/open/%2e%2e{path}",
        "https://127.0.0.1:{port}{path}",
        "file:///etc/hostname",
        "../../etc/hostname",
    )
    for uri in outside:
        yield Role(f"lost: {uri}", uri=uri, dead="media.not_allowed", most_requests=0)
