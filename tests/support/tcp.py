"""A tcpserver under test, ours or the C one, and clients of it"""

import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.world import Place, Running, eventually

CLASSIC = Path("/usr/bin/tcpserver")  # Debian's ucspi-tcp
SERVERS = ["tcpserver", *([str(CLASSIC)] if CLASSIC.exists() else [])]
CLIENTS = ["tcpclient", *(["/usr/bin/tcpclient"] if CLASSIC.exists() else [])]
VARIABLES = "env | grep -aE '^(PROTO|TCP)' | sort"
DROPPED = "tcpserver: warning: dropping connection, "
SILENT = ("-R", "-H", "-l", "here")  # no look-ups
QUICK = ("-v", *SILENT)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


both = pytest.mark.parametrize("server", SERVERS)
ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")


class Server:
    """A running tcpserver with its port; its descriptor 2 goes to a file in the place."""

    def __init__(self, place: Place, running: Running, port: int, log: Path) -> None:
        self.place, self.running, self.port, self.log = place, running, port, log
        self.pid = running.pid

    def connect(self, host: str = "127.0.0.1", source: str = "") -> socket.socket:
        own = (source, 0) if source else None
        return socket.create_connection((host, self.port), timeout=20, source_address=own)

    def talk(self, data: bytes = b"", host: str = "127.0.0.1", source: str = "") -> bytes:
        """Connect, send, end the sending; all that comes back."""
        with self.connect(host, source) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            return received(client)

    def lines(self) -> list[str]:
        """The log so far: pids as PID, the client's ports as RPORT."""
        text = self.log.read_bytes().decode("latin-1")
        return [self._mask(line) for line in text.splitlines()]

    def ended(self, count: int = 1) -> list[str]:
        """The log, once so many connections have ended and the server has said how many are left."""

        def complete() -> bool:
            lines = self.lines()
            ends = [index for index, line in enumerate(lines) if line.startswith("tcpserver: end ")]
            after = lines[ends[-1] :] if ends else []
            return len(ends) >= count and any(line.startswith("tcpserver: status: ") for line in after)

        eventually(complete, what=f"{count} connections ended")
        return self.lines()

    def _mask(self, line: str) -> str:
        words = line.split(" ")
        if words[1:2] in (["pid"], ["end"], ["ok"], ["deny"]):
            words[2] = "PID"
        if words[1:2] in (["ok"], ["deny"]):
            words[3] = words[3].replace(str(self.port), "LPORT")
            words[4] = words[4].rpartition(":")[0] + ":RPORT"
        return " ".join(words)


def received(client: socket.socket) -> bytes:
    """What comes until the other side ends; a reset is an end too."""
    data = b""
    try:
        while part := client.recv(65536):
            data += part
    except ConnectionResetError:
        pass
    return data


def serve(
    place: Place, server: str, *arguments: "str | bytes | Path", host: str = "127.0.0.1", port: str = "0",
    env: "Mapping[str, str] | None" = None, options: "tuple[str | bytes, ...]" = QUICK, **popen: object,
) -> Server:  # fmt: skip
    """Start a tcpserver with -1 and wait until it listens. arguments: further options, `--`, the program."""
    position = arguments.index("--")
    log = place.path / f"log.{len(os.listdir(place.path))}"
    log.touch()
    place.own()
    with log.open("ab") as err:
        running = place.start(
            server, "-1", *options, *arguments[:position], host, port, *arguments[position + 1 :],
            env=env, stdout=subprocess.PIPE, stderr=err, **popen,
        )  # fmt: skip
    assert running.process.stdout is not None
    line = running.process.stdout.readline()
    assert line.endswith(b"\n"), log.read_bytes()
    return Server(place, running, int(line), log)


def rules(place: Place, text: bytes, name: str = "rules.cdb") -> str:
    """Compile rules; the name of the database."""
    done = place.run("tcprules", name, "rules.tmp", stdin=text)
    assert done.stderr == b""
    return name
