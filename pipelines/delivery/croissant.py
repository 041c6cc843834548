"""`croissant.json`: the delivery as Croissant 1.1 (JSON-LD), for catalogues and for mlcroissant.

Record sets cover only the shards' tables. The tars are listed with their digests, but no record set
reads from them: mlcroissant caches unpacked files under the tar's relative address, so a later
version of the same delivery would be read with the pictures of an earlier one.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pipelines.delivery.card import DEMONSTRATION_NOTICE, delivered_families
from pipelines.profiles.tables import table_schema
from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt
from schemas.manifest import FileRecord
from schemas.shard_table import EXTRA_MEMBERS

Node = dict[str, object]

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
RAI_CONFORMS_TO = "http://mlcommons.org/croissant/RAI/1.0"
_CROISSANT_TERMS = (
    "arrayShape citeAs column containedIn equivalentProperty extract field fileObject fileProperty "
    "fileSet format includes isArray isLiveDataset jsonPath key md5 parentField path recordSet "
    "references regex repeated replace samplingRate separator source subField transform"
).split()
_CONTEXT: Node = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in _CROISSANT_TERMS},
}
# By the deal's rights.personal_data: what was done to files, and what is in them and in texts.
_OWN_BYTES = "Media are the contributors' own bytes, not decoded and written again."
_HANDLING = {
    "keep": _OWN_BYTES,
    "rights-only": "Of the media's metadata only statements about rights were kept; nothing was "
    "decoded and written again.",
    "none": "The media's metadata were removed; nothing was decoded and written again.",
    "refuse": _OWN_BYTES,
}
_RENDERED = (
    "Pictures whose column rendition is not empty were decoded and written again as it says, "
    "upright and in sRGB; column original_sha256 is of the contributors' files."
)
_RENDERED_FILMS = {
    "remux": "Pictures of films were copied into MP4; nothing was encoded again.",
    "transcode": "Films were decoded and encoded again as column rendition says, upright and with "
    "square pixels; column original_sha256 is of the contributors' files.",
}
_IN_MEDIA = {
    "keep": "Media are the contributors' own files: their metadata may name authors, owners of "
    "cameras, people shown and places.",
    "rights-only": "The media's metadata are statements about rights, which may name their owners.",
    "none": "Media have no metadata.",
    "refuse": "Files in whose metadata personal data were found were left out.",
}
_TEXTS = "Titles, descriptions and keywords are the contributors' and may name people."
_REMOVED = f"{_TEXTS} E-mail addresses, phone numbers and by-lines found in them were removed."
_IN_TEXTS = {
    "keep": _TEXTS,
    "rights-only": _REMOVED,
    "none": _REMOVED,
    "refuse": f"{_TEXTS} Those with e-mail addresses, phone numbers or by-lines were left out.",
}
_FORMATS = {"tar": "application/x-tar", "parquet": "application/x-parquet"}
_TYPES: dict[pa.DataType, str] = {
    pa.string(): "sc:Text",
    pa.bool_(): "sc:Boolean",
    pa.int32(): "cr:Int32",
    pa.int64(): "cr:Int64",
    pa.float32(): "cr:Float32",
    pa.date32(): "sc:Date",
}


def croissant(job: Job, receipts: Sequence[ShardReceipt]) -> Node:
    """Returns the Croissant description of a delivery.

    Args:
        job: The run; every date is one of its inputs.
        receipts: Its shards, whose tars and tables are listed.
    """
    deal, terms = job.deal, job.terms_sha256
    families = delivered_families(receipts)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [CONFORMS_TO, RAI_CONFORMS_TO],
        "name": f"{deal.deal_id}-{job.version}",
        "description": (
            f"Licensed samples of deal {deal.deal_id} as WebDataset shards with tables; families: "
            f"{', '.join(families)}. Rights were judged as of {job.as_of.date().isoformat()}."
        ),
        "version": f"{int(job.version.removeprefix('v'))}.0.0",
        "datePublished": job.as_of.date().isoformat(),
        "citeAs": f"Delivery {deal.deal_id}/{job.version}, commitment to the deal's terms {terms}",
        "isLiveDataset": False,
        "license": f"Proprietary; deal {deal.deal_id}, commitment to its terms {terms}",
        "usageInfo": _usage(job),
        "conditionsOfAccess": "For the deal's buyer alone, within the deal's term and territory.",
        **_rai(job),
        "distribution": [
            *(file_object(file) for item in receipts for file in (item.tar, item.table)),
            *(_tables(job, family) for family in families),
        ],
        "recordSet": [_record_set(family, table_schema(deal.profile)) for family in families],
    }


def _usage(job: Job) -> str:
    deal = job.deal
    return (
        f"Purposes: {', '.join(deal.purposes)}. Territory: {', '.join(deal.territory)}. "
        f"Term: {deal.starts.isoformat()} to {deal.ends.isoformat()}. Columns "
        "alteration_constraints, file_constraints, duplication_constraints and usable_until "
        "bind the use of single samples."
    )


def _rai(job: Job) -> Node:
    """Returns the responsible-AI fields; they say what was not assessed."""
    models, rights = job.models, job.deal.rights
    limits = ["Biases of the selection were not assessed."]
    if models.demonstration:
        limits.append(DEMONSTRATION_NOTICE)
    return {
        "rai:dataCollection": (
            "Chosen from one stock agency's catalogue by rights rules (contributor's consent, "
            "licence, releases, statements in files), then by size, keywords and duplicates."
        ),
        "rai:dataPreprocessingProtocol": [
            _HANDLING[rights.personal_data],
            *([_RENDERED] if job.deal.renders_pictures else []),
            *([_RENDERED_FILMS[job.deal.render.films]] if job.deal.renders_films else []),
            f"Duplicates removed: {job.deal.select.dedupe}. "
            f"Least short side: {job.deal.select.min_short_side} pixels.",
        ],
        "rai:dataAnnotationProtocol": [
            "One recommended caption a sample: of models' and contributors' captions, the kind is "
            "drawn, and the best by CLIP score is taken. Column caption_source says whose "
            "words it is: model, the contributor's title, description or keywords, or zero-shot, "
            "which is made of tags. The samples' JSON has all captions, each with its source, "
            "model, language and score."
        ],
        "rai:machineAnnotationTools": [models.captioner_id, models.clip_id],
        "rai:dataUseCases": [str(purpose) for purpose in job.deal.purposes],
        "rai:dataLimitations": limits,
        "rai:personalSensitiveInformation": [
            "Tables name contributors and assets by salted commitments alone.",
            _IN_MEDIA[rights.personal_data],
            f"Recognisable people: {rights.people}. Minors: {rights.minors}. "
            f"Sensitive content: {rights.sensitive}.",
            _IN_TEXTS[rights.personal_data],
        ],
        "rai:dataReleaseMaintenancePlan": (
            "A published version never changes. A change is a new version with its own manifest."
        ),
    }


def file_object(file: FileRecord) -> Node:
    """Returns the description of a tar or a table."""
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path.rpartition("/")[2],
        "contentUrl": file.path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": _FORMATS[file.path.rpartition(".")[2]],
        "sha256": file.sha256,
    }


def _tables(job: Job, family: str) -> Node:
    return {
        "@type": "cr:FileSet",
        "@id": f"tables-{family}",
        "name": f"tables-{family}",
        "description": f"The tables beside the {family} shards.",
        "encodingFormat": _FORMATS["parquet"],
        "includes": f"shards/{job.deal.deal_id}-{family}-*.parquet",
    }


def _record_set(family: str, columns: pa.Schema) -> Node:
    return {
        "@type": "cr:RecordSet",
        "@id": family,
        "name": family,
        "description": f"One record for each {family} sample. The tables have the column captions "
        "as well: all captions with their sources and scores.",
        "key": {"@id": f"{family}/key"},
        # Croissant 1.1 has no type for a list of records in a column of a table.
        "field": [
            _field(family, field)
            for field in columns
            if field.name not in ("captions", EXTRA_MEMBERS)
        ],
    }


def _field(family: str, field: pa.Field[pa.DataType]) -> Node:
    name, kind = field.name, field.type
    listed = isinstance(kind, pa.ListType)
    item_kind = kind.value_type if isinstance(kind, pa.ListType) else kind
    node: Node = {
        "@type": "cr:Field",
        "@id": f"{family}/{name}",
        "name": name,
        "dataType": _TYPES[item_kind],
        "source": {"fileSet": {"@id": f"tables-{family}"}, "extract": {"column": name}},
    }
    return {**node, "isArray": True, "arrayShape": "-1"} if listed else node
