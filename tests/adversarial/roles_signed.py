"""Roles of C2PA manifests, each signed around the very picture."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pipelines.media.formats import Format
from tests.adversarial.roles import CONDITIONAL, DENIED, ONLY_INFERENCE, Role, Statement
from tests.adversarial.terms import BOTH
from tests.signals.file import c2pa_builder as sign

_FULL_NO: Statement = ("file", DENIED, BOTH)


def signed_roles() -> list[Role]:
    """All of them."""
    return list(_signed())


def _signed() -> Iterator[Role]:
    uses: dict[str, tuple[Statement, ...]] = {
        "notAllowed": (_FULL_NO,),
        "constrained": (("file", CONDITIONAL, BOTH),),
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
                yield Role(f"C2PA {prefix} {use} {fmt}", fmt=fmt, embed=embed, says=says)
    entry = sign.mining(
        "cawg.training-mining", {"entries": {"cawg.ai_inference": {"use": "notAllowed"}}}
    )
    yield Role(
        "C2PA inference",
        fmt="jpg",
        embed=partial(_sign, "jpg", entry),
        says=(("file", DENIED, ONLY_INFERENCE),),
    )
    no = sign.mining("cawg.training-mining", sign.every_entry("notAllowed"))
    yield Role(
        "C2PA altered",
        fmt="jpg",
        says=(_FULL_NO,),
        embed=lambda data: _altered(_sign("jpg", no, data)),
    )
    yield Role(
        "C2PA of a part",
        fmt="jpg",
        says=(_FULL_NO,),
        embed=lambda data: sign.sign(data, "jpg", [], [sign.denying("jpg")]),
    )


def _altered(signed: bytes) -> bytes:
    """A signed JPEG with another minor version of JFIF: it decodes, and is not what was signed."""
    at = signed.index(b"JFIF\0") + 6
    return signed[:at] + bytes((signed[at] ^ 1,)) + signed[at + 1 :]


def _sign(fmt: Format, assertion: sign.Assertion, data: bytes) -> bytes:
    return sign.sign(data, fmt, [assertion])
