"""What people read of an error is made of sentences."""

from __future__ import annotations

import pytest

from schemas.errors import InputError


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("", "It is wrong. Fix it."),
        ("file: 7", "It is wrong: file: 7. Fix it."),
        ("Modele Sp. z o.o.", "It is wrong: Modele Sp. z o.o. Fix it."),
        ('must be such as "1.00".', 'It is wrong: must be such as "1.00". Fix it.'),
    ],
)
def test_one_full_stop_ends_what_is_wrong(which: str, said: str) -> None:
    assert str(InputError("It is wrong", which, "Fix it.")) == said
