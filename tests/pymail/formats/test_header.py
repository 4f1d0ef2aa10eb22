"""The splitter of header and body"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.formats.header import Reader, field_name


def split(*blocks: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    reader = Reader()
    for number, block in enumerate(blocks):
        body = reader.feed(block)
        if body is not None:
            return reader.fields, body + b"".join(blocks[number + 1 :])
    body = reader.end()
    return reader.fields, body


@pytest.mark.parametrize(
    ("message", "fields", "body"),
    [
        (b"", [], b""),
        (b"A: b", [(b"a", b"A: b\n")], b""),
        (b"A: b\n", [(b"a", b"A: b\n")], b""),
        (b"A: b\n\nx\ny", [(b"a", b"A: b\n")], b"\nx\ny"),
        (b"A: b\n c\n\td\nB \t:\n\n", [(b"a", b"A: b\n c\n\td\n"), (b"b", b"B \t:\n")], b"\n"),
        (b"\nx", [], b"\nx"),
        (b"hello there\nA: b\n", [], b"\nhello there\nA: b\n"),
        (b" a\n", [], b"\n a\n"),
        (b"A: b\r\n\r\nx\r\n", [(b"a", b"A: b\r\n")], b"\n\r\nx\r\n"),
        (b": x\n", [], b"\n: x\n"),
        (b"A b: x\n", [], b"\nA b: x\n"),
        (b"A\xe9: x\n", [], b"\nA\xe9: x\n"),
        (b"From a b\nTo: x\nFrom c\n d\n", [
            (b"mbox-line", b"MBOX-Line: From a b\n"), (b"to", b"To: x\n"),
            (b"mbox-line", b"MBOX-Line: From c\n d\n"),
        ], b""),
        (b">From a\n", [], b"\n>From a\n"),
        (b"A: b\nrest", [(b"a", b"A: b\n")], b"\nrest\n"),
        (b"A: caf\xe9\0\n", [(b"a", b"A: caf\xe9\0\n")], b""),
        (b"A: b\n \n\nx", [(b"a", b"A: b\n \n")], b"\nx"),
    ],
)  # fmt: skip
def test_split(message: bytes, fields: list[tuple[bytes, bytes]], body: bytes) -> None:
    assert split(message) == (fields, body)


def test_field_name() -> None:
    assert field_name(b"Message-ID\t : x") == b"message-id"
    assert field_name(b"Subject") is None


PARTS = [b"A: b\n", b" c\n", b"\n", b"From x\n", b"x", b"To:", b"\r", b": "]


@given(st.lists(st.sampled_from(PARTS)), st.data())
def test_blocks_do_not_matter(parts: list[bytes], data: st.DataObject) -> None:
    message = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(message)))))
    blocks = [message[a:b] for a, b in zip([0, *cuts], [*cuts, len(message)], strict=True)]
    fields, body = split(message)
    assert split(*filter(None, blocks)) == (fields, body)
    rebuilt = b"".join(field.removeprefix(b"MBOX-Line: ") for _, field in fields) + body
    assert rebuilt.replace(b"\n", b"") == message.replace(b"\n", b"")
