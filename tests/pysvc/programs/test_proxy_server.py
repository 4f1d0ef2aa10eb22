"""proxy-server behind tcpserver: who may send a header, what the program finds, what is dropped"""

import socket
import struct

import pytest

from pysvc.formats.proxy import LOCAL, PROXY, SIGNATURE
from tests.support.tcp import QUICK, Server, ipv6, received, rules, serve
from tests.support.world import Place

SHOW = ("sh", "-c", "env | grep -a '^\\(PROTO\\|TCP\\|RELAY\\)' | sort; cat")
FROM = ("-f", "10/8,127.0.0.1/32", "-f", "::1/128")
LINE = b"PROXY TCP4 192.0.2.7 198.51.100.2 4711 25\r\n"
SIX = struct.pack(">16s16sHH", socket.inet_pton(socket.AF_INET6, "2001:db8::7"), bytes(15) + b"\2", 4711, 25)
FOUR = struct.pack(">4s4sHH", b"\xc0\0\2\7", b"\xc6\x33\x64\2", 4711, 25)
WARNING = "proxy-server: warning: dropping connection, "


def behind(place: Place, *options: str, host: str = "127.0.0.1", program: tuple[str, ...] = SHOW) -> Server:
    """A tcpserver whose connections go through proxy-server."""
    return serve(place, "tcpserver", "-x", rules(place, b':allow,TCPREMOTEINFO="stale"\n', "proxy.cdb"), "--",
                 "proxy-server", *options, *program, host=host, options=QUICK)  # fmt: skip


def variables(output: bytes) -> dict[str, str]:
    return dict(line.split("=", 1) for line in output.decode().splitlines() if "=" in line)


@pytest.mark.parametrize("header", [LINE, SIGNATURE + struct.pack(">BBH", PROXY, 0x11, 15) + FOUR + b"tlv"])
def test_the_program_finds_the_client(place: Place, header: bytes) -> None:
    running = behind(place, "-v", *FROM)
    output = running.talk(header + b"EHLO client\r\n")
    assert output.endswith(b"EHLO client\r\n")
    assert variables(output) == {
        "PROTO": "TCP", "TCPLOCALHOST": "here", "TCPLOCALIP": "198.51.100.2", "TCPLOCALPORT": "25",
        "TCPREMOTEIP": "192.0.2.7", "TCPREMOTEPORT": "4711",
    }  # fmt: skip
    lines = [line.split(" ", 3) for line in running.ended() if line.startswith("proxy-server: ")]
    assert [(line[1], line[3]) for line in lines] == [("ok", "here:198.51.100.2:25 :192.0.2.7::RPORT")]


def test_an_ipv6_client_of_an_ipv4_proxy(place: Place) -> None:
    running = behind(place, *FROM)
    found = variables(running.talk(SIGNATURE + struct.pack(">BBH", PROXY, 0x21, 36) + SIX))
    assert (found["PROTO"], found["TCPREMOTEIP"], found["TCP6REMOTEIP"]) == (
        "TCP6",
        "2001:db8::7",
        "2001:db8::7",
    )


def test_a_local_name_that_is_not_known(place: Place) -> None:
    done = place.run("proxy-server", "-f", "10/8", *SHOW, stdin=LINE, env={"TCPREMOTEIP": "10.1.2.3"})
    assert "TCPLOCALHOST" not in variables(done.stdout)


@ipv6
def test_an_ipv4_client_of_an_ipv6_proxy(place: Place) -> None:
    found = variables(behind(place, *FROM, host="::1").talk(LINE, host="::1"))
    assert (found["PROTO"], found["TCPREMOTEIP"]) == ("TCP", "192.0.2.7")
    assert not [name for name in found if name.startswith("TCP6")]


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", SIGNATURE + struct.pack(">BBH", LOCAL, 0, 0)])
def test_the_proxy_speaks_for_itself(place: Place, header: bytes) -> None:
    found = variables(behind(place, *FROM).talk(header))
    assert (found["TCPREMOTEIP"], found["TCPREMOTEINFO"]) == ("127.0.0.1", "stale")


