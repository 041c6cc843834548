"""Converts the JSON of C2PA assertions to signals and claims.

Sources: CAWG Training and Data Mining Assertion 1.1; C2PA 1.3 and 1.4, "Training and Data Mining";
C2PA 2.2, "Actions"; CAWG Metadata Assertion 1.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import rfc8785

from pipelines.signals.file.c2pa_metadata import read_mining_property, source_type_term
from pipelines.signals.file.metadata_blocks import MAX_STATEMENT_CHARS, printable
from schemas.rights import PURPOSES, Permission, Purpose
from schemas.signal import AssertionKind, FileAssertion, Origin, Reading, Signal, raw_sha256

# Version 1.1 defines `ai_training` as the training of models that are not generative.
_ENTRY_PURPOSES: dict[str, Purpose] = {
    "data_mining": Purpose.DATA_MINING,
    "ai_inference": Purpose.INFERENCE,
    "ai_training": Purpose.TRAIN_NONGEN,
    "ai_generative_training": Purpose.TRAIN_GEN,
}
_PREFIXES = ("cawg.", "c2pa.")
# The text of version 1.1 uses one spelling, its CDDL the other.
_CONSTRAINT_FIELDS = ("constraint_info", "constraints_info")
# The fields in which a list element may name its entry.
_NAME_FIELDS = ("entry", "name", "label", "type")
_METADATA_LABELS = ("cawg.metadata", "c2pa.metadata", "stds.iptc", "stds.exif")
_MAX_ENTRIES = 256
_PROHIBITED = b"DMI-PROHIBITED"


@dataclass(frozen=True)
class AssertionSigner:
    """Who made an assertion, and whether it can permit a use.

    Attributes:
        who: The signer's name.
        when: When it was signed, ISO 8601; "" if there is no time stamp.
        role: `active` for the manifest of the file itself, else `ingredient`.
        can_allow: Whether an `allowed` comes from a trusted signer and is about this file.
    """

    who: str
    when: str
    role: str
    can_allow: bool


def canonical_bytes(data: object) -> bytes:
    """Returns the canonical bytes of a JSON value, over which its digest is computed."""
    try:
        return rfc8785.dumps(data)  # type: ignore[arg-type]  # checked by the library itself
    except (rfc8785.CanonicalizationError, UnicodeError):
        # Integers beyond 2^53 and lone surrogates have no canonical form.
        return json.dumps(data, sort_keys=True, separators=(",", ":")).encode("ascii")


def is_mining_label(label: str) -> bool:
    """Whether an assertion is about training and data mining, in any version or instance."""
    return "training-mining" in label.casefold()


def is_metadata_label(label: str) -> bool:
    """Whether an assertion may carry IPTC and PLUS properties."""
    return label.casefold().startswith(_METADATA_LABELS)


def read_assertion(label: str, data: object, signer: AssertionSigner) -> Reading:
    """Reads one assertion.

    Args:
        label: Its label in the manifest, with version and instance.
        data: Its content as JSON.
        signer: Who made it.

    Returns:
        What it states; empty if the assertion is not about rights.
    """
    if is_mining_label(label):
        return Reading(signals=tuple(_mining_signals(label, data, signer)))
    if label.casefold().startswith("c2pa.actions"):
        return Reading(claims=tuple(_source_type_assertions(label, data, signer)))
    if is_metadata_label(label):
        return Reading(
            tuple(_mining_property_signals(label, data, signer)),
            tuple(_source_type_assertions(label, data, signer)),
        )
    return Reading()


def _where(signer: AssertionSigner, label: str, entry: str = "") -> str:
    return printable(f"c2pa {signer.role} {label}" + (f"/{entry}" if entry else ""))


def _signal(
    signer: AssertionSigner, purpose: Purpose, value: Permission, where: str, sha256: str, said: str
) -> Signal:
    # A permission counts only if a trusted signer gives it; a denial needs no proof.
    if value is Permission.ALLOW and not signer.can_allow:
        value = Permission.UNKNOWN
    return Signal(
        Origin.FILE, purpose, value, signer.who, where, sha256, signer.when, printable(said)
    )


def _mining_signals(label: str, data: object, signer: AssertionSigner) -> Iterator[Signal]:
    """Yields the signals of a training and mining assertion. Unknown content is a denial."""
    digest = raw_sha256(canonical_bytes(data))
    entries = _entries(data)
    if not entries or len(entries) > _MAX_ENTRIES:
        where = _where(signer, label)
        for purpose in PURPOSES:
            yield _signal(signer, purpose, Permission.DENY, where, digest, _raw_text(data))
        return
    for name, entry in entries:
        purposes, exact = _entry_purposes(name)
        value, said = _entry_value(entry)
        # Permission for a use outside our vocabulary neither permits nor denies anything.
        if value is Permission.ALLOW and not exact:
            value = Permission.UNKNOWN
        where = _where(signer, label, name)
        for purpose in purposes:
            yield _signal(signer, purpose, value, where, digest, f"{name}: {said}")


def _entries(data: object) -> list[tuple[str, object]]:
    """Returns the sorted names and contents of an assertion's entries; empty if there are none.

    The entries are the map in `entries` or, according to the CDDL of C2PA 1.3, the assertion
    itself. No version of the specification allows a list, but some writers use one, so lists are
    read as well.
    """
    if not isinstance(data, dict):
        return []
    # The field `metadata` describes the assertion itself and is not an entry.
    found = [(key, value) for key, value in data.items() if key not in ("entries", "metadata")]
    if "entries" in data:
        wrapped = data["entries"]
        if isinstance(wrapped, dict) and wrapped:
            found += wrapped.items()
        elif isinstance(wrapped, list) and wrapped:
            found += [pair for element in wrapped for pair in _list_element_entries(element)]
        else:
            found.append(("entries", wrapped))
    return sorted(((str(name), entry) for name, entry in found), key=lambda pair: pair[0])


def _list_element_entries(element: object) -> list[tuple[str, object]]:
    """Returns the names and contents of the entries in one element of a list."""
    if not isinstance(element, dict) or not element:
        return [("entries", element)]
    if "use" not in element:
        return list(element.items())
    for field in _NAME_FIELDS:
        if isinstance(element.get(field), str):
            return [(element[field], element)]
    return [("entries", element)]


def _entry_purposes(name: str) -> tuple[tuple[Purpose, ...], bool]:
    """Returns the purposes that an entry's name stands for, and whether it is spelt as specified.

    An unknown name stands for every purpose.
    """
    folded = name.strip().casefold()
    prefix = next((prefix for prefix in _PREFIXES if folded.startswith(prefix)), "")
    purpose = _ENTRY_PURPOSES.get(folded.removeprefix(prefix))
    if purpose is None:
        return PURPOSES, False
    return (purpose,), bool(prefix) and name == folded


def _entry_value(entry: object) -> tuple[Permission, str]:
    """Returns the permission that an entry states, and the entry's text."""
    if not isinstance(entry, dict) or not isinstance(entry.get("use"), str):
        return Permission.DENY, _raw_text(entry)
    use: str = entry["use"]
    texts = [entry[key] for key in _CONSTRAINT_FIELDS if entry.get(key) not in (None, "")]
    said = use + "".join(
        f" ({text if isinstance(text, str) else _raw_text(text)})" for text in texts
    )
    if use.strip().casefold() == "constrained":
        return Permission.CONDITIONAL, said
    if use == "allowed":
        # A permission with a constraint is not valid without that constraint.
        return (Permission.CONDITIONAL if texts else Permission.ALLOW), said
    # `notAllowed`, or any word that the specifications do not define.
    return Permission.DENY, said


