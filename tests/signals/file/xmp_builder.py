"""Builds XMP packets, EXIF and IIM, and minimal files that contain them."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Mapping

PLUS = "http://ns.useplus.org/ldf/xmp/1.0/"
VOCABULARY = "http://ns.useplus.org/ldf/vocab/"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
TDM = "http://www.w3.org/ns/tdmrep/"
DC = "http://purl.org/dc/elements/1.1/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NAMESPACES = {
    "plus": PLUS,
    "Iptc4xmpExt": IPTC,
    "tdm": TDM,
    "dc": DC,
    "dcterms": "http://purl.org/dc/terms/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "q": "http://example.org/q/",
}
_XMLNS = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())


def wrap(rdf: str) -> str:
    """Wraps RDF as an XMP packet."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{rdf}</x:xmpmeta><?xpacket end="w"?>'
    )


def rdf(content: str) -> str:
    """Returns node elements in `rdf:RDF`, with all prefixes declared."""
    return f'<rdf:RDF xmlns:rdf="{RDF}" {_XMLNS}>{content}</rdf:RDF>'


def packet(properties: str = "", attributes: str = "") -> bytes:
    """Returns a packet with one description."""
    node = f'<rdf:Description rdf:about="" {attributes}>{properties}</rdf:Description>'
    return wrap(rdf(node)).encode()


Spelling = Callable[[str, str], bytes]


def _container(kind: str) -> Spelling:
    return lambda name, value: packet(
        f"<{name}><rdf:{kind}><rdf:li>{value}</rdf:li></rdf:{kind}></{name}>"
    )


def _other_prefix(name: str, value: str) -> bytes:
    prefix, local = name.split(":")
    node = f'<rdf:Description xmlns:z9="{NAMESPACES[prefix]}" z9:{local}="{value}"/>'
    return wrap(rdf(node)).encode()


def _default_namespace(name: str, value: str) -> bytes:
    prefix, local = name.split(":")
    return packet(f'<{local} xmlns="{NAMESPACES[prefix]}">{value}</{local}>')


def _split_namespace(name: str, value: str) -> bytes:
    """Splits a URI elsewhere: RDF joins namespace and name, so the statement is the same."""
    prefix, local = name.split(":")
    return packet(
        f'<z:{local[3:]} xmlns:z="{NAMESPACES[prefix]}{local[:3]}">{value}</z:{local[3:]}>'
    )


def _second_block(name: str, value: str) -> bytes:
    first = '<rdf:Description rdf:about="" xmp:Rating="3"/>'
    return wrap(rdf(f"{first}<rdf:Description><{name}>{value}</{name}></rdf:Description>")).encode()


def _node_id(name: str, value: str) -> bytes:
    one = f'<rdf:Description rdf:about=""><{name} rdf:nodeID="n1"/></rdf:Description>'
    two = f'<rdf:Description rdf:nodeID="n1" rdf:value="{value}"/>'
    return wrap(rdf(one + two)).encode()


