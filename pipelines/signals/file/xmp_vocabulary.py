"""Lists the XMP properties and values that concern rights: PLUS, IPTC, TDMRep, Dublin Core.

Sources: PLUS LDF (`http://ns.useplus.org/ldf/vocab/`), IPTC Photo Metadata Standard 2023, TDMRep
for metadata in files, and XMP's own rights and note namespaces.
"""

from __future__ import annotations

from pipelines.signals.file.people_vocabulary import PEOPLE_PROPERTIES
from schemas.rights import PURPOSES, Permission, Purpose
from schemas.signal import AssertionKind

PLUS = "http://ns.useplus.org/ldf/xmp/1.0/"
PLUS_VOCABULARY = "http://ns.useplus.org/ldf/vocab/"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
TDM_NAMESPACES = tuple(
    f"{scheme}://www.w3.org/ns/tdmrep{end}"
    for scheme in ("http", "https")
    for end in ("/", "#", "")
)
IPTC_NAMESPACES = (IPTC_EXT, "http://iptc.org/std/Iptc4xmpExt/2008-02-19/")
_DC = "http://purl.org/dc/elements/1.1/"
_XMP_RIGHTS = "http://ns.adobe.com/xap/1.0/rights/"

DATA_MINING = f"{PLUS}DataMining"
OTHER_CONSTRAINTS = (f"{PLUS}OtherConstraints",)
EMBEDDED_EXPRESSIONS = tuple(
    f"{namespace}EmbdEncRightsExpr" for namespace in (*IPTC_NAMESPACES, PLUS)
)
LINKED_EXPRESSIONS = tuple(
    f"{namespace}LinkedEncRightsExpr" for namespace in (*IPTC_NAMESPACES, PLUS)
)
SOURCE_TYPES = tuple(
    f"{namespace}{name}"
    for namespace in IPTC_NAMESPACES
    for name in ("DigitalSourceType", "DigitalSourcefileType")
)
# IPTC Photo Metadata 2025.1: any of them says that a generator made the picture.
AI_PROPERTIES = tuple(
    f"{namespace}{name}"
    for namespace in IPTC_NAMESPACES
    for name in (
        "AISystemUsed",
        "AISystemVersionUsed",
        "AIPromptInformation",
        "AIPromptWriterName",
    )
)
# Properties whose whole value is a licence, whatever it says.
LICENCE_PROPERTIES = {
    "http://creativecommons.org/ns#license": "cc:license",
    "http://web.resource.org/cc/license": "cc:license",
    "http://creativecommons.org/ns#prohibits": "cc:prohibits",
    "http://web.resource.org/cc/prohibits": "cc:prohibits",
    "http://purl.org/dc/terms/license": "dcterms:license",
    "http://www.w3.org/1999/xhtml/vocab#license": "xhtml:license",
    "http://schema.org/license": "schema:license",
    "https://schema.org/license": "schema:license",
}
# What stands where nothing is meant.
ABSENT_TEXTS = frozenset(("", "-", "n/a", "na", "none", "null", "nil", "no", "not applicable"))
HAS_EXTENDED = "http://ns.adobe.com/xmp/note/HasExtendedXMP"

_PurposeValues = dict[Purpose, Permission]
_TRAINING = (Purpose.TRAIN_GEN, Purpose.TRAIN_NONGEN)
TDM_PURPOSES = (Purpose.DATA_MINING, *_TRAINING)


def _all_purposes(value: Permission) -> _PurposeValues:
    return dict.fromkeys(PURPOSES, value)


