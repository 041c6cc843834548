"""Disclosures for programs: SPDX 3.0.1, CycloneDX 1.7 and OASIS DPS Provenance Metadata 1.0."""

from __future__ import annotations

import uuid

from pipelines.delivery.disclosure_facts import Facts
from schemas import layout
from schemas.territory import WORLD

Node = dict[str, object]

_SPDX_CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
_DPS_SCHEMA = "https://docs.oasis-open.org/dps/prov-meta/v1.0/schema/data-provenance.json"
# Of the formats of media that the schema lists; it has neither films nor WebP.
_DPS_FORMATS = {"jpg": "image/jpeg", "png": "image/png"}
_INVALID = "https://fairshard.invalid/id"  # nobody can own .invalid (RFC 6761)


def described(facts: Facts) -> str:
    """Returns one sentence on what the data set is."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in facts.counts["media_type"].items())
    return (
        f"{facts.samples:,} samples ({kinds}), {facts.media_bytes:,} bytes of media, licensed by "
        f"{facts.agency} to {facts.terms.buyer} under deal {facts.terms.deal_id}."
    )


def spdx(facts: Facts) -> Node:
    """Returns an SPDX 3.0.1 document with the Dataset profile, in JSON-LD."""
    base = f"{_INVALID}/spdx/{facts.identity}"
    info, agency = "_:creationinfo", f"{base}#agency"
    shared = {"creationInfo": info}
    package: Node = {
        **shared,
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
    licence: Node = {
        **shared,
        "type": "simplelicensing_SimpleLicensingText",
        "spdxId": f"{base}#licence",
        "name": f"Terms of deal {facts.terms.deal_id}",
        "simplelicensing_licenseText": f"{layout.RIGHTS_TEXT} of the delivery; terms_sha256 "
        f"{facts.manifest.deal.terms_sha256}",
    }
    relationship: Node = {
        **shared,
        "type": "Relationship",
        "spdxId": f"{base}#has-licence",
        "from": package["spdxId"],
        "to": [licence["spdxId"]],
        "relationshipType": "hasDeclaredLicense",
    }
    profiles = ["core", "software", "dataset", "simpleLicensing"]
    elements = [package, licence, relationship]
    return {
        "@context": _SPDX_CONTEXT,
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
                "profileConformance": profiles,
                "rootElement": [package["spdxId"]],
                "element": [agency, *(item["spdxId"] for item in elements)],
            },
            *elements,
        ],
    }


def cyclonedx(facts: Facts) -> Node:
    """Returns a CycloneDX 1.7 bill of materials with the data set as its component."""
    counts = {
        f"fairshard:{name}:{value}": str(count)
        for name, found in facts.counts.items()
        for value, count in found.items()
    }
    totals = {
        "fairshard:samples": str(facts.samples),
        "fairshard:media_bytes": str(facts.media_bytes),
        "fairshard:attributed": str(facts.attributed),
        "fairshard:terms_sha256": facts.manifest.deal.terms_sha256,
    }
    owner = {"organization": {"name": facts.agency}}
    component = {
        "type": "data",
        "bom-ref": facts.name,
        "name": facts.name,
        "version": facts.version,
        "description": described(facts),
        "supplier": {"name": facts.agency},
        "hashes": [{"alg": "SHA-256", "content": facts.manifest_sha256}],
        "licenses": [{"license": {"name": f"Terms of deal {facts.terms.deal_id}"}}],
        "data": [
            {
                "type": "dataset",
                "name": facts.name,
                "contents": {"url": layout.MANIFEST},
                "classification": "licensed, not public",
                "description": described(facts),
                "governance": {"owners": [owner]},
            }
        ],
        "properties": [
            {"name": name, "value": value} for name, value in {**totals, **counts}.items()
        ],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{facts.identity}",
        "version": 1,
        "metadata": {"timestamp": facts.made_at, "supplier": {"name": facts.agency}},
        "components": [component],
    }


def provenance(facts: Facts) -> Node:
    """Returns OASIS DPS Provenance Metadata 1.0 (csd01 of 2026-05)."""
    revision = {"date": facts.made_at, "number": facts.version, "summary": described(facts)}
    contact = facts.terms.agency.removal_contact
    places = [{"country": code} for code in facts.terms.territory]
    codes = [code for code in facts.counts["licence_code"] if " " not in code]
    first_made = str(uuid.uuid5(uuid.NAMESPACE_URL, f"deal:{facts.terms.deal_id}"))
    return {
        "$schema": _DPS_SCHEMA,
        "set": {
            "category": "fairshard delivery",
            "schema-version": "1.0",
            "publisher": {
                "name": facts.agency,
                "namespace": f"{_INVALID}/",
                **({"contact-details": contact} if contact else {}),
            },
            "label": facts.name,
            "tracking": {
                "current-release-date": facts.made_at,
                "id": first_made,
                "initial-release-date": facts.made_at,
                "revision-history": [revision],
                "status": "final",
                "version": facts.version,
            },
        },
        "source": {
            "about": {"content": described(facts), "purpose": ", ".join(facts.terms.licensed)},
            "id": {
                "uuids": [facts.identity],
                "hashes": [
                    {
                        "tree-hashes": [{"algorithm": "sha256", "value": facts.manifest_sha256}],
                        "path": layout.MANIFEST,
                    }
                ],
            },
            "issuer": [{"legal-name": facts.agency}],
            "location": "not stated",
            "name": facts.name,
            "data-version": facts.version,
        },
        "provenance": {
            "origin-geography": [{"country": "not stated"}],
            "date": facts.made_at[:10],
            "generation-method": [
                {
                    "code": "other",
                    "long-description": "Licensed from contributors: works of the agency's "
                    "contributors, taken under their consents and releases as far as the deal's "
                    "purposes go.",
                }
            ],
            "format": sorted(
                {_DPS_FORMATS.get(shard.family, "other") for shard in facts.manifest.shards}
            ),
        },
        "use": {
            "license": [f"Terms of deal {facts.terms.deal_id}", *codes],
            "intended-purpose": [
                {"code": "other", "long-description": f"{name}: {meaning}"}
                for name, meaning in facts.terms.licensed.items()
            ],
            **({} if facts.terms.territory == [WORLD] else {"processing-included": places}),
        },
    }
