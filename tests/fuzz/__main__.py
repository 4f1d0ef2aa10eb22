"""A long run of the parsers, one after the other or those that are named

    .venv/bin/python -m tests.fuzz --seconds N [--seed WORD] [PARSER ...]

N seconds for each. Where atheris is installed it leads the inputs to code that none has reached so far;
otherwise Hypothesis looks for inputs that run as many different lines as possible. Prints a line for each
parser: inputs tried, lines reached. An input that breaks a promise is printed, ready to become a test; then
the exit code is 1.
"""

import argparse
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from hypothesis import HealthCheck, given, seed, settings, target

from tests.fuzz.inputs import chunks, inputs
from tests.fuzz.parser import Parser
from tests.fuzz.parsers import PARSERS

EXAMPLES = 500  # between two looks at the clock
LONGEST = 4096  # bytes of an input that atheris makes
OURS = (f"{os.sep}pysvc{os.sep}", f"{os.sep}pymail{os.sep}")
Line = tuple[str, int]
TraceFunction = Callable[[FrameType, str, object], object]


def main() -> int:
    options = argparse.ArgumentParser(prog="tests.fuzz", usage=__doc__)
    options.add_argument("--seconds", type=float, default=10)
    options.add_argument("--seed", default=f"{time.time_ns() % 2**32}")
    options.add_argument("parsers", nargs="*", metavar="PARSER")
    chosen = options.parse_args()
    if unknown := set(chosen.parsers) - set(PARSERS):
        options.error(f"no such parser: {' '.join(sorted(unknown))}; there are {' '.join(PARSERS)}")
    guided = importlib.util.find_spec("atheris") is not None
    leader = "atheris" if guided else "Hypothesis"
    print(f"seed {chosen.seed}, {leader}, {chosen.seconds:g} s each", flush=True)
    run, sound = run_guided if guided else run_targeted, True
    for name in chosen.parsers or PARSERS:
        sound &= run(name, chosen.seconds, random.Random(f"{chosen.seed} {name}").randrange(2**31))
    return 0 if sound else 1


def blocks_of(data: bytes) -> list[bytes]:
    """An input out of atheris's bytes: the first says how long the blocks are, 0 for one block."""
    return chunks(data[1:], data[0]) if data[:1] > b"\0" else [data[1:]]


def run_guided(name: str, seconds: float, number: int) -> bool:
    """In a process of its own, which libFuzzer ends; whether all went well."""
    parser = PARSERS[name]
    with tempfile.TemporaryDirectory() as corpus:
        for at, sample in enumerate((*parser.samples, *parser.words)):
            Path(corpus, str(at)).write_bytes(b"\0" + sample)
        limits = [f"-max_total_time={max(int(seconds), 1)}", "-rss_limit_mb=1024", "-timeout=20"]
        options = [f"-seed={number}", f"-max_len={LONGEST}", f"-artifact_prefix={corpus}/"]
        command = [sys.executable, "-m", "tests.fuzz.guided", name, *limits, *options, corpus]
        done = subprocess.run(command, capture_output=True, check=False)
    lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    if done.returncode:
        print(f"{name}: seed {number}", *(line for line in lines if line[:1] != "#"), sep="\n", flush=True)
        return False
    print(f"{name:16}", next((line for line in lines if "DONE" in line), ""), flush=True)
    return True


def run_targeted(name: str, seconds: float, number: int) -> bool:
    """Rounds of Hypothesis until the time is over; whether all went well."""
    parser, reached, end = PARSERS[name], set[Line](), time.monotonic() + seconds
    tried = 0

    def count(blocks: list[bytes]) -> None:
        nonlocal tried
        tried += 1
        if time.monotonic() < end:
            lines = lines_run(parser, blocks)
            reached.update(lines)
            target(float(len(lines)))

    quiet = settings(max_examples=EXAMPLES, deadline=None, database=None,
                     suppress_health_check=list(HealthCheck))  # fmt: skip
    while time.monotonic() < end:
        try:
            seed(number)(quiet(given(inputs(parser))(count)))()
        except Exception as fault:
            print(f"{name}: seed {number}: {fault!r}", *getattr(fault, "__notes__", ()), sep="\n", flush=True)
            return False
        number += 1
    print(f"{name:16} {tried} inputs, {len(reached)} lines", flush=True)
    return True


def lines_run(parser: Parser, blocks: list[bytes]) -> set[Line]:
    """The lines of our packages that an input runs."""
    seen: set[Line] = set()

    def trace(frame: FrameType, event: str, _: object) -> "TraceFunction | None":
        if not any(part in frame.f_code.co_filename for part in OURS):
            return None
        if event == "line":
            seen.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        parser.try_on(blocks)
    finally:
        sys.settrace(before)
    return seen


if __name__ == "__main__":
    raise SystemExit(main())
