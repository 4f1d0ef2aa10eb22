"""tcpserver under limits for addresses and networks"""

import socket

import pytest

from tests.support.processes import children, stat_fields
from tests.support.tcp import SILENT, Server, received, serve
from tests.support.world import Place

HOLDING = ("sh", "-c", "echo hello; cat")


def holding(running: Server, source: str = "127.0.0.1") -> socket.socket:
    """A client that the program has greeted."""
    client = running.connect(source=source)
    assert client.recv(6) == b"hello\n"
    return client


def refused(running: Server, source: str = "127.0.0.1") -> bytes:
    """What a client hears that is turned away."""
    with running.connect(source=source) as client:
        return received(client)


def denials(running: Server) -> list[str]:
    """The deny lines, without what Server._mask leaves of ports."""
    lines = running.log.read_text().splitlines()
    return [line.split(" ", 4)[4].split(":", 1)[1] for line in lines if line.startswith("tcpserver: deny ")]


def test_connections_of_one_address(place: Place) -> None:
    running = serve(place, "tcpserver", "-C", "2:421 too many", "--", *HOLDING)
    first, second = holding(running), holding(running)
    assert refused(running) == b"421 too many\r\n"
    other = holding(running, "127.0.0.2")
    line = next(line for line in running.lines() if " deny " in line)
    assert line.startswith("tcpserver: deny PID here:127.0.0.1:LPORT :127.0.0.1::")
    assert line.endswith(" MAXCONNIP: 2")
    assert f"tcpserver: deny {running.pid} " in running.log.read_text()
    assert "tcpserver: status: 3/40" in running.lines()
    assert "tcpserver: status: 4/40" not in running.lines()
    first.close()
    running.ended(1)
    holding(running).close()
    second.close()
    other.close()
    assert running.ended(4)[-1] == "tcpserver: status: 0/40"


def test_connections_of_one_network(place: Place) -> None:
    running = serve(place, "tcpserver", "-N", "2", "--", *HOLDING)
    clients = [holding(running, "127.0.0.1"), holding(running, "127.0.0.2")]
    assert refused(running, "127.0.0.3") == b""
    clients.append(holding(running, "127.0.1.1"))
    assert denials(running)[0].endswith(" MAXCONNC: 2")
    for client in clients:
        client.close()


def test_rates(place: Place) -> None:
    running = serve(place, "tcpserver", "-C", ",3/3600:wait", "-N", ",4/3600", "--", "echo", "hello")
    assert [refused(running) for _ in range(4)] == [b"hello\n"] * 3 + [b"wait\r\n"]
    assert [refused(running, "127.0.0.2") for _ in range(2)] == [b"hello\n", b""]
    assert [line.rpartition(" MAX")[2] for line in denials(running)] == ["RATEIP: 3/3600", "RATEC: 4/3600"]


@pytest.mark.parametrize("options", [("-v", *SILENT), SILENT])
def test_limits_that_rules_set(place: Place, options: tuple[str, ...]) -> None:
    """Those of the rule that matches; the environment's where it sets none."""
    rules = (b'127.0.0.1:allow,MAXCONNIP="1",DIEMSG="421 later"\n127.0.0.2:allow,MAXCONNIP=""\n'
             b'127.0.0.4:allow,MAXCONNC="0"\n:allow')  # fmt: skip
    assert place.run("tcprules", "r.cdb", "tmp", stdin=rules).returncode == 0
    running = serve(
        place, "tcpserver", "-x", "r.cdb", "--", *HOLDING, options=options, env={"MAXCONNIP": "2"}
    )
    clients = [holding(running)]
    assert refused(running) == b"421 later\r\n"
    clients += [holding(running, "127.0.0.2") for _ in range(3)]
    clients += [holding(running, "127.0.0.3") for _ in range(2)]
    assert refused(running, "127.0.0.3") == b""
    assert refused(running, "127.0.0.4") == b""
    reasons = [line.rpartition(" MAX")[2] for line in denials(running)]
    assert reasons == (["CONNIP: 1", "CONNIP: 2", "CONNC: 0"] if "-v" in options else [])
    for client in clients:
        client.close()


@pytest.mark.parametrize("word", ["", "x", "5,", "5,3", "-3"])
def test_limits_that_are_none(place: Place, word: str) -> None:
    done = place.run("tcpserver", "-C", word, "0", "0", "true")
    assert (done.returncode, done.stderr[:23]) == (100, b"tcpserver: usage: tcpse")


def test_a_thousand_refusals_cost_no_process(place: Place) -> None:
    running = serve(place, "tcpserver", "-C", "0", "-b", "100", "--", "echo", "ran", options=SILENT)
    for _ in range(1000):
        assert refused(running) == b""
    assert children(running.pid) == []
    assert stat_fields(running.pid)[13:15] == ["0", "0"]  # CPU of children that have ended
