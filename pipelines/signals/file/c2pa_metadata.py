"""Reads IPTC and PLUS terms as they are spelt in C2PA metadata assertions."""

from __future__ import annotations

import re

from pipelines.signals.file.xmp_vocabulary import DMI_VALUES, PLUS_VOCABULARY
from schemas.rights import PURPOSES, Permission, Purpose

_SOURCE_TYPES = re.compile(
    r"https?://(?:cv\.iptc\.org/newscodes|c2pa\.org)/digitalsourcetype/(?P<term>[A-Za-z0-9_-]+)/?"
)


def read_mining_property(text: str) -> tuple[tuple[Purpose, Permission], ...]:
    """Returns what a `plus:DataMining` value states. An unknown term denies every purpose.

    JSON-LD can shorten the vocabulary's address to a prefix, or omit it.
    """
    term = text.strip()
    for prefix in (PLUS_VOCABULARY, PLUS_VOCABULARY.replace("http:", "https:"), "plus:", ""):
        meanings = DMI_VALUES.get(term.removeprefix(prefix))
        if meanings is not None:
            return tuple(meanings.items())
    return tuple((purpose, Permission.DENY) for purpose in PURPOSES)


def source_type_term(text: str) -> str:
    """Returns a digital source type without the IPTC or C2PA prefix; other texts unchanged."""
    match = _SOURCE_TYPES.fullmatch(text.strip())
    return match["term"] if match else text.strip()
