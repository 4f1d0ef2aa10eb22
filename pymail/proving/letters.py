"""The messages of a proof: what they hold, where they must arrive, and how they are found again

Addresses: box a Maildir; mbox an mbox; forward goes on to box; away is on another host; nobody does not
exist, so that the sender, whose Maildir is teller, gets a bounce.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

HOST, ELSEWHERE = "here.test", "elsewhere.test"
MAILDIRS = ("box", "teller")
MBOX = "mbox"
AWAY = "away"
Copies = Counter[tuple[str, str]]  # by token and place
PROGRAM, SERVER = "qmail-queue", "qmail-smtpd"  # by which a message comes in
# recipients, lines of the body, and places: where copies arrive, and how many hops may each repeat it
PATTERNS: tuple[tuple[tuple[str, ...], int, dict[str, int]], ...] = (
    (("box",), 3, {"box": 1}),
    (("box", "mbox"), 8, {"box": 1, "mbox": 1}),
    (("away",), 5, {"away": 1}),
    (("box", "nobody"), 4, {"box": 1, "teller": 1}),
    (("forward",), 6, {"box": 2}),
    (("mbox", "away", "box"), 400, {"mbox": 1, "away": 1, "box": 1}),
)
_TOKEN = re.compile(rb"^Token: (\w+)$", re.MULTILINE)
_ENTRY = re.compile(rb"(?:^|(?<=\n))(?=From )")
_BOUNCE = re.compile(rb"^Subject: failure notice$", re.MULTILINE)


@dataclass(frozen=True)
class Letter:
    """One message. places: where a copy must arrive -> hops; each hop may repeat it once after a crash."""

    token: str
    way: str
    recipients: tuple[str, ...]
    lines: int
    places: dict[str, int]

    @property
    def sender(self) -> str:
        return f"teller@{HOST}"

    @property
    def addresses(self) -> list[str]:
        return [f"{name}@{ELSEWHERE if name == AWAY else HOST}" for name in self.recipients]

    @property
    def body(self) -> bytes:
        """The message, with LF line ends."""
        token = self.token
        text = [f"Token: {token}", "", *(f"line {n} of {token} {'=' * 40}" for n in range(self.lines))]
        return "\n".join([*text, f"end of {token}", ""]).encode()


def letters(count: int, seed: int) -> list[Letter]:
    """Messages of all patterns in turn; the seed decides by which way each comes in."""
    random = Random(seed)
    found = []
    for number in range(count):
        recipients, lines, places = PATTERNS[number % len(PATTERNS)]
        way = random.choice((PROGRAM, SERVER))
        found.append(Letter(f"letter{number}", way, recipients, lines, places))
    return found


def mailboxes(everything: list[Letter], files: Mapping[str, bytes]) -> tuple[Copies, list[str]]:
    """What readers of the mailboxes see: copies by (token, place), and what they see but should not.

    files: by their paths relative to the home. A torn message in an mbox is no complaint: that format
    cannot do without.
    """
    known = {letter.token: letter for letter in everything}
    copies: Copies = Counter()
    complaints = []
    for path, content in files.items():
        _, place, *inner = path.split("/")
        if inner and inner[0] in ("new", "cur"):
            token = whole(known, content)
            if token is None:
                complaints.append(f"{path} is not a whole message")
            else:
                copies[token, place] += 1
        elif not inner and place == MBOX:
            for token in _entries(known, content):
                copies[token, place] += 1
    return copies, complaints


def whole(known: Mapping[str, Letter], content: bytes) -> str | None:
    """The token of a message, or of a bounce of it, if its content is all there."""
    token = _TOKEN.search(content)
    letter = known.get(token[1].decode()) if token else None
    if letter is None or not content.endswith(b"\n" + letter.body) or b"\0" in content:
        return None
    opening = content[: -len(letter.body)]
    if not opening.startswith((b"Return-Path: ", b"Received: ")) or b"Received: (qmail " not in opening:
        return None
    if _BOUNCE.search(opening) and f"<nobody@{HOST}>:".encode() not in opening:
        return None
    return letter.token


def _entries(known: Mapping[str, Letter], content: bytes) -> Iterator[str]:
    """The tokens of the messages in an mbox that a reader finds, each in an entry of its own.

    An entry may go on after its message: with what is left of a torn one that has lost its beginning.
    """
    for entry in _ENTRY.split(content):
        line, _, text = entry.partition(b"\n")
        found = _TOKEN.search(text)
        letter = known.get(found[1].decode()) if found else None
        if letter is None or not line.startswith(b"From "):
            continue
        end = text.find(letter.body) + len(letter.body)
        own = text[:end]
        # two openings: a torn message runs into this one, which a reader then does not see
        if own.count(b"Return-Path: ") == 1 and text[end : end + 1] == b"\n" and whole(known, own):
            yield letter.token
