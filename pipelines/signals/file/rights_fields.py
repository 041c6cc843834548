"""Tells which fields of a file's metadata are statements about rights.

Under `rights.personal_data = "rights-only"` these alone are delivered, so what is not listed is not
kept. A name or an address in one of them, such as a licensor's, belongs to the statement and does
not count as personal data.
"""

from __future__ import annotations

import re

from pipelines.signals.file.people_vocabulary import PEOPLE_PROPERTIES
from pipelines.signals.file.xmp_vocabulary import IPTC_NAMESPACES, PLUS, TDM_NAMESPACES, is_watched

_DC, _DCTERMS = "http://purl.org/dc/elements/1.1/", "http://purl.org/dc/terms/"
_NOT_OF_RIGHTS = PEOPLE_PROPERTIES | {
    f"{_DC}creator",
    "http://ns.adobe.com/xmp/note/HasExtendedXMP",
    *(f"{namespace}AIPromptWriterName" for namespace in IPTC_NAMESPACES),
}
_PLUS_NAMES = re.compile(
    r"(?:Licensor|CopyrightOwner|CopyrightStatus|CopyrightRegistration|TermsAndConditions|License|"
    r"OtherLicense|ModelRelease|PropertyRelease)(?!e)\w*|Image\w+Constraints|DataMining|Version|"
    r"(?:Other|Media|Region|ProductOrService)Constraints|MinorModelAgeDisclosure|Reuse|"
    r"AdultContentWarning|CreditLineRequired|FirstPublicationDate|MediaSummaryCode"
)
_NAMES = {
    _DC: "rights",
    _DCTERMS: "license rights rightsHolder accessRights provenance",
    "http://ns.adobe.com/tiff/1.0/": "Copyright",
    "http://ns.adobe.com/pdf/1.3/": "Copyright",
    "http://ns.adobe.com/xmp/1.0/DynamicMedia/": "copyright",
    "http://ns.adobe.com/photoshop/1.0/": "Instructions",
    "http://creativecommons.org/ns#": "license morePermissions useGuidelines attributionName "
    "attributionURL permits requires prohibits jurisdiction legalcode",
    **dict.fromkeys(
        IPTC_NAMESPACES,
        "DigitalSourceType DigitalSourcefileType AISystemUsed AISystemVersionUsed "
        "AIPromptInformation EmbdEncRightsExpr LinkedEncRightsExpr EncRightsExpr LinkedRightsExpr "
        "RightsExprEncType RightsExprLangId",
    ),
}
_PROPERTIES = frozenset(
    f"{namespace}{name}" for namespace, names in _NAMES.items() for name in names.split()
)
_WHOLE_NAMESPACES = ("http://ns.adobe.com/xap/1.0/rights/", *TDM_NAMESPACES)

IIM_RIGHTS = frozenset(((2, 40), (2, 116)))
IIM_CODED_CHARACTER_SET = (1, 90)


def is_rights_property(uri: str) -> bool:
    """Whether an XMP property states rights."""
    if uri in _NOT_OF_RIGHTS:
        return False
    return (
        uri in _PROPERTIES
        or uri.startswith(_WHOLE_NAMESPACES)
        or is_watched(uri)
        or (uri.startswith(PLUS) and _PLUS_NAMES.fullmatch(uri[len(PLUS) :]) is not None)
    )
