"""The deal's section `[captions]`: what becomes of captions, whichever model wrote them."""

from __future__ import annotations

from typing import Literal

from schemas.deal_terms import DealSection


class CaptionTerms(DealSection):
    """How captions are made and which are delivered."""

    # A file of concepts for tags and zero-shot captions; "" is the vocabulary in the package.
    vocabulary: str = ""
    # Captions of models that name a person, an e-mail address or a phone number that the
    # contributor's texts do not. "keep": they are delivered with a flag, and not recommended;
    # "drop": they are not delivered; "refuse": their assets are refused.
    flagged: Literal["keep", "drop", "refuse"] = "keep"
