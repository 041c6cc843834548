"""Roles with rights statements by servers, and with files that cannot be fetched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.adversarial.roles import (
    CONDITIONAL,
    DENIED,
    GEN_ONLY,
    INFERENCE_ONLY,
    MediaRole,
    Objection,
)
from tests.adversarial.server import ServerAnswer
from tests.adversarial.terms import BOTH_PURPOSES

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
_NO_GEN: Objection = ("server", DENIED, GEN_ONLY)
_NO_BOTH: Objection = ("server", DENIED, BOTH_PURPOSES)
_BOTH_IF: Objection = ("server", CONDITIONAL, BOTH_PURPOSES)
_GEN_IF: Objection = ("server", CONDITIONAL, GEN_ONLY)
_SIDE_FILES: dict[str, dict[str, ServerAnswer]] = {
    "main": {
        "/robots.txt": ServerAnswer(_ROBOTS.encode()),
        "/.well-known/tdmrep.json": ServerAnswer(b"\xef\xbb\xbf" + _TDMREP.encode()),
        "/train.xml": ServerAnswer(_RSL.format(_TRAIN).encode()),
        "/paid.xml": ServerAnswer(_RSL.format(_PAID).encode()),
    },
    "broken": {
        "/robots.txt": ServerAnswer(b"oops", 500),
        "/.well-known/tdmrep.json": ServerAnswer(b"oops", 500),
    },
    "bare": {},
    "garbled": {
        "/.well-known/tdmrep.json": ServerAnswer(b'[{"location": "/", "tdm-res'),
        "/robots.txt": ServerAnswer(b"", 204),
    },
}


def side_file(site: str, path: str) -> ServerAnswer | None:
    """Returns a server's answer for a file that is not media, such as robots.txt, or None."""
    return _SIDE_FILES[site].get(path)


def server_roles() -> list[MediaRole]:
    """Returns all server roles."""
    return [*_headers(), *_folders(), *_licences(), *_sites(), *_lost()]


def _headers() -> Iterator[MediaRole]:
    cases: list[tuple[Objection | None, tuple[tuple[str, str], ...]]] = [
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
        (("server", DENIED, INFERENCE_ONLY), (("Content-Usage", "ai-output=n"),)),
        (None, (("Content-Usage", "train-ai=y"),)),
        (None, (("Content-Usage", "train-ai=n, train-ai=y"),)),
    ]
    for says, headers in cases:
        yield MediaRole(f"headers {headers}", objections=(says,) if says else (), headers=headers)
    # The header also counts on a server without any other statement.
    yield MediaRole(
        "headers on a bare server",
        objections=(_NO_BOTH,),
        site="bare",
        headers=(("X-Robots-Tag", "noai"),),
    )


def _folders() -> Iterator[MediaRole]:
    cases: list[tuple[str, Objection | None, str]] = [
        ("/reserved/", _NO_GEN, ""),
        ("/Reserved/", None, ""),
        ("/policy/", _GEN_IF, ""),
        ("/percent/", _NO_GEN, ""),
        ("/star/", _NO_GEN, "png"),
        ("/star/", None, "jpg"),
        ("/no-ai/", _NO_GEN, ""),
        ("/no-ai/but-this/", None, ""),
        ("/signal/", _NO_GEN, ""),
        ("/input/", ("server", DENIED, INFERENCE_ONLY), ""),
    ]
    for folder, says, fmt in cases:
        yield MediaRole(
            f"{folder} {fmt}", media_format=fmt, objections=(says,) if says else (), folder=folder
        )
    yield MediaRole(
        "a header overrides tdmrep.json", folder="/reserved/", headers=(("TDM-Reservation", "0"),)
    )
    yield MediaRole(
        "an empty header does not override tdmrep.json",
        folder="/reserved/",
        headers=(("TDM-Reservation", ""),),
        objections=(_NO_GEN,),
    )


def _licences() -> Iterator[MediaRole]:
    def link(path: str) -> tuple[tuple[str, str], ...]:
        return (("Link", f'<{path}>; rel="license"; type="application/rsl+xml"'),)

    yield MediaRole("RSL prohibits", objections=(_NO_GEN,), headers=link("/train.xml"))
    yield MediaRole("RSL requires payment", objections=(_BOTH_IF,), headers=link("/paid.xml"))
    yield MediaRole("RSL file is missing", objections=(_BOTH_IF,), headers=link("/gone.xml"))
    yield MediaRole(
        "RSL file is on another host",
        objections=(_BOTH_IF,),
        headers=link("https://rsl.example/all.xml"),
    )


def _sites() -> Iterator[MediaRole]:
    for number in range(3):
        yield MediaRole(
            f"site whose policy files fail {number}",
            site="broken",
            liftable_reasons=("server.unreadable",),
        )
        yield MediaRole(
            f"site with a truncated policy file {number}",
            site="garbled",
            liftable_reasons=("server.unreadable",),
        )


def _lost() -> Iterator[MediaRole]:
    def status(code: int, *headers: tuple[str, str]) -> ServerAnswer:
        return ServerAnswer(b"<html></html>", code, headers)

    gone = {
        "404": lambda found: status(404),
        "410": lambda found: status(410),
        "403": lambda found: status(403),
        "moved": lambda found: status(302, ("Location", "/open/1.jpg")),
    }
    for name, answer in gone.items():
        yield MediaRole(f"lost: {name}", answer=answer, failure_reason="media.unavailable")
    yield MediaRole(
        "lost: connection breaks",
        answer=lambda found: replace(found, missing=100),
        failure_reason="media.unavailable",
        max_requests=3,
    )
    yield MediaRole(
        "lost: truncated",
        media_format="png",
        answer=lambda found: ServerAnswer(found.body[:-100]),
        failure_reason="media.undecodable",
    )
    yield MediaRole(
        "lost: empty", answer=lambda found: ServerAnswer(), failure_reason="media.empty"
    )
    yield MediaRole(
        "lost: an HTML page",
        answer=lambda found: ServerAnswer(b"<html>not here</html>"),
        failure_reason="media.unsupported_format",
    )
    yield MediaRole(
        "lost: too long",
        media_format="jpg",
        answer=lambda found: ServerAnswer(found.body + bytes(1 << 20)),
        failure_reason="media.too_large",
    )
    yield MediaRole(
        "lost: wrong digest", row={"sha256": "0" * 64}, failure_reason="media.digest_mismatch"
    )
    yield MediaRole(
        "lost: wrong name",
        media_format="png",
        extension="jpg",
        failure_reason="media.type_mismatch",
    )
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
        yield MediaRole(f"lost: {uri}", uri=uri, failure_reason="media.not_allowed", max_requests=0)
