"""Programs of others read the queue and the log: matchup of qmailanalog, a queue manager, qmail-qread"""

import re
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.homes import GROUP_IDS, USER_IDS, Rooted, rooted_home
from tests.support.log_analysis import Matchup, fractional
from tests.support.private_system import PrivateSystem
from tests.support.queue_handle import Handle, Listed
from tests.support.queue_states import QueueCheck
from tests.support.smtp_peer import SmtpHost
from tests.support.world import Place, eventually, free_port

pytestmark = pytest.mark.timeout(120)
GREETED = (b"220 far\r\n", b"250 far\r\n", b"250 mail\r\n", b"250 rcpt\r\n", b"354 go\r\n", b"250 done\r\n")


class Story:
    """A private system whose log goes to multilog, and what happens to its mail."""

    def __init__(self, place: Place, far: SmtpHost) -> None:
        self.system = PrivateSystem(place)
        self.folder = place.path / "log-directory"
        routes = f"far.test:127.0.0.1:{far.port}\ndown.test:127.0.0.1:{free_port()}\n"
        Path(self.system.home.file("control/smtproutes")).write_text(routes)
        self.system.instructions("postmaster", "./box.mbox\n")
        self.system.instructions("later", "|echo not yet; exit 111\n")
        place.own()

    def start(self) -> None:
        self.system.start("./Mailbox", "multilog", "t", str(self.folder))

    def raw(self) -> list[str]:
        """The lines of the log, with multilog's stamps."""
        path = self.folder / "current"
        return path.read_text().splitlines() if path.exists() else []

    def lines(self) -> list[str]:
        return [line.partition(" ")[2] for line in self.raw()]

    def send(self, subject: str, *recipients: str, sender: str = "box@mail.test") -> None:
        message = f"Subject: {subject}\n\nhello\n".encode()
        self.system.program("qmail-inject", "-f", sender, "--", *recipients, stdin=message)

    def wait(self, text: str, times: int = 1) -> None:
        eventually(lambda: sum(text in line for line in self.lines()) >= times, what=f"{times} times {text}")


@pytest.fixture
def far() -> Iterator[SmtpHost]:
    host = SmtpHost(GREETED)
    yield host
    host.close()


def test_a_day(place: Place, far: SmtpHost) -> None:
    story = Story(place, far)
    handle = Handle(story.system.queue)
    story.start()
    story.send("one", "box")
    story.send("two places", "Box", "x@far.test")
    story.send("failure", "nosuch")
    story.send("double", "nosuch", sender="nobody@mail.test")
    story.send("triple", "nosuch", sender="#@[]")
    story.wait("end msg", times=8)  # the five, two bounces, and a double bounce
    story.send("later", "later", "box")
    story.send("down", "x@down.test")
    story.wait("deferral: ", times=2)
    story.wait("success: ", times=6)
    story.system.stop()

    later, down = sorted(handle.numbers(), key=lambda n: handle.listed(n).subject, reverse=True)
    size = len(handle.text(later))
    assert handle.listed(later) == Listed("box@mail.test", ["local:later@mail.test"], "later", size)
    assert handle.listed(down).recipients == ["remote:x@down.test"]
    listing = story.system.program("qmail-qread")
    assert re.search(rf" #{later}  {size}  <box@mail.test> \n\tlocal\tlater@mail.test\n"
                     rf"  done\tlocal\tbox@mail.test\n", listing)  # fmt: skip
    assert QueueCheck(story.system.queue).complaints == []
    handle.remove(down)
    story.send("while down", "box")
    (unseen,) = set(handle.numbers()) - {later}
    assert handle.listed(unseen).recipients == ["todo:box@mail.test"]
    check = QueueCheck(story.system.queue)
    assert (check.complaints, check.states) == ([], {later: "S5", unseen: "S4"})

    story.system.instructions("later", "./box.mbox\n")
    story.start()
    story.wait("end msg", times=9)  # by their count: numbers come again
    story.system.running.signal(signal.SIGALRM)
    story.wait("end msg", times=10)
    story.system.stop()
    assert handle.numbers() == []
    eventually(lambda: "status: exiting" in story.lines()[-1:], what="the last line")
    judge([fractional(line) for line in story.raw()], {str(down)} - {str(unseen)})


