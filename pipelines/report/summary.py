"""Shows the summary of a run: counts per step, reasons, money, and where the results are."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from pipelines.catalogue.account import Reading
from pipelines.catalogue.reference_verdict import reported_text
from pipelines.ledger.ed25519 import parse_vkey
from pipelines.report.funnel import show_counts
from pipelines.report.versions import settlement_lines
from pipelines.report.wrapped import print_labelled
from pipelines.run.job import Job
from pipelines.steps.attribute import Attribution
from pipelines.steps.complete import PackageResult
from schemas.errors import counted
from schemas.money import format_amount

_PAIRS_SHOWN = 3
_LABEL_WIDTH = 13
_UNSTATED_WIDTH = 64  # of 80 columns, without the label
_DATA_DOCS = "expectations/index.html"


def packaged_json(job: Job, packaged: PackageResult) -> dict[str, object]:
    """Returns the summary as JSON data."""
    attribution, end = packaged.attribution, packaged.manifest.end
    return {
        "made": True,
        "delivery": f"{job.output_uri}/{job.delivery}",
        "agency": f"{job.output_uri}/{job.agency}",
        "steps": {name: counts.to_json() for name, counts in packaged.steps.items()},
        "reported_rules": list(packaged.reported),
        "computed": packaged.computed,
        **({} if packaged.run is None else {"attempt": packaged.run.attempt.model_dump()}),
        "catalogue": packaged.reading.to_json(),
        "personal_data": packaged.personal.to_json(),
        "sample_counts": packaged.samples.to_json(),
        "likeness": packaged.likeness,
        **({"faces": packaged.faces} if packaged.faces else {}),
        "shards": end.shards,
        "samples": end.samples,
        "files": end.files,
        "bytes": end.bytes,
        "contributors_paid": attribution.contributors,
        "currency": job.deal.price.currency,
        "pool_minor": job.deal.price.pool_minor,
        "deductions_minor": attribution.deductions_minor,
        "agency_minor": attribution.agency_minor,
        "contributors_minor": attribution.contributors_minor,
        "rounding_minor": attribution.rounding_minor,
        "other_currencies": dict(attribution.other_currencies),
        "undelivered_minor": attribution.undelivered_minor,
        "pool": job.pool,
        "replaces": None if attribution.settlement is None else attribution.settlement.to_json(),
        "demonstration": job.models.demonstration,
        "models": {
            "clip": job.models.clip_id,
            "captioner": job.models.captioner_id,
            "vocabulary": job.models.vocabulary_id,
            "precision": list(job.models.precision_notes),
        },
        "vkey": packaged.manifest.vkey,
        "fingerprint": parse_vkey(packaged.manifest.vkey).fingerprint,
        "verify": verify_command(job, packaged.manifest.vkey),
    }


def verify_command(job: Job, vkey: str) -> str:
    """Returns the command with which the buyer verifies the delivery and the agency's key."""
    delivery = f"{job.output_uri}/{job.delivery}"
    return shlex.join(["fairshard", "verify", delivery, "--vkey", vkey])


def show_packaged(console: Console, job: Job, packaged: PackageResult) -> None:
    """Prints the summary."""
    show_counts(console, packaged.steps, packaged.run)
    page = f"{job.output_uri}/{job.agency}/{_DATA_DOCS}"
    unstated = unstated_summary(packaged.reading, page)
    labelled = [("" if number else "not stated", text) for number, text in enumerate(unstated)]
    print_labelled(console, [*packaged.reading.lines(), *labelled], _LABEL_WIDTH)
    console.print()
    _show_delivery(console, job, packaged)


def unstated_summary(reading: Reading, page: str) -> list[str]:
    """Returns the same in at most four lines, so that they do not push the result off the screen.

    Args:
        reading: What was read.
        page: Where all of it is.
    """
    absent = [item.column for item in reading.unstated if item.is_absent]
    partly = [item.column for item in reading.unstated if not item.is_absent]
    # The lines after those of columns concern consents.
    consents = len(reading.unstated_lines()) - len(absent) - bool(partly)
    counted = [
        _named_few(absent, "column is absent", "columns are absent"),
        _named_few(partly, "column is partly empty", "columns are partly empty"),
        [f"{consents:,} more about consents"] if consents else [],
    ]
    lines = [line for part in counted for line in part]
    return [*lines, f"what each is read as: {page}"] if lines else []


def _named_few(columns: Sequence[str], one: str, many: str) -> list[str]:
    if not columns:
        return []
    begin = f"{len(columns):,} {one if len(columns) == 1 else many}: "
    shown, rest = list(columns), ""
    while len(shown) > 1 and len(f"{begin}{', '.join(shown)}{rest}") > _UNSTATED_WIDTH:
        shown.pop()
        rest = f", and {len(columns) - len(shown):,} more"
    return [f"{begin}{', '.join(shown)}{rest}"]


def _other_currencies(job: Job, counts: Mapping[str, int]) -> str:
    """Returns a line on contributors with another currency."""
    total, price = sum(counts.values()), job.deal.price
    have = "contributor has" if total == 1 else "contributors have"
    listed = ", ".join(f"{currency} {count:,}" for currency, count in counts.items())
    effect = "held" if price.other_currencies == "hold" else "converted by fairshard payout"
    return f"{total:,} {have} another currency ({listed}): credited in {price.currency}, {effect}"


