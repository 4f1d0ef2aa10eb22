"""A network of one's own with stub DNS and IDENT servers, and one connection to a tcpserver in it

Run as `unshare -n python nameserver.py`: the look-ups go to port 53 and 113, which needs root and must
not disturb the machine. Standard input is a JSON object, standard output another:

    in:  "dns"      [server, ...]: each an object of "NAME TYPE" -> answer, served on 127.0.0.(10 + index)
         "ident"    what the IDENT server sends to each client (latin-1), absent: nobody listens
         "command"  the tcpserver's arguments, which must contain -1
         "env"      its environment
         "connect"  false: only start the command, whatever it is, and wait for it to end
         "input"    its standard input then (latin-1)
         "services" "ADDRESS PORT" -> what a server there sends to each client (latin-1)
         "hear"     wait until so many clients of the services have gone
         "silent"   ["ADDRESS PORT", ...]: where connecting is never answered
         "client"   [the server's address, the client's] for the connection; default: those of IPv4
         "waiting"  client addresses from which to connect before, and then to wait; the first end of another
                    connection ends everything
         "oks"      not before the server's log has so many ok lines; default: 0
         "signal"   a signal to be sent to the child as soon as the first query arrives
    out: "output"   what the connection brought, or what a command wrote to standard output (latin-1)
         "log"      descriptor 2 of the server
         "code"     its exit code, 0 after SIGTERM
         "queries"  [[server, "NAME TYPE", over tcp], ...]
         "asked"    what the IDENT server was asked
         "heard"    what the services were sent

An answer is a list of records, or "nxdomain", "servfail", "silent", "malformed" (a PTR record that points
to itself), "short" (a record is missing), "forged", "oversized", or {"tcp": answer}: truncated by UDP.
A record is [type, text]: an address for A and AAAA, a wire name in hex for PTR, a string for TXT.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

TYPES = {1: "A", 12: "PTR", 16: "TXT", 28: "AAAA"}
RCODES = {"servfail": 2, "nxdomain": 3}
queries: list[list[object]] = []
asked: list[str] = []
heard: list[str] = []
arrived = threading.Event()


def loopback_up() -> None:
    """What `ip link set lo up` does: SIOCSIFFLAGS with IFF_UP and IFF_RUNNING."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sh22x", b"lo", 0x41))


def data_of(kind: str, text: str) -> bytes:
    if kind == "PTR":
        return bytes.fromhex(text)
    if kind == "TXT":
        return bytes([len(text)]) + text.encode("latin-1")
    return socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6, text)


class DnsServer:
    def __init__(self, index: int, zone: dict) -> None:
        self.index, self.zone = index, zone
        self.address = (f"127.0.0.{10 + index}", 53)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(self.address)
        self.tcp = socket.create_server(self.address)
        for loop in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=loop, daemon=True).start()

    def serve_udp(self) -> None:
        while True:
            query, client = self.udp.recvfrom(4096)
            for reply in self.replies(query, False):
                self.udp.sendto(reply, client)

    def serve_tcp(self) -> None:
        while True:
            connection, _ = self.tcp.accept()
            size = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
            for reply in self.replies(connection.recv(size, socket.MSG_WAITALL), True):
                framed = len(reply).to_bytes(2, "big") + reply
                connection.sendall(framed[:3])
                connection.sendall(framed[3:])
            connection.close()

    def replies(self, query: bytes, over_tcp: bool) -> list[bytes]:
        end = 12
        labels = []
        while query[end]:
            labels.append(query[end + 1 : end + 1 + query[end]].decode("latin-1"))
            end += 1 + query[end]
        question = query[12 : end + 5]
        kind = TYPES[int.from_bytes(query[end + 1 : end + 3], "big")]
        name = f"{'.'.join(labels)} {kind}"
        queries.append([self.index, name, over_tcp])
        arrived.set()
        answer = self.zone.get(name, "nxdomain")
        if isinstance(answer, dict):
            answer = answer["tcp"] if over_tcp else "truncated"
        return self.packets(query[:2], question, answer)

    def packets(self, number: bytes, question: bytes, answer: object) -> list[bytes]:
        def packet(flags: int, records: bytes = b"", count: int = 0) -> bytes:
            return number + struct.pack(">5H", 0x8180 | flags, 1, count, 0, 0) + question + records

        if answer == "silent":
            return []
        if answer == "truncated":
            return [packet(0x0200)]
        if answer == "malformed":  # a name that points to itself
            at = 12 + len(question) + 12
            pointer = struct.pack(">H", 0xC000 | at)
            return [packet(0, b"\xc0\x0c\0\x0c\0\1\0\0\0\0\0\2" + pointer, 1)]
        if answer == "short":
            return [packet(0, b"", 1)]
        if answer == "forged":  # wrong id, wrong question, no packet at all; the truth comes last
            other = b"\1x" + question
            truth = packet(RCODES["nxdomain"])
            wrong = bytes([number[0] ^ 1, number[1]]) + truth[2:]
            return [wrong, b"", b"\0" * 11, truth[:12] + other, truth[:5] + b"\2" + truth[6:], truth]
        if answer == "oversized":
            return [packet(0) + bytes(600), packet(RCODES["nxdomain"])]
        if isinstance(answer, str):
            return [packet(RCODES[answer])]
        assert isinstance(answer, list)
        numbers = {name: value for value, name in TYPES.items()}
        records = b""
        for kind, text in answer:
            data = data_of(kind, text)
            records += b"\xc0\x0c" + struct.pack(">HHIH", numbers[kind], 1, 60, len(data)) + data
        return [packet(0, records, len(answer))]


