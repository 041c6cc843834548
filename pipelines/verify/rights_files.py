"""Checks the files of `rights/`: that the terms are the manifest's, and who is to be named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.format.attribution import (
    DERIVED,
    SAMPLE_COLUMNS,
    attribution_csv,
    listed_samples,
)
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_parquet
from pipelines.verify.report import ProblemReporter
from schemas import layout
from schemas.attribution import ATTRIBUTION_SCHEMA
from schemas.buyer_terms import BuyerTerms, parse_terms_file
from schemas.canonical import canonical_json
from schemas.manifest import Manifest
from schemas.odrl import ACTIONS, COUNTRY_BASE, KNOWN_CONTEXTS, KNOWN_PROFILES
from schemas.rights import PURPOSES
from schemas.territory import WORLD

# What a deal's policy has; anything else, such as an obligation, would be one more term.
_POLICY_FIELDS = frozenset(
    "@context @type uid profile conflict assigner assignee target termsSha256 permission "
    "prohibition".split()
)


def check_rights(
    store: Store, manifest: Manifest, damaged: Collection[str], report_problem: ProblemReporter
) -> None:
    """Checks what a delivery states of its rights against the manifest and the samples.

    Deliveries of earlier releases have no such files (`pipelines.verify.files` tells them apart).

    Args:
        store: The delivery.
        manifest: Its manifest, which was checked.
        damaged: Paths of files that are missing or not the manifest's. If the table of samples is
            among them, attributions are not compared with it.
        report_problem: Called with each problem.
    """
    listed = {file.path for file in manifest.files}
    if not any(path.startswith("rights/") for path in listed):
        return
    usable = listed - set(damaged)
    terms = None
    if layout.RIGHTS_TERMS in usable:
        terms = _check_terms(store, manifest, usable, report_problem)
    if terms is not None and layout.RIGHTS_POLICY in usable:
        fault = policy_fault(store.read_bytes(layout.RIGHTS_POLICY), terms, manifest)
        if fault:
            report_problem(layout.RIGHTS_POLICY, fault)
    if layout.RIGHTS_PROFILE in usable:
        profile = store.read_bytes(layout.RIGHTS_PROFILE)
        if hashlib.sha256(profile).hexdigest() not in KNOWN_PROFILES:
            report_problem(layout.RIGHTS_PROFILE, "it is not the profile of a known release")
    if layout.ATTRIBUTION_TABLE in usable:
        _check_attributions(store, terms, usable, report_problem)


def _check_terms(
    store: Store, manifest: Manifest, usable: Collection[str], report_problem: ProblemReporter
) -> BuyerTerms | None:
    """Checks terms and their text; returns the terms if they are the manifest's."""
    path, data = layout.RIGHTS_TERMS, store.read_bytes(layout.RIGHTS_TERMS)
    if hashlib.sha256(data).hexdigest() != manifest.deal.terms_sha256:
        report_problem(path, "its digest is not the manifest's terms_sha256")
        return None
    try:
        file = parse_terms_file(data)
    except ValueError as error:
        report_problem(path, f"it cannot be read: {' '.join(str(error).split())}"[:200])
        return None
    terms, deal = file.terms, manifest.deal
    pairs = {
        "deal_id": (terms.deal_id, deal.deal_id),
        "buyer": (terms.buyer, deal.buyer),
        "purposes": (set(terms.licensed), set(deal.purposes)),
        "territory": (terms.territory, deal.territory),
        "starts": (terms.starts, deal.starts),
        "ends": (terms.ends, deal.ends),
        "profile": (terms.profile, deal.profile),
    }
    for name, (here, there) in pairs.items():
        if here != there:
            report_problem(path, f"its {name} is not the manifest's")
    if set(terms.licensed) & set(terms.not_licensed):
        report_problem(path, "a purpose is licensed and not licensed")
    if layout.RIGHTS_TEXT in usable:
        text = store.read_bytes(layout.RIGHTS_TEXT)
        if hashlib.sha256(text).hexdigest() != file.text_sha256:
            report_problem(layout.RIGHTS_TEXT, f"it is not the text that {path} has the digest of")
    return terms


