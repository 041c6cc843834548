"""Roles of assets that the catalogue clears: what their files and servers state or break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.adversarial.contributors import CONSENTING
from tests.adversarial.draft import Row
from tests.adversarial.media import EmbedStatement
from tests.adversarial.server import ServerAnswer
from tests.adversarial.terms import BOTH_PURPOSES, INFERENCE, TRAIN_GEN, AdversaryTerms

DENIED, CONDITIONAL = "denied", "conditional"
# The origin (file, server or the catalogue's grant), the value, and the purposes concerned.
Objection = tuple[str, str, frozenset[str]]
GEN_ONLY, INFERENCE_ONLY = frozenset({TRAIN_GEN}), frozenset({INFERENCE})
CONSENTING_NAMES = tuple(CONSENTING)


def _same(data: bytes) -> bytes:
    return data


@dataclass(frozen=True)
class MediaRole:
    """One kind of asset that the catalogue clears.

    Attributes:
        name: Unique name.
        media_format: Format of its picture, or "" for any.
        embed: Embeds its statement in the picture.
        objections: Statements against the use for some purposes.
        reasons: Reasons that no agreement overrides.
        liftable_reasons: Reasons that agreements on every needed purpose override.
        row: Columns to set.
        slots: What traps must not change.
        site: Name of the server.
        folder: Folder of its file, beginning and ending with a slash.
        headers: Headers that the server sends with the file.
        answer: Changes the server's answer, for files that cannot be fetched or used.
        failure_reason: Why the asset fails.
        too_small: Whether the picture is smaller than the deal requires.
        constraints: PLUS alteration codes that the sample must state.
        extension: Extension of its file name, if it is not its format's.
        uri: Replaces the address; `{port}` and `{path}` are parts of the usual address.
        max_requests: The most requests for its file.
        needs_deal_agreement: Whether an agreement of the deal must cover all of its authors.
        unjudged: Whether the file has content that nobody judges.
    """

    name: str
    media_format: str = ""
    embed: EmbedStatement = _same
    objections: tuple[Objection, ...] = ()
    reasons: tuple[str, ...] = ()
    liftable_reasons: tuple[str, ...] = ()
    row: Row = field(default_factory=dict)
    slots: frozenset[str] = frozenset()
    site: str = "main"
    folder: str = "/open/"
    headers: tuple[tuple[str, str], ...] = ()
    answer: Callable[[ServerAnswer], ServerAnswer] | None = None
    failure_reason: str = ""
    too_small: bool = False
    constraints: str = ""
    extension: str = ""
    uri: str = ""
    max_requests: int = 2
    needs_deal_agreement: bool = False
    unjudged: bool = False

    @property
    def depends_on_agreements(self) -> bool:
        """Whether the decision depends on its authors' agreements."""
        return bool(self.objections or self.liftable_reasons) and not self.needs_deal_agreement


@dataclass(frozen=True)
class ExpectedResult:
    """The expected result for an asset that the catalogue clears.

    Attributes:
        reasons: The reasons to refuse it.
        captioned: Whether it may be embedded and captioned.
        overridden: Origin and purpose of each objection that agreements override.
    """

    reasons: frozenset[str]
    captioned: bool
    overridden: frozenset[tuple[str, str]]


def expected_result(
    role: MediaRole, signed: frozenset[str], terms: AdversaryTerms, captioned: bool
) -> ExpectedResult:
    """Returns the expected result of a role, given the agreements of the asset's authors.

    Args:
        role: The role.
        signed: The purposes for which all authors have signed.
        terms: The deal.
        captioned: Whether the catalogue allows captioning.
    """
    reasons, overridden = set(role.reasons), set()
    if role.unjudged and terms.unjudged_content == "refuse":
        reasons.add("file.unjudged_content")
    asked = {TRAIN_GEN, INFERENCE} if captioned else {TRAIN_GEN}
    for origin, how, purposes in role.objections:
        for purpose in purposes & asked:
            if purpose in signed:
                overridden.add((origin, purpose))
            elif purpose in terms.needed:
                reasons.add(f"{origin}.{how}")
                if role.row.get(f"grant_{purpose}") == "allow":
                    reasons.add("conflict.grant")
            else:
                captioned = False
    if not set(terms.needed) <= signed:
        reasons |= set(role.liftable_reasons)
    elif role.liftable_reasons and INFERENCE not in signed:
        captioned = False  # the unreadable statement may have denied inference too
    return ExpectedResult(frozenset(reasons), captioned, frozenset(overridden))


PLAIN = (
    *(MediaRole(f"plain {fmt}", media_format=fmt) for fmt in ("jpg", "png", "webp")),
    MediaRole("plain, without policy files", site="bare"),
    MediaRole("too small", too_small=True),
    # The deal's agreement overrides the agency's own denial, like every preference.
    MediaRole(
        "grant denied, agreed",
        objections=(("catalogue", DENIED, GEN_ONLY),),
        row={"grant_train_gen": "deny"},
        needs_deal_agreement=True,
    ),
    MediaRole(
        "grants conditional, agreed",
        objections=(("catalogue", CONDITIONAL, BOTH_PURPOSES),),
        row={"grant_train_gen": "conditional", "grant_inference": "conditional"},
        needs_deal_agreement=True,
    ),
)
