"""What the files and servers of assets that the catalogue clears are made to say, or to break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.adversarial.contributors import CONSENTING
from tests.adversarial.draft import Row
from tests.adversarial.media import EmbedStatement
from tests.adversarial.server import ServerAnswer
from tests.adversarial.terms import BOTH_PURPOSES, INFERENCE, TRAIN_GEN, AdversaryTerms

DENIED, CONDITIONAL = "denied", "conditional"
# Who says it (file or server, or the catalogue's own grant), how, and of which purposes.
Objection = tuple[str, str, frozenset[str]]
GEN_ONLY, INFERENCE_ONLY = frozenset({TRAIN_GEN}), frozenset({INFERENCE})
CONSENTING_NAMES = tuple(CONSENTING)


def _same(data: bytes) -> bytes:
    return data


@dataclass(frozen=True)
class MediaRole:
    """One kind of asset that the catalogue clears.

    Attributes:
        name: Unique.
        media_format: Format of its picture, or "" for any.
        embed: Puts what it says into the picture.
        objections: Statements against needed purposes.
        reasons: Refusals that no agreement lifts.
        liftable_reasons: Refusals that agreements on every needed purpose lift.
        row: Columns; `slots` are what traps must leave alone then.
        site: Which server.
        folder: Path of its file, from slash to slash.
        headers: What the server sends with it.
        answer: Makes the server's answer of the file; for files that cannot be had.
        failure_reason: The reason of the dead letter.
        too_small: Whether the picture is smaller than the deal wants.
        constraints: PLUS's alteration codes that the sample must show.
        extension: Of its name, where that is not its format's.
        uri: Replaces the address; `{port}` and `{path}` stand for the usual one's parts.
        max_requests: How often its file may be asked for.
        needs_deal_agreement: Whether an agreement of the deal must cover all its makers.
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

    @property
    def depends_on_agreements(self) -> bool:
        """Whether its makers' agreements matter."""
        return bool(self.objections or self.liftable_reasons) and not self.needs_deal_agreement


@dataclass(frozen=True)
class ExpectedResult:
    """What must become of an asset whose catalogue row is clear.

    Attributes:
        reasons: Refusals.
        captioned: Whether it may be embedded and captioned.
        overridden: Origin and purpose of each no that agreements override.
    """

    reasons: frozenset[str]
    captioned: bool
    overridden: frozenset[tuple[str, str]]


def expected_result(
    role: MediaRole, signed: frozenset[str], terms: AdversaryTerms, captioned: bool
) -> ExpectedResult:
    """The answer to a role: what its statements come to under the agreements of its makers.

    Args:
        role: The role.
        signed: Purposes for which all its makers have signed.
        terms: The deal.
        captioned: Whether the catalogue lets it be captioned.
    """
    reasons, overridden = set(role.reasons), set()
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
        captioned = False  # what cannot be read may have said no to that, too
    return ExpectedResult(frozenset(reasons), captioned, frozenset(overridden))


PLAIN = (
    *(MediaRole(f"plain {fmt}", media_format=fmt) for fmt in ("jpg", "png", "webp")),
    MediaRole("plain, 404 beside it", site="bare"),
    MediaRole("too small", too_small=True),
    # The deal's agreement overrides the agency's own no, as every preference.
    MediaRole(
        "grant denied, agreed",
        objections=(("catalogue", DENIED, GEN_ONLY),),
        row={"grant_train_gen": "deny"},
        needs_deal_agreement=True,
    ),
    MediaRole(
        "grants on a condition, agreed",
        objections=(("catalogue", CONDITIONAL, BOTH_PURPOSES),),
        row={"grant_train_gen": "conditional", "grant_inference": "conditional"},
        needs_deal_agreement=True,
    ),
)
