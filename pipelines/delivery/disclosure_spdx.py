"""The disclosure as SPDX 3.0.1, with the Dataset profile."""

from __future__ import annotations

from pipelines.delivery.disclosure_facts import UNOWNED_URL, Facts, described
from schemas import layout

_CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"

_Node = dict[str, object]


def spdx(facts: Facts) -> _Node:
    """Returns an SPDX 3.0.1 document with the Dataset profile, in JSON-LD."""
    base = f"{UNOWNED_URL}/spdx/{facts.identity}"
    info, agency = "_:creationinfo", f"{base}#agency"
    shared: _Node = {"creationInfo": info}
    package = {**shared, **_package(facts, base, agency)}
    licence = {**shared, **_licence(facts, base)}
    relationship: _Node = {
        **shared,
        "type": "Relationship",
        "spdxId": f"{base}#has-licence",
        "from": package["spdxId"],
        "to": [licence["spdxId"]],
        "relationshipType": "hasDeclaredLicense",
    }
    elements = [package, licence, relationship]
    return {
        "@context": _CONTEXT,
        "@graph": [
            {
                "type": "CreationInfo",
                "@id": info,
                "specVersion": "3.0.1",
                "created": facts.made_at,
                "createdBy": [agency],
            },
            {**shared, "type": "Organization", "spdxId": agency, "name": facts.agency},
            {
                **shared,
                "type": "SpdxDocument",
                "spdxId": base,
                "profileConformance": ["core", "software", "dataset", "simpleLicensing"],
                "rootElement": [package["spdxId"]],
                "element": [agency, *(item["spdxId"] for item in elements)],
            },
            *elements,
        ],
    }


def _package(facts: Facts, base: str, agency: str) -> _Node:
    return {
        "type": "dataset_DatasetPackage",
        "spdxId": f"{base}#dataset",
        "name": facts.name,
        "summary": described(facts),
        "software_packageVersion": facts.version,
        "software_primaryPurpose": "data",
        "software_copyrightText": "NOASSERTION",
        "originatedBy": [agency],
        "suppliedBy": agency,
        "builtTime": facts.made_at,
        "releaseTime": facts.made_at,
        "validUntilTime": f"{facts.terms.ends}T23:59:59Z",
        "verifiedUsing": [
            {"type": "Hash", "algorithm": "sha256", "hashValue": facts.manifest_sha256}
        ],
        "dataset_datasetType": [*sorted(facts.counts["media_type"]), "text"],
        "dataset_datasetSize": facts.media_bytes,
        "dataset_dataCollectionProcess": "Chosen from the agency's catalogue; rights, releases and "
        "consents of every work were judged before it was taken.",
        "dataset_intendedUse": ", ".join(facts.terms.licensed),
        "dataset_hasSensitivePersonalInformation": "noAssertion",
        "dataset_datasetUpdateMechanism": "A removal makes a new version.",
        "dataset_confidentialityLevel": "amber",
    }


def _licence(facts: Facts, base: str) -> _Node:
    return {
        "type": "simplelicensing_SimpleLicensingText",
        "spdxId": f"{base}#licence",
        "name": f"Terms of deal {facts.terms.deal_id}",
        "simplelicensing_licenseText": f"{layout.RIGHTS_TEXT} of the delivery; terms_sha256 "
        f"{facts.manifest.deal.terms_sha256}",
    }
