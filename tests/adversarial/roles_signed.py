"""Roles with C2PA manifests, each signed for its own picture."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pipelines.media.formats import Format
from tests.adversarial.roles import CONDITIONAL, DENIED, INFERENCE_ONLY, MediaRole, Objection
from tests.adversarial.terms import BOTH_PURPOSES
from tests.signals.file import c2pa_builder as sign

_FULL_NO: Objection = ("file", DENIED, BOTH_PURPOSES)


def signed_roles() -> list[MediaRole]:
    """Returns all roles with C2PA manifests."""
    return list(_signed())


def _signed() -> Iterator[MediaRole]:
    uses: dict[str, tuple[Objection, ...]] = {
        "notAllowed": (_FULL_NO,),
        "constrained": (("file", CONDITIONAL, BOTH_PURPOSES),),
        "allowed": (),
    }
    formats: dict[str, tuple[Format, ...]] = {"cawg": ("jpg", "png", "webp"), "c2pa": ("jpg",)}
    for prefix, taken in formats.items():
        for use, says in uses.items():
            assertion = sign.mining(
                f"{prefix}.training-mining", sign.every_entry(use, f"{prefix}.")
            )
            for fmt in taken:
                embed = partial(_sign, fmt, assertion)
                yield MediaRole(
                    f"C2PA {prefix} {use} {fmt}", media_format=fmt, embed=embed, objections=says
                )
    entry = sign.mining(
        "cawg.training-mining", {"entries": {"cawg.ai_inference": {"use": "notAllowed"}}}
    )
    yield MediaRole(
        "C2PA inference",
        media_format="jpg",
        embed=partial(_sign, "jpg", entry),
        objections=(("file", DENIED, INFERENCE_ONLY),),
    )
    no = sign.mining("cawg.training-mining", sign.every_entry("notAllowed"))
    yield MediaRole(
        "C2PA altered",
        media_format="jpg",
        objections=(_FULL_NO,),
        embed=lambda data: _altered(_sign("jpg", no, data)),
    )
    yield MediaRole(
        "C2PA with a denying ingredient",
        media_format="jpg",
        objections=(_FULL_NO,),
        embed=lambda data: sign.sign(data, "jpg", [], [sign.denying("jpg")]),
    )


def _altered(signed: bytes) -> bytes:
    """Changes the JFIF minor version of a signed JPEG: it decodes, but fails validation."""
    at = signed.index(b"JFIF\0") + 6
    return signed[:at] + bytes((signed[at] ^ 1,)) + signed[at + 1 :]


def _sign(fmt: Format, assertion: sign.Assertion, data: bytes) -> bytes:
    return sign.sign(data, fmt, [assertion])
