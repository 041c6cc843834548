"""Writes the generated files: JSON Schemas and the tables in docs/. `make schemas` runs it.

A test compares the committed files with the generated ones, so that the docs match the code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipelines import profiles
from pipelines.catalogue import describe
from pipelines.catalogue.preset_table import header_list, presets_table
from pipelines.profiles.base import schema_text
from pipelines.rights.rules.reasons import REASONS
from schemas.deal import Deal
from schemas.deal_agency import OptionalContact, OptionalName
from schemas.deal_faults import section_model
from schemas.deal_values import (
    MAX_INTEGER,
    AssetList,
    ByteSize,
    CalendarDate,
    Colour,
    ExactShare,
    IdPair,
    Keyword,
    OneLine,
    PayableShare,
    PixelLimit,
    ProfileName,
    TerritoryCode,
)
from schemas.exposure import Exposure
from schemas.grant import Grant
from schemas.latest import Changes, Latest
from schemas.manifest import Manifest
from schemas.notice import Notice, Reply
from schemas.profiles import profile_names
from schemas.removal_list import RemovalList
from schemas.run_record import RunRecord

ROOT = Path(__file__).resolve().parents[2]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TYPE_DESCRIPTIONS: tuple[tuple[object, str], ...] = (
    (ByteSize, 'size: bytes, or text such as `"512MiB"`'),
    (ExactShare, 'share: text from `"0"` to `"1"`'),
    (PayableShare, 'share: text above `"0"`, up to `"1"`'),
    (TerritoryCode, 'ISO 3166-1 alpha-2 codes, or `"WORLD"` alone'),
    (CalendarDate, "date"),
    (Keyword, "texts"),
    (OneLine, "text"),
    (OptionalName, 'text, or `""`'),
    (OptionalContact, 'e-mail or `https://` address, or `""`'),
    (Colour, 'colour: red, green and blue in hex, such as `"#ffffff"`'),
    (AssetList, "file, or list: ids"),
    (IdPair, "two ids"),
    (PixelLimit, "whole number; 0 for no limit"),
    (str, "text"),
)

# The meaning of each key; its type, default and allowed values come from the model.
DEAL_KEY_MEANINGS = {
    "deal_id": "names the deal: up to 64 of a-z, 0-9 and `-`, no `-` at an end; not `agency`",
    "buyer": "who buys, on one line",
    "purposes": "what the buyer may do; `inference` is always required as well",
    "territory": "where the buyer may do it",
    "starts": "first day of the term",
    "ends": "last day of the term, after `starts`",
    "profile": "intended use, which decides what a sample has: [profiles.md](profiles.md)",
    "media": "kinds of asset to include",
    "agency.legal_name": "the agency's name as in contracts, on one line; without it, a delivery "
    "says that it is not stated",
    "agency.removal_contact": "whom the buyer asks about removals: an e-mail or `https://` "
    "address; without it, a delivery says that it is not stated",
    "rights.editorial": "editorial material",
    "rights.ai_generated": "AI-generated material; `label` accepts it and marks each sample",
    "rights.minors": "minors; `guardian-release` accepts them with a guardian's release",
    "rights.people": "people: with a release, with a release and biometric rider, or none",
    "rights.unknown_people_count": "assets whose number of people is not known",
    "rights.sensitive": "assets marked sensitive",
    "rights.inference": "consent to captions and embeddings; `unless-denied` accepts assets with "
    "no answer, `pack-without` delivers assets without consent with neither",
    "rights.consent_basis": "what a contributor's yes must rest on: any basis, or only an explicit "
    "one, so that terms, silence and an unstated basis are not enough",
    "rights.unknown_property": "assets with no information on whether they show protected property",
    "rights.unknown_source": "assets with no information on how they were made",
    "rights.non_commercial": "licence codes with NC",
    "rights.no_derivatives": "licence codes with ND",
    "rights.share_alike": "licence codes that ask for the same licence in return (SA, GPL, ODbL "
    "and others), which require a review",
    "rights.ends_early": "rights that end before the deal; `until` accepts and dates them",
    "rights.shoot_range": "a release's shoot dates; they must include the asset's `created_at`",
    "rights.max_shoot_days": "maximum number of days that a release may cover",
    "rights.witness": "a release's witness: independent, also required to exist, or anybody",
    "rights.copyright_conflicts": "files whose EXIF, IIM and XMP name different owners",
    "rights.unjudged_content": "pictures, films and bytes in a file that are not examined: "
    "a second picture, later frames, anything after its end",
    "rights.denial_phrases": "phrases in a file's text that deny, beyond the built-in words",
    "rights.copies_of_refused": "other assets with the file of a refused one; `refuse` reads the "
    "refused assets' files to find them, `refuse-listed` compares `media_uri` and `sha256` only",
    "rights.personal_data": "personal data in files and texts: deliver files as they are, with "
    "rights statements as their only metadata, or with none; `refuse` refuses the assets",
    "rights.faces": "more faces in the picture than the catalogue's `people_count`: do not look, "
    "report them to the agency, or refuse the assets; needs `fairshard[quality]`",
    "rights.missing_credit": "assets under a licence that asks to name the author, where the "
    "catalogue gives no name that may be shown ([delivery.md](delivery.md#attribution))",
    "rights.precedence": "what rules where a sample's licence code and the deal differ; with "
    "`stricter`, both must permit a use",
    "agreements.ref": "reference of the agreement: a number or clause",
    "agreements.signed_at": "when it was signed; it applies from that day",
    "agreements.purposes": "purposes that it grants",
    "agreements.contributors": 'contributors whose works it covers: ids, or `"all"` alone',
    "rulings.ref": "reference of the agency's ruling on who owns a work",
    "rulings.owner": "the contributor whose work it is",
    "rulings.files": "what it is about: the sha256 of files, or the ids of all assets with a file",
    "select.min_short_side": "minimum length of the shorter side in pixels",
    "select.keywords_any": "an asset must have one of these; with none listed, every asset passes",
    "select.keywords_none": "an asset must have none of these",
    "select.dedupe": "which duplicates to exclude: none, identical bytes, also assets that show "
    "the same, or also those with nearly the same embedding",
    "select.blank": "pictures and films in which there is nothing to see",
    "select.max_black_share": "largest share of a film's length that may be black",
    "select.max_frozen_share": "largest share of a film's length that may show still pictures",
    "select.max_silent_share": "largest share of a film's length in which its sound may be "
    "silent; films without sound pass",
    "select.semantic_cosine": "least cosine of the embeddings of semantic duplicates",
    "select.keep_both": "pairs of asset ids that are different works, however alike they look",
    "select.only": "the only assets to deliver: a file with an asset id on each line, relative to "
    "the folder where the command runs, or the ids; with none listed, every asset passes; "
    "`fairshard quote --cover` chooses such a list ([quote.md](quote.md#choosing-assets))",
    "select.max_assets": "maximum number of delivered assets",
    "render.images": "pictures to render: none, those that stock loaders show otherwise, or "
    "all; `refuse` refuses those that they show otherwise; `auto` is `flagged` in the profile "
    "image-text and `native` in others; see below",
    "render.longest_side": "maximum length of the longer side in pixels",
    "render.format": "format of renditions",
    "render.quality": "quality of JPEG and WebP",
    "render.background": "what transparent areas show in renditions",
    "render.films": "films: delivered as they are, copied into MP4, or encoded again as displayed",
    "render.film_codec": "codec of films that are encoded again",
    "render.film_longest_side": "maximum length of the longer side of such films in pixels",
    "render.audio": "films' sound; `drop` removes it, without encoding pictures again",
    "quality.min_sharpness": "least sharpness of the picture; see [media.md](media.md#measures)",
    "quality.min_brightness": "least mean brightness",
    "quality.max_brightness": "largest mean brightness",
    "quality.max_clipped": "largest share that is black or white without detail",
    "quality.max_nsfw": "largest score for nudity and gore, by comparison with prompts",
    "quality.min_aesthetics": "least score for looks, by comparison with prompts",
    "quality.max_text_area": "largest share of the picture that text covers",
    "quality.watermark": "pictures with a watermark in them",
    "quality.aspects": "the aspect ratios that are taken, each with what is nearest to it; with "
    "none listed, every ratio passes",
    "models.clip": "the model for embeddings; see [models.md](models.md)",
    "models.captioner": "the model for captions; see [models.md](models.md)",
    "models.precision": "the precision of both models; `auto` is bf16 where the processor has "
    "units for it and the results agree, else fp32; see [models.md](models.md#precision)",
    "models.device": "what computes both models; `auto` is a GPU where torch has one, else the "
    "processor; see [models.md](models.md#gpu)",
    "captions.vocabulary": "a file with the concepts for tags and zero-shot captions, relative to "
    "the folder where the command runs; without it, "
    "one in the package is used; see [models.md](models.md#vocabulary)",
    "captions.flagged": "captions of models that name a person, an e-mail address or a phone "
    "number that the contributor's texts do not: deliver them with a flag, leave them out, or "
    'refuse their assets; `keep` leaves them out, too, unless `rights.personal_data` is `"keep"`; '
    "see [models.md](models.md#flagged-captions)",
    "captions.p_synthetic_bp": "how often the recommended caption is the model's, of 10,000 "
    "samples that also have a title or description; see "
    "[models.md](models.md#the-recommended-caption)",
    "captions.language": "the language that the captioner writes, BCP 47",
    "captions.endpoint.hosts": "hosts that pictures may be sent to for captions; see "
    "[models.md](models.md#an-endpoint)",
    "captions.endpoint.prompt": "what the endpoint's model is told to do with a picture",
    "captions.endpoint.version": "version of the endpoint's model, part of the captions' identity",
    "captions.endpoint.max_tokens": "maximum length of a caption",
    "captions.endpoint.timeout_s": "how long the endpoint may take for one caption, in seconds",
    "captions.endpoint.concurrency": "pictures that one process asks about at once",
    "clips.min_frames": "only in the profile `first-last-frame`: least frames of a clip; shorter "
    "shots give none",
    "clips.max_frames": "most frames of a clip, or 0 for no limit; of a longer shot, the middle is "
    "taken",
    "structure.every": "only in the profiles `structure-video` and `structure-depth`: one "
    "frame of so many is embedded, and has a depth map in the latter",
    "price.currency": "ISO 4217 code in capitals",
    "price.pool": "what the buyer pays, with the currency's number of decimals, zero or more; at "
    "most 2^53 − 1 minor units, such as 90071992547409.91 USD",
    "price.agency_share": "the agency's share of the pool; the rest goes to the contributors",
    "price.allocation": "how the rest is divided: evenly, by `weight`, by samples, or in the ratio "
    "of `two_factor`",
    "price.two_factor.proportional": "the part that is divided evenly; the rest is by `weight`",
    "price.base": "which assets are paid: those delivered, or all that the rights cleared",
    "price.weights.starts": "first day on which the weights were counted; recorded with the pool",
    "price.weights.ends": "last day on which the weights were counted",
    "price.weights.source": "what was counted, such as licences sold",
    "price.minimum": "least amount for each payee",
    "price.cap": "largest share of the contributors' part for one payee",
    "price.deductions.name": "what is deducted from the pool before it is divided",
    "price.deductions.amount": "how much, if it is fixed",
    "price.deductions.share": "how much, as a share of what the deductions before it leave",
    "price.levels.name": "a level that classes may name; what no level lists is `other`",
    "price.levels.contributors": "ids of the contributors in it",
    "price.levels.assets": "ids of the assets in it, such as exclusive ones",
    "price.levels.starts": "first day on which the level applies, if not always",
    "price.levels.ends": "last day on which the level applies, if not always",
    "price.agency_classes.media": "the kind of asset in the class, if not all",
    "price.agency_classes.level": "the level in the class, if not all",
    "price.agency_classes.agency_share": "the agency's share of what the class's assets earn",
    "price.other_currencies": "contributors with another `currency` than the deal's: credit them "
    "in the deal's, to be converted when they are paid out; mark the money as held as well; or "
    "stop the run",
    "shards.target_bytes": "target size of a shard",
    "shards.min_shards": "least number of shards of each family and split, as far as there are so "
    "many samples: the buyer's ranks, times the workers of each",
    "shards.counts": "`equal`: all shards of a family and split have the same number of samples, "
    "or one more, and their number is a multiple of `shards.min_shards`",
    "shards.wids_md5": "whether wids' index has the MD5 of each tar, which takes a fifth of the "
    "time that writing shards takes; wids reads an index without",
    "split.validation_bp": "share of samples for validation, in ten-thousandths; see below",
    "split.groups": "whether samples say their group (`group_id`), which tells what samples share "
    "a contributor",
    "split.together": "what is never in both splits: all samples of a contributor, or those that "
    "one made on a day",
    "output.uri": "where deliveries go: a folder or an `s3://` prefix; not a term of the deal",
    "sources.roots": "additional folders or `s3://` prefixes that media may be in",
    "sources.hosts": "web servers that media may come from",
    "sources.trust_lists": "PEM files with the certificates that make C2PA signers trusted",
    "gate.divert": "catalogue check rules that do not stop the run; see below",
    "limits.dead_letter_share": "maximum share of catalogue rows that may become failed assets",
    "limits.max_pixels": "maximum number of pixels of an image or a video frame",
    "limits.max_media_bytes": "maximum size of a file in bytes",
    "withdrawal.money": "what was credited for assets that are removed later: contributors keep "
    "it, or it is taken back ([removal.md](removal.md))",
    "withdrawal.recurring": "removed assets' weights in later revenue: go on, stop at once, or "
    "stop with the next period",
    "withdrawal.way": "how samples are taken out: in new shards, or overwritten in place",
    "withdrawal.deadline_days": "days that the buyer has to delete, from the effective date",
    "withdrawal.reinstated": "ids of notices of removal whose assets may be delivered again; all "
    "others are refused, in every deal of the output ([removal.md](removal.md))",
}


def fill_section(document: str, name: str, body: str) -> str:
    """Returns the document with one generated section replaced.

    Raises:
        ValueError: If the section's markers are missing.
    """
    start, end = f"<!-- {name} -->\n", f"\n<!-- end {name} -->"
    head, opened, rest = document.partition(start)
    _, closed, tail = rest.partition(end)
    if not opened or not closed:
        raise ValueError(f"the document has no section {name!r}")
    return f"{head}{start}{body}{end}{tail}"


def _table_row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def reasons_table() -> str:
    """Every reason as Markdown."""
    lines = [
        _table_row("code", "stage", "outcome", "meaning", "found in", "deal keys", "how to fix it"),
        _table_row(*["---"] * 7),
    ]
    for reason, info in REASONS.items():
        outcome = info.outcome.in_words
        source, keys = f"`{info.source}`", ", ".join(f"`{key}`" for key in info.governed_by)
        lines.append(
            _table_row(f"`{reason}`", info.stage, outcome, info.sentence, source, keys, info.remedy)
        )
    return "\n".join(lines)


class DealKey(NamedTuple):
    """A key of the deal.

    Attributes:
        name: Its dotted name.
        holds: Its type in words.
        default: Its default as TOML; "" if it has none, or is a key of a list of sections.
        required: Whether it must be given; in an optional section, if the section is given.
    """

    name: str
    holds: str
    default: str
    required: bool


def deal_keys(model: type[BaseModel] = Deal, prefix: str = "") -> Iterator[DealKey]:
    """Yields each deal key."""
    hints = get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        annotation = hints[name]
        section = section_model(annotation)
        if section is not None:
            in_list = get_origin(annotation) is list
            for key in deal_keys(section, f"{prefix}{name}."):
                yield key._replace(default="") if in_list else key
        else:
            default = "" if _has_no_default(field) else _toml_default(field, annotation)
            holds = _describe_number(field) if annotation is int else _describe_type(annotation)
            yield DealKey(prefix + name, holds, default, field.is_required())


def _has_no_default(field: FieldInfo) -> bool:
    return field.is_required() or field.default is None


def number_range(field: FieldInfo) -> tuple[int, int]:
    """Returns the least and the largest value of a key that holds a whole number.

    Raises:
        ValueError: If the model does not state both.
    """
    least = [limit.ge for limit in field.metadata if hasattr(limit, "ge")]
    most = [limit.le for limit in field.metadata if hasattr(limit, "le")]
    if len(least) != 1 or len(most) != 1:
        raise ValueError(f"the model does not state one range: {field.metadata}")
    return int(str(least[0])), int(str(most[0]))


def _describe_number(field: FieldInfo) -> str:
    least, most = number_range(field)
    if most == MAX_INTEGER:
        return f"whole number, {least:,} or more"
    return f"whole number from {least:,} to {most:,}"


def _describe_type(annotation: Any) -> str:
    if type(None) in get_args(annotation):
        return _describe_type(get_args(annotation)[0])
    if get_origin(annotation) is list:
        return f"list: {_describe_type(get_args(annotation)[0])}"
    if get_origin(annotation) is Literal:
        return ", ".join(f'`"{value}"`' for value in get_args(annotation))
    if annotation == ProfileName:
        return ", ".join(f'`"{name}"`' for name in profile_names())
    for described, description in _TYPE_DESCRIPTIONS:
        if annotation == described:
            return description
    [purpose, *_] = get_args(annotation)
    if not (isinstance(purpose, type) and issubclass(purpose, StrEnum)):
        raise ValueError(f"there is no description for the type {annotation}")
    return ", ".join(f'`"{value}"`' for value in purpose)


def _toml_default(field: FieldInfo, annotation: Any) -> str:
    """Returns a default value as it is written in a deal."""
    value = field.default
    if annotation == ByteSize:
        for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if value % factor == 0:
                return f'"{value // factor}{unit}"'
    return json.dumps(str(value) if isinstance(value, Decimal) else value)


def deal_table() -> str:
    """Returns the table of all deal keys as Markdown; required keys are bold."""
    lines = [_table_row("key", "holds", "default", "meaning"), _table_row(*["---"] * 4)]
    for name, holds, default, required in deal_keys():
        shown = f"**`{name}`**" if required else f"`{name}`"
        lines.append(
            _table_row(shown, holds, f"`{default}`" if default else "", DEAL_KEY_MEANINGS[name])
        )
    return "\n".join(lines)


def _section(model: type[BaseModel], name: str) -> type[BaseModel]:
    section = section_model(model.model_fields[name].annotation)
    if section is None:
        raise ValueError(f"{name} is not a section of {model.__name__}")
    return section


def _deal_schema() -> dict[str, Any]:
    """Returns the JSON Schema of a deal, with each key's meaning for editors to show."""
    schema = Deal.model_json_schema()
    for name, meaning in DEAL_KEY_MEANINGS.items():
        *sections, key = name.split(".")
        section_schema = schema
        model: type[BaseModel] = Deal
        for section in sections:
            model = _section(model, section)
            section_schema = schema["$defs"][model.__name__]
        section_schema["properties"][key]["description"] = meaning
    return schema


