"""The page about a run, for the agency: how it ended, what was left out and why, who is paid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.ledger.ed25519 import parse_vkey
from pipelines.report.pages.buyer import DeliveryFacts
from pipelines.report.pages.excluded import Exclusions
from pipelines.report.pages.frame import make_page
from pipelines.report.pages.funnel import exclusion_sections, funnel_section, timing_section
from pipelines.report.pages.money import VersionLine, VersionMoney
from pipelines.report.pages.parts import (
    Column,
    amount,
    bar,
    code,
    note,
    percent,
    section,
    table,
    text,
)
from pipelines.report.pages.samples import gallery_json
from pipelines.report.pages.sections import (
    gallery,
    integrity,
    integrity_words,
    length_text,
    mix,
    shards,
    tiles,
)
from pipelines.run.status import RunState, RunStatus
from schemas.errors import counted

_MOST_PAYOUTS = 100
_MOST_PAIRS = 200
_ENDS = {
    RunState.RUNNING: ("still running", "wait"),
    RunState.DELIVERED: ("delivered", "good"),
    RunState.UNDELIVERED: ("ended without a delivery", "bad"),
    RunState.FAILED: ("failed", "bad"),
    RunState.KILLED: ("cut off: its process is gone", "bad"),
    RunState.INTERRUPTED: ("stopped before its end", "bad"),
}


@dataclass(frozen=True)
class RunFacts:
    """What is known of the last run of a version.

    Attributes:
        status: How it stands.
        exclusions: What was decided about each asset, as far as it came.
        versions: All published versions of the deal.
        pairs: Pairs of assets that show the same: both ids, what became of them, and whether they
            are of different contributors.
        money: What the ledger made of the money; None if there is no ledger.
        delivery: The delivery; None if there is none.
        csv: Name of the table for spreadsheets, beside the page.
        data_docs: Name of the appendix beside the page, with the catalogue checks; "" without.
    """

    status: RunStatus
    exclusions: Exclusions
    versions: Sequence[VersionLine]
    pairs: Sequence[tuple[str, str, str, bool]]
    money: VersionMoney | None
    delivery: DeliveryFacts | None
    csv: str = ""
    data_docs: str = ""


def agency_page(facts: RunFacts) -> bytes:
    """Returns the page, UTF-8."""
    status, delivery = facts.status, facts.delivery
    body = [
        funnel_section(status.steps, status.state is RunState.DELIVERED),
        *exclusion_sections(facts.exclusions, facts.csv),
        _duplicates(facts),
    ]
    data: dict[str, object] = {"excluded": facts.exclusions.to_json()}
    if delivery is not None:
        key = parse_vkey(delivery.manifest.vkey)
        body[1:1] = [gallery(delivery.survey, len(delivery.thumbnails), of_agency=True)]
        body += [mix(delivery.survey, delivery.manifest)]
        body += [_contributors(facts.money), _versions(facts), shards(delivery.manifest)]
        body += [integrity(delivery.report, delivery.manifest.vkey, key.fingerprint)]
        data |= {"samples": gallery_json(delivery.survey), "thumbnails": delivery.thumbnails}
    else:
        body += [_versions(facts)]
    body += [timing_section(status.record), _appendix(facts)]
    buyer = f" for {delivery.manifest.deal.buyer.rstrip('.')}" if delivery is not None else ""
    return make_page(
        title=f"{status.deal_id}, {status.version}",
        by=f"Report on the run{buyer}, for the agency only: it names assets and contributors",
        lead=_lead(facts),
        sections=body,
        data=data,
    )


def _lead(facts: RunFacts) -> str:
    status, exclusions = facts.status, facts.exclusions
    words, kind = _ENDS[status.state]
    entered = status.steps["read"].entered if "read" in status.steps else 0
    said = [f"The run {words}." if status.state is not RunState.DELIVERED else "Delivered."]
    if status.record is not None and status.record.error:
        said.append(status.record.error)
    samples = facts.delivery.survey.samples if facts.delivery is not None else 0
    if facts.delivery is not None:
        checked, how = integrity_words(facts.delivery.report)
        kind = "bad" if how == "bad" else kind
        said.append(f"{counted(samples, 'sample')} of {counted(entered, 'asset')}; {checked}.")
    parts = [f'<p class="verdict {kind}">{text(" ".join(said))}</p>\n']
    if status.command and not status.is_well:
        parts.append(f"<p>To continue: <code>{text(status.command)}</code></p>\n")
    is_unread = status.state is RunState.FAILED and entered == 0
    known = "not known" if is_unread else f"{entered:,}"  # of a catalogue that could not be read
    numbers = [("Assets in the catalogue", known), ("Delivered", f"{samples:,}")]
    failed = exclusions.outcomes["dead_letter"]
    numbers.append(("Refused", f"{exclusions.excluded - failed:,}"))
    numbers.append(("Failed, could not be read", f"{failed:,}"))
    if facts.delivery is not None and facts.delivery.survey.duration_ms:
        numbers.append(("Films, length", length_text(facts.delivery.survey.duration_ms)))
    if facts.money is not None:
        numbers.append(("Pool", amount(facts.money.gross_minor, facts.money.currency)))
        numbers.append(("Contributors credited", f"{len(facts.money.payouts):,}"))
    return "".join(parts) + tiles(*numbers)


def _contributors(money: VersionMoney | None) -> str:
    if money is None:
        return ""
    currency = money.currency
    paid = sum(one.minor for one in money.payouts)
    pieces = [
        ("Pool", money.gross_minor),
        *money.deductions,
        ("Agency", money.agency_minor),
        ("Rounding", money.rounding_minor),
        ("Contributors, for delivered assets", paid),
        ("Contributors, for assets considered and not delivered", money.contributors_minor - paid),
    ]
    most = max([one.minor for one in money.payouts], default=0)
    listed = money.payouts[:_MOST_PAYOUTS]
    rest = money.payouts[_MOST_PAYOUTS:]
    rows = [
        (
            code(one.contributor_id),
            f"{one.assets:,}",
            amount(one.minor, currency),
            percent(one.minor, paid),
            bar(("passed", one.minor), most=most),
        )
        for one in listed
    ]
    if rest:
        left = sum(one.minor for one in rest)
        rows.append(
            (
                text(f"{len(rest):,} others"),
                f"{sum(one.assets for one in rest):,}",
                amount(left, currency),
                percent(left, paid),
                "",
            )
        )
    return section(
        "contributors",
        "Contributors and payouts",
        table(
            "What became of the pool",
            (Column("part"), Column("amount", True), Column("of the pool", True)),
            (
                (text(name), amount(minor, currency), percent(minor, money.gross_minor))
                for name, minor in pieces
                if minor or name in ("Pool", "Agency")
            ),
        ),
        note(_spread(money)),
        table(
            f"Credited to {counted(len(money.payouts), 'contributor')}, the largest amount first",
            (
                Column("contributor"),
                Column("assets", True),
                Column("amount", True),
                Column("share", True),
                Column(""),
            ),
            rows,
        ),
    )


def _spread(money: VersionMoney) -> str:
    amounts = sorted(one.minor for one in money.payouts)
    if not amounts:
        return "Nobody is credited."
    places = (len(amounts) - 1, (len(amounts) - 1) // 2, 0)
    most, middle, least = (amount(amounts[at], money.currency) for at in places)
    return (
        f"The largest amount is {most}, the median {middle}, the smallest {least}. These are "
        "credits; fairshard payout pays them."
    )


def _duplicates(facts: RunFacts) -> str:
    kept, pairs = facts.exclusions.kept, facts.pairs
    if not kept and not pairs:
        return ""
    parts = []
    if kept:
        parts.append(
            note(
                "Of assets that show the same, the one created first is kept, whatever the sizes: "
                "it can be the smaller one."
            )
        )
        parts.append(
            table(
                f"{counted(len(kept), 'asset')} left out in favour of another"
                + (f"; the first {_MOST_PAIRS:,}" if len(kept) > _MOST_PAIRS else ""),
                (Column("left out"), Column("kept"), Column("what was seen")),
                ((code(one), code(other), text(why)) for one, other, why in kept[:_MOST_PAIRS]),
            )
        )
    if pairs:
        parts.append(
            table(
                f"{counted(len(pairs), 'pair')} of assets that were judged alike"
                + (f"; the first {_MOST_PAIRS:,}" if len(pairs) > _MOST_PAIRS else ""),
                (
                    Column("asset"),
                    Column("other asset"),
                    Column("judged"),
                    Column("of different contributors"),
                ),
                (
                    (
                        code(one),
                        code(other),
                        text(outcome),
                        "yes: a possible copy" if copy else "no",
                    )
                    for one, other, outcome, copy in pairs[:_MOST_PAIRS]
                ),
            )
        )
    return section("duplicates", "Duplicates judged", *parts)


def _versions(facts: RunFacts) -> str:
    if not facts.versions:
        return ""
    replaced = {one.replaces: one.name for one in facts.versions if one.replaces}
    return section(
        "versions",
        "Versions of this deal",
        note(
            "A version that replaces another owes the difference only; one with a pool of its own "
            "is paid in full."
        ),
        table(
            counted(len(facts.versions), "published version"),
            (
                Column("version"),
                Column("rights as of"),
                Column("samples", True),
                Column("pool"),
                Column("amount", True),
                Column("agency", True),
                Column("contributors", True),
                Column("compared with the version before"),
                Column("replaced by"),
            ),
            (tuple(_version_cells(one, replaced.get(one.name, ""))) for one in facts.versions),
        ),
    )


def _version_cells(one: VersionLine, replaced_by: str) -> Iterator[str]:
    yield text(one.name)
    yield text(one.as_of or "unknown")
    yield "" if one.samples is None else f"{one.samples:,}"
    yield text(one.pool)
    for minor in (one.gross_minor, one.agency_minor, one.contributors_minor):
        yield "" if minor is None else amount(minor, one.currency)
    yield text(version_change(one))
    yield text(replaced_by)


def version_change(one: VersionLine) -> str:
    """Returns what changed since the version that one replaces, for people; "" without one."""
    if one.patches:
        return f"made from {one.patches} by a removal; its pool goes on"
    if not one.replaces:
        return ""
    if one.added is None or one.removed is None:
        return f"replaces {one.replaces}"
    sign = "+" if one.difference_minor > 0 else ""
    return (
        f"replaces {one.replaces}: {counted(one.added, 'asset')} added, {one.removed:,} removed; "
        f"more to {counted(one.more, 'contributor')}, less to {one.less:,}, together "
        f"{sign}{amount(one.difference_minor, one.currency)}"
    )


def _appendix(facts: RunFacts) -> str:
    links = []
    if facts.csv:
        links.append(
            f'<li><a href="{text(facts.csv)}">{text(facts.csv)}</a>: every decision, for a '
            "spreadsheet</li>\n"
        )
    if facts.data_docs:
        links.append(
            f'<li><a href="{text(facts.data_docs)}">{text(facts.data_docs)}</a>: the catalogue '
            "checks, rule by rule (data docs of Great Expectations)</li>\n"
        )
    return section("appendix", "Appendix", f"<ul>\n{''.join(links)}</ul>\n") if links else ""
