"""The disclosure as OASIS DPS Provenance Metadata 1.0."""

from __future__ import annotations

import uuid

from pipelines.delivery.disclosure_facts import UNOWNED_URL, Facts, described
from schemas import layout
from schemas.territory import WORLD

_SCHEMA = "https://docs.oasis-open.org/dps/prov-meta/v1.0/schema/data-provenance.json"
# Of the formats of media that the schema lists; it has neither films nor WebP.
_FORMATS = {"jpg": "image/jpeg", "png": "image/png"}

_Node = dict[str, object]


def provenance(facts: Facts) -> _Node:
    """Returns OASIS DPS Provenance Metadata 1.0 (csd01 of 2026-05)."""
    return {
        "$schema": _SCHEMA,
        "set": _set(facts),
        "source": _source(facts),
        "provenance": _provenance(facts),
        "use": _use(facts),
    }


def _set(facts: Facts) -> _Node:
    """Returns who publishes the data set, and its versions."""
    revision = {"date": facts.made_at, "number": facts.version, "summary": described(facts)}
    contact = facts.terms.agency.removal_contact
    return {
        "category": "fairshard delivery",
        "schema-version": "1.0",
        "publisher": {
            "name": facts.agency,
            "namespace": f"{UNOWNED_URL}/",
            **({"contact-details": contact} if contact else {}),
        },
        "label": facts.name,
        "tracking": {
            "current-release-date": facts.made_at,
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"deal:{facts.terms.deal_id}")),
            "initial-release-date": facts.made_at,
            "revision-history": [revision],
            "status": "final",
            "version": facts.version,
        },
    }


def _source(facts: Facts) -> _Node:
    """Returns what the data set is, and its digest."""
    digest = {"algorithm": "sha256", "value": facts.manifest_sha256}
    return {
        "about": {"content": described(facts), "purpose": ", ".join(facts.terms.licensed)},
        "id": {
            "uuids": [facts.identity],
            "hashes": [{"tree-hashes": [digest], "path": layout.MANIFEST}],
        },
        "issuer": [{"legal-name": facts.agency}],
        "location": "not stated",
        "name": facts.name,
        "data-version": facts.version,
    }


def _provenance(facts: Facts) -> _Node:
    """Returns where the works come from, and their formats."""
    return {
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
        "format": sorted({_FORMATS.get(shard.family, "other") for shard in facts.manifest.shards}),
    }


def _use(facts: Facts) -> _Node:
    """Returns what the data set may be used for, and where."""
    places = [{"country": code} for code in facts.terms.territory]
    codes = [code for code in facts.counts["licence_code"] if " " not in code]
    return {
        "license": [f"Terms of deal {facts.terms.deal_id}", *codes],
        "intended-purpose": [
            {"code": "other", "long-description": f"{name}: {meaning}"}
            for name, meaning in facts.terms.licensed.items()
        ],
        **({} if facts.terms.territory == [WORLD] else {"processing-included": places}),
    }
