"""Plans an adversarial catalogue: rows with traps, and the answers that they must have.

The answers are put down beside the traps that cause them. Nothing here asks the code under test.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from tests.adversarial.draft import Draft, Row, Trap
from tests.adversarial.people import HISTORIES, People
from tests.adversarial.planned import Plan, Planned, format_of
from tests.adversarial.roles import EVERY_MAKER, PLAIN, Role, verdict
from tests.adversarial.roles_file import file_roles
from tests.adversarial.roles_server import server_roles
from tests.adversarial.roles_signed import signed_roles
from tests.adversarial.spoilt import SPOILT
from tests.adversarial.terms import ASSET_WORD, CONTRIBUTOR_WORD, SHOT, Terms
from tests.adversarial.traps_asset import asset_traps
from tests.adversarial.traps_makers import maker_traps
from tests.adversarial.traps_shown import shown_traps

_CLEARED_SHARE = 0.03
_TWIN_SHARE = 0.004  # pairs of rows with one id
_SPOILT_SHARE = 0.003
_CAPTIONED_ROUNDS = 2  # times that every role is played by all kinds of makers
_SIGNED = frozenset({"authors", "grant"})  # what the answer to a statement hangs on


def make_plan(seed: int, rows: int, terms: Terms, origins: Mapping[str, str]) -> Plan:
    """Plans a catalogue.

    Args:
        seed: Another seed gives another catalogue.
        rows: How many rows.
        terms: The deal, which decides some answers.
        origins: `http://127.0.0.1:PORT` of each server.
    """
    return _Planner(seed, rows, terms, origins).plan()


class _Planner:
    def __init__(self, seed: int, rows: int, terms: Terms, origins: Mapping[str, str]) -> None:
        self._dice = random.Random(seed)
        self._seed, self._rows, self._terms, self._origins = seed, rows, terms, origins
        self._people = People(each=2 + rows // 1_000)
        traps = [*asset_traps(terms), *maker_traps(terms), *shown_traps(terms)]
        self._hostile = [trap for trap in traps if trap.reasons]
        self._harmless = [trap for trap in traps if not trap.reasons]
        self._roles = [*PLAIN, *file_roles(), *signed_roles(), *server_roles()]
        names = [*(trap.name for trap in traps), *(role.name for role in self._roles)]
        assert len(names) == len(set(names)), "two cases of one name"
        numbers = list(range(rows))
        self._dice.shuffle(numbers)
        self._numbers = iter(numbers)
        self._consents: list[Row] = []
        self._releases: list[Row] = []

    def plan(self) -> Plan:
        twins = max(12, round(self._rows * _TWIN_SHARE))
        spoilt = max(len(SPOILT), round(self._rows * _SPOILT_SHARE))
        cleared = max(2 * len(self._roles), round(self._rows * _CLEARED_SHARE))
        if self._terms.inference == "require":
            assert cleared <= _CAPTIONED_ROUNDS * len(self._roles), "too many rows for this deal"
        refused = self._rows - 2 * twins - spoilt - cleared
        assert refused >= len(self._hostile), "too few rows for every case"
        assets = [
            *(self._cleared(at) for at in range(cleared)),
            *(self._refused(at) for at in range(refused)),
            *(self._spoilt(at) for at in range(spoilt)),
        ]
        self._dice.shuffle(assets)
        pairs = [self._pair(at) for at in range(twins)]
        # A row and its twin lie apart, at both ends of the catalogue.
        assets = [*(one for one, _ in pairs), *assets, *(other for _, other in pairs)]
        return Plan(self._seed, self._terms, self._people, assets, self._consents, self._releases)

    def _draft(self, number: int) -> Draft:
        row = {
            "asset_id": asset_id(number),
            "media_type": "image",
            "licence_model": "RF",
            "licence_class": "creative",
            "status": "active",
            "title": f"Picture {number}",
            "keywords": ["stock", f"word {number % 50}"],
            "created_at": SHOT,
            "people_count": 0,
            "minors": False,
            "property": False,
            "digital_source_type": "digitalCapture",
        }
        return Draft(number, self._people, row, [(self._people.pick("signed", number), 10_000)])

    def _plant(
        self, draft: Draft, traps: Sequence[Trap], most: int, taken: frozenset[str]
    ) -> list[Trap]:
        """Plants some more traps that touch nothing that is taken."""
        planted: list[Trap] = []
        for _ in range(most):
            trap = self._dice.choice(traps)
            if not trap.slots & taken:
                trap.plant(draft)
                planted.append(trap)
                taken |= trap.slots
        return planted

    def _cleared(self, at: int) -> Planned:
        role = self._roles[at % len(self._roles)]
        draft = self._draft(next(self._numbers))
        taken = role.slots
        round_ = at // len(self._roles)
        if role.speaks or round_ >= _CAPTIONED_ROUNDS:
            taken |= _SIGNED
            maker = EVERY_MAKER[(at + round_) % len(EVERY_MAKER)]
            # Models take their time: of a large catalogue most are signed for training alone.
            draft.by(maker if round_ < _CAPTIONED_ROUNDS else "signed to train alone")
        if role.by_deal:
            taken |= _SIGNED
            draft.authors = [(self._people.pick("by the deal", at), 10_000)]
        by_captioned = role.by_deal or round_ < _CAPTIONED_ROUNDS
        harmless = [trap for trap in self._harmless if trap.captioned or not role.speaks]
        planted = self._plant(draft, harmless, self._dice.randrange(4), taken)
        draft.row.update(role.row)
        signed = frozenset.intersection(
            *(HISTORIES[self._people.of[who]].signed for who, _ in draft.authors)
        )
        captioned = by_captioned and all(trap.captioned for trap in planted)
        found = verdict(role, signed, self._terms, captioned)
        refs = ", ".join(sorted({self._people.signature(who) for who, _ in draft.authors}))
        overridden = frozenset((*item, refs) for item in found.overridden)
        outcome, stage, reasons = "delivered", "write", found.reasons
        if role.dead:
            outcome, stage, reasons = "dead_letter", "enrich", frozenset({role.dead})
        elif reasons:
            outcome, stage = "refused", "enrich"
        elif role.small:
            outcome, stage, reasons = "refused", "select", frozenset({"select.too_small"})
        return self._planned(
            draft, role, planted, outcome, stage, reasons, found.captioned, overridden
        )

    def _refused(self, at: int) -> Planned:
        draft = self._draft(next(self._numbers))
        planted = []
        taken: frozenset[str] = frozenset()
        if at < len(self._hostile):  # each alone
            planted = [self._hostile[at]]
            planted[0].plant(draft)
            taken = planted[0].slots
        else:
            planted = self._plant(draft, self._hostile, self._dice.randint(1, 4), taken)
            taken = frozenset().union(*(trap.slots for trap in planted))
        reasons = frozenset().union(*(trap.reasons for trap in planted))
        planted += self._plant(draft, self._harmless, self._dice.randrange(3), taken)
        return self._planned(draft, PLAIN[at % 3], planted, "refused", "screen", reasons)

    def _spoilt(self, at: int) -> Planned:
        return self._spoil(self._draft(next(self._numbers)), at)

    def _spoil(self, draft: Draft, at: int) -> Planned:
        name, reason, changes = SPOILT[at % len(SPOILT)]
        planned = self._planned(
            draft, PLAIN[at % 3], (), "dead_letter", "read", frozenset({reason}), why=name
        )
        planned.row.update(changes)
        return planned

    def _pair(self, at: int) -> tuple[Planned, Planned]:
        """Two rows of one id, once blanks are dropped; each has its own traps besides."""
        first = self._draft(next(self._numbers))
        second = self._draft(next(self._numbers))
        same = ("{}", "{} ", "\u00a0{}", "\t{}\n")[at % 4].format(first.row["asset_id"])
        second.row["asset_id"] = same
        pair = []
        # A row that cannot be read counts as a row of its id: now the first, now the second.
        spoilt = (first, second)[at // 3 % 2] if at % 3 == 0 else None
        for draft in (first, second):
            if draft is spoilt:
                pair.append(self._spoil(draft, at // 3))
                continue
            planted: list[Trap] = []
            if (at + draft.number) % 3 == 0:
                fit = [trap for trap in self._hostile if "id" not in trap.slots]
                planted = self._plant(draft, fit, 1, frozenset())
            reasons = {"asset.duplicate_id"}.union(*(trap.reasons for trap in planted))
            pair.append(
                self._planned(
                    draft, PLAIN[at % 3], planted, "refused", "screen", frozenset(reasons)
                )
            )
        return pair[0], pair[1]

    def _planned(
        self,
        draft: Draft,
        role: Role,
        traps: Sequence[Trap],
        outcome: str,
        stage: str,
        reasons: frozenset[str],
        captioned: bool = True,
        overridden: frozenset[tuple[str, str, str]] = frozenset(),
        why: str = "",
    ) -> Planned:
        self._consents += draft.consents
        self._releases += draft.releases
        extension = role.extension or format_of(role, draft.number)
        path = f"{role.folder}{draft.number}.{extension}"
        origin = self._origins[role.site]
        uri = role.uri or "{origin}{path}"
        row = draft.row | {
            "media_uri": uri.format(origin=origin, port=origin.rpartition(":")[2], path=path),
            "contributors": [
                {"contributor_id": who, "share_bp": share} for who, share in draft.authors
            ],
            "release_ids": draft.release_ids or None,
        }
        return Planned(
            number=draft.number,
            asset_id=draft.asset_id.strip(" \t\n\u00a0"),
            row=row,
            outcome=outcome,
            stage=stage,
            reasons=reasons,
            fetched=stage not in ("read", "screen"),
            captioned=captioned,
            overridden=overridden,
            role=role,
            path=path,
            why=why or " + ".join([*(trap.name for trap in traps), role.name]),
        )


def asset_id(number: int) -> str:
    """Ids in families of twelve that look alike, or like something else."""
    base, style = divmod(number, 12)
    name = f"{ASSET_WORD}{base}"
    return (
        name,
        name.title(),
        name.upper(),
        f"{name}\u00e9",
        f"{name}e\u0301",
        f"{ASSET_WORD}\u200b{base}",
        f"../{name}",
        f'=HYPERLINK("{name}")',
        f"{CONTRIBUTOR_WORD}{base}:{name}",
        f"{name};{name}",
        f"\u202e{name}\u0430",
        f"{name}\n{base}\x00",
    )[style]
