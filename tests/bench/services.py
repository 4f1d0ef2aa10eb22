"""How svscan fares with many services: start-up, memory, idle CPU

    .venv/bin/python -m tests.bench.services [services] [seconds] [nolog]

Each service is `sleep`, its log is multilog, unless `nolog` leaves the logs away. Prints the time until all
are up, PSS and private memory of svscan and of a supervise, and the CPU used in some idle seconds.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.support.processes import children, command_line
from tests.support.services import pid_of
from tests.support.world import Place, World, temporary_directory

RUN = "#!/bin/sh\nexec sleep 100000\n"
LOG = "#!/bin/sh\nexec multilog t ./main\n"
TICK = os.sysconf("SC_CLK_TCK")


def tree(scan: Path, count: int, logged: bool) -> list[Path]:
    """Write the service directories; all that shall be up."""
    found = []
    for number in range(count):
        path = scan / f"service{number}"
        for folder, text in [(path, RUN), *([(path / "log", LOG)] if logged else [])]:
            folder.mkdir(parents=True)
            (folder / "run").write_text(text)
            (folder / "run").chmod(0o755)
            found.append(folder)
    return found


def memory(pid: int) -> dict[str, int]:
    """Fields of smaps_rollup, in KB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in text}


def cpu(pids: list[int]) -> float:
    """Seconds of CPU that the processes have used."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / TICK


def report(what: str, pids: list[int]) -> None:
    found = [memory(pid) for pid in pids]
    pss = statistics.mean(one["Pss"] for one in found)
    private = statistics.mean(one["Private_Dirty"] for one in found)
    print(f"{what:12} {len(pids):5}  PSS {pss:6.0f} KB  private dirty {private:6.0f} KB")


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    with temporary_directory("pysvc-world-") as base, temporary_directory("pysvc-bench-") as path:
        place = Place(World(base), path)
        wanted = tree(path / "service", count, "nolog" not in sys.argv)
        place.own()
        try:
            begin = time.monotonic()
            svscan = place.start("svscan", "service", stdin=subprocess.DEVNULL)
            while not all(map(pid_of, wanted)):
                time.sleep(0.05)
            print(f"{len(wanted)} up after {time.monotonic() - begin:.1f} s")
            time.sleep(3)
            supervises = children(svscan.pid)
            report("svscan", [svscan.pid])
            report("supervise", supervises)
            loggers = [pid for pid in map(pid_of, wanted) if b"multilog" in command_line(pid)]
            if loggers:
                report("multilog", loggers)
            before = cpu([svscan.pid, *supervises])
            time.sleep(seconds)
            used = cpu([svscan.pid, *supervises]) - before
            print(f"{used * 1000:.0f} ms of CPU in {seconds} idle seconds")
        finally:
            place.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
