"""Foretells `licence.attribution`, which a run gives to assets that their files clear as well.

A run reads the file first, as a prohibition in it says more. The tables alone decide this reason,
so that `quote` and `check` count it without files.
"""

from __future__ import annotations

import numpy as np

from pipelines.rights.arrow import BoolArray
from pipelines.rights.attribution import is_address, shows_name
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.screen import ReasonMask, reasons_of
from schemas.licences import asks_for_attribution
from schemas.reasons import Reason

#: The columns of assets that decide it.
ATTRIBUTION_COLUMNS = ("licence_code", "credit", "source_url")
#: The bit of a mask for it, and its number from 1; no rule has so high a number.
UNNAMED_BIT, UNNAMED = 1 << 62, 63


def mark_unnamed(batch: AssetBatch, mask: ReasonMask) -> None:
    """Sets the bit of assets that no rule refuses and whose author could not be named."""
    mask[(mask == 0) & _unnamed(batch)] |= np.uint64(UNNAMED_BIT)


def early_reasons(mask: int) -> list[str]:
    """The codes of the reasons that a mask stands for, this one included."""
    alone = [Reason.LICENCE_ATTRIBUTION.value] if mask & UNNAMED_BIT else []
    return reasons_of(mask & (UNNAMED_BIT - 1)) or alone


def _unnamed(batch: AssetBatch) -> BoolArray:
    """Where `attribution_fault` finds one."""
    asked = batch.texts("licence_code").where(asks_for_attribution)
    if not asked.any():
        return asked
    rights = batch.deal.rights
    fault = batch.texts("source_url").where(lambda text: bool(text) and not is_address(text))
    if rights.missing_credit != "accept":
        if rights.may_name_authors:
            fault = fault | ~batch.texts("credit").where(shows_name)
        else:
            fault = np.ones(len(batch), np.bool_)
    return np.asarray(asked & fault)
