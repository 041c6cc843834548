"""The list of everything that was removed from a deal's deliveries, up to an instant.

A reader drops what it names. It is signed by the agency and valid for some days, so that a buyer
who gets none any more cannot go on as if nothing was removed.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.notice import NoticeReference, check_day

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class RemovalList(BaseModel):
    """What was removed from a deal's deliveries. `signature` is over the list without it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    fairshard_removal_list: Literal[1]
    deal_id: str
    issued_at: str  # ISO 8601 instant, UTC: all notices up to it are in the list
    valid_until: Annotated[str, AfterValidator(check_day)]  # the last day on which it may be used
    notices: list[NoticeReference]  # sorted by id
    assets: list[_Digest]  # commitments, sorted
    vkey: str  # the signer's verifier key, signed-note form
    signature: str = ""  # a signed-note line