def judge(lines: list[str], removed: set[str]) -> None:
    """The log tells of every message and delivery once, in an order that matchup understands.

    removed: messages that were taken away by hand.
    """
    matchup = Matchup()
    for line in lines:
        matchup.feed(line)
    strange = [line for line in matchup.lines if line[:2] not in ("m ", "d ")]
    assert strange == []
    assert matchup.deliveries == {}
    assert set(matchup.messages) == removed
    messages = [line.split(" ") for line in matchup.lines if line.startswith("m ")]
    assert Counter(tuple(fields[4:8]) for fields in messages) == Counter({
        ("1", "0", "0", "<box@mail.test>"): 2,     # one, while down
        ("2", "0", "0", "<box@mail.test>"): 1,     # two places
        ("2", "0", "1", "<box@mail.test>"): 1,     # later, box
        ("0", "1", "0", "<box@mail.test>"): 1,     # failure
        ("0", "1", "0", "<nobody@mail.test>"): 1,  # double
        ("0", "1", "0", "<#@[]>"): 1,              # triple
        ("1", "0", "0", "<>"): 1,                  # the bounce to box
        ("0", "1", "0", "<>"): 1,                  # the bounce to nobody
        ("1", "0", "0", "<#@[]>"): 1,              # to postmaster
    })  # fmt: skip
    deliveries = [line.split(" ") for line in matchup.lines if line.startswith("d ")]
    assert Counter(fields[1] for fields in deliveries) == {"k": 8, "d": 4, "z": 2}
    assert {fields[7] for fields in deliveries} == {
        "local.box@mail.test", "remote.x@far.test", "local.nosuch@mail.test", "local.nobody@mail.test",
        "local.postmaster@mail.test", "local.later@mail.test", "remote.x@down.test",
    }  # fmt: skip
    for fields in deliveries:
        birth, begin, end = map(float, fields[2:5])
        assert birth <= begin <= end
        assert len(fields) == 11  # every reason is one word
    assert {fields[5] for fields in deliveries} >= {fields[3] for fields in messages}


@pytest.mark.root
def test_what_a_crash_leaves_belongs_to_whom_it_should(place: Place) -> None:
    """A C qmail-send could go on with it: states, owners, modes, contents."""
    with rooted_home(place) as rooted:
        (rooted.home / "control/me").write_text("mail.test\n")
        (rooted.home / "control/smtproutes").write_text(f":127.0.0.1:{free_port()}\n")
        for name, text in (("later", "|exit 111\n"), ("fail", "|echo Not here.; exit 100\n")):
            (rooted.root / f"var/homes/joe/.qmail-{name}").write_text(text)
        log = place.path / "log"
        with log.open("wb") as out:
            process = rooted.start(
                "/usr/bin/env", "PATH=/var/qmail/bin:/usr/bin:/bin", "/var/qmail/bin/qmail-start", stdout=out
            )
        for _ in range(5):
            inject(rooted, "joe-later", "joe-fail", "x@down.test")
        ended = re.compile(rb"\ndelivery \d+: ")
        eventually(lambda: len(ended.findall(log.read_bytes())) == 15, what="15 deliveries")
        process.kill()
        process.wait()
        inject(rooted, "joe")
        check = QueueCheck(rooted.queue, uids=USER_IDS)
        assert (check.complaints, Counter(check.states.values())) == ([], {"S5": 5, "S4": 1})
        assert {path.lstat().st_gid for path in rooted.queue.rglob("*")} == {GROUP_IDS["qmail"]}
        assert sorted(path.read_bytes() for path in (rooted.queue / "bounce").iterdir()) == [
            b"<joe-fail@mail.test>:\nNot here.\n\n"
        ] * 5


def inject(rooted: Rooted, *recipients: str) -> None:
    message = b"Subject: x\n\nhello\n"
    done = rooted.run("/var/qmail/bin/qmail-inject", *recipients, stdin=message, user="joe")
    assert (done.returncode, done.stderr) == (0, b"")
