"""Addresses in the arguments of MAIL and RCPT"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats import smtp_path


@pytest.mark.parametrize(
    ("argument", "address"),
    [
        (b"FROM:<a@b>", b"a@b"), (b"FROM: <a@b> SIZE=3", b"a@b"), (b"x<a@b", b"a@b"), (b"", b""),
        (b"FROM:a@b SIZE=3", b"a@b"), (b"FROM:   a@b", b"a@b"), (b"a@b", b""), (b"FROM:<>", b""),
        (b"FROM:<@r:a@b>", b"a@b"), (b"FROM:<@r,@s:a@b>", b"a@b"), (b"FROM:<@r>", b""),
        (b"FROM:@r:a@b x", b"a@b"), (b'<a\\>b"c>d"@e>', b"a>bc>d@e"), (b'<"a b\\"c"@d>', b'a b"c@d'),
        (b"<a\\", b"a"), (b'<"a>b', b"a>b"), (b"FROM:<a b@c>", b"a b@c"), (b"<a@b><c@d>", b"a@b"),
        (b"< a@b>", b" a@b"),
    ],
)  # fmt: skip
def test_path(argument: bytes, address: bytes) -> None:
    assert smtp_path.parse(argument) == address


@given(st.binary(max_size=60))
def test_any_argument_gives_an_address(argument: bytes) -> None:
    assert len(smtp_path.parse(argument)) <= len(argument)


@given(st.binary(max_size=60))
def test_empty_quotes_change_nothing(path: bytes) -> None:
    """Where no quote or backslash is, the bytes are not looked at one by one."""
    if not path.startswith(b"@"):
        assert smtp_path.parse(b'<""' + path) == smtp_path.parse(b"<" + path)
