"""What http@ asks, and how much of the reply it keeps"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysvc.formats import http


def kept(*blocks: bytes) -> bytes:
    body = http.Body()
    return b"".join([*map(body.feed, blocks), body.end()])


def test_the_request() -> None:
    assert http.request(b"h", b"81", b"a b\xff") == b"GET /a b\xff HTTP/1.0\r\nHost: h:81\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (b"", b""),
        (b"HTTP/1.0 200 OK\nX: y\n", b""),
        (b"HTTP/1.0 200 OK\nX: y\n\n", b""),
        (b"HTTP/1.0 200 OK\n\na\n\nb\n", b"a\n\nb\n"),
        (b"HTTP/1.0 200 OK\n\n\n", b"\n"),
        (b"HTTP/1.0 200 OK\n\nlast", b"last\n"),
        (b"head without end", b""),
        (b"\nall of it is body\n", b"all of it is body\n"),
    ],
)
def test_the_body(reply: bytes, body: bytes) -> None:
    assert kept(reply) == body


@given(st.lists(st.text("\nx", max_size=4).map(str.encode)))
def test_blocks_do_not_matter(blocks: list[bytes]) -> None:
    assert kept(*blocks) == kept(b"".join(blocks))