def _published_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Returns the JSON Schema of a published document, in which every field is required."""
    schema = model.model_json_schema(mode="serialization")
    for part in (schema, *schema.get("$defs", {}).values()):
        if "properties" in part:  # an enumeration has none
            part["required"] = list(part["properties"])
    return schema


def json_schemas() -> dict[str, str]:
    """Returns the JSON Schemas, by path below the root."""
    schemas = {
        "deal": _deal_schema(),
        "manifest": _published_schema(Manifest),
        "notice": _published_schema(Notice),
        "removal-reply": _published_schema(Reply),
        "removal-list": _published_schema(RemovalList),
        "exposure": _published_schema(Exposure),
        "latest": _published_schema(Latest),
        "changes": _published_schema(Changes),
        "grant": _published_schema(Grant),
        "run": _published_schema(RunRecord),
    }
    return {
        f"schemas/jsonschema/{name}.json": json.dumps(
            {"$schema": _DIALECT, **schema}, indent=2, ensure_ascii=False
        )
        + "\n"
        for name, schema in schemas.items()
    }


def profile_schemas() -> dict[str, str]:
    """Returns the profiles' JSON Schemas, by path below the root."""
    return {
        f"schemas/profiles/{name}.json": schema_text(profiles.load_profile(name))
        for name in profiles.profile_names()
    }


def generated_pages(root: Path = ROOT) -> dict[str, str]:
    """Returns the regenerated pages that have generated parts, by path below the root."""
    rights, deal, catalogue, exports = (
        (root / "docs" / f"{name}.md").read_text(encoding="utf-8")
        for name in ("rights", "deal", "catalogue", "agency-exports")
    )
    exports = fill_section(exports, "presets", presets_table())
    return {
        "docs/rights.md": fill_section(rights, "reasons", reasons_table()),
        "docs/deal.md": fill_section(deal, "keys", deal_table()),
        "docs/catalogue.md": describe.fill_sections(catalogue),
        "docs/agency-exports.md": fill_section(exports, "headers", header_list()),
    }


def main() -> None:
    """Writes all generated files."""
    # Write the profiles first: the names that a deal may use are read from their schemas.
    for generate in (profile_schemas, json_schemas, generated_pages):
        for path, text in generate().items():
            target = ROOT / path
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
