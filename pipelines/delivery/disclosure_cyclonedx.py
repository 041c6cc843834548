"""The disclosure as a CycloneDX 1.7 bill of materials."""

from __future__ import annotations

from pipelines.delivery.disclosure_facts import Facts, described
from schemas import layout


def cyclonedx(facts: Facts) -> dict[str, object]:
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
