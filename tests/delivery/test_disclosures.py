"""Disclosures say the same numbers, and are what their standards ask for."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.cli import main
from pipelines.format.terms_text import terms_text
from pipelines.ledger.terms import terms_file
from schemas.attribution import ATTRIBUTION_SCHEMA
from schemas.deal_for_buyer import buyer_terms
from tests.delivery.test_export import sign
from tests.format.test_manifest import SIGNER
from tests.rights.rights_cases import deal

NAME = "Bild | <b>*Agency*</b>"
SAMPLES: list[dict[str, Any]] = [
    {"media_type": kind, "licence_code": code, "licence_model": "RF", "ai_generated": made}
    | {"caption_source": source, "status": status, "media_length": 1_000 + at, "duration_ms": film}
    for at, (kind, code, made, source, status, film) in enumerate(
        [
            ("image", "", "no", "model", "success", 0),
            ("image", "CC-BY-4.0", "unknown", "title", "success", 0),
            ("image", "CC-BY-4.0", "yes", "zero-shot", "success", 0),
            ("video", "", "no", "model", "success", 90_000),
            ("image", "", "no", "model", "removed", 0),
        ]
    )
]
FILES = {
    *("facts.json", "data-card.md", "spdx.json", "cyclonedx.json", "dps-provenance.json"),
    *("eu-ai-act-summary.md", "california-ab-2013.md"),
}


def make_delivery(folder: Path, **agency: str) -> Path:
    (folder / "rights").mkdir(parents=True)
    terms = deal(agency=agency, territory=["NO", "US"])
    public = buyer_terms(terms)
    data = terms_file(bytes(32), terms.terms_json(), public, terms_text(public))
    (folder / "rights/terms.json").write_bytes(data)
    row = dict.fromkeys(ATTRIBUTION_SCHEMA.names, "x")
    named = pa.Table.from_pylist([row, row | {"key": "y"}], schema=ATTRIBUTION_SCHEMA)
    pq.write_table(named, folder / "rights/attribution.parquet")
    pq.write_table(pa.Table.from_pylist(SAMPLES), folder / "samples.parquet")
    shard = {"name": "s-0", "family": "jpg", "samples": 4, "bytes": 9, "sha256": "cd" * 32}
    return sign(folder, [shard])


def disclose(delivery: Path, out: Path) -> int:
    return main(["disclose", str(delivery), "--out", str(out), "--vkey", SIGNER.vkey, "--quiet"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("disclosures")
    delivery = make_delivery(folder / "delivery", legal_name=NAME, removal_contact="a@bild.example")
    for out in ("out", "again"):
        assert disclose(delivery, folder / out) == 0
    return folder


def test_all_say_the_same_numbers(made: Path) -> None:
    out = made / "out"
    assert {path.name for path in out.iterdir()} == FILES
    facts = json.loads((out / "facts.json").read_bytes())
    live = [row for row in SAMPLES if row["status"] == "success"]
    size = sum(row["media_length"] for row in live)
    assert (facts["samples"], facts["media_bytes"], facts["film_ms"]) == (4, size, 90_000)
    assert (facts["attributed"], facts["synthetic_captions"]) == (2, 3)
    own = "none: the agency's own licence"
    for name, counts in facts["counts"].items():
        assert counts == Counter(str(row[name] or own) for row in live)
    manifest = (made / "delivery/MANIFEST.json").read_bytes()
    assert facts["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()
    texts = {name: (out / name).read_text(encoding="utf-8") for name in FILES}
    for name in FILES - {"facts.json", "california-ab-2013.md"}:
        said = texts[name]
        assert "4 samples (3 image, 1 video), 4,006 bytes of media" in said, name
    california = texts["california-ab-2013.md"]
    assert "| Number of data points | 4 |" in california
    assert "2 samples have a licence code" in california
    for name in ("california-ab-2013.md", "eu-ai-act-summary.md"):
        assert "3 recommended captions were written by" in texts[name]
        assert "AI-generated media: 1 yes, 1 unknown" in texts[name]
        assert "*to be filled in by the model's provider*" in texts[name]
    spdx = json.loads(texts["spdx.json"])["@graph"]
    [package] = [node for node in spdx if node["type"] == "dataset_DatasetPackage"]
    assert package["dataset_datasetSize"] == size
    properties = json.loads(texts["cyclonedx.json"])["components"][0]["properties"]
    found = {item["name"]: item["value"] for item in properties}
    assert found["fairshard:samples"] == "4"
    assert found["fairshard:media_type:video"] == "1"
    assert found["fairshard:attributed"] == "2"


def test_equal_deliveries_give_equal_bytes(made: Path) -> None:
    for name in FILES:
        assert (made / "out" / name).read_bytes() == (made / "again" / name).read_bytes()


def test_names_are_shown_as_they_are(made: Path) -> None:
    for path in (made / "out").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert NAME not in text
        assert "Bild \\| &lt;b&gt;\\*Agency\\*&lt;/b&gt;" in text


def test_cyclonedx_is_what_its_schema_asks(made: Path) -> None:
    pytest.importorskip("cyclonedx", reason="needs the schemas in cyclonedx-python-lib")
    from jsonschema import Draft7Validator, FormatChecker
    from referencing import Registry, Resource

    folder = resources.files("cyclonedx.schema._res")
    names = ("bom-1.7", "spdx", "jsf-0.82", "cryptography-defs")
    schemas = [
        json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text("utf-8")) for name in names
    ]
    found: list[tuple[str, Any]] = [
        (schema["$id"], Resource.from_contents(schema)) for schema in schemas
    ]
    validator = Draft7Validator(
        schemas[0],
        registry=Registry().with_resources(found),
        format_checker=FormatChecker(),
    )
    document = json.loads((made / "out/cyclonedx.json").read_bytes())
    assert [error.message for error in validator.iter_errors(document)] == []
    document["components"][0]["data"][0]["type"] = "no type"
    assert list(validator.iter_errors(document))


def test_spdx_is_what_its_model_asks(made: Path) -> None:
    model = pytest.importorskip(
        "spdx_python_model.bindings.v3_0_1.model", reason="needs spdx-python-model"
    )
    objects = model.SHACLObjectSet()
    with (made / "out/spdx.json").open("rb") as file:
        model.JSONLDDeserializer().read(file, objects)
    assert objects.link() == set()
    kinds = Counter(type(one).__name__ for one in objects.objects)
    assert kinds["dataset_DatasetPackage"] == kinds["SpdxDocument"] == kinds["Organization"] == 1
    # Writing checks that what must be there is there.
    model.JSONLDSerializer().write(objects, (made / "spdx-again.json").open("wb"))


def test_provenance_has_what_its_schema_requires(made: Path) -> None:
    """The schema is OASIS' data-provenance.json, csd01; these are its required members."""
    found = json.loads((made / "out/dps-provenance.json").read_bytes())
    assert set(found) == {"$schema", "set", "source", "provenance", "use"}
    required = {"category", "schema-version", "publisher", "label", "tracking"}
    assert required <= set(found["set"]) and found["set"]["schema-version"] == "1.0"
    assert {"about", "id", "issuer", "location", "name", "data-version"} <= set(found["source"])
    assert {"origin-geography", "date", "generation-method"} <= set(found["provenance"])
    assert found["set"]["publisher"]["contact-details"] == "a@bild.example"
    assert found["use"]["processing-included"] == [{"country": "NO"}, {"country": "US"}]
    assert found["use"]["license"][1:] == ["CC-BY-4.0"]
    [purpose] = found["use"]["intended-purpose"]
    assert purpose["code"] == "other" and purpose["long-description"].startswith("train_gen: ")
    assert found["provenance"]["format"] == ["image/jpeg"]


@pytest.mark.parametrize("path", ["samples.parquet", "rights/terms.json"])
def test_damage_leaves_nothing(tmp_path: Path, path: str, capsys: Any) -> None:
    delivery = make_delivery(tmp_path / "delivery")
    data = bytearray((delivery / path).read_bytes())
    data[9] ^= 1
    (delivery / path).write_bytes(data)
    assert disclose(delivery, tmp_path / "out") == 1
    assert f"{path}: its digest is not the manifest's" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["delivery"]


def test_what_is_not_stated_is_said_so(tmp_path: Path, capsys: Any) -> None:
    delivery = make_delivery(tmp_path / "delivery")
    assert disclose(delivery, tmp_path / "out") == 0
    card = (tmp_path / "out/data-card.md").read_text(encoding="utf-8")
    assert "- Contact for removals: not stated\n" in card
    assert "- Agency: an-agency\n" in card  # the key's name
    (delivery / "rights/terms.json").unlink()
    sign(delivery, json.loads((delivery / "MANIFEST.json").read_bytes())["shards"])
    assert disclose(delivery, tmp_path / "other") == 2
    assert "made by an earlier release" in capsys.readouterr().err