def _money(job: Job, attribution: Attribution) -> str:
    """Returns the pool as the sum of its parts, for people."""
    currency = job.deal.price.currency
    parts = [
        (attribution.deductions_minor, "deductions {}"),
        (attribution.rounding_minor, "rounding {}"),
        (attribution.undelivered_minor, "{} for assets considered and not delivered"),
    ]
    shown = [f"agency {format_amount(attribution.agency_minor, currency)}"]
    shown += [form.format(format_amount(minor, currency)) for minor, form in parts if minor]
    paid = attribution.contributors_minor - attribution.undelivered_minor
    return (
        f"{format_amount(job.deal.price.pool_minor, currency)} {currency} = {' + '.join(shown)} + "
        f"{format_amount(paid, currency)} to {attribution.contributors:,} "
        f"contributor{'' if attribution.contributors == 1 else 's'}, "
        f"{attribution.entries:,} ledger entr{'y' if attribution.entries == 1 else 'ies'}"
    )


def _show_delivery(console: Console, job: Job, packaged: PackageResult) -> None:
    end, attribution = packaged.manifest.end, packaged.attribution
    computed = packaged.computed
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    rows = [
        ("Delivery", f"{packaged.manifest.delivery}, rights as of {job.as_of.isoformat()}"),
        (
            "Shards",
            f"{end.shards:,} with {counted(end.samples, 'sample')}; "
            f"{counted(end.files, 'file')}, {counted(end.bytes, 'byte')}",
        ),
        (
            "Computed",
            f"{computed['decoded']:,} decoded, {computed['embedded']:,} embedded, "
            f"{computed['captioned']:,} captioned{_looked_at(computed)} for the first time; "
            f"{_known_before(packaged):,} from the feature store",
        ),
        ("Money", _money(job, attribution)),
    ]
    if attribution.other_currencies:
        rows.append(("", _other_currencies(job, attribution.other_currencies)))
    if attribution.settlement is not None:
        lines = settlement_lines(attribution.settlement, job.deal.price.currency)
        rows += [("Replaces" if at == 0 else "", line) for at, line in enumerate(lines)]
    rows += [("Reported only", reported_text(found)) for found in packaged.reported]
    agency = f"{job.output_uri}/{job.agency}"
    rows += packaged.samples.lines(job.deal)
    rows += [("Personal data", line) for line in packaged.personal.lines()]
    rows += [("Faces", line) for line in faces_lines(packaged.faces, agency)]
    rows += [("Likeness", line) for line in likeness_lines(packaged.likeness, agency)]
    if job.models.demonstration:
        rows.append(("Models", f"DEMONSTRATION MODEL: {packaged.manifest.models.notice}"))
    base = job.output_uri
    rows += [
        ("For the buyer", f"{base}/{job.delivery}"),
        ("For the agency", agency),
        ("Data docs", f"{agency}/{_DATA_DOCS}"),
    ]
    for name, text in label_once(rows):
        facts.add_row(name, text)
    console.print(facts)
    _show_key(console, job, packaged.manifest.vkey)


def label_once(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Returns rows of a label and a text, without labels that the row before has as well."""
    labels = [None, *(label for label, _ in rows)]
    return [
        ("" if label == before else label, text)
        for before, (label, text) in zip(labels, rows, strict=False)
    ]


def _looked_at(computed: Mapping[str, int]) -> str:
    if "inspected" not in computed:
        return ""
    return f", {computed['inspected']:,} searched for faces or text"


def faces_lines(faces: Mapping[str, int], agency: str) -> list[str]:
    """Says of how many assets the number of people should be looked at; nothing if of none."""
    more, uncounted = faces.get("more_than_declared", 0), faces.get("not_counted", 0)
    lines = []
    if more:
        assets = "1 asset shows" if more == 1 else f"{more:,} assets show"
        lines.append(f"{assets} more faces than people_count says: {agency}/signals, kind faces")
    if uncounted:
        lines.append(f"not counted of {uncounted:,}: no model may see them, or the detector failed")
    return lines


def likeness_lines(likeness: Mapping[str, object], agency: str) -> list[str]:
    """Says what the agency should look at: possible copies, and its pairs that had no effect."""
    lines = []
    copies = likeness.get("possible_copies")
    if isinstance(copies, int) and copies:
        pairs = "1 pair" if copies == 1 else f"{copies:,} pairs"
        lines.append(
            f"{pairs} of different contributors are alike, possibly copies: {agency}/likeness"
        )
    unused = likeness.get("keep_both_without_effect")
    if isinstance(unused, list) and unused:
        named = ", ".join(" and ".join(pair) for pair in unused[:_PAIRS_SHOWN])
        rest = f", and {len(unused) - _PAIRS_SHOWN:,} more" if len(unused) > _PAIRS_SHOWN else ""
        lines.append(
            f"select.keep_both had no effect for {named}{rest}: "
            "they were not compared, or not alike"
        )
    return lines


def _show_key(console: Console, job: Job, vkey: str) -> None:
    """Prints what else the buyer needs, each on one line so that it can be copied."""
    fingerprint = parse_vkey(vkey).fingerprint
    console.print(
        "\nSend the buyer the verifier key and its fingerprint separately from the delivery:"
    )
    for name, text in (
        ("verifier key", vkey),
        ("fingerprint", f"sha256 {fingerprint}"),
        ("they run", verify_command(job, vkey)),
    ):
        console.print(f"  {name:<13} {text}", markup=False, highlight=False, soft_wrap=True)


def _known_before(packaged: PackageResult) -> int:
    """Returns how many media needed no decoding; media refused for their file's signals did."""
    enrich = packaged.steps["enrich"]
    return enrich.entered - enrich.failed_assets - packaged.computed["decoded"]
