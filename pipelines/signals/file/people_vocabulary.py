"""The properties of XMP that speak of the people shown."""

from __future__ import annotations

_IPTC = tuple(f"http://iptc.org/std/Iptc4xmpExt/2008-02-{day}/" for day in ("29", "19"))
_MWG = "http://www.metadataworkinggroup.com/schemas/regions/"
_ACDSEE = "http://ns.acdsee.com/regions/"
_MICROSOFT = "http://ns.microsoft.com/photo/1.2/t/Region#"
MODEL_AGE = tuple(f"{namespace}ModelAge" for namespace in _IPTC)
PERSON = tuple(f"{namespace}PersonInImage" for namespace in _IPTC)
PERSON += (
    "http://xmp.gettyimages.com/gift/1.0/Personality",
    "http://ns.iview-multimedia.com/mediapro/1.0/People",
    *(
        f"http://prismstandard.org/namespaces/basic/{v}/person"
        for v in ("1.2", "2.0", "2.1", "3.0")
    ),
)
# Catalogues of keywords, in which people stand below a keyword of their own.
TAGS = (
    "http://www.digikam.org/ns/1.0/TagsList",
    "http://ns.adobe.com/lightroom/1.0/hierarchicalSubject",
    "http://ns.microsoft.com/photo/1.0/LastKeywordXMP",
    "http://ns.microsoft.com/photo/1.0/LastKeywordIPTC",
)
MODEL_INFO = tuple(f"{namespace}AddlModelInfo" for namespace in _IPTC)
PERSON_DETAILS = tuple(f"{namespace}PersonInImageWDetails" for namespace in _IPTC)
PERSON_NAME = tuple(f"{namespace}PersonName" for namespace in _IPTC)
REGION_TYPES = tuple(f"{namespace}rCtype" for namespace in _IPTC)
REGION_BOUNDARY = tuple(f"{namespace}RegionBoundary" for namespace in _IPTC)
TYPES = (f"{_MWG}Type", f"{_ACDSEE}Type")
NAMES = (f"{_MWG}Name", f"{_ACDSEE}Name")
MARKED = (f"{_MICROSOFT}PersonDisplayName", f"{_MICROSOFT}Rectangle")
# Properties whose values are read.
PEOPLE_PROPERTIES = frozenset(
    (*MODEL_AGE, *PERSON, *PERSON_DETAILS, *PERSON_NAME, *REGION_TYPES, *REGION_BOUNDARY)
) | frozenset((*TYPES, *NAMES, *MARKED, *TAGS, *MODEL_INFO))
