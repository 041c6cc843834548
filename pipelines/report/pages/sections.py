"""Sections that the agency's and the buyer's page share: samples, shards, integrity."""

from __future__ import annotations

from pipelines.report.pages.parts import (
    Column,
    code,
    counts_table,
    histogram,
    note,
    section,
    table,
    text,
)
from pipelines.report.pages.samples import MOST_SHOWN, SampleSurvey
from pipelines.verify.report import Report
from schemas.errors import counted
from schemas.manifest import Manifest

_MOST_SHARDS = 200
_MOST_PROBLEMS = 50


def size_text(number: int) -> str:
    """Returns a number of bytes for people.

    Example:
        >>> size_text(999), size_text(12_345_678)
        ('999 B', '12.3 MB')
    """
    value = float(number)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError(number)


def length_text(duration_ms: int) -> str:
    """Returns the length of films for people, in hours or seconds."""
    seconds = duration_ms / 1000
    return f"{seconds / 3600:,.1f} h" if seconds >= 3600 else f"{seconds:,.0f} s"


def tiles(*facts: tuple[str, str]) -> str:
    """Returns the most important numbers, large."""
    items = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>\n" for name, value in facts
    )
    return f'<dl class="tiles">\n{items}</dl>\n'


def gallery(survey: SampleSurvey, thumbnails: int, *, of_agency: bool) -> str:
    """Returns the frame of the gallery, which the page's script fills."""
    if not survey.shown:
        return ""
    options = [
        ("media", "Kind"),
        ("licence", "Licence"),
        ("source", "Caption from"),
        *([("who", "Contributor")] if of_agency else []),
        ("shard", "Shard"),
    ]
    selects = "".join(
        f'<label>{label}<select data-filter="{name}"><option value="">all</option></select>'
        "</label>\n"
        for name, label in options
    )
    asked = "caption, asset id or key" if of_agency else "caption or key"
    more = (
        f" The first {MOST_SHOWN:,} of {survey.samples:,} samples are listed."
        if survey.samples > survey.shown
        else ""
    )
    pictured = (
        ""
        if thumbnails >= survey.shown
        else f" {counted(thumbnails, 'sample')} of them with a picture; --thumbnails makes more."
    )
    return section(
        "gallery",
        "Gallery",
        note(f"Captions and scores as delivered.{more}{pictured}"),
        f'<form class="filters" id="filters"><label>Search<input type="search" id="search" '
        f'placeholder="{asked}" autocomplete="off"></label>\n{selects}'
        '<label>Score from<input type="number" id="least" min="0" max="1" step="0.05" '
        'placeholder="0"></label>\n<label>Order<select id="order"><option value="">as in the '
        'delivery</option><option value="up">lowest score first</option><option value="down">'
        "highest score first</option></select></label></form>\n"
        '<p id="matches" class="soft" role="status"></p>\n'
        '<div id="cards" class="box" tabindex="0" role="group" aria-label="Samples"></div>\n'
        '<div class="printed cards" id="printed-cards"></div>\n'
        "<noscript><p>The gallery needs scripts. The tables do not.</p></noscript>\n",
    )


def mix(survey: SampleSurvey, manifest: Manifest) -> str:
    """Returns the section on licences, territory and what the samples are."""
    deal, counts = manifest.deal, survey.counts
    return section(
        "licences",
        "Licences, territory and origin",
        f'<dl class="pairs"><dt>Territory</dt><dd>{text(", ".join(deal.territory))}</dd>'
        f"<dt>Term</dt><dd>{text(deal.starts)} to {text(deal.ends)}</dd>"
        f"<dt>Purposes</dt><dd>{text(', '.join(deal.purposes))}</dd>"
        f"<dt>Profile</dt><dd>{text(deal.profile)}</dd></dl>\n",
        note(
            "Every sample is cleared for the whole territory, for all purposes and for the "
            "whole term, unless it has a last day of use of its own."
        ),
        '<div class="half">\n',
        counts_table("Licence", "licence", counts.get("licence", {})),
        counts_table("Kind", "kind", counts.get("media", {})),
        counts_table("Last day of use", "year", counts.get("until", {})),
        counts_table("How it was made", "digital source type", counts.get("made", {})),
        counts_table("Made by AI, as declared", "declared", counts.get("ai", {})),
        counts_table("Where the caption is from", "source", counts.get("caption", {})),
        "</div>\n",
        _scores(survey),
    )


def _scores(survey: SampleSurvey) -> str:
    scored = sum(survey.scores)
    if not scored:
        return note("No sample has a score, since no model was allowed to see them.")
    without = f"; {counted(survey.without_score, 'sample')} without" if survey.without_score else ""
    title = f"Score of picture and caption (CLIP cosine), {counted(scored, 'sample')}{without}"
    return histogram("scores", title, survey.scores)


def shards(manifest: Manifest) -> str:
    """Returns the section on shards and models."""
    end, models = manifest.end, manifest.models
    listed = manifest.shards[:_MOST_SHARDS]
    rest = len(manifest.shards) - len(listed)
    return section(
        "shards",
        "Shards and models",
        *([f'<p class="warn">{text(models.notice)}</p>\n'] if models.demonstration else []),
        f'<dl class="pairs"><dt>Embeddings</dt><dd>{code(models.clip)}</dd>'
        f"<dt>Captions</dt><dd>{code(models.captioner)}</dd></dl>\n",
        table(
            f"{counted(end.shards, 'shard')}, {counted(end.files, 'file')}, {size_text(end.bytes)}",
            (Column("shard"), Column("samples", True), Column("size", True), Column("sha256")),
            (
                (code(one.name), f"{one.samples:,}", size_text(one.bytes), code(one.sha256))
                for one in listed
            ),
        ),
        *([note(f"{counted(rest, 'more shard')} in MANIFEST.json.")] if rest else []),
    )


def integrity_words(report: Report | None) -> tuple[str, str]:
    """Returns what verification says, in a few words, and the class that it is shown in."""
    if report is None:
        return "not checked", "wait"
    if not report.sound:
        return f"damaged: {counted(len(report.problems), 'problem')}", "bad"
    return "every file as signed", "good"


def integrity(report: Report | None, vkey: str, fingerprint: str) -> str:
    """Returns the section on what `verify` found."""
    words, kind = integrity_words(report)
    parts = [f'<p class="verdict {kind}">{text(words[:1].upper() + words[1:])}.</p>\n']
    if report is None:
        parts.append(note("This page was made with --no-verify. Run fairshard verify."))
    else:
        parts.append(
            note(
                f"When this page was made, fairshard verify read {counted(report.files, 'file')} "
                f"({size_text(report.bytes)}), {counted(report.shards, 'shard')}, "
                f"{counted(report.samples, 'sample')} and "
                f"{counted(report.entries, 'ledger entry', 'ledger entries')}."
            )
        )
        if report.problems:
            found = report.problems[:_MOST_PROBLEMS]
            parts.append(
                table(
                    f"Problems, {len(found):,} of {len(report.problems):,}",
                    (Column("file"), Column("what is wrong")),
                    ((code(one.path), text(one.message)) for one in found),
                )
            )
    parts.append(
        f'<dl class="pairs"><dt>Verifier key</dt><dd>{code(vkey)}</dd>'
        f"<dt>Fingerprint</dt><dd>{code(f'sha256 {fingerprint}')}</dd></dl>\n"
    )
    parts.append(
        note(
            "A page proves nothing by itself. Compare the fingerprint with the one that the agency "
            "gave you in another way, and run fairshard verify with the key."
        )
    )
    return section("integrity", "Integrity", *parts)
