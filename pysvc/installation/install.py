"""`pysvc install`: launchers of all programs, and the directory that svscan scans"""

import os
import re

from pysvc.installation import packages
from pysvc.installation.ledger import Ledger
from pysvc.programs import PROGRAMS

SCAN = "/service"
LEDGER = ".pysvc-installed"  # in the bin directory
_LAUNCHER = re.compile(
    rb"#![^\n]+ -IS(?:Xutf8)?\nimport sys; sys\.path \+= \[[^\n]*\]\n"
    rb'from pysvc\.launch import start; start\("\w+", "[^"\n]+", __file__\)\n'
)

HOW_TO_START = """start the supervision now and at each boot, in one of these ways:
    systemd:   examples/svscanboot.service in /etc/systemd/system, then systemctl enable --now svscanboot
    inittab:   SV:123456:respawn:{bin}/svscanboot
    by hand:   {bin}/svscanboot &"""


def is_launcher(content: bytes) -> bool:
    """Whether a file's content is a launcher of this project, of whichever installation."""
    return _LAUNCHER.fullmatch(content) is not None


def write_launchers(
    ledger: Ledger,
    folder: str,
    package: str,
    programs: dict[str, tuple[str, str]],
    root_only: tuple[str, ...] = (),
) -> None:
    """Make the launcher of each program in a directory; root_only: those of mode 0700. Raises OSError."""
    made = len(ledger.entries)
    report = ledger.report
    ledger.report = lambda line: None if line.startswith("made") else report(line)
    try:
        for name in programs:
            mode = 0o700 if name in root_only else 0o755
            ledger.file(f"{folder}/{name}", packages.launcher_text(package, name), mode, ours=is_launcher)
    finally:
        ledger.report = report
    if len(ledger.entries) > made:
        ledger.report(f"made the launchers of {len(programs)} {package} programs in {folder}/")


def install(ledger: Ledger, folder: str, as_root: bool) -> None:
    """Everything that `pysvc install` does. Raises OSError, Fatal."""
    packages.check_access(as_root)
    packages.compile_code()
    write_launchers(ledger, folder, "pysvc", PROGRAMS)
    if as_root:
        ledger.directory(SCAN)


def how_to_start(folder: str, scan: str = SCAN) -> str:
    """What an administrator does next; empty where svscan is at work already."""
    for name in os.listdir(scan):
        try:
            os.close(os.open(f"{scan}/{name}/supervise/ok", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            continue
        return ""
    return HOW_TO_START.format(bin=folder)
