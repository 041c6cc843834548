"""Plans an adversarial catalogue: rows with traps, and the decisions that are expected.

The expected decisions are listed with the traps that cause them. Nothing here uses the code under
test.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from tests.adversarial.contributors import HISTORIES, ContributorPool
from tests.adversarial.draft import AssetDraft, Row, Trap
from tests.adversarial.invalid_rows import INVALID_ROWS
from tests.adversarial.plan import AdversaryPlan, PlannedRow, picture_format
from tests.adversarial.roles import CONSENTING_NAMES, PLAIN, MediaRole, expected_result
from tests.adversarial.roles_file import file_roles
from tests.adversarial.roles_server import server_roles
from tests.adversarial.roles_signed import signed_roles
from tests.adversarial.terms import (
    ASSET_WORD,
    CONTRIBUTOR_WORD,
    SHOOT_DAY,
    AdversaryTerms,
    compared_id,
)
from tests.adversarial.traps_asset import asset_traps
from tests.adversarial.traps_contributors import contributor_traps
from tests.adversarial.traps_releases import release_traps

_CLEARED_SHARE = 0.03
_TWIN_SHARE = 0.004  # pairs of rows with one id
_INVALID_SHARE = 0.003
_CAPTIONED_ROUNDS = 2  # times that every role is used with captions
_SIGNED = frozenset({"authors", "grant"})  # slots that decide whether a statement is overridden


def make_plan(
    seed: int, rows: int, terms: AdversaryTerms, origins: Mapping[str, str]
) -> AdversaryPlan:
    """Plans a catalogue.

    Args:
        seed: Another seed gives another catalogue.
        rows: How many rows.
        terms: The deal, on which some expected decisions depend.
        origins: The origin `http://127.0.0.1:PORT` of each server, by name.
    """
    return _Planner(seed, rows, terms, origins).plan()


class _Planner:
    def __init__(
        self, seed: int, rows: int, terms: AdversaryTerms, origins: Mapping[str, str]
    ) -> None:
        self._dice = random.Random(seed)
        self._seed, self._rows, self._terms, self._origins = seed, rows, terms, origins
        self._contributors = ContributorPool(per_history=2 + rows // 1_000)
        traps = [*asset_traps(terms), *contributor_traps(terms), *release_traps(terms)]
        if terms.reference_rules:
            traps = [trap for trap in traps if not trap.loses_a_no]
        self._hostile = [trap for trap in traps if trap.reasons]
        self._harmless = [trap for trap in traps if not trap.reasons]
        self._roles = [*PLAIN, *file_roles(), *signed_roles(), *server_roles()]
        names = [*(trap.name for trap in traps), *(role.name for role in self._roles)]
        assert len(names) == len(set(names)), "two cases have the same name"
        numbers = list(range(rows))
        self._dice.shuffle(numbers)
        self._numbers = iter(numbers)
        self._consents: list[Row] = []
        self._releases: list[Row] = []

    def plan(self) -> AdversaryPlan:
        twins = max(12, round(self._rows * _TWIN_SHARE))
        invalid = max(len(INVALID_ROWS), round(self._rows * _INVALID_SHARE))
        cleared = max(2 * len(self._roles), round(self._rows * _CLEARED_SHARE))
        if self._terms.inference == "require":
            assert cleared <= _CAPTIONED_ROUNDS * len(self._roles), "too many rows for this deal"
        refused = self._rows - 2 * twins - invalid - cleared
        assert refused >= len(self._hostile), "too few rows for every case"
        assets = [
            *(self._cleared(index) for index in range(cleared)),
            *(self._refused(index) for index in range(refused)),
            *(self._invalid_row(index) for index in range(invalid)),
        ]
        self._dice.shuffle(assets)
        pairs = [self._twin_rows(index) for index in range(twins)]
        # The two rows of a pair are at opposite ends of the catalogue.
        assets = [*(one for one, _ in pairs), *assets, *(other for _, other in pairs)]
        return AdversaryPlan(
            self._seed, self._terms, self._contributors, assets, self._consents, self._releases
        )

    def _draft(self, number: int) -> AssetDraft:
        row = {
            "asset_id": asset_id(number),
            "media_type": "image",
            "licence_model": "RF",
            "licence_class": "creative",
            "status": "active",
            "title": f"Picture {number}",
            "keywords": ["stock", f"word {number % 50}"],
            "created_at": SHOOT_DAY,
            "people_count": 0,
            "minors": False,
            "property": False,
            "digital_source_type": "digitalCapture",
        }
        return AssetDraft(
            number, self._contributors, row, [(self._contributors.pick("signed", number), 10_000)]
        )

    def _plant(
        self, draft: AssetDraft, traps: Sequence[Trap], max_count: int, used_slots: frozenset[str]
    ) -> list[Trap]:
        """Plants up to `max_count` random traps whose slots are not used yet."""
        planted: list[Trap] = []
        for _ in range(max_count):
            trap = self._dice.choice(traps)
            if not trap.slots & used_slots:
                trap.plant(draft)
                planted.append(trap)
                used_slots |= trap.slots
        return planted

    def _cleared(self, index: int) -> PlannedRow:
        role = self._roles[index % len(self._roles)]
        draft = self._draft(next(self._numbers))
        used_slots = role.slots
        round_ = index // len(self._roles)
        if role.depends_on_agreements or round_ >= _CAPTIONED_ROUNDS:
            used_slots |= _SIGNED
            maker = CONSENTING_NAMES[(index + round_) % len(CONSENTING_NAMES)]
            # Models are slow, so most of a large catalogue is signed for training only.
            draft.set_authors(maker if round_ < _CAPTIONED_ROUNDS else "signed for training only")
        if role.needs_deal_agreement:
            used_slots |= _SIGNED
            draft.authors = [(self._contributors.pick("covered by the deal", index), 10_000)]
        by_captioned = role.needs_deal_agreement or round_ < _CAPTIONED_ROUNDS
        harmless = [
            trap for trap in self._harmless if trap.captioned or not role.depends_on_agreements
        ]
        planted = self._plant(draft, harmless, self._dice.randrange(4), used_slots)
        draft.row.update(role.row)
        signed = frozenset.intersection(
            *(HISTORIES[self._contributors.history_of[who]].signed for who, _ in draft.authors)
        )
        captioned = by_captioned and all(trap.captioned for trap in planted)
        found = expected_result(role, signed, self._terms, captioned)
        refs = ", ".join(
            sorted({self._contributors.agreement_name(who) for who, _ in draft.authors})
        )
        overridden = frozenset((*item, refs) for item in found.overridden)
        outcome, stage, reasons = "delivered", "write", found.reasons
        if role.failure_reason:
            outcome, stage, reasons = "dead_letter", "enrich", frozenset({role.failure_reason})
        elif reasons:
            outcome, stage = "refused", "enrich"
        elif role.too_small:
            outcome, stage, reasons = "refused", "select", frozenset({"select.too_small"})
        return self._planned(
            draft, role, planted, outcome, stage, reasons, found.captioned, overridden
        )

    def _refused(self, index: int) -> PlannedRow:
        draft = self._draft(next(self._numbers))
        planted = []
        used_slots: frozenset[str] = frozenset()
        if index < len(self._hostile):  # each on its own
            planted = [self._hostile[index]]
            planted[0].plant(draft)
            used_slots = planted[0].slots
        else:
            planted = self._plant(draft, self._hostile, self._dice.randint(1, 4), used_slots)
            used_slots = frozenset().union(*(trap.slots for trap in planted))
        reasons = frozenset().union(*(trap.reasons for trap in planted))
        planted += self._plant(draft, self._harmless, self._dice.randrange(3), used_slots)
        return self._planned(draft, PLAIN[index % 3], planted, "refused", "screen", reasons)

    def _invalid_row(self, index: int) -> PlannedRow:
        return self._plan_invalid(self._draft(next(self._numbers)), index)

    def _plan_invalid(self, draft: AssetDraft, index: int) -> PlannedRow:
        name, reason, changes = INVALID_ROWS[index % len(INVALID_ROWS)]
        planned = self._planned(
            draft,
            PLAIN[index % 3],
            (),
            "dead_letter",
            "read",
            frozenset({reason}),
            description=name,
        )
        planned.row.update(changes)
        return planned

    def _twin_rows(self, index: int) -> tuple[PlannedRow, PlannedRow]:
        """Plans two rows that have the same id after trimming, each with traps of its own."""
        first = self._draft(next(self._numbers))
        second = self._draft(next(self._numbers))
        if self._terms.reference_rules:  # an id that needs no respelling
            first.row["asset_id"] = f"{ASSET_WORD}twin {index}"
        same = ("{}", "{} ", "\u00a0{}", "\t{}\n")[index % 4].format(first.row["asset_id"])
        second.row["asset_id"] = same
        pair = []
        # An invalid row counts as a row of its id too; here it is either of the two.
        invalid = (first, second)[index // 3 % 2] if index % 3 == 0 else None
        for draft in (first, second):
            if draft is invalid:
                pair.append(self._plan_invalid(draft, index // 3))
                continue
            planted: list[Trap] = []
            if (index + draft.number) % 3 == 0:
                candidates = [trap for trap in self._hostile if "id" not in trap.slots]
                planted = self._plant(draft, candidates, 1, frozenset())
            reasons = {"asset.duplicate_id"}.union(*(trap.reasons for trap in planted))
            pair.append(
                self._planned(
                    draft, PLAIN[index % 3], planted, "refused", "screen", frozenset(reasons)
                )
            )
        return pair[0], pair[1]

    def _planned(
        self,
        draft: AssetDraft,
        role: MediaRole,
        traps: Sequence[Trap],
        outcome: str,
        stage: str,
        reasons: frozenset[str],
        captioned: bool = True,
        overridden: frozenset[tuple[str, str, str]] = frozenset(),
        description: str = "",
    ) -> PlannedRow:
        self._consents += draft.consents
        self._releases += draft.releases
        extension = role.extension or picture_format(role, draft.number)
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
        return PlannedRow(
            number=draft.number,
            asset_id=compared_id(draft.asset_id),
            row=row,
            outcome=outcome,
            stage=stage,
            reasons=reasons,
            fetched=stage not in ("read", "screen"),
            captioned=captioned,
            overridden=overridden,
            role=role,
            path=path,
            description=description or " + ".join([*(trap.name for trap in traps), role.name]),
        )


def asset_id(number: int) -> str:
    """Returns the id of a number; twelve consecutive numbers have similar or hostile ids."""
    base, style = divmod(number, 12)
    name = f"{ASSET_WORD}{base}"
    return (
        name,
        name.title(),
        name.upper(),
        f"{name}\u00e9",
        f"{name}e\u0308",
        f"{ASSET_WORD}\u200bz{base}",
        f"../{name}",
        f'=HYPERLINK("{name}")',
        f"{CONTRIBUTOR_WORD}{base}:{name}",
        f"{name};{name}",
        f"\u202e{name}\u0430",
        f"{name}\n{base}\x00",
    )[style]
