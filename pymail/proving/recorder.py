"""Record a run of the real programs: their file operations, and what the world outside saw

strace sees them all without any of them knowing. A recording can be kept in a file and read again, so
that whatever was found in it can be looked at as often as one likes.
"""

import shutil
import subprocess
from pathlib import Path

from pymail.proving import instance
from pymail.proving.strace import OPTIONS
from pymail.proving.trace import Reader, Untraceable
from pysvc.installation import packages
from pysvc.unix.strerr import PERMANENT, Fatal, unable_to

WORKLOAD = """
import sys; sys.path += {path!r}
from pymail.proving.workload import main; sys.exit(main(sys.argv[1:]))
"""


def record(folder: str, count: int, seed: int) -> str:
    """Run `count` letters through an instance in a new directory, folder/home; the path of what strace wrote.

    Fatal if that is not possible.
    """
    strace = shutil.which("strace")
    if strace is None:
        raise Fatal("unable to record: prove --crash needs strace (apt-get install strace)", PERMANENT)
    home, output = f"{folder}/home", f"{folder}/recording"
    with unable_to(f"make an instance in {home}"):
        instance.build(home)
    program = [packages.interpreter(), "-IS", "-c", WORKLOAD.format(path=packages.search_path())]
    command = [strace, *OPTIONS, "-o", output, *program, home, str(count), str(seed)]
    done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        why = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise Fatal(f"unable to record: {why}")
    with open(output, "r+", encoding="ascii") as recording:
        text = recording.read()
        recording.seek(0)
        recording.write(f"# {home} {count} {seed}\n{text}")
    return output


class Recording:
    """A run: its steps, the directories that are watched and their nodes, how many letters and their seed."""

    def __init__(self, path: str) -> None:
        """Fatal if the file is not a recording, or of a run that cannot be followed."""
        with unable_to(f"read {path}"):
            first, *lines = Path(path).read_text("ascii").splitlines()
        try:
            _, home, count, seed = first.split(" ")
            self.count, self.seed = int(count), int(seed)
            reader = Reader(home, instance.watched(), f"{home}/marks", "/")
            reader.read(lines)
        except (ValueError, Untraceable) as error:
            raise Fatal(f"unable to follow {path}: {error}") from None
        self.steps, self.directories = reader.steps, reader.directories
