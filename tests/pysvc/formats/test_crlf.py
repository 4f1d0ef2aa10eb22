"""Ends of lines, in blocks of any size"""

import re

from hypothesis import given
from hypothesis import strategies as st

from pysvc.formats import crlf

BLOCKS = st.lists(st.text("\r\nx\0", max_size=5).map(str.encode))


def removed(blocks: list[bytes]) -> bytes:
    remover = crlf.Remover()
    return b"".join([*map(remover.feed, blocks), remover.end()])


@given(BLOCKS)
def test_adding(blocks: list[bytes]) -> None:
    assert b"".join(map(crlf.add, blocks)) == re.sub(rb"\n", b"\r\n", b"".join(blocks))


@given(BLOCKS)
def test_removing(blocks: list[bytes]) -> None:
    assert removed(blocks) == re.sub(rb"\r\n", b"\n", b"".join(blocks))


@given(BLOCKS)
def test_removing_undoes_adding(blocks: list[bytes]) -> None:
    assert removed([crlf.add(block) for block in blocks]) == b"".join(blocks)


@given(BLOCKS)
def test_fixing(blocks: list[bytes]) -> None:
    fixer = crlf.Fixer()
    assert b"".join(map(fixer.feed, blocks)) == re.sub(rb"(?<!\r)\n", b"\r\n", b"".join(blocks))


def test_a_cr_is_held_only_while_it_may_go() -> None:
    remover = crlf.Remover()
    assert [remover.feed(b"a\r"), remover.feed(b"\r"), remover.feed(b"\n"), remover.end()] == [
        b"a", b"\r", b"\n", b"",
    ]  # fmt: skip
