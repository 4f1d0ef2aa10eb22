"""Fixtures of the tests of the mail system"""

from collections.abc import Iterator

import pytest

from pymail.unix.home import Home
from tests.support.homes import Rooted, private_home, rooted_home
from tests.support.sending import Sending
from tests.support.world import Place


@pytest.fixture
def home(place: Place) -> Home:
    """A private instance: one user in all roles."""
    return private_home(place)


@pytest.fixture
def rooted(place: Place) -> Iterator[Rooted]:
    """A home that belongs to root, with accounts for all roles."""
    with rooted_home(place) as made:
        yield made


@pytest.fixture
def sending(place: Place) -> Iterator[Sending]:
    """A queue for a qmail-send that the test starts, with the test in the place of its partners."""
    here = Sending(place)
    yield here
    here.close()
