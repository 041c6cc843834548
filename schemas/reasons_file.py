"""Why a rule refused an asset for what its file, or the server that it is on, says or shows."""

from __future__ import annotations

from schemas.reason_info import AGREEMENT_KEYS, Outcome, ReasonInfo, Stage


def _file(sentence: str, source: str, remedy: str, *keys: str) -> ReasonInfo:
    return ReasonInfo(Stage.ENRICH, Outcome.REFUSED, sentence, source, remedy, keys)


#: By code.
FILE_TEXTS: dict[str, ReasonInfo] = {
    "file.denied": _file(
        "The file's own metadata denies a purpose that is needed.",
        "XMP, C2PA",
        "Sign an agreement with every contributor that covers the purpose.",
        *AGREEMENT_KEYS,
    ),
    "file.conditional": _file(
        "The file's own metadata allows a needed purpose only on a condition.",
        "XMP, C2PA",
        "Sign an agreement with every contributor that covers the purpose.",
        *AGREEMENT_KEYS,
    ),
    "file.unreadable": _file(
        "The file contains rights metadata that cannot be read.",
        "XMP, EXIF, C2PA",
        "Write the metadata again, or remove it.",
    ),
    "file.ai_generated": _file(
        "The file says that it is AI-generated, which the deal does not accept.",
        "Iptc4xmpExt:DigitalSourceType, C2PA",
        'Use a deal with rights.ai_generated = "label".',
        "rights.ai_generated",
    ),
    "file.unjudged_content": _file(
        "The file contains a picture, a film or bytes that are not examined.",
        "file contents",
        'Export the file again without it, or use a deal with rights.unjudged_content = "accept".',
        "rights.unjudged_content",
    ),
    "file.personal_data": _file(
        "The file's metadata, or a phrase of its boxes, holds personal data, which the deal does "
        "not accept.",
        "EXIF, IIM, XMP, C2PA, file contents, assets.boxes",
        'Remove it from the file, or use a deal with rights.personal_data = "rights-only".',
        "rights.personal_data",
    ),
    "metadata.not_removable": _file(
        "The deal removes metadata, and from this file it cannot be removed for certain.",
        "file contents",
        'Export the file again without metadata, or use a deal with rights.personal_data = "keep".',
        "rights.personal_data",
    ),
    "rendition.not_allowed": _file(
        "The deal needs a rendition, and the licence or the file forbids to make one.",
        "assets.licence_code, plus:ImageFileConstraints, plus:ImageAlterationConstraints",
        "Export pictures as upright sRGB JPEG, or use a deal in which render.images or "
        'render.films is "native".',
        "render.images",
        "render.longest_side",
        "render.format",
        "render.films",
        "render.audio",
    ),
    "rendition.not_made": _file(
        "The deal needs a rendition, and none can be made that shows the same and states the same "
        "rights.",
        "file contents",
        "Export pictures as upright sRGB JPEG, films as plain MP4, or use a deal in which "
        'render.images or render.films is "native".',
        "render.images",
        "render.films",
        "render.audio",
        "rights.personal_data",
    ),
    "picture.not_plain": _file(
        "Stock loaders show another picture than the one that is displayed; the detail says why.",
        "file contents",
        'Export the file as upright sRGB JPEG, or use a deal with render.images = "flagged".',
        "render.images",
    ),
    "server.denied": _file(
        "The server that the media comes from denies a purpose that is needed.",
        "HTTP headers, robots.txt, tdmrep.json, RSL",
        "Sign an agreement with every contributor that covers the purpose.",
        *AGREEMENT_KEYS,
    ),
    "server.conditional": _file(
        "The server that the media comes from allows a needed purpose only on a condition.",
        "HTTP headers, robots.txt, tdmrep.json, RSL",
        "Sign an agreement with every contributor that covers the purpose.",
        *AGREEMENT_KEYS,
    ),
    "server.unreadable": _file(
        "The server's statement of rights cannot be read.",
        "HTTP headers, robots.txt, tdmrep.json, RSL",
        "Fix the server's file, or sign an agreement that covers every needed purpose.",
        "agreements",
        "purposes",
    ),
    "conflict.grant": _file(
        "The catalogue allows a purpose that the file or its server does not.",
        "assets.grant_*, XMP, C2PA, HTTP headers, robots.txt, tdmrep.json, RSL",
        "Find out which is right, and correct the other.",
        *AGREEMENT_KEYS,
    ),
    "conflict.keep_metadata": _file(
        "The deal removes metadata, and the file says that its metadata must be kept.",
        "plus:ImageFileConstraints",
        'Use a deal with rights.personal_data = "keep".',
        "rights.personal_data",
    ),
    "conflict.model_release": _file(
        "The file's model release status is not what the catalogue says.",
        "plus:ModelReleaseStatus, assets.people_count",
        "Find out which is right, and correct the other.",
    ),
    "conflict.property_release": _file(
        "The file's property release status is not what the catalogue says.",
        "plus:PropertyReleaseStatus, assets.property",
        "Find out which is right, and correct the other.",
    ),
    "conflict.release_ids": _file(
        "The file names a release that the catalogue does not.",
        "plus:ModelReleaseID, plus:PropertyReleaseID, assets.release_ids",
        "Add the release to the catalogue, or correct the file.",
    ),
    "conflict.minors": _file(
        "The age that the file gives for the youngest person is not what the catalogue says.",
        "plus:MinorModelAgeDisclosure, Iptc4xmpExt:ModelAge, assets.minors",
        "Find out which is right, and correct the other.",
    ),
    "conflict.people": _file(
        "The file names or marks more people than the catalogue counts.",
        "Iptc4xmpExt:PersonInImage, ModelAge, face regions, assets.people_count",
        "Count the people shown and add their releases, or correct the file.",
    ),
    "conflict.faces": _file(
        "The picture shows more faces than the catalogue counts people.",
        "assets.media_uri, assets.people_count",
        "Count the people shown and add their releases; if none is shown, look at the picture and "
        'use a deal with rights.faces = "report".',
        "rights.faces",
    ),
    "faces.not_counted": _file(
        "The deal needs the faces counted, and no model may see the asset, or the detector failed.",
        "consents, assets.media_uri",
        'Get consent to inference, or use a deal with rights.faces = "report".',
        "rights.faces",
    ),
    "conflict.licence": _file(
        "The file names a licence that the catalogue does not.",
        "cc:license, xmpRights:WebStatement, UsageTerms, assets.licence_code",
        "Find out which is right, or sign an agreement that covers every needed purpose.",
        "agreements",
        "purposes",
    ),
    "licence.attribution": _file(
        "The licence asks to name the author, and no name may be shown, or the source is not a "
        "web address.",
        "assets.licence_code, assets.credit, assets.source_url",
        "Give the author's name as the licence lets it be shown in assets.credit, and a web "
        "address or nothing in assets.source_url; or use a deal with "
        'rights.missing_credit = "accept".',
        "rights.missing_credit",
        "rights.personal_data",
    ),
    "conflict.source": _file(
        "The file's digital source type contradicts the catalogue's.",
        "Iptc4xmpExt:DigitalSourceType, C2PA, assets.digital_source_type",
        "Find out which is right, and correct the other.",
    ),
    "conflict.copyright": _file(
        "The file names different owners of the copyright.",
        "EXIF, IIM, XMP",
        'Correct the file, or use a deal with rights.copyright_conflicts = "accept".',
        "rights.copyright_conflicts",
    ),
    "caption.flagged": _file(
        "The model's caption names a person, an e-mail address or a phone number that the "
        "contributor's texts do not.",
        "assets.title, assets.description",
        'Use a deal with captions.flagged = "drop", or another captioner.',
        "captions.flagged",
    ),
}
