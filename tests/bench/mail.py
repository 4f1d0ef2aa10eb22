"""Mail per second of the whole installed system, side by side with Debian's Postfix and Dovecot; needs root

    .venv/bin/python -m tests.bench.mail [--only NAME,NAME] [--runs N] [--quick] [--ours-only] [--profile]
                                         [--disk DIR] [--as-is] [--json PATH] [--svg PATH]

Installs all of them in namespaces of their own, queues, mailboxes and logs on one real disk, and gives
each in turn the same work: peer, pymail, peer, pymail … Counts a message when it has its name in new/ or the
other host has it; a run in which one is missing fails. Prints medians and ratios.

--runs       interleaved runs, 3 unless named
--quick      a tenth of the messages, and one run unless --runs says otherwise
--profile    also prints where the CPU of one message goes, process by process
--disk       where queues and mailboxes shall lie, instead of /var/tmp; if the disk is an ext4 without a
             journal, one with a journal is made in a file there, unless --as-is
--svg        write the chart too; --json: the figures
"""

import argparse
import json
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from tests.bench import chart, report
from tests.bench.loads import Fetch, Inject, Outcome, Smtp
from tests.bench.peers import Peer, Pop3Peer
from tests.bench.peers.dovecot import Dovecot
from tests.bench.peers.ours import Ours
from tests.bench.peers.postfix import Postfix
from tests.bench.rig import Rig, rig
from tests.bench.works import WORKS, Work

TOOLS = {  # what must be there, and the Debian package that has it
    "smtp-source": "postfix", "smtp-sink": "postfix", "postfix": "postfix", "dovecot": "dovecot-pop3d",
}  # fmt: skip
QUICK = 10
WARM = 10  # a warm-up has this part of the messages


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench.mail", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help=", ".join(work.name for work in WORKS))
    parser.add_argument("--runs", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--disk", type=Path)
    parser.add_argument("--as-is", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    return parser.parse_args()


def chosen(only: str, quick: bool) -> list[Work]:
    """The works named, in the order of WORKS."""
    names = [name for name in only.split(",") if name]
    unknown = set(names) - {work.name for work in WORKS}
    if unknown:
        raise SystemExit(f"no such work: {', '.join(sorted(unknown))}")
    works = [work for work in WORKS if not names or work.name in names]
    return [work.quick(QUICK) for work in works] if quick else works


def check_tools(against: set[str]) -> None:
    """Leave with what to install if something is missing."""
    needed = {"smtp-source", "smtp-sink", *(name.lower() for name in against)}
    missing = {TOOLS[name] for name in needed if not shutil.which(name, path="/usr/sbin:/usr/bin")}
    if missing:
        raise SystemExit(f"missing: apt-get install {' '.join(sorted(missing))}")


class Bench:
    """The systems in one rig; those that no work needs are not started."""

    def __init__(self, the_rig: Rig, against: set[str]) -> None:
        self._rig = the_rig
        self.ours = Ours(the_rig)
        self.postfix = Postfix(the_rig) if "Postfix" in against else None
        self.dovecot = Dovecot(the_rig) if "Dovecot" in against else None

    def once(self, work: Work, ours: bool) -> "Outcome | None":
        """One run on one side; None if there is no such side."""
        load = work.load
        if isinstance(load, Fetch):
            server: Pop3Peer | None = self.ours if ours else self.dovecot
            return load.run(self._rig, server) if server else None
        system: Peer | None = self.ours if ours else self.postfix
        return load.run(self._rig, system) if system else None

    def attempt(self, work: Work, ours: bool) -> "Outcome | None":
        """once(), and the logs if it fails."""
        try:
            return self.once(work, ours)
        except Exception:
            print(self._rig.logs(), file=sys.stderr)
            raise

    def compare(self, work: Work, runs: int) -> report.Result:
        """Warm both up, then interleave them."""
        sides: dict[bool, list[Outcome]] = {False: [], True: []}
        for turn in range(-1, runs):
            for ours, outcomes in sides.items():
                outcome = self.attempt(work if turn >= 0 else work.quick(WARM), ours)
                if outcome and turn >= 0:
                    outcomes.append(outcome)
                    print(f"  {work.name}: {'pymail' if ours else work.against} "
                          f"{report.number(work.figure(outcome))} {work.unit}", file=sys.stderr)  # fmt: skip
        return report.Result(work, sides[True], sides[False])

    def systems(self) -> dict[str, Any]:
        found = (self.ours, self.postfix, self.dovecot)
        return {
            system.name: {"version": system.version, "settings": list(system.settings)}
            for system in found if system is not None
        }  # fmt: skip


def load_words(work: Work) -> str:
    """What a work's load is, for people."""
    load = work.load
    messages = f"{load.count} messages of {load.length} bytes"
    if isinstance(load, Smtp):
        kept = "kept open" if load.keep else "one for each message"
        connections = f"{min(load.sessions, load.count)} connections, {kept}"
        return f"smtp-source: {messages}, {load.recipients} recipients each, {connections}"
    if isinstance(load, Inject):
        return f"{messages}, a command for each, {load.loops} at a time"
    return f"{messages}, one POP3 command at a time"


def write(path: "Path | None", text: str) -> None:
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def catch_term() -> None:
    """End by SystemExit on SIGTERM, so that the rig cleans up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def main() -> int:
    catch_term()
    options = arguments()
    works = chosen(options.only, options.quick)
    against = set() if options.ours_only else {work.against for work in works}
    check_tools(against)
    runs = options.runs or (1 if options.quick else 3)
    with rig(options.disk, options.as_is) as the_rig:
        facts = report.machine(the_rig.disk)
        bench = Bench(the_rig, against)
        results = [bench.compare(work, runs) for work in works]
        systems = bench.systems()
    values = [result.value() | {"load": load_words(result.work)} for result in results]
    everything = {"machine": facts, "systems": systems, "interleaved_runs": runs, "works": values}
    print(report.describe(facts))
    for name, system in systems.items():
        print(f"{name} {system['version']}: {'; '.join(system['settings'])}")
    for value in values:
        print(f"{value['name']}: {value['load']}")
    print(f"medians of {runs} interleaved runs:\n")
    print(report.table([list(report.HEADINGS), *map(report.row, values)]))
    if options.profile:
        for result in results:
            for name, outcomes in (("pymail", result.ours), (result.work.against, result.peers)):
                if outcomes and not result.work.memory:
                    title = f"{result.work.name}, {name}: CPU ms"
                    print(report.profile(title, outcomes, result.work.amount))
    write(options.json, json.dumps(everything, indent=1) + "\n")
    write(options.svg, chart.comparison(everything))
    return 0


if __name__ == "__main__":
    sys.exit(main())
