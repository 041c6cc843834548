"""Reads what the XMP, IIM and EXIF metadata of a media file say of its content, maker and rights.

Sources: IPTC Photo Metadata Standard 2025.1 with its table of the IIM data sets and EXIF tags that
correspond to XMP properties; PLUS LDF. Runs in the guarded child: the bytes are not trusted.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator

from rdflib import Graph, URIRef
from rdflib.term import BNode, Literal, Node

from pipelines.signals.file.container_tiff import read_tiff
from pipelines.signals.file.containers import find_blocks
from pipelines.signals.file.description_fields import FileDescription
from pipelines.signals.file.exif_iim import iim_data_sets, photoshop_blocks
from pipelines.signals.file.metadata_blocks import MAX_BLOCKS, BlockKind, MetadataBlock
from pipelines.signals.file.rdf_feed import RDF, BadPacketError
from pipelines.signals.file.text_fields import decode_text
from pipelines.signals.file.xmp import parse_packet
from pipelines.signals.file.xmp_vocabulary import IPTC_EXT, PLUS

_DC = "http://purl.org/dc/elements/1.1/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_CORE = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
_XMP_RIGHTS = "http://ns.adobe.com/xap/1.0/rights/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_XMP_FIELDS: dict[str, str] = {
    "title": f"{_DC}title",
    "description": f"{_DC}description",
    "keywords": f"{_DC}subject",
    "creators": f"{_DC}creator",
    "rights": f"{_DC}rights",
    "headline": f"{_PHOTOSHOP}Headline",
    "credit": f"{_PHOTOSHOP}Credit",
    "source": f"{_PHOTOSHOP}Source",
    "instructions": f"{_PHOTOSHOP}Instructions",
    "date_created": f"{_PHOTOSHOP}DateCreated",
    "city": f"{_PHOTOSHOP}City",
    "state": f"{_PHOTOSHOP}State",
    "country": f"{_PHOTOSHOP}Country",
    "location": f"{_CORE}Location",
    "country_code": f"{_CORE}CountryCode",
    "usage_terms": f"{_XMP_RIGHTS}UsageTerms",
    "web_statement": f"{_XMP_RIGHTS}WebStatement",
    "persons": f"{IPTC_EXT}PersonInImage",
    "model_info": f"{IPTC_EXT}AddlModelInfo",
    "model_ages": f"{IPTC_EXT}ModelAge",
    "digital_source_type": f"{IPTC_EXT}DigitalSourceType",
    "registry_ids": f"{IPTC_EXT}RegistryId",
    "ai_system": f"{IPTC_EXT}AISystemUsed",
    "ai_system_version": f"{IPTC_EXT}AISystemVersionUsed",
    "ai_prompt": f"{IPTC_EXT}AIPromptInformation",
    "ai_prompt_writer": f"{IPTC_EXT}AIPromptWriterName",
    "model_release_status": f"{PLUS}ModelReleaseStatus",
    "model_release_ids": f"{PLUS}ModelReleaseID",
    "property_release_status": f"{PLUS}PropertyReleaseStatus",
    "property_release_ids": f"{PLUS}PropertyReleaseID",
    "minor_age": f"{PLUS}MinorModelAgeDisclosure",
    "supplier_image_id": f"{PLUS}ImageSupplierImageID",
    "data_mining": f"{PLUS}DataMining",
    "other_constraints": f"{PLUS}OtherConstraints",
    "taken_at": f"{_EXIF}DateTimeOriginal",
}
# Inside a structure of another property.
_NESTED_FIELDS = {"licensor_url": f"{PLUS}LicensorURL"}
_IIM_FIELDS = {
    (2, 5): "title",
    (2, 25): "keywords",
    (2, 40): "instructions",
    (2, 55): "date_created",
    (2, 80): "creators",
    (2, 90): "city",
    (2, 92): "location",
    (2, 95): "state",
    (2, 100): "country_code",
    (2, 101): "country",
    (2, 105): "headline",
    (2, 110): "credit",
    (2, 115): "source",
    (2, 116): "rights",
    (2, 120): "description",
}
_EXIF_FIELDS = {
    0x010E: "description",
    0x013B: "creators",
    0x8298: "rights",
    0x9003: "taken_at",
}
_MAX_DEPTH = 8  # nested blocks, and nested nodes of a value
_MEMBER = re.compile(rf"{re.escape(RDF)}_(\d+)")
_UTF8_MARK = b"\x1b%G"
_WATCHED = frozenset((*_XMP_FIELDS.values(), *_NESTED_FIELDS.values()))


def describe_file(data: bytes) -> FileDescription:
    """Reads a file's description; never raises for any bytes.

    Args:
        data: The file: JPEG, PNG, WebP, TIFF, GIF, AVIF, MP4 or QuickTime. Any other says nothing.
    """
    found = find_blocks(data)
    result = FileDescription(faults=[f"{fault.where}: {fault.detail}" for fault in found.faults])
    pending = deque((block, 0) for block in found.blocks)
    for _ in range(MAX_BLOCKS):
        if not pending:
            return result
        block, depth = pending.popleft()
        inner: Iterable[MetadataBlock] = ()
        if block.kind is BlockKind.XMP:
            _read_xmp(block, result)
        elif block.kind is BlockKind.IIM:
            _read_iim(block, result)
        elif block.kind is BlockKind.PHOTOSHOP:
            inner = photoshop_blocks(block).blocks
        else:
            inner = _read_exif(block, result)
        if depth < _MAX_DEPTH:
            pending.extend((child, depth + 1) for child in inner)
    result.faults.append("too many metadata blocks")
    return result


def describe_packet(data: bytes, name: str) -> FileDescription:
    """Reads the description in an `.xmp` file beside a medium.

    Args:
        data: The whole file.
        name: Its name, for messages.
    """
    result = FileDescription()
    _read_xmp(MetadataBlock(BlockKind.XMP, name, data), result)
    return result


def _read_xmp(block: MetadataBlock, result: FileDescription) -> None:
    try:
        graph = parse_packet(block.data, lambda uri: uri in _WATCHED).graph
    except BadPacketError as error:
        result.faults.append(f"{block.where}: {error}")
        return
    if graph is None:
        return
    nested = set(graph.objects())
    top = [node for node in dict.fromkeys(graph.subjects()) if node not in nested]
    for name, uri in _XMP_FIELDS.items():
        for subject in top:
            for node in graph.objects(subject, URIRef(uri)):
                result.add("XMP", name, _values(graph, node))
    for name, uri in _NESTED_FIELDS.items():
        result.add("XMP", name, sorted(str(node) for node in graph.objects(None, URIRef(uri))))


def _values(graph: Graph, node: Node, depth: int = 0) -> Iterator[str]:
    """Yields the values of a node: members in their order, of alternatives the default one."""
    if isinstance(node, Literal | URIRef) and (node, None, None) not in graph:
        yield str(node)
        return
    if depth > _MAX_DEPTH:
        return
    statements = [(str(p), o) for p, o in graph.predicate_objects(node) if isinstance(o, Node)]
    members = sorted((int(m[1]), o) for p, o in statements if (m := _MEMBER.fullmatch(p)))
    if members:
        nodes = [member for _, member in members]
        if (node, URIRef(f"{RDF}type"), URIRef(f"{RDF}Alt")) in graph:
            nodes = nodes[:1]  # XMP puts the default language first
        for one in nodes:
            yield from _values(graph, one, depth + 1)
        return
    own = [o for p, o in statements if p == f"{RDF}value"]
    if own:
        yield from _values(graph, own[0], depth + 1)
        return
    parts = sorted((p, o) for p, o in statements if p != f"{RDF}type")
    texts = [text for _, part in parts for text in _values(graph, part, depth + 1)]
    if texts and isinstance(node, BNode):
        yield " ".join(texts)


def _read_iim(block: MetadataBlock, result: FileDescription) -> None:
    sets = list(iim_data_sets(block.data))
    is_utf8 = any(key == (1, 90) and value.startswith(_UTF8_MARK) for key, value in sets)
    for key, raw in sets:
        name = _IIM_FIELDS.get(key)
        if name:
            text = raw.decode("utf-8", "replace") if is_utf8 else decode_text(raw)
            result.add("IIM", name, [text])


def _read_exif(block: MetadataBlock, result: FileDescription) -> Iterable[MetadataBlock]:
    base = block.spans[0][0] if len(block.spans) == 1 else None
    found = read_tiff(block.data, block.where, base, _EXIF_FIELDS)
    for tag, raw in found.texts:
        name = _EXIF_FIELDS[tag]
        pieces = raw.split(b"\0") if name == "rights" else [raw]
        if name not in result.said.get("EXIF", {}):  # the first directory is the picture's own
            result.add("EXIF", name, [decode_text(piece.strip(b"\0")) for piece in pieces])
    return found.blocks.blocks
