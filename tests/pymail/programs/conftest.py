"""Fixtures of the tests of mail programs"""

from collections.abc import Iterator

import pytest

from pymail.engines import staff
from pymail.queue import worker
from pymail.unix import queue_service
from pymail.unix.home import Home
from tests.support.queue_clients import serve, service_with
from tests.support.user_home import Mailbox
from tests.support.world import Place, Running


@pytest.fixture
def service(place: Place, home: Home) -> Running:
    """The queue service, supervised."""
    return serve(place, home)


@pytest.fixture
def keeping(home: Home) -> Iterator[None]:
    """A queue service whose children stay, however long a test takes."""
    with service_with(home, staff, "IDLE_TIME", 600.0):
        yield


@pytest.fixture
def patient(home: Home) -> Iterator[None]:
    """A queue service whose children wait for the next message of a line, however long a test takes."""
    with service_with(home, worker, "REST", 600.0):
        yield


@pytest.fixture
def line(home: Home) -> Iterator[queue_service.Line]:
    """A connection to the queue service, on which messages come whole."""
    line = queue_service.Line(home)
    yield line
    line.close()


@pytest.fixture
def joe(place: Place) -> Mailbox:
    """A user to whom qmail-local delivers."""
    return Mailbox(place)
