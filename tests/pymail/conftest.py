"""Fixtures of the tests of the mail system"""

from collections.abc import Iterator

import pytest

from tests.support.sending import Sending
from tests.support.world import Place


@pytest.fixture
def sending(place: Place) -> Iterator[Sending]:
    """A queue for a qmail-send that the test starts, with the test in the place of its partners."""
    here = Sending(place)
    yield here
    here.close()
