"""Deals and decisions as ODRL 2.2: the information model's rules, triples and exact bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdflib import RDF, XSD, Graph, Literal, URIRef

from pipelines.odrl.export import SampleLookup
from pipelines.odrl.policy import deal_policy, delivered_policy, excluded_policy, policy_line
from pipelines.odrl.records import (
    DeliveredDecision,
    PolicyScope,
    UsageLimits,
    read_usage_limits,
)
from pipelines.odrl.terms import (
    CURRENCY_BASE,
    ID_BASE,
    PROFILE,
    JsonNode,
    profile_document,
)
from pipelines.rights.rules.reasons import REASONS
from pipelines.run.decisions import Decision, refused_asset
from pipelines.storage.open import open_store
from pipelines.storage.tables import json_bytes
from schemas.deal import Deal, parse_deal
from schemas.errors import InputError, RunError
from schemas.money import EXPONENTS
from schemas.odrl import ACTIONS, COUNTRY_BASE
from schemas.reason_info import Outcome, Stage
from schemas.rights import PURPOSES, Purpose
from schemas.territory import COUNTRIES
from tests.odrl.odrl_rules import FS, ODRL, check_policy, fs, odrl, one, triples

VKEY = "fairshard-demonstration+904e5c97+AfuBU4hBoY4NCMAu/EJcDiHZNPYsE8lVHwsEgX8t6QRV"
AS_OF = "2026-06-30T23:59:59.999999+00:00"
TERMS = "5e" * 32
AGENCY = f"{ID_BASE}agency:fairshard-demonstration%2B904e5c97"
WORDS = {
    Purpose.TRAIN_GEN: FS + "trainGenerative",
    Purpose.TRAIN_NONGEN: FS + "trainNonGenerative",
    Purpose.INFERENCE: FS + "infer",
    Purpose.DATA_MINING: FS + "mineData",
    Purpose.INDEX: ODRL + "index",
    Purpose.SEARCH: FS + "search",
}
HOSTILE = [
    "..",
    "../../agency",
    "@id",
    "@type",
    'a", "@id": "http://evil.example/',
    "http://evil.example/#x",
    "javascript:alert(1)",
    "_:b0",
    "fs:trainGenerative",
    "odrl:use",
    "a b\t<>{}|\\^`%2F%",
    "naïve 日本 \u202e\u2028\U0001f600",
    "\x00\x1f\x7f\n",
    "?q#f",
    "permission",
    " ",
]


def a_deal(**changes: object) -> Deal:
    values: dict[str, object] = {
        "deal_id": "acme-2026-01",
        "buyer": "Acme Models",
        "purposes": [Purpose.TRAIN_GEN, Purpose.SEARCH],
        "territory": ["US", "NO"],
        "starts": date(2026, 1, 1),
        "ends": date(2029, 1, 1),
        "price": {"currency": "USD", "pool": "100000.00"},
    }
    return Deal.model_validate({**values, **changes})


def a_scope(**changes: object) -> PolicyScope:
    return PolicyScope(a_deal(**changes), VKEY, "v0001", AS_OF, TERMS)


def delivered(asset_id: str | None = "A-1", limits: UsageLimits | None = None) -> DeliveredDecision:
    return DeliveredDecision(
        asset_id, "ab" * 32, "cd" * 32, "s-jpg-00000", "ab" * 12, limits or UsageLimits()
    )


def left(asset_id: str = "A-2", detail: str = "status=withdrawn") -> Decision:
    return refused_asset(asset_id, ["asset.withdrawn", "consent.denied"], detail)


def actions(graph: Graph, policy: URIRef, rule: str) -> set[str]:
    found = [one(graph, node, "action") for node in graph.objects(policy, odrl(rule))]
    return {str(next(graph.objects(action, RDF.value), action)) for action in found}


buyers = st.text(min_size=1, max_size=40).filter(lambda text: text.strip() and text.isprintable())
amounts = st.sampled_from(sorted(EXPONENTS)).flatmap(
    lambda code: st.integers(0, 10**12).map(lambda whole: {"currency": code, "pool": str(whole)})
)
deals = st.builds(
    lambda days, **values: a_deal(ends=values["starts"] + timedelta(days=days), **values),
    days=st.integers(1, 20_000),
    deal_id=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True).filter(
        lambda text: text != "agency"
    ),
    buyer=buyers,
    purposes=st.lists(st.sampled_from(PURPOSES), min_size=1, unique=True),
    territory=st.just(["WORLD"])
    | st.lists(st.sampled_from(sorted(COUNTRIES)), min_size=1, max_size=30, unique=True),
    starts=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    price=amounts,
)


@given(deals)
def test_deal_policy_has_exactly_the_terms_of_any_deal(deal: Deal) -> None:
    scope = PolicyScope(deal, VKEY, "v0001", AS_OF, TERMS)
    graph = triples(json_bytes(deal_policy(scope)))
    policy = check_policy(graph)
    assert (policy, RDF.type, odrl("Agreement")) in graph
    assert one(graph, policy, "profile") == URIRef(PROFILE)
    sold = {WORDS[purpose] for purpose in deal.purposes}
    assert actions(graph, policy, "permission") == sold
    assert actions(graph, policy, "prohibition") == set(WORDS.values()) - sold
    duties = set()
    for permission in graph.objects(policy, odrl("permission")):
        said = {
            (str(one(graph, item, "leftOperand")), str(one(graph, item, "operator")), str(value))
            for item in graph.objects(permission, odrl("constraint"))
            for value in graph.objects(item, odrl("rightOperand"))
        }
        term = {
            (ODRL + "dateTime", ODRL + "gteq", deal.starts.isoformat()),
            (ODRL + "dateTime", ODRL + "lteq", deal.ends.isoformat()),
        }
        places = set() if deal.territory == ["WORLD"] else set(deal.territory)
        assert said == term | {
            (ODRL + "spatial", ODRL + "isAnyOf", COUNTRY_BASE + p) for p in places
        }
        duties |= set(graph.objects(permission, odrl("duty")))
    assert len(duties) == (1 if int(deal.price.pool) else 0)
    for duty in duties:
        (amount,) = graph.objects(one(graph, duty, "action"), odrl("refinement"))
        assert str(one(graph, amount, "rightOperand")) == deal.price.pool
        assert one(graph, amount, "unit") == URIRef(CURRENCY_BASE + deal.price.currency)
    buyer = one(graph, policy, "assignee")
    assert (
        str(next(graph.objects(buyer, URIRef("http://www.w3.org/2006/vcard/ns#fn")))) == deal.buyer
    )


def test_deal_policy_bytes() -> None:
    """Compares with a fixed file, except the commitment to the terms."""
    scope = a_scope()
    text = json_bytes(deal_policy(scope)).decode()
    golden = Path(__file__).with_name("odrl_deal.jsonld").read_text(encoding="utf-8")
    assert text.replace(TERMS, "TERMS") == golden
    assert golden.count("TERMS") > 1


@pytest.mark.parametrize("sold", PURPOSES)
def test_purposes_do_not_imply_one_another(sold: Purpose) -> None:
    """Generative and other training are two actions, and neither includes the other."""
    graph = triples(policy_line(deal_policy(a_scope(purposes=[sold]))))
    policy = check_policy(graph)
    assert actions(graph, policy, "permission") == {WORDS[sold]}
    others = {word for purpose, word in WORDS.items() if purpose is not sold}
    assert actions(graph, policy, "prohibition") == others


def test_checks_detect_network_use() -> None:
    with pytest.raises(AssertionError, match="the network was used"):
        triples('{"@context": "http://192.0.2.1/odrl.jsonld", "@type": "Set"}')


def test_delivered_asset_has_the_deals_permissions_with_limits() -> None:
    limits = UsageLimits(date(2027, 5, 6), (("fs:alter", ("AL-CRP", "AL-FLP", "say <what>")),))
    graph = triples(policy_line(delivered_policy(a_scope(), delivered(limits=limits))))
    policy = check_policy(graph)
    target = one(graph, policy, "target")
    assert target == URIRef(f"{AGENCY}/asset:A-1")
    assert (target, fs("commitment"), Literal("ab" * 32)) in graph
    delivery = one(graph, target, "partOf")
    assert delivery == URIRef(f"{AGENCY}/deal:acme-2026-01/delivery:v0001")
    deal = check_policy(triples(policy_line(deal_policy(a_scope()))))
    assert (policy, fs("deal"), deal) in graph
    dates = {
        str(one(graph, item, "rightOperand"))
        for item in graph.subjects(odrl("leftOperand"), odrl("dateTime"))
    }
    assert dates == {"2026-01-01", "2027-05-06"}
    (plus,) = graph.subjects(odrl("leftOperand"), fs("plusConstraint"))
    plus_ns = "http://ns.useplus.org/ldf/vocab/"
    assert set(graph.objects(plus, odrl("rightOperand"))) == {
        *(URIRef(plus_ns + code) for code in ("AL-CRP", "AL-FLP")),
        Literal("say <what>"),
    }
    assert FS + "alter" in actions(graph, policy, "prohibition")


def test_later_last_day_does_not_extend_the_deal() -> None:
    policy = delivered_policy(a_scope(), delivered(limits=UsageLimits(date(2099, 1, 1))))
    assert b"2099" not in policy_line(policy) and b"2029-01-01" in policy_line(policy)


def test_buyer_export_has_commitments_and_no_ids() -> None:
    text = policy_line(delivered_policy(a_scope(), delivered(None)))
    policy = check_policy(triples(text))
    assert str(policy).endswith("/decision:" + "ab" * 32)
    assert b"A-1" not in text and b"assetId" not in text.split(b'"assignee"')[-1]
    assert text != policy_line(delivered_policy(a_scope(), delivered()))


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.FAILED])
def test_excluded_asset_is_prohibited_with_its_reasons(outcome: Outcome) -> None:
    codes = tuple(code for code, info in REASONS.items() if info.outcome is outcome)
    item = Decision("A-9", outcome, Stage.SCREEN, codes, "seen: x")
    graph = triples(policy_line(excluded_policy(a_scope(), item)))
    policy = check_policy(graph)
    assert (policy, RDF.type, odrl("Set")) in graph
    assert not list(graph.objects(policy, odrl("permission")))
    assert actions(graph, policy, "prohibition") == {ODRL + "use"}
    (rule,) = graph.objects(policy, odrl("prohibition"))
    constraint = one(graph, rule, "constraint")
    assert one(graph, constraint, "leftOperand") == fs("relyingOn")
    (deal,) = graph.objects(policy, fs("deal"))
    assert one(graph, constraint, "rightOperand") == deal
    said = {
        (str(graph.value(reason, fs("code"))), str(graph.value(reason, fs("sentence"))))
        for reason in graph.objects(policy, fs("reason"))
    }
    assert said == {(code, REASONS[code].sentence) for code in codes}
    assert (policy, fs("outcome"), Literal(outcome.value)) in graph
    assert (policy, fs("asOf"), Literal(AS_OF, datatype=XSD.dateTime)) in graph


def test_unknown_reason_is_refused() -> None:
    with pytest.raises(InputError, match="does not know"):
        excluded_policy(a_scope(), Decision("A", Outcome.REFUSED, Stage.SCREEN, ("no.such",), ""))


def test_two_rows_with_one_id_make_two_policies() -> None:
    one_row, other = (excluded_policy(a_scope(), left(detail=text)) for text in ("row 1", "row 2"))
    assert one_row["uid"] != other["uid"] and one_row["target"] == other["target"]


def shape(value: object) -> object:
    """Returns the keys and structure of a JSON value, with type names in place of its values."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__


