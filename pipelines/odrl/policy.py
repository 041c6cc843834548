"""Turns a deal and its decisions into ODRL 2.2 policies in JSON-LD. Pure functions.

Names that people chose (buyers, assets, details) are used only as literals or escaped inside an
IRI, never as a key, a type or an IRI of their own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from pipelines.odrl.records import DeliveredDecision, PolicyScope, UsageLimits
from pipelines.odrl.terms import (
    CONTEXT,
    CURRENCY_BASE,
    PLUS_BASE,
    PROFILE,
    JsonNode,
    agency_name,
    child_iri,
    typed_literal,
)
from pipelines.rights.rules.reasons import REASONS
from pipelines.run.decisions import Decision
from schemas.canonical import canonical_json
from schemas.deal import Deal
from schemas.errors import InputError
from schemas.odrl import ACTIONS, COUNTRY_BASE
from schemas.reason_info import Outcome
from schemas.rights import PURPOSES

_PLUS_CODE = re.compile(r"[A-Z]{2}-[A-Z0-9]{2,5}")


def policy_line(policy: JsonNode) -> bytes:
    """Encodes a policy as one line of JSON; equal policies give equal bytes.

    The output is ASCII, since some readers end a line at U+2028.
    """
    return json.dumps(policy, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def deal_policy(scope: PolicyScope) -> JsonNode:
    """Returns the deal's policy: an Agreement over all its deliveries."""
    target = child_iri(scope.deal_iri, "collection", "deliveries")
    return {
        **_policy_header("Agreement", scope.agreement, scope),
        "target": {"@type": "AssetCollection", "uid": target},
        "termsSha256": scope.terms_sha256,
        **_rule_nodes(scope, target, UsageLimits()),
    }


def delivered_policy(scope: PolicyScope, asset: DeliveredDecision) -> JsonNode:
    """Returns a delivered asset's policy: an Agreement that names it by id or by commitment."""
    if asset.asset_id is not None:
        target = child_iri(scope.agency, "asset", asset.asset_id)
        uid = _decision_iri(scope, [asset.asset_id, Outcome.DELIVERED, asset.commitment])
    else:
        target = child_iri(scope.deal_iri, "commitment", asset.commitment)
        uid = child_iri(scope.delivery, "decision", asset.commitment)
    id_fields = {} if asset.asset_id is None else {"assetId": asset.asset_id}
    return {
        **_policy_header("Agreement", uid, scope),
        "deal": scope.agreement,
        "asOf": scope.as_of,
        "outcome": Outcome.DELIVERED.value,
        "decisionSha256": asset.decision_sha256,
        "target": {
            **_asset_node(scope, target),
            **id_fields,
            "commitment": asset.commitment,
            "shard": asset.shard,
            "key": asset.key,
        },
        **_rule_nodes(scope, target, asset.limits),
    }


def excluded_policy(scope: PolicyScope, asset: Decision) -> JsonNode:
    """Returns the policy of a refused or failed asset: a Set that forbids all use, with reasons.

    Raises:
        InputError: If this version does not know a reason.
    """
    target = child_iri(scope.agency, "asset", asset.asset_id)
    parts = [asset.asset_id, asset.outcome, asset.stage, *asset.reasons, asset.detail]
    return {
        **_policy_header("Set", _decision_iri(scope, parts), scope),
        "deal": scope.agreement,
        "asOf": scope.as_of,
        "outcome": asset.outcome.value,
        "stage": asset.stage.value,
        "detail": asset.detail,
        "reason": [_reason_node(code) for code in asset.reasons],
        "target": {"@type": "Asset", "uid": target, "assetId": asset.asset_id},
        "prohibition": [_prohibited_by_deal(scope, target, "use")],
    }


def _policy_header(kind: str, uid: str, scope: PolicyScope) -> JsonNode:
    assigner = {
        "@type": "Party",
        "uid": scope.agency,
        "fn": agency_name(scope.vkey).rsplit("+", 1)[0],
        "verifierKey": scope.vkey,
    }
    return {
        "@context": CONTEXT,
        "@type": kind,
        "uid": uid,
        "profile": PROFILE,
        "conflict": "prohibit",
        "assigner": assigner,
        "assignee": {"@type": "Party", "uid": scope.buyer, "fn": scope.deal.buyer},
    }


