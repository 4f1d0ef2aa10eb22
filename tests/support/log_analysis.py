"""Readers of qmail-send's log as others have written them: the matchup of qmailanalog

Lines have a stamp in front, seconds with a fraction; those of multilog are converted first.
"""

import re
from collections import Counter

STATUS = re.compile(r"status: local \d+/\d+ remote \d+/\d+(?: exitasap)?")
NEW = re.compile(r"new msg (\d+)")
INFO = re.compile(r"info msg (\d+): bytes (\d+) from (<\S*>) qp (\d+) uid (\d+)")
START = re.compile(r"starting delivery (\d+): msg (\d+) to (local|remote) (\S+)")
END = re.compile(r"delivery (\d+): (success|failure|deferral): (\S*)")
MANGLED = re.compile(r"delivery (\d+): report mangled, will defer")
GONE = re.compile(r"end msg (\d+)")
BOUNCE = re.compile(r"bounce msg (\d+) qp (\d+)|triple bounce: discarding bounce/(\d+)")
LETTERS = {"success": "k", "failure": "d", "deferral": "z"}
TAI = re.compile(r"@4([0-9a-f]{15})([0-9a-f]{8}) (.*)")


def fractional(line: str) -> str:
    """A line of multilog, its stamp as seconds with a fraction."""
    match = TAI.fullmatch(line)
    assert match is not None, line
    return f"{int(match[1], 16) - 10}.{int(match[2], 16):09d} {match[3]}"


class Message:
    """What is known of a message that has not ended."""

    def __init__(self, birth: str, size: str = "0", sender: str = "?", qp: str = "?", uid: str = "?") -> None:
        self.birth, self.size, self.sender, self.qp, self.uid = birth, size, sender, qp, uid
        self.results: Counter[str] = Counter()


class Matchup:
    """Pairs what belongs together. `lines` is the output; `messages` and `deliveries` are still open."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.messages: dict[str, Message] = {}
        self.deliveries: dict[str, tuple[str, str, str]] = {}  # number: begin, message, channel.recipient

    def feed(self, line: str) -> None:
        stamp, text = line.split(" ", 1)
        assert re.fullmatch(r"\d+\.\d+", stamp), line
        if text in ("status: exiting", "running"):
            self.deliveries.clear()
        elif match := NEW.fullmatch(text):
            self.messages[match[1]] = Message(stamp)
        elif match := INFO.fullmatch(text):
            birth = self.messages[match[1]].birth if match[1] in self.messages else stamp
            self.messages[match[1]] = Message(birth, match[2], match[3].lower(), match[4], match[5])
        elif match := START.fullmatch(text):
            self.deliveries[match[1]] = (stamp, match[2], f"{match[3]}.{match[4].lower()}")
        elif match := END.fullmatch(text):
            self._delivered(stamp, match[1], LETTERS[match[2]], match[3])
        elif match := MANGLED.fullmatch(text):
            self._delivered(stamp, match[1], "z", "report_mangled")
        elif match := GONE.fullmatch(text):
            self._ended(stamp, match[1])
        elif text.startswith(("warning: ", "alert: ")):
            self.lines.append(text)
        elif not STATUS.fullmatch(text) and not BOUNCE.fullmatch(text):
            self.lines.append(f"? {text}")

    def _delivered(self, stamp: str, number: str, result: str, reason: str) -> None:
        begin, name, recipient = self.deliveries.pop(number)
        message = self.messages.get(name) or Message(begin)
        message.results[result] += 1
        self.lines.append(
            f"d {result} {message.birth} {begin} {stamp} {message.size} {message.sender} {recipient} "
            f"{message.qp} {message.uid} {reason}"
        )

    def _ended(self, stamp: str, name: str) -> None:
        message = self.messages.pop(name)
        counts = " ".join(str(message.results[letter]) for letter in "kdz")
        self.lines.append(
            f"m {message.birth} {stamp} {message.size} {counts} {message.sender} {message.qp} {message.uid}"
        )