# Every legal way to write one statement: functions from a property and value to a packet.
SPELLINGS: dict[str, Spelling] = {
    "attribute": lambda name, value: packet(attributes=f'{name}="{value}"'),
    "element": lambda name, value: packet(f"<{name}>{value}</{name}>"),
    "other prefix": _other_prefix,
    "default namespace": _default_namespace,
    "split namespace": _split_namespace,
    "rdf:resource": lambda name, value: packet(f'<{name} rdf:resource="{value}"/>'),
    "rdf:about": lambda name, value: packet(
        f'<{name}><rdf:Description rdf:about="{value}"/></{name}>'
    ),
    "Bag": _container("Bag"),
    "Seq": _container("Seq"),
    "Alt": _container("Alt"),
    "Bag of resources": lambda name, value: packet(
        f'<{name}><rdf:Bag><rdf:li rdf:resource="{value}"/></rdf:Bag></{name}>'
    ),
    "language": lambda name, value: packet(
        f'<{name}><rdf:Alt><rdf:li xml:lang="x-default">{value}</rdf:li></rdf:Alt></{name}>'
    ),
    "rdf:value": lambda name, value: packet(
        f"<{name}><rdf:Description><rdf:value>{value}</rdf:value><q:by>me</q:by>"
        f"</rdf:Description></{name}>"
    ),
    "rdf:value attribute": lambda name, value: packet(f'<{name} rdf:value="{value}" q:by="me"/>'),
    "parseType Resource": lambda name, value: packet(
        f'<{name} rdf:parseType="Resource"><rdf:value>{value}</rdf:value></{name}>'
    ),
    "parseType Collection": lambda name, value: packet(
        f'<{name} rdf:parseType="Collection"><rdf:Description rdf:about="{value}"/></{name}>'
    ),
    "white space": lambda name, value: packet(f"\n <{name}>\n\t {value} \n</{name}>\n"),
    "character references": lambda name, value: packet(
        f"<{name}>{''.join(f'&#{ord(char)};' for char in value)}</{name}>"
    ),
    "CDATA and comment": lambda name, value: packet(
        f"<{name}><![CDATA[{value[:9]}]]><!-- x -->{value[9:]}</{name}>"
    ),
    "xml:base": lambda name, value: packet(
        f'<{name} xml:base="http://example.org/"><rdf:Bag><rdf:li>{value}</rdf:li></rdf:Bag></{name}>'
    ),
    "datatype": lambda name, value: packet(
        f'<{name} rdf:datatype="http://www.w3.org/2001/XMLSchema#string">{value}</{name}>'
    ),
    "no xmpmeta": lambda name, value: rdf(
        f'<rdf:Description rdf:about="uuid:1"><{name}>{value}</{name}></rdf:Description>'
    ).encode(),
    "no about": lambda name, value: wrap(
        rdf(f"<rdf:Description><{name}>{value}</{name}></rdf:Description>")
    ).encode(),
    "second block": _second_block,
    "node id": _node_id,
    "nested struct": lambda name, value: packet(
        f'<q:licence rdf:parseType="Resource"><{name}>{value}</{name}></q:licence>'
    ),
}
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "utf-8 mark": lambda raw: b"\xef\xbb\xbf" + raw,
    "utf-16 mark": lambda raw: raw.decode().encode("utf-16"),
    "utf-16-be mark": lambda raw: b"\xfe\xff" + raw.decode().encode("utf-16-be"),
    "utf-16-le": lambda raw: raw.decode().encode("utf-16-le"),
    "utf-16-be": lambda raw: raw.decode().encode("utf-16-be"),
    "utf-32 mark": lambda raw: raw.decode().encode("utf-32"),
    "utf-32-be mark": lambda raw: b"\0\0\xfe\xff" + raw.decode().encode("utf-32-be"),
    "utf-32-le": lambda raw: raw.decode().encode("utf-32-le"),
    "utf-32-be": lambda raw: raw.decode().encode("utf-32-be"),
    "declaration": lambda raw: b'<?xml version="1.0" encoding="UTF-8"?>' + raw,
    "padding": lambda raw: b"\n  " + raw + b"\n" * 200 + b"\0\0",
}


