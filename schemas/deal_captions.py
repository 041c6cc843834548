"""The deal's section `[captions]`: how captions are made, and which are delivered."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.deal_terms import DealSection

PROMPT = (
    "Describe this picture in one or two plain sentences. Say what is visible, and do not name "
    "people."
)


class EndpointTerms(DealSection):
    """How a captioner behind an address is asked; with any other captioner, it is refused."""

    # host, host:port or http://host:port that pictures may be sent to; a private address only if
    # it is listed itself. Media are never fetched from these hosts.
    hosts: list[str] = Field(default=[])
    prompt: str = Field(default=PROMPT, min_length=1, max_length=10_000)
    # Changes when the model behind its name does; part of the identity of captions.
    version: str = Field(default="", max_length=100)
    max_tokens: int = Field(default=256, ge=1, le=4_096)
    timeout_s: int = Field(default=60, ge=1, le=600)  # for one picture
    concurrency: int = Field(default=4, ge=1, le=64)  # pictures asked for at once, each process


class CaptionTerms(DealSection):
    """How captions are made and which are delivered."""

    # A file of concepts for tags and zero-shot captions; "" is the vocabulary in the package.
    vocabulary: str = ""
    # Captions of models that name a person, an e-mail address or a phone number that the
    # contributor's texts do not. "keep": they are delivered with a flag, and not recommended;
    # "drop": they are not delivered; "refuse": their assets are refused.
    flagged: Literal["keep", "drop", "refuse"] = "keep"
    # How often the recommended caption is the model's, of 10,000 samples that have a model's
    # caption and a title or description.
    p_synthetic_bp: int = Field(default=9_500, ge=0, le=10_000)
    # The language that the captioner writes, BCP 47.
    language: str = Field(default="en", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$")
    endpoint: EndpointTerms = EndpointTerms()
