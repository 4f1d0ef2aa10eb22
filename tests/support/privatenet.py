"""A program run in a network of its own, with the DNS, IDENT and other servers that a test wants there

Needs root. See nameserver.py for what the servers can do.
"""

import json
import subprocess
import sys
from pathlib import Path

from tests.support import nameserver
from tests.support.world import Place


class Outcome:
    """Of one run: exit code, output and descriptor 2 (latin-1), and what the servers were asked."""

    def __init__(self, found: "dict[str, object]") -> None:
        self.code = found["code"]
        self.output = str(found["output"])
        self.errors = str(found["log"])
        assert isinstance(found["queries"], list)
        self.queries = [str(name) for _, name, _ in found["queries"]]
        self.asked = found["asked"]
        self.heard = found["heard"]

    @property
    def lines(self) -> list[str]:
        return self.errors.splitlines()


def run(
    place: Place, *command: str, dns: "list[dict[str, object]] | None" = None, servers: str = "",
    env: "dict[str, str] | None" = None, **more: object,
) -> Outcome:  # fmt: skip
    """Run a command to its end. dns: a zone for each name server. more: see nameserver.py."""
    zones = dns if dns is not None else [{}]
    default = ".".join(f"127.0.0.{10 + index}" for index in range(len(zones)))
    path = f"{place.world.bin}:/usr/bin:/bin"
    environment = {"PATH": path, "DNSCACHEIP": servers or default, **(env or {})}
    words = [str(word) for word in place.command(list(command))]
    work = {"dns": zones, "command": words, "env": environment, "connect": False, **more}
    done = subprocess.run(
        ["unshare", "-n", sys.executable, str(Path(nameserver.__file__))],
        input=json.dumps(work).encode(), capture_output=True, timeout=100, cwd=place.path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return Outcome(json.loads(done.stdout))
