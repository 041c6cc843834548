"""The dataset cards with their configs and the wids indexes, which make a delivery easy to open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.media.formats import media_type_of, parse_format
from pipelines.profiles import profile_for
from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt
from schemas.manifest import ShardRecord

DEMONSTRATION_NOTICE = (
    "Captions and embeddings were made by the demonstration model, which knows drawn scenes alone. "
    "They are not fit for training."
)


@dataclass(frozen=True)
class CardFacts:
    """What the cards say about a delivery besides its shards.

    Attributes:
        deal_id: The deal.
        version: Name of the version.
        profile: The deal's profile.
        purposes: What the samples are licensed for.
        territory: Where.
        starts: From which day, ISO 8601.
        ends: To which day.
        judged_on: The day on which rights were judged.
        demonstration: Whether a model is the demonstration model.
        note: A paragraph about this version, or "".
        films: The deal's `render.films`.
    """

    deal_id: str
    version: str
    profile: str
    purposes: Sequence[str]
    territory: Sequence[str]
    starts: str
    ends: str
    judged_on: str
    demonstration: bool
    note: str = ""
    films: str = "native"

    @classmethod
    def of_job(cls, job: Job) -> CardFacts:
        """Returns the facts of a run."""
        deal = job.deal
        return cls(
            deal_id=deal.deal_id,
            version=job.version,
            profile=deal.profile,
            purposes=deal.purposes,
            territory=deal.territory,
            starts=str(deal.starts),
            ends=str(deal.ends),
            judged_on=str(job.as_of.date()),
            demonstration=job.models.demonstration,
            films=deal.render.films,
        )


def families_of(shards: Sequence[ShardRecord]) -> list[str]:
    """Returns the families in shards, in order."""
    return sorted({shard.family for shard in shards})


def delivered_families(receipts: Sequence[ShardReceipt]) -> list[str]:
    """Returns the families in a delivery, in order."""
    return families_of([receipt.shard for receipt in receipts])


def wids_index(deal_id: str, family: str, receipts: Sequence[ShardReceipt]) -> dict[str, object]:
    """Returns the wids index of one family; its URLs are relative to the delivery's folder."""
    return {
        "__kind__": "wids-shard-index-v1",
        "wids_version": 1,
        "name": f"{deal_id}-{family}",
        "shardlist": [
            {
                "url": receipt.tar.path,
                "nsamples": receipt.shard.samples,
                "md5sum": receipt.md5,
                "filesize": receipt.shard.bytes,
            }
            for receipt in receipts
            if receipt.shard.family == family
        ],
    }


def delivery_card(facts: CardFacts, shards: Sequence[ShardRecord]) -> str:
    """Returns the delivery's README: a dataset card that `datasets.load_dataset` understands."""
    families = families_of(shards)
    paths = {family: f"shards/{facts.deal_id}-{family}-*.tar" for family in families}
    lines = [*_configs(paths), "", f"# Delivery {facts.deal_id}/{facts.version}", ""]
    if facts.demonstration:
        lines += [f"> **Demonstration model.** {DEMONSTRATION_NOTICE}", ""]
    if facts.note:
        lines += [facts.note, ""]
    lines += [
        f"Licensed for {', '.join(facts.purposes)} in {', '.join(facts.territory)}, "
        f"{facts.starts} to {facts.ends}. Rights were judged as of {facts.judged_on}.",
        "",
        "| family | shards | samples | bytes |",
        "| --- | ---: | ---: | ---: |",
    ]
    for family in families:
        own = [shard for shard in shards if shard.family == family]
        samples, size = sum(item.samples for item in own), sum(item.bytes for item in own)
        lines.append(f"| {family} | {len(own):,} | {samples:,} | {size:,} |")
    lines += [
        "",
        *_profile_notes(facts.profile, families),
        *_film_notes(facts.films, families),
        *_loading_notes(families),
        "A sample is `<key>.<family>`, `<key>.txt` (the recommended caption) and `<key>.json`",
        "(everything else). Beside each tar lies a Parquet table with the same facts, digests and",
        "byte ranges (`datasets.load_dataset` on the folder `shards/` opens the tables).",
        "Megatron-Energon opens `energon-<family>.yaml`, wids `wids-<family>.json`, mlcroissant",
        "`croissant.json`. `MANIFEST.json` lists every file with its sha256 and is signed;",
        "`checkpoint` and `tile/` are the ledger's transparency log. Check it all with the key",
        "that the agency gave you apart from this delivery:",
        "",
        "    fairshard verify . --vkey agency.vkey",
        "",
    ]
    return "\n".join(lines)


def _profile_notes(profile_name: str, families: Sequence[str]) -> list[str]:
    """Returns the notes on each profile that the samples use."""
    lines: list[str] = []
    for kind in sorted({media_type_of(parse_format(name)) for name in families}):
        profile = profile_for(profile_name, kind)
        if profile is not None:
            lines += [f"Profile `{profile.name}` ({kind}). {profile.card}", ""]
    return lines


def _film_notes(films: str, families: Sequence[str]) -> list[str]:
    """Returns how films were rendered, if they were."""
    if films == "native" or "mp4" not in families:
        return []
    done = "copied into MP4; nothing was encoded again."
    if films == "transcode":
        done = "encoded again, upright and with square pixels."
    return [
        f"These films are not native: they were {done}",
        "`rendition` says how, from the contributor's file, whose digest is `original_sha256`.",
        "",
    ]


def _loading_notes(families: Sequence[str]) -> list[str]:
    """Returns what the samples say of their files."""
    if all(media_type_of(parse_format(name)) == "video" for name in families):
        return []
    return [
        '`plain_differences` names why `Image.open(…).convert("RGB")` shows a picture otherwise',
        "than it is displayed; where it is empty, stock loaders give the captioned pixels. Where",
        "`rendition` is not empty, the file was rendered as it says from the contributor's file,",
        "whose digest is `original_sha256`.",
        "",
    ]


def tables_card(facts: CardFacts, shards: Sequence[ShardRecord]) -> str:
    """Returns the card of the shards folder, by which `datasets` opens the tables.

    It is a separate card because `datasets` reads all configs of one card in one format.
    """
    paths = {"all": "*.parquet"}
    paths |= {family: f"{facts.deal_id}-{family}-*.parquet" for family in families_of(shards)}
    lines = [
        *_configs(paths, default="all"),
        "",
        f"# Tables of delivery {facts.deal_id}/{facts.version}",
        "",
        "One row a sample, in the order of its tar; the columns are in the delivery's",
        "documentation. The tars are opened by the card of the folder above.",
        "",
    ]
    return "\n".join(lines)


def _configs(paths: Mapping[str, str], default: str = "") -> list[str]:
    """Returns a card's YAML header: a config for each name, with the files that it opens."""
    lines = ["---", "configs:"]
    for name, path in paths.items():
        lines += [f"- config_name: {name}", "  data_files:", "  - split: train"]
        lines.append(f'    path: "{path}"')
        if name == default:
            lines.append("  default: true")
    return [*lines, "---"]
