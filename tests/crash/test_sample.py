"""A sample of the crash points and failing calls of every program; `python -m tests.crash --full` takes all

CRASH_SEED in the environment chooses another sample.
"""

import os

import pytest

from tests.crash.subject import explore
from tests.crash.subjects import SUBJECTS
from tests.support.world import IS_ROOT, Place

SEED = os.environ.get("CRASH_SEED", "1")
SCOPE = "/proc/sys/kernel/yama/ptrace_scope"
SAMPLE = 3  # points of each subject and kind


def may_attach() -> bool:
    """Whether a process that is no child may be traced."""
    if IS_ROOT or not os.path.exists(SCOPE):
        return True
    with open(SCOPE) as file:
        return file.read().strip() == "0"


pytestmark = pytest.mark.skipif(not may_attach(), reason="processes must not be traced")


@pytest.mark.parametrize("faults", [False, True], ids=["killed", "failing"])
@pytest.mark.parametrize("name", SUBJECTS)
def test_sample(place: Place, name: str, faults: bool) -> None:
    report = explore(SUBJECTS[name](place), faults, SAMPLE, f"{SEED} {name}")
    assert report.violations == []
    assert report.points > SAMPLE
