"""The text of IPv4 addresses"""

import pytest

from pymail.formats import ip4


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (b"192.0.2.1", (192, 0, 2, 1)), (b"300.256.0.01", (44, 0, 0, 1)), (b"[1.2.3.4]", (1, 2, 3, 4)),
        (b"1.2.3", None), (b"1.2.3.4.5", None), (b"1.2..4", None), (b"1.2.3.x", None), (b" 1.2.3.4", None),
        (b"", None), (b"[1.2.3.4", None), (b"1.2.3.4]", None), (b"[[1.2.3.4]]", None),
        ("1.2.3.\u0664".encode(), None),
    ],
)  # fmt: skip
def test_literal(text: bytes, address: tuple[int, ...] | None) -> None:
    assert ip4.parse_literal(text) == (None if address is None else bytes(address))


def test_brackets() -> None:
    assert ip4.parse(b"[1.2.3.4]") is None
    assert ip4.parse_bracketed(b"1.2.3.4") is None
