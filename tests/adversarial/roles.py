"""What the files and servers of assets that the catalogue clears are made to say, or to break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.adversarial.draft import Row
from tests.adversarial.media import Embed
from tests.adversarial.people import MAKERS
from tests.adversarial.server import Answer
from tests.adversarial.terms import BOTH, GEN, INFERENCE, Terms

DENIED, CONDITIONAL = "denied", "conditional"
# Who says it (file or server, or the catalogue's own grant), how, and of which purposes.
Statement = tuple[str, str, frozenset[str]]
ONLY_GEN, ONLY_INFERENCE = frozenset({GEN}), frozenset({INFERENCE})
EVERY_MAKER = tuple(MAKERS)


def _same(data: bytes) -> bytes:
    return data


@dataclass(frozen=True)
class Role:
    """One kind of asset that the catalogue clears.

    Attributes:
        name: Unique.
        fmt: Format of its picture, or "" for any.
        embed: Puts what it says into the picture.
        says: Statements against needed purposes.
        reasons: Refusals that no agreement lifts.
        lifted: Refusals that agreements on every needed purpose lift.
        row: Columns; `slots` are what traps must leave alone then.
        site: Which server.
        folder: Path of its file, from slash to slash.
        headers: What the server sends with it.
        answer: Makes the server's answer of the file; for files that cannot be had.
        dead: The reason of the dead letter.
        small: Whether the picture is smaller than the deal wants.
        constraints: PLUS's alteration codes that the sample must show.
        extension: Of its name, where that is not its format's.
        uri: Replaces the address; `{port}` and `{path}` stand for the usual one's parts.
        most_requests: How often its file may be asked for.
        by_deal: Whether an agreement of the deal must cover all its makers.
    """

    name: str
    fmt: str = ""
    embed: Embed = _same
    says: tuple[Statement, ...] = ()
    reasons: tuple[str, ...] = ()
    lifted: tuple[str, ...] = ()
    row: Row = field(default_factory=dict)
    slots: frozenset[str] = frozenset()
    site: str = "main"
    folder: str = "/open/"
    headers: tuple[tuple[str, str], ...] = ()
    answer: Callable[[Answer], Answer] | None = None
    dead: str = ""
    small: bool = False
    constraints: str = ""
    extension: str = ""
    uri: str = ""
    most_requests: int = 2
    by_deal: bool = False

    @property
    def speaks(self) -> bool:
        """Whether its makers' agreements matter."""
        return bool(self.says or self.lifted) and not self.by_deal


@dataclass(frozen=True)
class Verdict:
    """What must become of an asset whose catalogue row is clear.

    Attributes:
        reasons: Refusals.
        captioned: Whether it may be embedded and captioned.
        overridden: Origin and purpose of each no that agreements override.
    """

    reasons: frozenset[str]
    captioned: bool
    overridden: frozenset[tuple[str, str]]


def verdict(role: Role, signed: frozenset[str], terms: Terms, captioned: bool) -> Verdict:
    """The answer to a role: what its statements come to under the agreements of its makers.

    Args:
        role: The role.
        signed: Purposes for which all its makers have signed.
        terms: The deal.
        captioned: Whether the catalogue lets it be captioned.
    """
    reasons, overridden = set(role.reasons), set()
    asked = {GEN, INFERENCE} if captioned else {GEN}
    for origin, how, purposes in role.says:
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
        reasons |= set(role.lifted)
    elif role.lifted and INFERENCE not in signed:
        captioned = False  # what cannot be read may have said no to that, too
    return Verdict(frozenset(reasons), captioned, frozenset(overridden))


PLAIN = (
    *(Role(f"plain {fmt}", fmt=fmt) for fmt in ("jpg", "png", "webp")),
    Role("plain, 404 beside it", site="bare"),
    Role("too small", small=True),
    # The deal's agreement overrides the agency's own no, as every preference.
    Role(
        "grant denied, agreed",
        says=(("catalogue", DENIED, ONLY_GEN),),
        row={"grant_train_gen": "deny"},
        by_deal=True,
    ),
    Role(
        "grants on a condition, agreed",
        says=(("catalogue", CONDITIONAL, BOTH),),
        row={"grant_train_gen": "conditional", "grant_inference": "conditional"},
        by_deal=True,
    ),
)
