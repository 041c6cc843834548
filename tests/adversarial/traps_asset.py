"""Traps in the columns of an asset: rules 2 to 6 and 11 to 13 of docs/rights.md."""

from __future__ import annotations

from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX as IPTC
from tests.adversarial.draft import Trap, column_trap
from tests.adversarial.terms import AS_OF, COUNTRIES, DAY, ENDS, STARTS, AdversaryTerms

# Near misses: letters of other scripts, zero-width characters, full-width letters.
_NOT_ACTIVE = (
    "аctive",
    "act\u200bive",
    "ａctive",
    "active.",
    "'active'",
    "aktiv",
)
_NOT_A_GRANT = (
    "аllow",
    "al\u200blow",
    "ａllow",
    "allowed",
    "yes",
    "deny?",
)
_NOT_A_SOURCE = (
    "digitalcapture",
    "digitalСapture",
    "digitalCapture/",
    "https" + IPTC[4:] + "print",
)


def asset_traps(terms: AdversaryTerms) -> list[Trap]:
    """Returns all traps in columns of assets, including harmless ones."""
    return [
        *_status(),
        *_licence(),
        *_exclusive(),
        *_term(),
        *_territory(),
        *_grants(terms),
        *_source(),
        *_selection(),
    ]


def _status() -> list[Trap]:
    return [
        column_trap("withdrawn", "asset.withdrawn", "status", status="withdrawn"),
        column_trap("withdrawn, blanks", "asset.withdrawn", "status", status="\u00a0withdrawn \t"),
        column_trap("legal hold", "asset.legal_hold", "status", status="legal_hold"),
        *(
            column_trap(f"status {text!r}", "asset.status_unknown", "status", status=text)
            for text in _NOT_ACTIVE
        ),
        # Case and blanks do not matter.
        *(
            column_trap(f"status {text!r}", reason, "status", status=text)
            for text, reason in (
                ("Active", ""),
                ("ACTIVE", ""),
                ("Withdrawn", "asset.withdrawn"),
                ("legal hold", "asset.legal_hold"),
            )
        ),
        column_trap("active, blanks", "", "status", status=" active\u00a0"),
        column_trap("sensitive", "sensitive.refused", "sensitive", sensitive=True),
        column_trap("not sensitive", "", "sensitive", sensitive=False),
    ]


def _licence() -> list[Trap]:
    codes = {
        "CC-BY-NC-4.0": "licence.non_commercial",
        "CC-BY-ND-4.0": "licence.no_derivatives",
        "CC-BY-SA-4.0": "licence.share_alike",
        "CC-BY-NC-ND-4.0": "licence.non_commercial licence.no_derivatives",
        "CC-BY-NC-SA-4.0": "licence.non_commercial licence.share_alike",
        "MIT OR CC-BY-NC-4.0": "licence.non_commercial",
        "(MIT AND CC-BY-ND-4.0) OR CC-BY-SA-4.0": "licence.no_derivatives licence.share_alike",
        "PolyForm-Noncommercial-1.0.0": "licence.non_commercial",
        "LicenseRef-Own": "licence.unknown_code",
        "CC-BY-4.0 AND": "licence.unknown_code",
        "CC BY 4.0": "licence.unknown_code",
        "CC\u2011BY\u20114.0": "licence.unknown_code",
        "СC-BY-4.0": "licence.unknown_code",
        "none": "licence.unknown_code",
        "CC-BY-4.0": "",
        " CC0-1.0 ": "",
    }
    return [
        column_trap("editorial", "class.editorial", "class", licence_class="editorial"),
        column_trap("editorial, blanks", "class.editorial", "class", licence_class="editorial "),
        *(
            column_trap(f"class {text!r}", "class.unknown", "class", licence_class=text)
            for text in ("crеative", "creative\u200bx", "editorial?")
        ),
        column_trap("creative, a capital", "", "class", licence_class="Creative"),
        column_trap("editorial, a capital", "class.editorial", "class", licence_class="Editorial"),
        column_trap("royalty-free, small", "", "class", licence_model="rf"),
        *(
            column_trap(f"model {text!r}", "class.unknown", "class", licence_model=text)
            for text in ("RF/RM", "ＲＦ", "R\u200bF")
        ),
        column_trap("rights managed", "", "class", licence_model="RM"),
        *(
            column_trap(f"code {code!r}", reasons, "code", licence_code=code, credit="A. Author")
            for code, reasons in codes.items()
        ),
    ]


def _exclusive() -> list[Trap]:
    no, slot = "licence.exclusive", "exclusive"
    return [
        column_trap("exclusive", no, slot, exclusive=True),
        column_trap(
            "exclusive for training", no, slot, exclusive=True, exclusive_purposes=["train_gen"]
        ),
        column_trap(
            "exclusive only by purposes", no, slot, exclusive_purposes=["search", "train_gen"]
        ),
        column_trap("exclusive, misspelt", no, slot, exclusive=True, exclusive_purposes=["Serch"]),
        column_trap("exclusive to the first day", no, slot, exclusive=True, exclusive_until=STARTS),
        column_trap("exclusive from the last day", no, slot, exclusive=True, exclusive_from=ENDS),
        column_trap("exclusive only by a date", no, slot, exclusive_from=ENDS - DAY),
        column_trap("exclusive before", "", slot, exclusive=True, exclusive_until=STARTS - DAY),
        column_trap("exclusive after", "", slot, exclusive=True, exclusive_from=ENDS + DAY),
        column_trap(
            "exclusive for search", "", slot, exclusive=True, exclusive_purposes=["search"]
        ),
        column_trap("not exclusive", "", slot, exclusive=False, exclusive_purposes=["train_gen"]),
    ]