def policy_fault(data: bytes, terms: BuyerTerms, manifest: Manifest) -> str:
    """Returns what of a policy in ODRL is not what the terms say, or ""."""
    try:
        policy = json.loads(data)
        parties = {name: policy[name]["uid"] for name in ("assigner", "assignee")}
        shared = {**parties, "target": policy["target"]["uid"]}
        found = [policy["permission"], policy.get("prohibition", [])]
        facts = (policy["@type"], policy["termsSha256"], policy["conflict"], policy["uid"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return f"it is no policy of a deal: {error}"[:200]
    digest = manifest.deal.terms_sha256
    if facts != ("Agreement", digest, "prohibit", f"{str(facts[3]).rpartition(':')[0]}:{digest}"):
        return "it is not the agreement under the manifest's terms_sha256"
    if found != _rules(terms, shared, str(policy["uid"])):
        return "it permits or prohibits something else than the terms"
    if more := sorted(policy.keys() - _POLICY_FIELDS):
        return f"it says more than the terms: {', '.join(more)}"[:200]
    context = hashlib.sha256(canonical_json(policy.get("@context"))).hexdigest()
    if context not in KNOWN_CONTEXTS:
        return "its @context, which says what its terms mean, is not that of a known release"
    if policy["assignee"].get("fn") != terms.buyer:
        return "its assignee is not the buyer"
    if json_bytes(policy) != data:  # such as a name that is there twice
        return "its bytes are not in the canonical form"
    return ""


def _rules(
    terms: BuyerTerms, shared: dict[str, object], agreement: str
) -> list[list[dict[str, object]]]:
    """Returns the permissions and the prohibitions that terms are in ODRL."""
    relying = _constraint("fs:relyingOn", "eq", {"@id": agreement})
    permissions = [
        {"@type": "Permission", **shared, "action": ACTIONS[purpose], "constraint": _limits(terms)}
        for purpose in PURPOSES
        if purpose in terms.licensed
    ]
    prohibitions = [
        {"@type": "Prohibition", **shared, "action": ACTIONS[purpose], "constraint": [relying]}
        for purpose in PURPOSES
        if purpose not in terms.licensed
    ]
    return [permissions, prohibitions]


def _limits(terms: BuyerTerms) -> list[dict[str, object]]:
    days = [("gteq", terms.starts), ("lteq", terms.ends)]
    term = [
        _constraint("dateTime", operator, {"@value": day, "@type": "xsd:date"})
        for operator, day in days
    ]
    if terms.territory == [WORLD]:
        return term
    places = [{"@id": COUNTRY_BASE + code} for code in sorted(terms.territory)]
    return [_constraint("spatial", "isAnyOf", places), *term]


def _constraint(left: str, operator: str, right: object) -> dict[str, object]:
    names = {"leftOperand": left, "operator": operator, "rightOperand": right}
    return {"@type": "odrl:Constraint", **names}


def _listed(store: Store) -> Iterator[dict[str, str]]:
    """Yields the samples whose licences ask to name the author, one row group in memory at a time.

    Reading nine columns of a table of samples takes a small part of its bytes.
    """
    with store.open_read(layout.SAMPLES_TABLE) as source, pq.ParquetFile(source) as file:
        for number in range(file.num_row_groups):
            group = file.read_row_group(number, list(SAMPLE_COLUMNS), use_threads=False)
            yield from listed_samples(group)


def _check_attributions(
    store: Store,
    terms: BuyerTerms | None,
    usable: Collection[str],
    report_problem: ProblemReporter,
) -> None:
    """Checks that exactly the samples are listed whose licences ask for it, and both files."""
    path = layout.ATTRIBUTION_TABLE
    try:
        table = read_parquet(store, path)
    except (pa.ArrowException, OSError, ValueError) as error:
        report_problem(path, f"it cannot be read: {error}"[:200])
        return
    if not table.schema.equals(ATTRIBUTION_SCHEMA):
        report_problem(path, "it has other columns than a table of attributions")
        return
    csv_path = layout.ATTRIBUTION_CSV
    if csv_path in usable and store.read_bytes(csv_path) != attribution_csv(table):
        report_problem(csv_path, f"it does not say what {path} says")
    if layout.SAMPLES_TABLE in usable:
        _compare_with_samples(store, table, report_problem)
    must_name = terms is not None and terms.rights.get("missing_credit") != "accept"
    for row in table.select(["key", "author"]).to_pylist():
        if must_name and not row["author"]:
            report_problem(path, f"it names no author of {row['key']}")
            break


def _compare_with_samples(store: Store, table: pa.Table, report_problem: ProblemReporter) -> None:
    path = layout.ATTRIBUTION_TABLE
    try:
        wanted = {row["key"]: row for row in _listed(store)}
    except (pa.ArrowException, OSError, ValueError) as error:
        report_problem(path, f"it cannot be compared with the samples: {error}"[:200])
        return
    rows = table.to_pylist()
    found = {row["key"]: {name: row[name] for name in DERIVED} for row in rows}
    if len(found) != len(rows):
        report_problem(path, "it lists a sample twice")
    for key in sorted(wanted.keys() - found.keys())[:1]:
        report_problem(path, f"it lacks {key}, whose licence asks to name the author")
    for key in sorted(found.keys() - wanted.keys())[:1]:
        report_problem(path, f"it lists {key}, which needs no attribution or was removed")
    for key in sorted(key for key in found.keys() & wanted.keys() if found[key] != wanted[key])[:1]:
        report_problem(path, f"it differs from the sample {key}")
