"""Hostile packets: limits hold, nothing outside is opened, and no permission arises by accident."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.signals.file.metadata import read_metadata
from schemas.rights import PURPOSES, Permission
from schemas.signal import Reading
from tests.signals.file import xmp_builder as build

pytestmark = pytest.mark.long

DENIAL = build.packet(attributes='plus:DataMining="DMI-PROHIBITED"')
_HEAD = f'<rdf:RDF xmlns:rdf="{build.RDF}" xmlns:plus="{build.PLUS}" xmlns:dc="{build.DC}">'
_ALLOWED = '<rdf:Description plus:DataMining="DMI-ALLOWED"/>'


def read(raw: bytes | str) -> Reading:
    # TIFF neither limits a packet's size nor compresses it.
    return read_metadata(build.tiff({700: raw if isinstance(raw, bytes) else raw.encode()}))


def doctype(subset: str, use: str = "&a;") -> str:
    return f"<!DOCTYPE x [{subset}]>{_HEAD}{_ALLOWED}<rdf:Description dc:rights='{use}'/></rdf:RDF>"


_LAUGHS = '<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)
)
DOCTYPES = {
    "billion laughs": doctype(_LAUGHS, "&a9;"),
    "quadratic blowup": doctype(f'<!ENTITY a "{"x" * 50_000}">', "&a;" * 5_000),
    "external entity": doctype('<!ENTITY a SYSTEM "file:///etc/hostname">'),
    "external entity over http": doctype('<!ENTITY a SYSTEM "http://127.0.0.1:9/x">'),
    "parameter entity": doctype('<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;', "x"),
    "external document type": f'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">{_HEAD}</rdf:RDF>',
    "public document type": f'<!DOCTYPE x PUBLIC "x" "file:///etc/hostname">{_HEAD}</rdf:RDF>',
    "bare document type": f"<!DOCTYPE x>{_HEAD}{_ALLOWED}</rdf:RDF>",
    "default attribute": doctype('<!ATTLIST y plus:DataMining CDATA "DMI-ALLOWED">', "x"),
}
OUTSIDE = {
    **DOCTYPES,
    "stylesheet": '<?xml-stylesheet href="http://127.0.0.1:9/x.xsl" type="text/xsl"?>'
    + DENIAL.decode(),
    "XInclude": f'{_HEAD}<rdf:Description><dc:rights xmlns:xi="http://www.w3.org/2001/XInclude">'
    '<xi:include href="file:///etc/hostname"/></dc:rights></rdf:Description></rdf:RDF>',
    "xml:base": f'{_HEAD}<rdf:Description xml:base="http://127.0.0.1:9/">'
    '<dc:rights rdf:resource="x"/></rdf:Description></rdf:RDF>',
    "rdf:resource": f'{_HEAD}<rdf:Description rdf:about="http://127.0.0.1:9/">'
    '<dc:rights rdf:resource="file:///etc/hostname"/></rdf:Description></rdf:RDF>',
    "HTML": f'{_HEAD}<rdf:Description><dc:rights rdf:datatype="{build.RDF}HTML">'
    "&lt;img src='http://127.0.0.1:9/x'&gt;</dc:rights></rdf:Description></rdf:RDF>",
    "XML literal": f'{_HEAD}<rdf:Description><dc:rights rdf:datatype="{build.RDF}XMLLiteral">'
    "&lt;!DOCTYPE x SYSTEM 'http://127.0.0.1:9/x'&gt;&lt;x/&gt;</dc:rights>"
    "</rdf:Description></rdf:RDF>",
    "schema location": f'{_HEAD}<rdf:Description dc:rights="x" xmlns:s="http://www.w3.org/2001/'
    'XMLSchema-instance" s:schemaLocation="http://127.0.0.1:9/ http://127.0.0.1:9/x.xsd"/></rdf:RDF>',
}
_WATCH = """
import sys
from pipelines.signals.file.metadata import read_metadata
data = sys.stdin.buffer.read()
read_metadata(b"II*\\0")  # load everything that is imported late
before = []
sys.addaudithook(lambda event, args: before.append((event, args)))
reading = read_metadata(data)
outside = [
    (event, args) for event, args in before
    if event.split(".")[0] in ("open", "socket", "os", "urllib", "subprocess", "ftplib", "http")
]
print(len(reading.faults), outside)
"""


@pytest.mark.parametrize("name", DOCTYPES)
def test_document_types_are_faults(name: str) -> None:
    (fault,) = read(DOCTYPES[name]).faults
    assert "document type" in fault.detail


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_file_or_connection_is_opened(name: str) -> None:
    data = build.tiff({700: OUTSIDE[name].encode()})
    done = subprocess.run(
        [sys.executable, "-c", _WATCH], input=data, capture_output=True, check=True
    )
    faults, _, outside = done.stdout.decode().strip().partition(" ")
    assert outside == "[]"
    assert done.stderr == b""
    assert (faults != "0") == (name in DOCTYPES)


def _nested(depth: int) -> str:
    inner = "<q:a rdf:parseType='Resource'>" * depth + "</q:a>" * depth
    return build.packet(inner, 'plus:DataMining="DMI-ALLOWED"').decode()


def _many(count: int) -> str:
    names = " ".join(f'q:a{number}="x"' for number in range(count))
    return build.packet(attributes=f'plus:DataMining="DMI-ALLOWED" {names}').decode()


def _bag(count: int, name: str) -> str:
    items = "".join(f"<rdf:li>{number}</rdf:li>" for number in range(count))
    return build.packet(f"<{name}><rdf:Bag>{items}</rdf:Bag></{name}>").decode()


def _spaces(count: int) -> str:
    nodes = "".join(f'<rdf:Description xmlns:n{n}="u:{n}" n{n}:a="x"/>' for n in range(count))
    return build.wrap(build.rdf(nodes + _ALLOWED))


TOO_MUCH: dict[str, Callable[[], str]] = {
    "deep": lambda: _nested(50_000),
    "attributes": lambda: _many(600_000),
    "elements": lambda: _bag(600_000, "q:a"),
    "values": lambda: _bag(1_000, "dc:creator"),
    "elements about rights": lambda: _bag(25_000, "dc:creator"),
    "bytes": lambda: build.packet("<q:a>" + "x" * (17 << 20) + "</q:a>").decode(),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_a_packet_over_a_limit_is_a_fault(name: str) -> None:
    assert read(TOO_MUCH[name]()).faults


MUCH: dict[str, Callable[[], str]] = {
    "attributes": lambda: _many(20_000),
    "elements": lambda: _bag(100_000, "q:a"),
    "namespaces": lambda: _spaces(5_000),
    "text": lambda: build.packet(f"<dc:rights>{'&#65;' * 1_000_000}</dc:rights>").decode(),
    "unknown values": lambda: _bag(2_000, "plus:DataMining"),
    "values that share their structure": lambda: build.packet(
        '<plus:DataMining rdf:parseType="Resource"><rdf:_1 rdf:nodeID="n"/></plus:DataMining>'
        * 2_000
        + '<q:a><rdf:Bag rdf:nodeID="n">'
        + "<rdf:li>x</rdf:li>" * 5_000
        + "</rdf:Bag></q:a>"
    ).decode(),
    "comments": lambda: build.packet(f"<dc:rights>{'a<!---->' * 500_000}</dc:rights>").decode(),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=[] if name in ("attributes", "unknown values") else pytest.mark.slow
        )
        for name in MUCH
    ],
)
def test_a_large_packet_within_the_limits_is_read_in_bounded_memory(name: str) -> None:
    data = MUCH[name]()
    tracemalloc.start()
    try:
        reading = read(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reading.faults == ()
    assert len(reading.signals) < 1000
    assert peak < 40 * len(data) + (50 << 20)


NOT_XMP = {
    "UTF-7": b'<?xml version="1.0" encoding="UTF-7"?>' + DENIAL,
    "UTF-7 text": b'<?xml version="1.0" encoding="UTF-7"?>+ADw-x+AD4-',
    "EBCDIC": b'<?xml version="1.0" encoding="IBM037"?><x/>',
    "broken UTF-8": build.packet("<dc:rights>\u00e9</dc:rights>").replace(b"\xc3\xa9", b"\xe9"),
    "overlong UTF-8": DENIAL.replace(b"DMI-", b"DMI\xc0\xad"),
    "surrogates in UTF-8": DENIAL.replace(b"DMI-", b"\xed\xa0\x80"),
    "a lone surrogate": DENIAL.decode().encode("utf-16-le").replace(b"D\0M\0", b"\0\xd8M\0"),
    "odd UTF-16": DENIAL.decode().encode("utf-16-le") + b"x",
    "UTF-32 too high": b"\xff\xfe\0\0<\0\0\0\xff\xff\xff\xff",
    "NUL within": DENIAL.replace(b"DMI", b"D\0MI"),
    "a reference to NUL": DENIAL.replace(b"DMI", b"D&#0;MI"),
    "a control character": DENIAL.replace(b"DMI", b"D\x01MI"),
    "an unknown entity": DENIAL.replace(b"DMI", b"&dmi;"),
    "no end": DENIAL[:-60],
    "two roots": DENIAL + DENIAL,
    "text alone": b"no rights reserved",
    "an unknown prefix": b"<rdf:RDF/>",
    "an attribute twice": build.packet(attributes='dc:rights="a" dc:rights="b"'),
}


@pytest.mark.parametrize("name", NOT_XMP)
def test_invalid_xmp_is_a_fault_and_never_a_permission(name: str) -> None:
    reading = read(NOT_XMP[name])
    assert reading.faults
    assert not any(signal.value is Permission.ALLOW for signal in reading.signals)


_P = "DMI-PROHIBITED"


def test_a_cyclic_value_is_a_denial() -> None:
    circle = "<rdf:Description rdf:nodeID='a'><rdf:value rdf:nodeID='a'/></rdf:Description>"
    mining = "<rdf:Description><plus:DataMining rdf:nodeID='a'/></rdf:Description>"
    reading = read(build.wrap(build.rdf(circle + mining)))
    assert {(s.purpose, s.value) for s in reading.signals} == {
        (p, Permission.DENY) for p in PURPOSES
    }


# Denials that a plain RDF reader would silently drop.
DROPPED = {
    "text before an element": "<plus:DataMining>DMI-PROHIBITED<rdf:Description"
    " rdf:about='DMI-ALLOWED'/></plus:DataMining>",
    "text after an element": "<plus:DataMining><rdf:Description rdf:about='DMI-ALLOWED'/>no"
    "</plus:DataMining>",
    "text with a resource": "<plus:DataMining rdf:resource='DMI-ALLOWED'>no</plus:DataMining>",
    "text with attributes": "<plus:DataMining rdf:value='DMI-ALLOWED'>no</plus:DataMining>",
    "text in a node": "<plus:DataMining><rdf:Description rdf:about='DMI-ALLOWED'>no"
    "</rdf:Description></plus:DataMining>",
    "text in a bag": "<plus:DataMining><rdf:Bag>no<rdf:li>DMI-ALLOWED</rdf:li></rdf:Bag>"
    "</plus:DataMining>",
    "an XML literal": "<plus:DataMining rdf:parseType='Literal'><b>no</b></plus:DataMining>",
    "an unknown parseType": "<plus:DataMining rdf:parseType='X'>no</plus:DataMining>",
    "two nodes": "<plus:DataMining><rdf:Description rdf:about='DMI-ALLOWED'/>"
    f"<rdf:Description rdf:about='{_P}'/></plus:DataMining>",
    "two nodes, the first empty": "<plus:DataMining><rdf:Description rdf:about=''/>"
    f"<rdf:Description rdf:about='{_P}'/></plus:DataMining>",
    "a namespace without its slash": "<z:DataMining xmlns:z='http://ns.useplus.org/ldf/xmp/1.0'>"
    f"{_P}</z:DataMining>",
    "a namespace over https": "<z:DataMining xmlns:z='https://ns.useplus.org/ldf/xmp/1.0/'>"
    f"{_P}</z:DataMining>",
    "another property": f"<q:mining>{_P}-AIMLTRAINING</q:mining>",
    "a name in lower case": f"<plus:datamining>{_P}</plus:datamining>",
    "an unqualified name": f"<DataMining>{_P}</DataMining>",
    "an old attribute": f"<plus:DataMining rdf:aboutEach='x'>{_P}</plus:DataMining>",
    "an invalid base": "<plus:DataMining xml:base='http://[' rdf:resource='x'/>",
    "a comment": f"<!-- plus:DataMining={_P} --><plus:DataMining>DMI-ALLOWED</plus:DataMining>",
    "an instruction": f"<?plus DataMining='{_P}'?>",
    "a name made by a base": "<z:Mining xmlns:z='Data' xml:base='http://ns.useplus.org/ldf/xmp/1.0/'"
    ">no</z:Mining>",
}


@pytest.mark.parametrize("name", DROPPED)
def test_a_denial_in_an_illegal_place_is_a_fault_or_a_denial(name: str) -> None:
    reading = read(build.packet(DROPPED[name]))
    denied = {signal.purpose for signal in reading.signals if signal.value is Permission.DENY}
    assert reading.faults or denied == set(PURPOSES)


@pytest.mark.parametrize("root", ["x:xmpmeta", "plus:DataMining"])
def test_a_statement_outside_rdf_is_a_fault(root: str) -> None:
    names = f'xmlns:x="adobe:ns:meta/" xmlns:plus="{build.PLUS}"'
    assert read(f"<{root} {names} plus:DataMining='no'/>").faults
    assert read(f"<{root} {names} plus:DataMining='{_P}'>{build.rdf('')}</{root}>").faults


def test_one_hundred_different_packets_all_count() -> None:
    parts = [build.packet(attributes=f'plus:DataMining="DMI-{n}"') for n in range(100)]
    header = b"http://ns.adobe.com/xap/1.0/\0"
    data = build.jpeg(*(build.jpeg_segment(0xE1, header + raw) for raw in parts))
    reading = read_metadata(data)
    assert len(reading.signals) == 600
    assert reading.faults == ()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_packets_never_turn_into_permissions(data: st.DataObject) -> None:
    """A mutation at one place never gives a permission, and never hides an intact prohibition."""
    spelling = data.draw(st.sampled_from(sorted(build.SPELLINGS)))
    raw = build.SPELLINGS[spelling]("plus:DataMining", "DMI-PROHIBITED")
    at = data.draw(st.integers(0, len(raw)))
    noise = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"<!--", b"]]>", b"&#x"])))
    mutated = raw[:at] + noise + raw[at + data.draw(st.integers(0, 8)) :]
    reading = read(mutated)
    assert not any(signal.value is Permission.ALLOW for signal in reading.signals)
    if b"DMI-PROHIBITED" in mutated:
        assert reading.faults or any(signal.value is Permission.DENY for signal in reading.signals)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(sorted(build.CARRIERS)))
def test_a_denial_counts_next_to_any_bytes(noise: bytes, carrier: str) -> None:
    reading = read_metadata(build.jpeg_xmp(DENIAL) + build.CARRIERS[carrier](noise))
    assert {signal.purpose for signal in reading.signals} == set(PURPOSES)
    read_metadata(build.CARRIERS[carrier](noise))


_NAMES = st.sampled_from(
    ["plus:DataMining", "rdf:Bag", "rdf:li", "rdf:Description", "rdf:RDF", "rdf:value", "q:a"]
)
_ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        "rdf:about rdf:resource rdf:ID rdf:nodeID rdf:parseType plus:DataMining xml:lang"
        " xml:base rdf:datatype about q:b".split()
    ),
    st.sampled_from(["", "DMI-ALLOWED", "Resource", "Collection", "n1", "http://[", "a b"]),
    max_size=3,
)
_TREES: st.SearchStrategy[str] = st.recursive(
    st.sampled_from(["", "DMI-ALLOWED", " "]),
    lambda inner: st.builds(
        lambda name, attributes, children: (
            f"<{name} "
            + " ".join(f'{key}="{value}"' for key, value in attributes.items())
            + f">{''.join(children)}</{name}>"
        ),
        _NAMES,
        _ATTRIBUTES,
        st.lists(inner, max_size=3),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(_TREES)
def test_arbitrary_rdf_does_not_hide_a_denial(tree: str) -> None:
    """Next to any tree of RDF words, legal or not, a denial counts or the packet is a fault."""
    reading = read(build.packet(tree, 'plus:DataMining="DMI-PROHIBITED"'))
    denied = {signal.purpose for signal in reading.signals if signal.value is Permission.DENY}
    assert reading.faults or denied == set(PURPOSES)


# Extreme lengths and headers, and findings of fuzzing. Each is read as a whole file, and as a
# packet in each container.
REGRESSIONS: list[bytes] = [
    b"",
    b"RIFF\xff\xff\xff\xffWEBPEXIF\xff\xff\xff\xffExif\0\0",
    b"\xff\xd8\xff\xe1\0\0http://ns.adobe.com/xap/1.0/\0",
    b"\x89PNG\r\n\x1a\n\0\0\0\x12iTXtXML:com.adobe.xmp\0",
]


@pytest.mark.parametrize("raw", REGRESSIONS)
def test_fuzzing_findings_stay_fixed(raw: bytes) -> None:
    for data in (raw, *(carry(raw) for carry in build.CARRIERS.values())):
        for fault in read_metadata(data).faults:
            assert fault.detail.isprintable()
    reading = read_metadata(build.jpeg_xmp(DENIAL) + raw)
    assert {signal.purpose for signal in reading.signals} == set(PURPOSES)


_XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_OVERLAPPING = b"II*\0\x08\0\0\0" + (4000).to_bytes(2, "little")
_OVERLAPPING += b"\xbc\x02\x07\0\0\xe0\0\0\0\0\0\0" * 4000 + bytes(10_000)
CONTAINERS: dict[str, Callable[[], bytes]] = {
    "overlapping headers": lambda: (
        b"\xff\xd8\xff\xe0" + (b"\xff\xe1\xff\xff" + _XMP_HEADER) * 50_000
    ),
    "boxes": lambda: b"\0\0\0\x08ftyp" + b"\0\0\0\x08free" * 1_100_000,
    "uuid boxes": lambda: build.mp4(*[build.box(b"uuid", build.XMP_UUID)] * 5_000),
    "tokens": lambda: build.jpeg() + b"DMI-PROHIBITED" * 100_000,
    "many overlapping tags": lambda: build.jpeg(
        *[build.jpeg_segment(0xE1, b"Exif\0\0" + _OVERLAPPING)] * 200
    ),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_over_a_limit_give_a_bounded_number_of_faults(name: str) -> None:
    assert 0 < len(read_metadata(CONTAINERS[name]()).faults) < 2000