def _rule_nodes(scope: PolicyScope, target: str, limits: UsageLimits) -> JsonNode:
    """Returns a permission for each of the deal's purposes, and a prohibition for all others."""
    licensed = [purpose for purpose in PURPOSES if purpose in scope.deal.purposes]
    terms: JsonNode = {"constraint": _deal_constraints(scope.deal, limits)}
    if scope.with_price and scope.deal.price.pool_minor:
        terms["duty"] = [_payment_duty(scope)]
    permissions = [
        {**_rule_node("Permission", scope, target), "action": ACTIONS[purpose], **terms}
        for purpose in licensed
    ]
    prohibitions = [
        *(
            _prohibited_by_deal(scope, target, ACTIONS[other])
            for other in PURPOSES
            if other not in licensed
        ),
        *(
            {**_rule_node("Prohibition", scope, target), "action": _refined_action(action, codes)}
            for action, codes in limits.plus_codes
        ),
    ]
    return {"permission": permissions, **({"prohibition": prohibitions} if prohibitions else {})}


def _rule_node(kind: str, scope: PolicyScope, target: str) -> JsonNode:
    return {"@type": kind, "assigner": scope.agency, "assignee": scope.buyer, "target": target}


def _prohibited_by_deal(scope: PolicyScope, target: str, action: str) -> JsonNode:
    """Returns the prohibition of a use that this deal does not license; another deal may."""
    relying_on_deal = _constraint("fs:relyingOn", "eq", {"@id": scope.agreement})
    return {
        **_rule_node("Prohibition", scope, target),
        "action": action,
        "constraint": [relying_on_deal],
    }


def _deal_constraints(deal: Deal, limits: UsageLimits) -> list[JsonNode]:
    ends = min(deal.ends, limits.usable_until) if limits.usable_until else deal.ends
    term = [
        _constraint("dateTime", "gteq", typed_literal(deal.starts.isoformat(), "xsd:date")),
        _constraint("dateTime", "lteq", typed_literal(ends.isoformat(), "xsd:date")),
    ]
    if deal.is_worldwide:
        return term
    countries = [{"@id": COUNTRY_BASE + code} for code in sorted(deal.territory)]
    return [_constraint("spatial", "isAnyOf", countries), *term]


def _constraint(left_operand: str, operator: str, operand: object, **more: str) -> JsonNode:
    return {
        "@type": "odrl:Constraint",
        "leftOperand": left_operand,
        "operator": operator,
        "rightOperand": operand,
        **more,
    }


def _payment_duty(scope: PolicyScope) -> JsonNode:
    """Returns the price as a duty. All its nodes have IRIs, so that permissions share one duty."""
    price = scope.deal.price
    uid = child_iri(scope.agreement, "duty", "payment")
    amount = _constraint(
        "payAmount",
        "eq",
        typed_literal(price.pool, "xsd:decimal"),
        unit=CURRENCY_BASE + price.currency,
    )
    refined = {"uid": f"{uid}/action", "rdf:value": {"@id": "odrl:compensate"}}
    return {
        "@type": "Duty",
        "uid": uid,
        "action": {**refined, "refinement": [{"uid": f"{uid}/amount", **amount}]},
    }


def _refined_action(action: str, codes: Sequence[str]) -> JsonNode:
    """Returns an action refined by the PLUS codes that forbid it; other text is kept unchanged."""
    operand: list[object] = [
        {"@id": PLUS_BASE + code} if _PLUS_CODE.fullmatch(code) else code for code in codes
    ]
    return {
        "rdf:value": {"@id": action},
        "refinement": [_constraint("fs:plusConstraint", "isAnyOf", operand)],
    }


def _asset_node(scope: PolicyScope, target: str) -> JsonNode:
    deliveries = child_iri(scope.deal_iri, "collection", "deliveries")
    part = {"@type": "AssetCollection", "uid": scope.delivery, "partOf": deliveries}
    return {"@type": "Asset", "uid": target, "partOf": part}


def _decision_iri(scope: PolicyScope, parts: Sequence[str]) -> str:
    """Returns a decision's IRI, made from its content since an asset id may have several."""
    digest = hashlib.sha256(canonical_json([str(part) for part in parts])).hexdigest()
    return child_iri(scope.delivery, "decision", digest)


def _reason_node(code: str) -> JsonNode:
    info = REASONS.get(code)
    if info is None:
        raise InputError(
            "A decision has a reason that this version does not know",
            repr(code)[:80],
            "Use the version of fairshard that made the run.",
        )
    return {
        "code": code,
        "sentence": info.sentence,
        "foundIn": info.source,
        "howToFix": info.remedy,
        "stage": info.stage.value,
    }
