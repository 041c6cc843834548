"""Every rule of screening, in the order in which a decision lists its reasons."""

from __future__ import annotations

from pipelines.rights.rules import (
    contributors,
    grants,
    licence,
    people,
    personal,
    profile,
    release_faults,
    releases,
    selection,
    source,
    status,
    term,
)
from pipelines.rights.rules.rule import Rule

SCREENING_RULES: tuple[Rule, ...] = (
    *status.RULES,
    *licence.CLASS_RULES,
    *term.RULES,
    *licence.RULES,
    *grants.RULES,
    *contributors.RULES,
    *people.RULES,
    *releases.RULES,
    *release_faults.RULES,
    *source.RULES,
    *personal.RULES,
    *selection.RULES,
    *profile.RULES,
)