def policies(scope: PolicyScope, asset_id: str, detail: str) -> list[JsonNode]:
    return [
        delivered_policy(scope, delivered(asset_id)),
        excluded_policy(scope, left(asset_id, detail)),
        deal_policy(scope),
    ]


def check_names(scope: PolicyScope, asset_id: str, detail: str) -> None:
    """Checks that names change only the literals and IRIs that are made from them."""
    plain = policies(a_scope(), "A-1", "x")
    for policy, model in zip(policies(scope, asset_id, detail), plain, strict=True):
        text = policy_line(policy)
        assert text.isascii() and text.count(b"\n") == 1 and text.endswith(b"\n")
        read = json.loads(text)
        assert shape(read) == shape(json.loads(policy_line(model)))
        graph = triples(text)
        check_policy(graph)
        assert len(graph) == len(triples(policy_line(model)))
        for term in {term for triple in graph for term in triple if isinstance(term, URIRef)}:
            named = (ID_BASE, ODRL, FS, PROFILE, COUNTRY_BASE, CURRENCY_BASE, str(RDF))
            assert str(term).startswith((*named, "http://www.w3.org/2006/vcard/ns#"))
            assert not set(str(term)) & set(' "<>{}|\\^`') and str(term).isascii()
            assert not {".", ".."} & set(str(term).split("/"))
        ids = {str(value) for value in graph.objects(None, fs("assetId"))}
        assert ids <= {asset_id}
        targets = {str(value) for value in graph.objects(None, odrl("target"))}
        assert len(targets) == 1
        if ids:
            (target,) = targets
            assert unquote(target.removeprefix(f"{AGENCY}/asset:")) == asset_id


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_escaped(name: str) -> None:
    printable = name.isprintable() and bool(name.strip())
    check_names(a_scope(buyer=name) if printable else a_scope(), name, name)


