"""The properties and values of XMP that speak of rights: PLUS, IPTC, TDMRep, Dublin Core.

PLUS LDF (`http://ns.useplus.org/ldf/vocab/`), IPTC Photo Metadata Standard 2023, TDMRep's metadata
in files, and XMP's own rights and note namespaces.
"""

from __future__ import annotations

from schemas.rights import PURPOSES, Purpose, Value
from schemas.signal import ClaimKind

PLUS = "http://ns.useplus.org/ldf/xmp/1.0/"
VOCABULARY = "http://ns.useplus.org/ldf/vocab/"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
TDM_NAMESPACES = ("http://www.w3.org/ns/tdmrep/", "http://www.w3.org/ns/tdmrep#")
IPTC_SPACES = (IPTC_EXT, "http://iptc.org/std/Iptc4xmpExt/2008-02-19/")
_DC = "http://purl.org/dc/elements/1.1/"
_XMP_RIGHTS = "http://ns.adobe.com/xap/1.0/rights/"

DATA_MINING = f"{PLUS}DataMining"
CONSTRAINTS = (f"{PLUS}OtherConstraints",)
EMBEDDED = tuple(f"{space}EmbdEncRightsExpr" for space in (*IPTC_SPACES, PLUS))
LINKED = tuple(f"{space}LinkedEncRightsExpr" for space in (*IPTC_SPACES, PLUS))
SOURCE_TYPES = tuple(
    f"{space}{name}"
    for space in IPTC_SPACES
    for name in ("DigitalSourceType", "DigitalSourcefileType")
)
HAS_EXTENDED = "http://ns.adobe.com/xmp/note/HasExtendedXMP"

_Said = dict[Purpose, Value]
_TRAINING = (Purpose.TRAIN_GEN, Purpose.TRAIN_NONGEN)
MINED = (Purpose.DATA_MINING, *_TRAINING)


def _every(value: Value) -> _Said:
    return dict.fromkeys(PURPOSES, value)


DMI: dict[str, _Said] = {
    "DMI-UNSPECIFIED": _every(Value.UNKNOWN),
    "DMI-ALLOWED": _every(Value.ALLOW),
    "DMI-PROHIBITED-AIMLTRAINING": dict.fromkeys(_TRAINING, Value.DENY),
    "DMI-PROHIBITED-GENAIMLTRAINING": {Purpose.TRAIN_GEN: Value.DENY},
    "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING": {
        **_every(Value.DENY),
        Purpose.INDEX: Value.ALLOW,
        Purpose.SEARCH: Value.ALLOW,
    },
    "DMI-PROHIBITED": _every(Value.DENY),
    "DMI-PROHIBITED-SEECONSTRAINT": _every(Value.CONDITIONAL),
    "DMI-PROHIBITED-SEEEMBEDDEDRIGHTSEXPR": _every(Value.CONDITIONAL),
    "DMI-PROHIBITED-SEELINKEDRIGHTSEXPR": _every(Value.CONDITIONAL),
}
SEE = {
    "DMI-PROHIBITED-SEECONSTRAINT": CONSTRAINTS,
    "DMI-PROHIBITED-SEEEMBEDDEDRIGHTSEXPR": EMBEDDED,
    "DMI-PROHIBITED-SEELINKEDRIGHTSEXPR": LINKED,
}
_AGES = frozenset({"AG-UNK", "AG-U14", *(f"AG-A{age}" for age in range(15, 26))})
CODES: dict[str, tuple[ClaimKind, frozenset[str]]] = {
    "ModelReleaseStatus": (
        ClaimKind.MODEL_RELEASE,
        frozenset({"MR-NON", "MR-NAP", "MR-UMR", "MR-LMR"}),
    ),
    "PropertyReleaseStatus": (
        ClaimKind.PROPERTY_RELEASE,
        frozenset({"PR-NON", "PR-NAP", "PR-UPR", "PR-LPR"}),
    ),
    "MinorModelAgeDisclosure": (ClaimKind.MINOR_AGE, _AGES),
    "ImageAlterationConstraints": (
        ClaimKind.ALTERATION,
        frozenset({"AL-CRP", "AL-FLP", "AL-RET", "AL-CLR", "AL-DCL", "AL-MRG"}),
    ),
    "ImageFileConstraints": (
        ClaimKind.FILE_CONSTRAINT,
        frozenset({"IF-MFN", "IF-MID", "IF-MMD", "IF-MFT"}),
    ),
    "ImageDuplicationConstraints": (
        ClaimKind.DUPLICATION,
        frozenset({"DP-NDC", "DP-LIC", "DP-NOD"}),
    ),
}
TEXTS: dict[str, tuple[str, ClaimKind]] = {
    f"{PLUS}ModelReleaseID": ("plus:ModelReleaseID", ClaimKind.MODEL_RELEASE_ID),
    f"{PLUS}PropertyReleaseID": ("plus:PropertyReleaseID", ClaimKind.PROPERTY_RELEASE_ID),
    f"{PLUS}OtherConstraints": ("plus:OtherConstraints", ClaimKind.CONSTRAINT_TEXT),
    f"{PLUS}CopyrightOwnerName": ("plus:CopyrightOwner", ClaimKind.COPYRIGHT),
    f"{_DC}rights": ("dc:rights", ClaimKind.COPYRIGHT),
    f"{_XMP_RIGHTS}Owner": ("xmpRights:Owner", ClaimKind.COPYRIGHT),
    f"{_DC}creator": ("dc:creator", ClaimKind.CREATOR),
    "http://purl.org/dc/terms/provenance": ("dcterms:provenance", ClaimKind.REMOTE_MANIFEST),
}
TDM_RESERVATION, TDM_POLICY = (
    frozenset(f"{space}{name}" for space in TDM_NAMESPACES for name in (last, f"tdm-{last}"))
    for last in ("reservation", "policy")
)
_TDM = TDM_RESERVATION | TDM_POLICY
_WATCHED = frozenset(
    {DATA_MINING, HAS_EXTENDED, *CONSTRAINTS, *EMBEDDED, *LINKED, *SOURCE_TYPES, *TEXTS}
) | {f"{PLUS}{name}" for name in CODES}


def is_watched(uri: str) -> bool:
    """Whether a property is read. TDMRep's names are case-folded, all others are as they stand."""
    return uri in _WATCHED or ("/tdmrep" in uri and uri.lower() in _TDM)