def _raw_text(data: object) -> str:
    return canonical_bytes(data)[: 4 * MAX_STATEMENT_CHARS].decode("utf-8", "replace")


def _rights_fields(data: object) -> list[tuple[str, object]]:
    """Returns every field about rights at any depth, with its local name, sorted."""
    found: list[tuple[str, object]] = []
    # Not recursive, because the file controls the depth.
    pending = [data]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, dict):
            for key, value in node.items():
                local = str(key).rpartition(":")[2].rpartition("/")[2].rpartition("#")[2]
                if local.casefold() in ("digitalsourcetype", "datamining"):
                    found.append((local.casefold(), value))
                else:
                    pending.append(value)
    return sorted(found, key=lambda pair: (pair[0], canonical_bytes(pair[1])))


def _property_texts(value: object) -> list[str]:
    """Returns the values of a JSON-LD property: a literal, an `@id`, an `@value`, or a list."""
    # A list that is empty or too long cannot be interpreted, so its raw text becomes the value.
    if isinstance(value, list) and 0 < len(value) <= _MAX_ENTRIES:
        return [_property_text(element) for element in value]
    return [_property_text(value)]


def _property_text(value: object) -> str:
    if isinstance(value, dict):
        for key in ("@id", "@value", "id", "value"):
            if isinstance(value.get(key), str):
                return str(value[key])
    return value if isinstance(value, str) else _raw_text(value)


def _source_type_assertions(
    label: str, data: object, signer: AssertionSigner
) -> Iterator[FileAssertion]:
    digest = raw_sha256(canonical_bytes(data))
    for name, value in _rights_fields(data):
        if name == "digitalsourcetype":
            for text in _property_texts(value):
                where = _where(signer, label, "digitalSourceType")
                yield FileAssertion(
                    AssertionKind.SOURCE_TYPE, printable(source_type_term(text)), where, digest
                )


def _mining_property_signals(label: str, data: object, signer: AssertionSigner) -> Iterator[Signal]:
    raw = canonical_bytes(data)
    where = _where(signer, label, "plus:DataMining")
    texts = []
    hidden = raw.count(_PROHIBITED)
    for name, value in _rights_fields(data):
        if name == "datamining":
            hidden -= canonical_bytes(value).count(_PROHIBITED)
            texts += _property_texts(value)
    if hidden > 0:
        # JSON-LD can give the property another name, which is not resolved here.
        texts.append("a prohibition under another name: " + _raw_text(data))
    for text in texts:
        for purpose, meaning in read_mining_property(text):
            yield _signal(signer, purpose, meaning, where, raw_sha256(raw), text)
