"""What a run says of references that reach nothing: an error, a count, or a reported rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipelines.catalogue.lookalikes import find_lookalikes
from pipelines.catalogue.outcome import (
    MAX_EXAMPLES,
    GateSummary,
    RuleExample,
    RuleOutcome,
    sort_outcomes,
)
from pipelines.catalogue.references import ReferenceWatch, UnreachedReferences
from pipelines.catalogue.suite import REFERENCE_RULES, REPORT, STOP
from pipelines.catalogue.values import shorten
from pipelines.storage.columns import Column, values_of
from schemas.errors import InputError

_MAX_SHOWN = 10  # ids in a message, for each rule
_MAX_COMPARED = 1_000  # ids whose look-alikes are looked for

AssetIds = Callable[[], Iterator[Column]]


def _failures(unreached: UnreachedReferences) -> dict[str, list[tuple[str, str]]]:
    """Returns for each rule the ids at fault, each with what is said of it."""
    return {
        "consents_reach_contributors": [(name, name) for name in unreached.contributors],
        "consents_reach_assets": list(unreached.pairs),
        "revocations_reach_assets": [(name, "") for name in unreached.releases],
        "asset_ids_differ": [(name, "") for name in unreached.asset_ids],
        "joined_rows_reach_tables": [
            (key, f"{join.name}, which is joined to {join.table} by {join.key}")
            for key, join in unreached.joined
        ],
    }


def add_reference_outcomes(
    summary: GateSummary, unreached: UnreachedReferences, divert: frozenset[str]
) -> GateSummary:
    """Returns the summary with the results of the rules about references."""
    outcomes = [
        RuleOutcome(
            rule,
            REPORT if rule in divert else STOP,
            len(found),
            len(found),
            tuple(RuleExample(*example) for example in found[:MAX_EXAMPLES]),
        )
        for rule, found in _failures(unreached).items()
    ]
    return GateSummary(summary.rows, summary.diverted, sort_outcomes([*summary.rules, *outcomes]))


def reported_references(
    unreached: UnreachedReferences, divert: frozenset[str]
) -> list[dict[str, object]]:
    """Returns the rules that failed and that the deal diverts, as JSON data."""
    return [
        {"rule": rule, "failed": len(found), "examples": [name for name, _ in found[:_MAX_SHOWN]]}
        for rule, found in _failures(unreached).items()
        if found and rule in divert
    ]


def reference_error(
    unreached: UnreachedReferences,
    watch: ReferenceWatch,
    asset_ids: AssetIds,
    divert: frozenset[str],
) -> InputError | None:
    """Returns the error that ends the run, with the look-alikes of every id; None without one."""
    failures = {
        rule: found for rule, found in _failures(unreached).items() if found and rule not in divert
    }
    if not failures:
        return None
    alike = _all_lookalikes(failures, unreached, watch, asset_ids)
    rules = {rule.name: rule for rule in REFERENCE_RULES}
    lines = []
    for name, found in failures.items():
        shown = "; ".join(
            _describe(rules[name].failure_text, rules[name].column, example, alike.get(name, {}))
            for example in found[:_MAX_SHOWN]
        )
        more = f" and {len(found) - _MAX_SHOWN:,} more" if len(found) > _MAX_SHOWN else ""
        lines.append(f"\n  {name}: {len(found):,}. {shown}{more}. {rules[name].remedy}")
    return InputError(
        "The catalogue refers to ids that are not in it, so a no may be lost",
        "".join(lines).removesuffix("."),
        "\n  Or let the run go on and report them only: list the rules in the deal's gate.divert, "
        f'such as [gate] divert = ["{next(iter(failures))}"]',
    )


def _describe(text: str, column: str, example: tuple[str, str], alike: dict[str, list[str]]) -> str:
    name, value = example
    said = text.replace("{value}", _visible(value) if value else "")
    found = ", ".join(_visible(candidate) for candidate in alike.get(name, ()))
    return f"{column} = {_visible(name)}: {said}" + (f", perhaps {found}" if found else "")


def _visible(text: str) -> str:
    """Returns an id in quotes; with its code points where a reader may mistake a letter."""
    shown = f"'{shorten(text)}'"
    return shown if _is_plain(text) else f"{shown} ({text!a})"


def _is_plain(text: str) -> bool:
    """Whether every character is one of ISO 8859-1 that shows, so that none looks like another."""
    return text.isprintable() and all(character <= "\xff" for character in text)


def _all_lookalikes(
    failures: dict[str, list[tuple[str, str]]],
    unreached: UnreachedReferences,
    watch: ReferenceWatch,
    asset_ids: AssetIds,
) -> dict[str, dict[str, list[str]]]:
    names = {rule: [name for name, _ in found[:_MAX_COMPARED]] for rule, found in failures.items()}
    alike = {}
    rule = "consents_reach_contributors"
    if rule in names:
        alike[rule] = find_lookalikes(names[rule], values_of(watch.listed.drop_null(), str))
    rule = "consents_reach_assets"
    if rule in names:
        alike[rule] = find_lookalikes(
            names[rule], (text for ids in asset_ids() for text in values_of(ids, str))
        )
    rule = "joined_rows_reach_tables"
    if rule in names:
        alike[rule] = {}
        for join in dict.fromkeys(join.name for _, join in unreached.joined):
            alike[rule] |= _lookalikes_of_join(join, unreached, asset_ids)
    return alike


def _lookalikes_of_join(
    name: str, unreached: UnreachedReferences, asset_ids: AssetIds
) -> dict[str, list[str]]:
    lost = [(key, join) for key, join in unreached.joined if join.name == name][:_MAX_COMPARED]
    join = lost[0][1]
    keys = [key for key, _ in lost]
    if join.known is not None:
        return find_lookalikes(keys, values_of(join.known.drop_null(), str))
    if join.key != "asset_id":
        return {}
    return find_lookalikes(keys, (text for ids in asset_ids() for text in values_of(ids, str)))
