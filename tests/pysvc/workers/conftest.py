"""Fixtures of the tests of workers"""

from collections.abc import Iterator

import pytest

from tests.support.pool_owner import PoolOwner


@pytest.fixture
def spawner() -> Iterator[PoolOwner]:
    here = PoolOwner()
    try:
        yield here
    finally:
        here.end()
