"""What a run says of references that reach nothing: an error, a count, or a reported rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

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
from schemas.errors import InputError, counted

_MAX_SHOWN = 10  # ids in a message, for each rule
_MAX_COMPARED = 1_000  # ids whose look-alikes are looked for

#: What each rule counts.
_COUNTED = {
    "consents_reach_contributors": "a no by somebody who is not in the catalogue",
    "consents_reach_assets": "a no to an asset that is not there, or not by that contributor",
    "revocations_reach_assets": "revoked or denying releases that no asset names",
    "asset_ids_differ": "asset ids that are in several rows, written in different ways",
    "joined_rows_reach_tables": "rows of joined files whose key no row of the table has",
    "agreements_exist": "agreements that a yes names and that are not listed for its contributor, "
    "so that the yes counts but lifts no denial in a file",
    "agreement_revocations_reach": "revoked agreements that no consent names",
    "deal_agreements_hold": "agreements of the deal that the agreements table ends",
}

_RULES = {rule.name: rule for rule in REFERENCE_RULES}

AssetIds = Callable[[], Iterator[Column]]
_OF_ASSETS = "consents_reach_assets"
_OF_OTHERS = "; the asset is in the catalogue, by other contributors"


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
        "agreements_exist": list(unreached.agreements.unlisted),
        "agreement_revocations_reach": list(unreached.agreements.lost_revocations),
        "deal_agreements_hold": list(unreached.agreements.contradicted),
    }


def _effect(rule: str, divert: frozenset[str]) -> str:
    return REPORT if rule in divert else _RULES[rule].on_failure


def add_reference_outcomes(
    summary: GateSummary, unreached: UnreachedReferences, divert: frozenset[str]
) -> GateSummary:
    """Returns the summary with the results of the rules about references."""
    outcomes = [
        RuleOutcome(
            rule,
            _effect(rule, divert),
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
    """Returns the rules that failed and do not stop the run, as JSON data."""
    return [
        {"rule": rule, "failed": len(found), "examples": _examples(rule, found, unreached)}
        for rule, found in _failures(unreached).items()
        if found and _effect(rule, divert) == REPORT
    ]


def reported_text(found: Mapping[str, object], named: str = "") -> str:
    """Returns what a rule that is only reported found.

    Args:
        found: One of `reported_references`.
        named: The first ids, if they are to be shown.
    """
    shown = f" ({named})" if named else ""
    rule = str(found["rule"])
    return f"{_COUNTED[rule]}: {found['failed']:,}{shown}; the run goes on (rule {rule})"


def _examples(rule: str, found: list[tuple[str, str]], unreached: UnreachedReferences) -> list[str]:
    """Returns the first ids at fault; agreements with their contributor and look-alikes."""
    shown = found[:_MAX_SHOWN]
    if rule != "agreements_exist":
        return [name for name, _ in shown]
    listed = unreached.agreements.listed
    alike = find_lookalikes({name for name, _ in shown} - set(listed), listed)
    texts = []
    for name, who in shown:
        more = f", perhaps {' or '.join(alike[name])}" if alike.get(name) else ""
        more = ", which is listed for others" if name in listed else more
        texts.append(f"{name} of {who}{more}")
    return texts


def reference_error(
    unreached: UnreachedReferences,
    watch: ReferenceWatch,
    asset_ids: AssetIds,
    divert: frozenset[str],
) -> InputError | None:
    """Returns the error that ends the run, with the look-alikes of every id; None without one."""
    failures = {
        rule: found
        for rule, found in _failures(unreached).items()
        if found and _effect(rule, divert) == STOP
    }
    if not failures:
        return _level_error(unreached, asset_ids)
    alike = _all_lookalikes(failures, unreached, watch, asset_ids)
    present = _present(failures.get(_OF_ASSETS, ()), asset_ids)
    lines = []
    for name, found in failures.items():
        shown = "; ".join(
            _describe(_RULES[name].failure_text, _RULES[name].column, example, alike.get(name, {}))
            + (_OF_OTHERS if name == _OF_ASSETS and example[0] in present else "")
            for example in found[:_MAX_SHOWN]
        )
        more = f" and {len(found) - _MAX_SHOWN:,} more" if len(found) > _MAX_SHOWN else ""
        lines.append(f"\n  {name}: {len(found):,}. {shown}{more}. {_RULES[name].remedy}")
    return InputError(
        "The deal relies on agreements that the catalogue ends"
        if failures.keys() == {"deal_agreements_hold"}
        else "The catalogue refers to ids that are not in it, so a no may be lost",
        "".join(lines).removesuffix("."),
        "\n  Or let the run go on and report them only: list the rules in the deal's gate.divert, "
        f'such as [gate] divert = ["{next(iter(failures))}"]',
    )


def _level_error(unreached: UnreachedReferences, asset_ids: AssetIds) -> InputError | None:
    """Returns the error of assets that the deal names and that are not there; no deal can divert
    it.
    """
    found = unreached.level_assets
    if not found:
        return None
    texts = (text for ids in asset_ids() for text in values_of(ids, str))
    alike = find_lookalikes(list(found[:_MAX_COMPARED]), texts)
    shown = "; ".join(
        _visible(name)
        + (f", perhaps {', '.join(map(_visible, alike[name]))}" if alike.get(name) else "")
        for name in found[:_MAX_SHOWN]
    )
    more = f" and {len(found) - _MAX_SHOWN:,} more" if len(found) > _MAX_SHOWN else ""
    return InputError(
        "price.levels, select.keep_both or select.only lists an asset that the catalogue does "
        "not have",
        f"{counted(len(found), 'asset')}: {shown}{more}",
        "Correct the id, or remove it: a misspelt id would change somebody's share, or leave out "
        "a work.",
    )


def _present(pairs: Iterable[tuple[str, str]], asset_ids: AssetIds) -> set[str]:
    """Returns the assets of pairs that are in the catalogue, by other contributors."""
    names = {name for name, _ in pairs}
    return (
        {text for ids in asset_ids() for text in values_of(ids, str) if text in names}
        if names
        else set()
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
    rule = _OF_ASSETS
    if rule in names:
        alike[rule] = find_lookalikes(
            names[rule], (text for ids in asset_ids() for text in values_of(ids, str))
        )
    rule = "agreement_revocations_reach"
    if rule in names:
        others = set(watch.agreements.named) - set(names[rule])
        alike[rule] = find_lookalikes(names[rule], sorted(others))
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
