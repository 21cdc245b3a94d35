"""Callers' numbers travel sealed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.seal import Seal, new_secret


@given(st.from_regex(r"\+86\d{8,12}", fullmatch=True))
def test_only_the_holder_of_the_secret_can_open_a_number(number: str) -> None:
    token, masked = Seal("one")(number)
    assert number not in token
    assert number not in masked
    assert Seal("one").reveal(token) == number
    with pytest.raises(ValueError, match="another secret"):
        Seal("two").reveal(token)


def test_without_a_secret_the_number_is_not_kept() -> None:
    token, masked = Seal("")("+8610000000000")
    assert token == ""
    assert masked == "+86*********00"
    with pytest.raises(ValueError, match="no secret"):
        Seal("").reveal("x")


def test_no_number_gives_nothing() -> None:
    assert Seal("one")("") == ("", "")


def test_a_fresh_secret_is_never_the_same() -> None:
    assert new_secret() != new_secret()
