"""Fixtures of all tests"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.world import IS_ROOT, Place, World, temporary_directory

# A busy machine is no fault: no example fails because it took long. Nothing is kept between runs.
STEADY = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", STEADY)
settings.register_profile("long", STEADY, max_examples=20 * STEADY.max_examples)
settings.load_profile("steady")


def pytest_sessionstart() -> None:
    """What a shell has a command in the background ignore, no program under test shall ignore.

    Nor what glibc's posix_spawn has every child ignore, signal 32: subprocess uses it from Python 3.13 on.
    """
    subprocess._USE_POSIX_SPAWN = False  # type: ignore[attr-defined]
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked root are skipped only for those who are not root."""
    if not IS_ROOT:
        for item in items:
            if item.get_closest_marker("root"):
                item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Launchers of every program, made once."""
    with temporary_directory("pysvc-world-") as base:
        yield World(base)


@pytest.fixture
def place(world: World) -> Iterator[Place]:
    """An empty directory with the programs at hand; what a test starts there is killed at its end."""
    with temporary_directory("pysvc-test-") as path:
        here = Place(world, path)
        try:
            yield here
        finally:
            here.stop()