@given(buyers, st.text(max_size=60), st.text(max_size=60))
def test_any_names_are_escaped(buyer: str, asset_id: str, detail: str) -> None:
    surrogates = any("\ud800" <= letter <= "\udfff" for letter in asset_id + detail)
    if not surrogates:  # a Parquet table cannot hold them
        check_names(a_scope(buyer=buyer), asset_id, detail)


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_different_ids_have_different_targets(one_id: str, other_id: str) -> None:
    if not any("\ud800" <= letter <= "\udfff" for letter in one_id + other_id):
        targets = {
            str(delivered_policy(a_scope(), delivered(name))["target"])
            for name in (one_id, other_id)
        }
        assert len(targets) == len({one_id, other_id})


def test_limits_are_read_from_the_fields_present() -> None:
    assert read_usage_limits({"key": "k", "width": 3}) == UsageLimits()
    assert read_usage_limits({"usable_until": "", "alteration_constraints": ""}) == UsageLimits()
    assert read_usage_limits({"usable_until": "2027-01-31"}) == UsageLimits(date(2027, 1, 31))
    assert read_usage_limits(
        {
            "alteration_constraints": "AL-CRP; AL-FLP",
            "file_constraints": ["IF-MMD"],
            "duplication_constraints": "DP-NDC",
        }
    ) == UsageLimits(plus_codes=(("fs:alter", ("AL-CRP", "AL-FLP", "IF-MMD")),))
    with pytest.raises(InputError, match="is not a date"):
        read_usage_limits({"usable_until": "soon"})


