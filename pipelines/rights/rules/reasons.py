"""Every reason for which a step leaves an asset out, with its explanation."""

from __future__ import annotations

from pipelines.rights.rules.listing import SCREENING_RULES
from schemas.reason_info import ReasonInfo, Stage
from schemas.reasons import Reason

_BEFORE_SCREENING = tuple(reason for reason in Reason if reason.info.stage is Stage.READ)

# By code, in the order in which they are listed everywhere.
REASONS: dict[str, ReasonInfo] = {
    **{reason.value: reason.info for reason in _BEFORE_SCREENING},
    **{rule.code: rule.info for rule in SCREENING_RULES},
    **{reason.value: reason.info for reason in Reason if reason not in _BEFORE_SCREENING},
}
