"""Strangers' values in a log line"""

from hypothesis import given
from hypothesis import strategies as st

from pymail.formats import logline


@given(st.binary(max_size=2000))
def test_log_fields(value: bytes) -> None:
    for field in (logline.field(value), logline.angled(value)):
        assert field
        assert len(field) <= logline.LONGEST + 2
        assert all(32 < byte < 127 for byte in field)
    assert all(32 <= byte < 127 for byte in logline.text(value))


def test_log_text_loses_its_line_end() -> None:
    assert logline.text(b"553 no way\r\n") == b"553 no way"
