"""A small internet for one program, in network and mount namespaces of its own; only for root

Run as a script: python internet.py FOLDER PROGRAM ARGUMENTS… with a zone as JSON on standard input:
{"example. MX": ["10 mx.example."], "mx.example. A": ["192.0.2.10"], "broken. A": "SERVFAIL"}. Names with
no entry of any type do not exist. Every address in LISTENING answers SMTP with `554 no`; the rest of
192.0.2.0/24 refuses. The program's output becomes this script's.
"""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

LISTENING = ("192.0.2.10", "192.0.2.20")
SERVER = "127.0.0.1"


class Zone:
    """Answers queries out of a table."""

    def __init__(self, entries: Mapping[str, "list[str] | str"]) -> None:
        self.entries = entries
        self.names = {key.split()[0] for key in entries}

    def answer(self, wire: bytes, size: int) -> bytes:
        query = dns.message.from_wire(wire)
        (question,) = query.question
        response = dns.message.make_response(query)
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        found = self.entries.get(f"{name} {kind}", [])
        if isinstance(found, str):
            response.set_rcode(dns.rcode.from_text(found))
        elif name not in self.names:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif found:
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
        full = response.to_wire()
        if len(full) <= size:
            return full
        response.answer.clear()
        response.flags |= dns.flags.TC
        return response.to_wire()


def serve_datagrams(zone: Zone, listener: socket.socket) -> None:
    while True:
        data, peer = listener.recvfrom(4096)
        listener.sendto(zone.answer(data, 512), peer)


def serve_streams(zone: Zone, listener: socket.socket) -> None:
    while True:
        peer, _ = listener.accept()
        with peer, peer.makefile("rb") as stream:
            reply = zone.answer(stream.read(int.from_bytes(stream.read(2))), 65535)
            peer.sendall(len(reply).to_bytes(2) + reply)


def refuse_mail(listener: socket.socket) -> None:
    while True:
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"554 no\r\n")
            peer.recv(100)


def background(target: object, *arguments: object) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()  # type: ignore[arg-type]


def prepare(folder: Path) -> None:
    """A loopback interface that takes a whole network, and a resolv.conf."""
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {SERVER}\n")
    for command in (
        "ip link set lo up", "ip route add local 192.0.2.0/24 dev lo",
        f"mount --bind {resolver} /etc/resolv.conf",
    ):  # fmt: skip
        subprocess.run(command.split(), check=True)


def main() -> int:
    zone = Zone(json.load(sys.stdin))
    prepare(Path(sys.argv[1]))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((SERVER, 53))
    background(serve_datagrams, zone, datagrams)
    background(serve_streams, zone, socket.create_server((SERVER, 53)))
    for address in LISTENING:
        background(refuse_mail, socket.create_server((address, 25)))
    return subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main())