def test_only_proxies_are_believed(place: Place) -> None:
    running = behind(place, "-f", "127.0.0.2/32")
    assert running.talk(LINE) == b""
    assert WARNING + "not a proxy: 127.0.0.1" in running.ended()
    assert "tcpserver: end PID status 25600" in running.lines()


@pytest.mark.parametrize(
    ("data", "why", "status"),
    [
        (b"EHLO x\r\n", "malformed PROXY header from 127.0.0.1", 256),
        (b"PROXY TCP4 1.2.3.4 $(x)\x1b 1 1\r\n", "malformed PROXY header from 127.0.0.1", 256),
        (b"PROXY TCP4 1.2", "no PROXY header from 127.0.0.1", 256),
        (b"", "no PROXY header from 127.0.0.1", 256),
    ],
)
def test_what_is_dropped(place: Place, data: bytes, why: str, status: int) -> None:
    running = behind(place, *FROM)
    assert running.talk(data) == b""
    assert WARNING + why in running.ended()
    assert f"tcpserver: end PID status {status}" in running.lines()


def test_a_slow_header_is_waited_for_and_a_late_one_not(place: Place) -> None:
    with behind(place, "-t", "60", *FROM).connect() as slow:
        for byte in LINE:
            slow.sendall(bytes([byte]))
        slow.shutdown(socket.SHUT_WR)
        assert variables(received(slow))["TCPREMOTEIP"] == "192.0.2.7"
    running = behind(place, "-t", "1", *FROM)
    with running.connect() as late:
        late.sendall(LINE[:-1])
        assert received(late) == b""
    assert WARNING + "no PROXY header in time from 127.0.0.1" in running.ended()
    assert "tcpserver: end PID status 28416" in running.lines()


def test_rules_for_the_client(place: Place) -> None:
    text = b'192.0.2/24:allow,RELAYCLIENT=""\n2001:db8::/32:deny\n127.:deny\n'
    running = behind(place, "-v", "-x", rules(place, text, "client.cdb"), *FROM)
    assert variables(running.talk(LINE))["RELAYCLIENT"] == ""
    assert running.talk(SIGNATURE + struct.pack(">BBH", PROXY, 0x21, 36) + SIX) == b""
    assert any(line.endswith(":2001:db8::7::RPORT") and " deny " in line for line in running.ended(2))
    running = behind(place, "-x", "missing.cdb", *FROM)
    assert running.talk(LINE) == b""
    assert WARNING + "unable to read missing.cdb: file does not exist" in running.ended()
    assert variables(behind(place, "-Xx", "missing.cdb", *FROM).talk(LINE))["TCPREMOTEIP"] == "192.0.2.7"


@pytest.mark.parametrize(
    "arguments",
    [[], ["true"], ["-f", "10/8"], ["-f", "10", "true"], ["-f", "10/8,", "true"], ["-Z", "true"],
     ["-f", "10/33", "true"]],
)  # fmt: skip
def test_usage(place: Place, arguments: list[str]) -> None:
    done = place.run("proxy-server", *arguments)
    assert done.returncode == 100
    assert b"proxy-server: usage: proxy-server [ -hHpPqQvX ]" in done.stderr


def test_a_sender_without_an_address_is_no_proxy(place: Place) -> None:
    done = place.run("proxy-server", "-f", "0/0", "true", stdin=LINE, env={"TCPREMOTEIP": "\x1b[1m"})
    assert (done.returncode, done.stderr) == (100, (WARNING + "not a proxy: ?[1m\n").encode())


def test_a_program_that_cannot_be_run(place: Place) -> None:
    done = place.run("proxy-server", "-f", "10/8", "./no", stdin=LINE, env={"TCPREMOTEIP": "10.1.2.3"})
    assert (done.returncode, done.stderr) == (
        111, b"proxy-server: fatal: unable to run ./no: file does not exist\n",
    )  # fmt: skip