def _term() -> list[Trap]:
    return [
        column_trap("starts a day late", "term.not_started", "from", valid_from=STARTS + DAY),
        column_trap("starts on the first day", "", "from", valid_from=STARTS),
        column_trap("ends a day early", "term.ends_early", "until", valid_until=ENDS - DAY),
        column_trap("ended already", "term.ends_early", "until", valid_until=AS_OF.date()),
        column_trap("ends on the last day", "", "until", valid_until=ENDS),
    ]


def _territory() -> list[Trap]:
    not_covered, unknown, slot = "territory.not_covered", "territory.unknown_code", "territory"
    both, us, held = f"{not_covered} {unknown}", "US", list(COUNTRIES)
    cases: list[tuple[str, list[str] | None, list[str] | None]] = [
        ("", [], []),
        ("", ["WORLD"], None),
        ("", held, ["FR"]),
        ("", [*held, "FR"], []),
        ("", [f" {us}", *held[1:]], None),
        (not_covered, held[1:], None),
        (not_covered, held[:-1], ["FR"]),
        (not_covered, None, ["DE"]),
        (not_covered, ["WORLD"], ["WORLD"]),
        (not_covered, held, [us]),
        (unknown, [*held, "UK"], None),
        (not_covered, None, ["de"]),
        (unknown, ["WORLD", "EU"], None),
        ("", ["us", "no", "de"], None),
        ("", ["World"], None),
        (both, ["US", "NO", "DЕ"], None),
        (both, ["US", "NO", "D\u200bE"], None),
        (both, ["US NO DE"], None),
    ]
    return [
        column_trap(
            f"in {inside} out {outside}",
            reasons,
            slot,
            territories_in=inside,
            territories_out=outside,
        )
        for reasons, inside, outside in cases
    ]


def _grants(terms: AdversaryTerms) -> list[Trap]:
    found = [
        column_trap("only the grant for search denied", "", "grant", grant_search="deny"),
        column_trap("grant unknown", "", "grant", grant_train_gen="unknown", grant_inference=" "),
        column_trap("grant allowed, blanks", "", "grant", grant_train_gen=" allow\u00a0"),
        column_trap("grant for search unreadable", "", "grant", grant_search="DENY"),
        column_trap(
            "grant denied and unreadable" if terms.inference == "require" else "grant denied twice",
            "grant.denied grant.unreadable" if terms.inference == "require" else "grant.denied",
            "grant",
            grant_train_gen="deny\t",
            grant_inference="Deny!" if terms.inference == "require" else "deny",
        ),
    ]
    for purpose in terms.needed:
        grant = f"grant_{purpose}"
        found += [
            column_trap(f"{grant} denied", "grant.denied", "grant", **{grant: "deny"}),
            column_trap(f"{grant} DENIED", "grant.denied", "grant", **{grant: "DENY"}),
            column_trap(f"{grant} ALLOWED", "", "grant", **{grant: "ALLOW"}),
            column_trap(
                f"{grant} conditional", "grant.conditional", "grant", **{grant: "conditional"}
            ),
            *(
                column_trap(f"{grant} {text!r}", "grant.unreadable", "grant", **{grant: text})
                for text in _NOT_A_GRANT
            ),
        ]
    return found


def _source() -> list[Trap]:
    name, slot, ai = "digital_source_type", "source", "source.ai_generated"
    cases = [
        *((text, "source.unknown_type") for text in _NOT_A_SOURCE),
        (None, "source.unstated"),
        ("  ", "source.unstated"),
        ("trainedAlgorithmicMedia", ai),
        (IPTC + "compositeWithTrainedAlgorithmicMedia", ai),
        ("algorithmicMedia ", ai),
        ("composite", ai),
        ("digitalCreation", ""),
        (IPTC + "digitalCapture", ""),
    ]
    return [column_trap(f"source {text!r}", why, slot, **{name: text}) for text, why in cases]


def _selection() -> list[Trap]:
    slot, no = "keywords", "select.keywords"
    cases: list[tuple[str, list[str] | None]] = [
        (no, None),
        (no, []),
        (no, ["livestock"]),
        (no, ["st\u200bock"]),
        (no, ["stоck"]),
        (no, ["stock", "BARRED"]),
        (no, ["stock", "strasse"]),
        (no, ["stock", "STRASSE"]),
        (no, ["STOCK", "Stra\u00dfe"]),
        ("", ["STOCK"]),
        ("", ["\u017ftock"]),
        ("", ["A\u030angstro\u0308m"]),
        ("", ["\u212bNGSTR\u00d6M"]),
        ("", ["stock", "barre"]),
    ]
    return [
        column_trap("a film", "select.media_type", "media", media_type="video"),
        *(column_trap(f"keywords {words!r}", why, slot, keywords=words) for why, words in cases),
    ]