def jpeg_segment(marker: int, payload: bytes) -> bytes:
    """Returns a segment with its length."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def jpeg(*segments: bytes) -> bytes:
    """Returns a JPEG file with the given segments and an empty scan."""
    scan = jpeg_segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
    return b"\xff\xd8" + b"".join(segments) + scan + b"\x12\x34\xff\xd9"


def jpeg_xmp(raw: bytes) -> bytes:
    """Returns a JPEG file with one packet."""
    return jpeg(jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + raw))


def extended_segments(raw: bytes, chunk: int = 60_000, guid: bytes | None = None) -> list[bytes]:
    """Returns the segments of an extended packet."""
    name = guid or hashlib.md5(raw).hexdigest().upper().encode()
    return [
        jpeg_segment(
            0xE1,
            b"http://ns.adobe.com/xmp/extension/\0"
            + struct.pack(">32sII", name, len(raw), at)
            + raw[at : at + chunk],
        )
        for at in range(0, len(raw), chunk)
    ]


def jpeg_extended(raw: bytes) -> bytes:
    """Returns a JPEG file whose statement is in the extended packet."""
    guid = hashlib.md5(raw).hexdigest().upper()
    main = packet(attributes=f'xmpNote:HasExtendedXMP="{guid}"')
    first = jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + main)
    return jpeg(first, *extended_segments(raw, 100))


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    """Returns a chunk with its length and CRC."""
    crc = zlib.crc32(kind + payload)
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", crc)


def png(*chunks: bytes) -> bytes:
    """Returns a PNG file of one grey pixel, with the given chunks before its image data."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    tail = png_chunk(b"IDAT", zlib.compress(b"\0\0")) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + tail


_KEYWORD = b"XML:com.adobe.xmp\0"


def _raw_profile(name: bytes, raw: bytes) -> bytes:
    return b"\n" + name + b"\n" + f"{len(raw):8}\n".encode() + raw.hex().encode() + b"\n"


def png_profile(name: bytes, raw: bytes) -> bytes:
    """Returns a PNG file with a raw profile as ImageMagick writes it."""
    text = b"Raw profile type " + name + b"\0\0" + zlib.compress(_raw_profile(name, raw))
    return png(png_chunk(b"zTXt", text))


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    """Returns a WebP file with only the given chunks."""
    body = b"WEBP"
    for kind, payload in chunks:
        body += kind + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) & 1)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def box(kind: bytes, payload: bytes) -> bytes:
    """Returns a box with its length."""
    return struct.pack(">I", 8 + len(payload)) + kind + payload


def mp4(*boxes: bytes) -> bytes:
    """Returns an MP4 file with a type box and the given boxes."""
    return box(b"ftyp", b"isom\0\0\0\0isom") + b"".join(boxes)


def tiff(entries: Mapping[int, bytes], order: str = "<", big: bool = False) -> bytes:
    """Returns a TIFF structure with one directory, whose entries are bytes of type 7."""
    mark = {"<": b"II", ">": b"MM"}[order]
    if big:
        head = mark + struct.pack(f"{order}HHHQ", 43, 8, 0, 16)
        count, entry, offset, room = "Q", "HHQ", "Q", 8
    else:
        head = mark + struct.pack(f"{order}HI", 42, 8)
        count, entry, offset, room = "H", "HHI", "I", 4
    size = struct.calcsize(f"{order}{count}") + len(entries) * (4 + 2 * room) + room
    at, body, blob = len(head) + size, b"", b""
    for tag, raw in sorted(entries.items()):
        body += struct.pack(f"{order}{entry}", tag, 7, len(raw))
        if len(raw) <= room:
            body += raw.ljust(room, b"\0")
        else:
            body += struct.pack(f"{order}{offset}", at + len(blob))
            blob += raw
    tail = struct.pack(f"{order}{offset}", 0)
    return head + struct.pack(f"{order}{count}", len(entries)) + body + tail + blob


def iim(*sets: tuple[int, int, bytes]) -> bytes:
    """Returns an IIM record."""
    return b"".join(
        struct.pack(">BBBH", 0x1C, record, number, len(raw)) + raw for record, number, raw in sets
    )


def photoshop(number: int, raw: bytes) -> bytes:
    """Returns one Photoshop image resource."""
    return b"8BIM" + struct.pack(">HHI", number, 0, len(raw)) + raw + b"\0" * (len(raw) & 1)


