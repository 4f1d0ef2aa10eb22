"""Mail under load while processes of the system are killed, at any moment: nothing accepted is lost

STORM_SEED and STORM_SECONDS in the environment choose another storm, or a longer one.
"""

import os
from collections import Counter

import pytest

from tests.support.load import PYTHON, SOURCE, Load, drain, prepare
from tests.support.mail import running
from tests.support.world import eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]
SEED = os.environ.get("STORM_SEED", "1")
SECONDS = os.environ.get("STORM_SECONDS", "15")
PAUSE = "0.15"    # seconds between two kills, on average
MOST_COPIES = 12  # of one message for one recipient: each needs a kill between delivery and report
REMAINS = "cd /var/qmail/queue && find mess intd pid -type f"


def test_storm_of_kills() -> None:
    with running() as system:
        prepare(system)
        load = Load(system, float(SECONDS))
        words = (f"{SOURCE}/storm_killer.py", SEED, SECONDS, PAUSE)
        kills = Counter(system.machine.run(PYTHON, *words, timeout=float(SECONDS) + 60).stdout.split())
        load.finish()
        drain(system)
        copies = Counter(count for place in load.copies().values() for count in place.values())
        print(
            f"{sum(kills.values())} kills, {load.replies} messages, {len(load.accepted)} accepted, "
            f"copies: {sorted(copies.items())}"
        )
        assert load.lost() == []
        assert max(copies) <= MOST_COPIES
        system.assert_no_traceback()
        assert len(kills) > 5
        assert len(load.accepted) > 50

        # What writers left that were killed, and messages whose removal was cut short, waits for 36 hours.
        system.wait_up()
        system.sh(f"{REMAINS} -exec touch -a -d '37 hours ago' {{}} +; svc -t /service/qmail-send")
        eventually(lambda: not system.sh(REMAINS), 30, "strays gone")
        system.through("after-the-storm")
