"""A conversation with a tcpserver in a network of its own, whose DNS and IDENT servers say what a test wants

Needs root.
"""

import json
import subprocess
import sys
from pathlib import Path

from tests.support import nameserver
from tests.support.world import Place

CLIENT = "1.0.0.127.in-addr.arpa PTR"
SHOW = ("sh", "-c", "env | grep -aE '^TCP.*(HOST|INFO)' | sort")


def wire(*labels: bytes) -> str:
    return (b"".join(bytes([len(label)]) + label for label in labels) + b"\0").hex()


class Net:
    """The outcome of one conversation in a network of its own."""

    def __init__(
        self, place: Place, server: str, *arguments: str, dns: "list[dict[str, object]] | None" = None,
        program: tuple[str, ...] = SHOW, env: "dict[str, str] | None" = None, servers: str = "",
        host: str = "127.0.0.1", **more: object,
    ) -> None:  # fmt: skip
        zones = dns if dns is not None else [{}]
        default = ".".join(f"127.0.0.{10 + index}" for index in range(len(zones)))
        path = f"{place.world.bin}:/usr/bin:/bin"
        work = {
            "dns": zones,
            "command": [str(place.command([server])[0]), "-1v", *arguments, host, "0", *program],
            "env": {"PATH": path, "DNSCACHEIP": servers or default, **(env or {})},
            **more,
        }
        script = str(Path(nameserver.__file__))
        done = subprocess.run(
            ["unshare", "-n", sys.executable, script], input=json.dumps(work).encode(), capture_output=True,
            timeout=100, cwd=place.path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        found = json.loads(done.stdout)
        self.variables = dict(line.split("=", 1) for line in found["output"].splitlines() if "=" in line)
        self.log: list[str] = found["log"].splitlines()
        self.code: int = found["code"]
        self.queries: list[list[object]] = found["queries"]
        self.asked: list[str] = found["asked"]

    def ends(self) -> list[str]:
        """The two ends as the ok line names them, without ports."""
        line = next(line for line in self.log if line.startswith("tcpserver: ok "))
        return [word.rpartition(":")[0] for word in line.split()[3:]]
