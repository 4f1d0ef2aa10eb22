"""mbox quoting as values"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats import mbox


@pytest.mark.parametrize(
    ("sender", "line"),
    [
        (b"joe@x", b"From joe@x Sun Nov 22 14:57:12 2026\n"),
        (b"", b"From MAILER-DAEMON Sun Nov 22 14:57:12 2026\n"),
        (b"a b\tc\nd@x", b"From a-b-c-d@x Sun Nov 22 14:57:12 2026\n"),
    ],
)
def test_from_line(sender: bytes, line: bytes) -> None:
    assert mbox.from_line(sender, 1795359432) == line


def test_from_line_pads_the_day_with_zero() -> None:
    assert mbox.from_line(b"a@b", 0) == b"From a@b Thu Jan 01 00:00:00 1970\n"


@pytest.mark.parametrize(
    ("message", "stored"),
    [
        (b"", b""),
        (b"a", b"a\n"),
        (b"a\n", b"a\n"),
        (b"From x\nFrom y", b">From x\n>From y\n"),
        (b">From x\n>>From y\n", b">>From x\n>>>From y\n"),
        (b"> From x\nFrom\nfrom x\n From x\nxFrom x\n", b"> From x\nFrom\nfrom x\n From x\nxFrom x\n"),
        (b"Fro", b"Fro\n"),
        (b">\n>>", b">\n>>\n"),
        (b"From ", b">From \n"),
        (b"\nFrom x\n\n>From y\n", b"\n>From x\n\n>>From y\n"),
    ],
)
def test_quoted(message: bytes, stored: bytes) -> None:
    assert b"".join(mbox.quoted([message] if message else [])) == stored


PIECES = st.sampled_from([b"From ", b">", b"\n", b"F", b"From", b"r", b"o", b"m", b" ", b"x", b">From "])


@given(st.lists(st.lists(PIECES, min_size=1).map(b"".join)))
def test_blocks_do_not_matter(blocks: list[bytes]) -> None:
    message = b"".join(blocks)
    expected = re.sub(rb"(?m)^(>*From )", rb">\1", message)
    if message and not message.endswith(b"\n"):
        expected += b"\n"
    assert b"".join(mbox.quoted(blocks)) == expected
