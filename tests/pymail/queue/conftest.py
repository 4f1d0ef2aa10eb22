"""Fixtures of the tests of the queue"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting_queue import WaitingQueue


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WaitingQueue]:
    """An empty queue, the current directory."""
    here = WaitingQueue(tmp_path)
    monkeypatch.chdir(here.path)
    yield here
    here.close()
