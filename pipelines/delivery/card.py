"""The dataset cards with their configs and the wids indexes, which make a delivery easy to open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.delivery.loading import (
    default_family,
    loading_section,
    train_pattern,
    validation_pattern,
)
from pipelines.delivery.loading_extras import extras_section
from pipelines.media.formats import media_type_of, parse_format
from pipelines.profiles import load_profile, profile_for
from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt
from schemas import layout
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
        loaders: Whether there are all files that loaders want; a delivery of FORMAT_VERSION 10 that
            is patched has fewer.
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
    loaders: bool = True

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


def wids_indexes(deal_id: str, receipts: Sequence[ShardReceipt]) -> dict[str, dict[str, object]]:
    """Returns the wids indexes, by path; their URLs are relative to the delivery's folder.

    There is one for each family, and one more for its samples for validation, if it has any.
    """
    parts: dict[str, list[ShardReceipt]] = {}
    for receipt in receipts:
        validation = layout.shard_split(receipt.shard.name) == "validation"
        part = f"{receipt.shard.family}-val" if validation else receipt.shard.family
        parts.setdefault(part, []).append(receipt)
    return {
        f"wids-{part}.json": {
            "__kind__": "wids-shard-index-v1",
            "wids_version": 1,
            "name": f"{deal_id}-{part}",
            "shardlist": [
                {
                    "url": receipt.tar.path,
                    "nsamples": receipt.shard.samples,
                    **({"md5sum": receipt.md5} if receipt.md5 else {}),
                    "filesize": receipt.shard.bytes,
                }
                for receipt in own
            ],
        }
        for part, own in parts.items()
    }


def delivery_card(facts: CardFacts, shards: Sequence[ShardRecord]) -> str:
    """Returns the delivery's README: a dataset card that `datasets.load_dataset` understands."""
    families = families_of(shards)
    paths = {
        family: {
            split: [f"shards/{path}"] for split, path in _patterns(facts, family, shards).items()
        }
        for family in families
    }
    configs = _configs(paths, default=default_family(shards))
    lines = [*configs, "", f"# Delivery {facts.deal_id}/{facts.version}", ""]
    if facts.demonstration:
        lines += [f"> **Demonstration model.** {DEMONSTRATION_NOTICE}", ""]
    if facts.note:
        lines += [facts.note, ""]
    lines += [
        f"Licensed for {', '.join(facts.purposes)} in {', '.join(facts.territory)}, "
        f"{facts.starts} to {facts.ends}. Rights were judged as of {facts.judged_on}.",
        "",
        "| family | split | shards | samples | samples of a shard | bytes |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        *_table(shards),
        "",
        *_readers_notes(shards),
        *_profile_notes(facts.profile, families),
        *_film_notes(facts.films, families),
        *_loading_notes(families),
        "A sample is `<key>.<family>`, `<key>.txt` (the recommended caption) and `<key>.json`",
        "(everything else). Beside each tar lies a Parquet table with the same facts, digests and",
        "byte ranges (`datasets.load_dataset` on the folder `shards/` opens the tables), and",
        "`samples.parquet` has the rows of all. wids opens `wids-<family>.json`, mlcroissant",
        "`croissant.json`. `MANIFEST.json` lists every file with its sha256 and is signed;",
        "`checkpoint` and `tile/` are the ledger's transparency log.",
        "",
        *(loading_section(facts.deal_id, shards) if facts.loaders else ()),
        *extras_section(facts.deal_id, shards, load_profile(facts.profile).extras),
    ]
    return "\n".join(lines)


def _patterns(facts: CardFacts, family: str, shards: Sequence[ShardRecord]) -> dict[str, str]:
    """Returns the globs of a family's tars, by split."""
    own = {layout.shard_split(shard.name) for shard in shards if shard.family == family}
    patterns = {
        "train": train_pattern(facts.deal_id, family),
        "validation": validation_pattern(facts.deal_id, family),
    }
    return {split: path for split, path in patterns.items() if split in own}


def _table(shards: Sequence[ShardRecord]) -> list[str]:
    """Returns a line for each family and split."""
    parts: dict[tuple[str, str], list[ShardRecord]] = {}
    for shard in shards:
        parts.setdefault((shard.family, layout.shard_split(shard.name)), []).append(shard)
    lines = []
    for (family, split), own in sorted(parts.items()):
        counts = [shard.samples for shard in own]
        least, most = min(counts), max(counts)
        each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        size = sum(shard.bytes for shard in own)
        lines.append(f"| {family} | {split} | {len(own):,} | {sum(counts):,} | {each} | {size:,} |")
    return lines


def _readers_notes(shards: Sequence[ShardRecord]) -> list[str]:
    """Returns how many readers a family can be divided among."""
    train = Counter(shard.family for shard in shards if layout.shard_split(shard.name) == "train")
    most = ", ".join(f"{count:,} of {family}" for family, count in sorted(train.items()))
    return [
        "A reader takes whole shards, so the largest world size (ranks, times workers of each) at",
        f"which every reader gets one is, for training: {most or 'none'}.",
        "",
    ]


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
    """Returns what the samples say about their files."""
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
    paths: dict[str, dict[str, list[str]]] = {}
    for family in families_of(shards):
        paths[family] = {
            split: [f"{path.removesuffix('.tar')}.parquet"]
            for split, path in _patterns(facts, family, shards).items()
        }
    together: dict[str, list[str]] = {}
    for by_split in paths.values():
        for split, own in by_split.items():
            together.setdefault(split, []).extend(own)
    lines = [
        *_configs({"all": together, **paths}, default="all"),
        "",
        f"# Tables of delivery {facts.deal_id}/{facts.version}",
        "",
        "One row a sample, in the order of its tar; the columns are in the delivery's",
        "documentation. The tars are opened by the card of the folder above.",
        "",
    ]
    return "\n".join(lines)


def _configs(paths: Mapping[str, Mapping[str, Sequence[str]]], default: str) -> list[str]:
    """Returns a card's YAML header: a config for each name, with the files of each split."""
    lines = ["---", "configs:"]
    for name, by_split in paths.items():
        lines += [f"- config_name: {name}", "  data_files:"]
        for split, globs in sorted(by_split.items()):
            lines.append(f"  - split: {split}")
            if len(globs) == 1:
                lines.append(f'    path: "{globs[0]}"')
            else:
                lines += ["    path:", *(f'    - "{one}"' for one in globs)]
        if name == default:
            lines.append("  default: true")
    return [*lines, "---"]
