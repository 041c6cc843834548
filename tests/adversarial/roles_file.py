"""Roles with statements in files: denials in every spelling and place, hostile XMP, conflicts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.adversarial.media import (
    PACKET_PLACES,
    STRAY_STATEMENTS,
    EmbedStatement,
    app1,
    itxt,
    jpeg_with,
    png_with,
)
from tests.adversarial.roles import (
    CONDITIONAL,
    DENIED,
    GEN_ONLY,
    MediaRole,
    Objection,
)
from tests.adversarial.terms import BOTH_PURPOSES
from tests.signals.file import c2pa_builder as sign
from tests.signals.file import xmp_builder as build
from tests.signals.file.test_xmp_hostile import DOCTYPES, NOT_XMP

_NAME = "plus:DataMining"
_BEHIND = "JPEG behind"  # the place of what follows the picture's end, which nobody judges
_DMI = build.VOCABULARY + "DMI-"
# Values of the PLUS vocabulary, and invalid ones.
_DENIALS: dict[str, Objection] = {
    "PROHIBITED": ("file", DENIED, BOTH_PURPOSES),
    "PROHIBITED-AIMLTRAINING": ("file", DENIED, GEN_ONLY),
    "PROHIBITED-GENAIMLTRAINING": ("file", DENIED, GEN_ONLY),
    "PROHIBITED-EXCEPTSEARCHENGINEINDEXING": ("file", DENIED, BOTH_PURPOSES),
    "PROHIBITED-SEECONSTRAINT": ("file", CONDITIONAL, BOTH_PURPOSES),
    "PROHIBITED-SEEEMBEDDEDRIGHTSEXPR": ("file", CONDITIONAL, BOTH_PURPOSES),
    "PROHIBITED-SEELINKEDRIGHTSEXPR": ("file", CONDITIONAL, BOTH_PURPOSES),
    "ALLOWED-NOT": ("file", DENIED, BOTH_PURPOSES),
    "allowed": ("file", DENIED, BOTH_PURPOSES),
    "АLLOWED": ("file", DENIED, BOTH_PURPOSES),
    "MAYBE": ("file", DENIED, BOTH_PURPOSES),
}
_FULL_NO: Objection = ("file", DENIED, BOTH_PURPOSES)


def file_roles() -> list[MediaRole]:
    """Returns all roles with statements in files."""
    return [
        *_spelled(),
        *_placed(),
        *_encoded(),
        *_harmless(),
        *_contradicting(),
        *_hostile(),
        *_conflicts(),
    ]


def _in(place: str, packet: bytes) -> tuple[str, EmbedStatement]:
    fmt, put = PACKET_PLACES[place]
    return fmt, lambda data: put(data, packet)


def _role(name: str, place: str, packet: bytes, *says: Objection, **more: object) -> MediaRole:
    fmt, embed = _in(place, packet)
    unjudged = place == _BEHIND
    return MediaRole(
        f"{name}, {place}",
        media_format=fmt,
        embed=embed,
        objections=says,
        unjudged=unjudged,
        **more,  # type: ignore[arg-type]
    )


def _spelled() -> Iterator[MediaRole]:
    places, values = list(PACKET_PLACES), list(_DENIALS)
    for at, (name, spell) in enumerate(build.SPELLINGS.items()):
        for more in range(2):
            value = values[(at + 6 * more) % len(values)]
            packet = spell(_NAME, _DMI + value)
            place = places[(3 * at + more) % len(places)]
            yield _role(f"{name} {value}", place, packet, _DENIALS[value])


def _placed() -> Iterator[MediaRole]:
    for place in PACKET_PLACES:
        for value in ("PROHIBITED", "PROHIBITED-GENAIMLTRAINING", "PROHIBITED-SEECONSTRAINT"):
            packet = build.packet(attributes=f'{_NAME}="DMI-{value}"')
            yield _role(f"bare {value}", place, packet, _DENIALS[value])
        yield _role(
            "no copies",
            place,
            build.packet(
                f"<plus:ImageDuplicationConstraints><rdf:Bag><rdf:li>{build.VOCABULARY}DP-NOD</rdf:li>"
                "</rdf:Bag></plus:ImageDuplicationConstraints>"
            ),
            _FULL_NO,
        )


def _encoded() -> Iterator[MediaRole]:
    packet = build.packet(attributes=f'{_NAME}="DMI-PROHIBITED"')
    for name, encode in build.ENCODINGS.items():
        yield _role(name, "JPEG", encode(packet), _FULL_NO)


def _harmless() -> Iterator[MediaRole]:
    for value in ("ALLOWED", "UNSPECIFIED"):
        packet = build.packet(f"<{_NAME}>{_DMI}{value}</{_NAME}>")
        yield _role(value, "JPEG", packet)
        yield _role(value, "WebP", packet)
    tdm = build.packet(attributes='tdm:reservation="{}"').decode().format
    policy = build.packet(attributes='tdm:reservation="1" tdm:policy="https://p.example"')
    yield _role("tdm 0", "PNG", tdm(0).encode())
    yield _role("tdm 2", "PNG", tdm(2).encode(), ("file", CONDITIONAL, GEN_ONLY))
    yield _role("tdm 1", "PNG", tdm(1).encode(), ("file", DENIED, GEN_ONLY))
    yield _role("tdm 1 with a policy", "WebP", policy, ("file", CONDITIONAL, GEN_ONLY))
    name = "plus:ImageAlterationConstraints"
    crop = f"<{name}>{build.VOCABULARY}AL-CRP</{name}>"
    yield _role("not to be cropped", "JPEG", build.packet(crop), constraints="AL-CRP")
    terms = build.packet("<plus:OtherConstraints>ask first</plus:OtherConstraints>")
    yield _role("a condition in words", "JPEG", terms, ("file", CONDITIONAL, BOTH_PURPOSES))


def _contradicting() -> Iterator[MediaRole]:
    yes = build.packet(attributes=f'{_NAME}="DMI-ALLOWED"')
    no = build.packet(attributes=f'{_NAME}="DMI-PROHIBITED"')
    pairs: dict[str, tuple[str, EmbedStatement]] = {
        "allowed, denied": ("jpg", lambda data: jpeg_with(data, app1(yes), app1(no))),
        "denied, allowed": ("jpg", lambda data: jpeg_with(data, app1(no), app1(yes))),
        "allowed, denied after the end": (
            "jpg",
            lambda data: jpeg_with(data, app1(yes)) + build.jpeg_xmp(no),
        ),
        "allowed in iTXt, denied in eXIf": (
            "png",
            lambda data: png_with(data, itxt(yes), build.png_chunk(b"eXIf", build.tiff({700: no}))),
        ),
        "denied twice": ("png", lambda data: png_with(data, itxt(no), itxt(no))),
    }
    for name, (fmt, embed) in pairs.items():
        behind = name == "allowed, denied after the end"
        yield MediaRole(
            name, media_format=fmt, embed=embed, objections=(_FULL_NO,), unjudged=behind
        )
    both = build.packet(f"<{_NAME}>{_DMI}ALLOWED</{_NAME}><{_NAME}>{_DMI}PROHIBITED</{_NAME}>")
    yield _role("allowed and denied", "PNG", both, _FULL_NO)
    against = {"row": {"grant_train_gen": "allow"}}
    yield _role("against the grant", "JPEG", no, _FULL_NO, **against)


def _hostile() -> Iterator[MediaRole]:
    unreadable = {"reasons": ("file.unreadable",)}
    for name, text in DOCTYPES.items():
        yield _role(name, "PNG", text.encode(), **unreadable)
    for name, raw in NOT_XMP.items():
        yield _role(name, "PNG", raw, **unreadable)
        yield _role(name, "WebP", raw, **unreadable)
    deep = "<q:a rdf:parseType='Resource'>" * 200 + "</q:a>" * 200
    yield _role("deep", "PNG", build.packet(deep, f'{_NAME}="DMI-ALLOWED"'), **unreadable)
    for name, (fmt, embed) in STRAY_STATEMENTS.items():
        yield MediaRole(
            f"stray, {name}",
            media_format=fmt,
            embed=embed,
            unjudged=name == _BEHIND,
            **unreadable,  # type: ignore[arg-type]
        )
    hidden = build.packet("<q:note>DMI-PROHIBITED</q:note>")
    yield _role("in an unknown property", "JPEG", hidden, **unreadable)
    yield MediaRole(
        "extended, incomplete",
        media_format="jpg",
        embed=_cut_extended,
        reasons=("file.unreadable",),
    )


def _cut_extended(data: bytes) -> bytes:
    raw = build.packet(attributes=f'{_NAME}="DMI-ALLOWED"')
    return jpeg_with(data, *build.extended_segments(raw, 100)[:-1])


def _conflicts() -> Iterator[MediaRole]:
    def stated(name: str, value: str) -> bytes:
        return build.packet(f"<{name}>{value}</{name}>")

    plus = build.VOCABULARY
    shown = frozenset({"people", "property", "source"})
    cases = [
        ("plus:ModelReleaseStatus", plus + "MR-UMR", "conflict.model_release"),
        ("plus:ModelReleaseStatus", plus + "MR-LMR", "conflict.model_release"),
        ("plus:ModelReleaseStatus", plus + "MR-NAP", ""),
        ("plus:ModelReleaseStatus", plus + "MR-NON", ""),
        ("plus:ModelReleaseStatus", plus + "MR-YES", "file.unreadable"),
        ("plus:PropertyReleaseStatus", plus + "PR-LPR", "conflict.property_release"),
        ("plus:PropertyReleaseStatus", plus + "PR-UPR", "conflict.property_release"),
        ("plus:PropertyReleaseStatus", plus + "PR-NAP", ""),
        ("plus:ModelReleaseID", "MR-1", "conflict.release_ids"),
        ("plus:MinorModelAgeDisclosure", plus + "AG-A17", "conflict.minors"),
        ("plus:MinorModelAgeDisclosure", plus + "AG-A18", ""),
        ("plus:MinorModelAgeDisclosure", plus + "AG-UNK", ""),
        (
            "Iptc4xmpExt:DigitalSourceType",
            sign.SOURCE + "trainedAlgorithmicMedia",
            "conflict.source file.ai_generated",
        ),
        (
            "Iptc4xmpExt:DigitalSourceType",
            sign.SOURCE + "photoshopped",
            "conflict.source file.ai_generated",
        ),
        ("Iptc4xmpExt:DigitalSourceType", sign.SOURCE + "print", ""),
    ]
    for place in ("JPEG", "PNG compressed", "WebP"):
        for name, value, why in cases:
            packet = stated(name, value)
            yield _role(f"{name} {value}", place, packet, reasons=tuple(why.split()), slots=shown)
    owners = {"Ann Lee": (), "Bob Moss": ("conflict.copyright",)}
    for owner, reasons in owners.items():
        for name, fmt, embed in _owned(f"© 2025 {owner}"):
            yield MediaRole(f"{name} {owner}", media_format=fmt, embed=embed, reasons=reasons)


def _owned(notice: str) -> Iterator[tuple[str, str, EmbedStatement]]:
    """Yields files whose XMP names Ann Lee and whose EXIF or IIM has the notice."""
    xmp = build.packet("<dc:rights>Copyright Ann Lee. All rights reserved.</dc:rights>")
    exif = build.tiff({0x8298: notice.encode() + b"\0"})
    iim = build.photoshop(0x0404, build.iim((1, 90, b"\x1b%G"), (2, 116, notice.encode())))
    old = {
        "EXIF": build.jpeg_segment(0xE1, b"Exif\0\0" + exif),
        "IIM": build.jpeg_segment(0xED, b"Photoshop 3.0\0" + iim),
    }
    for name, segment in old.items():
        yield f"XMP and {name}", "jpg", partial(_with_both, app1(xmp), segment)


def _with_both(one: bytes, other: bytes, data: bytes) -> bytes:
    return jpeg_with(data, one, other)
