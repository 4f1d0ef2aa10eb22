"""Every crash point and every failing call of every program

    .venv/bin/python -m tests.crash --full [--kill | --fault] [PROGRAM ...]
    .venv/bin/python -m tests.crash --sample N [--seed WORD] ...

Prints a line for each subject: how many points there were and how the trials ended; -v prints each of
them. Exit code 1 if an invariant was broken.
"""

import argparse
import sys
import time

from tests.crash.subject import explore
from tests.crash.subjects import SUBJECTS
from tests.support.world import Place, World, temporary_directory


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.crash", usage=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--sample", type=int, default=10)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--fault", action="store_true")
    parser.add_argument("-v", action="store_true", dest="verbose")
    parser.add_argument("programs", nargs="*", default=[])
    options = parser.parse_args()
    broken = 0
    kinds = [kind for kind in (False, True) if options.kill == options.fault or kind == options.fault]
    with temporary_directory("crash-world-") as base:
        world = World(base)
        for name in options.programs or SUBJECTS:
            for faults in kinds:
                broken += _explore(world, name, faults, options)
    return 1 if broken else 0


def _explore(world: World, name: str, faults: bool, options: argparse.Namespace) -> int:
    """Print what came of one subject; the number of violations."""

    def tell(text: str) -> None:
        if options.verbose:
            print(f"    {text}", flush=True)

    begun = time.monotonic()
    with temporary_directory("crash-") as path:
        place = Place(world, path)
        try:
            size = 0 if options.full else options.sample
            report = explore(SUBJECTS[name](place), faults, size, options.seed, tell)
        finally:
            place.stop()
    seconds = time.monotonic() - begun
    print(f"{name:24} {'fails' if faults else 'kills'} {report} ({seconds:.0f} s)", flush=True)
    for text in report.violations:
        print(f"    VIOLATED {text}", flush=True)
    return len(report.violations)


sys.exit(main())
