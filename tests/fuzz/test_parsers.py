"""Every parser of outside bytes gives values that it promises, or a documented exception"""

import pytest
from hypothesis import given, settings

from tests.fuzz.inputs import chunks, inputs
from tests.fuzz.parsers import PARSERS


@pytest.mark.parametrize("name", PARSERS)
def test_any_input_is_read_or_refused(name: str) -> None:
    parser = PARSERS[name]

    @settings(max_examples=60)
    @given(inputs(parser))
    def check(blocks: list[bytes]) -> None:
        parser.try_on(blocks)

    check()


@pytest.mark.parametrize("name", PARSERS)
def test_samples_are_understood(name: str) -> None:
    """Else nothing would be known of what their mutations are refused for."""
    parser = PARSERS[name]
    understood = 0
    for sample in parser.samples:
        try:
            parser.run([sample])
            parser.run(chunks(sample, 1))
            understood += 1
        except parser.errors:
            pass
    assert understood
