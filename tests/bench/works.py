"""The works that systems are compared by: load, unit, target; one table, once

A work's figure is its amount divided by the seconds it took, or megabytes of memory.
"""

from dataclasses import dataclass, replace

from tests.bench.loads import Fetch, Inject, Outcome, Smtp

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Work:
    """One row of the table; amount: how many units one run does."""

    name: str
    title: str
    load: "Smtp | Inject | Fetch"
    unit: str
    amount: float
    target: float  # ratio of our figure to the peer's
    against: str = "Postfix"
    original: tuple[float, float] | None = None  # the C original elsewhere: lowest, highest figure
    times: float | None = None  # how many times the original's figure is wanted
    memory: bool = False  # the figure is memory: less is better

    def figure(self, outcome: Outcome) -> float:
        if self.memory:
            return outcome.peak / 1000
        return self.amount / outcome.seconds

    def reached(self, ratio: float) -> bool:
        return ratio <= self.target if self.memory else ratio >= self.target

    def quick(self, part: int) -> "Work":
        """The same with a fraction of the messages, where that leaves enough; the title says so."""
        title = f"{self.title} (1/{part})"
        if isinstance(self.load, Smtp) and self.load.recipients > 1:
            recipients = self.load.recipients // part
            load = replace(self.load, recipients=recipients)
            return replace(self, title=title, load=load, amount=self.amount / part)
        count = max(self.load.count // part, min(self.load.count, 4))
        amount = self.amount * count / self.load.count
        return replace(self, title=title, load=replace(self.load, count=count), amount=amount)


# The original's figures: two cores, 2 KB, 20 sessions, delivered per second.
LOCAL, REMOTE = (140, 250), (277, 277)
BIG = 10 * MEGABYTE
WORKS = (
    Work("smtp", "SMTP to Maildir, persistent connections", Smtp(2000), "messages/s", 2000, 1.0,
         original=LOCAL, times=3),
    Work("connections", "SMTP to Maildir, a connection per message", Smtp(2000, keep=False), "messages/s",
         2000, 0.8, original=LOCAL, times=2),
    Work("remote", "SMTP in, SMTP out to another host", Smtp(2000, remote=True), "messages/s", 2000, 0.8,
         original=REMOTE, times=2),
    Work("recipients", "One message to 1 000 recipients at one host", Smtp(1, recipients=1000, remote=True),
         "recipients/s", 1000, 0.5, times=1.5),
    Work("large", "10 MB messages to Maildir, 4 sessions", Smtp(20, 4, BIG), "MB/s", 20 * BIG / MEGABYTE, 1.0,
         times=2),
    Work("pop3", "POP3: list and fetch 5 000 new messages", Fetch(5000), "messages/s", 5000, 0.7,
         "Dovecot"),
    Work("pop3-again", "POP3: the same mailbox a second time", Fetch(5000, again=True), "messages/s", 5000,
         0.7, "Dovecot"),
    Work("sendmail", "sendmail from the shell, one after the other", Inject(300), "messages/s", 300, 0.5),
    Work("sendmail-20", "sendmail from the shell, 20 at a time", Inject(400, loops=20), "messages/s", 400,
         0.5),
    Work("memory", "Memory of all processes, persistent connections", Smtp(2000, memory=True), "MB", 0, 1.0,
         memory=True),
)  # fmt: skip