def jpeg_photoshop(raw: bytes, pieces: int = 1) -> bytes:
    """Returns a JPEG file with image resources split into `pieces` segments."""
    step = -(-len(raw) // pieces)
    return jpeg(
        *(
            jpeg_segment(0xED, b"Photoshop 3.0\0" + raw[at : at + step])
            for at in range(0, len(raw), step)
        )
    )


def mov(*boxes: bytes) -> bytes:
    """Returns a QuickTime file with a type box and the given boxes."""
    return box(b"ftyp", b"qt  \0\0\0\0qt  ") + b"".join(boxes)


def gif_extension(label: int, *pieces: bytes) -> bytes:
    """Returns an extension of a GIF, with its content in sub-blocks of the given pieces."""
    blocks = b"".join(bytes((len(piece),)) + piece for piece in pieces)
    return bytes((0x21, label)) + blocks + b"\0"


def gif(*extensions: bytes) -> bytes:
    """Returns a GIF of one pixel, with extensions before its picture."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(3) + b"\xff\xff\xff"
    image = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + b"".join(extensions) + image + b";"


def gif_xmp(raw: bytes) -> bytes:
    """Returns a GIF with a packet as Adobe specifies it: as it is, and a trailer behind it."""
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    return gif(b"\x21\xff\x0bXMP DataXMP" + raw + trailer)


def _in_pieces(raw: bytes) -> list[bytes]:
    return [raw[at : at + 255] for at in range(0, len(raw), 255)]


def gif_application(name: bytes, raw: bytes) -> bytes:
    """Returns a GIF with an application extension, in sub-blocks."""
    return gif(gif_extension(0xFF, name, *_in_pieces(raw)))


def gif_comment(raw: bytes) -> bytes:
    """Returns a GIF with a comment."""
    return gif(gif_extension(0xFE, *_in_pieces(raw)))


def avif(*items: tuple[bytes, bytes, bytes], method: int = 0, extents: int = 1) -> bytes:
    """Returns an AVIF whose first item is the picture.

    Args:
        items: Further items: type, content type with its NUL (of type `mime`), content.
        method: 0 for content in `mdat`, 1 in `idat`.
        extents: In how many pieces a content is stored.
    """
    all_items = ((b"av01", b"", b"\x12\0"), *items)
    infos = b"".join(
        box(b"infe", struct.pack(">IHH4s", 2 << 24, number, 0, kind) + b"\0" + content_type)
        for number, (kind, content_type, _) in enumerate(all_items, 1)
    )
    iinf = box(b"iinf", struct.pack(">IH", 0, len(all_items)) + infos)
    handler = box(b"hdlr", bytes(8) + b"pict" + bytes(13))
    pitm = box(b"pitm", struct.pack(">IH", 0, 1))
    content = b"".join(raw for _, _, raw in all_items)

    def meta(start: int) -> bytes:
        at, places = start, b""
        for number, (_, _, raw) in enumerate(all_items, 1):
            places += struct.pack(">HHHH", number, method, 0, extents)
            step = -(-len(raw) // extents)
            for piece in range(extents):
                size = max(0, min(step, len(raw) - piece * step))
                places += struct.pack(">II", at + piece * step, size)
            at += len(raw)
        iloc = box(b"iloc", struct.pack(">IBBH", 1 << 24, 0x44, 0, len(all_items)) + places)
        idat = box(b"idat", content) if method else b""
        return box(b"meta", bytes(4) + handler + pitm + iloc + iinf + idat)

    head = box(b"ftyp", b"avif\0\0\0\0avifmif1")
    if method:
        return head + meta(0)
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", content)


def avif_exif(tiff_bytes: bytes) -> bytes:
    """Returns an AVIF with EXIF, which starts after the offset of its TIFF header."""
    return avif((b"Exif", b"", bytes(4) + tiff_bytes))


_XMP_ITEM = b"application/rdf+xml\0"
XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
# Every place where a packet can be in a file.
CARRIERS: dict[str, Callable[[bytes], bytes]] = {
    "JPEG": jpeg_xmp,
    "JPEG extended": jpeg_extended,
    "JPEG after the image": lambda raw: jpeg() + jpeg_xmp(raw),
    "JPEG EXIF": lambda raw: jpeg(jpeg_segment(0xE1, b"Exif\0\0" + tiff({700: raw}))),
    "JPEG Photoshop": lambda raw: jpeg_photoshop(photoshop(0x0424, raw), 3),
    "PNG": lambda raw: png(png_chunk(b"iTXt", _KEYWORD + b"\0\0\0\0" + raw)),
    "PNG translated": lambda raw: png(png_chunk(b"iTXt", _KEYWORD + b"\0\0en\0XMP\0" + raw)),
    "PNG compressed": lambda raw: png(
        png_chunk(b"iTXt", _KEYWORD + b"\1\0\0\0" + zlib.compress(raw))
    ),
    "PNG zTXt": lambda raw: png(png_chunk(b"zTXt", _KEYWORD + b"\0" + zlib.compress(raw))),
    "PNG raw profile": lambda raw: png_profile(b"xmp", raw),
    "PNG raw profile tEXt": lambda raw: png(
        png_chunk(b"tEXt", b"Raw profile type xmp\0" + _raw_profile(b"xmp", raw))
    ),
    "PNG raw APP1": lambda raw: png_profile(b"APP1", b"http://ns.adobe.com/xap/1.0/\0" + raw),
    "PNG eXIf": lambda raw: png(png_chunk(b"eXIf", tiff({700: raw}, ">"))),
    "WebP": lambda raw: webp((b"VP8 ", b"x"), (b"XMP ", raw)),
    "WebP EXIF": lambda raw: webp((b"EXIF", b"Exif\0\0" + tiff({700: raw}))),
    "TIFF II": lambda raw: tiff({700: raw}),
    "TIFF MM": lambda raw: tiff({700: raw}, ">"),
    "BigTIFF II": lambda raw: tiff({700: raw}, "<", True),
    "BigTIFF MM": lambda raw: tiff({700: raw}, ">", True),
    "TIFF Photoshop": lambda raw: tiff({34377: photoshop(0x0424, raw)}),
    "MP4 uuid": lambda raw: mp4(box(b"uuid", XMP_UUID + raw)),
    "MP4 long uuid": lambda raw: mp4(
        struct.pack(">I4sQ", 1, b"uuid", 32 + len(raw)) + XMP_UUID + raw, box(b"free", b"")
    ),
    "MP4 last uuid": lambda raw: mp4(struct.pack(">I4s", 0, b"uuid") + XMP_UUID + raw),
    "GIF": gif_xmp,
    "GIF sub-blocks": lambda raw: gif_application(b"XMP DataXMP", raw),
    "GIF Photoshop": lambda raw: gif_application(b"MGK8BIM0000", photoshop(0x0424, raw)),
    "AVIF": lambda raw: avif((b"mime", _XMP_ITEM, raw)),
    "AVIF idat": lambda raw: avif((b"mime", _XMP_ITEM, raw), method=1),
    "AVIF in pieces": lambda raw: avif((b"mime", _XMP_ITEM, raw), extents=3),
    "AVIF deflated": lambda raw: avif((b"mime", _XMP_ITEM + b"deflate\0", zlib.compress(raw))),
    "AVIF EXIF": lambda raw: avif_exif(tiff({700: raw})),
    "MOV udta": lambda raw: mov(box(b"wide", b""), box(b"moov", box(b"udta", box(b"XMP_", raw)))),
    "MOV without a type": lambda raw: box(b"moov", box(b"udta", box(b"XMP_", raw))),
    "MOV uuid": lambda raw: mov(box(b"uuid", XMP_UUID + raw)),
    "MP4 udta": lambda raw: mp4(box(b"moov", box(b"udta", box(b"XMP_", raw)))),
}