DMI_VALUES: dict[str, _PurposeValues] = {
    "DMI-UNSPECIFIED": _all_purposes(Permission.UNKNOWN),
    "DMI-ALLOWED": _all_purposes(Permission.ALLOW),
    "DMI-PROHIBITED-AIMLTRAINING": dict.fromkeys(_TRAINING, Permission.DENY),
    "DMI-PROHIBITED-GENAIMLTRAINING": {Purpose.TRAIN_GEN: Permission.DENY},
    "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING": {
        **_all_purposes(Permission.DENY),
        Purpose.INDEX: Permission.ALLOW,
        Purpose.SEARCH: Permission.ALLOW,
    },
    "DMI-PROHIBITED": _all_purposes(Permission.DENY),
    "DMI-PROHIBITED-SEECONSTRAINT": _all_purposes(Permission.CONDITIONAL),
    "DMI-PROHIBITED-SEEEMBEDDEDRIGHTSEXPR": _all_purposes(Permission.CONDITIONAL),
    "DMI-PROHIBITED-SEELINKEDRIGHTSEXPR": _all_purposes(Permission.CONDITIONAL),
}
DMI_REFERENCES = {
    "DMI-PROHIBITED-SEECONSTRAINT": OTHER_CONSTRAINTS,
    "DMI-PROHIBITED-SEEEMBEDDEDRIGHTSEXPR": EMBEDDED_EXPRESSIONS,
    "DMI-PROHIBITED-SEELINKEDRIGHTSEXPR": LINKED_EXPRESSIONS,
}
_AGES = frozenset({"AG-UNK", "AG-U14", *(f"AG-A{age}" for age in range(15, 26))})
CODED_PROPERTIES: dict[str, tuple[AssertionKind, frozenset[str]]] = {
    "ModelReleaseStatus": (
        AssertionKind.MODEL_RELEASE,
        frozenset({"MR-NON", "MR-NAP", "MR-UMR", "MR-LMR"}),
    ),
    "PropertyReleaseStatus": (
        AssertionKind.PROPERTY_RELEASE,
        frozenset({"PR-NON", "PR-NAP", "PR-UPR", "PR-LPR"}),
    ),
    "MinorModelAgeDisclosure": (AssertionKind.MINOR_AGE, _AGES),
    "ImageAlterationConstraints": (
        AssertionKind.ALTERATION,
        frozenset({"AL-CRP", "AL-FLP", "AL-RET", "AL-CLR", "AL-DCL", "AL-MRG"}),
    ),
    "ImageFileConstraints": (
        AssertionKind.FILE_CONSTRAINT,
        frozenset({"IF-MFN", "IF-MID", "IF-MMD", "IF-MFT"}),
    ),
    "ImageDuplicationConstraints": (
        AssertionKind.DUPLICATION,
        frozenset({"DP-NDC", "DP-LIC", "DP-NOD"}),
    ),
}
TEXT_PROPERTIES: dict[str, tuple[str, AssertionKind]] = {
    f"{PLUS}ModelReleaseID": ("plus:ModelReleaseID", AssertionKind.MODEL_RELEASE_ID),
    f"{PLUS}PropertyReleaseID": ("plus:PropertyReleaseID", AssertionKind.PROPERTY_RELEASE_ID),
    f"{PLUS}OtherConstraints": ("plus:OtherConstraints", AssertionKind.CONSTRAINT_TEXT),
    f"{PLUS}CopyrightOwnerName": ("plus:CopyrightOwner", AssertionKind.COPYRIGHT),
    f"{_DC}rights": ("dc:rights", AssertionKind.COPYRIGHT),
    f"{_XMP_RIGHTS}Owner": ("xmpRights:Owner", AssertionKind.COPYRIGHT),
    f"{_DC}creator": ("dc:creator", AssertionKind.CREATOR),
    "http://purl.org/dc/terms/provenance": ("dcterms:provenance", AssertionKind.REMOTE_MANIFEST),
}
TDM_RESERVATION, TDM_POLICY = (
    frozenset(
        f"{namespace}{name}" for namespace in TDM_NAMESPACES for name in (last, f"tdm-{last}")
    )
    for last in ("reservation", "policy")
)
_TDM = TDM_RESERVATION | TDM_POLICY
_WATCHED = (
    frozenset(
        {
            DATA_MINING,
            HAS_EXTENDED,
            *OTHER_CONSTRAINTS,
            *EMBEDDED_EXPRESSIONS,
            *LINKED_EXPRESSIONS,
            *SOURCE_TYPES,
            *TEXT_PROPERTIES,
            *AI_PROPERTIES,
            *LICENCE_PROPERTIES,
        }
    )
    | {f"{PLUS}{name}" for name in CODED_PROPERTIES}
    | PEOPLE_PROPERTIES
)


def is_watched(uri: str) -> bool:
    """Whether a property is read. Case is ignored in TDMRep's and matters in all others."""
    return uri in _WATCHED or uri.lower() in _TDM
