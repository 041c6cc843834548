"""What licences ask for, by their identifiers. The facts here were read in the licences."""

from __future__ import annotations

import pytest
from license_expression import get_license_index

from pipelines.rights.spdx import is_share_alike, licence_ids
from schemas.licences import (
    asks_for_attribution,
    identifiers,
    is_known_share_alike,
    licence_url,
    licence_urls,
)

_GNU = [
    f"{name}{ending}"
    for name in ("GPL-2.0", "GPL-3.0", "AGPL-3.0", "LGPL-2.1", "LGPL-3.0", "GFDL-1.2", "GFDL-1.3")
    for ending in ("", "-only", "-or-later")
]
SHARE_ALIKE = [
    *_GNU,
    *("GPL-1.0+", "GPL-2.0+", "GFDL-1.3-invariants-or-later", "GFDL-1.1-no-invariants-only"),
    *("ODbL-1.0", "CDLA-Sharing-1.0", "EUPL-1.0", "EUPL-1.1", "EUPL-1.2", "LAL-1.2", "LAL-1.3"),
    *("CC-BY-SA-1.0", "CC-BY-SA-3.0-DE", "CC-BY-SA-4.0", "CC-BY-NC-SA-2.0", "CC-BY-NC-SA-3.0-IGO"),
    *("OSL-3.0", "MPL-2.0", "SSPL-1.0", "CERN-OHL-S-2.0", "CERN-OHL-1.2", "CDDL-1.0", "EPL-2.0"),
    *("D-FSL-1.0", "CECILL-2.1", "TAPR-OHL-1.0", "OFL-1.1", "copyleft-next-0.3.1"),
]
NOT_SHARE_ALIKE = [
    *("MIT", "Apache-2.0", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0", "CC-BY-ND-4.0"),
    *("CC-BY-3.0-US", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "ODC-By-1.0", "PDDL-1.0"),
    *("CECILL-B", "ISC", "Zlib", "BSL-1.0", "OGL-UK-3.0", "RSA-MD", "0BSD"),
]


@pytest.mark.parametrize("code", SHARE_ALIKE)
def test_share_alike_by_the_table_alone_and_by_both(code: str) -> None:
    for spelled in (code, code.lower(), code.upper()):
        assert is_known_share_alike(spelled)
        assert is_share_alike(spelled) or licence_ids(spelled) is None
    assert licence_ids(code) is not None, "it is no code of SPDX"


@pytest.mark.parametrize("code", NOT_SHARE_ALIKE)
def test_not_share_alike(code: str) -> None:
    assert not is_known_share_alike(code)
    assert not is_share_alike(code)


def test_no_licence_that_the_index_calls_permissive_is_in_the_table() -> None:
    permissive = {
        key
        for one in get_license_index()
        if one["category"] in ("Permissive", "Public Domain") and not one.get("is_exception")
        for key in (one.get("spdx_license_key"), *one.get("other_spdx_license_keys", ()))
        if key and not key.startswith("LicenseRef")
    }
    assert len(permissive) > 300
    # These three ask for the same licence in return by their own texts.
    assert {key for key in permissive if is_known_share_alike(key)} == {
        *("OFL-1.0", "CERN-OHL-1.1", "CERN-OHL-1.2")
    }


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("", []),
        ("cc-by-4.0", ["cc-by-4.0"]),
        ("(MIT AND CC-BY-4.0) or GPL-2.0+", ["MIT", "CC-BY-4.0", "GPL-2.0+"]),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ["GPL-2.0-only"]),
        ("MIT AND MIT", ["MIT"]),
    ],
)
def test_identifiers_are_those_of_the_parser(code: str, found: list[str]) -> None:
    assert identifiers(code) == found
    if code:
        parsed = licence_ids(code) or frozenset()
        exceptions = {name for name in parsed if name.endswith("EXCEPTION-2.0")}
        assert {name.upper().replace("GPL-2.0+", "GPL-2.0-OR-LATER") for name in found} == (
            {name.replace("GPL-2.0+", "GPL-2.0-OR-LATER") for name in parsed - exceptions}
        )


@pytest.mark.parametrize(
    ("code", "asks"),
    [
        *((code, False) for code in ("", "CC0-1.0", "cc0-1.0", "PDDL-1.0", "CC0-1.0 OR MIT-0")),
        *((code, True) for code in ("CC-BY-4.0", "cc-by-sa-3.0", "MIT", "ODbL-1.0")),
        ("CC0-1.0 OR CC-BY-4.0", True),
        ("Agency-Unheard-Of-9", True),  # what is not known counts as a licence that asks
    ],
)
def test_attribution(code: str, asks: bool) -> None:
    assert asks_for_attribution(code) is asks


@pytest.mark.parametrize(
    ("code", "url"),
    [
        ("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"),
        ("cc-by-sa-3.0-de", "https://creativecommons.org/licenses/by-sa/3.0/de/"),
        ("CC-BY-NC-SA-3.0-IGO", "https://creativecommons.org/licenses/by-nc-sa/3.0/igo/"),
        ("CC-BY-NC-2.0", "https://creativecommons.org/licenses/by-nc/2.0/"),
        ("CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("ODbL-1.0", "https://spdx.org/licenses/ODbL-1.0.html"),
        ("GPL-2.0+", "https://spdx.org/licenses/GPL-2.0.html"),
    ],
)
def test_where_licences_are(code: str, url: str) -> None:
    assert licence_url(code) == url


def test_where_the_licences_of_an_expression_are() -> None:
    assert licence_urls("CC-BY-4.0 OR MIT") == (
        "https://creativecommons.org/licenses/by/4.0/; https://spdx.org/licenses/MIT.html"
    )
