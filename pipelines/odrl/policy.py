"""A deal and its decisions as ODRL 2.2 policies in JSON-LD. Pure: records in, JSON out.

Names that people chose (buyers, assets, details) stand only as literals, or escaped inside an IRI:
never as a key, a type or an IRI of their own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

import rfc8785

from pipelines.odrl.records import Delivered, Left, Limits, Scope
from pipelines.odrl.terms import (
    ACTIONS,
    CONTEXT,
    COUNTRY,
    CURRENCY,
    PLUS,
    PROFILE,
    Node,
    agency_name,
    below,
    literal,
)
from schemas.deal import Deal
from schemas.errors import InputError
from schemas.reasons import Outcome, Reason
from schemas.rights import PURPOSES

_PLUS_CODE = re.compile(r"[A-Z]{2}-[A-Z0-9]{2,5}")


def line(policy: Node) -> bytes:
    """A policy as one line of JSON, always the same bytes.

    ASCII alone: some readers end a line at U+2028.
    """
    return json.dumps(policy, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def deal_policy(scope: Scope) -> Node:
    """The deal: an Agreement over all its deliveries."""
    target = below(scope.deal_root, "collection", "deliveries")
    return {
        **_head("Agreement", scope.agreement, scope),
        "target": {"@type": "AssetCollection", "uid": target},
        "termsSha256": scope.deal.terms_sha256(),
        **_rules(scope, target, Limits()),
    }


def delivered_policy(scope: Scope, asset: Delivered) -> Node:
    """A decision to deliver: an Agreement over one asset, by id or, without one, by commitment."""
    if asset.asset_id is not None:
        target = below(scope.agency, "asset", asset.asset_id)
        uid = _decision_iri(scope, [asset.asset_id, Outcome.DELIVERED, asset.commitment])
    else:
        target = below(scope.deal_root, "commitment", asset.commitment)
        uid = below(scope.delivery, "decision", asset.commitment)
    named = {} if asset.asset_id is None else {"assetId": asset.asset_id}
    return {
        **_head("Agreement", uid, scope),
        "deal": scope.agreement,
        "asOf": scope.as_of,
        "outcome": Outcome.DELIVERED.value,
        "decisionSha256": asset.decision_sha256,
        "target": {
            **_asset(scope, target),
            **named,
            "commitment": asset.commitment,
            "shard": asset.shard,
            "key": asset.key,
        },
        **_rules(scope, target, asset.limits),
    }


def left_policy(scope: Scope, asset: Left) -> Node:
    """A refusal or dead letter: a Set that forbids the deal's buyer any use, with the reasons.

    Raises:
        InputError: If a reason is none that this version knows.
    """
    target = below(scope.agency, "asset", asset.asset_id)
    parts = [asset.asset_id, asset.outcome, asset.stage, *asset.reasons, asset.detail]
    return {
        **_head("Set", _decision_iri(scope, parts), scope),
        "deal": scope.agreement,
        "asOf": scope.as_of,
        "outcome": asset.outcome.value,
        "stage": asset.stage,
        "detail": asset.detail,
        "reason": [_reason(code) for code in asset.reasons],
        "target": {"@type": "Asset", "uid": target, "assetId": asset.asset_id},
        "prohibition": [_not_by_deal(scope, target, "use")],
    }


def _head(kind: str, uid: str, scope: Scope) -> Node:
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


def _rules(scope: Scope, target: str, limits: Limits) -> Node:
    """A permission for each purpose of the deal, and a prohibition of each of the others."""
    sold = [purpose for purpose in PURPOSES if purpose in scope.deal.purposes]
    terms: Node = {"constraint": _constraints(scope.deal, limits)}
    if scope.deal.price.pool_minor:
        terms["duty"] = [_payment(scope)]
    permissions = [
        {**_rule("Permission", scope, target), "action": ACTIONS[purpose], **terms}
        for purpose in sold
    ]
    prohibitions = [
        *(_not_by_deal(scope, target, ACTIONS[other]) for other in PURPOSES if other not in sold),
        *(
            {**_rule("Prohibition", scope, target), "action": _against(action, codes)}
            for action, codes in limits.plus
        ),
    ]
    return {"permission": permissions, **({"prohibition": prohibitions} if prohibitions else {})}


def _rule(kind: str, scope: Scope, target: str) -> Node:
    return {"@type": kind, "assigner": scope.agency, "assignee": scope.buyer, "target": target}


def _not_by_deal(scope: Scope, target: str, action: str) -> Node:
    """What this deal gives no right to. The same buyer may have the right by another deal."""
    by_deal = _constraint("fs:relyingOn", "eq", {"@id": scope.agreement})
    return {**_rule("Prohibition", scope, target), "action": action, "constraint": [by_deal]}


def _constraints(deal: Deal, limits: Limits) -> list[Node]:
    ends = min(deal.ends, limits.until) if limits.until else deal.ends
    term = [
        _constraint("dateTime", "gteq", literal(deal.starts.isoformat(), "xsd:date")),
        _constraint("dateTime", "lteq", literal(ends.isoformat(), "xsd:date")),
    ]
    if deal.world:
        return term
    countries = [{"@id": COUNTRY + code} for code in sorted(deal.territory)]
    return [_constraint("spatial", "isAnyOf", countries), *term]


def _constraint(left: str, operator: str, right: object, **more: str) -> Node:
    return {
        "@type": "odrl:Constraint",
        "leftOperand": left,
        "operator": operator,
        "rightOperand": right,
        **more,
    }


def _payment(scope: Scope) -> Node:
    """The price: one duty however many permissions name it, because every node of it has a name."""
    price = scope.deal.price
    uid = below(scope.agreement, "duty", "payment")
    amount = _constraint(
        "payAmount", "eq", literal(price.pool, "xsd:decimal"), unit=CURRENCY + price.currency
    )
    refined = {"uid": f"{uid}/action", "rdf:value": {"@id": "odrl:compensate"}}
    return {
        "@type": "Duty",
        "uid": uid,
        "action": {**refined, "refinement": [{"uid": f"{uid}/amount", **amount}]},
    }


def _against(action: str, codes: Sequence[str]) -> Node:
    """An action in the ways that PLUS codes rule out; any other text stands as it was said."""
    right: list[object] = [
        {"@id": PLUS + code} if _PLUS_CODE.fullmatch(code) else code for code in codes
    ]
    return {
        "rdf:value": {"@id": action},
        "refinement": [_constraint("fs:plusConstraint", "isAnyOf", right)],
    }


def _asset(scope: Scope, target: str) -> Node:
    deliveries = below(scope.deal_root, "collection", "deliveries")
    part = {"@type": "AssetCollection", "uid": scope.delivery, "partOf": deliveries}
    return {"@type": "Asset", "uid": target, "partOf": part}


def _decision_iri(scope: Scope, parts: Sequence[str]) -> str:
    """Two rows of one asset id are two decisions, so their content names them."""
    digest = hashlib.sha256(rfc8785.dumps([str(part) for part in parts])).hexdigest()
    return below(scope.delivery, "decision", digest)


def _reason(code: str) -> Node:
    try:
        info = Reason(code).info
    except ValueError as error:
        raise InputError(
            "A decision has a reason that is not known here",
            repr(code)[:80],
            "Use the version of fairshard that made the run.",
        ) from error
    return {
        "code": code,
        "sentence": info.sentence,
        "foundIn": info.source,
        "cure": info.cure,
        "stage": info.stage.value,
    }