def test_limits_are_read_from_the_shard_table(tmp_path: Path) -> None:
    """A shard table without these columns means no limits."""
    shards = tmp_path / "delivery" / "shards"
    shards.mkdir(parents=True)
    limits = {"usable_until": "2027-01-31", "alteration_constraints": "AL-CRP; AL-FLP"}
    for shard, extra in (("plain", {}), ("limited", limits)):
        row = {"key": "k", "asset": "ab", "decision_sha256": "cd", "width": 3, **extra}
        pq.write_table(pa.Table.from_pylist([row]), shards / f"{shard}.parquet")
    samples = SampleLookup(open_store(str(tmp_path)), frozenset({"plain", "limited"}))
    narrowed = UsageLimits(date(2027, 1, 31), (("fs:alter", ("AL-CRP", "AL-FLP")),))
    known = Decision("A-1", Outcome.DELIVERED, Stage.WRITE, (), "", "limited", "k")
    found = samples.find(known, for_buyer=False)
    assert found == DeliveredDecision("A-1", "ab", "cd", "limited", "k", narrowed)
    plain = replace(known, shard="plain", detail="XMP x=no; shard=limited; key=k overridden")
    assert samples.find(plain, for_buyer=True) == DeliveredDecision(None, "ab", "cd", "plain", "k")
    elsewhere: list[tuple[str | None, str | None]] = [
        ("plain", "other"),
        ("../plain", "k"),
        ("none", "k"),
        (None, None),
    ]
    for other_shard, other_key in elsewhere:
        with pytest.raises(RunError, match="no shard"):
            samples.find(replace(plain, shard=other_shard, key=other_key), for_buyer=False)


def test_profile_defines_every_term_in_use() -> None:
    profile = triples(json_bytes(profile_document()))
    for action in ACTIONS.values():
        if action.startswith("fs:"):
            term = fs(action.removeprefix("fs:"))
            assert (term, RDF.type, odrl("Action")) in profile
            assert (term, odrl("includedIn"), odrl("use")) in profile
    used = set()
    limits = UsageLimits(plus_codes=(("fs:alter", ("AL-CRP",)),))
    scope = a_scope()
    for policy in (
        deal_policy(scope),
        delivered_policy(scope, delivered(limits=limits)),
        excluded_policy(scope, left()),
    ):
        used |= {
            str(term)
            for triple in triples(policy_line(policy))
            for term in triple
            if str(term).startswith(FS)
        }
    defined = {str(term) for term in profile.subjects() if str(term).startswith(FS)}
    assert used <= defined
    assert FS + "relyingOn" in used and FS + "sentence" in used


def test_parsed_deal_is_exported_unchanged() -> None:
    text = """
deal_id = "d-1"
buyer = "b"
purposes = ["index"]
territory = ["NO"]
starts = 2026-01-01
ends = 2026-12-31
price.currency = "JPY"
price.pool = "5000"
"""
    graph = triples(
        policy_line(deal_policy(PolicyScope(parse_deal(text, "test"), VKEY, "v0001", AS_OF, TERMS)))
    )
    policy = check_policy(graph)
    assert actions(graph, policy, "permission") == {ODRL + "index"}
    assert URIRef(COUNTRY_BASE + "NO") in set(graph.objects())
    assert Literal("5000", datatype=XSD.decimal) in set(graph.objects())
