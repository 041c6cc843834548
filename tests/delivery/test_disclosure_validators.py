"""Validators of the standards' own accept what `fairshard disclose` writes.

Their files are not ours to publish. `FAIRSHARD_SCHEMAS` names a folder that has copies:

- `spdx-model.ttl` and `spdx-context.jsonld` of https://spdx.org/rdf/3.0.1/;
- `data-provenance.json` of https://docs.oasis-open.org/dps/prov-meta/v1.0/schema/.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.test_disclosures import disclose, make_delivery

_SHAPES, _CONTEXT, _DPS = "spdx-model.ttl", "spdx-context.jsonld", "data-provenance.json"


def of_standard(name: str) -> bytes:
    """Returns a file of a standard; skips the test without it."""
    path = Path(os.environ.get("FAIRSHARD_SCHEMAS", "")) / name
    if not os.environ.get("FAIRSHARD_SCHEMAS") or not path.exists():
        pytest.skip(f"needs {name} in the folder FAIRSHARD_SCHEMAS")
    return path.read_bytes()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validated")
    delivery = make_delivery(
        folder / "delivery", legal_name="Bild", removal_contact="a@bild.example"
    )
    assert disclose(delivery, folder / "out") == 0
    return folder / "out"


@pytest.mark.slow
def test_spdx_conforms_to_the_shapes_of_its_model(written: Path) -> None:
    pyshacl = pytest.importorskip("pyshacl", reason="needs pyshacl")
    from rdflib import Graph

    shapes = Graph().parse(data=of_standard(_SHAPES), format="turtle")
    context = json.loads(of_standard(_CONTEXT))["@context"]

    def faults(document: dict[str, Any]) -> str:
        local = {**document, "@context": context}  # nothing is fetched
        data = Graph().parse(data=json.dumps(local), format="json-ld")
        assert len(data) > 30
        conforms, _, said = pyshacl.validate(data, shacl_graph=shapes, ont_graph=shapes)
        return "" if conforms else str(said)

    document = json.loads((written / "spdx.json").read_bytes())
    assert faults(document) == ""
    [package] = [one for one in document["@graph"] if one["type"] == "dataset_DatasetPackage"]
    package["dataset_datasetSize"] = "many"
    assert "datasetSize" in faults(document)
    package["dataset_datasetSize"] = 1
    del package["dataset_datasetType"]
    assert "datasetType" in faults(document)


def test_provenance_conforms_to_its_schema(written: Path) -> None:
    from jsonschema import Draft202012Validator, FormatChecker

    schema = json.loads(of_standard(_DPS))
    # The dialect that it names differs from 2020-12 in that formats count.
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    document = json.loads((written / "dps-provenance.json").read_bytes())
    assert [f"{one.json_path}: {one.message}" for one in validator.iter_errors(document)] == []
    del document["source"]["issuer"]
    assert [one.json_path for one in validator.iter_errors(document)] == ["$.source"]
