"""The vocabulary of the ODRL export: context, profile and IRIs. docs/odrl.md explains each.

Actions of purposes and IRIs of countries are in `schemas.odrl`, since the verifier reads them too.
Terms of ODRL 2.2's own vocabulary are used where their meaning fits. ODRL has no terms for
training, inference, mining and search, so our profile defines them; generative and non-generative
training are two separate actions.
"""

from __future__ import annotations

from urllib.parse import quote

JsonNode = dict[str, object]

ODRL = "http://www.w3.org/ns/odrl/2/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_RDFS = "http://www.w3.org/2000/01/rdf-schema#"
_SKOS = "http://www.w3.org/2004/02/skos/core#"
_XSD = "http://www.w3.org/2001/XMLSchema#"
_VCARD = "http://www.w3.org/2006/vcard/ns#"
# Nobody can own the domain .invalid (RFC 6761), so these names cannot be mistaken for addresses.
PROFILE = "https://fairshard.invalid/ns/odrl"
TERM_BASE = f"{PROFILE}#"
ID_BASE = "https://fairshard.invalid/id/"
# One IRI for each ISO 4217 code (EU Publications Office).
CURRENCY_BASE = "http://publications.europa.eu/resource/authority/currency/"
PLUS_BASE = "http://ns.useplus.org/ldf/vocab/"

_IRI_TYPE = {"@type": "@id"}  # the value is an IRI or a node
_VOCABULARY_TYPE = {"@type": "@vocab"}  # the value is a term of this context


def _odrl(names: str, kind: dict[str, str] | None = None) -> JsonNode:
    return {
        name: {"@id": f"odrl:{name}", **kind} if kind else f"odrl:{name}" for name in names.split()
    }


# Everything that a reader needs to turn a policy into triples without fetching a context.
CONTEXT: JsonNode = {
    "odrl": ODRL,
    "fs": TERM_BASE,
    "rdf": _RDF,
    "xsd": _XSD,
    "uid": "@id",
    **_odrl("Agreement Set Asset AssetCollection Party Permission Prohibition Duty"),
    **_odrl("profile assigner assignee target partOf permission prohibition duty", _IRI_TYPE),
    **_odrl("constraint refinement unit", _IRI_TYPE),
    **_odrl("action leftOperand operator conflict", _VOCABULARY_TYPE),
    **_odrl("rightOperand"),
    **_odrl("use index spatial dateTime payAmount"),
    **_odrl("eq gteq lteq isAnyOf prohibit"),
    "fn": f"{_VCARD}fn",
    "deal": {"@id": "fs:deal", "@type": "@id"},
    "reason": {"@id": "fs:reason", "@type": "@id"},
    "asOf": {"@id": "fs:asOf", "@type": "xsd:dateTime"},
    **{
        name: f"fs:{name}"
        for name in (
            "termsSha256 verifierKey outcome stage detail code sentence foundIn howToFix "
            "assetId commitment decisionSha256 shard key"
        ).split()
    },
}

_ACTION_TEXTS = {
    "trainGenerative": "To train a model whose outputs are media or text of the Asset's kind.",
    "trainNonGenerative": "To train a model that classifies, embeds, finds or measures.",
    "infer": "To hand the Asset to a trained model: captions and embeddings are inference.",
    "mineData": "To analyse the Asset by machine for patterns, trends and correlations.",
    "search": "To answer searches with the Asset or a link to it.",
    "alter": "To change what the Asset shows, or its file, whether or not a new Asset results.",
}
_LEFT_OPERAND_TEXTS = {
    "relyingOn": "The agreement that an action relies on.",
    "plusConstraint": "The PLUS constraint that an action would go against.",
}
_PROPERTY_TEXTS = {
    "deal": "The agreement under which a decision was made.",
    "reason": "Why the deal does not take the Asset.",
    "asOf": "The instant at which rights were judged.",
    "termsSha256": "Digest of the deal's terms, as in the delivery's manifest.",
    "verifierKey": "The party's key, in the form of a signed note's verifier key.",
    "outcome": "What became of the Asset: delivered, refused or dead_letter.",
    "stage": "The step that decided.",
    "detail": "The values seen.",
    "code": "Code of a reason; codes are stable.",
    "sentence": "What a reason means.",
    "foundIn": "The column, table or signal at fault.",
    "howToFix": "What would clear it.",
    "assetId": "The agency's id of the Asset.",
    "commitment": "Salted commitment to the agency's id of the Asset.",
    "decisionSha256": "Digest of the decision that delivers the Asset.",
    "shard": "The shard that holds the Asset's first sample.",
    "key": "Key of the Asset's first sample.",
}


def profile_document() -> JsonNode:
    """Returns the profile as JSON-LD: every term that is not ODRL's own."""
    context: JsonNode = {
        **{"odrl": ODRL, "fs": TERM_BASE, "rdf": _RDF, "rdfs": _RDFS, "skos": _SKOS},
        **_odrl("includedIn", _IRI_TYPE),
        "isDefinedBy": {"@id": "rdfs:isDefinedBy", "@type": "@id"},
        "definition": {"@id": "skos:definition", "@language": "en"},
    }

    def term(name: str, kind: str, text: str, **more: str) -> JsonNode:
        kinds = [kind, "skos:Concept"]
        base: JsonNode = {"@id": f"fs:{name}", "@type": kinds, "isDefinedBy": PROFILE}
        return {**base, "definition": text, **more}

    graph = [
        *(
            term(name, "odrl:Action", text, includedIn=f"{ODRL}use")
            for name, text in _ACTION_TEXTS.items()
        ),
        *(term(name, "odrl:LeftOperand", text) for name, text in _LEFT_OPERAND_TEXTS.items()),
        *(term(name, "rdf:Property", text) for name, text in _PROPERTY_TEXTS.items()),
    ]
    return {"@context": context, "@graph": graph}


def agency_name(vkey: str) -> str:
    """Returns the agency's name in IRIs: the name and id of its key, without the key's bytes."""
    name, key_id, _ = vkey.split("+", 2)
    return f"{name}+{key_id}"


def agency_iri(vkey: str) -> str:
    """Returns the agency's IRI, the prefix of everything that it names."""
    return f"{ID_BASE}{_segment('agency', agency_name(vkey))}"


def child_iri(iri: str, kind: str, name: str) -> str:
    """Returns the IRI of something that the agency names."""
    return f"{iri}/{_segment(kind, name)}"


def _segment(kind: str, name: str) -> str:
    """Returns a path segment, in which all but letters, digits and `-._~` are escaped.

    The kind comes first, so that a name such as `..` is not read as a step up the path.
    """
    return f"{kind}:{quote(name, safe='')}"


def typed_literal(value: str, datatype: str) -> JsonNode:
    """Returns a typed literal."""
    return {"@value": value, "@type": datatype}
