"""Writes rights statements as XMP packets, in four equivalent RDF spellings."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX

PLUS = "http://ns.useplus.org/ldf/xmp/1.0/"
PLUS_VOCABULARY = "http://ns.useplus.org/ldf/vocab/"
_DATA_MINING = PLUS_VOCABULARY + "DMI-"
# RDF allows one statement to be written in each of these ways, with the same meaning.
SPELLINGS = ("attribute", "element", "prefix", "resource")


@dataclass(frozen=True)
class RightsStatement:
    """A file's rights statement. An ordinary one agrees with the asset's catalogue row."""

    data_mining: str  # a PLUS code without its prefix DMI-
    source_type: str  # an IPTC digital source type, or empty
    creator: str
    description: str
    spelling: str
    model_release: str = "MR-NAP"  # a PLUS code, like the next field
    property_release: str = "PR-NAP"
    release_id: str = ""  # id of a model release, or empty, like the next two fields
    minor_age: str = ""
    alteration: str = ""
    person: str = ""  # name of somebody shown, or empty
    licence: str = "https://demo-agency.invalid/licence"  # address of the licence


def xmp_packet(statement: RightsStatement) -> bytes:
    """Returns an XMP packet with PLUS, IPTC and Dublin Core statements."""
    attributes = [
        'xmpRights:Marked="True"',
        f"xmpRights:WebStatement={quoteattr(statement.licence)}",
        f'plus:ModelReleaseStatus="{PLUS_VOCABULARY}{statement.model_release}"',
        f'plus:PropertyReleaseStatus="{PLUS_VOCABULARY}{statement.property_release}"',
    ]
    if statement.minor_age:
        attributes.append(f'plus:MinorModelAgeDisclosure="{PLUS_VOCABULARY}{statement.minor_age}"')
    if statement.source_type:
        uri = DIGITAL_SOURCE_TYPE_PREFIX + statement.source_type
        attributes.append(f"Iptc4xmpExt:DigitalSourceType={quoteattr(uri)}")
    mining = _data_mining(statement)
    if statement.spelling == "attribute":
        attributes.append(mining)
    lines = [
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>',
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">',
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">',
        '<rdf:Description rdf:about=""',
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"',
        ' xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/"',
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"',
        f' xmlns:plus="{PLUS}"',
        *(f" {attribute}" for attribute in attributes),
        ">",
        *([] if statement.spelling == "attribute" else [mining]),
        *_bag("Iptc4xmpExt:PersonInImage", statement.person),
        *_bag("plus:ModelReleaseID", statement.release_id),
        *_bag(
            "plus:ImageAlterationConstraints",
            statement.alteration and PLUS_VOCABULARY + statement.alteration,
        ),
        f"<dc:creator><rdf:Seq><rdf:li>{escape(statement.creator)}</rdf:li></rdf:Seq></dc:creator>",
        f"<dc:description>{_alternative(statement.description)}</dc:description>",
        f"<dc:rights>{_alternative('© Demo Agency. Licensed use only.')}</dc:rights>",
        "</rdf:Description></rdf:RDF></x:xmpmeta>",
        '<?xpacket end="w"?>',
    ]
    return "\n".join(lines).encode()


def with_xml_entity(packet: bytes) -> bytes:
    """Adds a document type with an XML entity to the packet, as in attacks by entity expansion."""
    entity = b'<!DOCTYPE x [<!ENTITY who "Demo Agency">]>\n<x:xmpmeta '
    return packet.replace(b"<x:xmpmeta ", entity, 1)


def _bag(name: str, value: str) -> list[str]:
    """Returns a multi-valued property with one value, or nothing if the value is empty."""
    if not value:
        return []
    return [f"<{name}><rdf:Bag><rdf:li>{escape(value)}</rdf:li></rdf:Bag></{name}>"]


def _data_mining(statement: RightsStatement) -> str:
    value = _DATA_MINING + statement.data_mining
    if statement.spelling == "attribute":
        return f'plus:DataMining="{value}"'
    if statement.spelling == "prefix":
        return f'<u:DataMining xmlns:u="{PLUS}">{value}</u:DataMining>'
    if statement.spelling == "resource":
        return f'<plus:DataMining rdf:resource="{value}"/>'
    return f"<plus:DataMining>{value}</plus:DataMining>"


def _alternative(text: str) -> str:
    return f'<rdf:Alt><rdf:li xml:lang="x-default">{escape(text)}</rdf:li></rdf:Alt>'