def serve_ident(server: socket.socket, reply: bytes) -> None:
    while True:
        connection, _ = server.accept()
        asked.append(connection.recv(200).decode())
        connection.sendall(reply)
        connection.close()


class Service:
    """Says its text to each client at once, and hears it to its end."""

    def __init__(self, where: str, text: str) -> None:
        address, port = where.split()
        self.text = text.encode("latin-1")
        self.server = socket.create_server((address, int(port)))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            connection, _ = self.server.accept()
            data = b""
            with contextlib.suppress(ConnectionError):  # the client may go away
                connection.sendall(self.text)
                connection.shutdown(socket.SHUT_WR)
                while part := connection.recv(4096):
                    data += part
            connection.close()
            heard.append(data.decode("latin-1"))


def silence(where: str) -> list[socket.socket]:
    """Listen without accepting, and take the only place that there is to wait in."""
    address, port = where.split()
    server = socket.socket()
    server.bind((address, int(port)))
    server.listen(0)
    return [server, socket.create_connection((address, int(port)))]


def run(work: dict) -> dict:
    """Run the command to its end, and hear its clients to theirs."""
    done = subprocess.run(
        work["command"], env=work["env"], input=work.get("input", "").encode("latin-1"), capture_output=True
    )
    while len(heard) < work.get("hear", 0):
        time.sleep(0.01)
    output, log = done.stdout.decode("latin-1"), done.stderr.decode("latin-1")
    return {"output": output, "log": log, "code": done.returncode}


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return [int(word) for word in children.read().split()]


def conversation(work: dict) -> dict:
    with subprocess.Popen(
        work["command"], env=work["env"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as server:
        assert server.stdout is not None and server.stderr is not None
        output = b""
        port = int(server.stdout.readline())
        address, source = work.get("client", ["127.0.0.1", "127.0.0.1"])
        early = work.get("waiting", [])
        waiting = [socket.create_connection((address, port), source_address=(one, 0)) for one in early]
        with socket.create_connection((address, port), source_address=(source, 0)) as client:
            if "signal" in work:
                arrived.wait(20)
                os.kill(children_of(server.pid)[0], work["signal"])
            while part := client.recv(65536):
                output += part
        log = b""
        last = b"status: %d/40\n" % len(waiting)
        # The server goes on, and so do its other children, each with lines of its own.
        while last not in log.partition(b" end ")[2] or log.count(b": ok ") < work.get("oks", 0):
            part = os.read(server.stderr.fileno(), 65536)
            assert part, log
            log += part
        for pid in children_of(server.pid):
            os.kill(pid, signal.SIGKILL)
        for connection in waiting:
            connection.close()
        server.send_signal(signal.SIGTERM)
        log += server.stderr.read()
        code = server.wait()
    return {"output": output.decode("latin-1"), "log": log.decode("latin-1"), "code": code}


def main() -> None:
    work = json.load(sys.stdin)
    loopback_up()
    for index, zone in enumerate(work["dns"]):
        DnsServer(index, zone)
    if "ident" in work:
        reply = work["ident"].encode("latin-1")
        server = socket.create_server(("127.0.0.1", 113))
        threading.Thread(target=serve_ident, args=(server, reply), daemon=True).start()
    for where, text in work.get("services", {}).items():
        Service(where, text)
    silent = [silence(where) for where in work.get("silent", [])]
    result = conversation(work) if work.get("connect", True) else run(work)
    json.dump({**result, "queries": queries, "asked": asked, "heard": heard}, sys.stdout)
    del silent


if __name__ == "__main__":
    main()
