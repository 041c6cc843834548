"""A deal's terms as readable text: `rights/TERMS.md` of a delivery."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.format.markdown import as_shown
from schemas.buyer_terms import BuyerTerms
from schemas.rights import PURPOSES
from schemas.territory import WORLD

NOT_STATED = "not stated"
_PRECEDENCE = {
    "stricter": "A sample may have a licence code (`licence_code`). Where that licence and these "
    "terms differ, the stricter rules: a use must be permitted by both, and the duties of both "
    "apply.",
    "deal": "A sample may have a licence code (`licence_code`). Where that licence and these terms "
    "differ, these terms rule between the agency and the buyer.",
    "licence": "A sample may have a licence code (`licence_code`). Where that licence and these "
    "terms differ, that licence rules for this sample.",
}
_WAYS = {
    "patch": "The agency publishes a new version, in which the shards concerned were written again "
    "without the removed samples.",
    "tombstone": "The agency publishes a new version, in which the removed samples were "
    "overwritten in place.",
}


def terms_text(terms: BuyerTerms) -> str:
    """Returns the terms as Markdown; names that people chose are escaped."""
    removal = terms.removal
    return "\n".join(
        [
            f"# Terms of {terms.deal_id}",
            "",
            "`terms.json` has the same terms for programs, and the digest of this text. Its own "
            "SHA-256 is `terms_sha256` in `MANIFEST.json` and in every entry of the ledger. "
            "`deal.jsonld` says what is permitted in ODRL 2.2. The price and its division are "
            "no part of a delivery.",
            "",
            "## Parties",
            "",
            f"- Agency: {_stated(terms.agency.legal_name)}",
            f"- Buyer: {as_shown(terms.buyer)}",
            f"- Contact for removals: {_stated(terms.agency.removal_contact)}",
            "",
            "## Licensed purposes",
            "",
            *_purposes(terms.licensed),
            "",
            "## Purposes that are not licensed",
            "",
            *(_purposes(terms.not_licensed) or ["None: all six are licensed."]),
            "",
            "## Where, when and what",
            "",
            f"- Territory: {_territory(terms.territory)}",
            f"- Term: from {terms.starts} to {terms.ends}; both days count. A sample with "
            "`usable_until` may be used until that day.",
            f"- Media: {', '.join(terms.media)}, in the profile `{terms.profile}`",
            "",
            "## Licence codes",
            "",
            _PRECEDENCE[str(terms.rights["precedence"])],
            "",
            "Samples whose licence asks to name the author are listed in `attribution.csv` and "
            "`attribution.parquet`: title, author as licensed to be shown, source, licence, its "
            "address, and what was changed.",
            "",
            "## Removals",
            "",
            f"- A notice of removal names samples. Within {removal.deadline_days} days of its "
            "effective date, the buyer deletes them with everything computed from them: captions, "
            "embeddings, thumbnails.",
            f"- {_WAYS[removal.way]}",
            "- Questions and certificates of deletion go to: "
            f"{_stated(terms.agency.removal_contact)}",
            "",
            "## By what the rights were judged",
            "",
            "| key of the deal's `[rights]` | value |",
            "| --- | --- |",
            *(f"| `{name}` | {value} |" for name, value in sorted(terms.rights.items())),
            "",
        ]
    )


def _purposes(meanings: Mapping[str, str]) -> list[str]:
    known = [purpose.value for purpose in PURPOSES if purpose in meanings]
    return [f"- `{name}`: {meanings[name]}" for name in known]


def _territory(codes: list[str]) -> str:
    return "everywhere" if codes == [WORLD] else ", ".join(codes)


def _stated(text: str) -> str:
    return as_shown(text) if text else NOT_STATED
