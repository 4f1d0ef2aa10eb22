"""The table of states"""

import itertools

import pytest

from pymail.queue.states import KINDS, STATES, state


@pytest.mark.parametrize(
    ("kinds", "name"),
    [
        ("", "S1"), ("mess", "S2"), ("mess intd", "S3"), ("mess intd todo", "S4"), ("mess todo", "S4"),
        ("mess intd todo info local remote", "S4"), ("mess info", "S5"), ("mess info remote bounce", "S5"),
        ("todo", None), ("intd", None), ("mess intd info", None), ("mess todo bounce", None), ("info", None),
    ],
)  # fmt: skip
def test_state(kinds: str, name: str | None) -> None:
    assert state(set(kinds.split())) == name


def test_no_two_states_have_a_set_of_files_in_common() -> None:
    for bits in itertools.product((False, True), repeat=len(KINDS)):
        existing = {kind for kind, there in zip(KINDS, bits, strict=True) if there}
        matching = [
            name for name, cells in STATES.items()
            if all(wanted is None or wanted == (kind in existing) for kind, wanted in cells.items())
        ]  # fmt: skip
        assert len(matching) <= 1
