"""A month in a minute: the invariants hold, and what breaks one is found

Seeds that fail are replayed by: pymail prove --month --seed N
"""

import re

import pytest

from pymail.proving.plan import DAY, SETTLING, START, plan
from tests.support.world import Place

PATIENCE = 600  # seconds of a machine that has much else to do; it takes six alone


@pytest.mark.timeout(PATIENCE)
def test_a_month(place: Place) -> None:
    done = place.run("pymail", "prove", "--month", "--seed", "1", timeout=PATIENCE)
    said = done.stdout.decode()
    assert done.returncode == 0, said + done.stderr.decode()
    counts = {what: int(count) for what, count in re.findall(r"(\w+) (\d+)", said.splitlines()[0])}
    assert counts["messages"] > 300
    assert counts["delivered"] > counts["messages"]
    assert counts["deferred"] > 500
    assert counts["bounces"] > 50
    assert counts["deaths"] > 5
    assert counts["stops"] > 2
    assert counts["audits"] == 30 * 8
    assert "violations: 0" in said


def test_the_plan_of_a_month() -> None:
    found = plan(1, 30)
    assert found == plan(1, 30)
    assert found != plan(2, 30)
    assert [mail.time for mail in found.mail] == sorted(mail.time for mail in found.mail)
    assert found.mail[-1].time < START + (30 - SETTLING) * DAY
    assert max(end - begin for [(begin, end)] in found.outages.values()) > DAY
    assert {killed for _, _, killed in found.stops} == {True, False}


# What could go wrong in qmail-send, and what then is said.
FAULTS = {
    "tried again too soon": (
        "pymail.engines.jobs.retry_time = lambda birth, now, channel: now + 60", "before it is due"
    ),
    "tried again too late": (
        "pymail.engines.jobs.retry_time = lambda birth, now, channel: now + 20000", "but was due at"
    ),
    "never given up": ("pymail.engines.jobs.last_attempt = lambda *_: False", "for whom it is settled"),
    "not marked": ("pymail.queue.channel.mark_done = lambda *_: None", "for whom it is settled"),
    "forgotten": (
        "import os; Channel = pymail.queue.channel.Channel; release = Channel._release\n"
        "def forget(self, job, now):\n"
        "    job.undone = 0; release(self, job, now)\n"
        "Channel._release = forget",
        "is lost for",
    ),
    "too many at a time": (
        "import pymail.queue.shared; Slots = pymail.queue.shared.Slots\n"
        "pymail.queue.shared.Slots = lambda most: Slots(most + 1)",
        "more deliveries at a time",
    ),
    "nobody is told": (
        "pymail.queue.bounces.Bounces.note = lambda self, failures: list(failures)",
        "neither delivered nor bounced",
    ),
    "told twice": (
        "Bounces = pymail.queue.bounces.Bounces; send = Bounces._send\n"
        "Bounces._send = lambda self, *where: (send(self, *where), send(self, *where))[0]",
        "bounced 2 times",
    ),
    "no notice of the trigger": (
        "Intake = pymail.queue.todo.Intake\n"
        "Intake._pulled, Intake.trigger_fd = lambda self: False, property(lambda self: None)",
        "nothing was in the way",
    ),
    "no rest": ("pymail.queue.todo.Intake._pulled = lambda self: False", "turns at one time"),
}  # fmt: skip
FAULTY = """
import sys
import pymail.engines.jobs, pymail.queue.bounces, pymail.queue.channel, pymail.queue.todo
{fault}
from pymail.proving import month
if {calm}:
    whole = month.plan
    month.plan = lambda *month: type(plan := whole(*month))(plan.mail, plan.outages, [])
sys.argv[0] = "pymail"
sys.exit(month.prove(3, {days}))
"""


@pytest.mark.timeout(PATIENCE)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(place: Place, name: str) -> None:
    fault, complaint = FAULTS[name]
    calm = name in ("told twice", "nobody is told")  # a month without deaths is judged more strictly
    program = FAULTY.format(fault=fault, calm=calm, days=11 if calm else 30)
    path = ":".join(place.world.path)
    done = place.run(place.world.python, "-B", "-c", program, env={"PYTHONPATH": path}, timeout=PATIENCE)
    said = done.stdout.decode()
    assert done.returncode == 1, said + done.stderr.decode()
    assert complaint in said
    assert "again: pymail prove --month --seed 3 --days" in said
