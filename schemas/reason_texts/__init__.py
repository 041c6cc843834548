"""What people are told about the reasons of each step but screening."""

from __future__ import annotations

from schemas.reason_info import ReasonInfo
from schemas.reason_texts.file import FILE_TEXTS
from schemas.reason_texts.profile import PROFILE_TEXTS
from schemas.reason_texts.reading import READING_TEXTS
from schemas.reason_texts.selection import SELECTION_TEXTS

#: By code.
TEXTS: dict[str, ReasonInfo] = {**READING_TEXTS, **FILE_TEXTS, **PROFILE_TEXTS, **SELECTION_TEXTS}
