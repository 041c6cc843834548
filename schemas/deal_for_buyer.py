"""What the buyer may know about a deal."""

from __future__ import annotations

from schemas.buyer_terms import AgencyRecord, BuyerTerms, RemovalTerms
from schemas.deal import Deal
from schemas.rights import PURPOSE_MEANINGS, PURPOSES

# Keys of `[rights]` that are about how the agency finds denials, not about what the buyer gets.
_INTERNAL_RIGHTS = {"denial_phrases"}


def buyer_terms(deal: Deal) -> BuyerTerms:
    """Returns what the buyer may know about a deal. Price, agreements and sources are left out."""
    return BuyerTerms(
        deal_id=deal.deal_id,
        buyer=deal.buyer,
        agency=AgencyRecord(**deal.agency.model_dump()),
        licensed={one.value: PURPOSE_MEANINGS[one] for one in PURPOSES if one in deal.purposes},
        not_licensed={
            one.value: PURPOSE_MEANINGS[one] for one in PURPOSES if one not in deal.purposes
        },
        territory=list(deal.territory),
        starts=deal.starts.isoformat(),
        ends=deal.ends.isoformat(),
        profile=deal.profile,
        media=list(deal.media),
        rights=deal.rights.model_dump(mode="json", exclude=_INTERNAL_RIGHTS),
        removal=RemovalTerms(deadline_days=deal.withdrawal.deadline_days, way=deal.withdrawal.way),
    )
