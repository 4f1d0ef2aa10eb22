"""What happens in a month, whatever qmail-send does: mail that comes in, hosts that are down, deaths"""

from dataclasses import dataclass
from random import Random

from pymail.proving.letters import HOST

START = 4_000_000_000  # Unix seconds; later than any file is really made, so what a crash leaves is due
DAY = 86400
SETTLING = 9  # days without new mail at the end: then nothing may be left
HOSTS = 12
BOXES = ("u", "u", "u", "u", "grey", "no")  # takes mail; takes it a second time; does not exist


@dataclass(frozen=True)
class Mail:
    """A message that comes in at a time."""

    time: int
    token: str
    sender: str
    recipients: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What happens whatever qmail-send does. outages: for each host (from, to) of when it is down;
    stops: (time, seconds it stays down, whether it is killed, maybe a little later, and then comes back)."""

    mail: list[Mail]
    outages: dict[str, list[tuple[int, int]]]
    stops: list[tuple[int, int, bool]]


def plan(seed: int, days: int) -> Plan:
    """The month of a seed."""
    random = Random(seed)
    end = START + days * DAY
    outages: dict[str, list[tuple[int, int]]] = {}
    for number in range(HOSTS):
        begins = random.randrange(START, end)
        longest = (3600, DAY, 5 * DAY, 20 * DAY)[number % 4]
        outages[f"h{number}.test"] = [(begins, begins + random.randrange(longest // 4, longest))]
    mail: list[Mail] = []
    last = max(START + DAY, end - SETTLING * DAY)
    time = START
    while (time := time + int(random.expovariate(1 / 5400)) + 1) < last:
        for _ in range(random.randrange(30, 90) if random.random() < 0.02 else 1):
            mail.append(_mail(random, time, f"m{len(mail)}", list(outages)))
    stops = [
        (random.randrange(START, end), random.choice((0, 600, 7200)), random.random() < 0.6)
        for _ in range(days)
    ]
    return Plan(mail, outages, sorted(stops))


def _mail(random: Random, time: int, token: str, hosts: list[str]) -> Mail:
    recipients = [
        f"{random.choice(BOXES)}{number}@{random.choice([HOST, random.choice(hosts)])}"
        for number in range(random.choice((1, 1, 2, 5)))
    ]
    return Mail(time, token, f"s{token}@{HOST}", tuple(recipients))
