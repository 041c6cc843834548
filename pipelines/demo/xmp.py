"""Rights statements inside files: XMP packets as agencies write them, in four spellings."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX

PLUS = "http://ns.useplus.org/ldf/xmp/1.0/"
PLUS_VOCABULARY = "http://ns.useplus.org/ldf/vocab/"
_DATA_MINING = PLUS_VOCABULARY + "DMI-"
# RDF lets one statement be written in each of these ways; they mean the same.
SPELLINGS = ("attribute", "element", "prefix", "resource")


@dataclass(frozen=True)
class RightsStatement:
    """What a file says about its rights; it agrees with the asset's catalogue row."""

    data_mining: str  # what follows DMI- in the PLUS vocabulary
    source_type: str  # of IPTC's vocabulary, or empty
    creator: str
    description: str
    spelling: str


def xmp_packet(statement: RightsStatement) -> bytes:
    """An XMP packet with PLUS, IPTC and Dublin Core statements."""
    attributes = [
        'xmpRights:Marked="True"',
        'xmpRights:WebStatement="https://demo-agency.invalid/licence"',
        'plus:ModelReleaseStatus="http://ns.useplus.org/ldf/vocab/MR-NAP"',
        'plus:PropertyReleaseStatus="http://ns.useplus.org/ldf/vocab/PR-NAP"',
    ]
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
        f"<dc:creator><rdf:Seq><rdf:li>{escape(statement.creator)}</rdf:li></rdf:Seq></dc:creator>",
        f"<dc:description>{_alternative(statement.description)}</dc:description>",
        f"<dc:rights>{_alternative('© Demo Agency. Licensed use only.')}</dc:rights>",
        "</rdf:Description></rdf:RDF></x:xmpmeta>",
        '<?xpacket end="w"?>',
    ]
    return "\n".join(lines).encode()


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
