"""Disclosures for people: a data card, and what EU and California law ask of a model's provider.

They state what the delivery knows. What only the provider knows, such as the model's name, is left
for the provider to fill in and marked so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipelines.delivery.disclosure_facts import NO_CODE, Facts, described
from pipelines.format.markdown import as_shown
from pipelines.format.terms_text import NOT_STATED
from schemas.territory import WORLD

PROVIDER = "*to be filled in by the model's provider*"
_TITLES = {
    "media_type": "Media",
    "licence_code": "Licence codes",
    "licence_model": "Licence models",
    "ai_generated": "AI-generated",
    "caption_source": "Recommended captions, by whose words they are",
}


def data_card(facts: Facts) -> str:
    """Returns a data card."""
    terms = facts.terms
    lines = [
        f"# Data card: {facts.name}",
        "",
        as_shown(described(facts)),
        "",
        f"- Agency: {as_shown(facts.agency)}",
        f"- Contact for removals: {_stated(terms.agency.removal_contact)}",
        f"- Licensed for: {_codes(terms.licensed)}",
        f"- Not licensed for: {_codes(terms.not_licensed) or 'nothing'}",
        f"- Territory: {_territory(facts)}; term: {terms.starts} to {terms.ends}",
        f"- Rights were judged as of {facts.manifest.as_of[:10]}",
        f"- Samples whose author is to be named: {facts.attributed:,}",
        f"- Models: captions {as_shown(facts.manifest.models.captioner)}, embeddings "
        f"{as_shown(facts.manifest.models.clip)}",
        f"- SHA-256 of the manifest: `{facts.manifest_sha256}`",
        "",
        "| | samples | shards | media, bytes | films, minutes |",
        "| --- | --- | --- | --- | --- |",
        f"| in all | {facts.samples:,} | {facts.manifest.end.shards:,} | {facts.media_bytes:,} "
        f"| {facts.film_ms / 60_000:,.1f} |",
        "",
    ]
    for name, title in _TITLES.items():
        lines += [f"## {title}", "", *_table(facts.counts[name]), ""]
    return "\n".join(lines)


def eu_summary(facts: Facts) -> str:
    """Returns this delivery's part of the public summary of training content (EU AI Act, 53(1)d).

    The sections are those of the Commission's template of 24 July 2025.
    """
    media = facts.counts["media_type"]
    rights, generated = facts.terms.rights, facts.counts["ai_generated"]
    none = "none: all works of this delivery come from the agency."
    return "\n".join(
        [
            "# Summary of training content, EU AI Act, Article 53(1)(d)",
            "",
            f"This is the part of delivery {facts.name} alone.",
            "",
            "## 1. General information",
            "",
            f"- 1.1 Provider: {PROVIDER}",
            f"- 1.2 Model: {PROVIDER}",
            f"- 1.3 Modalities: {', '.join(media)}, text (captions). Size of this part: "
            f"{facts.samples:,} samples, {facts.media_bytes:,} bytes of media.",
            "",
            "## 2. List of data sources",
            "",
            f"- 2.1 Publicly available datasets: {none}",
            "- 2.2.1 Datasets commercially licensed by rightsholders or their representatives: "
            f"yes. {as_shown(described(facts))}",
            f"- 2.2.2 Private datasets obtained from other third parties: {none}",
            f"- 2.3 Data crawled and scraped from online sources: {none}",
            f"- 2.4 User data: {none}",
            "- 2.5 Synthetic data: "
            f"{facts.synthetic_captions:,} recommended captions were written by models "
            f"({as_shown(facts.manifest.models.captioner)}); AI-generated media: "
            f"{generated.get('yes', 0):,} yes, {generated.get('unknown', 0):,} unknown.",
            f"- 2.6 Other sources: {none}",
            "",
            "## 3. Data processing",
            "",
            "- 3.1 Reservation of rights (Directive (EU) 2019/790, Article 4(3)): works are "
            "licensed. Denials in files and by servers were read for every work, and a denial was "
            "overridden by a signed agreement alone.",
            f"- 3.2 Illegal content: works marked sensitive: `{rights['sensitive']}`; minors: "
            f"`{rights['minors']}`. No other screening is stated.",
            "",
        ]
    )


def california_summary(facts: Facts) -> str:
    """Returns this delivery's part of the documentation that AB 2013 asks (Civil Code 3111)."""
    generated, codes = facts.counts["ai_generated"], facts.counts["licence_code"]
    coded = facts.samples - codes.get(NO_CODE, 0)
    asked = {
        "Sources or owners": as_shown(facts.agency),
        "How the data furthers the intended purpose": PROVIDER,
        "Number of data points": f"{facts.samples:,}",
        "Types of data points": f"{', '.join(facts.counts['media_type'])}, with captions and "
        "other fields of text; labels are keywords, tags and categories",
        "Copyright, trademark or patent": "works are protected by copyright and licensed; "
        f"{coded:,} samples have a licence code",
        "Purchased or licensed": "licensed",
        "Personal information (Civil Code 1798.140(v))": "media may show people; "
        f"people: `{facts.terms.rights['people']}`, personal data in files: "
        f"`{facts.terms.rights['personal_data']}`",
        "Aggregate consumer information (1798.140(b))": NOT_STATED,
        "Cleaning, processing or other modification": "duplicates were left out as the deal says; "
        "captions, tags and embeddings were added; each sample's `rendition` says how its picture "
        "was changed",
        "When the data was collected": f"rights were judged as of {facts.manifest.as_of[:10]}; "
        "each sample has `created_at` where it is known",
        "When the data was first used": PROVIDER,
        "Synthetic data": f"{facts.synthetic_captions:,} recommended captions were written by "
        f"models; AI-generated media: {generated.get('yes', 0):,} yes, "
        f"{generated.get('unknown', 0):,} unknown",
    }
    rows = [f"| {name} | {answer} |" for name, answer in asked.items()]
    title = "# Training data documentation, California AB 2013 (Civil Code 3110, 3111)"
    head = [title, "", f"This is the part of delivery {facts.name} alone.", ""]
    return "\n".join([*head, "| asked | this delivery |", "| --- | --- |", *rows, ""])


def _table(counts: Mapping[str, int]) -> list[str]:
    rows = [f"| {as_shown(value)} | {count:,} |" for value, count in counts.items()]
    return ["| value | samples |", "| --- | --- |", *rows]


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _territory(facts: Facts) -> str:
    codes = facts.terms.territory
    return "everywhere" if codes == [WORLD] else ", ".join(codes)


def _stated(text: str) -> str:
    return as_shown(text) if text else NOT_STATED
