"""RSL: licences beyond the conformance cases, links to them, and hostile XML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.signals.server.common import ServedFile, strictest
from pipelines.signals.server.links import license_links
from pipelines.signals.server.rsl import read_rsl
from schemas.rights import Permission, Purpose
from schemas.signal import Reading

URL = "https://media.example/license.xml"
PAGE = ServedFile("https://media.example/a/b.jpg?sig=5ec4e7")
NS = "https://rslstandard.org/rsl"
LINK = 'rel="license"; type="application/rsl+xml"'


def read(body: str | bytes) -> Reading:
    return read_rsl(PAGE, URL, body if isinstance(body, bytes) else body.encode())


def document(*licenses: str, url: str = "/") -> str:
    inner = "".join(f"<license>{each}</license>" for each in licenses)
    return f'<rsl xmlns="{NS}"><content url="{url}">{inner}</content></rsl>'


def value(reading: Reading, purpose: Purpose = Purpose.TRAIN_GEN) -> Permission | None:
    assert not reading.faults
    return strictest(signal.value for signal in reading.signals if signal.purpose is purpose)


PERMITS, PROHIBITS = '<permits type="usage">ai-train</permits>', "<prohibits>ai-train</prohibits>"
PAID = '<payment type="purchase"/>'


def test_several_licences_of_one_content_are_combined() -> None:
    assert value(read(document(PERMITS + PAID, PERMITS))) is Permission.ALLOW
    assert value(read(document(PERMITS, PROHIBITS))) is Permission.DENY
    search = '<permits type="usage">search</permits>'
    assert value(read(document(search, PERMITS + PAID))) is Permission.CONDITIONAL
    assert value(read(document(search))) is Permission.DENY
    assert (
        value(
            read(
                document(search),
            ),
            Purpose.DATA_MINING,
        )
        is Permission.DENY
    )


def test_of_contents_with_equally_long_patterns_the_stricter_counts() -> None:
    both = document(PERMITS, url="/a").replace("</rsl>", "") + document(
        PROHIBITS, url="/*"
    ).replace(f'<rsl xmlns="{NS}">', "")
    assert value(read(both)) is Permission.DENY


def test_prefixes_foreign_elements_and_encodings_are_accepted() -> None:
    prefixed = (
        f'<r:rsl xmlns:r="{NS}" xmlns:x="urn:x"><x:note><x:permit/></x:note><r:content url="/">'
        '<x:y/><r:license><x:permits>all</x:permits><r:prohibits type="usage">ai-<!-- -->train'
        "</r:prohibits></r:license></r:content></r:rsl>"
    )
    assert value(read(prefixed)) is Permission.DENY
    assert value(read(prefixed.encode("utf-16"))) is Permission.DENY
    cdata = PROHIBITS.replace("ai-train", "<![CDATA[ai-train]]>")
    assert value(read("\ufeff" + document(cdata))) is Permission.DENY
    assert value(read(document(PROHIBITS.replace("ai-train", "ai&#45;train")))) is Permission.DENY


def test_a_signal_names_the_pattern_and_the_document() -> None:
    signal = read(document(PROHIBITS, url="/a/*.jpg$")).signals[0]
    assert (signal.where, signal.said) == (URL, '<content url="/a/*.jpg$"> deny')
    assert signal.who == "media.example"
    assert "5ec4e7" not in repr(read(document(PROHIBITS)))


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))


DEEP = document(PROHIBITS).replace(
    "<license>", '<x:a xmlns:x="urn:x">' * 40 + "</x:a>" * 40 + "<license>"
)
WIDE = document(PROHIBITS).replace("<license>", '<x:a xmlns:x="urn:x"/>' * 60_000 + "<license>")


@pytest.mark.parametrize(
    "body",
    [
        DEEP,
        WIDE,
        '<!DOCTYPE rsl [<!ENTITY t "ai-input">]>' + document(PROHIBITS),
        '<!DOCTYPE rsl SYSTEM "file:///etc/passwd">' + document(PROHIBITS),
        "",
        "not XML",
        "<rsl/>",
        f'<rsl xmlns="{NS}"/>',
        f'<rsl xmlns="{NS}"><license/></rsl>',
        f'<!DOCTYPE r [<!ENTITY a0 "ha">{LAUGHS}]><rsl xmlns="{NS}">&a11;</rsl>',
        f'<!DOCTYPE r SYSTEM "file:///etc/passwd"><rsl xmlns="{NS}"/>',
        f'<rsl xmlns="{NS}">&undeclared;</rsl>',
        f'<rsl xmlns="{NS}">' + "<a>" * 100_000,
        f'<rsl xmlns="{NS}">' + "<a/>" * 100_000 + "</rsl>",
        '<?xml version="1.0" encoding="no-such"?><rsl/>',
        document(PROHIBITS)[:-3],
        document("<prohibits><usage>ai-train</usage></prohibits>"),
        document("<permit>ai-train</permit>"),
        document(PROHIBITS).replace("<license>", "<licence/><license>"),
        document(PROHIBITS).replace('url="/"', ""),
        b"\xff\xfe\x00",
    ],
)
def test_an_invalid_licence_document_is_a_fault(body: str | bytes) -> None:
    reading = read(body)
    assert not reading.signals
    (fault,) = reading.faults
    assert fault.where == URL and fault.detail.startswith("not an RSL document: ")


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda t: document(t).encode("utf-8")))
def test_no_bytes_make_the_reader_raise(body: bytes) -> None:
    read(body)


@pytest.mark.parametrize(
    ("header", "url"),
    [
        (f"<{URL}>; {LINK}", URL),
        (f"</license.xml>;{LINK}", URL),
        (f"<license.xml> ; {LINK}", "https://media.example/a/license.xml"),
        (f"<{URL}>; TYPE=APPLICATION/RSL+XML; REL=License", URL),
        (f'<{URL}>; type="application/rsl+xml;charset=utf-8"; rel="next license"', URL),
        (f'</a>; rel="next", <{URL}>; {LINK}', URL),
        (f'</a>; title="x, <y>; \\" z", <{URL}>; {LINK}', URL),
        (f"<{URL}#part>; {LINK}", URL),
        (f"<>; {LINK}", ""),
        (f"<https://[>; {LINK}", ""),
        (f"{URL}; {LINK}", ""),
        (f"<{URL}; {LINK}", ""),
        (f"<{URL}>; rel=other; type=application/rsl+xml", ""),
        (f"<{URL}>; rel=license", None),
        ("", None),
    ],
)
def test_a_link_header_gives_the_expected_url(header: str, url: str | None) -> None:
    links = license_links(PAGE.url, [header], "https://media.example/robots.txt", None)
    assert [link.url for link in links] == ([] if url is None else [url])


def test_a_link_in_headers_and_robots_txt_is_listed_once() -> None:
    robots = f"License: {URL}\nLicense: /other.xml\nLicense:\n".encode()
    links = license_links(
        PAGE.url, [f"<{URL}>; {LINK}"], "https://media.example/robots.txt", robots
    )
    assert [link.url for link in links] == [URL, "https://media.example/other.xml"]
    assert [link.where for link in links] == ["http Link", "https://media.example/robots.txt"]


@given(st.lists(st.text('<>;,= "\\\tlicenserypato/+xm', max_size=120), max_size=3))
def test_no_link_header_makes_the_parser_raise(headers: list[str]) -> None:
    license_links(PAGE.url, headers, "https://media.example/robots.txt", None)


def test_headers_built_to_be_slow_are_parsed() -> None:
    for piece in ("<", "<>", '<>;x="', "<>;x=\\", "<> ; ; ;", ' ;"', "<a>;a=b "):
        header = piece * (60_000 // len(piece))
        assert not license_links(PAGE.url, [header], "https://media.example/robots.txt", None)
