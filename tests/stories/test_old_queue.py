"""A queue that the C programs left, with a message in each legal state, is continued where they stopped"""

import json
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.load import PYTHON, SOURCE
from tests.support.mail import FQDN, MailSystem, running
from tests.support.world import eventually

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]
KINDS = ("mess", "intd", "todo", "info", "local", "remote", "bounce")
RECEIVED = "Received: (qmail 45 invoked by uid 1000); 26 Sep 1995 04:46:54 -0000\n"
SENDER = f"joe-told@{FQDN}"  # who gets the bounces
INFO = f"F{SENDER}\0"


def address(name: str) -> str:
    return f"joe-{name}@{FQDN}"


def todo(*names: str) -> str:
    return f"u1000\0p45\0{INFO}" + "".join(f"T{address(name)}\0" for name in names)


def to_do(name: str) -> str:
    return f"T{address(name)}\0"


def done(name: str) -> str:
    return f"D{address(name)}\0"


def bounce(name: str) -> str:
    return f"<{address(name)}>:\nno {name} here\n\n"


# name: files; "link" is a todo that is another name of intd
STATES: dict[str, dict[str, str]] = {
    "s2-young": {},
    "s2-old": {"old": "yes"},
    "s3-young": {"intd": todo("never")[:-4]},
    "s3-old": {"intd": todo("never")[:-4], "old": "yes"},
    "s4": {"intd": todo("s4"), "todo": "link"},
    "s4-old": {"intd": todo("s4-old"), "todo": "link", "old": "yes"},
    "s4-no-intd": {"todo": todo("s4-no-intd")},
    "s4-no-recipients": {"intd": todo(), "todo": "link"},
    "s4-info": {"intd": todo("s4-info"), "todo": "link", "info": INFO[:3]},
    "s4-local": {"intd": todo("s4-local", "s4-too"), "todo": "link", "info": INFO, "local": "Tcut"},
    "s4-all": {"todo": todo("s4-all"), "info": INFO, "local": to_do("s4-all"), "remote": "Tcut"},
    "s5": {"info": INFO, "local": to_do("s5")},
    "s5-old": {"info": INFO, "local": to_do("s5-old"), "old": "yes"},
    "s5-marks": {"info": INFO, "local": done("never") + to_do("s5-b") + done("never") + to_do("s5-d")},
    "s5-remote-done": {"info": INFO, "local": to_do("s5-remote-done"), "remote": "Dx@far.test\0"},
    "s5-all-done": {"info": INFO, "local": done("never"), "remote": "Dx@far.test\0"},
    "s5-info": {"info": INFO},
    "s5-bounce": {"info": INFO, "bounce": bounce("b1")},
    "s5-bounce-done": {"info": INFO, "local": done("b2"), "bounce": bounce("b2")},
    "s5-bounce-going-on": {"info": INFO, "local": done("b3") + to_do("s5-b3"), "bounce": bounce("b3")},
    "s5-bounce-double": {"info": "F\0", "local": done("b4"), "bounce": bounce("b4")},
    "s5-bounce-triple": {"info": "F#@[]\0", "local": done("b5"), "bounce": bounce("b5")},
}
STAY = {"s2-young": {"mess"}, "s3-young": {"mess", "intd"}}
DELIVERED = {
    "s4": "s4", "s4-old": "s4-old", "s4-no-intd": "s4-no-intd", "s4-info": "s4-info", "s4-local": "s4-local",
    "s4-too": "s4-local", "s4-all": "s4-all", "s5": "s5", "s5-old": "s5-old", "s5-b": "s5-marks",
    "s5-d": "s5-marks", "s5-remote-done": "s5-remote-done", "s5-b3": "s5-bounce-going-on",
}  # fmt: skip
BOUNCED = {"b1": "s5-bounce", "b2": "s5-bounce-done", "b3": "s5-bounce-going-on"}


@pytest.fixture(scope="module")
def system() -> Iterator[MailSystem]:
    with running() as made:
        made.sh("su joe -c 'echo ./box.mbox >~/.qmail-default; echo ./told.mbox >~/.qmail-told'")
        yield made
        made.assert_no_traceback()


@pytest.fixture(scope="module")
def numbers(system: MailSystem) -> dict[str, int]:
    """The queue taken over: name of state -> message number."""
    system.sh("svc -d /service/qmail-send")
    eventually(lambda: not system.pids("qmail-send") and not system.pids("qmail-clean"), what="the end")
    messages = [{"mess": f"{RECEIVED}Subject: {name}\n\nhello\n", **files} for name, files in STATES.items()]
    words = (PYTHON, f"{SOURCE}/oldqueue.py")
    made = json.loads(system.machine.run(*words, stdin=json.dumps(messages).encode()).stdout)
    assert len(set(made)) == len(STATES)
    system.sh("svc -u /service/qmail-send")
    numbers = dict(zip(STATES, made, strict=True))
    left = [numbers[name] for name in STAY]
    eventually(lambda: mess(system) == sorted(left), 60, "the end of all others")
    return numbers


def mess(system: MailSystem) -> list[int]:
    """The messages in the queue."""
    return sorted(map(int, system.sh("cd /var/qmail/queue/mess && find . -type f -printf '%f\\n'").split()))


def kinds(system: MailSystem, number: int) -> set[str]:
    """The kinds of file that a message has in the queue."""
    found = system.sh(f"cd /var/qmail/queue && find {' '.join(KINDS)} -name {number}").splitlines()
    return {path.partition("/")[0] for path in found}


def box(system: MailSystem, name: str) -> str:
    path = system.machine.path(f"/home/joe/{name}.mbox")
    return path.read_text() if path.exists() else ""


def test_everything_ends_but_what_may_be_alive(system: MailSystem, numbers: dict[str, int]) -> None:
    found = {name: kinds(system, number) for name, number in numbers.items()}
    assert {name: left for name, left in found.items() if left} == STAY


def test_each_recipient_gets_it_once(system: MailSystem, numbers: dict[str, int]) -> None:
    seen = re.findall(
        rf"^Return-Path: <{SENDER}>\nDelivered-To: joe-(\S+)@{FQDN}\n{re.escape(RECEIVED)}Subject: (\S+)$",
        box(system, "box"), re.MULTILINE,
    )  # fmt: skip
    assert Counter(seen) == Counter(DELIVERED.items())
    assert box(system, "box").count("\nDelivered-To: ") == len(DELIVERED)


def test_failures_are_told_once(system: MailSystem, numbers: dict[str, int]) -> None:
    told = box(system, "told")
    for name, state in BOUNCED.items():
        assert told.count(f"\n{bounce(name)}--- Below this line is a copy of the message.\n") == 1
        assert told.count(f"\nReturn-Path: <{SENDER}>\n{RECEIVED}Subject: {state}\n") == 1
    assert told.count("\nReturn-Path: <>\nDelivered-To: ") == len(BOUNCED)
    double = system.wait_mail("/home/adminmails/Maildir", b"but the bounce bounced!").decode()
    assert bounce("b4") in double and "\nReturn-Path: <>\n" + RECEIVED in double
    triple = numbers["s5-bounce-triple"]
    system.wait_log(f"triple bounce: discarding bounce/{triple}")


def test_no_state_was_a_surprise(system: MailSystem, numbers: dict[str, int]) -> None:
    log = system.log()
    assert not re.findall(r"warning: .*|alert: .*", log)
    for name in ("s4", "s4-info", "s4-local", "s4-all", "s4-no-intd"):
        assert f" new msg {numbers[name]}\n" in log
        assert f" info msg {numbers[name]}: bytes " in log
