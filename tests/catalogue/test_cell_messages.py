"""What is said of a cell that cannot be read names the key of the mapping that would read it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipelines.catalogue.values import parse_contributors, parse_integer


@pytest.mark.parametrize("text", ["1003", "1003;1004", "c-1:6000;c-2"])
def test_a_contributor_without_a_share_is_told_both_forms(text: str) -> None:
    with pytest.raises(ValueError, match="without a share") as caught:
        parse_contributors(text)
    assert "c-1:6000;c-2:4000" in str(caught.value)
    assert "sole_contributor = true" in str(caught.value)


def test_an_empty_id_is_still_one_without_an_id() -> None:
    with pytest.raises(ValueError, match="a contributor without an id"):
        parse_contributors(":10000")


@pytest.mark.parametrize("text", ["1,5", "1,0", "1,000,000", "-0,75"])
def test_a_comma_is_told_the_key_that_says_what_it_is(text: str) -> None:
    with pytest.raises(ValueError, match=r'\[mapping.TABLE.csv\] decimal = ","'):
        parse_integer(text, pa.int32())


@pytest.mark.parametrize("text", ["x", "1.5", "1,", ",5", "1;5"])
def test_other_texts_are_no_whole_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a whole number$"):
        parse_integer(text, pa.int32())
