"""The page about a run, for the agency: how it ended, what was left out and why, who is paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.ledger.ed25519 import parse_vkey
from pipelines.report.pages.buyer import DeliveryFacts
from pipelines.report.pages.excluded import Exclusions
from pipelines.report.pages.frame import make_page
from pipelines.report.pages.funnel import exclusion_sections, funnel_section, timing_section
from pipelines.report.pages.money import VersionLine, VersionMoney
from pipelines.report.pages.money_sections import payout_section, version_section
from pipelines.report.pages.parts import (
    Column,
    amount,
    code,
    note,
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
    """What is known about the last run of a version.

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
        body += [
            payout_section(facts.money),
            version_section(facts.versions),
            shards(delivery.manifest),
        ]
        body += [integrity(delivery.report, delivery.manifest.vkey, key.fingerprint)]
        data |= {"samples": gallery_json(delivery.survey), "thumbnails": delivery.thumbnails}
    else:
        body += [version_section(facts.versions)]
    body += [timing_section(status.record), _appendix(facts)]
    buyer = f" for {delivery.manifest.deal.buyer}" if delivery is not None else ""
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
