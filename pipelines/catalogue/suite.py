"""Loads the Great Expectations suites; each expectation's `meta` defines a failure's effect."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import schemas
from pipelines.catalogue.mapping_values import close_matches
from schemas.errors import InputError

_FOLDER = Path(schemas.__file__).parent / "expectations"
STOP, DIVERT, REPORT = "stop", "divert", "report"


@dataclass(frozen=True)
class Rule:
    """One expectation, with the texts that describe it.

    Attributes:
        name: Its name, as used in a deal's `gate.divert`.
        expectation: The Great Expectations type.
        column: The column it checks, which may be derived by `pipelines.catalogue.derive`.
        on_failure: `stop` the run, `divert` the row to the failed assets, or only `report`.
        sentence: The requirement, in words.
        failure_text: The message for a failing row; `{value}` is replaced by the value.
        remedy: How to fix it.
    """

    name: str
    expectation: str
    column: str
    on_failure: str
    sentence: str
    failure_text: str
    remedy: str


@dataclass(frozen=True)
class RuleSuite:
    """The suite of one table.

    Attributes:
        table: The table's name.
        rules: Its rules, in order; a row that fails several `divert` rules is given the first.
        source: The suite as JSON for Great Expectations.
    """

    table: str
    rules: tuple[Rule, ...]
    source: str


# What must be true of references between tables. No single batch can tell, so that these are no
# expectations.
REFERENCE_RULES = (
    Rule(
        "consents_reach_contributors",
        "references",
        "consents.contributor_id",
        STOP,
        "Every no in consents is by somebody who is in the contributors table or made an asset.",
        "a no by {value}",
        "Correct consents.contributor_id, or add the contributor.",
    ),
    Rule(
        "consents_reach_assets",
        "references",
        "consents.asset_id",
        STOP,
        "Every no to one asset is about an asset of the catalogue, by one of its contributors.",
        "a no to one asset by {value}",
        "Correct consents.asset_id or consents.contributor_id.",
    ),
    Rule(
        "revocations_reach_assets",
        "references",
        "releases.release_id",
        STOP,
        "Every release that is revoked or denies machine learning is named by an asset.",
        "a revoked or denying release that no asset names{value}",
        "Correct releases.release_id or assets.release_ids.",
    ),
    Rule(
        "asset_ids_differ",
        "references",
        "assets.asset_id",
        STOP,
        "No two assets have the same asset_id once invisible characters and Unicode's forms are "
        "set aside.",
        "asset_id is in several rows, written in different ways",
        "Give each asset an id of its own.",
    ),
    Rule(
        "joined_rows_reach_tables",
        "references",
        "key",
        STOP,
        "Every row of a joined file that may limit what is allowed has the key of a row of its "
        "table.",
        "a row of {value}, that no row of the table has",
        "Correct the key in the joined file, or take the row out.",
    ),
    Rule(
        "agreements_exist",
        "references",
        "consents.agreement_ref",
        REPORT,
        "Every agreement that a yes names is listed for that contributor, in the agreements table "
        "or the deal; one that is not lifts nothing.",
        "named by a yes of {value}, for whom it is not listed",
        "List it in the agreements table, or correct consents.agreement_ref.",
    ),
    Rule(
        "agreement_revocations_reach",
        "references",
        "agreements.agreement_ref",
        STOP,
        "Every agreement that is revoked is named by a consent of its contributor, or by the deal.",
        "revoked for {value}, of whom no consent names it",
        "Correct agreements.agreement_ref or agreements.contributor_id.",
    ),
    Rule(
        "deal_agreements_hold",
        "references",
        "agreements.agreement_ref",
        STOP,
        "No agreement of the deal is revoked in the agreements table, or ends there before the "
        "deal does.",
        "the deal relies on it, and for {value} it is revoked or ends before the deal does",
        "Correct the agreements of the deal, or the agreements table.",
    ),
)


def load_suite(table: str = "assets") -> RuleSuite:
    """Loads the suite of a table from `schemas/expectations`."""
    return parse_suite((_FOLDER / f"{table}.json").read_text(encoding="utf-8"))


def parse_suite(source: str) -> RuleSuite:
    """Parses a suite.

    Raises:
        ValueError: If an expectation's `meta` is incomplete, or a rule name appears twice.
    """
    document = json.loads(source)
    rules = tuple(_rule(entry) for entry in document["expectations"])
    if len({rule.name for rule in rules}) != len(rules):
        raise ValueError(f"the suite {document['name']} names a rule twice")
    return RuleSuite(str(document["name"]), rules, source)


def _rule(entry: dict[str, dict[str, str]]) -> Rule:
    meta = entry["meta"]
    missing = {"rule", "on_failure", "sentence", "seen", "remedy"} - meta.keys()
    if missing or meta["on_failure"] not in (STOP, DIVERT, REPORT):
        raise ValueError(f"an expectation's meta is incomplete: {meta}")
    return Rule(
        meta["rule"],
        str(entry["type"]),
        entry["kwargs"]["column"],
        meta["on_failure"],
        meta["sentence"],
        meta["seen"],
        meta["remedy"],
    )


def check_divert(suite: RuleSuite, divert: Iterable[str]) -> frozenset[str]:
    """Checks the rule names of a deal's `gate.divert`.

    Raises:
        InputError: If a name is neither a rule of the suite nor one of references.
    """
    names = [rule.name for rule in (*suite.rules, *REFERENCE_RULES)]
    for name in divert:
        if name not in names:
            guesses = close_matches(name, names)
            hint = f"Did you mean {guesses[0]}? " if guesses else ""
            raise InputError(
                "The deal names a catalogue check that does not exist",
                f"gate.divert names {name!r}",
                f"{hint}The rules are {', '.join(names)}.",
            )
    return frozenset(divert)
