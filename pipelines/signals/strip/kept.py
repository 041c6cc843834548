"""What is kept of a file's metadata: nothing, or its statements about rights."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from copy import deepcopy
from dataclasses import dataclass

from pipelines.signals.file.container_tiff import TAG_COPYRIGHT, read_tiff
from pipelines.signals.file.exif_iim import iim_data_sets
from pipelines.signals.file.generators import GENERATED
from pipelines.signals.file.metadata_blocks import BlockKind, MetadataBlock
from pipelines.signals.file.metadata_tree import all_blocks
from pipelines.signals.file.rdf_feed import RDF, XML, BadPacketError
from pipelines.signals.file.rights_fields import (
    IIM_CODED_CHARACTER_SET,
    IIM_RIGHTS,
    is_rights_property,
)
from pipelines.signals.file.xmp import decode_packet, parse_packet
from pipelines.signals.file.xmp_rights import read_packet
from pipelines.signals.file.xmp_vocabulary import IPTC_EXT, PLUS, SOURCE_TYPES
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX
from schemas.signal import AssertionKind, Reading

_X = "adobe:ns:meta/"
_PREFIXES = {
    "x": _X,
    "rdf": RDF,
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "plus": PLUS,
    "Iptc4xmpExt": IPTC_EXT,
    "cc": "http://creativecommons.org/ns#",
    "tdm": "http://www.w3.org/ns/tdmrep/",
}
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_END = '<?xpacket end="r"?>'
_MAX_NOTICE_BYTES = 60_000
_ORIENTATION, _IIM = 0x0112, 0x83BB
_SHORT, _ASCII, _UNDEFINED = 3, 2, 7

for _prefix, _uri in _PREFIXES.items():
    ET.register_namespace(_prefix, _uri)


class CannotStripError(Exception):
    """Raised when metadata cannot be removed for certain; the message says why, without values."""


@dataclass(frozen=True)
class Kept:
    """What the new file has for metadata.

    Attributes:
        orientation: EXIF orientation of the picture; 1 needs no statement.
        notice: The copyright notice of EXIF, as it was written; b"" for none.
        iim: An IIM record with the statements about rights; b"" for none.
        packets: XMP packets with them. They stay apart as they were, since what one says may
            qualify what else it says.
        texts: Whether text fields about rights of the container are kept.
        whole_exif: EXIF that is kept as a whole, instead of orientation and notice; b"" for none.
    """

    orientation: int = 1
    notice: bytes = b""
    iim: bytes = b""
    packets: tuple[bytes, ...] = ()
    texts: bool = False
    whole_exif: bytes = b""

    def exif(self, with_iim: bool = False) -> bytes:
        """Returns a TIFF structure with orientation, notice and, if asked for, IIM; or b""."""
        if self.whole_exif:
            return self.whole_exif
        entries: list[tuple[int, int, int, bytes]] = []
        if self.orientation != 1:
            entries.append((_ORIENTATION, _SHORT, 1, struct.pack("<H", self.orientation)))
        if with_iim and self.iim:
            entries.append((_IIM, _UNDEFINED, len(self.iim), self.iim))
        if self.notice:
            entries.append((TAG_COPYRIGHT, _ASCII, len(self.notice), self.notice))
        return _tiff(entries) if entries else b""


def _tiff(entries: list[tuple[int, int, int, bytes]]) -> bytes:
    at = 8 + 2 + 12 * len(entries) + 4
    directory, values = struct.pack("<H", len(entries)), b""
    for tag, kind, count, raw in sorted(entries):
        directory += struct.pack("<HHI", tag, kind, count)
        if len(raw) <= 4:
            directory += raw.ljust(4, b"\0")
        else:
            directory += struct.pack("<I", at + len(values))
            values += raw + b"\0" * (len(raw) & 1)
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(4) + values


def rights_statements(data: bytes, orientation: int, reading: Reading) -> Kept:
    """Returns the statements about rights of a file.

    Args:
        data: The file.
        orientation: Its EXIF orientation.
        reading: What was read from it.

    Raises:
        CannotStripError: If they cannot be told apart from the rest.
    """
    blocks, _ = all_blocks(data)
    notices = dict.fromkeys(
        raw
        for block in blocks
        if block.kind is BlockKind.EXIF
        for tag, raw in read_tiff(block.data, "", None, (TAG_COPYRIGHT,), 1 << 20).texts
        if tag == TAG_COPYRIGHT and raw.strip(b"\0 ")
    )
    if len(notices) > 1 or any(len(notice) > _MAX_NOTICE_BYTES for notice in notices):
        raise CannotStripError("several copyright notices in EXIF, or one that is very long")
    packets = [block for block in blocks if block.kind is BlockKind.XMP]
    stated = {item.value for item in reading.claims if item.kind is AssertionKind.SOURCE_TYPE}
    return Kept(
        orientation,
        next(iter(notices), b""),
        _rights_iim([block for block in blocks if block.kind is BlockKind.IIM]),
        _rights_packets(packets, GENERATED in stated),
        texts=True,
    )


def _rights_iim(blocks: list[MetadataBlock]) -> bytes:
    kept: dict[tuple[tuple[int, int], bytes], None] = {}
    for block in blocks:
        sets = list(iim_data_sets(block.data))
        if any(key in IIM_RIGHTS for key, _ in sets):
            wanted = {*IIM_RIGHTS, IIM_CODED_CHARACTER_SET}
            kept.update(dict.fromkeys(item for item in sets if item[0] in wanted))
    marks = {value for key, value in kept if key == IIM_CODED_CHARACTER_SET}
    if len(marks) > 1 or any(len(value) > 0x7FFF for _, value in kept):
        raise CannotStripError("IIM records in different encodings, or a very long notice")
    return b"".join(
        struct.pack(">BBBH", 0x1C, *key, len(value)) + value
        for key, value in sorted(kept, key=lambda item: item[0][0])
    )


def _rights_packets(blocks: list[MetadataBlock], is_generated: bool) -> tuple[bytes, ...]:
    """Returns the packets with their rights properties alone; those without any are left out.

    Args:
        blocks: The packets.
        is_generated: Whether anything in the file says that a generator made it.
    """
    trees = [rdf for block in blocks if len(rdf := _rights_tree(block.data))]
    says_generated = any(
        claim.kind is AssertionKind.SOURCE_TYPE and claim.value == GENERATED
        for rdf in trees
        for claim in read_packet(MetadataBlock(BlockKind.XMP, "", _packet(rdf))).reading.claims
    )
    if is_generated and not says_generated:
        # A text or a name that is removed said so, and what it means is kept.
        trees = trees or [ET.Element(f"{{{RDF}}}RDF")]
        _say_generated(trees[0])
    return tuple(dict.fromkeys(_packet(rdf) for rdf in trees))


def rights_packet(raw: bytes) -> bytes:
    """Returns a packet with its rights properties alone; b"" if it has none.

    Raises:
        CannotStripError: If it cannot be read.
    """
    rdf = _rights_tree(raw)
    return _packet(rdf) if len(rdf) else b""


def _say_generated(rdf: ET.Element) -> None:
    names = {_uri_of(element.tag) for element in rdf.iter()}
    names |= {_uri_of(key) for node in rdf for key in node.attrib}
    node = ET.SubElement(rdf, f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""})
    if names.isdisjoint(SOURCE_TYPES):
        source = ET.SubElement(node, f"{{{IPTC_EXT}}}DigitalSourceType")
        source.text = f"{DIGITAL_SOURCE_TYPE_PREFIX}{GENERATED}"
    else:  # which says otherwise, and a property must not stand twice
        ET.SubElement(node, f"{{{IPTC_EXT}}}AISystemUsed").text = "not named"


def _packet(rdf: ET.Element) -> bytes:
    root = ET.Element(f"{{{_X}}}xmpmeta")
    root.append(rdf)
    return f"{_BEGIN}{ET.tostring(root, encoding='unicode')}{_END}".encode()


def _rights_tree(raw: bytes) -> ET.Element:
    """Returns the RDF of a packet with its rights properties alone."""
    try:
        # This refuses document types and with them all entities, and packets above the limits.
        parse_packet(raw, lambda _: False)
        text = decode_packet(raw)
        root = ET.fromstring(text) if text else ET.Element("none")  # noqa: S314
    except (BadPacketError, ET.ParseError) as error:
        raise CannotStripError("an XMP packet cannot be read") from error
    tree = ET.Element(f"{{{RDF}}}RDF")
    for rdf in root.iter(f"{{{RDF}}}RDF"):
        for node in rdf:
            kept = _rights_node(node)
            if kept is not None:
                tree.append(kept)
    return tree


def _rights_node(node: ET.Element) -> ET.Element | None:
    if any(f"{{{XML}}}base" in element.attrib for element in node.iter()):
        raise CannotStripError("an XMP packet has a base for its names")
    kept = ET.Element(f"{{{RDF}}}Description")
    name = node.get(f"{{{RDF}}}nodeID")
    kept.set(*((f"{{{RDF}}}about", "") if name is None else (f"{{{RDF}}}nodeID", name)))
    has_statements = False
    for key, value in node.items():
        if is_rights_property(_uri_of(key)):
            kept.set(key, value)
            has_statements = True
    for element in node:
        if is_rights_property(_uri_of(element.tag)):
            copied = deepcopy(element)
            copied.tail = None
            kept.append(copied)
            has_statements = True
    return kept if has_statements else None


def _uri_of(name: str) -> str:
    """Returns ElementTree's `{namespace}name` as a URI."""
    return name[1:].replace("}", "", 1) if name.startswith("{") else name
